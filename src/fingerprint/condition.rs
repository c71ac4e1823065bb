//! One condition of a fingerprint: a field, an operator, and what the observation says to it.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::Deserialize;

use super::name::{DeclaredName, declared_names};
use super::traits::{TRAITS, Traits};
use crate::observe::{FIELDS, Field, Kind, Observation, Value};

/// The pseudo-field that stands for the machine's name, wherever it is declared. Certificate and NTLM agree on every
/// honest Windows host, so they are one piece of evidence and not two.
pub(super) const COMPUTER_NAME: &str = "computer_name";

/// A compiled condition.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) subject: Subject,
    pub(super) operator: Operator,
}

/// What a condition looks at.
pub(super) enum Subject {
    ComputerName,
    Fact(&'static Field<Observation>),
    Trait(&'static str),
}

/// How it compares; texts of a computer name are held in lower case.
#[derive(Debug)]
pub(super) enum Operator {
    Equals(Vec<Expected>),
    Prefix(String),
    Regex(Regex),
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Expected {
    Text(String),
    Integer(i64),
}

/// What conditions look at: an observation and what follows from it, worked out once.
pub(super) struct View<'a> {
    observation: &'a Observation,
    pub(super) traits: &'a Traits,
    names: Vec<DeclaredName>,
}

impl<'a> View<'a> {
    pub(super) fn of(observation: &'a Observation, traits: &'a Traits) -> Self {
        Self { observation, traits, names: declared_names(observation) }
    }
}

/// Field → value as text.
pub(super) type Facts = BTreeMap<String, String>;

/// What an observation says to a condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It holds, by these facts.
    Holds(Facts),
    /// It does not hold, by these facts.
    Differs(Facts),
    /// The fields are not known.
    Unknown,
}

impl Subject {
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == COMPUTER_NAME {
            return Some(Self::ComputerName);
        }
        let fact = FIELDS.iter().find(|field| field.name == name).map(Self::Fact);
        fact.or_else(|| TRAITS.iter().find(|row| row.name == name).map(|row| Self::Trait(row.name)))
    }

    /// Whether its values are whole numbers; all others are compared as text.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Self::Fact(field) if field.kind == Kind::Integer)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ComputerName => COMPUTER_NAME,
            Self::Fact(field) => field.name,
            Self::Trait(name) => name,
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// `ntlm_build equals 20348`, `computer_name begins with copy-of-vm-`.
impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.subject.name();
        match &self.operator {
            Operator::Equals(expected) => {
                let values: Vec<String> = expected.iter().map(ToString::to_string).collect();
                write!(out, "{name} equals {}", values.join(" or "))
            }
            Operator::Prefix(prefix) => write!(out, "{name} begins with {prefix}"),
            Operator::Regex(regex) => write!(out, "{name} matches {regex}"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Integer(number) => write!(out, "{number}"),
        }
    }
}

impl Condition {
    pub(super) fn ask(&self, view: &View<'_>) -> Answer {
        match &self.subject {
            Subject::ComputerName => self.ask_names(&view.names),
            Subject::Fact(field) => match (field.get)(view.observation) {
                None => Answer::Unknown,
                Some(value) => answer(self.holds(&value), [(field.name, value.into_cell().into_owned())]),
            },
            Subject::Trait(name) => match view.traits.get(*name) {
                None => Answer::Unknown,
                Some(value) => answer(self.holds(&value.as_str().into()), [(*name, value.clone())]),
            },
        }
    }

    fn ask_names(&self, names: &[DeclaredName]) -> Answer {
        if names.is_empty() {
            return Answer::Unknown;
        }
        let (fitting, other): (Vec<_>, Vec<_>) = names.iter().partition(|name| self.fits(name));
        if fitting.is_empty() { answer(false, facts(other)) } else { answer(true, facts(fitting)) }
    }

    fn fits(&self, name: &DeclaredName) -> bool {
        match &self.operator {
            Operator::Equals(expected) => {
                expected.iter().any(|expected| matches!(expected, Expected::Text(text) if name.is(text)))
            }
            Operator::Prefix(prefix) => name.begins_with(prefix),
            // The engine folds case by Unicode; names of other alphabets are none that a fingerprint means.
            Operator::Regex(regex) => name.label.is_ascii() && regex.is_match(&name.label),
        }
    }

    /// The names that NTLM declares, where this condition on the computer name fits the certificate alone: the machine
    /// itself says that it is another one.
    pub(super) fn denied_by(&self, view: &View<'_>) -> Option<Facts> {
        if !matches!(self.subject, Subject::ComputerName) {
            return None;
        }
        let ntlm: Vec<&DeclaredName> = view.names.iter().filter(|name| name.field.starts_with("ntlm_")).collect();
        let is_denied = !ntlm.is_empty() && ntlm.iter().all(|name| !self.fits(name));
        is_denied.then(|| collect(facts(ntlm)))
    }

    fn holds(&self, value: &Value<'_>) -> bool {
        match (value, &self.operator) {
            (Value::Integer(number), Operator::Equals(expected)) => expected.contains(&Expected::Integer(*number)),
            (Value::List(items), _) => items.iter().any(|item| self.text_holds(item)),
            (value, _) => self.text_holds(&value.clone().into_cell()),
        }
    }

    fn text_holds(&self, text: &str) -> bool {
        match &self.operator {
            Operator::Equals(expected) => {
                expected.iter().any(|expected| matches!(expected, Expected::Text(wanted) if wanted == text))
            }
            Operator::Prefix(prefix) => text.starts_with(prefix),
            Operator::Regex(regex) => regex.is_match(text),
        }
    }
}

fn facts(names: Vec<&DeclaredName>) -> impl Iterator<Item = (&'static str, String)> {
    names.into_iter().map(|name| (name.field, name.value.clone()))
}

fn collect(facts: impl IntoIterator<Item = (&'static str, String)>) -> Facts {
    facts.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn answer(holds: bool, facts: impl IntoIterator<Item = (&'static str, String)>) -> Answer {
    let facts = collect(facts);
    if holds { Answer::Holds(facts) } else { Answer::Differs(facts) }
}
