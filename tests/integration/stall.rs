//! Our own hold-ups never become a host's result.

use std::io;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdprint::fingerprint::FingerprintSet;
use rdprint::observe::Status;
use rdprint::output::{Outputs, Selection, Sink};
use rdprint::scan::{self, FileRecorder, Limits, Plan, Progress, Shard, Targets, Wish};
use rdprint::target::{Addresses, Endpoints, Scope, parse};
use rdprint::verdict::Record;
use simulator::{Host, Server};

use crate::support::{PATIENCE, Ran, rdprint};

/// Hosts that take their time, but less than a step may take.
fn slow_hosts() -> Server {
    Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348).delay(Duration::from_millis(300))).unwrap()
}

/// An output that does not move for three seconds when the first record comes.
struct Stuck(Arc<Mutex<Vec<Status>>>);

impl Sink for Stuck {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut written = self.0.lock().unwrap();
        if written.is_empty() {
            std::thread::sleep(Duration::from_secs(3));
        }
        written.push(record.observation.status);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_output_holds_up_no_dialogue() {
    let server = slow_hosts();
    let addresses = [parse("127.66.7.0/26").unwrap()].into_iter().collect();
    let endpoints = Endpoints::new(&addresses, &[server.port()], &[]).unwrap();
    let number = |number| NonZeroU32::new(number).unwrap();
    let plan = Plan {
        targets: Targets {
            endpoints,
            seed: 1,
            shard: Shard::default(),
            max: None,
            exclude: Addresses::default(),
            scope: Scope::default(),
        },
        limits: Limits {
            step_timeout: Duration::from_secs(2),
            rate: number(100),
            per_network: number(32),
            ..Limits::default()
        },
        progress: Progress::default(),
    };
    let written = Arc::new(Mutex::new(Vec::new()));
    let mut outputs = Outputs::new(Selection::All);
    outputs.add("stuck".to_owned(), Box::new(Stuck(written.clone())));
    let recorder = Box::new(FileRecorder::new(outputs, None));
    let (_unchanged, wish) = tokio::sync::watch::channel(Wish::GoOn);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let set = FingerprintSet::embedded().unwrap();
    let outcome = runtime.block_on(scan::run(plan, &set, recorder, wish, None, &mut |_progress| {}));
    assert!(outcome.is_complete && outcome.error.is_none(), "{outcome:?}");
    assert_eq!(*written.lock().unwrap(), vec![Status::Success; 64]);
}

#[test]
fn a_suspended_process_takes_up_its_dialogues_again() {
    let server = slow_hosts();
    let port = server.port().to_string();
    let child =
        rdprint(&["scan", "127.66.8.0/26", "-p", &port, "--step-timeout", "2", "--timeout", "4", "--write", "all"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
    let id = child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    };
    server.wait_for(PATIENCE, |journal| journal.connections() >= 16);
    signal("-STOP");
    std::thread::sleep(Duration::from_secs(5));
    signal("-CONT");
    let ran = Ran::from(child.wait_with_output().unwrap());
    let records: Vec<Record> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 64);
    for record in records {
        assert_eq!(record.observation.status, Status::Success, "{:#?}", record.observation);
    }
}

#[cfg(unix)]
#[test]
fn the_second_signal_ends_a_scan_whose_output_nobody_takes() {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        let (_reader, mut writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        while writer.write(&[0; 4096]).is_ok() {}
        writer.set_nonblocking(false).unwrap();
        let before = server.journal().connections();
        let mut child = rdprint(&["scan", "127.66.9.0/28", "-p", &server.port().to_string()])
            .stdout(std::os::fd::OwnedFd::from(writer))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        server.wait_for(PATIENCE, |journal| journal.connections() > before);
        std::thread::sleep(Duration::from_secs(2));
        let id = child.id().to_string();
        for _ in 0..2 {
            assert!(child.try_wait().unwrap().is_none(), "one signal asks for an end in good order");
            assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
            std::thread::sleep(Duration::from_millis(500));
        }
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("{name} does not end it: {:?}", child.wait());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(code));
    }
}
