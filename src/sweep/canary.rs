//! Endpoints that must answer, so that a broken line is not taken for an empty network.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::probe::Prober;
use crate::scan::Excludes;

/// How often a canary that does not answer is asked again before it counts as silent, and how long after.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of the canaries, shared with whoever records.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    good_since: Option<Instant>,
    complaint: Option<String>,
    safe: Option<Mark>,
}

/// A point to which a sweep can be taken back.
#[derive(Clone, Debug)]
pub struct Mark {
    pub(super) at: Instant,
    /// The turn of the last looks that were written.
    pub turn: i64,
    /// How far the sweep had come.
    pub cursor: Option<String>,
}

impl Mark {
    /// The present moment, after the looks of this turn, with how far the sweep has come.
    #[must_use]
    pub fn now(turn: i64, cursor: Option<String>) -> Self {
        Self { at: Instant::now(), turn, cursor }
    }
}

impl Health {
    /// When the last check began that all canaries passed.
    pub(super) fn good_until(&self) -> Option<Instant> {
        self.state().good_since
    }

    /// The last point up to which everything can be believed.
    #[must_use]
    pub fn safe(&self) -> Option<Mark> {
        self.state().safe.clone()
    }

    /// Up to here everything can be believed.
    pub fn believe(&self, mark: Mark) {
        self.state().safe = Some(mark);
    }

    /// Why the sweep is to stop, if it is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.state().complaint.clone()
    }

    /// Asks for a stop; the first reason counts.
    pub(super) fn complain(&self, complaint: String) {
        self.state().complaint.get_or_insert(complaint);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What a thread that died left here is still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks every canary that is not excluded by now once, the silent ones again; the first that stays silent is named.
/// While the excludes are unknown nobody is asked.
pub async fn ask(prober: &Prober, canaries: &[SocketAddr], excludes: &watch::Receiver<Excludes>, health: &Health) {
    let began = Instant::now();
    for canary in canaries {
        let mut is_answering = false;
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(PAUSE).await;
            }
            prober.admit().await;
            if *excludes.borrow() == Excludes::Unknown {
                return;
            }
            is_answering = tokio::select! {
                biased;
                () = excluded(excludes.clone(), canary.ip()) => true,
                // A shortage of this machine is no answer either, and the sweep itself will tell of it.
                seen = prober.probe(*canary) => seen.is_ok_and(|seen| seen.is_open()),
            };
            if is_answering {
                break;
            }
        }
        if !is_answering {
            return health.complain(format!(
                "canary {canary} did not answer {TRIES} times; what was missed since the last check is not believed, and the \
                 next run goes on from there"
            ));
        }
    }
    health.state().good_since = Some(began);
}

/// Waits until an address is excluded, if it is not yet; then even a dialogue in work with it ends.
async fn excluded(mut excludes: watch::Receiver<Excludes>, ip: IpAddr) {
    let holds = |excludes: &Excludes| matches!(excludes, Excludes::Known(addresses) if addresses.contains(ip));
    if excludes.wait_for(holds).await.is_err() {
        // Whoever read the files is gone, and what they said last stays.
        std::future::pending::<()>().await;
    }
}

/// Asks them again and again, until one stays silent.
pub async fn keep_asking(
    prober: Arc<Prober>,
    canaries: Vec<SocketAddr>,
    every: Duration,
    excludes: watch::Receiver<Excludes>,
    health: Health,
) {
    while health.complaint().is_none() {
        sleep(every).await;
        ask(&prober, &canaries, &excludes, &health).await;
    }
}
