//! What follows the end of a complete sweep: its news are told, what it saw is exported. The history knows what was not done
//! yet, so whatever kept a run from it, the next run does it first.

use std::io::{self, Write as _};
use std::sync::PoisonError;

use super::super::Failure;
use super::SweepFlags;
use crate::store::Store;
use crate::sweep::file::export;
use crate::sweep::news::News;
use crate::sweep::recorder::Shared;
use crate::sweep::settings::Settings;

/// Does what complete sweeps still owe. `is_failed_on` becomes true if news that were told hold what `fail_on` names,
/// whatever fails afterwards.
pub(super) fn settle(
    flags: &SweepFlags,
    settings: &Settings,
    store: &Shared,
    is_failed_on: &mut bool,
) -> Result<(), Failure> {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let told = tell(flags, settings, &mut store, is_failed_on);
    // Neither waits for the other; the first failure is the one that is told.
    let exported = export_last(settings, &mut store);
    told.and(exported)
}

fn tell(flags: &SweepFlags, settings: &Settings, store: &mut Store, is_failed_on: &mut bool) -> Result<(), Failure> {
    for (sweep, json) in store.untold().map_err(|error| Failure::in_history(&error))? {
        let unreadable = |error| Failure::usage(format!("the news of sweep {sweep} cannot be read: {error}"));
        let news: News = serde_json::from_str(&json).map_err(unreadable)?;
        let text = if flags.json { format!("{json}\n") } else { news.to_string() };
        // A reader that has gone away has not had the news, unlike elsewhere, where it has had enough.
        print(&text).map_err(|error| {
            let message = format!(
                "standard output cannot be written: {error}; the news of sweep {sweep} are kept, and the next run tells them"
            );
            Failure::own_fault(message)
        })?;
        store.told(sweep).map_err(|error| Failure::in_history(&error))?;
        let strongest = news.strongest();
        *is_failed_on |= settings.fail_on.is_some_and(|class| strongest.is_some_and(|found| found <= class));
    }
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn export_last(settings: &Settings, store: &mut Store) -> Result<(), Failure> {
    let Some(sweep) = store.unexported().map_err(|error| Failure::in_history(&error))? else { return Ok(()) };
    export(store, sweep, &settings.outputs).map_err(Failure::own_fault)?;
    store.exported(sweep).map_err(|error| Failure::in_history(&error))
}
