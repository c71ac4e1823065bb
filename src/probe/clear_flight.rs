//! The flight in clear: what a host says to a hello before anything is encrypted, read without completing a handshake.

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

use super::possession;
use super::wire::{CHUNK, Fault, Wire};
use crate::observe::{Anomaly, Certificate, KeyPossession, Observation, Status, Tls};
use crate::proto::tls_flight::{Ending, Flight, FlightReader, State};
use crate::proto::{tls_hello, tls_names};

/// One wide ClientHello and the flight that answers it; filled as bytes come.
pub(super) struct Exchange {
    client_random: [u8; 32],
    reader: FlightReader,
    received: Option<Timestamp>,
}

impl Exchange {
    pub(super) fn new() -> Result<Self, Fault> {
        let mut client_random = [0; 32];
        SystemRandom::new()
            .fill(&mut client_random)
            .map_err(|_unspecified| Fault::new(Status::UnknownError, "this machine gives no random numbers"))?;
        Ok(Self { client_random, reader: FlightReader::new(), received: None })
    }

    pub(super) async fn run(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        wire.write(&tls_hello::client_hello(&self.client_random)).await?;
        loop {
            let reader = &mut self.reader;
            let (count, state) = wire.read(CHUNK, |bytes| (bytes.len(), reader.feed(bytes))).await?;
            self.received.get_or_insert_with(Timestamp::now);
            match state {
                State::Done => return Ok(()),
                State::Ended(ending) => return Err(fault(ending)),
                State::NeedMore if count == 0 => return Err(Fault::closed()),
                State::NeedMore => {}
            }
        }
    }

    /// Puts what the flight shows in the place of what the handshake before it has shown.
    pub(super) fn read_into(self, seen: &mut Observation) {
        let flight = self.reader.finish();
        let now = self.received.unwrap_or(seen.seen_at);
        replace(&mut seen.tls, facts(&flight, tls_hello::ID, &self.client_random, now));
        seen.note(malformed(seen.tls.as_ref().map_or(&[], |tls| &tls.certificates)));
        seen.note(flight.anomalies);
    }
}

/// What a flight shows, and whether its signature fits its chain.
pub(super) fn facts(flight: &Flight, client_hello_id: &str, client_random: &[u8; 32], now: Timestamp) -> Tls {
    let key_possession = key_possession(flight, client_random);
    Tls { key_possession, ..Tls::from_flight(flight, client_hello_id, now) }
}

/// Facts of two answers do not mix: one that shows anything replaces the one before it, but for the alert that ended that.
pub(super) fn replace(former: &mut Option<Tls>, mut later: Tls) {
    let former = former.get_or_insert_default();
    later.alert = former.alert.take().or(later.alert);
    if later.shows_choice_or_chain() {
        *former = later;
    } else {
        former.alert = later.alert;
    }
}

/// The anomaly of certificates that cannot be read in full.
pub(super) fn malformed(certificates: &[Certificate]) -> Option<Anomaly> {
    let is_malformed = certificates.iter().any(|certificate| certificate.parse_error.is_some());
    is_malformed.then_some(Anomaly::CertificateMalformed)
}

/// Whether the signature over the key exchange fits the chain's first certificate. Before TLS 1.2 it is made over two
/// hashes at once, or over one that is not named, which ring does not verify.
fn key_possession(flight: &Flight, client_random: &[u8; 32]) -> KeyPossession {
    let signed =
        flight.server_key_exchange.as_ref().and_then(|exchange| Some((exchange, exchange.signature.as_ref()?)));
    let (Some(leaf), Some(hello), Some((exchange, signature))) =
        (flight.certificates.first(), &flight.server_hello, signed)
    else {
        return KeyPossession::NotTested;
    };
    exchange.signature_algorithm.map_or(KeyPossession::Unsupported, |scheme| {
        let message = exchange.signed_message(client_random, &hello.random);
        possession::check(leaf, scheme, &message, signature)
    })
}

fn fault(ending: Ending) -> Fault {
    let refused = |error: &str| Fault::new(Status::HandshakeError, error);
    match ending {
        Ending::Alert(alert) => {
            let name = tls_names::alert(alert.description);
            refused(&format!("the host sent the alert {name}"))
        }
        Ending::Encrypted => refused("the host goes on with something that was not offered"),
        Ending::Sslv2 => refused("the host answers in SSL 2.0"),
        Ending::Malformed => refused("the flight breaks off in something that is no TLS"),
        Ending::TooLong => refused("the flight is longer than is read"),
        Ending::NotTls => Fault::new(Status::ProtocolError, "what followed the negotiation is not TLS"),
    }
}
