//! The closed lists of words that an observation uses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use crate::proto::Anomaly;

/// How a step of the dialogue ended; the words are zgrab2's where it has one.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Status {
    /// The dialogue went as far as this server's protocol allows without a logon.
    Success,
    /// The host refused the connection (RST).
    ConnectionRefused,
    /// Nothing answered the SYN in time.
    ConnectionTimeout,
    /// A router or the host's firewall said that it cannot be reached (ICMP), or there is no route to it.
    HostUnreachable,
    /// The host closed or reset the connection in the middle of the dialogue.
    ConnectionClosed,
    /// The host went silent, or was too slow for the time allowed.
    IoTimeout,
    /// What the host sent is not the protocol that belongs at this stage.
    ProtocolError,
    /// TLS did not come about.
    HandshakeError,
    /// The host understood and refused: a negotiation failure, a CredSSP error code or an MCS disconnect.
    ApplicationError,
    /// The operating system reported an error that has no word here.
    UnknownError,
}

/// The steps of the dialogue, in order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// The TCP connection.
    Connect,
    /// Connection Request and Confirm (MS-RDPBCGR 1.3.1.1).
    X224,
    /// The TLS handshake.
    Tls,
    /// CredSSP up to the NTLM CHALLENGE.
    Credssp,
    /// MCS Connect Initial and Response of hosts without NLA (MS-RDPBCGR 2.2.1.3, 2.2.1.4).
    Mcs,
}

/// What kind of answer a Connection Request got.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum X224Answer {
    /// None, or none that was complete.
    NoAnswer,
    /// A Connection Confirm without a negotiation structure: classic RDP security is all it knows.
    ConfirmOnly,
    /// A Connection Confirm that selects a protocol.
    NegotiationResponse,
    /// A Connection Confirm that refuses.
    NegotiationFailure,
    /// A Connection Confirm with a negotiation structure that cannot be read.
    NegotiationMalformed,
    /// An X.224 Disconnect Request.
    DisconnectRequest,
    /// An MCS disconnect.
    McsDisconnect,
    /// Bytes that are no answer of an RDP server.
    NotRdp,
    /// Another tool reports that the endpoint speaks RDP, and does not say what it answered.
    Reported,
}

impl X224Answer {
    /// Whether only an RDP server answers so.
    #[must_use]
    pub fn is_rdp(self) -> bool {
        !matches!(self, Self::NoAnswer | Self::NotRdp)
    }
}

/// Whether the peer's handshake signature fits the key in its certificate.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum KeyPossession {
    /// The signature is right: the peer holds the private key.
    Proven,
    /// The signature is wrong: the certificate is somebody else's.
    Failed,
    /// The key or the algorithm is one that rdprint cannot verify.
    Unsupported,
    /// The handshake did not come to a signature.
    #[default]
    NotTested,
}

/// How the TLS facts were come by.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Via {
    /// By a handshake of rdprint's TLS library.
    Handshake,
    /// By reading a flight in clear; the handshake was not completed.
    ClearFlight,
}

/// Where a host presented its certificate.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CertificateSource {
    /// In the TLS handshake.
    Tls,
    /// In the security data of the MCS step, as classic RDP security does.
    Mcs,
}

/// The kinds of certificate that classic RDP security knows (MS-RDPBCGR 2.2.1.4.3.1).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CertificateKind {
    /// A bare RSA key without a name, signed with a key that everybody has.
    Proprietary,
    /// An X.509 chain.
    X509,
    /// Neither, or one that breaks off.
    Unread,
}

/// Serialises anomalies by their words; `proto` itself knows no serde.
pub(super) mod anomaly_list {
    use super::{Anomaly, Deserialize, FromStr};
    use serde::{Deserializer, Serializer, de::Error as _};

    pub(in crate::observe) fn serialize<S: Serializer>(
        anomalies: &[Anomaly],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(anomalies.iter().map(<&'static str>::from))
    }

    pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Anomaly>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.iter().map(|word| Anomaly::from_str(word).map_err(D::Error::custom)).collect()
    }
}
