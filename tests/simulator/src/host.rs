//! What one address answers.

mod change;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ServerConfig;

use crate::certificate::Certificate;
use crate::journal::Stage;
use crate::key::Key;
use crate::legacy::LegacyTls;
use crate::mcs::{Mcs, ServerData};
use crate::ntlm::{Challenge, Flags, TARGET_INFO};
use crate::script::Script;
use crate::tls::{TlsVersions, server_config};
use crate::tsrequest::Envelope;
use crate::x224::{PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX, PROTOCOL_RDP, PROTOCOL_SSL};

/// `HYBRID_REQUIRED_BY_SERVER`.
pub const HYBRID_REQUIRED: u32 = 5;
/// `SSL_REQUIRED_BY_SERVER`.
pub const SSL_REQUIRED: u32 = 1;

/// What a host wants before it talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Network Level Authentication: TLS and `CredSSP`, with or without `HYBRID_EX`.
    Nla {
        /// Whether `PROTOCOL_HYBRID_EX` is known.
        extended: bool,
    },
    /// TLS alone.
    Tls,
    /// RDP's own security: no TLS, no NTLM.
    Classic {
        /// A confirm of eleven bytes, instead of an `RDP_NEG_RSP` with `PROTOCOL_RDP`.
        bare: bool,
    },
}

/// A host that answers requests with an `RDP_NEG_FAILURE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The failure code.
    pub code: u32,
    /// `requestedProtocols` that is accepted all the same.
    pub unless: Option<u32>,
}

/// How a host stops before the dialogue is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Closes the connection in good order.
    Close,
    /// Resets it.
    Reset,
    /// Says nothing more and keeps it open.
    Silence,
}

/// The message that carries the host's names.
#[derive(Debug, Clone)]
pub enum Ntlm {
    /// A challenge made from its fields.
    Challenge(Challenge),
    /// Any bytes.
    Raw(Vec<u8>),
}

/// Everything about one host. Take a constructor and change what differs, by a builder or by field.
#[derive(Debug, Clone)]
pub struct Host {
    /// What happens before TLS instead of a negotiation; `None` for a host that negotiates.
    pub script: Option<Script>,
    /// What it wants.
    pub security: Security,
    /// Whether it refuses first.
    pub refusal: Option<Refusal>,
    /// The source reference of its Connection Confirm.
    pub source_reference: u16,
    /// The flags of its `RDP_NEG_RSP`.
    pub negotiation_flags: u8,
    /// What it presents in TLS.
    pub certificate: Certificate,
    /// Whether it signs with the key of the certificate that it presents.
    pub key_possession: bool,
    /// The versions of TLS that it speaks.
    pub tls: TlsVersions,
    /// TLS by hand in place of [`Host::tls`]: what old hosts speak, in clear up to `ServerHelloDone`.
    pub legacy: Option<LegacyTls>,
    /// How it answers an MCS Connect Initial, where no NLA comes before.
    pub mcs: Mcs,
    /// What it says in NTLM.
    pub ntlm: Ntlm,
    /// What it says that in.
    pub envelope: Envelope,
    /// Whether the `TSRequest` goes out one byte per TLS record.
    pub fragmented: bool,
    /// Bytes that follow the challenge in the same segment, outside TLS.
    pub trailer: Option<Vec<u8>>,
    /// How long it thinks before each answer: the confirm, the first flight of TLS, the challenge.
    pub delay: Duration,
    /// Where and how it stops early.
    pub ending: Option<(Stage, Farewell)>,
    prepared: Prepared,
}

/// The TLS configuration, made for the first connection and kept: it holds a key that is ready to sign. A clone starts without
/// it, because what it was made from may be changed there.
#[derive(Debug, Default)]
struct Prepared(OnceLock<Arc<ServerConfig>>);

impl Clone for Prepared {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Host {
    /// A Windows of this name and build in a workgroup, with NLA, a right clock and the certificate that it made for itself.
    ///
    /// The name is the one that the host would show: `WIN-…` or whatever case its owner typed. Key and serial follow from the
    /// name; see [`Host::certificate`] for others.
    #[must_use]
    pub fn windows(name: &str, build: u16) -> Self {
        let mut certificate = Certificate::windows(name);
        if build < 10_586 {
            certificate = certificate.sha1();
        }
        Self {
            script: None,
            security: Security::Nla { extended: build >= 9200 },
            refusal: None,
            source_reference: 0x1234,
            negotiation_flags: match build {
                ..9200 => 0x01,
                9200..10_240 => 0x09,
                10_240..22_621 => 0x1F,
                _ => 0x3F,
            },
            certificate,
            key_possession: true,
            tls: if build < 20_348 { TlsVersions::Only12 } else { TlsVersions::Both },
            legacy: None,
            mcs: Mcs::Response(ServerData::windows(build)),
            ntlm: Ntlm::Challenge(Challenge::windows(name, build)),
            envelope: Envelope::Der,
            fragmented: false,
            trailer: None,
            delay: Duration::ZERO,
            ending: None,
            prepared: Prepared::default(),
        }
    }

    /// A FreeRDP server: 6.1.7601 whatever it runs on, the client's own flags, five equal names, an OpenSSL certificate.
    #[must_use]
    pub fn freerdp(name: &str) -> Self {
        let mut challenge = Challenge::windows(name, 7601);
        challenge.flags = Flags::Echoed(TARGET_INFO);
        challenge.nb_domain.clone_from(&challenge.nb_computer);
        challenge.target.clone_from(&challenge.nb_computer);
        challenge.dns_computer.clone_from(&challenge.nb_computer);
        challenge.dns_domain.clone_from(&challenge.nb_computer);
        Self {
            security: Security::Nla { extended: false },
            source_reference: 0,
            negotiation_flags: 0x03,
            certificate: Certificate::openssl(name),
            tls: TlsVersions::Both,
            ntlm: Ntlm::Challenge(challenge),
            ..Self::windows(name, 7601)
        }
    }

    /// A server made with ironrdp: 10.0.17763 and every name empty.
    #[must_use]
    pub fn ironrdp() -> Self {
        Self {
            security: Security::Nla { extended: true },
            source_reference: 0,
            negotiation_flags: 0x01,
            certificate: Certificate::openssl("localhost"),
            tls: TlsVersions::Both,
            ntlm: Ntlm::Challenge(Challenge::windows("", 17763)),
            ..Self::windows("", 17763)
        }
    }

    /// A host that does this instead of a negotiation.
    #[must_use]
    pub fn scripted(script: Script) -> Self {
        Self { script: Some(script), ..Self::windows("WIN-SCRIPTEDHOST", 20348) }
    }

    /// A host that accepts connections and never says a word.
    #[must_use]
    pub fn silent() -> Self {
        Self::windows("WIN-SILENTHOST0", 20348).silent_after(Stage::Accepted)
    }

    /// The protocol that it selects of those that were requested, or the failure code that it answers.
    pub(crate) fn select(&self, requested: Option<u32>) -> Result<u32, u32> {
        if let Some(refusal) = self.refusal
            && refusal.unless.is_none_or(|wanted| requested != Some(wanted))
        {
            return Err(refusal.code);
        }
        let requested = requested.unwrap_or(PROTOCOL_RDP);
        match self.security {
            Security::Nla { extended: true } if requested & PROTOCOL_HYBRID_EX != 0 => Ok(PROTOCOL_HYBRID_EX),
            Security::Nla { .. } if requested & PROTOCOL_HYBRID != 0 => Ok(PROTOCOL_HYBRID),
            Security::Nla { .. } => Err(HYBRID_REQUIRED),
            Security::Tls if requested & PROTOCOL_SSL != 0 => Ok(PROTOCOL_SSL),
            Security::Tls => Err(SSL_REQUIRED),
            Security::Classic { .. } => Ok(PROTOCOL_RDP),
        }
    }

    /// The TLS configuration.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let make = || server_config(&self.certificate, self.handshake_key(), self.tls);
        self.prepared.0.get_or_init(make).clone()
    }

    /// The key that it signs handshakes with.
    pub(crate) fn handshake_key(&self) -> Key {
        let own = self.certificate.signing_key();
        if self.key_possession { own } else { own.other() }
    }
}
