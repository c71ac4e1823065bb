//! How a fingerprint proves itself: its examples give their verdicts, each of its conditions is needed for one of them,
//! and no other fingerprint claims them.

use std::collections::BTreeMap;

use toml::Spanned;

use super::complaint::{FingerprintError, FingerprintErrors};
use super::condition::{Condition, View};
use super::definition::{Conditions, Example, Fingerprint};
use super::derive_traits;
use super::file::SourceFile;
use super::matching::judge;
use super::set::FingerprintSet;
use super::{Confidence, Traits};
use crate::observe::Observation;

impl FingerprintSet {
    /// Fingerprints of `files` that match an example of the set which is not theirs, where neither of the two declares it:
    /// what they would also be found as. Their own examples are looked at by [`SourceFile::prove`].
    #[must_use]
    pub fn foreign_claims(&self, files: &[SourceFile]) -> Vec<FingerprintError> {
        let by_name: BTreeMap<&str, &SourceFile> = files.iter().map(|file| (file.name.as_str(), file)).collect();
        let file_of = |fingerprint: &Fingerprint| by_name.get(fingerprint.file.as_str());
        let declares = |owner: &Fingerprint, id: &str| {
            owner.examples.iter().any(|example| example.get_ref().also_matches.iter().any(|other| other == id))
        };
        let mut errors = Vec::new();
        for owner in self.iter().filter(|owner| file_of(owner).is_none()) {
            for example in &owner.examples {
                let Ok(seen) = Observation::from_facts(&example.get_ref().facts) else { continue };
                let found = self.matches(&seen, &derive_traits(&seen));
                let claimants = found.iter().filter_map(|found| self.get(&found.fingerprint_id));
                for claimant in
                    claimants.filter(|claimant| !declares(claimant, &owner.id) && !declares(owner, &claimant.id))
                {
                    let Some(file) = file_of(claimant) else { continue };
                    let (id, why) = (&owner.id, &example.get_ref().why);
                    let message = format!(
                        "this also matches an example of `{id}` ({why}); make it narrower, or declare it with \
                         `also_matches = [\"{id}\"]` in an example of your own that both match"
                    );
                    errors.push(file.error(claimant.id_offset, message));
                }
            }
        }
        errors
    }
}

/// How many examples, and how many counter-examples, a fingerprint must have.
const LEAST_EXAMPLES: usize = 2;

/// An example made into an observation.
struct Case<'a> {
    example: &'a Spanned<Example>,
    observation: Observation,
    traits: Traits,
    /// The verdict that it must give; a counter-example gives none.
    expected: Option<Confidence>,
}

impl Case<'_> {
    fn verdict(&self, conditions: &Conditions) -> Option<Confidence> {
        judge(conditions, &View::of(&self.observation, &self.traits)).map(|(confidence, _)| confidence)
    }

    fn offset(&self) -> usize {
        self.example.span().start
    }
}

impl SourceFile {
    /// Compiles the file and runs its examples.
    ///
    /// # Errors
    /// What does not compile, or every example that does not give its verdict.
    pub fn prove_examples(&self) -> Result<Fingerprint, FingerprintErrors> {
        let fingerprint = self.compile()?;
        let errors = match cases(self, &fingerprint) {
            Ok(cases) => run(self, &fingerprint, &cases),
            Err(errors) => errors,
        };
        FingerprintErrors::unless(errors, || fingerprint)
    }

    /// The whole proof, which a fingerprint must pass before others rely on it: two examples and two counter-examples at
    /// least, each giving its verdict; every condition needed by one of them; and nothing of `set`, of which this file is
    /// a part, matching an example that does not say so.
    ///
    /// # Errors
    /// Everything that is missing.
    pub fn prove(&self, set: &FingerprintSet) -> Result<Fingerprint, FingerprintErrors> {
        let fingerprint = self.prove_examples()?;
        let mut errors = Vec::new();
        let counts =
            [("examples", fingerprint.examples.len()), ("counter_examples", fingerprint.counter_examples.len())];
        for (key, count) in counts {
            if count < LEAST_EXAMPLES {
                let message =
                    format!("`{key}` are {count}; a fingerprint proves itself with {LEAST_EXAMPLES} at least");
                errors.push(self.error(fingerprint.id_offset, message));
            }
        }
        if let Ok(cases) = cases(self, &fingerprint) {
            errors.extend(unproven_conditions(self, &fingerprint, &cases));
            errors.extend(undeclared_matches(self, &fingerprint, &cases, set));
        }
        FingerprintErrors::unless(errors, || fingerprint)
    }
}

/// The examples and counter-examples as observations.
fn cases<'a>(file: &SourceFile, fingerprint: &'a Fingerprint) -> Result<Vec<Case<'a>>, Vec<FingerprintError>> {
    let wanted = fingerprint.examples.iter().map(|example| (example, example.get_ref().confidence));
    let unwanted = fingerprint.counter_examples.iter().map(|example| (example, None));
    let (mut cases, mut errors) = (Vec::new(), Vec::new());
    for (example, expected) in wanted.chain(unwanted) {
        match Observation::from_facts(&example.get_ref().facts) {
            Ok(observation) => {
                let traits = derive_traits(&observation);
                cases.push(Case { example, observation, traits, expected });
            }
            Err(error) => {
                let offset = file.offset_of_key(example.span().start, &error.field);
                errors.push(file.error(offset, error.message));
            }
        }
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

fn run(file: &SourceFile, fingerprint: &Fingerprint, cases: &[Case<'_>]) -> Vec<FingerprintError> {
    let wrong = cases.iter().filter_map(|case| {
        let found = case.verdict(&fingerprint.conditions);
        (found != case.expected).then_some((case, found))
    });
    let word = |confidence: Option<Confidence>| confidence.map_or("no match", Into::into);
    let complain = |(case, found): (&Case<'_>, _)| {
        let (found, expected, why) = (word(found), word(case.expected), &case.example.get_ref().why);
        let message = format!("this example ({why}) gives `{found}` where `{expected}` was expected");
        file.error(case.offset(), message)
    };
    wrong.map(complain).collect()
}

/// Takes each condition away in turn: an example must notice, or the condition is not proven.
fn unproven_conditions(file: &SourceFile, fingerprint: &Fingerprint, cases: &[Case<'_>]) -> Vec<FingerprintError> {
    let reductions = fingerprint.conditions.reductions();
    let unnoticed = reductions.iter().filter(|(_, rest)| cases.iter().all(|case| case.verdict(rest) == case.expected));
    let complain = |condition: &Condition| {
        let message = format!(
            "no example needs the condition `{condition}`: all give the same without it; add one that does, or take the \
             condition away"
        );
        file.error(condition.offset, message)
    };
    unnoticed.map(|(condition, _)| complain(condition)).collect()
}

/// Fingerprints of the set that match an example without being named in its `also_matches`, and those named there that
/// do not.
fn undeclared_matches(
    file: &SourceFile,
    fingerprint: &Fingerprint,
    cases: &[Case<'_>],
    set: &FingerprintSet,
) -> Vec<FingerprintError> {
    let mut errors = Vec::new();
    for case in cases.iter().filter(|case| case.expected.is_some()) {
        let Example { also_matches, why, .. } = case.example.get_ref();
        let found = set.matches(&case.observation, &case.traits);
        let others: Vec<&str> =
            found.iter().map(|found| found.fingerprint_id.as_str()).filter(|id| *id != fingerprint.id).collect();
        for id in others.iter().filter(|id| !also_matches.iter().any(|declared| declared == *id)) {
            let message = format!(
                "this example ({why}) is also matched by `{id}`; make one of the two narrower, or declare it with \
                 `also_matches = [\"{id}\"]`"
            );
            errors.push(file.error(case.offset(), message));
        }
        for id in also_matches.iter().filter(|id| !others.contains(&id.as_str())) {
            let message = format!("`also_matches` of this example ({why}) names `{id}`, which does not match it");
            errors.push(file.error(case.offset(), message));
        }
    }
    errors
}
