//! `rdprint fingerprints check` and `test`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::load::read_all;
use super::print_json;
use crate::command::{Exit, Failure};
use crate::fingerprint::{Fingerprint, FingerprintError, FingerprintSet, SourceFile};
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct CheckFlags {
    /// Files, and folders whose `.toml` files are all taken
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,

    /// One JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TestFlags {
    /// Files, and folders whose `.toml` files are all taken; those of rdprint itself if left out
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,

    /// One JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

/// What came of a run.
struct Outcome {
    verb: &'static str,
    files: usize,
    counts: Counts,
    problems: Vec<FingerprintError>,
    /// Whether a scan would load the files all the same.
    would_load: bool,
}

/// How much was looked at, in the files that are right.
#[derive(Default)]
struct Counts {
    conditions: usize,
    examples: usize,
    counter_examples: usize,
}

impl Counts {
    fn add(&mut self, fingerprint: &Fingerprint) {
        self.conditions += fingerprint.conditions().count();
        self.examples += fingerprint.examples.len();
        self.counter_examples += fingerprint.counter_examples.len();
    }
}

/// What a scan would do on loading: compile everything, and run the examples.
pub(super) fn check(flags: &CheckFlags) -> Result<Exit, Failure> {
    let (files, unreadable) = read_all(&flags.paths);
    let mut outcome = Outcome::of("correct", &files, unreadable);
    match FingerprintSet::embedded_with(files.clone()) {
        Ok(set) => {
            let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let own = set.iter().filter(|fingerprint| names.contains(fingerprint.file.as_str()));
            own.for_each(|fingerprint| outcome.counts.add(fingerprint));
        }
        Err(errors) => outcome.problems.extend(errors.into_vec()),
    }
    outcome.would_load = outcome.problems.is_empty();
    outcome.tell(flags.json)
}

pub(super) fn test(flags: &TestFlags) -> Result<Exit, Failure> {
    let (own, unreadable) = read_all(&flags.paths);
    let files = if flags.paths.is_empty() { FingerprintSet::embedded_files().collect() } else { own.clone() };
    let mut outcome = Outcome::of("proven", &files, unreadable);
    match FingerprintSet::embedded_with(own) {
        Ok(set) => {
            outcome.would_load = outcome.problems.is_empty();
            outcome.prove(&files, &set);
        }
        // What does not stand on its own cannot be held against others.
        Err(errors) => outcome.problems.extend(errors.into_vec()),
    }
    outcome.tell(flags.json)
}

impl Outcome {
    fn of(verb: &'static str, files: &[SourceFile], problems: Vec<FingerprintError>) -> Self {
        Self { verb, files: files.len(), counts: Counts::default(), problems, would_load: false }
    }

    fn prove(&mut self, files: &[SourceFile], set: &FingerprintSet) {
        for file in files {
            match file.prove(set) {
                Ok(fingerprint) => self.counts.add(&fingerprint),
                Err(errors) => self.problems.extend(errors.into_vec()),
            }
        }
        self.problems.extend(set.foreign_claims(files));
    }

    /// Complaints are talk and go to standard error; as JSON they are the answer.
    fn tell(self, as_json: bool) -> Result<Exit, Failure> {
        let Self { verb, files, counts, problems, would_load } = self;
        let Counts { conditions, examples, counter_examples } = counts;
        let is_good = problems.is_empty();
        if as_json {
            let exit = print_json(&json!({
                "ok": is_good, "files": files, "conditions": conditions, "examples": examples,
                "counter_examples": counter_examples, "problems": problems,
            }))?;
            return Ok(if is_good { exit } else { Exit::Usage });
        }
        for problem in &problems {
            eprintln!("{}", visible(&problem.to_string()));
        }
        if !is_good {
            let count = problems.len();
            let ending =
                if would_load { "a scan would load them, but they prove nothing" } else { "a scan would load none" };
            return Err(Failure::usage(format!("mistakes: {count}, files: {files}; {ending}")));
        }
        eprintln!(
            "all {verb}: fingerprints {files}, conditions {conditions}, examples {examples}, counter-examples \
             {counter_examples}"
        );
        Ok(Exit::Done)
    }
}
