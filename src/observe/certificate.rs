//! The facts of one X.509 certificate (RFC 5280), piece by piece, so that one bad piece costs no other.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;
use x509_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{OidRegistry, asn1_rs::FromDer};
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

use super::{Base64, Hex};
use crate::proto::{der, x509};

/// One certificate of a chain. Hashes are over the DER; text is as the certificate holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The bytes as sent, whatever they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub der: Option<Base64>,
    /// SHA-256 of the DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Hex>,
    /// SHA-1 of the DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Hex>,
    /// MD5 of the DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Hex>,
    /// SHA-256 of the `SubjectPublicKeyInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<Hex>,
    /// 1, 2 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// All of the subject: `CN=…, O=…`, in the certificate's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// All of the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The subject's first common name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_cn: Option<String>,
    /// The issuer's first common name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_cn: Option<String>,
    /// The content octets of the serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<Hex>,
    /// Start of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// End of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Registered name of the signature algorithm, or its dotted object identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_algorithm: Option<String>,
    /// Registered name of the key's algorithm, or its dotted object identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_algorithm: Option<String>,
    /// Size of the key in bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_bits: Option<u32>,
    /// Subject alternative names, each with its type: `DNS:…`, `IP:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alternative_names: Vec<String>,
    /// Key usages by their names in RFC 5280, 4.2.1.3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_usage: Vec<String>,
    /// Extended key usages by their names in RFC 5280, 4.2.1.12, or dotted object identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_key_usage: Vec<String>,
    /// Whether issuer and subject are the same bytes. The signature is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<bool>,
    /// What could not be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse_error: Option<String>,
}

static OIDS: LazyLock<OidRegistry<'static>> =
    LazyLock::new(|| OidRegistry::default().with_crypto().with_x509().with_kdf());

impl Certificate {
    /// Reads what can be read; the bytes may be anything.
    #[must_use]
    pub fn from_der(bytes: &[u8]) -> Self {
        let parts = x509::split(bytes);
        let mut problems = Problems::default();
        let subject = problems.part("subject", parts.subject, Name::read);
        let issuer = problems.part("issuer", parts.issuer, Name::read);
        let (not_before, not_after) = validity(parts.validity, &mut problems);
        let signature_algorithm = problems.part("signature algorithm", parts.signature, algorithm);
        let key = problems.part("public key", parts.subject_public_key_info, key);
        let serial_number =
            problems.part("serial number", parts.serial_number, |octets| (!octets.is_empty()).then(|| octets.to_vec()));
        let mut certificate = Self {
            der: Some(Base64(bytes.to_vec())),
            sha256: Some(Hex(Sha256::digest(bytes).to_vec())),
            sha1: Some(Hex(Sha1::digest(bytes).to_vec())),
            md5: Some(Hex(Md5::digest(bytes).to_vec())),
            spki_sha256: parts.subject_public_key_info.map(|spki| Hex(Sha256::digest(spki).to_vec())),
            version: parts.version,
            self_signed: parts.subject.zip(parts.issuer).map(|(subject, issuer)| subject == issuer),
            subject_cn: subject.as_ref().and_then(|name| name.common_name.clone()),
            issuer_cn: issuer.as_ref().and_then(|name| name.common_name.clone()),
            subject: subject.map(|name| name.text),
            issuer: issuer.map(|name| name.text),
            serial_number: serial_number.map(Hex),
            not_before,
            not_after,
            signature_algorithm,
            public_key_bits: key.as_ref().and_then(|(_, bits)| *bits),
            public_key_algorithm: key.map(|(name, _)| name),
            subject_alternative_names: Vec::new(),
            key_usage: Vec::new(),
            extended_key_usage: Vec::new(),
            parse_error: None,
        };
        if let Some(extensions) = parts.extensions {
            certificate.read_extensions(extensions, &mut problems);
        }
        certificate.parse_error = problems.into_sentence();
        certificate
    }

    /// The machine that the common name names. Certificates that Terminal Services make for their licensing write it as
    /// an endpoint of local RPC, `ncalrpc:NAME`.
    #[must_use]
    pub fn machine_name(&self) -> Option<&str> {
        const LOCAL_RPC: &str = "ncalrpc:";
        let name = self.subject_cn.as_deref()?;
        let is_endpoint = name.get(..LOCAL_RPC.len()).is_some_and(|head| head.eq_ignore_ascii_case(LOCAL_RPC));
        let name = if is_endpoint { name.get(LOCAL_RPC.len()..)? } else { name };
        (!name.trim().is_empty()).then_some(name)
    }

    /// Whether the common name names a machine: its first label is there, and is no wildcard.
    #[must_use]
    pub fn names_a_machine(&self) -> bool {
        self.machine_name().and_then(first_label).is_some()
    }

    fn read_extensions(&mut self, mut explicit: &[u8], problems: &mut Problems) {
        let Some(list) = der::read_tagged(&mut explicit, der::SEQUENCE) else {
            problems.add("extensions");
            return;
        };
        let mut rest = list.content;
        while !rest.is_empty() {
            let Ok((after, extension)) = X509Extension::from_der(rest) else {
                problems.add("extensions");
                return;
            };
            rest = after;
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    self.subject_alternative_names.extend(names.general_names.iter().map(general_name));
                }
                ParsedExtension::KeyUsage(usage) => self.key_usage.extend(key_usages(usage.flags)),
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    const NAMED: [&str; 6] =
                        ["serverAuth", "clientAuth", "codeSigning", "emailProtection", "timeStamping", "OCSPSigning"];
                    let set = [
                        usage.server_auth,
                        usage.client_auth,
                        usage.code_signing,
                        usage.email_protection,
                        usage.time_stamping,
                        usage.ocsp_signing,
                    ];
                    let named = NAMED.iter().zip(set).filter(|(_, is_set)| *is_set).map(|(name, _)| (*name).to_owned());
                    self.extended_key_usage.extend(named);
                    self.extended_key_usage.extend(usage.other.iter().map(Oid::to_id_string));
                }
                ParsedExtension::ParseError { .. } => problems.add("an extension"),
                _ => {}
            }
        }
    }
}

/// The first label of a declared name, by which machines are compared, without the blanks around it. `None` where there is none,
/// and of a wildcard, which names no machine.
#[must_use]
pub fn first_label(name: &str) -> Option<&str> {
    let name = name.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    let label = name.split(['.', '\0']).next().unwrap_or_default();
    (!label.is_empty() && !label.contains('*')).then_some(label)
}

/// The names of the parts that did not parse.
#[derive(Default)]
struct Problems(Vec<&'static str>);

impl Problems {
    fn add(&mut self, part: &'static str) {
        if !self.0.contains(&part) {
            self.0.push(part);
        }
    }

    fn part<'a, T>(
        &mut self,
        name: &'static str,
        bytes: Option<&'a [u8]>,
        read: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Option<T> {
        let value = bytes.and_then(read);
        if value.is_none() {
            self.add(name);
        }
        value
    }

    fn into_sentence(self) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("cannot be parsed: {}", self.0.join(", ")))
    }
}

/// A distinguished name as text.
struct Name {
    text: String,
    common_name: Option<String>,
}

impl Name {
    fn read(bytes: &[u8]) -> Option<Self> {
        const COMMON_NAME: &str = "2.5.4.3";
        let (_, name) = X509Name::from_der(bytes).ok()?;
        let mut text = String::new();
        let mut common_name = None;
        for relative in name.iter_rdn() {
            for (position, attribute) in relative.iter().enumerate() {
                let value = attribute_text(attribute.attr_value());
                let separator = match (text.is_empty(), position) {
                    (true, _) => "",
                    (false, 0) => ", ",
                    (false, _) => "+",
                };
                let kind = attribute.attr_type();
                let _infallible = write!(text, "{separator}{}=", attribute_kind(kind));
                escape_attribute(&value, &mut text);
                if common_name.is_none() && kind.to_id_string() == COMMON_NAME {
                    common_name = Some(value);
                }
            }
        }
        Some(Self { text, common_name })
    }
}

fn attribute_kind(oid: &Oid<'_>) -> String {
    x509_parser::objects::oid2abbrev(oid, &OIDS).map_or_else(|_unregistered| oid.to_id_string(), str::to_owned)
}

/// The text of a `DirectoryString`; every string type that certificates use, and bytes as `#hex` otherwise.
fn attribute_text(value: &Any<'_>) -> String {
    let data = value.data;
    match value.tag() {
        Tag::BmpString => {
            let units = data.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::UniversalString => data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|quad| char::from_u32(u32::from_be_bytes(*quad)).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        Tag::T61String => data.iter().map(|byte| char::from(*byte)).collect(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8_lossy(data).into_owned()
        }
        _ => format!("#{}", Hex(data.to_vec())),
    }
}

/// Escapes what RFC 4514, section 2.4, escapes, so that a name cannot fake further attributes.
fn escape_attribute(value: &str, out: &mut String) {
    for character in value.chars() {
        if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(character);
    }
}

fn validity(bytes: Option<&[u8]>, problems: &mut Problems) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut sequence = bytes.unwrap_or_default();
    let mut times = der::read_tagged(&mut sequence, der::SEQUENCE).map(|element| element.content).unwrap_or_default();
    let mut next = |name| problems.part(name, der::read(&mut times).map(|element| element.whole), time);
    (next("notBefore").flatten(), next("notAfter").flatten())
}

/// A time, which may lie beyond the calendar: RFC 5280, 4.1.2.5, writes "never" as the last second of 9999, and no
/// calendar holds that in every time zone. Such a time is well-formed and simply not kept.
#[expect(clippy::option_option, reason = "malformed and too far away are two things")]
fn time(bytes: &[u8]) -> Option<Option<Timestamp>> {
    let (_, time) = ASN1Time::from_der(bytes).ok()?;
    Some(Timestamp::from_second(time.timestamp()).ok())
}

fn algorithm(bytes: &[u8]) -> Option<String> {
    let (_, algorithm) = AlgorithmIdentifier::from_der(bytes).ok()?;
    Some(registered_name(&algorithm.algorithm))
}

fn registered_name(oid: &Oid<'_>) -> String {
    x509_parser::objects::oid2sn(oid, &OIDS).map_or_else(|_unregistered| oid.to_id_string(), str::to_owned)
}

/// The size of an RSA modulus, leading zeros not counted.
fn rsa_bits(subject_public_key_info: &[u8]) -> Option<usize> {
    let modulus = x509::rsa_key(x509::public_key(subject_public_key_info)?.key)?.modulus;
    Some(x509::bit_length(modulus)).filter(|bits| *bits > 0)
}

/// Algorithm and size of a key.
fn key(bytes: &[u8]) -> Option<(String, Option<u32>)> {
    let (_, spki) = SubjectPublicKeyInfo::from_der(bytes).ok()?;
    let name = registered_name(&spki.algorithm.algorithm);
    let bits = rsa_bits(bytes).or_else(|| spki.parsed().ok().map(|key| key.key_size()).filter(|bits| *bits > 0));
    Some((name, bits.and_then(|bits| u32::try_from(bits).ok())))
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(text) => format!("DNS:{text}"),
        GeneralName::RFC822Name(text) => format!("email:{text}"),
        GeneralName::URI(text) => format!("URI:{text}"),
        GeneralName::IPAddress(octets) => match (<[u8; 4]>::try_from(*octets), <[u8; 16]>::try_from(*octets)) {
            (Ok(v4), _) => format!("IP:{}", std::net::Ipv4Addr::from(v4)),
            (_, Ok(v6)) => format!("IP:{}", std::net::Ipv6Addr::from(v6)),
            _ => format!("IP:#{}", Hex(octets.to_vec())),
        },
        _ => "other".to_owned(),
    }
}

/// Names of the bits of `KeyUsage`, bit 0 first.
fn key_usages(flags: u16) -> impl Iterator<Item = String> {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    NAMES.iter().enumerate().filter(move |(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| (*name).to_owned())
}
