//! The pipeline: take a host, probe its ports, judge, write, count, stop.

mod coverage;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::fingerprint::FingerprintSet;
use crate::observe::Observation;
use crate::output::{Outputs, WriteError};
use crate::probe::{LocalFault, Prober};
use crate::target::Addresses;
use crate::verdict::Record;

pub use coverage::Coverage;

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
    /// A probe died: a defect of rdprint.
    #[error("a probe ended abnormally, which is a defect of rdprint: {0}")]
    Defect(#[from] tokio::task::JoinError),
}

/// Probes every endpoint of the plan, or as many as there is time for until `stop` fires: then nothing new is begun,
/// and what is under way ends by itself.
pub async fn run(
    plan: Plan,
    fingerprints: &FingerprintSet,
    outputs: &mut Outputs,
    coverage: &mut Coverage,
    mut stop: oneshot::Receiver<()>,
) -> Result<(), ScanError> {
    let Plan { addresses, ports, concurrency, prober } = plan;
    coverage.planned = addresses.count().saturating_mul(ports.len() as u128);
    let (prober, ports): (Arc<Prober>, Arc<[u16]>) = (Arc::new(prober), ports.into());
    let (sender, mut seen) = mpsc::channel(WAITING_OBSERVATIONS);
    let mut hosts = addresses.iter().peekable();
    let mut running = JoinSet::new();
    let mut result = Ok(());
    let mut is_handing_out = true;
    loop {
        is_handing_out &= result.is_ok() && hosts.peek().is_some() && !outputs.are_closed();
        tokio::select! {
            biased;
            // The sender of `stop` may also be dropped, which means the same: nobody is left who wants more.
            _ = &mut stop, if is_handing_out => is_handing_out = false,
            Some(observation) = seen.recv() => {
                let record = Record::judge(observation, fingerprints);
                coverage.add(&record);
                if result.is_ok() {
                    result = outputs.write(&record).map_err(ScanError::from);
                }
            }
            Some(ended) = running.join_next() => {
                if let Err(error) = ended.map_err(ScanError::from).and_then(|ended: Result<(), LocalFault>| Ok(ended?)) {
                    result = result.and(Err(error));
                }
            }
            () = prober.admit(), if is_handing_out && running.len() < concurrency => {
                if let Some(ip) = hosts.next() {
                    running.spawn(look_at_host(prober.clone(), ip, ports.clone(), sender.clone()));
                }
            }
            else => break,
        }
        // The loop's own sender keeps `recv` pending for ever, so the end is when nobody else is left.
        if !is_handing_out && running.is_empty() && seen.is_empty() {
            break;
        }
    }
    result.and(outputs.finish().map_err(ScanError::from))
}

/// Looks at the ports of one host one after another; the caller was admitted to the first.
async fn look_at_host(
    prober: Arc<Prober>,
    ip: IpAddr,
    ports: Arc<[u16]>,
    seen: mpsc::Sender<Observation>,
) -> Result<(), LocalFault> {
    for (position, port) in ports.iter().enumerate() {
        if position > 0 {
            prober.admit().await;
        }
        let observation = probe_patiently(&prober, SocketAddr::new(ip, *port)).await?;
        let was_open = observation.is_open();
        if seen.send(observation).await.is_err() {
            return Ok(());
        }
        if was_open && position + 1 < ports.len() {
            tokio::time::sleep(prober.pause()).await;
        }
    }
    Ok(())
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
