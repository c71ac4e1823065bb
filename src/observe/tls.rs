//! The facts of a TLS handshake, whole or broken off.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Certificate, Hex, KeyPossession, Via};
use crate::proto::server_hello::ServerHello;
use crate::proto::server_key_exchange::{Parameters, ServerKeyExchange};
use crate::proto::tls_flight::Flight;
use crate::proto::tls_names;

/// What the TLS handshake showed, however far it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// `SSLv3`, `TLSv1.0` to `TLSv1.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// IANA's name of the cipher suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// IANA's name of the key exchange group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_exchange_group: Option<String>,
    /// Size of the prime of a finite-field Diffie-Hellman exchange, in bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dh_bits: Option<u32>,
    /// How these facts were come by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Names the ClientHello that the ServerHello answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_hello_id: Option<String>,
    /// The ServerHello as sent, handshake header included; at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_hello: Option<Hex>,
    /// `random` of the ServerHello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_random: Option<Hex>,
    /// Whether `random` begins with the host's clock, taken as such where it is within a day of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_random_is_clock: Option<bool>,
    /// Numbers of the ServerHello's extensions, in the host's order; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// JA3S of the ServerHello: an MD5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ja3s: Option<String>,
    /// The alert that ended the handshake, by its name in RFC 8446, section 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Whether the peer proved that it holds the leaf certificate's private key.
    #[serde(default)]
    pub key_possession: KeyPossession,
    /// The chain as sent, leaf first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
}

/// A ServerHello takes about a hundred octets and a few extensions; what is beyond these is not kept.
const LONGEST_HELLO: usize = 4096;
const MOST_EXTENSIONS: usize = 64;

impl Tls {
    /// What a flight in clear shows, be it whole or not. `client_hello_id` names the hello that it answers, `now` is the time
    /// of the answer by our clock.
    #[must_use]
    pub fn from_flight(flight: &Flight, client_hello_id: &str, now: Timestamp) -> Self {
        let mut tls = Self::default();
        if let Some(hello) = &flight.server_hello {
            tls.read_server_hello(hello, client_hello_id, now);
        }
        if let Some(exchange) = &flight.server_key_exchange {
            tls.read_key_exchange(exchange);
        }
        tls.certificates = flight.certificates.iter().map(|der| Certificate::from_der(der)).collect();
        tls.via = tls.shows_choice_or_chain().then_some(Via::ClearFlight);
        let last = flight.alerts.iter().find(|alert| alert.is_last());
        tls.alert = last.map(|alert| tls_names::alert(alert.description).into_owned());
        tls
    }

    /// Whether the host has answered with more than an alert.
    #[must_use]
    pub fn shows_choice_or_chain(&self) -> bool {
        self.server_hello.is_some() || !self.certificates.is_empty()
    }

    fn read_server_hello(&mut self, hello: &ServerHello, client_hello_id: &str, now: Timestamp) {
        self.version = Some(tls_names::version(hello.selected_version()).into_owned());
        self.cipher_suite = Some(tls_names::cipher_suite(hello.cipher_suite).into_owned());
        self.client_hello_id = Some(client_hello_id.to_owned());
        self.server_random = Some(Hex(hello.random.to_vec()));
        self.server_random_is_clock = Some(hello.carries_clock(now.as_second()));
        let kinds = hello.extensions.iter().map(|extension| extension.kind.to_string());
        self.extensions = kinds.take(MOST_EXTENSIONS).collect();
        self.ja3s = hello.ja3s().map(|ja3s| ja3s.md5);
        self.server_hello = Some(Hex(hello.raw.iter().copied().take(LONGEST_HELLO).collect()));
    }

    fn read_key_exchange(&mut self, exchange: &ServerKeyExchange) {
        match exchange.parameters {
            Parameters::NamedCurve { group, .. } => {
                self.key_exchange_group = Some(tls_names::group(group).into_owned());
            }
            Parameters::DiffieHellman { prime_bits, .. } => self.dh_bits = u32::try_from(prime_bits).ok(),
            Parameters::Unread => {}
        }
    }
}
