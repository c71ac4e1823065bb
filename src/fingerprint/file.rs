//! The TOML form of a fingerprint, and its compilation with complaints that name file, line and key.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};
use toml::Spanned;

use super::compile::{Complaint, ConditionToml, compile_all};
use super::condition::{Condition, NAMES, without_one};
use super::period::PartialDate;
use super::{Class, Confidence};
use crate::visible::is_hidden;

/// Conditions of one file; its proof takes each away in turn.
const MOST_CONDITIONS: usize = 200;

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
    /// The file that it stands in.
    pub file: String,
    /// Unique among all that are loaded.
    pub id: String,
    /// The embedded fingerprint that this one replaces.
    pub overrides: Option<String>,
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
    /// Since when the image is known.
    pub first_seen: Option<PartialDate>,
    /// When it was last reported.
    pub last_seen: Option<PartialDate>,
    /// Who else may show the same marks.
    pub false_positives: Vec<String>,
    /// Who reported it.
    pub sources: Vec<Source>,
    /// Observations that must match.
    pub examples: Vec<Spanned<Example>>,
    /// Observations that must not match.
    pub counter_examples: Vec<Spanned<Example>>,
    pub(super) conditions: Conditions,
    /// Where `id` stands in the file, for complaints that only a whole set can have.
    pub(super) id_offset: usize,
}

/// What a fingerprint asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// Every one must hold.
    pub(super) required: Vec<Condition>,
    /// Supports where it holds, contradicts where it does not.
    pub(super) expected: Vec<Condition>,
    /// Supports where it holds.
    pub(super) supporting: Vec<Condition>,
    /// Contradicts where it holds.
    pub(super) contradicting: Vec<Condition>,
}

impl Conditions {
    /// The four lists by the names of their tables.
    fn lists(&self) -> [(&'static str, &Vec<Condition>); 4] {
        [
            ("required", &self.required),
            ("expected", &self.expected),
            ("supporting", &self.supporting),
            ("contradicting", &self.contradicting),
        ]
    }

    /// Every way to take one condition away: which one, and the rest.
    pub(super) fn reductions(&self) -> Vec<(&Condition, Self)> {
        let required = without_one(&self.required).map(|(gone, list)| (gone, Self { required: list, ..self.clone() }));
        let expected = without_one(&self.expected).map(|(gone, list)| (gone, Self { expected: list, ..self.clone() }));
        let supporting =
            without_one(&self.supporting).map(|(gone, list)| (gone, Self { supporting: list, ..self.clone() }));
        let contradicting =
            without_one(&self.contradicting).map(|(gone, list)| (gone, Self { contradicting: list, ..self.clone() }));
        required.chain(expected).chain(supporting).chain(contradicting).collect()
    }
}

impl Fingerprint {
    /// What may fairly be said to a customer: the fingerprint's own words, or those of its class.
    #[must_use]
    pub fn fair_wording(&self) -> String {
        let source = self.sources.first().map_or_else(|| "no source given".to_owned(), ToString::to_string);
        let own = self.wording.clone();
        one_line(&own.unwrap_or_else(|| self.class.wording(&self.name, &source, self.mark())))
    }

    /// What a host must show, as a customer would call it.
    fn mark(&self) -> &'static str {
        let asks_for = |is_it: fn(&str) -> bool| {
            let mut tests = self.conditions.required.iter().flat_map(Condition::tests);
            tests.any(|test| is_it(test.subject.name()))
        };
        if asks_for(|field| NAMES.contains(&field)) {
            "the computer name"
        } else if asks_for(|field| field.starts_with("cert_")) {
            "the certificate"
        } else {
            "the marks"
        }
    }

    /// Whether a name is among what it requires.
    #[must_use]
    pub fn requires_name(&self) -> bool {
        self.mark() == "the computer name"
    }

    /// Its conditions as sentences, each with the list in which it stands.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.conditions
            .lists()
            .into_iter()
            .flat_map(|(name, list)| list.iter().map(move |condition| (name, condition.to_string())))
    }
}

/// Text of a file on one line, as paragraphs are set elsewhere.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How settled a fingerprint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Status {
    /// New, or resting on one thin report.
    Experimental,
    /// Borne out.
    Stable,
    /// Kept for old data.
    Deprecated,
}

/// A published report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Who published it.
    pub publisher: Text,
    /// Its title.
    pub title: Text,
    /// When.
    pub date: Option<PartialDate>,
    /// Where it can be read.
    pub url: Option<WebAddress>,
}

impl Source {
    /// Publisher, date, title and address, as a note cites them.
    #[must_use]
    pub fn citation(&self) -> String {
        let url = self.url.as_ref().map_or(String::new(), |url| format!(" <{url}>"));
        format!("{self}: {}{url}", self.title)
    }
}

/// A text for people: not empty, and without characters that nobody can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("a text that people read must not be empty");
        }
        if text.contains(|character| is_hidden(character) && character != '\n') {
            return Err("a text that people read must not hold characters that nobody can see");
        }
        Ok(Self(one_line(&text)))
    }
}

impl Text {
    /// A text of our own.
    pub(super) fn ours(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An address that begins with `https://` or `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebAddress(String);

impl TryFrom<String> for WebAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_web = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
        if is_web { Ok(Self(text)) } else { Err("a `url` begins with https:// or http://") }
    }
}

impl From<WebAddress> for String {
    fn from(address: WebAddress) -> Self {
        address.0
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// `Microsoft, 2026-01-14`.
impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.publisher)?;
        self.date.as_ref().map_or(Ok(()), |date| write!(out, ", {date}"))
    }
}

/// An observation that a fingerprint carries to prove itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Whether somebody saw it or it was made up.
    pub origin: Origin,
    /// Where it was published, if it was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The verdict that an example must give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Other fingerprints that match this example too, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_matches: Vec<String>,
    /// What it shows.
    pub why: Text,
    /// Field → value.
    pub facts: BTreeMap<String, serde_json::Value>,
}

/// Where an example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    overrides: Option<String>,
    name: Text,
    class: Spanned<Class>,
    status: Status,
    description: Text,
    wording: Option<Text>,
    first_seen: Option<PartialDate>,
    last_seen: Option<Spanned<PartialDate>>,
    #[serde(default)]
    false_positives: Vec<Text>,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    required: Vec<Spanned<ConditionToml>>,
    #[serde(default)]
    expected: Vec<Spanned<ConditionToml>>,
    #[serde(default)]
    supporting: Vec<Spanned<ConditionToml>>,
    #[serde(default)]
    contradicting: Vec<Spanned<ConditionToml>>,
    #[serde(default)]
    examples: Vec<Spanned<Example>>,
    #[serde(default)]
    counter_examples: Vec<Spanned<Example>>,
}

/// What is wrong with a fingerprint file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// All that is wrong with some files, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintErrors(Vec<FingerprintError>);

impl FingerprintErrors {
    /// The value if nothing is wrong.
    pub(super) fn unless<T>(errors: Vec<FingerprintError>, value: impl FnOnce() -> T) -> Result<T, Self> {
        if errors.is_empty() { Ok(value()) } else { Err(Self(errors)) }
    }

    /// Each of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<FingerprintError> {
        self.0
    }
}

impl std::error::Error for FingerprintErrors {}

/// The first, and how many more there are.
impl fmt::Display for FingerprintErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.split_first() else { return Ok(()) };
        write!(out, "{first}")?;
        if others.is_empty() {
            return Ok(());
        }
        write!(out, " (and {} more; `rdprint fingerprints check` lists them)", others.len())
    }
}

impl SourceFile {
    /// Parses and compiles the file.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of its lines; of a file that is no TOML the first mistake alone.
    pub fn compile(&self) -> Result<Fingerprint, FingerprintErrors> {
        let parsed: FingerprintToml = toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            FingerprintErrors(vec![self.error(offset, explained(error.message(), self.line_at(offset)))])
        })?;
        compile(parsed, &self.name).map_err(|mut complaints| {
            complaints.sort_by_key(|complaint| complaint.offset);
            let errors = complaints.into_iter().map(|complaint| self.error(complaint.offset, complaint.message));
            FingerprintErrors(errors.collect())
        })
    }

    /// Where the line begins that gives `key` a value, from `start` on; `start` itself if no line does.
    pub(super) fn offset_of_key(&self, start: usize, key: &str) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let mut offset = start;
        for line in rest.split_inclusive('\n') {
            let after = line.trim_start().strip_prefix(key);
            if after.is_some_and(|after| after.trim_start().starts_with('=')) {
                return offset;
            }
            offset += line.len();
        }
        start
    }

    /// The line that holds this place, as far as it helps to find it.
    fn line_at(&self, offset: usize) -> &str {
        let before = self.text.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim()
    }

    /// A complaint about the place that many bytes from the start.
    pub(super) fn error(&self, offset: usize, message: String) -> FingerprintError {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        FingerprintError { file: self.name.clone(), line: before.matches('\n').count() + 1, message }
    }
}

/// What the TOML reader says, with the line that it says it of and, for the commonest slips, what to write instead.
fn explained(message: &str, line: &str) -> String {
    const SLIPS: [(&str, &str); 4] = [
        ("map, expected a sequence", "; a list of tables is written [[…]], a list of conditions [ { … } ]"),
        ("map, expected a string", "; `not` takes one condition in { }, and texts stand in quotes"),
        ("as i128", "; a number this large is written in hexadecimal, in quotes"),
        ("a value is a text", "; several values are written with `one_of`"),
    ];
    let way_out = SLIPS.iter().find(|(slip, _)| message.contains(slip)).map_or("", |(_, way_out)| way_out);
    let line: String = line.chars().take(60).collect();
    format!("{}{way_out} (`{line}`)", message.replace('\n', " "))
}

fn compile(parsed: FingerprintToml, file: &str) -> Result<Fingerprint, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let conditions = Conditions {
        required: compile_all(parsed.required, &mut complaints),
        expected: compile_all(parsed.expected, &mut complaints),
        supporting: compile_all(parsed.supporting, &mut complaints),
        contradicting: compile_all(parsed.contradicting, &mut complaints),
    };
    let mut complain = |offset, message: &str| complaints.push(Complaint { offset, message: message.to_owned() });
    let is_id_character =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let (id, id_offset) = (parsed.id.get_ref(), parsed.id.span().start);
    if id.is_empty() || !id.chars().all(is_id_character) {
        complain(id_offset, "`id` may hold only a-z, 0-9 and `-`, and must not be empty");
    }
    if let Some((first, last)) = parsed.first_seen.as_ref().zip(parsed.last_seen.as_ref())
        && first.begins_after(last.get_ref())
    {
        complain(last.span().start, "`last_seen` lies before `first_seen`; exchange them");
    }
    let class = *parsed.class.get_ref();
    if class.needs_source() && parsed.sources.is_empty() {
        let message =
            format!("class `{class}` needs a published source; add a [[sources]] table or choose a weaker class");
        complain(parsed.class.span().start, &message);
    }
    for example in &parsed.examples {
        if example.get_ref().confidence.is_none() {
            complain(example.span().start, "`confidence` is missing: an example says which verdict it must give");
        }
    }
    for example in &parsed.counter_examples {
        let Example { confidence, also_matches, .. } = example.get_ref();
        if confidence.is_some() || !also_matches.is_empty() {
            complain(
                example.span().start,
                "a counter-example matches nothing; move it to [[examples]] or take `confidence` and `also_matches` away",
            );
        }
    }
    for example in parsed.examples.iter().chain(&parsed.counter_examples) {
        if example.get_ref().origin == Origin::Observed && example.get_ref().source.is_none() {
            complain(example.span().start, "`source` is missing: an observed example says where it was published");
        }
    }
    let count: usize = conditions.lists().iter().flat_map(|(_, list)| list.iter()).map(|one| one.tests().len()).sum();
    if count > MOST_CONDITIONS {
        let message = format!(
            "{count} conditions are more than {MOST_CONDITIONS}; list values with `one_of`, or write several fingerprints"
        );
        complaints.push(Complaint { offset: 0, message });
    }
    // A required condition that did not compile has its own complaint.
    if conditions.required.is_empty() && complaints.is_empty() {
        let message = "`required` is missing: without a required condition every host would match".to_owned();
        complaints.push(Complaint { offset: 0, message });
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    Ok(Fingerprint {
        conditions,
        id_offset,
        file: file.to_owned(),
        id: parsed.id.into_inner(),
        overrides: parsed.overrides,
        name: parsed.name.into(),
        class,
        status: parsed.status,
        description: parsed.description.into(),
        wording: parsed.wording.map(Into::into),
        first_seen: parsed.first_seen,
        last_seen: parsed.last_seen.map(Spanned::into_inner),
        false_positives: parsed.false_positives.into_iter().map(Into::into).collect(),
        sources: parsed.sources,
        examples: parsed.examples,
        counter_examples: parsed.counter_examples,
    })
}
