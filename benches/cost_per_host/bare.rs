//! The least that seeing a host's certificate costs: connect, shake hands, check the signature, say goodbye, and nothing else;
//! one host after another, with blocking sockets, in a process of its own.
//!
//! TLS is configured as rdprint's own client is, so that both do the same arithmetic.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use ring::signature::{
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents,
};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use simulator::{Certificate, NLA_NAME};

/// The environment variable that asks this program to be the loop: `PORT;HOSTS`.
const VARIABLE: &str = "RDPRINT_BARE_LOOP";

/// What `probe::possession` advertises.
const SCHEMES: [u16; 12] =
    [0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0603, 0x0201, 0x0203];

/// This program, asked to be the loop.
pub(crate) fn command(port: u16, hosts: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(VARIABLE, format!("{port};{hosts}"));
    command
}

/// Becomes the loop and never returns, where [`VARIABLE`] is set. Prints what TLS was agreed on.
pub(crate) fn run_as_child_if_asked() {
    let Ok(order) = std::env::var(VARIABLE) else { return };
    let (port, hosts) = order.split_once(';').expect("PORT;HOSTS");
    let (port, hosts) = (port.parse().expect("a port"), hosts.parse().expect("a number of hosts"));
    let config = Arc::new(config());
    let mut last = None;
    for number in 0..hosts {
        last = Some(visit(&config, super::address(number), port).expect("every host shakes hands"));
    }
    println!("{}", agreed(&last.expect("at least one host")));
    std::process::exit(0);
}

fn visit(config: &Arc<ClientConfig>, ip: Ipv4Addr, port: u16) -> io::Result<ClientConnection> {
    let mut tcp = TcpStream::connect((ip, port))?;
    tcp.set_nodelay(true)?;
    let name = ServerName::IpAddress(IpAddr::V4(ip).into());
    let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    tls.send_close_notify();
    while tls.wants_write() {
        tls.write_tls(&mut tcp)?;
    }
    Ok(tls)
}

/// Version, cipher suite and group, spelt as rdprint's records spell them.
fn agreed(tls: &ClientConnection) -> String {
    let version = format!("{:?}", tls.protocol_version().expect("shaken hands")).replace('_', ".");
    let suite = tls.negotiated_cipher_suite().expect("shaken hands").suite();
    let suite = suite.as_str().unwrap_or_default().replace("TLS13_", "TLS_");
    let group = tls.negotiated_key_exchange_group().expect("shaken hands").name();
    format!("{version} {suite} {}", format!("{group:?}").to_lowercase())
}

fn config() -> ClientConfig {
    let modulus = Certificate::windows(NLA_NAME).signing_key().modulus();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(KnowsTheKey { modulus }))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}

/// Accepts every certificate and checks the handshake with the one key that all hosts have, so that nothing is parsed.
#[derive(Debug)]
struct KnowsTheKey {
    modulus: Vec<u8>,
}

impl ServerCertVerifier for KnowsTheKey {
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
        Err(Error::General("the hosts speak TLS 1.3".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithm = match signed.scheme {
            SignatureScheme::RSA_PSS_SHA256 => &RSA_PSS_2048_8192_SHA256,
            SignatureScheme::RSA_PSS_SHA384 => &RSA_PSS_2048_8192_SHA384,
            SignatureScheme::RSA_PSS_SHA512 => &RSA_PSS_2048_8192_SHA512,
            other => return Err(Error::General(format!("the hosts have RSA keys, which {other:?} does not fit"))),
        };
        let key = RsaPublicKeyComponents { n: self.modulus.as_slice(), e: &[1, 0, 1] };
        let checked = key.verify(algorithm, message, signed.signature());
        checked.map_err(|_unspecified| Error::General("a signature does not fit the key".to_owned()))?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.map(SignatureScheme::from).to_vec()
    }
}
