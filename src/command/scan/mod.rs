//! `rdprint scan`: from flags to an exit code.

mod dry_run;
mod flags;
mod meta;
mod progress;
pub(super) mod targets;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::signals::{Signals, Work};
use super::{Exit, Failure, fields, fingerprints, outputs, stdout};
use crate::config::Config;
use crate::fingerprint::FingerprintSet;
use crate::place::beside;
use crate::scan::{self, Checkpoints, Coverage, FileRecorder, Identity, Limits, Outcome, Plan, Recorder, ResumeFile};

use dry_run::DryRun;
pub(super) use flags::ScanFlags;
use meta::Meta;
pub(super) use progress::Progress;
use targets::Resolved;

/// Files that the process needs beside its connections.
const FILES_IN_RESERVE: u64 = 64;

pub(super) fn run(flags: &ScanFlags) -> Result<Exit, Failure> {
    if flags.list_fields {
        return fields::list();
    }
    let config = flags.config.as_deref().map_or(Ok(Config::default()), Config::load).map_err(Failure::usage)?;
    let set = fingerprints::load(&[flags.fingerprints.as_slice(), &config.fingerprints].concat())?;
    let resumed = flags.resume.as_deref().map(ResumeFile::load).transpose().map_err(Failure::usage)?;
    let Resolved { targets, unresolved, not_asked } =
        targets::resolve(flags, &config, resumed.as_ref().map(|file| file.identity.seed))?;
    let identity = Identity::of(&targets);
    check_identity(flags, resumed.as_ref(), &identity)?;
    let limits = limits(flags, &config)?;
    if flags.dry_run {
        let dry_run = DryRun { targets: &targets, limits: &limits, not_asked };
        return stdout::print(&dry_run.to_string()).map(|()| Exit::Done);
    }
    let paths = outputs::paths(&flags.output, resumed.as_ref());
    let outputs = outputs::open(&flags.output, flags.write, &paths, resumed.as_ref())?;
    let checkpoints = paths.first().map(|path| Checkpoints::new(beside(path, ".resume"), identity.clone()));
    let is_resumed = resumed.is_some();
    let progress = resumed.map(|file| file.progress).unwrap_or_default();
    let plan = Plan { targets, limits: raise_file_limit(limits), progress };

    let started = Timestamp::now();
    let recorder = Box::new(FileRecorder::new(outputs, checkpoints));
    let (exit, outcome) = carry_out(flags, plan, &set, recorder)?;
    let exit = if exit == Exit::Done && unresolved > 0 { Exit::Skipped } else { exit };
    eprint!("{}", outcome.coverage);
    tell_the_way_on(&outcome, paths.first());
    let told = paths.first().map_or(Ok(()), |path| {
        let meta = Meta {
            scanner: concat!("rdprint/", env!("CARGO_PKG_VERSION")),
            arguments: meta::arguments(),
            authorisation: flags.i_am_authorised.as_deref(),
            fingerprint_set: set.hash(),
            identity,
            started,
            ended: Timestamp::now(),
            is_resumed,
            is_complete: outcome.is_complete,
            exit_code: exit.code(),
            coverage: &outcome.coverage,
        };
        let path = beside(path, ".meta.json");
        meta.write(&path)
            .map_err(|error| Failure::own_fault(format!("`{}` cannot be written: {error}", path.display())))
    });
    // What stopped the run explains more than what could not be told of it afterwards.
    match outcome.error {
        Some(error) => Err(Failure::own_fault(format!("stopped early, results are partial: {error}"))),
        None => told.map(|()| exit),
    }
}

/// Runs the plan under the eyes of the signal handlers.
fn carry_out(
    flags: &ScanFlags,
    plan: Plan,
    set: &FingerprintSet,
    recorder: Box<dyn Recorder>,
) -> Result<(Exit, Outcome), Failure> {
    // One thread: a handshake costs well under a millisecond, and the rate is limited anyway.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("the runtime cannot be started: {error}")))?;
    let signals = Signals::listen()?;
    let mut progress = Progress::new(plan.targets.positions(), flags.status);
    let mut show = |coverage: &Coverage| progress.show(coverage);
    let outcome = runtime.block_on(scan::run(plan, set, recorder, signals.begin(Work::Scan), None, &mut show));
    progress.end();
    // Of several reasons the first of these counts.
    let fault = outcome.error.is_some().then_some(Exit::OwnFault);
    let found = flags.fail_on.filter(|class| outcome.coverage.has_supported(*class)).map(|_| Exit::Found);
    let late = outcome.ran_out_of_time.then_some(Exit::Incomplete);
    Ok((fault.or(signals.caught().exit()).or(found).or(late).unwrap_or(Exit::Done), outcome))
}

fn tell_the_way_on(outcome: &Outcome, first_output: Option<&PathBuf>) {
    if outcome.is_complete {
        return;
    }
    match first_output {
        Some(path) => eprintln!("to go on: the same command with --resume {}", beside(path, ".resume").display()),
        None => eprintln!("this run cannot be resumed, because it has no output file (-o)"),
    }
}

fn check_identity(flags: &ScanFlags, resumed: Option<&ResumeFile>, identity: &Identity) -> Result<(), Failure> {
    let Some(file) = resumed else { return Ok(()) };
    let name = flags.resume.as_deref().unwrap_or(Path::new("")).display();
    let Identity { endpoints, seed, shard, max_targets } = &file.identity;
    let different = [
        (*endpoints != identity.endpoints, "targets or ports"),
        (*seed != identity.seed, "seed"),
        (*shard != identity.shard, "shard"),
        (*max_targets != identity.max_targets, "--max-targets"),
    ];
    match different.iter().find(|(is_different, _)| *is_different) {
        None => Ok(()),
        Some((_, what)) => Err(Failure::usage(format!(
            "resume file `{name}` belongs to a run with other {what}; say them as they were said then, or start anew without \
             --resume"
        ))),
    }
}

fn limits(flags: &ScanFlags, config: &Config) -> Result<Limits, Failure> {
    let mut limits = Limits {
        connect_timeout: flags.connect_timeout,
        step_timeout: flags.step_timeout,
        timeout: flags.timeout,
        max_duration: flags.max_duration,
        depth: flags.depth,
        ..Limits::default()
    };
    limits.rate = flags.rate.or(config.rate).unwrap_or(limits.rate);
    limits.concurrency = flags.concurrency.or(config.concurrency).unwrap_or(limits.concurrency);
    limits.per_network = flags.per_network.or(config.per_network).unwrap_or(limits.per_network);
    if let Some(cookie) = flags.cookie.as_ref().or(config.cookie.as_ref()) {
        limits.cookie = cookie.parse().map_err(Failure::usage)?;
    }
    Ok(limits)
}

/// As many hosts at once as were asked for, or as the limit of open files allows.
pub(super) fn raise_file_limit(mut limits: Limits) -> Limits {
    let wanted = u64::from(limits.concurrency.get());
    let limit = rlimit::increase_nofile_limit(wanted + FILES_IN_RESERVE).unwrap_or(wanted + FILES_IN_RESERVE);
    let allowed = wanted.min(limit.saturating_sub(FILES_IN_RESERVE).max(1));
    if allowed < wanted {
        eprintln!("note: at most {allowed} hosts at once, since this process may open only {limit} files");
        limits.concurrency =
            u32::try_from(allowed).ok().and_then(std::num::NonZeroU32::new).unwrap_or(limits.concurrency);
    }
    limits
}
