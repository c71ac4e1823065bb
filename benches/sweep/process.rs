//! A process seen from outside, as Linux shows it in `/proc`.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often memory is looked at. The peak itself is kept by the kernel; only what comes after the last look is missed.
const LOOK: Duration = Duration::from_millis(5);
/// How long any process may run.
const PATIENCE: Duration = Duration::from_secs(240);
/// Length of the clock tick in which `/proc` counts: 1 / `USER_HZ`, which is 100 on every architecture of Linux but Alpha.
const TICK: Duration = Duration::from_millis(10);

/// What a process took.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The peak of resident memory, in units of 1024 bytes.
    peak: u32,
}

impl Run {
    pub(crate) fn peak_megabytes(&self) -> f64 {
        f64::from(self.peak) * 1024.0 / 1e6
    }
}

/// Runs a program to its end, which must be a success.
pub(crate) fn measure(program: &mut Command) -> Run {
    let start = Instant::now();
    let mut child =
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut stderr = child.stderr.take().expect("it is piped");
    // Standard error ends with the process, to the microsecond.
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).expect("a pipe can be read");
        (String::from_utf8_lossy(&text).into_owned(), start.elapsed())
    });
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the /proc of Linux");
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        if value("State:") == Some("Z") {
            break;
        }
        peak = value("VmHWM:").map_or(peak, |kibibytes| kibibytes.parse().expect("proc(5)"));
        if start.elapsed() > PATIENCE {
            child.kill().ok();
            child.wait().ok();
            panic!("{program:?} did not end within {PATIENCE:?}");
        }
        thread::sleep(LOOK);
    }
    // What has ended and was not yet waited for still has its times.
    let cpu = cpu_time(child.id());
    let status = child.wait().expect("it is our child");
    let (stderr, wall) = reader.join().expect("it only reads");
    assert!(status.success(), "{program:?} ended with {status}: {stderr}");
    Run { wall, cpu, peak }
}

/// User and system time of a process, fields 14 and 15 of its `stat` (proc(5)).
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process exists");
    // Field 2, the name in parentheses, may hold spaces; field 3 follows it.
    let (_, from_third) = stat.rsplit_once(')').expect("proc(5)");
    let fields: Vec<&str> = from_third.split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<u32>().expect("proc(5)");
    TICK * (ticks(14) + ticks(15))
}
