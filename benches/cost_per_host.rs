#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What a fully probed host costs the client, in CPU time: `cargo bench --bench cost_per_host`, about a minute on Linux.
//!
//! `rdprint scan`, the program as it is released, is compared with the least that a TLS handshake can cost (a bare loop, see
//! [`bare`]) and with nmap, each against simulated hosts in a process of their own. Figures are only printed, with the goal
//! beside them. What must hold is that no host is lost, however slow the hosts are: that fails the run.

#[path = "cost_per_host/bare.rs"]
mod bare;
#[path = "cost_per_host/cpu.rs"]
mod cpu;

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;
use std::time::Duration;

use cpu::{Run, measure};
use serde_json::Value;
use simulator::{ChildServer, Kind, NLA_NAME};

/// Hosts of one run of the comparison with the bare loop: enough that the 10 ms of the CPU clock are below 2 %.
const HOSTS: u32 = 3000;
/// Pairs of runs, after one that warms up.
const PAIRS: usize = 7;
/// rdprint / bare loop.
const GOAL_BARE: f64 = 1.5;
/// Hosts of the comparison with nmap: two prefixes of 256.
const NMAP_HOSTS: u32 = 512;
/// rdprint / nmap.
const GOAL_NMAP: f64 = 1.0 / 3.0;
/// Hosts of one run of the count.
const COUNTED: u32 = 2000;
/// How long the counted hosts think before each of their three answers, in milliseconds.
const DELAYS: [u64; 3] = [0, 100, 400];

fn main() -> ExitCode {
    simulator::run_as_child_if_asked();
    bare::run_as_child_if_asked();
    // `cargo test --all-targets` runs benchmarks too, unoptimised and without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench");
        return ExitCode::SUCCESS;
    }
    let cores = available_parallelism().unwrap();
    println!("{}, {cores} cores; CPU time is user + system of the client's process", version(&mut rdprint()).unwrap());
    let nla = ChildServer::spawn(1, Kind::Nla { delay: Duration::ZERO }).unwrap();
    let is_complete = [beside_the_bare_loop(&nla), beside_nmap(&nla)].into_iter().all(|all| all);
    drop(nla);
    if count() && is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs rdprint and the bare loop in turns.
fn beside_the_bare_loop(nla: &ChildServer) -> bool {
    println!("\n{HOSTS} hosts with NLA and RSA-2048; µs of CPU per host, user + system");
    let tls = ChildServer::spawn(1, Kind::Tls).unwrap();
    let mut ratios = Vec::new();
    let mut is_complete = true;
    for pair in 0..=PAIRS {
        let scan = Scan::run(nla, HOSTS, 10_000);
        let bare = measure(&mut bare::command(tls.port(), HOSTS));
        is_complete &= scan.is_complete();
        let ratio = scan.run.cpu().as_secs_f64() / bare.cpu().as_secs_f64();
        let label = if pair == 0 {
            println!("  TLS: rdprint {}, bare loop {}", scan.tls, bare.stdout.trim());
            "warm-up".to_owned()
        } else {
            ratios.push(ratio);
            format!("pair {pair}")
        };
        let (scan, bare) = (per_host(&scan.run, HOSTS), per_host(&bare, HOSTS));
        println!("  {label:<8} rdprint {scan}   bare loop {bare}   ratio {ratio:.2}");
    }
    ratios.sort_by(f64::total_cmp);
    let [least, median, most] = [ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]];
    println!("  rdprint / bare loop: min {least:.2}, median {median:.2}, max {most:.2}; goal: at most {GOAL_BARE}");
    is_complete
}

/// Runs rdprint and nmap once each over the same hosts; the start of both programs is in the figures.
fn beside_nmap(nla: &ChildServer) -> bool {
    let version = match version(&mut Command::new("nmap")) {
        Ok(version) => version,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("\nnmap is not on the PATH: no comparison with it");
            return true;
        }
        Err(error) => panic!("nmap cannot be run: {error}"),
    };
    println!("\n{NMAP_HOSTS} of these hosts and {version}");
    let file = temporary("nmap.xml");
    let nmap = measure(
        Command::new("nmap")
            .args(["-n", "-Pn", "-sT", "-T4", "--min-hostgroup", "256", "--script", "+rdp-ntlm-info"])
            .args(["-p", &nla.port().to_string(), "127.80.0.0/24", "127.80.1.0/24", "-oX"])
            .arg(&file),
    );
    let element = format!("<elem key=\"NetBIOS_Computer_Name\">{NLA_NAME}</elem>");
    let named = fs::read_to_string(&file).unwrap().matches(&element).count();
    fs::remove_file(&file).unwrap();
    let scan = Scan::run(nla, NMAP_HOSTS, 10_000);
    let ratio = scan.run.cpu().as_secs_f64() / nmap.cpu().as_secs_f64();
    println!("  nmap    {}   names found {named}, in {:.1} s", per_host(&nmap, NMAP_HOSTS), nmap.wall.as_secs_f64());
    println!(
        "  rdprint {}   names found {}, in {:.1} s",
        per_host(&scan.run, NMAP_HOSTS),
        scan.named,
        scan.run.wall.as_secs_f64()
    );
    println!("  rdprint / nmap: {ratio:.2}; goal: at most {GOAL_NMAP:.2}");
    scan.is_complete()
}

/// Counts what is found of hosts that answer at once, slowly and very slowly.
fn count() -> bool {
    println!("\nNames found of {COUNTED} hosts that think before each of three answers");
    let mut is_complete = true;
    for delay in DELAYS {
        let nla = ChildServer::spawn(1, Kind::Nla { delay: Duration::from_millis(delay) }).unwrap();
        let scan = Scan::run(&nla, COUNTED, 1_000);
        is_complete &= scan.is_complete();
        let verdict = if scan.is_complete() { "all" } else { "NOT ALL" };
        println!("  {delay:>3} ms: {} of {COUNTED}, {verdict}, in {:.1} s", scan.named, scan.run.wall.as_secs_f64());
    }
    is_complete
}

/// A run of `rdprint scan` and what stands in its output.
struct Scan {
    run: Run,
    hosts: u32,
    /// Records that hold everything that the host would show, its NTLM name above all.
    named: u32,
    /// Version, cipher suite and group of the first record.
    tls: String,
}

impl Scan {
    fn run(server: &ChildServer, hosts: u32, rate: u32) -> Self {
        let file = temporary("scan.jsonl");
        let run = measure(
            rdprint()
                .args(["scan", &format!("{}-{}", address(0), address(hosts - 1))])
                .args([
                    "--ports",
                    &server.port().to_string(),
                    "--rate",
                    &rate.to_string(),
                    "--per-network",
                    "256",
                    "--concurrency",
                    "1000",
                ])
                .arg("--overwrite")
                .arg("-o")
                .arg(&file),
        );
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is_whole = |record: &&Value| {
            record["status"] == "success"
                && record["tls"]["key_possession"] == "proven"
                && record["ntlm"]["netbios_computer_name"] == NLA_NAME
        };
        let mut named: Vec<&str> =
            records.iter().filter(is_whole).map(|record| record["ip"].as_str().unwrap()).collect();
        named.sort_unstable();
        named.dedup();
        let tls = ["version", "cipher_suite", "key_exchange_group"].map(|field| {
            let value = records.first().and_then(|record| record["tls"][field].as_str());
            value.unwrap_or("nothing")
        });
        Self { run, hosts, named: u32::try_from(named.len()).unwrap(), tls: tls.join(" ") }
    }

    fn is_complete(&self) -> bool {
        if self.named < self.hosts {
            println!("  LOST: rdprint found {} of {} names", self.named, self.hosts);
        }
        self.named == self.hosts
    }
}

fn rdprint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rdprint"))
}

/// The first line of what a program says about its version.
fn version(program: &mut Command) -> std::io::Result<String> {
    let output = program.arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// The address of host number `number`.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 80, 0, 0)) + number)
}

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cost-per-host-{}-{name}", std::process::id()))
}

/// `  712 (401 + 311)`.
fn per_host(run: &Run, hosts: u32) -> String {
    let [all, user, system] = [run.cpu(), run.user, run.system].map(|time| (time / hosts).as_micros());
    format!("{all:>4} ({user:>3} + {system:>3})")
}
