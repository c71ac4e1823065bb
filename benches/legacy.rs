#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What the second look at old hosts costs: `cargo bench --bench legacy`, about two minutes on Linux.
//!
//! `rdprint scan` over ranges of simulated hosts in a process of their own, in turns: modern ones, ones of TLS 1.0 with the
//! second look and without it, and ones that refuse both looks. A time limit below the pause between two connections is what
//! leaves the second look out; there is no switch for it. CPU time is the scanner's alone, connections are counted by the
//! hosts. Figures are printed as ratios of runs in one round. What must hold fails the run: every certificate read, one
//! connection to a modern host, two to an old one, never two at once, and a second between.

#[allow(dead_code, reason = "what the scanner prints goes to a file here")]
#[path = "cost_per_host/cpu.rs"]
mod cpu;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use cpu::{Run, measure};
use serde_json::Value;
use simulator::{ChildServer, Kind, NLA_NAME, Tally};

/// Hosts of one run: enough that the 10 ms of the CPU clock are a few percent.
const HOSTS: u32 = 3000;
/// Rounds, after one that warms up.
const ROUNDS: usize = 5;
/// A second, less what a busy machine may take to let the server notice a close.
const NOTICED_SECOND: Duration = Duration::from_millis(900);

/// A range, and how it is scanned.
struct Case {
    label: &'static str,
    kind: Kind,
    options: &'static [&'static str],
    /// Connections to each host.
    connections: usize,
    /// Whether each certificate is to be had.
    is_read: bool,
}

/// Old hosts cost their server nothing, and most of the time they are left to rest.
const ALL_AT_ONCE: &[&str] = &["--concurrency", "3000"];

const CASES: [Case; 4] = [
    Case {
        label: "modern, NLA",
        kind: Kind::Nla { delay: Duration::ZERO },
        // More at once than the simulator can sign for would only wait, and some too long.
        options: &["--concurrency", "64"],
        connections: 1,
        is_read: true,
    },
    Case {
        label: "old, no second look",
        kind: Kind::Legacy,
        options: &["--concurrency", "3000", "--timeout", "1s"],
        connections: 1,
        is_read: false,
    },
    Case { label: "old", kind: Kind::Legacy, options: ALL_AT_ONCE, connections: 2, is_read: true },
    Case { label: "old, refusing both", kind: Kind::Deaf, options: ALL_AT_ONCE, connections: 2, is_read: false },
];

fn main() -> ExitCode {
    simulator::run_as_child_if_asked();
    // `cargo test --all-targets` runs benchmarks too, unoptimised and without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench");
        return ExitCode::SUCCESS;
    }
    println!("{HOSTS} hosts a run; µs of CPU per host (user + system), connections per host, wall clock");
    let mut rounds = Vec::new();
    let mut is_right = true;
    for round in 0..=ROUNDS {
        println!("{}", if round == 0 { "warm-up".to_owned() } else { format!("round {round}") });
        let costs = CASES.map(|case| {
            let scan = Scan::run(&case);
            is_right &= scan.is_right(&case);
            scan.print(&case);
            scan.run.cpu().as_secs_f64()
        });
        if round > 0 {
            rounds.push(costs);
        }
    }
    let ratio = |label: &str, above: usize, below: usize| {
        let mut ratios: Vec<f64> = rounds.iter().map(|costs| costs[above] / costs[below]).collect();
        ratios.sort_by(f64::total_cmp);
        println!("  {label}: median {:.2}, {:.2}–{:.2}", ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1]);
    };
    println!("CPU per host, ratios within a round");
    ratio("old with the second look / without it", 2, 1);
    ratio("old with the second look / modern", 2, 0);
    ratio("old, refusing both / old without the second look", 3, 1);
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A run of `rdprint scan`, what stands in its output, and what the hosts saw.
struct Scan {
    run: Run,
    tally: Tally,
    /// Addresses with a record.
    records: usize,
    /// Of these, with the certificate that all hosts have.
    named: usize,
}

impl Scan {
    fn run(case: &Case) -> Self {
        let server = ChildServer::spawn(1, case.kind).unwrap();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("legacy-{}.jsonl", std::process::id()));
        let run = measure(
            Command::new(env!("CARGO_BIN_EXE_rdprint"))
                .args(["scan", &format!("{}-{}", address(0), address(HOSTS - 1))])
                .args(["--ports", &server.port().to_string(), "--rate", "2000"])
                .args(["--per-network", "256", "--overwrite"])
                .args(case.options)
                .arg("-o")
                .arg(&file),
        );
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let addresses = |wanted: &dyn Fn(&Value) -> bool| {
            let wanted = records.iter().filter(|record| wanted(record));
            wanted.map(|record| record["ip"].as_str().unwrap()).collect::<BTreeSet<_>>().len()
        };
        let is_named = |record: &Value| record["tls"]["certificates"][0]["subject_cn"] == NLA_NAME;
        let (all, named) = (addresses(&|_| true), addresses(&is_named));
        Self { run, tally: server.finish().unwrap(), records: all, named }
    }

    fn is_right(&self, case: &Case) -> bool {
        let hosts = usize::try_from(HOSTS).unwrap();
        let Tally { connections, addresses, at_once, smallest_gap } = self.tally;
        let is_spaced = smallest_gap.is_none_or(|gap| gap >= NOTICED_SECOND);
        let is_right = self.records == hosts
            && self.named == if case.is_read { hosts } else { 0 }
            && (connections, addresses) == (case.connections * hosts, hosts)
            && at_once == 1
            && is_spaced;
        if !is_right {
            println!("  WRONG: {}: {} records, {} named, {:?}", case.label, self.records, self.named, self.tally);
        }
        is_right
    }

    fn connections_per_host(&self) -> f64 {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap());
        count(self.tally.connections) / count(self.tally.addresses)
    }

    fn print(&self, case: &Case) {
        let [all, user, system] =
            [self.run.cpu(), self.run.user, self.run.system].map(|time| (time / HOSTS).as_micros());
        println!(
            "  {:<20} {all:>4} ({user:>3} + {system:>3})   {:.2} connections, {:>4} certificates, {:.1} s",
            case.label,
            self.connections_per_host(),
            self.named,
            self.run.wall.as_secs_f64()
        );
    }
}

/// The address of host number `number`.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 81, 0, 0)) + number)
}
