//! A small client on rustls, for looking at hosts from outside. It verifies no certificate and remembers what it saw.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};
use x509_parser::prelude::{FromDer, X509Certificate};

/// NTLM NEGOTIATE with the flags of Windows' own client, in a `TSRequest` of version 6.
const NEGOTIATE: &[u8] = b"\x30\x37\xA0\x03\x02\x01\x06\xA1\x30\x30\x2E\x30\x2C\xA0\x2A\x04\x28NTLMSSP\0\x01\0\0\0\
    \xB7\x82\x08\xE2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0A\0\x63\x45\0\0\0\x0F";

/// What the client saw of the server's certificate.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// The certificates, the host's own first.
    pub(crate) chain: Vec<Vec<u8>>,
    /// Whether the handshake was signed with the key of the certificate; `None` where that cannot be read.
    pub(crate) possession: Option<bool>,
}

#[derive(Debug)]
struct AcceptsAnything(Mutex<Seen>);

impl ServerCertVerifier for AcceptsAnything {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.lock().unwrap().chain = [own].into_iter().chain(others).map(|der| der.to_vec()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithm: &dyn VerificationAlgorithm = match signed.scheme {
            SignatureScheme::RSA_PSS_SHA256 => &signature::RSA_PSS_2048_8192_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            other => unreachable!("{other:?} is not what hosts choose"),
        };
        self.0.lock().unwrap().possession = X509Certificate::from_der(certificate).ok().map(|(_, certificate)| {
            let key = UnparsedPublicKey::new(algorithm, &certificate.public_key().subject_public_key.data);
            key.verify(message, signed.signature()).is_ok()
        });
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256]
    }
}

/// A connection in clear to this address.
pub(crate) fn connect(address: [u8; 4], port: u16) -> TcpStream {
    let tcp = TcpStream::connect((Ipv4Addr::from(address), port)).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    tcp
}

/// A Connection Request for these protocols; `None` leaves the `RDP_NEG_REQ` out.
pub(crate) fn request(protocols: Option<u32>) -> Vec<u8> {
    let mut out = b"\x03\0\0\x0B\x06\xE0\0\0\0\0\0".to_vec();
    if let Some(protocols) = protocols {
        out[3] += 8;
        out[4] += 8;
        out.extend([1, 0, 8, 0]);
        out.extend(protocols.to_le_bytes());
    }
    out
}

/// Sends a request and reads until the whole confirm is there, or the server closes.
pub(crate) fn ask(tcp: &mut TcpStream, protocols: Option<u32>) -> io::Result<Vec<u8>> {
    tcp.write_all(&request(protocols))?;
    let mut answer = vec![0; 4];
    tcp.read_exact(&mut answer)?;
    answer.resize(usize::from(answer[3]), 0);
    tcp.read_exact(&mut answer[4..])?;
    Ok(answer)
}

/// TLS over a connection that was confirmed.
pub(crate) fn secure(tcp: TcpStream) -> io::Result<(StreamOwned<ClientConnection, TcpStream>, Seen)> {
    let verifier = Arc::new(AcceptsAnything(Mutex::default()));
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let seen = verifier.0.lock().unwrap().clone();
    Ok((stream, seen))
}

/// Sends the NEGOTIATE and reads one `TSRequest` in definite lengths, however it is cut.
pub(crate) fn negotiate(tls: &mut StreamOwned<ClientConnection, TcpStream>) -> io::Result<Vec<u8>> {
    tls.write_all(NEGOTIATE)?;
    let mut answer = vec![0; 2];
    tls.read_exact(&mut answer)?;
    let mut length = usize::from(answer[1]);
    if length >= 0x80 {
        let mut long = vec![0; length & 0x7F];
        tls.read_exact(&mut long)?;
        length = long.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        answer.extend(long);
    }
    let header = answer.len();
    answer.resize(header + length, 0);
    tls.read_exact(&mut answer[header..])?;
    Ok(answer)
}

/// The whole dialogue, ended with a `close_notify`: the `TSRequest` and what TLS showed.
pub(crate) fn dialogue(address: [u8; 4], port: u16) -> io::Result<(Vec<u8>, Seen)> {
    let mut tcp = connect(address, port);
    ask(&mut tcp, Some(11))?;
    let (mut tls, seen) = secure(tcp)?;
    let answer = negotiate(&mut tls)?;
    tls.conn.send_close_notify();
    tls.conn.complete_io(&mut tls.sock)?;
    Ok((answer, seen))
}
