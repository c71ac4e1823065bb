//! Writing on a thread of its own, so that a slow reader of our output never looks like a slow host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::resume::{Checkpoints, Progress};
use crate::output::{Outputs, WriteError};
use crate::verdict::Record;

/// Records that may wait to be written; beyond that no new host is begun, while those in work go on undisturbed.
const WAITING_RECORDS: usize = 1024;

/// What the thread is asked to do, in this order.
enum Task {
    Write(Box<Record>),
    /// Everything before this is written; remember how far that is.
    Save(Box<Progress>),
}

/// The way to the outputs.
pub(super) struct Writer {
    tasks: mpsc::Sender<Task>,
    has_enough: Arc<AtomicBool>,
    ended: oneshot::Receiver<Result<(), WriteError>>,
    checkpoints: Option<Checkpoints>,
}

impl Writer {
    pub(super) fn start(mut outputs: Outputs, checkpoints: Option<Checkpoints>) -> Self {
        let (tasks, mut waiting) = mpsc::channel(WAITING_RECORDS);
        let (end, ended) = oneshot::channel();
        let has_enough = Arc::new(AtomicBool::new(false));
        let (enough, place) = (has_enough.clone(), checkpoints.clone());
        std::thread::spawn(move || {
            let mut result = Ok(());
            while let Some(task) = waiting.blocking_recv() {
                // What one output cannot take, the others still can, so every record is offered to those that are left.
                // After a failure the last checkpoint stands: what a resumed run finds is then whole.
                let done = match task {
                    Task::Write(record) => outputs.write(&record),
                    Task::Save(progress) if result.is_ok() => save(&mut outputs, place.as_ref(), *progress),
                    Task::Save(_) => Ok(()),
                };
                result = result.and(done);
                enough.store(result.is_err() || outputs.are_closed(), Ordering::Relaxed);
            }
            // Nobody listens if the run was given up.
            let _given_up = end.send(result.and(outputs.finish()));
        });
        Self { tasks, has_enough, ended, checkpoints }
    }

    /// Whether nothing more is worth beginning: an output failed, or every reader has gone away.
    pub(super) fn has_enough(&self) -> bool {
        self.has_enough.load(Ordering::Relaxed)
    }

    pub(super) async fn write(&self, record: Record) {
        self.ask(Task::Write(Box::new(record))).await;
    }

    pub(super) async fn save(&self, progress: Progress) {
        self.ask(Task::Save(Box::new(progress))).await;
    }

    async fn ask(&self, task: Task) {
        // The thread ends only with its channel, so this cannot fail but by its panic, which `finish` reports.
        let _panicked = self.tasks.send(task).await;
    }

    /// Waits until everything is written, with a last checkpoint if there is something to go on with; `None` if the
    /// thread died.
    pub(super) async fn finish(self, rest: Option<Progress>) -> Option<Result<(), WriteError>> {
        let is_complete = rest.is_none();
        if let Some(progress) = rest {
            self.save(progress).await;
        }
        drop(self.tasks);
        let written = self.ended.await.ok()?;
        let checkpoints = self.checkpoints.filter(|_| is_complete && written.is_ok());
        let removed = checkpoints.map_or(Ok(()), |checkpoints| {
            checkpoints.remove().map_err(|cause| WriteError { name: checkpoints.path().display().to_string(), cause })
        });
        Some(written.and(removed))
    }
}

fn save(outputs: &mut Outputs, place: Option<&Checkpoints>, progress: Progress) -> Result<(), WriteError> {
    let Some(place) = place else { return Ok(()) };
    let lengths = outputs.sync()?;
    let name = || place.path().display().to_string();
    place.save(progress, lengths).map_err(|cause| WriteError { name: name(), cause })
}
