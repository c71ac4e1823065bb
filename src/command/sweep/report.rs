//! The end of a sweep: compared, concluded, exported, told.

use std::io::{self, Write as _};
use std::sync::PoisonError;

use jiff::Timestamp;

use super::super::{Exit, Failure};
use super::prepare::Prepared;
use super::run::Ended;
use super::{SweepFlags, trouble};
use crate::change::{Entry, Sight, compare};
use crate::silence::Rule;
use crate::store::{Conclusion, StoreError};
use crate::sweep::file::export;
use crate::sweep::news::{Alert, Judged, News, subject};
use crate::sweep::recorder::Shared;

/// Everything that the end needs.
pub(super) struct Report<'a> {
    pub(super) flags: &'a SweepFlags,
    pub(super) prepared: &'a Prepared,
    pub(super) store: &'a Shared,
    pub(super) sweep: i64,
}

impl Report<'_> {
    /// From the scan's end to the exit code.
    pub(super) fn finish(&self, mut ended: Ended) -> Result<Exit, Failure> {
        let concluded =
            if ended.is_complete && ended.error.is_none() { self.conclude(&ended).map(Some) } else { Ok(None) };
        let state = match (&concluded, &ended.error) {
            (Ok(Some(_)), _) => "complete",
            (Ok(None), None) => "incomplete",
            _ => "failed",
        };
        // Alerts of earlier sweeps are owed whatever became of this one.
        let delivered = ended.deliver(self.prepared, self.store, self.sweep, state);
        if let Some(error) = &ended.error {
            let message = format!("stopped early: {error}; the next run goes on from there");
            return Err(Failure::own_fault(message));
        }
        let news = concluded?;
        delivered?;
        let Some((news, is_failed_on)) = news else {
            self.tell_why(&ended);
            return Ok(ended.exit());
        };
        self.print(&news)?;
        let set = &self.prepared.set;
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        export(&store, self.sweep, set, &self.prepared.settings.outputs).map_err(Failure::own_fault)?;
        Ok(if is_failed_on { Exit::Found } else { Exit::Done })
    }

    fn conclude(&self, ended: &Ended) -> Result<(News, bool), Failure> {
        let Prepared { settings, set, silence, customers, .. } = self.prepared;
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let conclude = || -> Result<(News, bool), StoreError> {
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
            let coverage = serde_json::to_string(&ended.coverage).unwrap_or_default();
            let conclusion = Conclusion {
                comparison: &comparison,
                silenced: &judged.silenced,
                alerts: &alerts,
                misses: settings.misses.get(),
                coverage: &coverage,
                ended: now,
            };
            store.conclude(self.sweep, &conclusion)?;
            let mut news = News::new(self.sweep, previous.as_ref().map(|sweep| sweep.id), now, &judged, settings.news);
            let since = previous.and_then(|sweep| sweep.ended).unwrap_or(Timestamp::MIN);
            news.announce(silence.ending(since, now).map(|rule| self.announcement(rule, &entries, now)));
            let is_failed_on =
                settings.fail_on.is_some_and(|class| judged.strongest().is_some_and(|found| found <= class));
            Ok((news, is_failed_on))
        };
        conclude_in(conclude)
    }

    /// A rule that ends, with how many findings there are that it speaks of.
    fn announcement(&self, rule: &Rule, entries: &[Entry], now: Timestamp) -> String {
        let Prepared { set, customers, .. } = self.prepared;
        let speaks_of = |entry: &&Entry| match &entry.sight {
            Some(Sight::Seen(look)) => {
                look.is_finding() && rule.fits(&subject(entry.endpoint, look, customers.as_ref(), set))
            }
            _ => false,
        };
        let count = entries.iter().filter(speaks_of).count();
        let Rule { place, reason, author, expires, .. } = rule;
        if rule.has_expired(now) {
            format!(
                "{place}: \"{reason}\" ({author}) ended on {expires}; findings that it held back: {count}; renew or remove it"
            )
        } else {
            format!("{place}: \"{reason}\" ({author}) ends on {expires}; findings that it holds back: {count}")
        }
    }

    /// Nothing at all where nothing is new: cron mails whatever is printed.
    fn print(&self, news: &News) -> Result<(), Failure> {
        if news.is_empty() {
            return Ok(());
        }
        let text = if self.flags.json {
            let json = serde_json::to_string(news).map_err(Failure::own_fault)?;
            format!("{json}\n")
        } else {
            news.to_string()
        };
        match io::stdout().write_all(text.as_bytes()) {
            // A reader that has gone away has had enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::own_fault(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
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

fn conclude_in<T>(conclude: impl FnOnce() -> Result<T, StoreError>) -> Result<T, Failure> {
    conclude().map_err(|error| trouble(&error))
}
