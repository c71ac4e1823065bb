//! `rdprint fingerprints new`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::print;
use crate::command::words::word;
use crate::command::{Exit, Failure};
use crate::fingerprint::{Class, DraftRequest, FingerprintSet, draft};
use crate::observe::Observation;
use crate::verdict::Record;
use crate::visible::visible;

/// More records of one family would only be read to be counted.
const MOST_RECORDS: usize = 100_000;

#[derive(Debug, Args)]
pub(super) struct NewFlags {
    /// Records of the family, as `scan -o FILE.jsonl` writes them; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from: PathBuf,

    /// The machine name of the family, where the records show several
    #[arg(long)]
    name: Option<String>,

    /// The draft's id; made from the name if left out
    #[arg(long)]
    id: Option<String>,

    /// What a match shall mean; `unnamed-clone` accuses nobody but is a finding, so choose it only where you know that
    /// these are several machines with one installation
    #[arg(long, default_value = "generic", value_parser = word::<Class>())]
    class: Class,

    /// Where the records come from, as the observed examples will say
    #[arg(long, default_value = "records of own scans")]
    source: String,
}

/// Prints the draft, which passes `fingerprints test` as it is.
pub(super) fn run(flags: &NewFlags) -> Result<Exit, Failure> {
    let class = flags.class;
    if class.needs_source() {
        return Err(Failure::usage(format!(
            "class `{class}` needs a published source, which records are not; draft another class and change it when \
             you add [[sources]]"
        )));
    }
    let name = flags.from.display().to_string();
    let (observations, skipped) = read(flags, &name)?;
    let request = DraftRequest {
        computer_name: flags.name.clone(),
        id: flags.id.clone(),
        class,
        source: flags.source.clone(),
        description: None,
        certificates: Vec::new(),
    };
    let set = FingerprintSet::embedded().map_err(Failure::own_fault)?;
    let text = draft(&request, &observations, &set).map_err(|error| Failure::usage(format!("`{name}`: {error}")))?;
    let is_known = |id: &&str| text.contains(&format!("\"{id}\""));
    for id in set.iter().map(|known| known.id.as_str()).filter(is_known) {
        eprintln!("rdprint: `{id}` of rdprint matches these records already; see `rdprint fingerprints show {id}`");
    }
    print(&text)?;
    Ok(if skipped { Exit::Skipped } else { Exit::Done })
}

/// The observations of the file, and whether a line was passed over.
fn read(flags: &NewFlags, name: &str) -> Result<(Vec<Observation>, bool), Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("`{name}` cannot be read: {error}"));
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&flags.from).map_err(unreadable)?))
    };
    let (mut observations, mut skipped) = (Vec::new(), false);
    for (position, line) in reader.split(b'\n').enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) => observations.push(record.observation),
            Err(error) => {
                let error = error.to_string();
                eprintln!("{name}:{}: this is no rdprint record ({})", position + 1, visible(&error));
                skipped = true;
            }
        }
        if observations.len() > MOST_RECORDS {
            let message = format!("`{name}` has more than {MOST_RECORDS} records; choose those of one family");
            return Err(Failure::usage(message));
        }
    }
    Ok((observations, skipped))
}
