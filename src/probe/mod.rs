//! The dialogue with one endpoint: TCP, X.224, TLS, CredSSP up to the NTLM CHALLENGE or MCS up to the Connect Response, and
//! the close.
//!
//! What the host does is data and goes into the [`Observation`]; what this machine lacks is a [`LocalFault`] and
//! never becomes a host's result.

mod channel;
mod clear_flight;
mod credssp;
mod dialogue;
#[cfg(feature = "legacy-tls")]
mod legacy_tls;
mod mcs;
mod negotiation;
mod pace;
mod possession;
mod tls;
mod watch;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use strum::{EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::observe::Observation;
use crate::proto::x224::MAX_COOKIE;

pub use pace::Pace;

/// How long a host may take, and how rdprint introduces itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For the TCP connection.
    pub connect_timeout: Duration,
    /// For each further step.
    pub step_timeout: Duration,
    /// For the whole dialogue with an endpoint, a second try included; waiting for the rate limit is not counted.
    pub deadline: Duration,
    /// Between the end of one connection to a host and the start of the next.
    pub pause: Duration,
    /// The `mstshash` identification cookie.
    pub cookie: Cookie,
    /// How far the dialogue goes.
    pub depth: Depth,
}

/// How far the dialogue goes with a host that lets us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Depth {
    /// As soon as the certificate names the host it ends: the lightest touch. TLS 1.2 and older shows its certificate before
    /// a handshake is finished, TLS 1.3 after.
    Certificate,
    /// To the NTLM CHALLENGE, or the MCS Connect Response of hosts without NLA.
    #[default]
    Full,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            step_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(15),
            // A second as the host sees it, who may notice our close later than the next connection.
            pause: Duration::from_millis(1100),
            cookie: Cookie::default(),
            depth: Depth::default(),
        }
    }
}

/// An identification cookie: 1 to [`MAX_COOKIE`] graphic ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie(String);

/// Why a text cannot be a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a cookie takes 1 to {MAX_COOKIE} ASCII characters without spaces, and `{0}` is none")]
pub struct CookieError(String);

impl Default for Cookie {
    /// `rdprint`, so that an administrator who reads a log can find out who called.
    fn default() -> Self {
        Self("rdprint".to_owned())
    }
}

impl std::str::FromStr for Cookie {
    type Err = CookieError;

    fn from_str(text: &str) -> Result<Self, CookieError> {
        let is_valid = (1..=MAX_COOKIE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(text.to_owned())) } else { Err(CookieError(text.to_owned())) }
    }
}

impl Cookie {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something that this machine lacks: open files, ephemeral ports, memory.
#[derive(Debug, Error)]
#[error("this machine cannot open another connection: {0}")]
pub struct LocalFault(#[from] pub std::io::Error);

/// Probes endpoints, one connection at a time each.
#[derive(Debug)]
pub struct Prober {
    settings: Settings,
    pace: Pace,
    tls: tls::Client,
}

impl Prober {
    /// A prober that never opens connections faster than `pace` allows.
    #[must_use]
    pub fn new(settings: Settings, pace: Pace) -> Self {
        Self { settings, pace, tls: tls::Client::new() }
    }

    /// Returns when the next connection may be opened.
    pub async fn admit(&self) {
        self.pace.admit().await;
    }

    /// Looks at one endpoint, to which the caller was admitted; a second connection is admitted in here.
    ///
    /// However the dialogue ends, the observation holds all that was seen.
    pub async fn probe(&self, endpoint: SocketAddr) -> Result<Observation, LocalFault> {
        dialogue::run(self, endpoint).await
    }
}
