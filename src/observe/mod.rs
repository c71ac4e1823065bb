//! The observation: what one endpoint showed, as facts that never change.
//!
//! A scan and every importer end here, and every verdict starts here. The structs are the serialised promise: their
//! JSON is described row by row in [`FIELDS`], and a test holds the two together.

mod bytes;
mod certificate;
mod facts;
mod field;
mod from_facts;
mod mask;
mod mcs;
mod ntlm;
mod tls;
mod words;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use bytes::{Base64, Hex};
pub use certificate::{Certificate, first_label};
pub use facts::FIELDS;
pub use field::{Field, Kind, Value, nearest, neutralise, restore, split_list};
pub use from_facts::FactError;
pub use mask::{COMPARED, MASKED, Passing};
pub use mcs::Mcs;
pub use ntlm::Ntlm;
pub use tls::Tls;
pub use words::{CertificateKind, CertificateSource, KeyPossession, Stage, Status, Via, X224Answer};

pub use crate::proto::Anomaly;

/// The version of the record's shape; raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that one look at one endpoint showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// When the look began, UTC.
    pub seen_at: Timestamp,
    /// Where the facts come from: `scan`, or tool, file and line of an import: `nmap:scan.xml:12`.
    pub source: String,
    /// The program that gathered them, with its version.
    pub scanner: String,
    /// The endpoint's address.
    pub ip: IpAddr,
    /// The endpoint's TCP port.
    pub port: u16,
    /// How the step named by `stage` ended.
    pub status: Status,
    /// The last step of the dialogue that was begun.
    pub stage: Stage,
    /// One sentence on what went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Time from SYN to the established connection, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// Oddities met, each once, in the order of the list.
    #[serde(default, with = "words::anomaly_list", skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
    /// The answer to the Connection Request that settled the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x224: Option<X224>,
    /// The first answer, where it was a refusal and a second try followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x224_first: Option<X224>,
    /// The TLS step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The CredSSP envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credssp: Option<Credssp>,
    /// The NTLM CHALLENGE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ntlm: Option<Ntlm>,
    /// The MCS step of hosts without NLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcs: Option<Mcs>,
}

/// One answer to a Connection Request (MS-RDPBCGR 2.2.1.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct X224 {
    /// What was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_protocols: Option<String>,
    /// What kind of answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<X224Answer>,
    /// The protocol that the server selected, as the specification calls it; a number where it has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_protocol: Option<String>,
    /// `failureCode` of `RDP_NEG_FAILURE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<u32>,
    /// The flags of the negotiation structure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u8>,
    /// The source reference of the Connection Confirm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src_ref: Option<u16>,
    /// The bytes that came, at most 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Hex>,
}

/// The answer to the CredSSP request (MS-CSSP 2.2.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Credssp {
    /// The version that the server announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The NTSTATUS that the server answered instead of a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// The bytes that came, where no challenge could be read from them; at most 32 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Hex>,
}

impl Observation {
    /// The start of a look at an endpoint: nothing seen yet.
    #[must_use]
    pub fn begin(ip: IpAddr, port: u16, seen_at: Timestamp) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            seen_at,
            source: "scan".to_owned(),
            scanner: concat!("rdprint/", env!("CARGO_PKG_VERSION")).to_owned(),
            ip,
            port,
            status: Status::UnknownError,
            stage: Stage::Connect,
            error: None,
            rtt_us: None,
            anomalies: Vec::new(),
            x224: None,
            x224_first: None,
            tls: None,
            credssp: None,
            ntlm: None,
            mcs: None,
        }
    }

    /// Adds anomalies, keeping each once and the list's order.
    pub fn note(&mut self, anomalies: impl IntoIterator<Item = Anomaly>) {
        self.anomalies.extend(anomalies);
        self.anomalies.sort_unstable();
        self.anomalies.dedup();
    }

    /// Whether the TCP connection was established.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage > Stage::Connect
    }

    /// Whether the endpoint answered as an RDP server does.
    #[must_use]
    pub fn speaks_rdp(&self) -> bool {
        let spoke = |x224: &X224| x224.answer.is_some_and(X224Answer::is_rdp);
        let answers = [&self.x224, &self.x224_first];
        // CredSSP and MCS follow nothing but an RDP negotiation here.
        let spoke_later = self.mcs.is_some() || self.credssp.is_some() && self.ntlm.is_some();
        answers.into_iter().flatten().any(spoke) || spoke_later
    }

    /// The certificate that the endpoint itself presented: in TLS, or else in the MCS step.
    #[must_use]
    pub fn leaf(&self) -> Option<&Certificate> {
        self.leaf_with_source().map(|(leaf, _)| leaf)
    }

    /// [`leaf`](Self::leaf), and where it was presented.
    #[must_use]
    pub fn leaf_with_source(&self) -> Option<(&Certificate, CertificateSource)> {
        let by_tls = self.tls.as_ref().and_then(|tls| tls.certificates.first());
        let by_mcs = || self.mcs.as_ref().and_then(|mcs| mcs.certificates.first());
        let by_tls = by_tls.map(|leaf| (leaf, CertificateSource::Tls));
        by_tls.or_else(|| by_mcs().map(|leaf| (leaf, CertificateSource::Mcs)))
    }

    /// The name that the endpoint gives itself: DNS name before NetBIOS name before the certificate's common name.
    #[must_use]
    pub fn computer_name(&self) -> Option<&str> {
        let certified = || self.leaf().and_then(Certificate::machine_name);
        self.ntlm_name().or_else(certified)
    }

    /// The name that the machine declares over NTLM.
    #[must_use]
    pub fn ntlm_name(&self) -> Option<&str> {
        let ntlm = self.ntlm.as_ref()?;
        let declared = [&ntlm.dns_computer_name, &ntlm.netbios_computer_name];
        declared.into_iter().flatten().map(String::as_str).find(|name| !name.trim().is_empty())
    }

    /// The third part of the NTLM product version.
    #[must_use]
    pub fn ntlm_build(&self) -> Option<u32> {
        self.ntlm.as_ref()?.product_version.as_ref()?.split('.').nth(2)?.parse().ok()
    }
}
