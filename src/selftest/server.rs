//! The server: one dialogue after another as a host that wants CredSSP leads it (MS-RDPBCGR 1.3.1.1, MS-CSSP 3.1.5), up
//! to the NTLM CHALLENGE. It is strict, for what it finds wrong is wrong with rdprint.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::certificate::Identity;
use super::tls::Session;
use super::{Host, encode, request};
use crate::proto::credssp;
use crate::proto::x224::{self, Frame, Protocols};

/// For one dialogue, from before the client calls to its close: a little more than the probe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the client did that it should not have done, or what kept it from being seen; half a sentence.
#[derive(Debug, Error)]
pub(super) enum Complaint {
    /// Nobody called, or the dialogue did not come to its end.
    #[error("the dialogue did not come to its end within {PATIENCE:?}")]
    TooSlow,
    /// No key or certificate could be made.
    #[error("this machine makes no random numbers")]
    NoKey,
    /// The connection, or TLS in it.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// An end where there should be none, or one without the goodbye of TLS.
    #[error("the client hung up in the middle of the dialogue, or without a goodbye")]
    HungUp,
    /// The first packet.
    #[error("the first packet is no Connection Request that offers CredSSP")]
    NotConnectionRequest,
    /// What followed the handshake.
    #[error(
        "what follows the TLS handshake is no TSRequest with an NTLM NEGOTIATE that names nobody, and nothing else"
    )]
    NotNegotiate,
    /// A logon, or anything else.
    #[error("{0} bytes follow the challenge, where nothing but a close may")]
    AfterChallenge(usize),
}

impl From<io::Error> for Complaint {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::HungUp } else { Self::Broken(error) }
    }
}

/// A listening socket on loopback, at a port that the system chooses.
pub(super) struct Server {
    listener: TcpListener,
    pub(super) endpoint: SocketAddr,
}

impl Server {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { endpoint: listener.local_addr()?, listener })
    }

    /// Plays `host` to the next client, and to no other.
    pub(super) async fn play(&self, host: &Host) -> Result<(), Complaint> {
        let identity = Identity::generate(host.name).map_err(|_unspecified| Complaint::NoKey)?;
        tokio::time::timeout(PATIENCE, self.converse(host, identity)).await.unwrap_or(Err(Complaint::TooSlow))
    }

    async fn converse(&self, host: &Host, identity: Identity) -> Result<(), Complaint> {
        let (mut stream, _client) = self.listener.accept().await?;
        let selected = Protocols::HYBRID_EX;
        if !request::offers(&read_packet(&mut stream).await?, selected) {
            return Err(Complaint::NotConnectionRequest);
        }
        stream.write_all(&encode::connection_confirm(selected)).await?;
        let mut session = Session::accept(stream, identity).await?;
        // A client writes its NEGOTIATE as one TLS record, and a record is decrypted whole.
        if !request::is_negotiate(&session.receive().await?) {
            return Err(Complaint::NotNegotiate);
        }
        session.send(&credssp::encode(&encode::challenge(host))).await?;
        let in_tls = session.receive().await?.len();
        if in_tls > 0 {
            return Err(Complaint::AfterChallenge(in_tls));
        }
        match session.close().await? {
            0 => Ok(()),
            in_clear => Err(Complaint::AfterChallenge(in_clear)),
        }
    }
}

/// Reads one TPKT packet and no byte more, since the next one belongs to TLS.
async fn read_packet(stream: &mut TcpStream) -> Result<Vec<u8>, Complaint> {
    let mut packet = Vec::new();
    loop {
        match x224::frame(&packet) {
            Frame::Complete(_) => return Ok(packet),
            Frame::Incomplete(missing) => {
                let mut piece = vec![0; missing];
                stream.read_exact(&mut piece).await?;
                packet.extend(piece);
            }
            Frame::NotTpkt | Frame::BadLength(_) => return Err(Complaint::NotConnectionRequest),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, Stream};

    use super::*;
    use crate::proto::ntlm;

    #[derive(Debug)]
    struct AcceptAll;

    impl ServerCertVerifier for AcceptAll {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    /// What a client does, step by step; `None` for a step makes it hang up instead.
    struct Client {
        request: Vec<u8>,
        negotiate: Option<Vec<u8>>,
        after_challenge: Vec<u8>,
        says_goodbye: bool,
        in_clear: Vec<u8>,
    }

    impl Client {
        /// A client that does everything right.
        fn good() -> Self {
            let request = x224::ConnectionRequest { cookie: "rdprint", requested_protocols: Protocols::HYBRID_EX };
            Self {
                request: request.encode(),
                negotiate: Some(credssp::encode(&ntlm::negotiate())),
                after_challenge: Vec::new(),
                says_goodbye: true,
                in_clear: Vec::new(),
            }
        }

        /// Every step may fail once the server has had enough, and that is no matter here.
        fn run(self, endpoint: SocketAddr) -> io::Result<()> {
            let mut tcp = std::net::TcpStream::connect(endpoint)?;
            tcp.write_all(&self.request)?;
            tcp.read_exact(&mut [0; 19])?;
            let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAll))
                .with_no_client_auth();
            config.enable_sni = false;
            let name = ServerName::IpAddress(endpoint.ip().into());
            let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
            let mut tls = Stream::new(&mut connection, &mut tcp);
            let Some(negotiate) = self.negotiate else { return tls.flush() };
            tls.write_all(&negotiate)?;
            // The whole challenge arrives in one record.
            let count = tls.read(&mut [0; 4096])?;
            assert!(count > 100);
            tls.write_all(&self.after_challenge)?;
            if self.says_goodbye {
                tls.conn.send_close_notify();
            }
            tls.flush()?;
            tcp.write_all(&self.in_clear)
        }
    }

    async fn complaint(client: Client) -> Option<String> {
        let server = Server::start().await.unwrap();
        let endpoint = server.endpoint;
        let client = tokio::task::spawn_blocking(move || client.run(endpoint));
        let played = server.play(&Host { name: "WIN-7K2QF0B3M1D", build: 20348 }).await;
        drop(server);
        let _may_fail = client.await.unwrap();
        played.err().map(|complaint| complaint.to_string())
    }

    #[tokio::test]
    async fn a_good_client_is_no_reason_to_complain() {
        assert_eq!(complaint(Client::good()).await, None);
    }

    #[tokio::test]
    async fn a_third_message_is_one_too_many() {
        let mut authenticate = ntlm::negotiate().to_vec();
        authenticate[8] = 3;
        let third = Client { after_challenge: credssp::encode(&authenticate), ..Client::good() };
        let wanted =
            format!("{} bytes follow the challenge, where nothing but a close may", third.after_challenge.len());
        assert_eq!(complaint(third).await, Some(wanted));
        let in_clear = Client { in_clear: vec![7; 9], ..Client::good() };
        let wanted = "9 bytes follow the challenge, where nothing but a close may";
        assert_eq!(complaint(in_clear).await.as_deref(), Some(wanted));
    }

    #[tokio::test]
    async fn every_other_step_is_watched_too() {
        let request =
            |protocols| x224::ConnectionRequest { cookie: "rdprint", requested_protocols: protocols }.encode();
        for packet in [request(Protocols::SSL), b"GET / HTTP/1.0\r\n\r\n".to_vec(), vec![3, 0, 0, 7, 2, 0xF0, 0x80]] {
            let complaint = complaint(Client { request: packet, ..Client::good() }).await;
            assert_eq!(complaint.unwrap(), Complaint::NotConnectionRequest.to_string());
        }
        let mut named = ntlm::negotiate();
        named[16] = 4;
        let with_more = [credssp::encode(&ntlm::negotiate()), vec![0]].concat();
        for negotiate in [credssp::encode(&named), credssp::encode(b"no NTLM"), with_more] {
            let complaint = complaint(Client { negotiate: Some(negotiate), ..Client::good() }).await;
            assert_eq!(complaint.unwrap(), Complaint::NotNegotiate.to_string());
        }
        for rude in [Client { says_goodbye: false, ..Client::good() }, Client { negotiate: None, ..Client::good() }] {
            assert_eq!(complaint(rude).await.unwrap(), Complaint::HungUp.to_string());
        }
    }
}
