//! What takes root, a network namespace or a mount to show. Part of the feature `real-servers`, run by `.ci/run`.

mod mounts;
mod sweeps;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use simulator::{Host, Server};

use crate::support::{Folder, PATIENCE, Ran, rdprint};

/// Runs a program that must succeed.
fn must(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(0), "{program} {arguments:?}: {ran:?}");
    ran.stdout
}

/// How namespaces are called, before the process and the number of their owner.
const PREFIX: &str = "rdprint-scope-";

/// Removes the namespaces of test runs that were killed.
fn remove_leftovers() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !std::path::Path::new(&format!("/proc/{owner}")).exists()) {
            let _best_effort = Command::new("ip").args(["netns", "delete", &name]).status();
        }
    }
}

/// A network namespace that ends with the test.
struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        must("ip", &["netns", "add", &name]);
        Self(name)
    }

    /// A program inside, in the place of `ip`: its number is that of the child.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        Ran::from(self.command(program).args(arguments).output().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _best_effort = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

/// In a namespace where a whole /16 is local, every packet that leaves is counted by its destination.
#[test]
fn no_packet_leaves_the_scope() {
    let namespace = Namespace::new();
    let inside = |program: &str, arguments: &[&str]| {
        let ran = namespace.run(program, arguments);
        assert_eq!(ran.code, Some(0), "{program} {arguments:?}: {ran:?}");
        ran.stdout
    };
    inside("ip", &["link", "set", "lo", "up"]);
    inside("ip", &["route", "add", "local", "198.18.0.0/16", "dev", "lo"]);
    let rules = "table inet count {
        counter inside {}
        counter outside {}
        chain out {
            type filter hook output priority 0;
            ip daddr 198.18.0.0/25 counter name inside
            ip daddr != 198.18.0.0/25 counter name outside
            ip6 daddr ::/0 counter name outside
        }
    }";
    let folder = Folder::new();
    inside("nft", &["-f", &folder.write("rules.nft", rules)]);
    let program = env!("CARGO_BIN_EXE_rdprint");
    let count = |name: &str| {
        let text = inside("nft", &["list", "counter", "inet", "count", name]);
        let (_, after) = text.split_once("packets ").unwrap();
        after.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };

    let refused = namespace.run(program, &["scan", "198.18.0.0/24", "--scope", "198.18.0.0/25"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("128 addresses lie outside the authorised scope: 198.18.0.128-198.18.0.255;"));
    assert_eq!((count("inside"), count("outside")), (0, 0), "a refused run sends nothing at all");

    // Excludes narrow the targets, the configuration's scope is a ceiling, and mapped addresses are what they are.
    let config = folder.write("site.toml", "scope = [\"198.18.0.0/25\"]\n");
    let scan = ["scan", "198.18.0.0/24", "::ffff:198.18.0.5", "--exclude", "198.18.0.128/25"];
    let ran = namespace.run(program, &[&scan[..], &["--config", &config, "--scope", "198.18.0.0/15"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("probed 128, open 0"), "{}", ran.stderr);
    assert_eq!(count("outside"), 0);
    assert!(count("inside") >= 128);
}

/// The disk fills in the middle of a run; what was written is whole, and after making room the run goes on.
#[test]
fn a_full_disk_leaves_whole_records_and_a_way_on() {
    let (server, folder) = (Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap(), Folder::new());
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    must("mount", &["-t", "tmpfs", "-o", "size=320k", "tmpfs", &disk]);
    let (port, csv, jsonl) = (server.port().to_string(), format!("{disk}/out.csv"), format!("{disk}/out.jsonl"));
    let base = ["scan", "127.66.60.0/23", "-p", &port, "-o", &csv, "-o", &jsonl, "--rate", "60", "--per-network", "64"];
    let base = [&base[..], &["--seed", "4", "--write", "all"]].concat();
    let whole = || {
        let records: Vec<Value> = fs::read_to_string(&jsonl)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("half a record: {error}: {line}")))
            .collect();
        let mut reader = csv::Reader::from_path(&csv).unwrap();
        let rows = reader.records().collect::<Result<Vec<_>, _>>().unwrap().len();
        let mut addresses: Vec<String> = records.iter().map(|record| record["ip"].to_string()).collect();
        addresses.sort();
        let count = addresses.len();
        addresses.dedup();
        (count, addresses.len(), rows)
    };

    let full = Ran::from(rdprint(&base).output().unwrap());
    assert_eq!(full.code, Some(4), "{full:?}");
    assert!(full.stderr.contains("cannot be written any further: No space left on device"), "{}", full.stderr);
    let (records, distinct, rows) = whole();
    assert!(records > 20 && records == distinct && rows > 20, "{records} {distinct} {rows}");

    must("mount", &["-o", "remount,size=16m", &disk]);
    let resume = format!("{csv}.resume");
    let rest = Ran::from(rdprint(&[&base[..], &["--resume", &resume]].concat()).output().unwrap());
    let result = (rest.code, whole());
    must("umount", &[&disk]);
    assert_eq!(result, (Some(0), (512, 512, 512)), "{rest:?}");
}

/// The limit of open files falls below what is open already, in the middle of the run, and rises again.
#[test]
fn a_sudden_shortage_is_waited_out() {
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348).delay(Duration::from_millis(200))).unwrap();
    let port = server.port().to_string();
    let child =
        rdprint(&["scan", "127.66.43.0/25", "-p", &port, "--per-network", "32", "--rate", "60", "--write", "all"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    let id = child.id().to_string();
    let limit = |soft: &str| {
        let set = std::process::Command::new("prlimit").args(["--pid", &id, &format!("--nofile={soft}:")]).status();
        assert!(set.unwrap().success());
    };
    server.wait_for(PATIENCE, |journal| journal.connections() >= 20);
    limit("12");
    std::thread::sleep(Duration::from_secs(2));
    limit("1000");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let statuses: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].clone()).collect();
    assert_eq!(statuses, vec![Value::from("success"); 128]);
}

/// The disk fills in the middle of a sweep; after making room, it ends as if nothing had been.
#[test]
fn a_disk_that_fills_in_mid_sweep_loses_nothing() {
    let (server, folder) = (Server::single(Host::windows("WIN-BUNS25TD77J", 20348)).unwrap(), Folder::new());
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    must("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", &disk]);
    let port = server.port();
    let settings = |history: &str| {
        let export = folder.path(&format!("{}.jsonl", history.len()));
        let text = format!(
            "history = \"{history}\"\ntargets = [\"127.66.62.0/23\"]\nports = \"{port}\"\noutputs = [\"{export}\"]\n\
             [limits]\nper_network = 64\nrate = 200\n"
        );
        (folder.write("sweep.toml", &text), export)
    };
    let told = |export: &str| {
        let records = fs::read_to_string(export).unwrap();
        let told = records.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            ["ip", "status", "matches", "traits"].map(|name| record[name].clone())
        });
        told.collect::<Vec<_>>()
    };
    let (config, export) = settings(&format!("{disk}/history.db"));
    let sweep = || Ran::from(rdprint(&["sweep", "--config", &config]).output().unwrap());
    let full = sweep();
    let again = sweep();
    must("mount", &["-o", "remount,size=32m", &disk]);
    let rest = sweep();
    must("umount", &[&disk]);
    for full in [full, again] {
        assert_eq!((full.code, full.stdout.as_str()), (Some(4), ""), "{full:?}");
        assert!(full.stderr.contains("full") && full.stderr.contains("history.db"), "{full:?}");
    }
    assert_eq!(rest.code, Some(0), "{rest:?}");
    let (config, undisturbed) = settings(&folder.path("other.db"));
    assert_eq!(Ran::from(rdprint(&["sweep", "--config", &config]).output().unwrap()).code, Some(0));
    assert_eq!(told(&export), told(&undisturbed));
    assert_eq!(told(&export).len(), 512);
}
