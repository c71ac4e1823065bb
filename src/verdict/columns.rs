//! The whole record as columns: the facts' rows and those of the verdict.

use super::Record;
use crate::fingerprint::{Evidence, Match};
use crate::observe::{self, Field, Kind, Observation, Value};

const fn field(
    name: &'static str,
    path: &'static str,
    kind: Kind,
    doc: &'static str,
    get: fn(&Record) -> Option<Value<'_>>,
) -> Field<Record> {
    Field { name, path, kind, unit: "", default: true, doc, get }
}

/// The rows that stand for verdicts, in the order of CSV columns.
pub static FIELDS: &[Field<Record>] = &[
    field("class", "matches[].class", Kind::Word, "Class of the strongest match.", |r| {
        r.strongest().map(|found| <&str>::from(found.class).into())
    }),
    field("fingerprint_id", "matches[].fingerprint_id", Kind::Word, "Fingerprint of the strongest match.", |r| {
        r.strongest().map(|found| found.fingerprint_id.as_str().into())
    }),
    field("confidence", "matches[].confidence", Kind::Word, "How well the facts bear the strongest match out.", |r| {
        r.strongest().map(|found| <&str>::from(found.confidence).into())
    }),
    field(
        "evidence",
        "matches[].evidence[]",
        Kind::TextList,
        "What speaks for and against the strongest match.",
        |r| r.strongest().map(evidence),
    ),
    field("fingerprint_ids", "matches[].fingerprint_id", Kind::WordList, "Every fingerprint that matches.", |r| {
        let ids: Vec<_> = r.matches.iter().map(|found| found.fingerprint_id.as_str().into()).collect();
        (!ids.is_empty()).then_some(Value::List(ids))
    }),
    field("traits", "traits", Kind::WordList, "What follows from the facts alone: `name=value`.", |r| {
        let pairs: Vec<_> = r.traits.iter().map(|(name, value)| format!("{name}={value}").into()).collect();
        (!pairs.is_empty()).then_some(Value::List(pairs))
    }),
    field("fingerprint_set", "fingerprint_set", Kind::Hex, "SHA-256 of the fingerprints that were asked.", |r| {
        Some(r.fingerprint_set.as_str().into())
    }),
];

fn evidence(found: &Match) -> Value<'_> {
    let sentence = |piece: &Evidence| format!("{}: {}", piece.side, piece.facts_as_text());
    Value::List(found.evidence.iter().map(|piece| sentence(piece).into()).collect())
}

/// A column of the whole record.
#[derive(Clone, Copy)]
pub enum Column {
    /// A fact.
    Fact(&'static Field<Observation>),
    /// A verdict.
    Verdict(&'static Field<Record>),
}

/// Every column there is: facts first.
pub fn columns() -> impl Iterator<Item = Column> {
    observe::FIELDS.iter().map(Column::Fact).chain(FIELDS.iter().map(Column::Verdict))
}

macro_rules! of_either {
    ($(#[$doc:meta] $name:ident: $type:ty),* $(,)?) => {$(
        #[$doc]
        #[must_use]
        pub fn $name(self) -> $type {
            match self {
                Self::Fact(field) => field.$name,
                Self::Verdict(field) => field.$name,
            }
        }
    )*};
}

impl Column {
    of_either! {
        /// See [`Field::name`].
        name: &'static str,
        /// See [`Field::path`].
        path: &'static str,
        /// See [`Field::kind`].
        kind: Kind,
        /// See [`Field::unit`].
        unit: &'static str,
        /// See [`Field::default`].
        default: bool,
        /// See [`Field::doc`].
        doc: &'static str,
    }

    /// Its value in a record.
    #[must_use]
    pub fn get(self, record: &Record) -> Option<Value<'_>> {
        match self {
            Self::Fact(field) => (field.get)(&record.observation),
            Self::Verdict(field) => (field.get)(record),
        }
    }
}
