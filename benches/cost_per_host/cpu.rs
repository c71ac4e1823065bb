//! The CPU time of child processes, as Linux counts it.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Length of the clock tick in which `/proc` counts: 1 / `USER_HZ`, which is 100 on every architecture of Linux but Alpha.
const TICK: Duration = Duration::from_millis(10);

/// What a process took.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) wall: Duration,
    /// What it printed.
    pub(crate) stdout: String,
}

impl Run {
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Runs a program to its end, which must be a success. No other child may be waited for meanwhile.
pub(crate) fn measure(program: &mut Command) -> Run {
    let (before, start) = (children(), Instant::now());
    let output = program.output().expect("the program can be started");
    let (after, wall) = (children(), start.elapsed());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?} ended with {}: {stderr}", output.status);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let [user, system] = [0, 1].map(|kind| TICK * (after[kind] - before[kind]));
    Run { user, system, wall, stdout }
}

/// User and system time, in ticks, of all children that were waited for: fields 16 and 17 of `/proc/self/stat` (proc(5)).
fn children() -> [u32; 2] {
    let stat = fs::read_to_string("/proc/self/stat").expect("this benchmark needs the /proc of Linux");
    // Field 2, the name in parentheses, may hold spaces; field 3 follows it.
    let (_, from_third) = stat.rsplit_once(')').expect("proc(5)");
    let fields: Vec<&str> = from_third.split_whitespace().collect();
    [16, 17].map(|field| fields[field - 3].parse().expect("proc(5)"))
}
