//! `rdprint sweep`: a scan with a memory, for cron and systemd.

mod places;
mod prepare;
mod report;
mod run;
mod settle;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueHint};
use jiff::{SignedDuration, Timestamp};

use super::scan::raise_file_limit;
use super::signals::Signals;
use super::{Exit, Failure, stdout};
use crate::scan::{Identity, Progress};
use crate::store::{Store, StoreError};
use crate::sweep::lock::Lock;
use crate::sweep::recorder::Shared;
use crate::sweep::window;
use crate::visible::{json, visible};

use prepare::Prepared;
pub(super) use prepare::silence;
use report::Report;
use run::Begun;
use settle::settle;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct SweepFlags {
    /// The settings of the site's sweeps (docs/sweeping.md)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: PathBuf,

    /// Check the settings and everything they name, print them as resolved, and send nothing
    #[arg(long)]
    check: bool,

    /// Print the news as one JSON object
    #[arg(long)]
    json: bool,

    /// Begin anew, even if the last sweep could be gone on with
    #[arg(long)]
    anew: bool,

    /// Believe it if most endpoints of the last sweep are gone
    #[arg(long)]
    accept_losses: bool,

    /// Tell the coverage on standard error, as a scan does
    #[arg(short, long)]
    verbose: bool,
}

/// What keeps a history from being opened, by whose fault.
fn unopened(error: StoreError) -> Failure {
    if error.is_own_fault() { Failure::own_fault(error) } else { Failure::usage(error) }
}

pub(super) fn run(flags: &SweepFlags) -> Result<Exit, Failure> {
    let mut prepared = Prepared::load(&flags.config, flags.check)?;
    if flags.check {
        // A history that is there must be one, and nothing is made where there is none.
        if prepared.settings.history.exists() {
            Store::open_existing(&prepared.settings.history).map_err(Failure::usage)?;
        }
        return stdout::print(&prepared.describe()?).map(|()| Exit::Done);
    }
    let _lock = Lock::take(&prepared.settings.history, "sweep").map_err(Failure::unlocked)?;
    let store: Shared = Arc::new(Mutex::new(Store::open(&prepared.settings.history).map_err(unopened)?));
    let mut was_failed_on = false;
    let settled = settle(flags, &prepared.settings, &store, &mut was_failed_on);
    let rest = window::open_for(&prepared.settings.windows, &prepared.zone, Timestamp::now());
    let Ok(rest) = rest else {
        eprintln!("rdprint: no window is open now; nothing was sent");
        return settled.map(|()| Exit::Incomplete);
    };
    if let Err(failure) = settled {
        // That nobody can be told is no reason not to look; it is tried again at the end, which then is the exit code.
        eprintln!("rdprint: {}", visible(&failure.to_string()));
    }
    let mut limits = raise_file_limit(prepared.limits.clone());
    limits.max_duration = limits.max_duration.into_iter().chain(rest).min();
    prepared.limits = limits;

    let begun = begin(flags, &mut prepared, &store)?;
    let signals = Signals::listen()?;
    let ended = run::carry_out(flags, &prepared, &store, &begun, &signals)?;
    if flags.verbose || std::io::stderr().is_terminal() {
        eprint!("{}", ended.coverage);
    }
    let report =
        Report { flags, prepared: &prepared, store: &store, signals: &signals, sweep: begun.sweep, was_failed_on };
    report.finish(ended)
}

/// Goes on with the last sweep, if that can be, or begins one.
fn begin(flags: &SweepFlags, prepared: &mut Prepared, store: &Shared) -> Result<Begun, Failure> {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Timestamp::now();
    let running = store.running().map_err(|error| Failure::in_history(&error))?;
    if let Some(last) = store.last_sweep().map_err(|error| Failure::in_history(&error))?
        && last.started > now
    {
        eprintln!(
            "rdprint: sweep {} began at {:.0}, which is still to come by this machine's clock; sweeps are told apart by \
             their numbers, so this one goes on",
            last.id, last.started
        );
    }
    store.judge(&prepared.set).map_err(|error| Failure::in_history(&error))?;
    if let Some(sweep) = running.filter(|_| !flags.anew) {
        let identity: Option<Identity> = serde_json::from_str(&sweep.identity).ok();
        let limit = SignedDuration::try_from(prepared.settings.resume_within.0).unwrap_or(SignedDuration::MAX);
        let is_fresh = now.duration_since(sweep.started) <= limit;
        // What a sweep was allowed stands in the history as one word for all of it.
        let is_allowed_the_same = sweep.allowed.as_ref().is_none_or(|allowed| *allowed == prepared.allowed);
        if let Some(identity) = identity.filter(|_| is_fresh && is_allowed_the_same) {
            let targets = crate::scan::Targets { seed: identity.seed, ..prepared.targets.clone() };
            if Identity::of(&targets) == identity {
                prepared.targets = targets;
                let progress: Progress =
                    sweep.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok()).unwrap_or_default();
                store
                    .go_on(sweep.id, &prepared.allowed, prepared.set.hash())
                    .map_err(|error| Failure::in_history(&error))?;
                return Ok(Begun { sweep: sweep.id, progress, cursor: sweep.cursor });
            }
        }
    }
    // Numbers and words always have a JSON form.
    let identity = json(&Identity::of(&prepared.targets)).unwrap_or_default();
    let sweep = store
        .begin(&identity, &prepared.allowed, prepared.set.hash(), now)
        .map_err(|error| Failure::in_history(&error))?;
    Ok(Begun { sweep, progress: Progress::default(), cursor: None })
}
