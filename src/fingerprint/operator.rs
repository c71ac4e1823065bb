//! How a value is compared.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use jiff::Timestamp;
use regex::Regex;

use super::subject::{Nature, Subject};
use crate::observe::Value;

/// A comparison; texts are held as [`Nature::normalise`] leaves them.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    /// One of these values.
    OneOf(Vec<String>),
    /// The text begins so.
    Prefix(String),
    /// The whole text matches.
    Regex(Regex),
    /// A whole number from here to there.
    Integers(RangeInclusive<i64>),
    /// A time from here to there.
    Times(RangeInclusive<Timestamp>),
    /// An address in one of these prefixes.
    Networks(Vec<IpNet>),
    /// Any value at all.
    Present,
    /// No value.
    Absent,
}

impl Operator {
    /// Whether a known value passes; of a list one element suffices.
    pub(super) fn holds(&self, value: &Value<'_>, subject: &Subject) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Integers(range), Value::Integer(number)) => range.contains(number),
            (Self::Times(range), Value::Time(time)) => range.contains(time),
            (Self::Networks(networks), Value::Text(text)) => {
                text.parse::<IpAddr>().is_ok_and(|address| networks.iter().any(|network| network.contains(&address)))
            }
            (Self::Absent | Self::Integers(_) | Self::Times(_) | Self::Networks(_), _) => false,
            (Self::OneOf(_) | Self::Prefix(_) | Self::Regex(_), value) => {
                keys(value, subject.nature()).iter().any(|text| self.text_holds(text, subject.nature()))
            }
        }
    }

    fn text_holds(&self, text: &str, nature: Nature) -> bool {
        match self {
            Self::OneOf(wanted) => wanted.iter().any(|wanted| wanted == text),
            Self::Prefix(prefix) => text.starts_with(prefix),
            // The engine folds case by Unicode, names fold it by ASCII: a Kelvin sign is no K.
            Self::Regex(regex) => (nature != Nature::CaselessText || text.is_ascii()) && regex.is_match(text),
            _ => false,
        }
    }
}

/// The normalised texts of a value: one, or one for each element of a list.
pub(super) fn keys<'v>(value: &'v Value<'_>, nature: Nature) -> Vec<Cow<'v, str>> {
    match value {
        Value::List(items) => items.iter().map(|item| nature.normalise(item)).collect(),
        Value::Text(text) => vec![nature.normalise(text)],
        other => vec![Cow::Owned(other.clone().into_cell().into_owned())],
    }
}
