//! Which endpoint comes next: a function of the seed and a position, filtered by excludes and scope.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::target::{Addresses, Endpoints, Order, Scope};

/// One of several runs that share the targets between them: every position whose rest is `index` belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0 on.
    pub index: u64,
    /// How many shards there are, at least 1.
    pub count: u64,
}

impl Default for Shard {
    /// The only one.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

/// The targets of a run in their order.
///
/// The order is that of all targets *before* exclusion, and excludes and scope filter when a target is taken, so that
/// changing them never shifts it: a resumed run takes up where it was, whatever was excluded in the meantime.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Every endpoint, excluded ones too.
    pub endpoints: Endpoints,
    /// Decides the order.
    pub seed: u64,
    /// The part of the order that is this run's.
    pub shard: Shard,
    /// At most so many positions of the order are taken.
    pub max: Option<u64>,
    /// Addresses that are never connected to, whatever the scope says.
    pub exclude: Addresses,
    /// The ceiling.
    pub scope: Scope,
}

/// A target with its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) position: u64,
    pub(super) endpoint: SocketAddr,
}

/// Takes targets one by one.
pub(super) struct HandOut {
    targets: Targets,
    order: Order,
    /// Positions to take again, of a run that was stopped.
    unfinished: Vec<u64>,
    /// How many of this run's positions have been taken.
    cursor: u64,
    /// How many of them were excluded or outside the scope.
    pub(super) skipped: u64,
}

impl Targets {
    /// How many positions of the order belong to this run.
    #[must_use]
    pub fn positions(&self) -> u64 {
        let Shard { index, count } = self.shard;
        let of_shard = self.endpoints.count().saturating_sub(index).div_ceil(count.max(1));
        of_shard.min(self.max.unwrap_or(u64::MAX))
    }

    /// This run's endpoints in their order, without those that are excluded or outside the scope.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        HandOut::new(self.clone(), 0, Vec::new()).map(|job| job.endpoint)
    }
}

impl HandOut {
    /// From the beginning, or from where a stopped run was.
    pub(super) fn new(targets: Targets, cursor: u64, unfinished: Vec<u64>) -> Self {
        let order = Order::new(targets.endpoints.count(), targets.seed);
        Self { targets, order, unfinished, cursor, skipped: 0 }
    }

    /// From now on these are excluded.
    pub(super) fn exclude(&mut self, addresses: Addresses) {
        self.targets.exclude = addresses;
    }

    /// How many of this run's positions have been taken.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Positions that are still to be taken again.
    pub(super) fn unfinished(&self) -> &[u64] {
        &self.unfinished
    }

    /// Whether every position was taken.
    pub(super) fn is_exhausted(&self) -> bool {
        self.unfinished.is_empty() && self.cursor >= self.targets.positions()
    }

    fn next_position(&mut self) -> Option<u64> {
        if let Some(position) = self.unfinished.pop() {
            return Some(position);
        }
        if self.cursor >= self.targets.positions() {
            return None;
        }
        let Shard { index, count } = self.targets.shard;
        let position = self.cursor * count + index;
        self.cursor += 1;
        Some(position)
    }
}

impl Iterator for HandOut {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        loop {
            let position = self.next_position()?;
            let endpoint = self.order.at(position).and_then(|number| self.targets.endpoints.at(number))?;
            let ip = endpoint.ip();
            if self.targets.exclude.contains(ip) || !self.targets.scope.permits(ip) {
                self.skipped += 1;
            } else {
                return Some(Job { position, endpoint });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::target::parse;

    fn set(notations: &[&str]) -> Addresses {
        notations.iter().map(|text| parse(text).unwrap()).collect()
    }

    fn targets(shard: Shard, max: Option<u64>, exclude: &[&str]) -> Targets {
        let endpoints = Endpoints::new(&set(&["127.0.0.0/24", "10.0.0.0/30"]), &[3389, 3390], &[]).unwrap();
        Targets { endpoints, seed: 7, shard, max, exclude: set(exclude), scope: Scope::new(set(&["10.0.0.0/31"])) }
    }

    fn all(targets: &Targets) -> Vec<SocketAddr> {
        HandOut::new(targets.clone(), 0, Vec::new()).map(|job| job.endpoint).collect()
    }

    #[test]
    fn shards_are_disjoint_and_together_the_whole() {
        let whole = all(&targets(Shard::default(), None, &[]));
        assert_eq!(whole.len(), 2 * (256 + 2), "outside the scope nothing is handed out");
        for count in [1, 2, 3, 5, 1000] {
            let mut together = BTreeSet::new();
            let mut sum = 0;
            for index in 0..count {
                let part = all(&targets(Shard { index, count }, None, &[]));
                sum += part.len();
                together.extend(part);
            }
            assert_eq!((sum, together.len()), (whole.len(), whole.len()), "{count} shards");
        }
    }

    #[test]
    fn excludes_leave_the_order_of_the_others_alone() {
        let whole = all(&targets(Shard::default(), None, &[]));
        let excluded = all(&targets(Shard::default(), None, &["127.0.0.64/26"]));
        let expected: Vec<SocketAddr> =
            whole.iter().copied().filter(|endpoint| !set(&["127.0.0.64/26"]).contains(endpoint.ip())).collect();
        assert_eq!(excluded, expected);
        let limited = targets(Shard::default(), Some(100), &[]);
        assert_eq!(all(&limited), whole[..all(&limited).len()]);
    }

    #[test]
    fn a_run_goes_on_where_it_was() {
        let targets = targets(Shard { index: 1, count: 3 }, None, &[]);
        let whole: BTreeSet<SocketAddr> = all(&targets).into_iter().collect();
        for stop in [0, 1, 17, 170] {
            let mut first = HandOut::new(targets.clone(), 0, Vec::new());
            let mut done: Vec<Job> = first.by_ref().take(stop).collect();
            // The last two were in work when the run was stopped.
            let unfinished = done.split_off(done.len().saturating_sub(2)).iter().map(|job| job.position).collect();
            let rest = HandOut::new(targets.clone(), first.cursor(), unfinished);
            let together: Vec<SocketAddr> = done.iter().copied().chain(rest).map(|job| job.endpoint).collect();
            assert_eq!(together.len(), whole.len());
            assert_eq!(together.into_iter().collect::<BTreeSet<_>>(), whole);
        }
    }
}
