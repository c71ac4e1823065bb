//! The end of a sweep: compared, concluded, and what follows from that.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::super::signals::Signals;
use super::super::{Exit, Failure};
use super::prepare::Prepared;
use super::run::Ended;
use super::{SweepFlags, settle};
use crate::change::{Entry, Sight, compare};
use crate::silence::Ending;
use crate::store::{Conclusion, StoreError};
use crate::sweep::news::{Alert, Judged, News, subject};
use crate::sweep::recorder::Shared;
use crate::visible::json;

/// Everything that the end needs.
pub(super) struct Report<'a> {
    pub(super) flags: &'a SweepFlags,
    pub(super) prepared: &'a Prepared,
    pub(super) store: &'a Shared,
    pub(super) signals: &'a Signals,
    pub(super) sweep: i64,
    /// Whether news of earlier sweeps that this run told hold what `fail_on` names.
    pub(super) was_failed_on: bool,
}

impl Report<'_> {
    /// From the scan's end to the exit code.
    pub(super) fn finish(&self, mut ended: Ended) -> Result<Exit, Failure> {
        let concluded =
            if ended.is_complete && ended.error.is_none() { self.conclude(&ended).map(|()| true) } else { Ok(false) };
        let state = match (&concluded, &ended.error) {
            (Ok(true), _) => "complete",
            (Ok(false), None) => "incomplete",
            _ => "failed",
        };
        // Alerts of earlier sweeps are owed whatever became of this one.
        let delivered = ended.deliver(self.prepared, self.store, self.sweep, state, self.signals);
        if let Some(error) = &ended.error {
            let message = format!("stopped early: {error}; the next run goes on from there");
            return Err(Failure::own_fault(message));
        }
        let is_concluded = concluded?;
        delivered?;
        if !is_concluded {
            self.tell_why(&ended);
        }
        // What earlier sweeps owe is tried once more even if this one was not concluded.
        let mut is_failed_on = self.was_failed_on;
        settle(self.flags, &self.prepared.settings, self.store, &mut is_failed_on)?;
        Ok(match (ended.caught.exit(), is_concluded) {
            // Whoever stopped it knows that something may have been left to the next run.
            (Some(exit), _) => exit,
            (None, false) => Exit::Incomplete,
            (None, true) if is_failed_on => Exit::Found,
            (None, true) => Exit::Done,
        })
    }

    fn conclude(&self, ended: &Ended) -> Result<(), Failure> {
        let Prepared { settings, set, silence, customers, .. } = self.prepared;
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let mut conclude = || -> Result<(), StoreError> {
            let entries = store.entries(self.sweep, set.hash())?;
            let comparison = compare(&entries, settings.misses.get());
            let judged = Judged::new(&comparison, silence, customers.as_ref(), set, now);
            let (history, previous) = (store.id()?, store.complete_before(self.sweep)?);
            let mut alerts = Vec::new();
            for change in judged.alerts() {
                let (alert_id, body) = Alert::body(&history, self.sweep, now, change, set);
                let channels = self.prepared.ways.channels();
                alerts.extend(channels.map(|channel| (alert_id.clone(), channel.to_string(), body.clone())));
            }
            let mut news = News::new(self.sweep, previous.as_ref().map(|sweep| sweep.id), now, &judged, settings.news);
            let known = store.announced()?;
            let ending: Vec<Ending<'_>> =
                silence.ending(now).filter(|ending| !known.contains(&ending.mark())).collect();
            news.announce(ending.iter().map(|ending| self.announcement(ending, &entries)));
            let announced: Vec<String> = ending.iter().map(Ending::mark).collect();
            // Both are texts and numbers, which always have a JSON form.
            let coverage = json(&ended.coverage).unwrap_or_default();
            let news = (!news.is_empty()).then(|| json(&news).unwrap_or_default());
            let conclusion = Conclusion {
                comparison: &comparison,
                silenced: &judged.silenced,
                alerts: &alerts,
                news: news.as_deref(),
                announced: &announced,
                misses: settings.misses.get(),
                coverage: &coverage,
                ended: now,
            };
            store.conclude(self.sweep, &conclusion)
        };
        conclude().map_err(|error| Failure::in_history(&error))
    }

    /// A rule that ends, with how many findings there are that it speaks of.
    fn announcement(&self, ending: &Ending<'_>, entries: &[Entry]) -> String {
        let Prepared { set, customers, .. } = self.prepared;
        let speaks_of = |entry: &&Entry| match &entry.sight {
            Some(Sight::Seen(look)) => {
                look.is_finding() && ending.rule.fits(&subject(entry.endpoint, look, customers.as_ref(), set))
            }
            _ => false,
        };
        let count = entries.iter().filter(speaks_of).count();
        if ending.is_over {
            format!("{ending}; findings that it held back: {count}; renew or remove it")
        } else {
            format!("{ending}; findings that it holds back: {count}")
        }
    }

    fn tell_why(&self, ended: &Ended) {
        let sweep = self.sweep;
        if let Some(complaint) = &ended.complaint {
            eprintln!("rdprint: sweep {sweep} was stopped: {complaint}");
        } else if ended.ran_out_of_time {
            eprintln!("rdprint: sweep {sweep} is not complete, its time is over; the next run goes on from there");
        }
    }
}
