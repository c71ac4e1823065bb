//! What importing costs, beside a bare typed pass over the same file, and how much memory it takes. Run it with
//! `cargo bench --bench import`.
//!
//! Per format a file is generated and read, in turns, by rdprint (observations and their verdicts) and by a bare pass
//! with the library of that notation into typed values. Working out certificates is measured by itself and taken off,
//! because the bare pass does not do it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark stops at the first surprise"
)]

#[path = "import/bare.rs"]
mod bare;
#[path = "import/files.rs"]
mod files;
#[path = "sweep/process.rs"]
#[allow(dead_code, reason = "only the memory is of interest here")]
mod process;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rdprint::fingerprint::FingerprintSet;
use rdprint::import::{self, Item};
use rdprint::observe::Certificate;
use rdprint::verdict::Record;

/// Turns per format; the fastest of each side counts, since other processes only ever make it slower.
const TURNS: usize = 5;

/// Rows per file.
const ROWS: u64 = 40_000;

struct Format {
    name: &'static str,
    library: &'static str,
    write: fn(&mut dyn std::io::Write, u64) -> std::io::Result<()>,
    bare: fn(&Path) -> u64,
}

const FORMATS: [Format; 6] = [
    Format { name: "shadowserver", library: "csv", write: files::shadowserver, bare: bare::shadowserver },
    Format { name: "rdprint-csv", library: "csv", write: files::rdprint_csv, bare: bare::rdprint_csv },
    Format { name: "rdprint-jsonl", library: "serde_json", write: files::rdprint_jsonl, bare: bare::rdprint_jsonl },
    Format { name: "zgrab2", library: "serde_json", write: files::zgrab2, bare: bare::zgrab2 },
    Format { name: "shodan", library: "serde_json", write: files::shodan, bare: bare::shodan },
    Format { name: "nmap-xml", library: "quick-xml", write: files::nmap, bare: bare::nmap },
];

fn main() {
    let folder = std::env::temp_dir().join(format!("rdprint-bench-import-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder can be made");
    println!("{ROWS} rows each; the fastest of {TURNS} turns");
    println!("                                               of which, measured apart:   ratio without");
    println!("format         MB    bare pass             rdprint  certificates  verdicts  certificates, and verdicts");
    for format in &FORMATS {
        compare(format, &folder);
    }
    println!("\npeak memory of `rdprint match FILE` (Shadowserver rows)");
    for megabytes in [10, 1000] {
        memory(&folder, megabytes);
    }
    fs::remove_dir_all(&folder).expect("what was made can be removed");
}

fn compare(format: &Format, folder: &Path) {
    let path = folder.join(format.name);
    let mut file = BufWriter::new(File::create(&path).expect("it can be made"));
    (format.write)(&mut file, ROWS).and_then(|()| file.flush()).expect("there is room");
    drop(file);
    let set = FingerprintSet::embedded().expect("they compile");
    let [mut bare, mut ours, mut certificates, mut verdicts] = [Duration::MAX; 4];
    for _ in 0..TURNS {
        let start = Instant::now();
        assert_eq!((format.bare)(&path), ROWS, "{}", format.name);
        bare = bare.min(start.elapsed());
        let start = Instant::now();
        let count = judge_all(&path, &set);
        ours = ours.min(start.elapsed());
        let start = Instant::now();
        for _ in 0..count {
            std::hint::black_box(Certificate::from_der(std::hint::black_box(&files::DER)));
        }
        certificates = certificates.min(start.elapsed());
        let kept = some(&path);
        let start = Instant::now();
        for row in 0..ROWS {
            let observation = &kept[usize::try_from(row).expect("small") % kept.len()];
            std::hint::black_box(Record::judge(std::hint::black_box(observation).clone(), &set));
        }
        verdicts = verdicts.min(start.elapsed());
    }
    let megabytes = fs::metadata(&path).expect("it is there").len() as f64 / 1e6;
    let without = ours.saturating_sub(certificates);
    let ratio = |taken: Duration| taken.as_secs_f64() / bare.as_secs_f64();
    println!(
        "{:<14} {megabytes:<5.0} {:>6.0} ms {:<11} {:>6.0} ms {:>10.0} ms {:>6.0} ms  {:.2}, {:.2}",
        format.name,
        millis(bare),
        format.library,
        millis(ours),
        millis(certificates),
        millis(verdicts),
        ratio(without),
        ratio(without.saturating_sub(verdicts)),
    );
    fs::remove_file(&path).expect("it is there");
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The first thousand observations of a file.
fn some(path: &Path) -> Vec<rdprint::observe::Observation> {
    let sources = import::open(&[PathBuf::from(path)], None).expect("it is recognised");
    let mut kept = Vec::new();
    let take = &mut |item: Item<'_>| match item {
        Item::Seen { observation, .. } if kept.len() < 1000 => {
            kept.push(observation);
            ControlFlow::Continue(())
        }
        Item::Seen { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    import::read(sources, take).expect("it can be read");
    kept
}

/// Imports and judges a file; returns how many certificates were worked out from their bytes.
fn judge_all(path: &Path, set: &FingerprintSet) -> u64 {
    let sources = import::open(&[PathBuf::from(path)], None).expect("it is recognised");
    let (mut records, mut findings, mut certificates) = (0, 0, 0);
    import::read(sources, &mut |item| {
        match item {
            Item::Seen { observation, .. } => {
                let record = Record::judge(observation, set);
                records += 1;
                findings += record.findings().count();
                certificates += u64::from(record.observation.leaf().is_some_and(|leaf| leaf.der.is_some()));
            }
            Item::Problem(problem) => panic!("{problem}"),
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .expect("it can be read");
    assert_eq!(records, ROWS);
    assert!(findings > 0, "the clones among the rows are found");
    certificates
}

fn memory(folder: &Path, megabytes: u64) {
    const BYTES_A_ROW: u64 = 640;
    let path = folder.join("feed.csv");
    let rows = megabytes * 1_000_000 / BYTES_A_ROW;
    let mut file = BufWriter::new(File::create(&path).expect("it can be made"));
    files::shadowserver(&mut file, rows).and_then(|()| file.flush()).expect("there is room");
    drop(file);
    let size = fs::metadata(&path).expect("it is there").len() as f64 / 1e6;
    let run = process::measure(Command::new(env!("CARGO_BIN_EXE_rdprint")).arg("match").arg(&path));
    println!(
        "{size:>6.0} MB, {rows} rows: {:.1} MB, {:.1} s, {:.0} rows/s",
        run.peak_megabytes(),
        run.wall.as_secs_f64(),
        rows as f64 / run.wall.as_secs_f64()
    );
    fs::remove_file(&path).expect("it is there");
}
