//! The X.224 step: one Connection Request, one answer, kept whole.

use super::wire::{Fault, Wire};
use crate::observe::{Anomaly, Hex, Status, X224, X224Answer};
use crate::proto::service;
use crate::proto::x224::{
    self, Answer, ConnectionRequest, Frame, MAX_ANSWER, Negotiation, Protocols, decode_answer, failure_name,
};

/// One exchange; filled as bytes come, so that nothing is lost if time runs out.
pub(super) struct Exchange {
    requested: Protocols,
    pub(super) facts: X224,
    pub(super) anomalies: Vec<Anomaly>,
    raw: Vec<u8>,
}

/// How the server wants to go on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Agreed {
    /// With this protocol.
    On(Protocols),
    /// On another connection that offers this.
    AskAgainFor(Protocols),
}

impl Exchange {
    pub(super) fn offering(requested: Protocols) -> Self {
        let facts = X224 {
            requested_protocols: Some(requested.to_string()),
            answer: Some(X224Answer::NoAnswer),
            ..X224::default()
        };
        Self { requested, facts, anomalies: Vec::new(), raw: Vec::new() }
    }

    pub(super) async fn run(&mut self, wire: &mut Wire, cookie: &str) -> Result<Agreed, Fault> {
        let request = ConnectionRequest { cookie, requested_protocols: self.requested };
        wire.write(&request.encode()).await?;
        loop {
            match x224::frame(&self.raw) {
                Frame::Complete(_) => return self.understand(),
                Frame::NotTpkt => return Err(self.not_rdp(wire)),
                Frame::BadLength(length) => {
                    self.keep(&wire.read_what_is_there(MAX_ANSWER - self.raw.len()));
                    self.facts.answer = Some(X224Answer::NotRdp);
                    let error = format!("a TPKT packet of {length} bytes cannot be an answer to a Connection Request");
                    return Err(Fault::new(Status::ProtocolError, error).with(Anomaly::TpktLength));
                }
                // No byte beyond the packet is taken: what follows it belongs to the next step.
                Frame::Incomplete(missing) => {
                    let bytes = wire.read(missing, <[u8]>::to_vec).await?;
                    if bytes.is_empty() {
                        return Err(self.closed());
                    }
                    self.keep(&bytes);
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.facts.raw = Some(Hex(self.raw.clone()));
    }

    fn closed(&self) -> Fault {
        if self.raw.is_empty() {
            Fault::new(Status::ConnectionClosed, "the host closed the connection instead of answering")
        } else {
            let error = "the host closed the connection in the middle of its answer";
            Fault::new(Status::ConnectionClosed, error).with(Anomaly::TruncatedAnswer)
        }
    }

    fn not_rdp(&mut self, wire: &mut Wire) -> Fault {
        self.keep(&wire.read_what_is_there(MAX_ANSWER - self.raw.len()));
        self.facts.answer = Some(X224Answer::NotRdp);
        let error = match service::name(&self.raw) {
            Some(service) => format!("the answer looks like {service}, not like RDP"),
            None => "the answer is not RDP".to_owned(),
        };
        Fault::new(Status::ProtocolError, error).with(Anomaly::NotTpkt)
    }

    fn understand(&mut self) -> Result<Agreed, Fault> {
        let (answer, anomalies) = decode_answer(&self.raw);
        self.anomalies.extend(anomalies);
        match answer {
            Answer::DisconnectRequest => {
                self.facts.answer = Some(X224Answer::DisconnectRequest);
                Err(Fault::new(Status::ApplicationError, "the server answered with an X.224 disconnect"))
            }
            Answer::McsDisconnect => {
                self.facts.answer = Some(X224Answer::McsDisconnect);
                Err(Fault::new(Status::ApplicationError, "the server answered with an MCS disconnect"))
            }
            Answer::Unexpected => {
                self.facts.answer = Some(X224Answer::NotRdp);
                Err(Fault::new(Status::ProtocolError, "the answer is TPKT but no Connection Confirm"))
            }
            Answer::Confirm { src_ref, negotiation } => {
                self.facts.src_ref = Some(src_ref);
                self.agree(negotiation)
            }
        }
    }

    fn agree(&mut self, negotiation: Negotiation) -> Result<Agreed, Fault> {
        match negotiation {
            Negotiation::Absent => {
                self.facts.answer = Some(X224Answer::ConfirmOnly);
                Ok(Agreed::On(Protocols::RDP))
            }
            Negotiation::Malformed => {
                self.facts.answer = Some(X224Answer::NegotiationMalformed);
                Err(Fault::new(Status::ProtocolError, "the negotiation structure cannot be read"))
            }
            Negotiation::Response { flags, selected } => {
                self.facts.answer = Some(X224Answer::NegotiationResponse);
                self.facts.flags = Some(flags);
                self.facts.selected_protocol = Some(selected.to_string());
                if !self.requested.contains(selected) {
                    self.anomalies.push(Anomaly::ProtocolNotOffered);
                }
                if selected.is_known() {
                    Ok(Agreed::On(selected))
                } else {
                    let error = format!("the server selected {selected}, which is no single known protocol");
                    Err(Fault::new(Status::ProtocolError, error).with(Anomaly::ProtocolUnknown))
                }
            }
            Negotiation::Failure { flags, code } => {
                self.facts.answer = Some(X224Answer::NegotiationFailure);
                self.facts.flags = Some(flags);
                self.facts.failure_code = Some(code);
                let wanted = x224::wanted_after(code).filter(|wanted| *wanted != self.requested);
                wanted.map(Agreed::AskAgainFor).ok_or_else(|| {
                    let name = failure_name(code).unwrap_or("a code without a name");
                    Fault::new(Status::ApplicationError, format!("the server refused with {code}, {name}"))
                })
            }
        }
    }
}
