//! `rdprint explain`: records told as notes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::words::word;
use super::{Exit, Failure, fingerprints, stdout};
use crate::output::Selection;
use crate::verdict::{Record, explain};
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct ExplainFlags {
    /// Records as rdprint writes them (JSON Lines); `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// Which records to explain: matched a fingerprint, spoke RDP, accepted the connection, or all
    #[arg(long, default_value = "all", value_parser = word::<Selection>())]
    write: Selection,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    fingerprints: Vec<PathBuf>,
}

/// Judges every record anew with today's fingerprints and prints its note. Lines that are no records are named and
/// passed over.
pub(super) fn run(flags: &ExplainFlags) -> Result<Exit, Failure> {
    let set = fingerprints::load(&flags.fingerprints)?;
    let name = flags.file.display();
    let unreadable = |error: io::Error| Failure::usage(format!("`{name}` cannot be read: {error}"));
    let mut reader: Box<dyn BufRead> = if flags.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&flags.file).map_err(unreadable)?))
    };
    if reader.fill_buf().map_err(unreadable)?.starts_with(b"schema_version,") {
        let message = format!(
            "`{name}` is CSV; explain reads JSON Lines, which `rdprint match {name} --write all --format jsonl` makes of it"
        );
        return Err(Failure::usage(message));
    }
    let mut out = io::stdout().lock();
    let mut exit = Exit::Done;
    for (position, line) in reader.split(b'\n').enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record: Record = match serde_json::from_slice(&line) {
            Ok(record) => record,
            Err(error) => {
                let (line, error) = (position + 1, error.to_string());
                let error = visible(&error);
                eprintln!("{name}:{line}: this is no rdprint record ({error}); explain reads the JSON Lines of scan");
                exit = Exit::Skipped;
                continue;
            }
        };
        if !flags.write.takes(&record) {
            continue;
        }
        match writeln!(out, "{}", explain(&record, &set)) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(exit),
            written => stdout::judge(written)?,
        }
    }
    Ok(exit)
}
