//! Cases: findings bound to an endpoint, a fingerprint, a name or key, and a customer.

use std::collections::HashMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::Customers;
use crate::change::Shown;
use crate::fingerprint::{Class, Confidence, Fingerprint, Match};

/// How a case stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// The customer is to be told.
    Open,
    /// The customer was told.
    Notified,
    /// It is settled. If the same is seen there again, it is open again.
    Resolved,
    /// It was a mistake, for a stated reason. It stays one while everything that it is bound to stays.
    FalsePositive,
}

/// When something happened: in which order, and at what time by the clock of that day. Clocks jump, so the order is the
/// history's own, and the time only tells apart what an earlier schema did not number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Timestamp", into = "Timestamp")]
pub struct Moment {
    /// Later looks and events have higher numbers.
    pub turn: i64,
    /// The time.
    pub at: Timestamp,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { turn: 0, at }
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        moment.at
    }
}

/// What a case is bound to: if any of it is another, it is another case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Binding {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// The fingerprint.
    pub fingerprint_id: String,
    /// `name WIN-…` where the fingerprint asks for a name, otherwise `key …`.
    pub identity: String,
    /// The customer whose address it was when it was seen.
    pub customer_id: String,
}

/// A case as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its number, from 1 on.
    pub id: i64,
    /// What it is bound to.
    #[serde(flatten)]
    pub binding: Binding,
    /// The fingerprint's class at the last look.
    pub class: Class,
    /// How well it was borne out at the last look that showed it.
    pub confidence: Confidence,
    /// How it stands.
    pub state: State,
    /// Since when it stands so.
    pub since: Moment,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was opened.
    pub opened: Timestamp,
    /// The first look that showed it.
    pub first_seen: Moment,
    /// The last look that showed it.
    pub last_seen: Moment,
}

/// A finding at an endpoint that more than a name bears out, and that no rule holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// The fingerprint.
    pub fingerprint_id: String,
    /// See [`identity`].
    pub identity: String,
    /// Its class.
    pub class: Class,
    /// How well it is borne out.
    pub confidence: Confidence,
    /// The first look that showed it.
    pub first_seen: Moment,
    /// The last look.
    pub last_seen: Moment,
}

/// What the findings of a moment mean for the cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouped {
    /// Cases that are not there yet.
    pub new: Vec<(Binding, Finding)>,
    /// Cases that are there, by their numbers, and were seen again.
    pub seen: Vec<(i64, Finding)>,
    /// Those among them that were resolved before they were seen again.
    pub returned: Vec<i64>,
    /// Findings at addresses of no customer.
    pub unowned: Vec<Finding>,
}

/// What a case is bound to beside endpoint and fingerprint: the name where the fingerprint asks for one, since a copy keeps
/// that when its certificate is renewed; the public key otherwise.
#[must_use]
pub fn identity(fingerprint: &Fingerprint, shown: &Shown) -> String {
    let name = shown.name.as_ref().filter(|_| fingerprint.requires_name());
    match (name, shown.key()) {
        (Some(name), _) => format!("name {}", name.to_uppercase()),
        (None, Some(key)) => format!("key {key}"),
        (None, None) => "nothing".to_owned(),
    }
}

/// The match that a customer is told: the first, hence strongest, that accuses, that more than a name bears out, and that
/// nothing holds back.
#[must_use]
pub fn told(matches: &[Match], is_silenced: impl Fn(&Match) -> bool) -> Option<&Match> {
    matches.iter().find(|found| found.is_finding() && found.is_supported() && !is_silenced(found))
}

/// Puts every finding to the case that it belongs to. The customer is the one whose address it was when it was seen.
#[must_use]
pub fn group(findings: Vec<Finding>, customers: &Customers, known: &[Case]) -> Grouped {
    let known: HashMap<&Binding, &Case> = known.iter().map(|case| (&case.binding, case)).collect();
    let mut grouped = Grouped::default();
    for finding in findings {
        let Some(owner) = customers.owner(finding.endpoint.ip(), finding.last_seen.at) else {
            grouped.unowned.push(finding);
            continue;
        };
        let binding = Binding {
            endpoint: finding.endpoint,
            fingerprint_id: finding.fingerprint_id.clone(),
            identity: finding.identity.clone(),
            customer_id: owner.customer_id.to_owned(),
        };
        match known.get(&binding) {
            None => {
                // What was seen while the address was another's is not this customer's to hear of.
                let was_theirs = customers
                    .owner(finding.endpoint.ip(), finding.first_seen.at)
                    .is_some_and(|then| then.customer_id == owner.customer_id);
                let first_seen = if was_theirs { finding.first_seen } else { finding.last_seen };
                grouped.new.push((binding, Finding { first_seen, ..finding }));
            }
            Some(case) => {
                if case.state == State::Resolved && finding.last_seen > case.since {
                    grouped.returned.push(case.id);
                }
                grouped.seen.push((case.id, finding));
            }
        }
    }
    grouped
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
