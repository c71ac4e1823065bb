//! The sweep itself: the scan, under the eyes of canaries, signals and whoever edits the excludes.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::super::Failure;
use super::super::scan::Progress as Bar;
use super::super::signals::{Caught, Signals, Work};
use super::SweepFlags;
use super::prepare::Prepared;
use crate::scan::{self, Coverage, Outcome, Plan, Progress, ScanError, Wish};
use crate::sweep::canary::{self, Health, Mark};
use crate::sweep::file::{Beat, Heartbeat};
use crate::sweep::recorder::{HistoryRecorder, Shared};
use crate::sweep::settings::AlertSettings;
use crate::sweep::{deliver, excludes};

/// Canaries are few, and asked one after the other.
const CANARY_RATE: NonZeroU32 = NonZeroU32::MIN;

/// A sweep that was begun, or is gone on with.
pub(super) struct Begun {
    pub(super) sweep: i64,
    pub(super) progress: Progress,
    pub(super) cursor: Option<String>,
}

/// How a sweep's run ended.
pub(super) struct Ended {
    pub(super) coverage: Coverage,
    pub(super) is_complete: bool,
    pub(super) ran_out_of_time: bool,
    pub(super) error: Option<ScanError>,
    /// Why nothing that was missed is believed.
    pub(super) complaint: Option<String>,
    pub(super) caught: Caught,
    pub(super) heartbeat: Heartbeat,
}

fn beat(sweep: i64, state: &'static str, coverage: &Coverage) -> Beat {
    let Coverage { planned, probed, skipped, .. } = coverage;
    Beat { time: Timestamp::now(), state, sweep, planned: *planned, taken: probed + skipped, probed: *probed }
}

pub(super) fn carry_out(
    flags: &SweepFlags,
    prepared: &Prepared,
    store: &Shared,
    begun: &Begun,
    signals: &Signals,
) -> Result<Ended, Failure> {
    let Prepared { settings, set, targets, limits, .. } = prepared;
    let sweep = begun.sweep;
    let health = Health::default();
    let known = known(flags, prepared, store, sweep)?;
    let mut heartbeat = Heartbeat::new(settings.heartbeat.clone());
    let mut bar = Bar::new(targets.positions(), false);
    let coverage = Coverage { planned: targets.positions(), ..begun.progress.coverage.clone() };
    heartbeat.beat_now(&beat(sweep, "running", &coverage));
    let prober = {
        let mut limits = limits.clone();
        limits.rate = CANARY_RATE.saturating_add(9);
        Arc::new(limits.prober())
    };
    // Nothing is written before the canaries have answered.
    let turn =
        store.lock().unwrap_or_else(PoisonError::into_inner).turn().map_err(|error| Failure::in_history(&error))?;
    let runtime = runtime()?;
    let wish = signals.begin(Work::Scan);
    let outcome = runtime.block_on(async {
        let tell = |sentence: &str| eprintln!("rdprint: {}", crate::visible::visible(sentence));
        let excluded = excludes::watch(targets.exclude.clone(), prepared.excludes(), tell);
        canary::ask(&prober, &settings.canary, &excluded, &health).await;
        if health.complaint().is_some() {
            return None;
        }
        if !settings.canary.is_empty() {
            let (canaries, every) = (settings.canary.clone(), settings.canary_every.0);
            let asking = canary::keep_asking(prober.clone(), canaries, every, excluded.clone(), health.clone());
            tokio::spawn(asking);
        }
        health.believe(Mark::now(turn, begun.cursor.clone()));
        let recorder = Box::new(HistoryRecorder::new(store.clone(), sweep, known, health.clone()));
        let plan = Plan { targets: targets.clone(), limits: limits.clone(), progress: begun.progress.clone() };
        let mut show = |coverage: &Coverage| {
            bar.show(coverage);
            heartbeat.beat(&beat(sweep, "running", coverage));
        };
        let outcome = scan::run(plan, set, recorder, wish, Some(excluded.clone()), &mut show).await;
        if outcome.is_complete && outcome.error.is_none() {
            // The line may have broken since the last check.
            canary::ask(&prober, &settings.canary, &excluded, &health).await;
        }
        Some(outcome)
    });
    // A reading of the excludes may hang, and what it would say nobody wants to know any more.
    runtime.shutdown_background();
    bar.end();
    let caught = signals.caught();
    let complaint = health.complaint();
    if let (Some(_), Some(Mark { turn, cursor, .. })) = (&complaint, health.safe()) {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        store.rewind(sweep, cursor.as_deref(), Some(turn)).map_err(|error| Failure::in_history(&error))?;
    }
    let Some(Outcome { coverage, is_complete, ran_out_of_time, error }) = outcome else {
        let coverage = begun.progress.coverage.clone();
        return Ok(Ended {
            coverage,
            is_complete: false,
            ran_out_of_time: false,
            error: None,
            complaint,
            caught,
            heartbeat,
        });
    };
    // What is not believed is to be asked again, so the sweep is not done.
    let is_complete = is_complete && complaint.is_none();
    Ok(Ended { coverage, is_complete, ran_out_of_time, error, complaint, caught, heartbeat })
}

/// The endpoints of the last sweep, which tell whether the line still stands, unless there are canaries for that.
fn known(
    flags: &SweepFlags,
    prepared: &Prepared,
    store: &Shared,
    sweep: i64,
) -> Result<HashSet<std::net::SocketAddr>, Failure> {
    if flags.accept_losses || !prepared.settings.canary.is_empty() {
        return Ok(HashSet::new());
    }
    let store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let previous = store.complete_before(sweep).map_err(|error| Failure::in_history(&error))?;
    let seen =
        previous.map(|previous| store.seen_in(previous.id)).transpose().map_err(|error| Failure::in_history(&error))?;
    Ok(seen.unwrap_or_default().into_iter().collect())
}

impl Ended {
    /// Delivers what alerts are owed, and writes the last heartbeat. Failures are told; later runs try again.
    pub(super) fn deliver(
        &mut self,
        prepared: &Prepared,
        store: &Shared,
        sweep: i64,
        state: &'static str,
        signals: &Signals,
    ) -> Result<(), Failure> {
        let owed = store.lock().unwrap_or_else(PoisonError::into_inner).undelivered();
        if owed.map_err(|error| Failure::in_history(&error))? > 0 && self.caught.exit().is_none() {
            deliver_alerts(prepared, store, signals)?;
        }
        self.heartbeat.beat_now(&beat(sweep, state, &self.coverage));
        Ok(())
    }
}

fn deliver_alerts(prepared: &Prepared, store: &Shared, signals: &Signals) -> Result<(), Failure> {
    // Held as long as there is something to stop.
    let wish = signals.begin(Work::Steps);
    let is_stopped = || *wish.borrow() != Wish::GoOn;
    let AlertSettings { tries, max_duration, .. } = &prepared.settings.alerts;
    let delivered = deliver::deliver(store, &prepared.ways, tries.get(), max_duration.0, &is_stopped);
    if let (left, Some(why)) = delivered.map_err(|error| Failure::in_history(&error))? {
        let why = crate::visible::visible(&why).into_owned();
        eprintln!("rdprint: {left} alerts could not be delivered, and the next run tries again: {why}");
    }
    Ok(())
}

/// One thread: a handshake costs well under a millisecond, and the rate is limited anyway.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::usage(format!("the runtime cannot be started: {error}")))
}
