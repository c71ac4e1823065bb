//! The CredSSP step: one NEGOTIATE, one CHALLENGE, and no more.

use jiff::{SignedDuration, Timestamp};

use super::channel::Channel;
use super::wire::Fault;
use crate::observe::{Anomaly, Credssp, Hex, Ntlm, Observation, Status};
use crate::proto::credssp::{self, MAX_LENGTH, TsRequest};
use crate::proto::{der, ntlm};

/// The bytes of the answer and the times around it; filled as they come.
#[derive(Default)]
pub(super) struct Exchange {
    raw: Vec<u8>,
    sent: Option<Timestamp>,
    received: Option<Timestamp>,
}

impl Exchange {
    pub(super) async fn run(&mut self, channel: &mut Channel<'_>) -> Result<(), Fault> {
        self.sent = Some(Timestamp::now());
        channel.send(&credssp::encode(&ntlm::negotiate())).await?;
        loop {
            match der::total_length(&self.raw) {
                None => return Err(not_ts_request()),
                Some(_) if self.raw.first().is_some_and(|tag| *tag != der::SEQUENCE) => return Err(not_ts_request()),
                Some(Some(length)) if length > MAX_LENGTH => {
                    let error = format!("a TSRequest of {length} bytes is beyond what is read");
                    return Err(Fault::new(Status::ProtocolError, error).with(Anomaly::TsRequestMalformed));
                }
                Some(Some(length)) if self.raw.len() >= length => return Ok(()),
                Some(_) => {
                    let is_open = channel.receive(&mut self.raw, MAX_LENGTH).await?;
                    self.received = Some(Timestamp::now());
                    if !is_open {
                        return Err(self.closed());
                    }
                }
            }
        }
    }

    fn closed(&self) -> Fault {
        if self.raw.is_empty() {
            Fault::new(Status::ConnectionClosed, "the host closed the connection instead of sending a challenge")
        } else {
            let error = "the host closed the connection in the middle of its TSRequest";
            Fault::new(Status::ConnectionClosed, error).with(Anomaly::TruncatedAnswer)
        }
    }

    /// Reads the facts out of whatever has come, complete or not.
    pub(super) fn read_into(&self, seen: &mut Observation) -> Result<(), Fault> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let (request, mut anomalies) = credssp::decode(&self.raw).unwrap_or_default();
        let TsRequest { version, tokens, error_code } = request;
        // An envelope that broke off has no token, but the challenge in it can still be found by its signature.
        let decoded = tokens.iter().copied().chain([self.raw.as_slice()]).find_map(|token| {
            let (message, wrapped) = ntlm::find_challenge(token)?;
            let (challenge, found) = ntlm::decode_challenge(message)?;
            Some((message, wrapped && !tokens.is_empty(), challenge, found))
        });
        let has_challenge = decoded.is_some();
        if let Some((message, wrapped, challenge, found)) = decoded {
            anomalies.extend(found);
            if wrapped {
                anomalies.push(Anomaly::NtlmWrapped);
            }
            let mut ntlm = Ntlm::from_challenge(challenge, message, &mut anomalies);
            ntlm.clock_skew_ms = ntlm.system_time.zip(self.midpoint()).map(|(host, ours)| milliseconds(host, ours));
            seen.ntlm = Some(ntlm);
        }
        let raw = (!has_challenge).then(|| Hex(self.raw.clone()));
        seen.credssp = Some(Credssp { version, error_code, raw });
        seen.note(anomalies);
        match error_code {
            _ if has_challenge => Ok(()),
            Some(code) => {
                Err(Fault::new(Status::ApplicationError, format!("CredSSP refused with NTSTATUS {code:#010x}")))
            }
            None => {
                let error = "the CredSSP answer holds no NTLM challenge";
                Err(Fault::new(Status::ProtocolError, error).with(Anomaly::NotNtlmChallenge))
            }
        }
    }

    /// The middle of the exchange by our clock: the best guess of when the host read its own. `None` where the exchange was
    /// too long to compare clocks by.
    fn midpoint(&self) -> Option<Timestamp> {
        let (sent, received) = (self.sent?, self.received?);
        if received.duration_since(sent) > LONGEST_EXCHANGE {
            return None;
        }
        sent.checked_add(received.duration_since(sent) / 2).ok()
    }
}

fn not_ts_request() -> Fault {
    Fault::new(Status::ProtocolError, "the CredSSP answer is not a TSRequest").with(Anomaly::NotTsRequest)
}

/// The host read its clock somewhere between question and answer, so a skew is wrong by half an exchange at most. By one
/// second then, and two looks at one clock differ by two seconds at most, beyond which `families` sees two clocks.
const LONGEST_EXCHANGE: SignedDuration = SignedDuration::from_secs(2);

fn milliseconds(host: Timestamp, ours: Timestamp) -> i64 {
    i64::try_from(host.duration_since(ours).as_millis()).unwrap_or(i64::MAX)
}
