//! Where a sweep's records go: the history, in batches of a second, each together with how far the sweep has come.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::canary::{Health, Mark};
use crate::output::WriteError;
use crate::scan::{Progress, Recorder};
use crate::store::{Store, StoreError};
use crate::verdict::Record;
use crate::visible::json;

/// Without canaries: once so many endpoints that answered in the last sweep were asked, half of them must answer.
const SAMPLE: u64 = 50;

/// The history, shared between the sweep and the thread that records it.
pub type Shared = Arc<Mutex<Store>>;

/// Writes into the history.
pub struct HistoryRecorder {
    store: Shared,
    sweep: i64,
    batch: Vec<Record>,
    health: Health,
    /// Points that the next check of the canaries may confirm.
    marks: VecDeque<Mark>,
    /// Endpoints that answered in the last sweep, where there is no canary.
    known: HashSet<SocketAddr>,
    asked: u64,
    answered: u64,
}

impl HistoryRecorder {
    /// For a sweep that begins or goes on. `known` is empty where canaries watch over it.
    #[must_use]
    pub fn new(store: Shared, sweep: i64, known: HashSet<SocketAddr>, health: Health) -> Self {
        let (batch, marks) = (Vec::new(), VecDeque::new());
        Self { store, sweep, batch, health, marks, known, asked: 0, answered: 0 }
    }

    fn commit(&mut self, progress: &Progress) -> Result<(), StoreError> {
        // Progress is numbers and words, which always have a JSON form.
        let cursor = json(progress).ok();
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = store.commit(self.sweep, &self.batch, cursor.as_deref())?;
        self.batch.clear();
        drop(store);
        self.marks.push_back(Mark::now(turn, cursor));
        let good = self.health.good_until();
        while self.marks.front().is_some_and(|mark| good.is_some_and(|good| mark.at <= good)) {
            if let Some(mark) = self.marks.pop_front() {
                self.health.believe(mark);
            }
        }
        Ok(())
    }

    /// Nobody can tell since when the line was broken, so all that this run missed is not believed.
    fn watch(&mut self, record: &Record) {
        let seen = &record.observation;
        if !self.known.remove(&SocketAddr::new(seen.ip, seen.port)) {
            return;
        }
        self.asked += 1;
        self.answered += u64::from(seen.speaks_rdp());
        let Self { asked, answered, .. } = self;
        if *asked >= SAMPLE && *answered * 2 < *asked {
            self.health.complain(format!(
                "of {asked} endpoints that answered in the last sweep only {answered} answer now; what this run missed is not \
                 believed. If they are gone indeed, run it once with --accept-losses"
            ));
        }
    }

    fn failed(&self, error: &StoreError) -> WriteError {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        WriteError { name: store.path().display().to_string(), cause: io::Error::other(error.to_string()) }
    }
}

impl Recorder for HistoryRecorder {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        self.watch(record);
        self.batch.push(record.clone());
        Ok(())
    }

    fn save(&mut self, progress: &Progress) -> Result<(), WriteError> {
        self.commit(progress).map_err(|error| self.failed(&error))
    }

    fn has_enough(&self) -> bool {
        self.health.complaint().is_some()
    }

    fn finish(&mut self, progress: Option<&Progress>, _is_complete: bool) -> Result<(), WriteError> {
        progress.map_or(Ok(()), |progress| self.save(progress))
    }
}
