//! The MCS step of hosts without NLA: one Connect Initial, one answer, and no more.

use super::channel::Channel;
use super::clear_flight::malformed;
use super::wire::Fault;
use crate::observe::{Anomaly, Mcs, Observation, Status};
use crate::proto::mcs::{self, Answer, ConnectInitial, MAX_ANSWER};
use crate::proto::x224::Frame;

/// The bytes of the answer; filled as they come.
#[derive(Default)]
pub(super) struct Exchange {
    raw: Vec<u8>,
}

impl Exchange {
    pub(super) async fn run(&mut self, channel: &mut Channel<'_>, request: ConnectInitial<'_>) -> Result<(), Fault> {
        channel.send(&request.encode()).await?;
        loop {
            match mcs::frame(&self.raw) {
                Frame::Complete(_) => return Ok(()),
                Frame::NotTpkt => {
                    let error = "the answer to the MCS Connect Initial is not TPKT";
                    return Err(Fault::new(Status::ProtocolError, error).with(Anomaly::NotTpkt));
                }
                Frame::BadLength(length) => {
                    let error = format!("a TPKT packet of {length} bytes cannot be an answer to a Connect Initial");
                    return Err(Fault::new(Status::ProtocolError, error).with(Anomaly::TpktLength));
                }
                Frame::Incomplete(_) => {
                    if !channel.receive(&mut self.raw, MAX_ANSWER).await? {
                        return Err(self.closed());
                    }
                }
            }
        }
    }

    fn closed(&self) -> Fault {
        if self.raw.is_empty() {
            Fault::new(Status::ConnectionClosed, "the host closed the connection instead of an MCS Connect Response")
        } else {
            let error = "the host closed the connection in the middle of its MCS answer";
            Fault::new(Status::ConnectionClosed, error).with(Anomaly::TruncatedAnswer)
        }
    }

    /// Reads the facts out of whatever has come, complete or not.
    pub(super) fn read_into(&self, seen: &mut Observation) -> Result<(), Fault> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let packet = match mcs::frame(&self.raw) {
            Frame::Complete(length) => self.raw.get(..length).unwrap_or(&self.raw),
            _ => &self.raw,
        };
        let (answer, anomalies) = mcs::decode_answer(packet);
        let mcs = Mcs::from_answer(&answer, packet);
        seen.note(malformed(&mcs.certificates));
        seen.note(anomalies);
        seen.mcs = Some(mcs);
        match answer {
            Answer::ConnectResponse(response) => match response.result {
                Some(0) => Ok(()),
                Some(result) => {
                    let error = format!("the server refused the MCS connection with result {result}");
                    Err(Fault::new(Status::ApplicationError, error))
                }
                None => Err(Fault::new(Status::ProtocolError, "the MCS Connect Response breaks off")),
            },
            Answer::Disconnect { reason } => {
                let reason = reason.map_or_else(String::new, |reason| format!(", reason {reason}"));
                let error = format!("the server answered the MCS Connect Initial with a disconnect{reason}");
                Err(Fault::new(Status::ApplicationError, error))
            }
            Answer::Unexpected => {
                Err(Fault::new(Status::ProtocolError, "the answer to the MCS Connect Initial is no Connect Response"))
            }
        }
    }
}
