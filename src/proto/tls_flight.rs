//! The server's first flight of TLS 1.2 and older, which is sent in clear: ServerHello, Certificate, ServerKeyExchange and so
//! on up to ServerHelloDone (RFC 5246, 7.3).
//!
//! [`FlightReader`] takes bytes as they come, in pieces of any size, and keeps what it understood whatever follows.

use super::Anomaly;
use super::reader::Reader;
use super::server_hello::ServerHello;
use super::server_key_exchange::{Parameters, ServerKeyExchange};
use super::tls_hello::{EXTENSIONS, HIGHEST_VERSION, SIGNATURE_ALGORITHMS};
use super::tls_names::{self, GROUPS};
use super::tls_record::{Message, Messages, Next, Records, TooLarge, content};
use super::x509::MAX_CHAIN;

/// The longest flight that is read, in bytes, and the longest message in it. Real ones take up to 16 KiB; of this, thousands
/// can be under way at once.
pub const MAX_LENGTH: usize = 128 * 1024;
/// Alerts that are kept; a host that sends more has said what it had to say.
const MAX_ALERTS: usize = 16;

/// `HandshakeType`.
mod kind {
    pub(super) const HELLO_REQUEST: u8 = 0;
    pub(super) const SERVER_HELLO: u8 = 2;
    pub(super) const CERTIFICATE: u8 = 11;
    pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(super) const CERTIFICATE_REQUEST: u8 = 13;
    pub(super) const SERVER_HELLO_DONE: u8 = 14;
    pub(super) const CERTIFICATE_STATUS: u8 = 22;
}

/// What a flight has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Version of the first record; servers that refuse a hello show theirs here alone.
    pub record_version: Option<u16>,
    /// The ServerHello.
    pub server_hello: Option<ServerHello>,
    /// The chain as it was sent, the host's own certificate first; at most [`MAX_CHAIN`], each possibly no certificate.
    pub certificates: Vec<Vec<u8>>,
    /// The ServerKeyExchange; a server that exchanges keys by RSA sends none.
    pub server_key_exchange: Option<ServerKeyExchange>,
    /// Whether the server asked for a certificate of ours.
    pub certificate_requested: bool,
    /// The alerts met, in their order, at most 16.
    pub alerts: Vec<Alert>,
    /// What was odd, each once.
    pub anomalies: Vec<Anomaly>,
}

/// An alert (RFC 5246, 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// `level`: 1 is a warning, 2 is fatal.
    pub level: u8,
    /// `description`; its name is [`tls_names::alert`].
    pub description: u8,
}

impl Alert {
    const WARNING: u8 = 1;
    const CLOSE_NOTIFY: u8 = 0;

    /// Whether nothing follows: every alert but a warning, and the goodbye, which has that level too.
    #[must_use]
    pub fn is_last(self) -> bool {
        self.level != Self::WARNING || self.description == Self::CLOSE_NOTIFY
    }
}

/// How far the reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The flight goes on.
    NeedMore,
    /// ServerHelloDone was read: the server now waits for us.
    Done,
    /// The flight ended early, and nothing that follows can be read.
    Ended(Ending),
}

/// Why a flight ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server said so.
    Alert(Alert),
    /// What follows is encrypted: TLS 1.3, or a session resumed.
    Encrypted,
    /// The answer is SSL 2.0.
    Sslv2,
    /// The answer's first bytes are no TLS.
    NotTls,
    /// Bytes that are no record stand between records.
    Malformed,
    /// A message or the whole flight is longer than [`MAX_LENGTH`].
    TooLong,
}

/// Reads one flight, the answer to [`client_hello`](super::tls_hello::client_hello).
#[derive(Debug)]
pub struct FlightReader {
    records: Records,
    messages: Messages,
    /// The level of an alert whose description is still to come.
    alert_level: Option<u8>,
    /// Bytes taken so far.
    received: usize,
    /// The messages that have come, a bit for each place in the order of a flight.
    seen: u8,
    state: State,
    flight: Flight,
}

impl Default for FlightReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FlightReader {
    /// A reader at the start of the flight.
    #[must_use]
    pub fn new() -> Self {
        Self {
            records: Records::default(),
            messages: Messages::default(),
            alert_level: None,
            received: 0,
            seen: 0,
            state: State::NeedMore,
            flight: Flight::default(),
        }
    }

    /// Takes what came. Bytes behind the end of the flight are ignored.
    pub fn feed(&mut self, bytes: &[u8]) -> State {
        let mut reader = Reader::new(bytes);
        let mut rest = reader.at_most(MAX_LENGTH.saturating_sub(self.received));
        self.received += rest.len();
        while self.state == State::NeedMore {
            match self.records.next(&mut rest) {
                Next::NeedMore => break,
                Next::Record { content_type, version, has_odd_length } => {
                    self.begin_record(content_type, version, has_odd_length);
                }
                Next::Piece { content_type: content::ALERT, bytes } => self.take_alerts(bytes),
                Next::Piece { bytes, .. } => self.take_messages(bytes),
                Next::Sslv2 => self.end(Ending::Sslv2, Some(Anomaly::Sslv2Answer)),
                Next::NoRecord if self.flight.record_version.is_none() => {
                    self.end(Ending::NotTls, Some(Anomaly::NotTls));
                }
                Next::NoRecord => self.end(Ending::Malformed, Some(Anomaly::TlsMalformed)),
            }
        }
        if self.state == State::NeedMore && !reader.is_empty() {
            self.end(Ending::TooLong, Some(Anomaly::TooManyBytes));
        }
        self.state
    }

    /// How far the reading has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// What was understood so far.
    #[must_use]
    pub fn flight(&self) -> &Flight {
        &self.flight
    }

    /// What was seen, once no more will come. Certificates that are whole within a message that is not are kept; a
    /// ServerHello that is cut is not, since half of its extensions would make a false JA3S.
    #[must_use]
    pub fn finish(mut self) -> Flight {
        let is_cut = !self.records.is_between_records() || !self.messages.is_between_messages();
        if self.state == State::NeedMore && is_cut {
            self.note(Anomaly::TruncatedAnswer);
        }
        let unfinished = self.messages.unfinished().filter(|message| message.kind == kind::CERTIFICATE);
        if let Some(message) = unfinished.filter(|message| self.is_first(message.kind)) {
            let _cut_anyway = self.take_certificates(message.body());
        }
        self.flight
    }

    fn begin_record(&mut self, content_type: u8, version: u16, has_odd_length: bool) {
        self.flight.record_version.get_or_insert(version);
        if has_odd_length {
            self.note(Anomaly::TlsRecordLength);
        }
        if !matches!(content_type, content::ALERT | content::HANDSHAKE) {
            // Cipher change or data without an end of the flight: no handshake that we began goes this way.
            self.end(Ending::Encrypted, Some(Anomaly::TlsUnexpectedMessage));
        }
    }

    fn take_alerts(&mut self, octets: &[u8]) {
        for octet in octets {
            let Some(level) = self.alert_level.take() else {
                self.alert_level = Some(*octet);
                continue;
            };
            let alert = Alert { level, description: *octet };
            if self.flight.alerts.len() < MAX_ALERTS {
                self.flight.alerts.push(alert);
            }
            if alert.is_last() {
                // A level that does not exist ends the flight too: whoever sends it is not to be trusted further.
                self.end(Ending::Alert(alert), (!matches!(level, 1 | 2)).then_some(Anomaly::TlsMalformed));
                return;
            }
        }
    }

    fn take_messages(&mut self, mut bytes: &[u8]) {
        while self.state == State::NeedMore {
            match self.messages.next(&mut bytes, MAX_LENGTH) {
                Ok(Some(message)) => self.take_message(&message),
                Ok(None) => break,
                Err(TooLarge) => self.end(Ending::TooLong, Some(Anomaly::TlsMessageTooLarge)),
            }
        }
    }

    fn take_message(&mut self, message: &Message) {
        // A HelloRequest may come at any time and means nothing while a handshake runs (RFC 5246, 7.4.1.1).
        if message.kind == kind::HELLO_REQUEST {
            return;
        }
        if !self.is_first(message.kind) {
            self.note(Anomaly::TlsUnexpectedMessage);
            return;
        }
        match message.kind {
            kind::SERVER_HELLO => self.take_server_hello(message),
            kind::CERTIFICATE => {
                if self.take_certificates(message.body()).is_none() {
                    self.note(Anomaly::TlsMalformed);
                }
            }
            kind::SERVER_KEY_EXCHANGE => self.take_server_key_exchange(message.body()),
            kind::CERTIFICATE_REQUEST => self.flight.certificate_requested = true,
            kind::SERVER_HELLO_DONE => {
                if !message.body().is_empty() {
                    self.note(Anomaly::TlsMalformed);
                }
                self.state = State::Done;
            }
            // CertificateStatus, which we did not ask for.
            _ => self.note(Anomaly::TlsNotOffered),
        }
    }

    /// Whether this is the first message of its kind, and one of a flight. One that comes out of order is named and
    /// read all the same.
    fn is_first(&mut self, message: u8) -> bool {
        const ORDER: [u8; 6] = [
            kind::SERVER_HELLO,
            kind::CERTIFICATE,
            kind::CERTIFICATE_STATUS,
            kind::SERVER_KEY_EXCHANGE,
            kind::CERTIFICATE_REQUEST,
            kind::SERVER_HELLO_DONE,
        ];
        let Some(place) = ORDER.iter().position(|kind| *kind == message) else { return false };
        let bit = 1_u8 << place;
        let is_first = self.seen & bit == 0;
        // All but the ServerHello may be missing before another, and nothing may stand before what belongs there.
        if self.seen > bit || place > 0 && self.seen == 0 {
            self.note(Anomaly::TlsUnexpectedMessage);
        }
        self.seen |= bit;
        is_first
    }

    fn take_server_hello(&mut self, message: &Message) {
        let Some((hello, anomalies)) = ServerHello::decode(&message.whole) else {
            self.note(Anomaly::TlsMalformed);
            return;
        };
        for anomaly in anomalies {
            self.note(anomaly);
        }
        let is_offered = hello.selected_version() <= HIGHEST_VERSION
            && tls_names::key_exchange(hello.cipher_suite).is_some()
            && hello.compression_method == 0
            && hello.extensions.iter().all(|extension| EXTENSIONS.contains(&extension.kind));
        if !is_offered {
            self.note(Anomaly::TlsNotOffered);
        }
        if hello.is_tls13() {
            self.end(Ending::Encrypted, None);
        }
        self.flight.server_hello = Some(hello);
    }

    /// Keeps the chain's certificates; `None` where it breaks off or contradicts its lengths.
    fn take_certificates(&mut self, body: &[u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        let length = usize::try_from(reader.u24_be()?).ok()?;
        let is_length_right = reader.rest().len() == length;
        let mut list = Reader::new(reader.at_most(length));
        while !list.is_empty() {
            let length = usize::try_from(list.u24_be()?).ok()?;
            let certificate = list.bytes(length)?;
            if self.flight.certificates.len() == MAX_CHAIN {
                self.note(Anomaly::ChainTooLong);
                break;
            }
            self.flight.certificates.push(certificate.to_vec());
        }
        is_length_right.then_some(())
    }

    fn take_server_key_exchange(&mut self, body: &[u8]) {
        let choice = self.flight.server_hello.as_ref().map(|hello| (hello.version, hello.cipher_suite));
        // Without a ServerHello that could be read, nothing says what the message holds.
        let (version, cipher_suite) = choice.unwrap_or_default();
        let key_exchange = tls_names::key_exchange(cipher_suite);
        let (message, anomalies) = ServerKeyExchange::decode(body, version, key_exchange);
        for anomaly in anomalies {
            self.note(anomaly);
        }
        let is_group_offered = match message.parameters {
            Parameters::NamedCurve { group, .. } => GROUPS.iter().any(|(number, _)| *number == group),
            Parameters::DiffieHellman { .. } | Parameters::Unread => true,
        };
        if !is_group_offered
            || message.signature_algorithm.is_some_and(|number| !SIGNATURE_ALGORITHMS.contains(&number))
        {
            self.note(Anomaly::TlsNotOffered);
        }
        self.flight.server_key_exchange = Some(message);
    }

    fn end(&mut self, ending: Ending, anomaly: Option<Anomaly>) {
        self.state = State::Ended(ending);
        if let Some(anomaly) = anomaly {
            self.note(anomaly);
        }
    }

    fn note(&mut self, anomaly: Anomaly) {
        if !self.flight.anomalies.contains(&anomaly) {
            self.flight.anomalies.push(anomaly);
        }
    }
}

#[cfg(test)]
#[path = "tls_flight_tests.rs"]
mod tests;
