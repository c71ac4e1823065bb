//! The server's side of TLS for one host.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::certificate::Certificate;
use crate::key::Key;
use crate::rsa::TlsKey;

/// The versions of TLS that a host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 alone, as Windows up to build 17763.
    Only12,
    /// TLS 1.3 alone.
    Only13,
    /// Both, as Windows from build 20348 on.
    Both,
}

impl TlsVersions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
        match self {
            Self::Only12 => &BOTH[..1],
            Self::Only13 => &BOTH[1..],
            Self::Both => &BOTH,
        }
    }
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// Presents one chain to everyone. rustls reads none of it, so that the chain may be anything and the key may not fit.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A configuration that presents `certificate`, signs with `key` and remembers no session: every handshake is a full one.
pub(crate) fn server_config(certificate: &Certificate, key: Key, versions: TlsVersions) -> Arc<ServerConfig> {
    let chain = certificate.chain().iter().map(|der| der.clone().into()).collect();
    let certified = CertifiedKey::new(chain, Arc::new(TlsKey(key.ready())));
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(versions.supported())
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Fixed(Arc::new(certified))));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}
