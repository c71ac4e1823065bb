#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What a sweep of whole ranges takes, and whether what it says is true: `cargo bench --bench sweep`, about five minutes on
//! Linux.
//!
//! `rdprint scan`, the program as it is released, is measured from outside: peak memory over up to a million closed targets
//! and over 100,000 addresses of the simulated [`population`], connections per second beside nmap, and the rate as the
//! [`receiver`] of the connections sees it. Figures are only printed, with the goal beside them. Three things must hold, or the run
//! fails: every closed target is refused once, every record says what the simulator knows, and the rate is never exceeded.

#[path = "sweep/population.rs"]
mod population;
#[path = "sweep/process.rs"]
mod process;
#[path = "sweep/receiver.rs"]
mod receiver;

use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;

use process::{Run, measure};
use serde_json::Value;
use tokio::net::TcpSocket;

/// Numbers of closed targets.
const CLOSED: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Where they begin.
const CLOSED_FROM: Ipv4Addr = Ipv4Addr::new(127, 16, 0, 0);
/// More than one thread can open, so that the program itself is the limit.
const UNLIMITED: &str = "--rate=100000";
/// Peak memory over the largest number, in megabytes.
const GOAL_CLOSED: f64 = 50.0;
/// What is compared with nmap.
const NMAP_RANGE: &str = "127.64.0.0/16";
const NMAP_TARGETS: u32 = 65_536;
const NMAP_OPTIONS: [&str; 8] = ["-n", "-Pn", "-sT", "-T5", "--max-retries", "0", "--min-rate", "5000"];

fn main() -> ExitCode {
    simulator::run_as_child_if_asked();
    // `cargo test --all-targets` runs benchmarks too, unoptimised and without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench");
        return ExitCode::SUCCESS;
    }
    let cores = available_parallelism().unwrap();
    println!("{}, {cores} cores; memory is the peak of what is resident", version(&mut rdprint()).unwrap());
    let folder = Folder::new();
    let port = ClosedPort::find();
    over_closed_targets(&port, &folder);
    beside_nmap(&port, &folder);
    let is_paced = receiver::keeps_the_rate(&folder);
    population::with_every_place_taken(&folder);
    let is_true = population::tells_the_truth(&folder);
    if is_paced && is_true { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Targets that refuse at once, in growing numbers.
fn over_closed_targets(port: &ClosedPort, folder: &Folder) {
    println!("\nClosed targets: scan {UNLIMITED} --per-network 256 --seed 1");
    println!("{:>9}   peak memory      time   connections/s   µs of CPU per target", "targets");
    let peaks = CLOSED.map(|targets| {
        let last = Ipv4Addr::from(u32::from(CLOSED_FROM) + targets - 1);
        let run = scan_closed(&format!("{CLOSED_FROM}-{last}"), targets, port, folder);
        let (peak, pace) = (run.peak_megabytes(), Pace::of(&run, targets));
        println!("{targets:>9}   {peak:>8.1} MB {pace}");
        peak
    });
    let [least, .., most] = peaks;
    let growth = most - least;
    println!("  peak {most:.1} MB over 10^6 targets; goal: under {GOAL_CLOSED} MB, {}", met(most < GOAL_CLOSED));
    println!("  growth from 10^3 to 10^6 targets: {growth:+.1} MB");
}

/// The same closed targets for rdprint and for nmap's connect scan.
fn beside_nmap(port: &ClosedPort, folder: &Folder) {
    let version = match version(&mut Command::new("nmap")) {
        Ok(version) => version,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("\nnmap is not on the PATH: no comparison with it");
            return;
        }
        Err(error) => panic!("nmap cannot be run: {error}"),
    };
    println!("\n{NMAP_TARGETS} closed targets for rdprint and {version}: nmap {}", NMAP_OPTIONS.join(" "));
    let file = folder.file("nmap.xml");
    let port_text = port.number.to_string();
    let nmap = measure(Command::new("nmap").args(NMAP_OPTIONS).args(["-p", &port_text, NMAP_RANGE, "-oX"]).arg(&file));
    let refused = fs::read_to_string(&file).unwrap().matches("reason=\"conn-refused\"").count();
    let scan = scan_closed(NMAP_RANGE, NMAP_TARGETS, port, folder);
    println!("           peak memory      time   connections/s   µs of CPU per target");
    for (name, run) in [("nmap", &nmap), ("rdprint", &scan)] {
        println!("  {name:<7}   {:>8.1} MB {}", run.peak_megabytes(), Pace::of(run, NMAP_TARGETS));
    }
    let times = nmap.wall.as_secs_f64() / scan.wall.as_secs_f64();
    println!("  rdprint makes {times:.1} times the connections of nmap in a second; nmap found {refused} refusals");
}

/// Scans targets that must all refuse, each once.
fn scan_closed(range: &str, targets: u32, port: &ClosedPort, folder: &Folder) -> Run {
    let file = folder.file("closed.jsonl");
    let run = measure(
        rdprint()
            .args(["scan", range, "--ports", &port.number.to_string(), UNLIMITED, "--per-network", "256"])
            .args(["--seed", "1", "--overwrite", "-o"])
            .arg(&file),
    );
    let coverage = folder.coverage_of("closed.jsonl");
    let counts = [&coverage["planned"], &coverage["probed"], &coverage["not_open"]["connection-refused"]];
    assert!(counts.iter().all(|count| **count == targets), "not all of {targets} targets refused: {coverage}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0, "a closed target was written");
    run
}

/// A port that is bound at every address and where nobody listens, so that nobody can: the kernel refuses.
struct ClosedPort {
    number: u16,
    _bound: TcpSocket,
}

impl ClosedPort {
    fn find() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _bound: socket }
    }
}

/// A folder for outputs, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a scan that wrote this file counted.
    pub(crate) fn coverage_of(&self, name: &str) -> Value {
        let meta = fs::read_to_string(self.file(&format!("{name}.meta.json"))).unwrap();
        serde_json::from_str::<Value>(&meta).unwrap()["coverage"].take()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// The columns of speed.
struct Pace {
    seconds: f64,
    per_second: f64,
    cpu_micros: f64,
}

impl Pace {
    fn of(run: &Run, targets: u32) -> Self {
        let (seconds, targets) = (run.wall.as_secs_f64(), f64::from(targets));
        Self { seconds, per_second: targets / seconds, cpu_micros: run.cpu.as_secs_f64() * 1e6 / targets }
    }
}

impl Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>7.2} s   {:>13.0}   {:>20.1}", self.seconds, self.per_second, self.cpu_micros)
    }
}

pub(crate) fn rdprint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rdprint"))
}

/// The first line of what a program says about its version.
fn version(program: &mut Command) -> std::io::Result<String> {
    let output = program.arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

pub(crate) fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}
