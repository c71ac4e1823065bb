//! The pipeline: take a host, probe its ports, judge, write, count, stop.

mod coverage;
mod writer;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::fingerprint::FingerprintSet;
use crate::observe::Observation;
use crate::output::{Outputs, WriteError};
use crate::probe::{LocalFault, Prober};
use crate::target::Addresses;
use crate::verdict::Record;

pub use coverage::Coverage;
use writer::Writer;

/// Observations that may wait to be judged; more make the probes wait.
const WAITING_OBSERVATIONS: usize = 256;
/// How long a host waits when this machine is exhausted, try after try, before the run is given up.
const BACK_OFF: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    /// The hosts.
    pub addresses: Addresses,
    /// The ports of each host.
    pub ports: Vec<u16>,
    /// How many hosts may be in work at once.
    pub concurrency: usize,
    /// Who does it.
    pub prober: Prober,
}

/// What makes a run end early by our own fault. What was written stays.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The machine stayed exhausted.
    #[error(transparent)]
    Local(#[from] LocalFault),
    /// An output cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A probe died.
    #[error("a probe ended abnormally, which is a defect of rdprint: {0}")]
    Probe(#[from] tokio::task::JoinError),
    /// The writer died.
    #[error("the writer of records ended abnormally, which is a defect of rdprint")]
    Writer,
}

/// How much longer a run is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// To its end.
    #[default]
    GoOn,
    /// No new endpoint is begun; those in work are finished and written.
    FinishUp,
    /// What is in work is given up; what was seen is written.
    EndNow,
}

/// Probes every endpoint of the plan, or as many as `wish` leaves time for, and counts them in `coverage`.
pub async fn run(
    plan: Plan,
    fingerprints: &FingerprintSet,
    outputs: Outputs,
    coverage: &mut Coverage,
    mut wish: watch::Receiver<Wish>,
) -> Result<(), ScanError> {
    let Plan { addresses, ports, concurrency, prober } = plan;
    coverage.planned = addresses.count().saturating_mul(ports.len() as u128);
    let writer = Writer::start(outputs);
    let (sender, mut seen) = mpsc::channel(WAITING_OBSERVATIONS);
    let hands_down = Arc::new(AtomicBool::new(false));
    let visit = Visit { prober: Arc::new(prober), ports: ports.into(), seen: sender, hands_down: hands_down.clone() };
    let mut hosts = addresses.iter().peekable();
    let mut running: JoinSet<Result<(), LocalFault>> = JoinSet::new();
    let mut result: Result<(), ScanError> = Ok(());
    let mut can_be_stopped = true;
    loop {
        let wanted = *wish.borrow();
        let goes_on = wanted == Wish::GoOn && result.is_ok() && !writer.has_enough();
        hands_down.store(!goes_on, Ordering::Relaxed);
        let is_handing_out = goes_on && hosts.peek().is_some();
        if wanted == Wish::EndNow || !is_handing_out && running.is_empty() && seen.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            changed = wish.changed(), if can_be_stopped => can_be_stopped = changed.is_ok(),
            Some(observation) = seen.recv() => {
                let record = Record::judge(observation, fingerprints);
                coverage.add(&record);
                writer.write(record).await;
            }
            Some(ended) = running.join_next() => {
                let ended: Result<(), ScanError> = match ended {
                    Ok(visited) => visited.map_err(ScanError::from),
                    Err(died) => Err(died.into()),
                };
                result = result.and(ended);
            }
            () = visit.prober.admit(), if is_handing_out && running.len() < concurrency => {
                if let Some(ip) = hosts.next() {
                    running.spawn(visit.clone().look_at(ip));
                }
            }
            else => break,
        }
    }
    let written = writer.finish().await.map_or(Err(ScanError::Writer), |written| Ok(written?));
    result.and(written)
}

/// What every visit to a host needs.
#[derive(Clone)]
struct Visit {
    prober: Arc<Prober>,
    ports: Arc<[u16]>,
    seen: mpsc::Sender<Observation>,
    /// Set when no further endpoint is to be begun, for whatever reason.
    hands_down: Arc<AtomicBool>,
}

impl Visit {
    /// Looks at the ports of one host one after another; the caller was admitted to the first.
    async fn look_at(self, ip: IpAddr) -> Result<(), LocalFault> {
        for (position, port) in self.ports.iter().enumerate() {
            if position > 0 {
                if self.hands_down.load(Ordering::Relaxed) {
                    break;
                }
                self.prober.admit().await;
            }
            let observation = probe_patiently(&self.prober, SocketAddr::new(ip, *port)).await?;
            let was_open = observation.is_open();
            if self.seen.send(observation).await.is_err() {
                break;
            }
            if was_open && position + 1 < self.ports.len() {
                tokio::time::sleep(self.prober.pause()).await;
            }
        }
        Ok(())
    }
}

/// Waits out a shortage of this machine's own resources, which must never become the host's result.
async fn probe_patiently(prober: &Prober, endpoint: SocketAddr) -> Result<Observation, LocalFault> {
    for pause in BACK_OFF {
        match prober.probe(endpoint).await {
            Ok(observation) => return Ok(observation),
            Err(_shortage) => tokio::time::sleep(pause).await,
        }
        prober.admit().await;
    }
    prober.probe(endpoint).await
}
