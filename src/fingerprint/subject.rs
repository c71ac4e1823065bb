//! What a condition can look at: a fact, a trait, or the machine's name.

use std::borrow::Cow;
use std::fmt;

use super::condition::View;
use super::traits::{TRAITS, Trait};
use strum::VariantArray;

use crate::observe::{
    Anomaly, CertificateKind, CertificateSource, FIELDS, Field, KeyPossession, Kind, Observation, Stage, Status, Value,
    Via, X224Answer,
};

/// The pseudo-field that stands for the machine's name, wherever it is declared. Certificate and NTLM agree on every
/// honest Windows host, so they are one piece of evidence and not two.
pub(super) const COMPUTER_NAME: &str = "computer_name";

/// Fields whose text is a name of DNS, NetBIOS or X.500, which are compared without ASCII case (RFC 4343, RFC 4518).
const CASELESS: [&str; 8] = [
    "cert_issuer_cn",
    "cert_subject_cn",
    "ntlm_dns_computer_name",
    "ntlm_dns_domain_name",
    "ntlm_dns_tree_name",
    "ntlm_netbios_computer_name",
    "ntlm_netbios_domain_name",
    "ntlm_target_name",
];

/// Words of `key_possession` that say that nothing is known.
const UNTESTED: [Value<'static>; 2] =
    [Value::Text(Cow::Borrowed("not-tested")), Value::Text(Cow::Borrowed("unsupported"))];

/// What a condition looks at.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    ComputerName,
    Fact(&'static Field<Observation>),
    Trait(&'static Trait),
}

/// How the values of a subject are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// A machine's name: its first label, without case, and with NetBIOS' cut.
    Name,
    /// A text in which case carries no meaning.
    CaselessText,
    /// A text, a word, or bytes in base64.
    Text,
    Integer,
    Boolean,
    Time,
    Address,
    /// Bytes in hexadecimal: without case, colons and spaces.
    Hex,
    /// A serial number, which is an integer: leading zeros do not count either.
    Serial,
}

impl Subject {
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == COMPUTER_NAME {
            return Some(Self::ComputerName);
        }
        let fact = FIELDS.iter().find(|field| field.name == name).map(Self::Fact);
        fact.or_else(|| TRAITS.iter().find(|row| row.name == name).map(Self::Trait))
    }

    /// Every name that a condition may give.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|field| field.name).chain(TRAITS.iter().map(|row| row.name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ComputerName => COMPUTER_NAME,
            Self::Fact(field) => field.name,
            Self::Trait(row) => row.name,
        }
    }

    pub(super) fn nature(self) -> Nature {
        let Self::Fact(field) = self else {
            return if matches!(self, Self::ComputerName) { Nature::Name } else { Nature::Text };
        };
        match field.kind {
            _ if CASELESS.contains(&field.name) => Nature::CaselessText,
            Kind::Text | Kind::TextList | Kind::Word | Kind::WordList | Kind::Base64 => Nature::Text,
            Kind::Integer => Nature::Integer,
            Kind::Boolean => Nature::Boolean,
            Kind::Time => Nature::Time,
            Kind::Address => Nature::Address,
            Kind::Hex if field.name == "cert_serial_number" => Nature::Serial,
            Kind::Hex => Nature::Hex,
        }
    }

    /// Its value; names have several and are looked at one by one. A key that was not tested has no value: nothing
    /// follows from that.
    pub(super) fn value<'a>(self, view: &'a View<'_>) -> Option<Value<'a>> {
        match self {
            Self::ComputerName => None,
            Self::Fact(field) => (field.get)(view.observation)
                .filter(|value| field.name != "key_possession" || !UNTESTED.contains(value)),
            Self::Trait(row) if row.is_list => {
                view.traits.get(row.name).map(|value| Value::List(value.split('+').map(Cow::Borrowed).collect()))
            }
            Self::Trait(row) => view.traits.get(row.name).map(|value| value.as_ref().into()),
        }
    }

    /// Whether the part of the record in which it would stand is there, so that its absence would mean something.
    pub(super) fn could_be_known(self, seen: &Observation) -> bool {
        let Self::Fact(field) = self else {
            return !matches!(self, Self::ComputerName) || seen.leaf().is_some() || seen.ntlm.is_some();
        };
        match field.path.split('.').collect::<Vec<_>>()[..] {
            ["tls", "certificates[]", ..] => seen.leaf().is_some(),
            ["tls", ..] => seen.tls.is_some(),
            ["mcs", ..] if field.name != "cert_source" => seen.mcs.is_some(),
            ["ntlm", ..] => seen.ntlm.is_some(),
            ["credssp", ..] => seen.credssp.is_some(),
            ["x224", ..] => seen.x224.is_some(),
            ["x224_first", ..] => seen.x224_first.is_some(),
            _ => true,
        }
    }

    /// The words that its values are, where the list is closed.
    pub(super) fn words(self) -> Option<Vec<&'static str>> {
        match self {
            Self::ComputerName => None,
            Self::Trait(row) => (!row.words.is_empty()).then(|| row.words.to_vec()),
            Self::Fact(field) => match field.name {
                "status" => Some(Status::VARIANTS.iter().map(Into::into).collect()),
                "stage" => Some(Stage::VARIANTS.iter().map(Into::into).collect()),
                "x224_answer" | "x224_first_answer" => Some(X224Answer::VARIANTS.iter().map(Into::into).collect()),
                "key_possession" => Some(vec![KeyPossession::Proven.into(), KeyPossession::Failed.into()]),
                "tls_via" => Some(Via::VARIANTS.iter().map(Into::into).collect()),
                "cert_source" => Some(CertificateSource::VARIANTS.iter().map(Into::into).collect()),
                "mcs_certificate_kind" => Some(CertificateKind::VARIANTS.iter().map(Into::into).collect()),
                "anomalies" => Some(Anomaly::VARIANTS.iter().map(Into::into).collect()),
                _ => None,
            },
        }
    }
}

impl Nature {
    /// A text in the form in which two that mean the same are equal.
    pub(super) fn normalise(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Name | Self::CaselessText => Cow::Owned(text.to_ascii_lowercase()),
            Self::Hex => Cow::Owned(bare_hex(text)),
            Self::Serial => {
                let digits = bare_hex(text);
                let all = digits.strip_prefix("0x").unwrap_or(&digits);
                let significant = all.trim_start_matches('0');
                Cow::Owned(if significant.is_empty() && !all.is_empty() { "0" } else { significant }.to_owned())
            }
            Self::Text | Self::Integer | Self::Boolean | Self::Time | Self::Address => Cow::Borrowed(text),
        }
    }

    /// What values are, as a complaint calls them.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Name => "a computer name",
            Self::CaselessText | Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Time => "a time",
            Self::Address => "an IP address",
            Self::Hex => "bytes in hexadecimal",
            Self::Serial => "a serial number",
        }
    }
}

fn bare_hex(text: &str) -> String {
    let digits = text.chars().filter(|character| !matches!(character, ':' | ' '));
    digits.map(|character| character.to_ascii_lowercase()).collect()
}

impl fmt::Debug for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
