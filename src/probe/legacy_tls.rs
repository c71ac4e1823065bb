//! A whole handshake with hosts that rustls cannot speak to, by OpenSSL: the only place that knows it.
//!
//! Only in builds with the feature `legacy-tls`. Every version from TLS 1.0 to 1.2 and every suite that the library was
//! built with is offered, however weak: nothing secret is ever sent, and what is weak about the host is no danger to us.

use std::io::{self, ErrorKind, Read, Write};

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion};

use super::clear_flight::{facts, malformed, replace};
use super::wire::{CHUNK, Fault, Wire};
use crate::observe::{Anomaly, KeyPossession, Observation, Status, Via};
use crate::proto::tls_flight::FlightReader;

/// One TLS connection.
pub(super) struct Session {
    stream: SslStream<Pipe>,
    reader: FlightReader,
    received: Option<Timestamp>,
    client_random: [u8; 32],
}

impl Session {
    pub(super) fn new() -> Result<Self, Fault> {
        let unusable = |error: ErrorStack| Fault::new(Status::UnknownError, format!("OpenSSL cannot be used: {error}"));
        let mut ssl = context().and_then(|context| Ssl::new(&context)).map_err(unusable)?;
        ssl.set_connect_state();
        let stream = SslStream::new(ssl, Pipe::default()).map_err(unusable)?;
        Ok(Self { stream, reader: FlightReader::new(), received: None, client_random: [0; 32] })
    }

    /// Speaks until the handshake is complete.
    pub(super) async fn handshake(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        loop {
            let result = self.stream.do_handshake();
            self.stream.ssl().client_random(&mut self.client_random);
            self.flush(wire).await?;
            match result {
                Ok(()) => return Ok(()),
                Err(error) if error.code() == ErrorCode::WANT_READ => {
                    if !self.fetch(wire).await? {
                        return Err(Fault::closed());
                    }
                }
                Err(error) => return Err(fault(&error)),
            }
        }
    }

    /// Puts what the handshake has shown in the place of what the one before it has shown.
    pub(super) fn read_into(&mut self, seen: &mut Observation) {
        let flight = std::mem::take(&mut self.reader).finish();
        let now = self.received.unwrap_or(seen.seen_at);
        replace(&mut seen.tls, facts(&flight, &client_hello_id(), &self.client_random, now));
        let Some(tls) = &mut seen.tls else { return };
        if self.stream.ssl().is_init_finished() {
            // The handshake that an alert ended is no longer the one that is told of.
            (tls.via, tls.alert) = (Some(Via::Handshake), None);
            if !tls.certificates.is_empty() {
                // Either its signature was checked, or it decrypted what was sent to its key.
                tls.key_possession = KeyPossession::Proven;
            }
        }
        let malformed = malformed(&tls.certificates);
        seen.note(malformed);
        // Whether something was offered is asked of another hello there.
        seen.note(flight.anomalies.into_iter().filter(|anomaly| *anomaly != Anomaly::TlsNotOffered));
    }

    pub(super) async fn send(&mut self, wire: &mut Wire, message: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(message).map_err(|error| Fault::new(Status::UnknownError, error.to_string()))?;
        self.flush(wire).await
    }

    /// Waits for application data and appends it to `buffer`, at most up to `limit` bytes in all. Returns `false` when the
    /// host has closed and nothing more will come.
    pub(super) async fn receive(&mut self, wire: &mut Wire, buffer: &mut Vec<u8>, limit: usize) -> Result<bool, Fault> {
        loop {
            if let Some(is_open) = self.decrypt(buffer, limit)? {
                return Ok(is_open);
            }
            self.flush(wire).await?;
            if !self.fetch(wire).await? {
                return Ok(false);
            }
        }
    }

    /// Appends what has been decrypted. `None` where more must come first, `false` after the host's goodbye.
    fn decrypt(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<Option<bool>, Fault> {
        let mut piece = [0; CHUNK];
        let room = limit.saturating_sub(buffer.len()).min(CHUNK);
        match self.stream.ssl_read(piece.get_mut(..room).unwrap_or_default()) {
            Ok(count) => {
                buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
                Ok(Some(count > 0))
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(None),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Some(false)),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Says goodbye as TLS wants it.
    pub(super) async fn close(&mut self, wire: &mut Wire) {
        // The host may have gone already.
        let _best_effort = self.stream.shutdown();
        let _best_effort = self.flush(wire).await;
    }

    async fn flush(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let flight = std::mem::take(&mut self.stream.get_mut().outgoing);
        if flight.is_empty() { Ok(()) } else { wire.write(&flight).await }
    }

    /// Takes what has come. Returns `false` when the host has closed.
    async fn fetch(&mut self, wire: &mut Wire) -> Result<bool, Fault> {
        let Self { stream, reader, received, .. } = self;
        let incoming = &mut stream.get_mut().incoming;
        let count = wire
            .read(CHUNK, |bytes| {
                reader.feed(bytes);
                incoming.extend_from_slice(bytes);
                bytes.len()
            })
            .await?;
        received.get_or_insert_with(Timestamp::now);
        Ok(count > 0)
    }
}

fn context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_security_level(0);
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    // TLS 1.3 is for rustls, which has failed.
    context.set_max_proto_version(Some(SslVersion::TLS1_2))?;
    // Old hosts do not know RFC 5746, and OpenSSL would refuse them; that nothing is renegotiated makes up for it.
    context.set_options(SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SslOptions::NO_RENEGOTIATION);
    context.set_cipher_list("ALL:!aNULL:@SECLEVEL=0")?;
    Ok(context.build())
}

/// What OpenSSL offers is a matter of its version and build.
fn client_hello_id() -> String {
    let version = openssl::version::version().split(' ').nth(1).unwrap_or("unknown");
    format!("openssl-{version}")
}

fn fault(error: &openssl::ssl::Error) -> Fault {
    let reason = error.ssl_error().and_then(|stack| stack.errors().first()?.reason());
    Fault::new(Status::HandshakeError, format!("OpenSSL: {}", reason.unwrap_or("the handshake failed")))
}

/// The two directions between OpenSSL and the connection, which it does not see.
#[derive(Default)]
struct Pipe {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.incoming.as_slice().read(buffer)?;
        self.incoming.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
