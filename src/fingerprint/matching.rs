//! From one fingerprint and one observation to a match with its evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::Display;

use super::condition::{Answer, Condition, View};
use super::definition::{Conditions, Fingerprint};
use super::traits::{BUILD_UNKNOWN, NAMES_DISAGREE, TRAITS, Traits, WINDOWS_RDP_CERTIFICATE, Weight};
use super::{Class, Confidence};
use crate::knowledge::signature_algorithms;
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
    /// `field = "value"`, joined by commas; the condition itself where nothing was there to quote. Quotation marks and
    /// backslashes inside a value are escaped, so that no value can pass for further facts.
    #[must_use]
    pub fn facts_as_text(&self) -> String {
        if self.facts.is_empty() {
            return format!("{}: nothing was there", self.condition);
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
    let repeats_name = |condition: &Condition| {
        condition.holds_by_name_alone(view)
            && conditions.required.iter().any(|required| required.holds_by_name_alone(view))
    };
    for (condition, may_contradict) in conditions
        .expected
        .iter()
        .map(|condition| (condition, true))
        .chain(conditions.supporting.iter().map(|condition| (condition, false)))
    {
        match condition.ask(view) {
            Answer::Holds(facts) => {
                let piece = evidence(Side::For, condition, facts);
                // The name again is no second piece of evidence.
                if repeats_name(condition) {
                    known.push(piece);
                } else {
                    supports.push(piece);
                }
                agreeing.push(condition);
            }
            Answer::Differs(facts) if may_contradict => against.push(evidence(Side::Against, condition, facts)),
            Answer::Differs(_) | Answer::Unknown => {}
        }
    }
    for condition in &conditions.contradicting {
        if let Answer::Holds(facts) = condition.ask(view) {
            against.push(evidence(Side::Against, condition, facts));
        }
    }
    let certificate = windows_certificate(view);
    let is_genuine =
        certificate.is_some() && !view.traits.contains_key(BUILD_UNKNOWN) && is_signed_as_build_signs(view);
    supports.extend(certificate);
    let (lowering, contradicting) = traits_against(view.traits);
    against.extend(contradicting);
    let agrees = |fields: &[&str]| agreeing.iter().any(|condition| condition.holds_by(fields, view));
    let confidence = if !against.is_empty() {
        Confidence::Contradicted
    } else if !lowering.is_empty() {
        Confidence::Weak
    } else if agrees(&OWN_CERTIFICATE) || is_genuine && holds_key(view) && agrees(&BUILD) {
        Confidence::Strong
    } else if !supports.is_empty() {
        Confidence::Supported
    } else {
        Confidence::Weak
    };
    Some((confidence, [known, supports, against, lowering].concat()))
}

/// Whether the certificate is signed as the build that NTLM declares signs its own; `true` where no one knows.
fn is_signed_as_build_signs(view: &View<'_>) -> bool {
    let used = view.observation.leaf().and_then(|leaf| leaf.signature_algorithm.as_ref());
    let known = view.observation.ntlm_build().and_then(signature_algorithms);
    used.zip(known).is_none_or(|(used, known)| known.value.contains(used))
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

/// Traits that speak against every fingerprint: those that lower a match, and those that contradict it.
fn traits_against(traits: &Traits) -> (Vec<Evidence>, Vec<Evidence>) {
    let weighed = TRAITS.iter().filter_map(|row| {
        let value = traits.get(row.name)?;
        let facts = BTreeMap::from([(row.name.to_owned(), value.clone().into_owned())]);
        let piece = Evidence { side: Side::Against, condition: format!("{} equals {value}", row.name), facts };
        Some(((row.weight)(value), piece)).filter(|(weight, _)| *weight > Weight::Nothing)
    });
    let (lowering, contradicting): (Vec<_>, Vec<_>) = weighed.partition(|(weight, _)| *weight == Weight::Lowers);
    let pieces = |list: Vec<(Weight, Evidence)>| list.into_iter().map(|(_, piece)| piece).collect();
    (pieces(lowering), pieces(contradicting))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
