//! News and exports that a run could not bring to anybody are brought by the next one.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;
use crate::support::PATIENCE;

impl World {
    fn sweep_into(&self, stdout: impl Into<Stdio>) -> std::process::Child {
        let config = self.folder.path("sweep.toml");
        rdprint(&Self::arguments(&config, &[])).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A time of day at which nothing is asked: what then is told was owed.
    fn close_windows(&self) {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let at = |hours| now.checked_add(jiff::Span::new().hours(hours)).unwrap().strftime("%H:%M").to_string();
        self.settings(&format!("time_zone = \"UTC\"\nwindows = [\"{}-{}\"]", at(2), at(4)));
    }
}

#[test]
fn news_that_cannot_be_written_are_told_by_a_later_run() {
    let world = World::new(40);
    world.settings("fail_on = \"criminal-image\"");
    world.set(1, clone(1));
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let ran = Ran::from(world.sweep_into(full()).wait_with_output().unwrap());
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.stderr.starts_with("rdprint: standard output cannot be written: No space left on device")
            && ran.stderr.contains("; the news of sweep 1 are kept, and the next run tells them\n"),
        "{ran:?}"
    );
    assert_eq!(world.exported().len(), 1, "files do not wait for standard output");
    // Whoever reads has gone before anything was written, so nobody has had the news.
    world.set(2, clone(2));
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::from(world.sweep_into(closed).wait_with_output().unwrap());
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("written: Broken pipe") && ran.stderr.contains("sweep 1 are kept"), "{ran:?}");
    assert_eq!(world.exported().len(), 2, "that nobody can be told is no reason not to look");
    // Both are told in their order, and what they hold counts for the exit code.
    let ran = world.sweep(&[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    let told: Vec<&str> =
        ran.stdout.lines().filter(|line| line.contains("new  ") || line.starts_with("sweep")).collect();
    let expected = ["sweep 1, ended", "  new       127.67.40.1:", "sweep 2, ended", "  new       127.67.40.2:"];
    assert!(told.len() == 4 && told.iter().zip(expected).all(|(line, begin)| line.starts_with(begin)), "{ran:?}");
    let ran = world.sweep(&[]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""), "told once");
}

/// A standard output that takes nothing any more: a run stands still where it would tell. The first end must live on.
fn full() -> (UnixStream, OwnedFd) {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let full = loop {
        if let Err(error) = writer.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    writer.set_nonblocking(false).unwrap();
    (reader, OwnedFd::from(writer))
}

impl World {
    fn await_end(&self, sweep: &mut std::process::Child) {
        let deadline = Instant::now() + PATIENCE * 3;
        while !self.history(&["sweeps"]).stdout.contains("complete") {
            assert!(Instant::now() < deadline && sweep.try_wait().unwrap().is_none(), "it does not come to its end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn killed_between_a_sweeps_end_and_its_telling_nothing_is_lost() {
    let world = World::new(41);
    world.set(1, clone(1));
    world.set(2, plain(2));
    let (_reader, writer) = full();
    let mut sweep = world.sweep_into(writer);
    world.await_end(&mut sweep);
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    assert!(!Path::new(&world.folder.path("last.csv")).exists(), "it stood still before");
    world.close_windows();
    let asked = world.server.settled(PATIENCE).connections();
    let ran = world.sweep(&["--json"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    let news: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&news["schema_version"], &news["sweep"], &news["counts"]["new"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(news["changes"].as_array().unwrap().len(), 1, "{news}");
    assert_eq!(world.exported().len(), 2);
    assert!(Path::new(&world.folder.path("last.csv")).exists());
    assert_eq!(world.server.journal().connections(), asked, "nobody was asked for it");
    assert_eq!(world.sweep(&[]).stdout, "");
}

#[test]
fn a_signal_ends_a_run_that_nobody_listens_to_and_what_it_owes_stays_owed() {
    let world = World::new(42);
    world.set(1, clone(1));
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        std::fs::remove_file(world.folder.path("history.db")).ok();
        let (_reader, writer) = full();
        let mut sweep = world.sweep_into(writer);
        world.await_end(&mut sweep);
        let id = sweep.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = sweep.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                sweep.kill().unwrap();
                panic!("{signal} does not end it: {:?}", Ran::from(sweep.wait_with_output().unwrap()));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(code));
        let ran = world.sweep(&[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        assert!(ran.stdout.starts_with("sweep 1, ended") && ran.stdout.contains("127.67.42.1:"), "{ran:?}");
    }
}
