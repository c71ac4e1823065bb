//! The verdict: an observation together with its traits and matches. It can always be computed again from the
//! observation, with newer fingerprints.

mod columns;
mod explain;

use serde::{Deserialize, Serialize};

use crate::fingerprint::{FingerprintSet, Match, Traits, derive_traits};
use crate::observe::Observation;

pub use columns::{Column, FIELDS, columns};
pub use explain::explain;

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The facts.
    #[serde(flatten)]
    pub observation: Observation,
    /// What follows from them alone.
    pub traits: Traits,
    /// The fingerprints that they fit, strongest class first.
    pub matches: Vec<Match>,
    /// The hash of the fingerprints that were asked.
    pub fingerprint_set: String,
}

impl Record {
    /// The facts with their verdict.
    #[must_use]
    pub fn judge(observation: Observation, fingerprints: &FingerprintSet) -> Self {
        let traits = derive_traits(&observation);
        let matches = fingerprints.matches(&observation, &traits);
        Self { observation, traits, matches, fingerprint_set: fingerprints.hash().to_owned() }
    }

    /// The match that counts: the strongest class.
    #[must_use]
    pub fn strongest(&self) -> Option<&Match> {
        self.matches.first()
    }

    /// The matches that are findings.
    pub fn findings(&self) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(|found| found.is_finding())
    }
}
