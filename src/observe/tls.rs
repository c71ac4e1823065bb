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
    /// The ServerHello as sent, handshake header included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_hello: Option<Hex>,
    /// `random` of the ServerHello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_random: Option<Hex>,
    /// Whether `random` begins with the host's clock, taken as such where it is within a day of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_random_is_clock: Option<bool>,
    /// Numbers of the ServerHello's extensions, in the host's order.
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

impl Tls {
    /// Takes over what a ServerHello says by itself. `now` is the time of the answer by our clock, `client_hello_id`
    /// names the question.
    pub fn read_server_hello(&mut self, hello: &ServerHello, client_hello_id: &str, now: Timestamp) {
        self.version = Some(tls_names::version(hello.selected_version()).into_owned());
        self.cipher_suite = Some(tls_names::cipher_suite(hello.cipher_suite).into_owned());
        self.client_hello_id = Some(client_hello_id.to_owned());
        self.server_random = Some(Hex(hello.random.to_vec()));
        self.server_random_is_clock = Some(hello.carries_clock(now.as_second()));
        self.extensions = hello.extensions.iter().map(|extension| extension.kind.to_string()).collect();
        self.ja3s = Some(hello.ja3s().md5);
        self.server_hello = Some(Hex(hello.raw.clone()));
    }

    /// Takes over what a flight in clear shows beyond its ServerHello: the key exchange, the chain, the alert that ended
    /// it. What is known already and not in the flight stays.
    pub fn read_flight(&mut self, flight: &Flight) {
        if let Some(exchange) = &flight.server_key_exchange {
            self.read_key_exchange(exchange);
        }
        if !flight.certificates.is_empty() {
            self.certificates = flight.certificates.iter().map(|der| Certificate::from_der(der)).collect();
        }
        let last = flight.alerts.iter().find(|alert| alert.is_last());
        self.alert = self.alert.take().or_else(|| last.map(|alert| tls_names::alert(alert.description).into_owned()));
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
