//! The TLS step: the only place that knows rustls.
//!
//! The verifier accepts every certificate, even bytes that are none, and keeps what it was shown in a slot of its
//! own, so that the chain survives whatever fails later. The connection is driven by hand rather than through
//! an adapter, because an adapter drops the state of a failed handshake.
//!
//! What comes is also given to a reader of flights in clear: rustls shows neither the ServerHello nor a chain that came
//! before a handshake broke off.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, InvalidMessage, SignatureScheme};

use super::clear_flight::{facts, malformed};
use super::watch::Watch;
use super::wire::{CHUNK, Fault, Wire};
use super::{Depth, possession};
use crate::observe::{Anomaly, Certificate, KeyPossession, Status, Tls, Via};
use crate::proto::tls_flight::State;
use crate::proto::x509::MAX_CHAIN;

/// Names what rustls offers. JA3S values compare only under equal names, so it is raised whenever the contents change,
/// their order aside, which rustls shuffles; a test holds both together.
const CLIENT_HELLO_ID: &str = "rustls-1";

/// First bytes of TLS records (RFC 8446, 5.1).
const CONTENT_TYPES: RangeInclusive<u8> = 20..=23;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Client {
    config: ClientConfig,
}

impl Client {
    pub(super) fn new() -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        #[expect(clippy::expect_used, reason = "ring's own suites always fit rustls's own versions; tests run this")]
        let builder = builder.with_safe_default_protocol_versions().expect("ring supports the default versions");
        let observer = Arc::new(Observer::default());
        let mut config = builder.dangerous().with_custom_certificate_verifier(observer).with_no_client_auth();
        // A resumed session would show no certificate.
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Self { config }
    }

    pub(super) fn session(&self, ip: IpAddr, depth: Depth) -> Result<Session, Fault> {
        let observer = Arc::new(Observer::default());
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(observer.clone());
        let name = ServerName::IpAddress(ip.into());
        let connection = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| Fault::new(Status::HandshakeError, error.to_string()))?;
        Ok(Session {
            connection,
            observer,
            watch: Watch::new(depth, offers),
            alert: None,
            starts_like_tls: None,
            plaintext: Vec::new(),
            ending: None,
        })
    }
}

/// One TLS connection.
pub(super) struct Session {
    connection: ClientConnection,
    observer: Arc<Observer>,
    watch: Watch,
    alert: Option<String>,
    starts_like_tls: Option<bool>,
    /// Decrypted and not yet handed over; bounded by what the wire lets in.
    plaintext: Vec<u8>,
    /// How receiving ended, told once the data before it is handed over.
    ending: Option<Result<bool, Fault>>,
}

impl Session {
    /// Speaks until the handshake is complete, or until the chain in clear names the host where that is enough. The client's
    /// last flight may still wait to be written, so that it leaves together with the first data.
    pub(super) async fn handshake(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        while self.connection.is_handshaking() && !self.watch.is_enough {
            self.flush(wire).await?;
            self.receive_records(wire).await?;
        }
        Ok(())
    }

    pub(super) async fn send(&mut self, wire: &mut Wire, message: &[u8]) -> Result<(), Fault> {
        self.connection
            .writer()
            .write_all(message)
            .map_err(|error| Fault::new(Status::UnknownError, error.to_string()))?;
        self.flush(wire).await
    }

    /// Waits for application data and appends it to `buffer`, at most up to `limit` bytes in all.
    /// Returns `false` when the host has closed and nothing more will come.
    pub(super) async fn receive(&mut self, wire: &mut Wire, buffer: &mut Vec<u8>, limit: usize) -> Result<bool, Fault> {
        loop {
            // Data is handed over before what came after it: a close, an alert or garbage must not cost an answer.
            if !self.plaintext.is_empty() {
                let room = limit.saturating_sub(buffer.len());
                buffer.extend(self.plaintext.drain(..).take(room));
                return Ok(true);
            }
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            match self.receive_records(wire).await {
                Ok(true) => {}
                ending => self.ending = Some(ending),
            }
        }
    }

    /// The alert that the host sent, by its name in RFC 8446, section 6.
    pub(super) fn alert(&self) -> Option<&String> {
        self.alert.as_ref()
    }

    /// Says goodbye as TLS wants it.
    pub(super) async fn close(&mut self, wire: &mut Wire) {
        self.connection.send_close_notify();
        // The host may have gone already.
        let _best_effort = self.flush(wire).await;
    }

    /// What the handshake has shown so far; asked once.
    pub(super) fn facts(&mut self) -> (Tls, Vec<Anomaly>) {
        let (flight, answered) = (std::mem::take(&mut self.watch.reader).finish(), self.watch.answered);
        let seen = self.observer.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = answered.unwrap_or_else(Timestamp::now);
        let mut tls = facts(&flight, CLIENT_HELLO_ID, &self.watch.client_random, now);
        // Otherwise the handshake ended before rustls asked about the chain, which may have come in clear all the same.
        if !seen.chain.is_empty() {
            tls.via = Some(Via::Handshake);
            tls.certificates = seen.chain.iter().map(|der| Certificate::from_der(der)).collect();
            tls.key_possession = seen.possession;
        }
        if let Some(group) = self.connection.negotiated_key_exchange_group() {
            tls.key_exchange_group = Some(format!("{:?}", group.name()).to_lowercase());
        }
        tls.alert = self.alert.clone().or(tls.alert);
        // Whether something was offered is asked of the wide hello there.
        let mut anomalies = flight.anomalies;
        anomalies.retain(|anomaly| *anomaly != Anomaly::TlsNotOffered);
        anomalies.extend(malformed(&tls.certificates));
        anomalies.extend(seen.is_cut.then_some(Anomaly::ChainTooLong));
        (tls, anomalies)
    }

    async fn flush(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let mut flight = Vec::new();
        while self.connection.wants_write() {
            self.connection
                .write_tls(&mut flight)
                .map_err(|error| Fault::new(Status::UnknownError, error.to_string()))?;
        }
        self.watch.remember_random(&flight);
        if flight.is_empty() { Ok(()) } else { wire.write(&flight).await }
    }

    /// Reads what has come and lets rustls work on it. Returns `false` when the host has closed.
    async fn receive_records(&mut self, wire: &mut Wire) -> Result<bool, Fault> {
        let Self { connection, watch, starts_like_tls, plaintext, .. } = self;
        let outcome = wire
            .read(CHUNK, |bytes| {
                // rustls waits for a whole record whatever its first byte, which plain text never becomes.
                let looks_right = bytes.first().is_none_or(|byte| CONTENT_TYPES.contains(byte));
                let is_tls = *starts_like_tls.get_or_insert(looks_right);
                is_tls.then(|| watch.pass_on(bytes, |bytes| process(connection, bytes, plaintext)))
            })
            .await?;
        let Some(outcome) = outcome else {
            return Err(
                Fault::new(Status::ProtocolError, "what followed the negotiation is not TLS").with(Anomaly::NotTls)
            );
        };
        match outcome {
            Ok(is_open) if is_open || !self.connection.is_handshaking() => Ok(is_open),
            Ok(_closed) => Err(Fault::closed()),
            Err(error) => {
                self.read_on(wire).await?;
                // rustls has prepared the alert that tells the host what is wrong; whether it arrives is not our matter.
                let _best_effort = self.flush(wire).await;
                Err(self.fault(&error))
            }
        }
    }

    /// Reads the rest of a flight that rustls wants no more of: what the host chose in clear is told in full, in whatever
    /// pieces it came.
    async fn read_on(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let reader = &mut self.watch.reader;
        while reader.state() == State::NeedMore && reader.flight().server_hello.is_some() {
            let count = wire
                .read(CHUNK, |bytes| {
                    reader.feed(bytes);
                    bytes.len()
                })
                .await?;
            if count == 0 {
                break;
            }
        }
        Ok(())
    }

    fn fault(&mut self, error: &Error) -> Fault {
        let fault = Fault::new(Status::HandshakeError, error.to_string());
        match error {
            Error::AlertReceived(alert) => {
                self.alert = Some(snake_case(&format!("{alert:?}")));
                fault
            }
            Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => fault.with(Anomaly::TlsMessageTooLarge),
            _ => fault,
        }
    }
}

/// Whether rustls offers this cipher suite.
fn offers(suite: u16) -> bool {
    default_provider().cipher_suites.iter().any(|offered| u16::from(offered.suite()) == suite)
}

/// Hands all bytes to rustls and takes out what it decrypts, at once, since its own buffer is small.
/// `Ok(false)` at the end of the stream.
fn process(connection: &mut ClientConnection, mut bytes: &[u8], plaintext: &mut Vec<u8>) -> Result<bool, Error> {
    let is_open = !bytes.is_empty();
    while !bytes.is_empty() {
        // Reading from a slice cannot fail but for a full buffer: of records that make up no message.
        let taken = connection.read_tls(&mut bytes).map_err(|error| Error::General(error.to_string()))?;
        let state = connection.process_new_packets();
        // WouldBlock only says that there is no more for now; what was decrypted before an error is there all the same.
        let _no_more_now = connection.reader().read_to_end(plaintext);
        if taken == 0 || state?.peer_has_closed() {
            return Ok(false);
        }
    }
    Ok(is_open)
}

/// `HandshakeFailure` → `handshake_failure`, as RFC 8446 writes alerts.
fn snake_case(camel: &str) -> String {
    let mut snake = String::new();
    for character in camel.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// What one connection's verifier was shown.
#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Vec<u8>>,
    /// Whether certificates beyond [`MAX_CHAIN`] were left out.
    is_cut: bool,
    possession: KeyPossession,
}

/// A verifier that watches and never refuses.
#[derive(Debug, Default)]
struct Observer {
    seen: Mutex<Seen>,
}

impl Observer {
    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        let possession = possession::check(certificate, signed.scheme.into(), message, signed.signature());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).possession = possession;
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN).map(|der| der.to_vec()).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain = chain;
        seen.is_cut = intermediates.len() >= MAX_CHAIN;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        possession::SCHEMES.into_iter().map(SignatureScheme::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        taken
    }

    /// A vector behind a length of so many octets.
    fn vector<'a>(bytes: &mut &'a [u8], width: usize) -> &'a [u8] {
        let length = take(bytes, width).iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        take(bytes, length)
    }

    /// What a ClientHello offers, without what is random in it and with extensions in their numerical order.
    fn offer(hello: &[u8]) -> String {
        let hex = |bytes| data_encoding::HEXLOWER.encode(bytes);
        let mut hello = &hello[9..];
        let version = hex(take(&mut hello, 2));
        let (_random, _session) = (take(&mut hello, 32), vector(&mut hello, 1));
        let (suites, _compression) = (hex(vector(&mut hello, 2)), vector(&mut hello, 1));
        let mut rest = vector(&mut hello, 2);
        let mut extensions = std::collections::BTreeMap::new();
        while !rest.is_empty() {
            let kind = u16::from_be_bytes(take(&mut rest, 2).try_into().unwrap());
            let content = vector(&mut rest, 2);
            // A key share is random but for its group.
            extensions.insert(kind, hex(if kind == 51 { &content[..4] } else { content }));
        }
        format!("{CLIENT_HELLO_ID}: {version} {suites} {extensions:?}")
    }

    fn hello(session: &mut Session) -> Vec<u8> {
        let mut hello = Vec::new();
        session.connection.write_tls(&mut hello).unwrap();
        hello
    }

    #[test]
    fn the_id_names_exactly_this_offer() {
        let mut session = Client::new().session(IpAddr::from([127, 0, 0, 1]), Depth::Full).ok().unwrap();
        // Where this fails rustls offers something else than before: raise CLIENT_HELLO_ID, then write the new offer here.
        expect_test::expect![[r#"rustls-1: 0303 130213011303c02cc02bcca9c030c02fcca800ff {5: "0100000000", 10: "0006001d00170018", 11: "0100", 13: "0018040305030807080408050806040105010601060302010203", 23: "", 43: "0403040303", 45: "0101", 51: "0024001d"}"#]].assert_eq(&offer(&hello(&mut session)));
    }

    #[test]
    fn the_random_stands_where_it_is_looked_for() {
        let mut session = Client::new().session(IpAddr::from([127, 0, 0, 1]), Depth::Full).ok().unwrap();
        let hello = hello(&mut session);
        session.watch.remember_random(&hello);
        let mut rest = &hello[9..];
        assert_eq!(take(&mut rest, 2), [3, 3]);
        assert_eq!(take(&mut rest, 32), session.watch.client_random);
        assert_ne!(session.watch.client_random, [0; 32]);
    }
}
