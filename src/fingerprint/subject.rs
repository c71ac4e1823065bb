//! What a condition can look at: a fact, a trait, or the machine's name.

use std::borrow::Cow;
use std::fmt;

use super::condition::View;
use super::traits::{TRAITS, Trait};
use crate::observe::{FIELDS, Field, Kind, Observation, Value};

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

    /// Its value; names have several and are looked at one by one.
    pub(super) fn value<'a>(self, view: &'a View<'_>) -> Option<Value<'a>> {
        match self {
            Self::ComputerName => None,
            Self::Fact(field) => (field.get)(view.observation),
            Self::Trait(row) => view.traits.get(row.name).map(|value| value.as_ref().into()),
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
                let significant = digits.strip_prefix("0x").unwrap_or(&digits).trim_start_matches('0');
                Cow::Owned(significant.to_owned())
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
