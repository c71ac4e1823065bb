//! What a run would do, without a packet.

use std::fmt;

use crate::scan::{Limits, Targets};

/// How many targets are shown.
const SHOWN: usize = 10;

/// The announcement of a run.
pub(super) struct DryRun<'a> {
    pub(super) targets: &'a Targets,
    pub(super) limits: &'a Limits,
    /// Names that would be resolved first.
    pub(super) not_asked: usize,
}

impl fmt::Display for DryRun<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { targets, limits, not_asked } = self;
        let (all, positions) = (targets.endpoints.count(), targets.positions());
        writeln!(out, "endpoints: {all}, of which this run takes {positions}")?;
        if *not_asked > 0 {
            writeln!(out, "names that a run would resolve first: {not_asked}")?;
        }
        writeln!(out, "seed: {}, shard: {}/{}", targets.seed, targets.shard.index + 1, targets.shard.count)?;
        let excluded = targets.exclude.count();
        writeln!(out, "excluded addresses: {excluded}; addresses of the scope: {}", targets.scope.named().count())?;
        let Limits { rate, concurrency, per_network, connect_timeout, step_timeout, timeout, pause, .. } = limits;
        writeln!(
            out,
            "rate: {rate} connections/s; in work at once: {concurrency} hosts, {per_network} in one /24 or /64"
        )?;
        writeln!(
            out,
            "one connection per host at a time, {pause:?} between two; time-outs: {connect_timeout:?} to connect, \
             {step_timeout:?} a step, {timeout:?} in all"
        )?;
        if let Some(limit) = limits.max_duration {
            writeln!(out, "time limit: {limit:?}")?;
        }
        writeln!(
            out,
            "expected time: {} s at the least, by the rate alone",
            positions.div_ceil(u64::from(rate.get()))
        )?;
        writeln!(out, "first targets:")?;
        targets.iter().take(SHOWN).try_for_each(|endpoint| writeln!(out, "  {endpoint}"))
    }
}
