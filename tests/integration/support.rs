//! Probing one simulated host through the library, and running the program.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdprint::fingerprint::FingerprintSet;
use rdprint::observe::Observation;
use rdprint::probe::{Pace, Prober, Settings};
use rdprint::verdict::Record;
use simulator::{Host, HostJournal, Server};

/// Where simulated hosts of these tests live.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 1);

/// How long a test waits for the server to see the end of every connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Ample time for every step, so that a busy machine fails no test.
pub(crate) fn patient() -> Settings {
    Settings { step_timeout: Duration::from_secs(30), deadline: Duration::from_secs(60), ..Settings::default() }
}

/// Little time for every step, for hosts that never answer.
pub(crate) fn impatient() -> Settings {
    Settings { step_timeout: Duration::from_millis(1500), ..Settings::default() }
}

/// Probes `host` once and returns what was seen on both sides.
pub(crate) fn probe_with(settings: Settings, host: Host) -> (Observation, HostJournal) {
    let server = Server::single(host).unwrap();
    let prober = Prober::new(settings, Pace::per_second(NonZeroU32::new(1000).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(prober.probe(SocketAddr::from((HOST, server.port())))).unwrap();
    (seen, server.settled(PATIENCE).host(HOST))
}

pub(crate) fn probe(host: Host) -> Observation {
    probe_with(patient(), host).0
}

/// The embedded fingerprints' verdict.
pub(crate) fn judge(observation: Observation) -> Record {
    Record::judge(observation, &FingerprintSet::embedded().unwrap())
}

/// The program, with these arguments.
pub(crate) fn rdprint(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdprint"));
    command.args(arguments);
    command
}

/// What a run left behind; prints itself whole when a test fails.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with_input(arguments, "")
}

pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Ran {
    let mut child =
        rdprint(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

/// Runs it into a pipe whose reader has gone away, as under `| head -1`.
pub(crate) fn run_unread(arguments: &[&str]) -> Ran {
    let mut child =
        rdprint(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    Ran::from(child.wait_with_output().unwrap())
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A folder of the test's own, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rdprint-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-overs in the temporary folder harm nobody.
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}
