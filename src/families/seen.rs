//! One look at one endpoint, as far as families are concerned.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::fingerprint::{Class, Confidence, Traits};
use crate::knowledge::{Form, RDP_CERTIFICATE_VALIDITY, is_rdp_serial, rdp_certificate_form};
use crate::observe::{Certificate, Hex, KeyPossession, Observation};
use crate::verdict::Record;

/// What one look showed. Whoever has observations makes these: of records by [`Seen::of`], of a database by its columns.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The endpoint's address.
    pub ip: IpAddr,
    /// Its TCP port.
    pub port: u16,
    /// When; `None` where the source does not say. Such a look counts for no chance and tells nobody apart.
    pub seen_at: Option<Timestamp>,
    /// The machine's name, whole or its first label.
    pub name: Option<&'a str>,
    /// Which fields declare that name.
    pub declared: Declared,
    /// NTLM's version: `10.0.20348`.
    pub product_version: Option<&'a str>,
    /// The host's clock, by NTLM.
    pub system_time: Option<Timestamp>,
    /// The host's clock minus ours in milliseconds; own probes only.
    pub clock_skew_ms: Option<i64>,
    /// The certificate that it showed, if that is of Windows' own form; others link nobody.
    pub certificate: Option<OwnCertificate>,
    /// What stands at the endpoint.
    pub role: Role,
    /// Fingerprints that match without contradiction: id and class.
    pub known_as: Vec<(String, Class)>,
}

/// Which fields declare a machine's name alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declared {
    /// The certificate's common name.
    pub certificate: bool,
    /// NTLM's NetBIOS computer name.
    pub netbios: bool,
    /// NTLM's DNS computer name.
    pub dns: bool,
}

/// What identifies a certificate of Windows' own form, as far as the source says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnCertificate {
    /// SHA-256 of the DER.
    pub sha256: Option<[u8; 32]>,
    /// SHA-256 of the `SubjectPublicKeyInfo`.
    pub key: Option<[u8; 32]>,
    /// The serial number.
    pub serial: Option<[u8; 16]>,
    /// Start of validity, in seconds since 1970.
    pub not_before: i64,
}

/// What stands at an endpoint, by its own answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A Windows machine, as far as its answers go.
    Machine,
    /// Something that shows another machine's marks: it cannot sign with the certificate that it shows, or certificate and
    /// NTLM name two machines.
    Relay,
    /// Another implementation, or something that does what no Windows does.
    NotWindows,
}

impl<'a> Seen<'a> {
    /// What a record says.
    #[must_use]
    pub fn of(record: &'a Record) -> Self {
        let observation = &record.observation;
        let ntlm = observation.ntlm.as_ref();
        let name = observation.computer_name();
        let is_it = |other: Option<&str>| name.zip(other).is_some_and(|(name, other)| is_same_label(name, other));
        let matches = record.matches.iter().filter(|found| found.confidence > Confidence::Contradicted);
        Self {
            ip: observation.ip,
            port: observation.port,
            // Importers give the times that they do not know as the start of 1970.
            seen_at: Some(observation.seen_at).filter(|at| *at != Timestamp::UNIX_EPOCH),
            name,
            declared: Declared {
                certificate: is_it(observation.leaf().and_then(|leaf| leaf.subject_cn.as_deref())),
                netbios: is_it(ntlm.and_then(|ntlm| ntlm.netbios_computer_name.as_deref())),
                dns: is_it(ntlm.and_then(|ntlm| ntlm.dns_computer_name.as_deref())),
            },
            product_version: ntlm.and_then(|ntlm| ntlm.product_version.as_deref()),
            system_time: ntlm.and_then(|ntlm| ntlm.system_time),
            clock_skew_ms: ntlm.and_then(|ntlm| ntlm.clock_skew_ms),
            certificate: observation.leaf().and_then(OwnCertificate::of),
            role: Role::of(observation, &record.traits),
            known_as: matches.map(|found| (found.fingerprint_id.clone(), found.class)).collect(),
        }
    }
}

/// The first label of a name.
pub(super) fn label(name: &str) -> &str {
    let name = name.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    name.split(['.', '\0']).next().unwrap_or_default()
}

fn is_same_label(one: &str, other: &str) -> bool {
    label(one).eq_ignore_ascii_case(label(other))
}

impl Role {
    fn of(observation: &Observation, traits: &Traits) -> Self {
        let failed = observation.tls.as_ref().is_some_and(|tls| tls.key_possession == KeyPossession::Failed);
        // A serial number of zero lowers a match and is no Windows' own form anyway, so it needs no word here.
        let is_odd = traits.get("honeypot_like").is_some_and(|signs| signs != "serial-zero");
        if failed || traits.contains_key("names_disagree") {
            Self::Relay
        } else if is_odd || traits.contains_key("non_windows_stack") {
            Self::NotWindows
        } else {
            Self::Machine
        }
    }
}

impl OwnCertificate {
    /// The identity of a certificate that Windows made for its own RDP listener; `None` for all others. Where a feed leaves
    /// the DER out, what it does tell must fit: one name as subject and issuer, 183 days, a serial number of Windows' kind.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let is_own = match &certificate.der {
            Some(der) => rdp_certificate_form(&der.0) == Form::Yes,
            None => fits_by_facts(certificate),
        };
        let array = |hex: &Option<Hex>| hex.as_ref().and_then(|hex| hex.0.as_slice().try_into().ok());
        let own = Self {
            sha256: array(&certificate.sha256),
            key: array(&certificate.spki_sha256),
            serial: certificate.serial_number.as_ref().and_then(|serial| serial.0.as_slice().try_into().ok()),
            not_before: certificate.not_before?.as_second(),
        };
        is_own.then_some(own)
    }
}

fn fits_by_facts(certificate: &Certificate) -> bool {
    let Certificate { subject_cn, issuer_cn, serial_number, not_before, not_after, self_signed, .. } = certificate;
    let has_lifetime =
        not_before.zip(*not_after).is_some_and(|(from, to)| to.duration_since(from) == RDP_CERTIFICATE_VALIDITY);
    let is_by_itself = *self_signed != Some(false) && subject_cn.is_some() && subject_cn == issuer_cn;
    let has_serial = serial_number.as_ref().is_some_and(|serial| is_rdp_serial(&serial.0));
    let is_rsa_2048 = certificate.public_key_bits.is_none_or(|bits| bits == 2048);
    has_lifetime && is_by_itself && has_serial && is_rsa_2048 && certificate.subject_alternative_names.is_empty()
}
