//! The TOML form of a fingerprint, and its compilation with complaints that name file, line and key.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Class;
use super::compile::{Complaint, ConditionToml, compile_all};
use super::complaint::{FingerprintError, FingerprintErrors};
use super::definition::{Conditions, Example, Fingerprint, Origin, Source, Status};
use super::period::PartialDate;
use super::text::Text;

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
    #[serde(default)]
    wording_in: BTreeMap<String, Text>,
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

impl SourceFile {
    /// Parses and compiles the file.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of its lines; of a file that is no TOML the first mistake alone.
    pub fn compile(&self) -> Result<Fingerprint, FingerprintErrors> {
        let parsed: FingerprintToml = toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            FingerprintErrors::of(vec![self.error(offset, explained(error.message(), self.line_at(offset)))])
        })?;
        compile(parsed, &self.name).map_err(|mut complaints| {
            complaints.sort_by_key(|complaint| complaint.offset);
            let errors = complaints.into_iter().map(|complaint| self.error(complaint.offset, complaint.message));
            FingerprintErrors::of(errors.collect())
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
    if parsed.wording.is_none() && !parsed.wording_in.is_empty() {
        complain(id_offset, "`wording_in` translates `wording`, which is missing; write it in English first");
    }
    if let Some((first, last)) = parsed.first_seen.as_ref().zip(parsed.last_seen.as_ref())
        && first.begins_after(last.get_ref())
    {
        complain(last.span().start, "`last_seen` lies before `first_seen`; exchange them");
    }
    let class = *parsed.class.get_ref();
    if class.needs_source() && !parsed.sources.iter().any(|source| source.in_letters) {
        let message = format!(
            "class `{class}` needs a published source that letters may cite; add a [[sources]] table or choose a weaker class"
        );
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
        wording_in: parsed.wording_in.into_iter().map(|(language, text)| (language, text.into())).collect(),
        first_seen: parsed.first_seen,
        last_seen: parsed.last_seen.map(Spanned::into_inner),
        false_positives: parsed.false_positives.into_iter().map(Into::into).collect(),
        sources: parsed.sources,
        examples: parsed.examples,
        counter_examples: parsed.counter_examples,
    })
}
