//! The rate limit, seen by who receives the connections.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::measure;
use crate::{Folder, met, rdprint};

/// Connections per second.
const RATE: u32 = 500;
/// The time over which they are counted, beginning at any moment.
const WINDOW: Duration = Duration::from_secs(10);
/// Two and a half windows' worth.
const TARGETS: u32 = RATE * 25;
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 96, 0, 0);
/// How far the count may be off.
const TOLERANCE: f64 = 0.05;

/// Whether no window saw more than the rate allows, against hosts that accept and close.
pub(crate) fn keeps_the_rate(folder: &Folder) -> bool {
    println!("\nThe rate: scan --rate {RATE}, {TARGETS} targets that accept and close, counted where they arrive");
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let is_over = Arc::new(AtomicBool::new(false));
    let receiver = thread::spawn({
        let is_over = is_over.clone();
        move || {
            let mut arrivals = Vec::new();
            loop {
                let (stream, peer) = listener.accept().unwrap();
                if is_over.load(Ordering::SeqCst) {
                    return arrivals;
                }
                if peer.ip().is_loopback() {
                    arrivals.push(Instant::now());
                }
                drop(stream);
            }
        }
    });
    let last = Ipv4Addr::from(u32::from(FIRST) + TARGETS - 1);
    measure(
        rdprint()
            .args(["scan", &format!("{FIRST}-{last}"), "--ports", &port.to_string(), "--rate", &RATE.to_string()])
            .args(["--per-network", "256", "--seed", "1", "-o"])
            .arg(folder.file("rate.jsonl")),
    );
    is_over.store(true, Ordering::SeqCst);
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let arrivals = receiver.join().unwrap();
    let (fewest, most) = extremes(&arrivals);
    let per_second = |count: usize| f64::from(u32::try_from(count).unwrap()) / WINDOW.as_secs_f64();
    let (fewest, most, limit) = (per_second(fewest), per_second(most), f64::from(RATE));
    let (is_kept, is_used) = (most <= limit * (1.0 + TOLERANCE), fewest >= limit * (1.0 - TOLERANCE));
    println!("  {} connections; over every {} s of the run:", arrivals.len(), WINDOW.as_secs());
    println!("  at most  {most:.1}/s; goal: at most 5 % above the rate, {}", met(is_kept));
    println!("  at least {fewest:.1}/s; goal: at least 5 % below it, {}", met(is_used));
    is_kept
}

/// The smallest and the largest number of arrivals in any window that lies within them. The count changes only where a window
/// begins or ends with an arrival, so it is enough to try those that begin at one, with it and without.
fn extremes(arrivals: &[Instant]) -> (usize, usize) {
    let (mut least, mut most) = (usize::MAX, 0);
    for (number, begin) in arrivals.iter().enumerate() {
        let end = *begin + WINDOW;
        if arrivals.last().is_none_or(|last| end > *last) {
            break;
        }
        most = most.max(arrivals.partition_point(|arrival| *arrival <= end) - number);
        least = least.min(arrivals.partition_point(|arrival| *arrival < end) - number - 1);
    }
    assert!(most > 0, "the run was shorter than a window");
    (least, most)
}
