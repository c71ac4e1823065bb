//! Writing on a thread of its own, so that a slow reader of our output never looks like a slow host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::resume::{Checkpoints, Progress};
use crate::output::{Outputs, WriteError};
use crate::verdict::Record;

/// Records that may wait to be written; beyond that no new host is begun, while those in work go on undisturbed.
const WAITING_RECORDS: usize = 1024;

/// Where a run's records and its progress go. It is called on a thread of its own, and may block.
pub trait Recorder: Send {
    /// Takes a record. What is reported as written must be so after the next [`Recorder::save`] at the latest.
    fn write(&mut self, record: &Record) -> Result<(), WriteError>;

    /// Everything before this was written; remembers, together with it, how far the run has come. Called about once a
    /// second, and never again after a failure: what a resumed run finds is then whole.
    fn save(&mut self, progress: &Progress) -> Result<(), WriteError>;

    /// Whether nothing more is worth beginning.
    fn has_enough(&self) -> bool;

    /// The end. `progress` is how far the run has come, and absent after a failure; `is_complete` says that there is
    /// nothing to go on with.
    fn finish(&mut self, progress: Option<&Progress>, is_complete: bool) -> Result<(), WriteError>;
}

/// Outputs, and a resume file if they have one.
pub struct FileRecorder {
    outputs: Outputs,
    checkpoints: Option<Checkpoints>,
}

impl FileRecorder {
    /// Into these outputs; without checkpoints a run that is stopped cannot be gone on with.
    #[must_use]
    pub fn new(outputs: Outputs, checkpoints: Option<Checkpoints>) -> Self {
        Self { outputs, checkpoints }
    }
}

impl Recorder for FileRecorder {
    /// What one output cannot take, the others still can, so every record is offered to those that are left.
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        self.outputs.write(record)
    }

    fn save(&mut self, progress: &Progress) -> Result<(), WriteError> {
        let Some(place) = &self.checkpoints else { return Ok(()) };
        let lengths = self.outputs.sync()?;
        place.save(progress.clone(), lengths).map_err(|cause| failed(place, cause))
    }

    fn has_enough(&self) -> bool {
        self.outputs.are_closed()
    }

    fn finish(&mut self, progress: Option<&Progress>, is_complete: bool) -> Result<(), WriteError> {
        let saved = progress.filter(|_| !is_complete).map_or(Ok(()), |progress| self.save(progress));
        saved.and(self.outputs.finish())?;
        match &self.checkpoints {
            Some(place) if is_complete => place.remove().map_err(|cause| failed(place, cause)),
            _ => Ok(()),
        }
    }
}

fn failed(place: &Checkpoints, cause: std::io::Error) -> WriteError {
    WriteError { name: place.path().display().to_string(), cause }
}

/// What the thread is asked to do, in this order.
enum Task {
    Write(Box<Record>),
    /// Everything before this is written; remember how far that is.
    Save(Box<Progress>),
    /// The last one, and whether there is nothing to go on with.
    End(Box<Progress>, bool),
}

/// The way to the recorder.
pub(super) struct Writer {
    tasks: mpsc::Sender<Task>,
    has_enough: Arc<AtomicBool>,
    ended: oneshot::Receiver<Result<(), WriteError>>,
}

impl Writer {
    pub(super) fn start(mut recorder: Box<dyn Recorder>) -> Self {
        let (tasks, mut waiting) = mpsc::channel(WAITING_RECORDS);
        let (end, ended) = oneshot::channel();
        let has_enough = Arc::new(AtomicBool::new(false));
        let enough = has_enough.clone();
        std::thread::spawn(move || {
            let (mut result, mut last) = (Ok(()), None);
            while let Some(task) = waiting.blocking_recv() {
                let done = match task {
                    Task::Write(record) => recorder.write(&record),
                    // After a failure the last checkpoint stands: what a resumed run finds is then whole.
                    Task::Save(progress) if result.is_ok() => recorder.save(&progress),
                    Task::Save(_) => Ok(()),
                    Task::End(progress, is_complete) => {
                        last = Some((progress, is_complete));
                        Ok(())
                    }
                };
                result = result.and(done);
                enough.store(result.is_err() || recorder.has_enough(), Ordering::Relaxed);
            }
            let (progress, is_complete) = last.filter(|_| result.is_ok()).unzip();
            let finished = recorder.finish(progress.as_deref(), is_complete.unwrap_or_default());
            // Nobody listens if the run was given up.
            let _given_up = end.send(result.and(finished));
        });
        Self { tasks, has_enough, ended }
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

    /// Waits until everything is written; `None` if the thread died.
    pub(super) async fn finish(self, progress: Progress, is_complete: bool) -> Option<Result<(), WriteError>> {
        self.ask(Task::End(Box::new(progress), is_complete)).await;
        drop(self.tasks);
        self.ended.await.ok()
    }
}
