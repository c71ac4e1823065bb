//! From one fingerprint and one observation to a match with its evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::Display;

use super::condition::{Answer, View};
use super::file::Fingerprint;
use super::{Class, Confidence, TRAITS, Traits};

/// A fingerprint that an observation fits, with what spoke for and against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Which fingerprint.
    pub fingerprint_id: String,
    /// Its class.
    pub class: Class,
    /// How well the facts bear it out.
    pub confidence: Confidence,
    /// Every piece of evidence, those for it first.
    pub evidence: Vec<Evidence>,
}

/// One piece of evidence. Several fields may make up one piece: certificate and NTLM name are the same declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// For or against.
    pub side: Side,
    /// The condition that was asked, as a short sentence.
    pub condition: String,
    /// Field → value, as observed.
    pub facts: BTreeMap<String, String>,
}

impl Evidence {
    /// `field = "value"`, joined by commas. Quotation marks and backslashes inside a value are escaped, so that no value
    /// can pass for further facts.
    #[must_use]
    pub fn facts_as_text(&self) -> String {
        let quoted = |value: &String| value.replace('\\', "\\\\").replace('"', "\\\"");
        let facts = self.facts.iter().map(|(field, value)| format!("{field} = \"{}\"", quoted(value)));
        facts.collect::<Vec<_>>().join(", ")
    }
}

/// Which way a piece of evidence speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Side {
    /// It supports the match.
    For,
    /// It contradicts the match.
    Against,
}

impl Match {
    /// Whether this is a finding: an accusing class that no fact contradicts.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        !self.class.is_informational() && self.confidence > Confidence::Contradicted
    }

    /// Whether more than the name bears it out.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.confidence >= Confidence::Supported
    }
}

/// Compares one observation with one fingerprint; `None` where a required condition does not hold.
pub(super) fn compare(fingerprint: &Fingerprint, view: &View<'_>) -> Option<Match> {
    let (mut evidence, mut against) = (Vec::new(), Vec::new());
    for condition in &fingerprint.required {
        let Answer::Holds(facts) = condition.ask(view) else { return None };
        if let Some(facts) = condition.denied_by(view) {
            against.push(Evidence { side: Side::Against, condition: condition.to_string(), facts });
        }
        evidence.push(Evidence { side: Side::For, condition: condition.to_string(), facts });
    }
    let required = evidence.len();
    for condition in &fingerprint.expected {
        let name = condition.to_string();
        match condition.ask(view) {
            Answer::Holds(facts) => evidence.push(Evidence { side: Side::For, condition: name, facts }),
            Answer::Differs(facts) => against.push(Evidence { side: Side::Against, condition: name, facts }),
            Answer::Unknown => {}
        }
    }
    against.extend(contradicting_traits(view.traits));
    let confidence = if !against.is_empty() {
        Confidence::Contradicted
    } else if evidence.len() > required {
        Confidence::Supported
    } else {
        Confidence::Weak
    };
    evidence.extend(against);
    Some(Match { fingerprint_id: fingerprint.id.clone(), class: fingerprint.class, confidence, evidence })
}

/// Every fingerprint describes an image of Windows, so the marks of another stack speak against all of them, and so
/// does a certificate whose key the host does not hold: the name in it is somebody else's.
fn contradicting_traits(traits: &Traits) -> impl Iterator<Item = Evidence> {
    TRAITS.iter().filter_map(|row| {
        let value = traits.get(row.name)?;
        let facts = BTreeMap::from([(row.name.to_owned(), value.clone())]);
        Some(Evidence { side: Side::Against, condition: format!("{} absent", row.name), facts })
    })
}
