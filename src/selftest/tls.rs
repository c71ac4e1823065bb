//! The server's side of TLS, driven by hand over tokio: what little of it one dialogue takes.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::certificate::Identity;

/// How much of what follows a goodbye is read; any of it is too much.
const REST: u64 = 4096;

/// One TLS connection.
pub(super) struct Session {
    stream: TcpStream,
    connection: ServerConnection,
}

impl Session {
    /// Answers the client's handshake with this certificate and key.
    pub(super) async fn accept(stream: TcpStream, identity: Identity) -> io::Result<Self> {
        let connection = connection(identity).map_err(io::Error::other)?;
        let mut session = Self { stream, connection };
        while session.connection.is_handshaking() {
            session.receive_record().await?;
        }
        Ok(session)
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(message)?;
        self.flush().await
    }

    /// Waits for application data; none means that the client has said goodbye as TLS wants it. A connection that ends
    /// without a goodbye is an error.
    pub(super) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut plaintext = Vec::new();
        loop {
            match self.connection.reader().read_to_end(&mut plaintext) {
                // There is no more for now; what there was is in the vector all the same.
                Err(error) if error.kind() == ErrorKind::WouldBlock && plaintext.is_empty() => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(plaintext),
                ended => return ended.map(|_count| plaintext),
            }
            self.receive_record().await?;
        }
    }

    /// After the client's goodbye: returns how many bytes still came, in clear or not, before it closed the connection.
    pub(super) async fn close(mut self) -> io::Result<usize> {
        let mut rest = Vec::new();
        (&mut self.stream).take(REST).read_to_end(&mut rest).await?;
        // Our own goodbye (RFC 8446, 6.1) comes last: a client that has gone answers it with a reset, which would hide
        // what it sent before.
        self.connection.send_close_notify();
        let _may_have_gone = self.flush().await;
        Ok(rest.len())
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut flight = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut flight)?;
        }
        self.stream.write_all(&flight).await
    }

    /// Reads one record (RFC 8446, 5.1), lets rustls work on it and sends what it answers. No byte beyond the record is
    /// taken, so that what a client sends after its goodbye is still there to be counted.
    async fn receive_record(&mut self) -> io::Result<()> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header).await?;
        let [_type, _major, _minor, length @ ..] = header;
        let mut content = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut content).await?;
        let record = [&header[..], &content].concat();
        let mut bytes = record.as_slice();
        let mut state = Ok(());
        while state.is_ok() && !bytes.is_empty() {
            self.connection.read_tls(&mut bytes)?;
            state = self.connection.process_new_packets().map(|_state| ()).map_err(io::Error::other);
        }
        // After an error this is the alert that tells the client of it.
        let sent = self.flush().await;
        state.and(sent)
    }
}

fn connection(identity: Identity) -> Result<ServerConnection, rustls::Error> {
    let Identity { certificate, private_key } = identity;
    let chain = vec![CertificateDer::from(certificate)];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Nobody comes back to resume a session.
    config.send_tls13_tickets = 0;
    ServerConnection::new(Arc::new(config))
}
