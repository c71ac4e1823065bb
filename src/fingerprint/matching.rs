//! From one fingerprint and one observation to a match with its evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::Display;

use super::condition::{Answer, Condition, View};
use super::file::{Conditions, Fingerprint};
use super::traits::{NAMES_DISAGREE, TRAITS, Traits, WINDOWS_RDP_CERTIFICATE};
use super::{Class, Confidence};
use crate::observe::KeyPossession;

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
    /// `field = "value"`, joined by commas; the condition itself where it held because nothing was there. Quotation marks and backslashes inside a value are escaped, so that no value
    /// can pass for further facts.
    #[must_use]
    pub fn facts_as_text(&self) -> String {
        if self.facts.is_empty() {
            return self.condition.clone();
        }
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

/// Fields whose agreement with a condition means that the build agrees.
const BUILD: [&str; 2] = ["ntlm_build", "ntlm_product_version"];
/// Fields whose agreement with a condition means that the host shows a certificate known to be the image's own. A
/// serial number is none: anybody can write it into another certificate; and MD5 is broken.
const OWN_CERTIFICATE: [&str; 3] = ["cert_sha256", "cert_sha1", "cert_spki_sha256"];

/// Compares one observation with one fingerprint; `None` where a required condition does not hold.
pub(super) fn compare(fingerprint: &Fingerprint, view: &View<'_>) -> Option<Match> {
    let (confidence, evidence) = judge(&fingerprint.conditions, view)?;
    Some(Match { fingerprint_id: fingerprint.id.clone(), class: fingerprint.class, confidence, evidence })
}

/// What the conditions come to.
pub(super) fn judge(conditions: &Conditions, view: &View<'_>) -> Option<(Confidence, Vec<Evidence>)> {
    let evidence = |side, condition: &Condition, facts| Evidence { side, condition: condition.to_string(), facts };
    let (mut known, mut supports, mut against) = (Vec::new(), Vec::new(), Vec::new());
    let mut agreeing = Vec::new();
    for condition in &conditions.required {
        let Answer::Holds(facts) = condition.ask(view) else { return None };
        against.extend(condition.denied_by(view).map(|facts| evidence(Side::Against, condition, facts)));
        known.push(evidence(Side::For, condition, facts));
        agreeing.push(condition);
    }
    for condition in &conditions.expected {
        match condition.ask(view) {
            Answer::Holds(facts) => {
                supports.push(evidence(Side::For, condition, facts));
                agreeing.push(condition);
            }
            Answer::Differs(facts) => against.push(evidence(Side::Against, condition, facts)),
            Answer::Unknown => {}
        }
    }
    for condition in &conditions.supporting {
        if let Answer::Holds(facts) = condition.ask(view) {
            supports.push(evidence(Side::For, condition, facts));
            agreeing.push(condition);
        }
    }
    for condition in &conditions.contradicting {
        if let Answer::Holds(facts) = condition.ask(view) {
            against.push(evidence(Side::Against, condition, facts));
        }
    }
    let certificate = windows_certificate(view);
    let is_genuine = certificate.is_some();
    supports.extend(certificate);
    against.extend(contradicting_traits(view.traits));
    let agrees = |fields: &[&str]| agreeing.iter().any(|condition| condition.holds_by(fields, view));
    let confidence = if !against.is_empty() {
        Confidence::Contradicted
    } else if agrees(&OWN_CERTIFICATE) || is_genuine && holds_key(view) && agrees(&BUILD) {
        Confidence::Strong
    } else if !supports.is_empty() {
        Confidence::Supported
    } else {
        Confidence::Weak
    };
    Some((confidence, [known, supports, against].concat()))
}

fn holds_key(view: &View<'_>) -> bool {
    view.observation.tls.as_ref().is_some_and(|tls| tls.key_possession == KeyPossession::Proven)
}

/// Every fingerprint describes an image of Windows, so a certificate that only Windows writes speaks for each of them,
/// unless it is another machine's.
fn windows_certificate(view: &View<'_>) -> Option<Evidence> {
    let form = view.traits.get(WINDOWS_RDP_CERTIFICATE).filter(|form| *form == "yes")?;
    if view.traits.contains_key(NAMES_DISAGREE) {
        return None;
    }
    let mut facts = BTreeMap::from([(WINDOWS_RDP_CERTIFICATE.to_owned(), form.clone().into_owned())]);
    if holds_key(view) {
        facts.insert("key_possession".to_owned(), KeyPossession::Proven.to_string());
    }
    Some(Evidence { side: Side::For, condition: format!("{WINDOWS_RDP_CERTIFICATE} equals yes"), facts })
}

/// The marks of another stack or of a honeypot speak against every fingerprint, and so does a certificate whose key the
/// host does not hold: the name in it is somebody else's.
fn contradicting_traits(traits: &Traits) -> impl Iterator<Item = Evidence> {
    TRAITS.iter().filter_map(|row| {
        let value = traits.get(row.name).filter(|value| (row.contradicts)(value))?;
        let facts = BTreeMap::from([(row.name.to_owned(), value.clone().into_owned())]);
        Some(Evidence { side: Side::Against, condition: format!("{} equals {value}", row.name), facts })
    })
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
