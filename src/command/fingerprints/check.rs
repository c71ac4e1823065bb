//! `rdprint fingerprints check` and `test`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::load::read;
use super::print_json;
use crate::command::{Exit, Failure};
use crate::fingerprint::{Fingerprint, FingerprintError, FingerprintErrors, FingerprintSet, SourceFile};
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

pub(super) fn check(flags: &CheckFlags) -> Result<Exit, Failure> {
    let files = read(&flags.paths)?;
    let mut counts = Counts::default();
    let compiled = files.iter().filter_map(|file| file.compile().ok());
    compiled.for_each(|fingerprint| counts.add(&fingerprint));
    let count = files.len();
    let problems = FingerprintSet::compiled_with(files).err().map(FingerprintErrors::into_vec).unwrap_or_default();
    Outcome { verb: "correct", files: count, counts, problems }.tell(flags.json)
}

pub(super) fn test(flags: &TestFlags) -> Result<Exit, Failure> {
    let own = read(&flags.paths)?;
    let files = if own.is_empty() { FingerprintSet::embedded_files().collect() } else { own.clone() };
    let mut outcome = Outcome { verb: "proven", files: files.len(), counts: Counts::default(), problems: Vec::new() };
    match FingerprintSet::embedded_with(own) {
        Ok(set) => outcome.prove(&files, &set),
        // What does not stand on its own cannot be held against others.
        Err(errors) => outcome.problems = errors.into_vec(),
    }
    outcome.tell(flags.json)
}

impl Outcome {
    fn prove(&mut self, files: &[SourceFile], set: &FingerprintSet) {
        for file in files {
            match file.prove(set) {
                Ok(fingerprint) => self.counts.add(&fingerprint),
                Err(errors) => self.problems.extend(errors.into_vec()),
            }
        }
    }

    /// Complaints are talk and go to standard error; as JSON they are the answer.
    fn tell(self, as_json: bool) -> Result<Exit, Failure> {
        let Self { verb, files, counts, problems } = self;
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
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            return Err(Failure::usage(format!("{count} {noun} in {files} files; a scan would load none of them")));
        }
        eprintln!(
            "{files} fingerprints with {conditions} conditions, {examples} examples and {counter_examples} \
             counter-examples: all {verb}"
        );
        Ok(Exit::Done)
    }
}
