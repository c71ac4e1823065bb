//! What a fingerprint is, once its file is understood.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};
use toml::Spanned;

use super::condition::{Condition, NAMES, without_one};
use super::period::PartialDate;
use super::text::{Text, WebAddress, one_line};
use super::{Class, Confidence};

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
    /// The same in other languages, by their tags (`de`, `fr`).
    pub wording_in: BTreeMap<String, String>,
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
    pub(super) fn lists(&self) -> [(&'static str, &Vec<Condition>); 4] {
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
    /// What may fairly be said to a customer: the fingerprint's own words, or those of its class; and what its class asks,
    /// unless its own words ask it already.
    #[must_use]
    pub fn fair_wording(&self) -> String {
        let source = self.sources.first().map_or_else(|| "no source given".to_owned(), ToString::to_string);
        let own = self.wording.clone();
        let said = one_line(&own.unwrap_or_else(|| self.class.wording(&self.name, &source, self.mark())));
        match self.class.request().filter(|request| !said.contains(request)) {
            Some(request) => format!("{said} {request}"),
            None => said,
        }
    }

    /// The fingerprint's own words in a language, or in English where there are none in it; `None` if those of its class
    /// are exact enough.
    #[must_use]
    pub fn own_wording(&self, language: &str) -> Option<String> {
        let translated = self.wording_in.get(language).filter(|_| language != "en");
        translated.or(self.wording.as_ref()).map(|text| one_line(text))
    }

    /// What a host must show, in a word for templates: `name`, `certificate` or `marks`.
    #[must_use]
    pub fn shows(&self) -> &'static str {
        self.mark().rsplit(' ').next().unwrap_or_default()
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
    /// Whether letters cite it. A customer cannot look up what has neither address nor publisher, and a title that tells of
    /// crimes reads as an accusation.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub in_letters: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

impl Source {
    /// Publisher, date, title and address, as a note cites them.
    #[must_use]
    pub fn citation(&self) -> String {
        let url = self.url.as_ref().map_or(String::new(), |url| format!(" <{url}>"));
        format!("{self}: {}{url}", self.title)
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
