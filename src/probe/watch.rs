//! Reads along with the TLS library while a handshake is in clear, and holds its bytes back where the chain is all that is
//! wanted.

use jiff::Timestamp;

use super::Depth;
use crate::observe::{Anomaly, Certificate};
use crate::proto::server_hello::ServerHello;
use crate::proto::tls_flight::{Flight, FlightReader, State};

/// What is held back from rustls at most: it reads no longer message (64 KiB) anyway.
const LONGEST_HELD: usize = 64 * 1024;

/// Reads along while the handshake is in clear.
pub(super) struct Watch {
    pub(super) reader: FlightReader,
    pub(super) client_random: [u8; 32],
    /// When the first bytes came.
    pub(super) answered: Option<Timestamp>,
    /// What rustls has not been given yet, because the chain in clear may be all that is wanted.
    held: Option<Vec<u8>>,
    /// Whether the chain has come in clear and names the host, where that is enough.
    pub(super) is_enough: bool,
    offers: fn(u16) -> bool,
}

impl Watch {
    /// `offers` tells which cipher suites the hello offers.
    pub(super) fn new(depth: Depth, offers: fn(u16) -> bool) -> Self {
        let held = (depth == Depth::Certificate).then(Vec::new);
        Self { reader: FlightReader::new(), client_random: [0; 32], answered: None, held, is_enough: false, offers }
    }

    /// Keeps the random of the ClientHello, which begins after the headers of record and message and the version. A second
    /// hello, after a HelloRetryRequest, has the same (RFC 8446, 4.1.2).
    pub(super) fn remember_random(&mut self, flight: &[u8]) {
        const RANDOM: std::ops::Range<usize> = 11..43;
        if self.answered.is_none()
            && let Some(random) = flight.get(RANDOM).and_then(|random| random.try_into().ok())
        {
            self.client_random = random;
        }
    }

    /// Reads `bytes` and gives those on that rustls is to see.
    pub(super) fn pass_on<E>(&mut self, bytes: &[u8], give: impl FnOnce(&[u8]) -> Result<bool, E>) -> Result<bool, E> {
        self.answered.get_or_insert_with(Timestamp::now);
        let state = self.reader.feed(bytes);
        let Some(mut held) = self.held.take() else { return give(bytes) };
        held.extend_from_slice(bytes);
        match state {
            State::NeedMore if !bytes.is_empty() && held.len() <= LONGEST_HELD => {
                self.held = Some(held);
                Ok(true)
            }
            State::Done if self.is_sound() && self.names_a_machine() => {
                self.is_enough = true;
                Ok(true)
            }
            // TLS 1.3 shows its chain to those who finish the handshake; whatever else came is for rustls to judge.
            State::NeedMore | State::Done | State::Ended(_) => {
                let is_open = held.is_empty() || give(&held)?;
                Ok(is_open && !bytes.is_empty())
            }
        }
    }

    /// Whether the host chose what was offered, so that the handshake could go on from here.
    fn is_sound(&self) -> bool {
        let Flight { server_hello, anomalies, .. } = self.reader.flight();
        let is_tls12 = |hello: &ServerHello| hello.version == 0x0303;
        let is_choice = server_hello.as_ref().is_some_and(|hello| is_tls12(hello) && (self.offers)(hello.cipher_suite));
        is_choice && anomalies.iter().all(|anomaly| matches!(anomaly, Anomaly::TlsNotOffered | Anomaly::ChainTooLong))
    }

    fn names_a_machine(&self) -> bool {
        let leaf = self.reader.flight().certificates.first();
        leaf.is_some_and(|der| Certificate::from_der(der).names_a_machine())
    }
}
