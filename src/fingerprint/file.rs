//! The TOML form of a fingerprint, and its compilation with complaints that name file, line and key.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::condition::{Condition, Expected, Operator, Subject, View};
use super::matching::compare;
use super::{Class, Confidence, TRAITS, derive_traits};
use crate::observe::{FIELDS, Observation, nearest};

/// Patterns compile to at most this many bytes, so that no file can make a scan eat memory.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A file of a set: where it came from and what stands in it.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// How the file is named in complaints.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A fingerprint, ready to compare with.
#[derive(Debug)]
pub struct Fingerprint {
    /// Unique among all that are loaded.
    pub id: String,
    /// What people call the family.
    pub name: String,
    /// What a match means.
    pub class: Class,
    /// Whether it is `experimental`, `stable` or `deprecated`.
    pub status: Status,
    /// What the image is and who used it.
    pub description: String,
    /// What may fairly be said to a customer, where the class's own wording is not exact enough.
    pub wording: Option<String>,
    /// Since when the image is known: a year, month or day.
    pub first_seen: Option<String>,
    /// When it was last reported.
    pub last_seen: Option<String>,
    /// Who else may show the same marks.
    pub false_positives: Vec<String>,
    /// Who reported it.
    pub sources: Vec<Source>,
    /// Observations that must match.
    pub examples: Vec<Spanned<Example>>,
    /// Observations that must not match.
    pub counter_examples: Vec<Spanned<Example>>,
    pub(super) required: Vec<Condition>,
    pub(super) expected: Vec<Condition>,
}

/// How settled a fingerprint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// New, or resting on one thin report.
    Experimental,
    /// Borne out.
    Stable,
    /// Kept for old data.
    Deprecated,
}

/// A published report.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Who published it.
    pub publisher: String,
    /// Its title.
    pub title: String,
    /// A year, month or day.
    pub date: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
}

/// `Microsoft, 2026-01-14`.
impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.publisher)?;
        self.date.as_ref().map_or(Ok(()), |date| write!(out, ", {date}"))
    }
}

/// An observation that a fingerprint carries to prove itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Whether somebody saw it or it was made up.
    pub origin: Origin,
    /// Where it was published, if it was observed.
    pub source: Option<String>,
    /// The verdict that an example must give.
    pub confidence: Option<Confidence>,
    /// What it shows.
    pub why: String,
    /// Field → value.
    pub facts: BTreeMap<String, serde_json::Value>,
}

/// Where an example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Somebody saw it.
    Observed,
    /// It was made up.
    Synthetic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FingerprintToml {
    id: Spanned<String>,
    name: String,
    class: Spanned<Class>,
    status: Status,
    description: String,
    wording: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    #[serde(default)]
    false_positives: Vec<String>,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    required: Vec<ConditionToml>,
    #[serde(default)]
    expected: Vec<ConditionToml>,
    #[serde(default)]
    examples: Vec<Spanned<Example>>,
    #[serde(default)]
    counter_examples: Vec<Spanned<Example>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionToml {
    field: Spanned<String>,
    equals: Option<Spanned<EqualsToml>>,
    prefix: Option<String>,
    regex: Option<Spanned<String>>,
}

/// One value or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`equals` takes a text, a whole number, or a list of them")]
enum EqualsToml {
    One(Expected),
    Several(Vec<Expected>),
}

impl EqualsToml {
    fn into_list(self) -> Vec<Expected> {
        match self {
            Self::One(value) => vec![value],
            Self::Several(values) => values,
        }
    }
}

/// What is wrong with a fingerprint file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintError {
    /// The file.
    pub file: String,
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong and what to write instead; names the key.
    pub message: String,
}

impl std::error::Error for FingerprintError {}

impl fmt::Display for FingerprintError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A complaint about a place in the text.
struct Complaint {
    offset: usize,
    message: String,
}

impl SourceFile {
    /// Parses and compiles the file.
    pub fn compile(&self) -> Result<Fingerprint, FingerprintError> {
        let parsed: FingerprintToml = toml::from_str(&self.text).map_err(|error| {
            self.error(&Complaint {
                offset: error.span().map_or(0, |span| span.start),
                message: error.message().replace('\n', " "),
            })
        })?;
        compile(parsed).map_err(|complaint| self.error(&complaint))
    }

    /// Compiles the file and runs its examples.
    pub fn prove(&self) -> Result<Fingerprint, FingerprintError> {
        let fingerprint = self.compile()?;
        let wanted = fingerprint.examples.iter().map(|example| (example, example.get_ref().confidence));
        let unwanted = fingerprint.counter_examples.iter().map(|example| (example, None));
        for (example, expected) in wanted.chain(unwanted) {
            let complain = |message| self.error(&Complaint { offset: example.span().start, message });
            let why = &example.get_ref().why;
            let observation = Observation::from_facts(&example.get_ref().facts)
                .map_err(|error| complain(format!("`facts` of this example ({why}) are wrong: {error}")))?;
            let found = compare(&fingerprint, &View::of(&observation, &derive_traits(&observation)))
                .map(|found| found.confidence);
            if found != expected {
                let word = |confidence: Option<Confidence>| confidence.map_or("no match", Into::into);
                let (found, expected) = (word(found), word(expected));
                return Err(complain(format!("this example ({why}) gives `{found}` where `{expected}` was expected")));
            }
        }
        Ok(fingerprint)
    }

    fn error(&self, complaint: &Complaint) -> FingerprintError {
        let before = self.text.get(..complaint.offset).unwrap_or(&self.text);
        FingerprintError {
            file: self.name.clone(),
            line: before.matches('\n').count() + 1,
            message: complaint.message.clone(),
        }
    }
}

fn compile(parsed: FingerprintToml) -> Result<Fingerprint, Complaint> {
    let class = *parsed.class.get_ref();
    let complain = |offset, message: &str| Err(Complaint { offset, message: message.to_owned() });
    let id = parsed.id.get_ref();
    let is_id_character =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if id.is_empty() || !id.chars().all(is_id_character) {
        return complain(parsed.id.span().start, "`id` may hold only a-z, 0-9 and `-`, and must not be empty");
    }
    if class.needs_source() && parsed.sources.is_empty() {
        let message =
            format!("class `{class}` needs a published source; add a [[sources]] table or choose a weaker class");
        return complain(parsed.class.span().start, &message);
    }
    if parsed.required.is_empty() {
        return complain(0, "`required` is missing: without a required condition every host would match");
    }
    if let Some(example) = parsed.examples.iter().find(|example| example.get_ref().confidence.is_none()) {
        return complain(example.span().start, "`confidence` is missing: an example says which verdict it must give");
    }
    let compile_all =
        |conditions: Vec<ConditionToml>| conditions.into_iter().map(compile_condition).collect::<Result<Vec<_>, _>>();
    Ok(Fingerprint {
        required: compile_all(parsed.required)?,
        expected: compile_all(parsed.expected)?,
        id: parsed.id.into_inner(),
        name: parsed.name,
        class,
        status: parsed.status,
        description: parsed.description,
        wording: parsed.wording,
        first_seen: parsed.first_seen,
        last_seen: parsed.last_seen,
        false_positives: parsed.false_positives,
        sources: parsed.sources,
        examples: parsed.examples,
        counter_examples: parsed.counter_examples,
    })
}

fn compile_condition(parsed: ConditionToml) -> Result<Condition, Complaint> {
    let ConditionToml { field, equals, prefix, regex } = parsed;
    let offset = field.span().start;
    let complain = |message: String| Complaint { offset, message };
    let subject = Subject::named(field.get_ref()).ok_or_else(|| complain(unknown_field(field.get_ref())))?;
    let (name, ignore_case) = (subject.name(), matches!(subject, Subject::ComputerName));
    let fold = |text: String| if ignore_case { text.to_ascii_lowercase() } else { text };
    if subject.is_integer() && (prefix.is_some() || regex.is_some()) {
        return Err(complain(format!("`{name}` is a whole number; compare it with `equals = 17763`")));
    }
    let operator = match (equals, prefix, regex) {
        (Some(equals), None, None) => {
            let values = equals.into_inner().into_list();
            let is_fitting = |value: &Expected| matches!(value, Expected::Integer(_)) == subject.is_integer();
            if !values.iter().all(is_fitting) {
                let example = if subject.is_integer() { "a whole number, without quotes" } else { "a text, in quotes" };
                return Err(complain(format!("`equals` must give `{name}` {example}")));
            }
            if values.is_empty() || values.contains(&Expected::Text(String::new())) {
                return Err(complain("`equals` must not be empty".to_owned()));
            }
            let fold = |value| match value {
                Expected::Text(text) => Expected::Text(fold(text)),
                number @ Expected::Integer(_) => number,
            };
            Operator::Equals(values.into_iter().map(fold).collect())
        }
        (None, Some(prefix), None) if prefix.is_empty() => {
            return Err(complain("`prefix` must not be empty, or every host would match".to_owned()));
        }
        (None, Some(prefix), None) => Operator::Prefix(fold(prefix)),
        (None, None, Some(regex)) => Operator::Regex(compile_regex(&regex, ignore_case)?),
        _ => return Err(complain("a condition needs exactly one of `equals`, `prefix` and `regex`".to_owned())),
    };
    Ok(Condition { subject, operator })
}

/// The pattern must match the whole text, so that nobody forgets the anchors.
fn compile_regex(pattern: &Spanned<String>, ignore_case: bool) -> Result<Regex, Complaint> {
    RegexBuilder::new(&format!("^(?:{})$", pattern.get_ref()))
        .case_insensitive(ignore_case)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| {
            let cause = error.to_string();
            let last_line = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Complaint { offset: pattern.span().start, message: format!("`regex` does not compile: {last_line}") }
        })
}

fn unknown_field(name: &str) -> String {
    let known = FIELDS.iter().map(|field| field.name).chain(TRAITS.iter().map(|row| row.name));
    let hint = nearest(name, known).map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
    format!("`field` names `{name}`, which is no field of a record{hint} (`rdprint scan --list-fields` lists them)")
}
