//! A sweep of a thousand simulated hosts on loopback: `cargo run --release --example demo`.
//!
//! The hosts live in a second process on 127.77.0.0/22: honest Windows machines, clones of known images, clones of an
//! image that nobody has named, other RDP servers, silent and hostile ones. The sweep writes `rdprint-demo.csv` and
//! `rdprint-demo.jsonl` into the current folder, then shows what matched a fingerprint. It is also an example of how
//! rdprint is used as a library.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;
use std::time::Instant;

use rdprint::fingerprint::FingerprintSet;
use rdprint::output::{CsvOptions, Format, Outputs, Selection, Sink, TableSink, sink};
use rdprint::scan::{self, FileRecorder, Limits, Plan, Progress, Shard, Targets, Wish};
use rdprint::target::{Addresses, Endpoints, Scope, parse};
use rdprint::verdict::Record;
use simulator::{ChildServer, Kind};

const RANGE: &str = "127.77.0.0/22";
const SEED: u64 = 2026;
/// More than the usual 16, since four /24s is all there is, and nobody is disturbed.
const LIMIT: NonZeroU32 = NonZeroU32::new(128).unwrap();
const CSV: &str = "rdprint-demo.csv";
const JSONL: &str = "rdprint-demo.jsonl";

fn main() -> Result<(), Box<dyn Error>> {
    // The simulator is this program, started a second time.
    simulator::run_as_child_if_asked();
    let hosts = ChildServer::spawn(SEED, Kind::Population)?;
    println!("Sweeping {RANGE}, port {}: simulated hosts on loopback. This takes about ten seconds.", hosts.port());

    let fingerprints = FingerprintSet::embedded()?;
    let endpoints = Endpoints::new(&[parse(RANGE)?].into_iter().collect(), &[hosts.port()], &[])?;
    let plan = Plan {
        targets: Targets {
            endpoints,
            seed: SEED,
            shard: Shard::default(),
            max: None,
            exclude: Addresses::default(),
            scope: Scope::default(),
        },
        limits: Limits { per_network: LIMIT, ..Limits::default() },
        progress: Progress::default(),
    };
    let csv = CsvOptions::default();
    let mut outputs = Outputs::new(Selection::Rdp);
    for (name, format) in [(CSV, Format::Csv), (JSONL, Format::Jsonl)] {
        let file = File::create(name)?;
        outputs.add(name.to_owned(), sink(format, Box::new(file), &csv, false)?);
    }
    let recorder = Box::new(FileRecorder::new(outputs, None));
    // Nobody stops the demo early, so the wish never changes.
    let (_unchanged, wish) = tokio::sync::watch::channel(Wish::GoOn);
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(scan::run(plan, &fingerprints, recorder, wish, None, &mut |_progress| {}));
    if let Some(error) = outcome.error {
        return Err(error.into());
    }

    println!("\nWhat matched a fingerprint:\n");
    show_matches()?;
    println!("\nCoverage, in {:.1} s:\n{}", start.elapsed().as_secs_f64(), outcome.coverage);
    println!("All records: {CSV} (for a spreadsheet), {JSONL} (whole). A note on each match:");
    println!("    cargo run --release -- explain --write matched {JSONL}");
    Ok(())
}

/// Reads the records back, as a program of yours might, and prints those with a match.
fn show_matches() -> Result<(), Box<dyn Error>> {
    let mut table = TableSink::new(std::io::stdout());
    for line in BufReader::new(File::open(JSONL)?).lines() {
        let record: Record = serde_json::from_str(&line?)?;
        if !record.matches.is_empty() {
            table.write(&record)?;
        }
    }
    table.finish()?;
    Ok(())
}
