//! The flags of `rdprint scan`, and what they resolve to before the first packet.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};
use jiff::SignedDuration;
use strum::VariantArray;

use super::Failure;
use super::words::word;
use crate::fingerprint::Class;
use crate::output::{
    CellText, CsvOptions, Format, Outputs, Selection, choose_columns, empty, format_of, open_file, sink,
};
use crate::probe::{Cookie, Pace, Prober, Settings};
use crate::scan::Plan;
use crate::target::{Addresses, Range, parse, parse_ports};

/// Files that the process needs beside its connections.
const FILES_IN_RESERVE: u64 = 64;

#[derive(Debug, Args)]
pub(super) struct ScanFlags {
    /// Addresses (192.0.2.7), prefixes (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9, 192.0.2.1-9)
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Read targets from FILE, one a line, `#` begins a comment; `-` is standard input
    #[arg(short = 'f', long = "targets", value_name = "FILE", value_hint = ValueHint::FilePath)]
    target_files: Vec<PathBuf>,

    /// Ports to probe on each host, like 3389,3390,13380-13400
    #[arg(short, long, default_value = "3389")]
    ports: String,

    /// Write records to FILE; its extension (.csv, .jsonl) names the format; may be repeated
    #[arg(short, long = "output", value_name = "FILE", value_hint = ValueHint::FilePath)]
    outputs: Vec<PathBuf>,

    /// Replace output files that exist
    #[arg(long)]
    overwrite: bool,

    /// Format on standard output; unless given: a table on a terminal, JSON Lines into a pipe, nothing into a pipe
    /// when there are output files
    #[arg(long, value_parser = word::<Format>())]
    format: Option<Format>,

    /// Which records to write: matched a fingerprint, spoke RDP, accepted the connection, or all
    #[arg(long, default_value = "rdp", value_parser = word::<Selection>())]
    write: Selection,

    /// Columns of CSV, by name; `default` and `all` stand for those lists
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    fields: Option<Vec<String>>,

    /// Leave text from hosts in CSV as it is, even where a spreadsheet would run it as a formula
    #[arg(long)]
    csv_raw: bool,

    /// List every field with its type and meaning, and exit
    #[arg(long)]
    pub(super) list_fields: bool,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) fingerprints: Vec<PathBuf>,

    /// Exit with 1 if a finding of CLASS or a stronger one has more than its name to support it
    #[arg(long, value_name = "CLASS", value_parser = accusing_class())]
    pub(super) fail_on: Option<Class>,

    /// New connections per second
    #[arg(long, default_value = "500", value_parser = positive())]
    rate: NonZeroU32,

    /// Hosts in work at once
    #[arg(long, default_value = "2000", value_parser = positive())]
    concurrency: NonZeroU32,

    /// Time for a connection to be established, like 3s, 500ms or 3
    #[arg(long, default_value = "3s", value_parser = duration)]
    connect_timeout: Duration,

    /// Time for each further step of the dialogue
    #[arg(long, default_value = "5s", value_parser = duration)]
    step_timeout: Duration,

    /// Time for the whole dialogue with an endpoint
    #[arg(long, default_value = "15s", value_parser = duration)]
    timeout: Duration,

    /// Identification cookie (mstshash) that hosts may log: at most 9 ASCII characters
    #[arg(long, default_value_t = Cookie::default().as_str().to_owned(), value_name = "NAME")]
    cookie: String,
}

/// A number from 1 on.
fn positive() -> impl TypedValueParser<Value = NonZeroU32> {
    clap::value_parser!(u32).range(1..).map(|number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
}

/// Informational classes are never findings, so they cannot be waited for either.
fn accusing_class() -> impl TypedValueParser<Value = Class> {
    let classes = Class::VARIANTS.iter().filter(|class| !class.is_informational());
    PossibleValuesParser::new(classes.map(<&'static str>::from)).try_map(|word| Class::from_str(&word))
}

/// Nothing here is worth waiting for longer.
const A_DAY: Duration = Duration::from_secs(86_400);

/// `3s`, `500ms`, `1m30s`, or a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .or_else(|| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok())
        .filter(|duration| !duration.is_zero() && *duration <= A_DAY)
        .ok_or_else(|| format!("`{text}` is no time between zero and a day; write it like 3s or 500ms"))
}

impl ScanFlags {
    /// Everything that the run needs, opened and checked; nothing is sent before this has succeeded.
    pub(super) fn resolve(&self) -> Result<(Plan, Outputs), Failure> {
        let addresses = self.addresses()?;
        let ports = parse_ports(&self.ports).map_err(Failure::usage)?;
        let cookie = self.cookie.parse().map_err(Failure::usage)?;
        let settings = Settings {
            connect_timeout: self.connect_timeout,
            step_timeout: self.step_timeout,
            deadline: self.timeout,
            cookie,
            ..Settings::default()
        };
        let prober = Prober::new(settings, Pace::per_second(self.rate));
        let plan = Plan { addresses, ports, concurrency: self.concurrency(), prober };
        Ok((plan, self.open_outputs()?))
    }

    fn addresses(&self) -> Result<Addresses, Failure> {
        let mut ranges: Vec<Range> = Vec::new();
        for target in &self.targets {
            ranges.push(parse(target).map_err(Failure::usage)?);
        }
        for path in &self.target_files {
            read_targets(path, &mut ranges)?;
        }
        if ranges.is_empty() {
            let message = "there is nothing to scan; name targets like 192.0.2.0/24, or a file of them with --targets";
            return Err(Failure::usage(message));
        }
        Ok(ranges.into_iter().collect())
    }

    /// As many hosts at once as were asked for, or as the limit of open files allows.
    fn concurrency(&self) -> usize {
        let wanted = u64::from(self.concurrency.get());
        let limit = rlimit::increase_nofile_limit(wanted + FILES_IN_RESERVE).unwrap_or(wanted + FILES_IN_RESERVE);
        let allowed = wanted.min(limit.saturating_sub(FILES_IN_RESERVE).max(1));
        if allowed < wanted {
            eprintln!("note: at most {allowed} hosts at once, since this process may open only {limit} files");
        }
        usize::try_from(allowed).unwrap_or(usize::MAX)
    }

    fn open_outputs(&self) -> Result<Outputs, Failure> {
        let formats = self.outputs.iter().map(|path| format_of(path)).collect::<Result<Vec<_>, _>>();
        let formats = formats.map_err(Failure::usage)?;
        let is_terminal = io::stdout().is_terminal();
        let stdout = match self.format {
            Some(format) => Some(format),
            None if is_terminal => Some(Format::Table),
            None if self.outputs.is_empty() => Some(Format::Jsonl),
            None => None,
        };
        let csv = self.csv_options(formats.iter().copied().chain(stdout))?;
        let mut distinct = HashSet::new();
        if let Some(path) = self.outputs.iter().find(|path| !distinct.insert(*path)) {
            return Err(Failure::usage(format!("output `{}` is named twice; give each file once", path.display())));
        }
        let mut files = Vec::new();
        for path in &self.outputs {
            let file = open_file(path, self.overwrite).inspect_err(|_| self.remove_new_outputs(files.len()));
            files.push(file.map_err(Failure::usage)?);
        }
        let mut outputs = Outputs::new(self.write);
        for ((path, file), format) in self.outputs.iter().zip(files).zip(formats) {
            let file = empty(path, file).map_err(Failure::usage)?;
            let name = path.display().to_string();
            let sink = sink(format, Box::new(file), &csv)
                .map_err(|error| Failure::usage(format!("output `{name}` cannot be written: {error}")))?;
            outputs.add(name, sink);
        }
        if let Some(format) = stdout {
            // The header of CSV is written here; a reader that is already gone is noticed at the first record.
            let cells = if is_terminal { CellText::Visible } else { csv.cells };
            let csv = CsvOptions { cells, ..csv };
            let sink = sink(format, Box::new(io::stdout()), &csv)
                .map_err(|error| Failure::usage(format!("standard output cannot be written: {error}")))?;
            outputs.add("standard output".to_owned(), sink);
        }
        Ok(outputs)
    }

    /// Takes back the first `count` files, which this run made, so that the next try does not find them in its way.
    fn remove_new_outputs(&self, count: usize) {
        for path in self.outputs.iter().take(count).filter(|_| !self.overwrite) {
            // The failure that led here is what the user must hear of.
            let _best_effort = std::fs::remove_file(path);
        }
    }

    fn csv_options(&self, mut formats: impl Iterator<Item = Format>) -> Result<CsvOptions, Failure> {
        let has_csv = formats.any(|format| format == Format::Csv);
        let mut options = CsvOptions::default();
        if self.csv_raw {
            options.cells = CellText::Raw;
        }
        if let Some(names) = &self.fields {
            options.columns = choose_columns(names).map_err(Failure::usage)?;
        }
        if !has_csv && (self.csv_raw || self.fields.is_some()) {
            let message = "--fields and --csv-raw are for CSV, and no output is CSV; add -o FILE.csv or --format csv";
            return Err(Failure::usage(message));
        }
        Ok(options)
    }
}

fn read_targets(path: &Path, ranges: &mut Vec<Range>) -> Result<(), Failure> {
    let name = path.display();
    let unreadable = |error: io::Error| Failure::usage(format!("target file `{name}` cannot be read: {error}"));
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    for (position, line) in reader.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        // Editors on Windows begin a file with a byte order mark.
        let line = line.trim_start_matches('\u{FEFF}');
        let target = line.split('#').next().unwrap_or_default().trim();
        if !target.is_empty() {
            ranges.push(parse(target).map_err(|error| Failure::usage(format!("{name}:{}: {error}", position + 1)))?);
        }
    }
    Ok(())
}
