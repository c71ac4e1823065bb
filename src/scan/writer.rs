//! Writing on a thread of its own, so that a slow reader of our output never looks like a slow host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::output::{Outputs, WriteError};
use crate::verdict::Record;

/// Records that may wait to be written; beyond that no new host is begun, while those in work go on undisturbed.
const WAITING_RECORDS: usize = 1024;

/// The way to the outputs.
pub(super) struct Writer {
    records: mpsc::Sender<Record>,
    has_enough: Arc<AtomicBool>,
    ended: oneshot::Receiver<Result<(), WriteError>>,
}

impl Writer {
    pub(super) fn start(mut outputs: Outputs) -> Self {
        let (records, mut waiting) = mpsc::channel::<Record>(WAITING_RECORDS);
        let (end, ended) = oneshot::channel();
        let has_enough = Arc::new(AtomicBool::new(false));
        let enough = has_enough.clone();
        std::thread::spawn(move || {
            let mut result = Ok(());
            while let Some(record) = waiting.blocking_recv() {
                // What one output cannot take, the others still can, so every record is offered to those that are left.
                result = result.and(outputs.write(&record));
                enough.store(result.is_err() || outputs.are_closed(), Ordering::Relaxed);
            }
            // Nobody listens if the run was given up.
            let _given_up = end.send(result.and(outputs.finish()));
        });
        Self { records, has_enough, ended }
    }

    /// Whether nothing more is worth beginning: an output failed, or every reader has gone away.
    pub(super) fn has_enough(&self) -> bool {
        self.has_enough.load(Ordering::Relaxed)
    }

    pub(super) async fn write(&self, record: Record) {
        // The thread ends only with its channel, so this cannot fail but by its panic, which `finish` reports.
        let _panicked = self.records.send(record).await;
    }

    /// Waits until everything is written; `None` if the thread died.
    pub(super) async fn finish(self) -> Option<Result<(), WriteError>> {
        drop(self.records);
        self.ended.await.ok()
    }
}
