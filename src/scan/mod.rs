//! The pipeline: take an endpoint, wait for its turn, probe, judge, write, count, stop.

mod coverage;
mod excludes;
mod gate;
mod handout;
mod limits;
mod resume;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::fingerprint::FingerprintSet;
use crate::observe::Observation;
use crate::output::WriteError;
use crate::probe::{LocalFault, Prober};
use crate::verdict::Record;

pub use coverage::{Coverage, NoName};
pub use excludes::Excludes;
pub use handout::{Shard, Targets};
pub use limits::Limits;
pub use resume::{Checkpoints, Identity, Progress, ResumeError, ResumeFile};
pub use writer::{FileRecorder, Recorder};

use gate::Gate;
use handout::{HandOut, Job};
use writer::Writer;

/// Jobs that may wait for their host or network; more than that and no new one is taken.
const WAITING_JOBS: usize = 1024;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(250);
/// How often a checkpoint is written, in ticks.
const TICKS_PER_CHECKPOINT: u32 = 4;
/// How long a host waits when this machine is exhausted, try after try, before the run is given up.
const BACK_OFF: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// What is to be done, and within which limits.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The endpoints, in their order.
    pub targets: Targets,
    /// The pace and the patience.
    pub limits: Limits,
    /// Where a stopped run was.
    pub progress: Progress,
}

/// What makes a run end early by our own fault. What was written stays.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The machine stayed exhausted.
    #[error(transparent)]
    Local(#[from] LocalFault),
    /// An output or the resume file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A probe died.
    #[error("a probe ended abnormally, which is a defect of rdprint: {0}")]
    Probe(#[from] JoinError),
    /// The writer died.
    #[error("the writer of records ended abnormally, which is a defect of rdprint")]
    Writer,
}

/// How much longer a run is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// To its end.
    #[default]
    GoOn,
    /// No new endpoint is begun; those in work are finished and written.
    FinishUp,
    /// What is in work is given up; what was seen is written.
    EndNow,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was covered, earlier parts of a resumed run included.
    pub coverage: Coverage,
    /// Whether every target was taken and finished.
    pub is_complete: bool,
    /// Whether the time limit ended it.
    pub ran_out_of_time: bool,
    /// What went wrong on our side, if anything.
    pub error: Option<ScanError>,
}

/// Probes every endpoint of the plan, or as many as there is time for, and tells its progress to `watcher`. Where there
/// are `excludes`, they stand in place of the plan's, and hold as soon as they change.
pub async fn run(
    plan: Plan,
    fingerprints: &FingerprintSet,
    recorder: Box<dyn Recorder>,
    wish: watch::Receiver<Wish>,
    excludes: Option<watch::Receiver<Excludes>>,
    watcher: &mut dyn FnMut(&Coverage),
) -> Outcome {
    let Plan { targets, limits, progress } = plan;
    let Progress { cursor, unfinished, mut coverage } = progress;
    coverage.planned = targets.positions();
    let at_least_one = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    let run = Run {
        gate: Gate::new(at_least_one(limits.per_network), limits.pause),
        handout: HandOut::new(targets, cursor, unfinished),
        prober: Arc::new(limits.prober()),
        waiting: VecDeque::new(),
        next: None,
        running: JoinSet::new(),
        in_work: HashMap::new(),
        lost: Vec::new(),
        coverage,
        concurrency: at_least_one(limits.concurrency),
        end: limits.max_duration.map(|limit| Instant::now() + limit),
        error: None,
        may_begin: true,
    };
    run.go(fingerprints, Writer::start(recorder), wish, excludes, watcher).await
}

/// The state of a run.
struct Run {
    handout: HandOut,
    gate: Gate,
    prober: Arc<Prober>,
    /// Taken, but their host or network is busy.
    waiting: VecDeque<Job>,
    /// Let in by the gate, and waiting for the rate limit.
    next: Option<Job>,
    running: JoinSet<Result<Observation, LocalFault>>,
    in_work: HashMap<task::Id, (Job, task::AbortHandle)>,
    /// Positions that could not be finished for want of resources.
    lost: Vec<u64>,
    coverage: Coverage,
    concurrency: usize,
    end: Option<Instant>,
    error: Option<ScanError>,
    /// Whether the excludes are known, so that new hosts may be begun.
    may_begin: bool,
}

impl Run {
    async fn go(
        mut self,
        fingerprints: &FingerprintSet,
        writer: Writer,
        mut wish: watch::Receiver<Wish>,
        mut excludes: Option<watch::Receiver<Excludes>>,
        watcher: &mut dyn FnMut(&Coverage),
    ) -> Outcome {
        self.exclude(excludes.as_mut().map(|excludes| excludes.borrow_and_update().clone()));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut ticks, mut can_be_stopped, mut ran_out_of_time) = (0_u32, true, false);
        loop {
            let wanted = *wish.borrow();
            let goes_on = wanted == Wish::GoOn && !ran_out_of_time && self.error.is_none() && !writer.has_enough();
            let may_begin = goes_on && self.may_begin;
            if may_begin && self.next.is_none() {
                self.next = self.pick();
            }
            // While the excludes are unknown the run waits for them; only its end is then an end.
            let is_held = !self.may_begin && !self.handout.is_exhausted();
            let has_work = goes_on && (is_held || self.next.is_some() || !self.waiting.is_empty());
            if wanted == Wish::EndNow || self.running.is_empty() && !has_work {
                break;
            }
            let can_start = may_begin && self.next.is_some() && self.running.len() < self.concurrency;
            let waking =
                self.gate.next_waking().filter(|_| may_begin && self.next.is_none() && !self.waiting.is_empty());
            tokio::select! {
                biased;
                changed = wish.changed(), if can_be_stopped => can_be_stopped = changed.is_ok(),
                news = changed(&mut excludes), if excludes.is_some() => match news {
                    Some(news) => self.exclude(Some(news)),
                    // Whoever read the files is gone; what was last read holds.
                    None => excludes = None,
                },
                () = until(self.end), if goes_on && self.end.is_some() => ran_out_of_time = true,
                Some(ended) = self.running.join_next_with_id() => {
                    if let Some(observation) = self.finish(ended) {
                        let record = Record::judge(observation, fingerprints);
                        self.coverage.add(&record);
                        writer.write(record).await;
                    }
                }
                _ = tick.tick() => {
                    ticks = ticks.wrapping_add(1);
                    watcher(&self.coverage);
                    if ticks.is_multiple_of(TICKS_PER_CHECKPOINT) {
                        writer.save(self.progress()).await;
                    }
                }
                () = until(waking), if waking.is_some() => {}
                () = self.prober.admit(), if can_start => self.start(),
            }
        }
        self.close(writer, ran_out_of_time, watcher).await
    }

    async fn close(mut self, writer: Writer, ran_out_of_time: bool, watcher: &mut dyn FnMut(&Coverage)) -> Outcome {
        self.running.abort_all();
        self.coverage.skipped += std::mem::take(&mut self.handout.skipped);
        watcher(&self.coverage);
        let progress = self.progress();
        let is_complete = progress.unfinished.is_empty() && self.handout.next().is_none();
        let written = writer.finish(progress, is_complete).await;
        let written = written.map_or(Some(ScanError::Writer), |written| written.err().map(ScanError::from));
        Outcome { coverage: self.coverage, is_complete, ran_out_of_time, error: self.error.or(written) }
    }

    /// The next job that the gate lets in: one that waited, or a new one.
    fn pick(&mut self) -> Option<Job> {
        let now = Instant::now();
        let free = self.waiting.iter().position(|job| self.gate.enter(job.endpoint.ip(), now));
        if let Some(position) = free {
            return self.waiting.remove(position);
        }
        while self.waiting.len() < WAITING_JOBS {
            let job = self.handout.next()?;
            if self.gate.enter(job.endpoint.ip(), now) {
                return Some(job);
            }
            self.waiting.push_back(job);
        }
        None
    }

    fn start(&mut self) {
        if let Some(job) = self.next.take() {
            let handle = self.running.spawn(probe_patiently(self.prober.clone(), job));
            self.in_work.insert(handle.id(), (job, handle));
        }
    }

    /// From now on these are excluded, whether they wait, are in work or are still to be taken.
    fn exclude(&mut self, excludes: Option<Excludes>) {
        let Some(excludes) = excludes else { return };
        let Excludes::Known(addresses) = excludes else {
            self.may_begin = false;
            return;
        };
        self.may_begin = true;
        let is_excluded = |job: &Job| addresses.contains(job.endpoint.ip());
        if let Some(job) = self.next.take_if(|job| is_excluded(job)) {
            self.gate.leave(job.endpoint.ip(), false, Instant::now());
            self.coverage.skipped += 1;
        }
        let before = self.waiting.len();
        self.waiting.retain(|job| !is_excluded(job));
        self.coverage.skipped += (before - self.waiting.len()) as u64;
        for (_, handle) in self.in_work.values().filter(|(job, _)| is_excluded(job)) {
            handle.abort();
        }
        self.handout.exclude(addresses);
    }

    /// Takes a job off the list of those in work.
    fn finish(&mut self, ended: Result<(task::Id, Result<Observation, LocalFault>), JoinError>) -> Option<Observation> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let (job, _) = self.in_work.remove(&id)?;
        let (observation, error) = match ended {
            Ok((_, Ok(observation))) => (Some(observation), None),
            // Nothing is known of the host, so a resumed run asks it again.
            Ok((_, Err(shortage))) => {
                self.lost.push(job.position);
                (None, Some(ScanError::from(shortage)))
            }
            // It was excluded in the middle of the dialogue.
            Err(ended) if ended.is_cancelled() => {
                self.coverage.skipped += 1;
                (None, None)
            }
            Err(died) => (None, Some(ScanError::from(died))),
        };
        let was_open = observation.as_ref().is_none_or(Observation::is_open);
        self.gate.leave(job.endpoint.ip(), was_open, Instant::now());
        self.error = self.error.take().or(error);
        observation
    }

    /// Everything that a later run needs to go on. Records written so far are exactly those of the positions that are
    /// behind the cursor and not unfinished.
    fn progress(&mut self) -> Progress {
        self.coverage.skipped += std::mem::take(&mut self.handout.skipped);
        let in_work = self.in_work.values().map(|(job, _)| job);
        let jobs = in_work.chain(&self.waiting).chain(&self.next).map(|job| job.position);
        let mut unfinished: Vec<u64> = jobs.chain(self.lost.iter().copied()).collect();
        unfinished.extend(self.handout.unfinished());
        Progress { cursor: self.handout.cursor(), unfinished, coverage: self.coverage.clone() }
    }
}

/// Waits for other excludes; `None` if there can be no more.
async fn changed(excludes: &mut Option<watch::Receiver<Excludes>>) -> Option<Excludes> {
    let excludes = excludes.as_mut()?;
    excludes.changed().await.ok()?;
    Some(excludes.borrow_and_update().clone())
}

/// Waits until a time, if there is one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits out a shortage of this machine's own resources, which must never become the host's result. The caller was
/// admitted to the first connection.
async fn probe_patiently(prober: Arc<Prober>, job: Job) -> Result<Observation, LocalFault> {
    for pause in BACK_OFF {
        match prober.probe(job.endpoint).await {
            Ok(observation) => return Ok(observation),
            Err(_shortage) => tokio::time::sleep(pause).await,
        }
        prober.admit().await;
    }
    prober.probe(job.endpoint).await
}
