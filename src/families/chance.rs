//! How likely chance is: the expected number of sets of machines to which a generator gave one name.
//!
//! `n` machines draw independently and uniformly from `K` names. Of the `C(n, k)` sets of `k` machines each has one name with
//! probability `K^(1−k)`, whichever name that is, so the expected number of such sets is `E(k) = C(n, k) · K^(1−k)`, and by
//! Markov's inequality the chance that any name is borne by `k` machines or more is at most `E(k)`. Everything is counted in
//! logarithms: the numbers reach from 1e-300 to 1e40.

/// The chance of any false family in one window stays below this, all generators together.
pub const FALSE_FAMILIES: f64 = 0.01;

/// Below every number of names that a generator seeded with 32 bits could make.
pub const SEED_NAMES: u64 = 1 << 32;

/// The natural logarithm of `E(k)`; negative infinity where there is no set of that size.
#[must_use]
pub fn ln_expected_sets(machines: u64, size: u64, possible_names: u64) -> f64 {
    if size > machines || size == 0 {
        return f64::NEG_INFINITY;
    }
    // One factor (n − i) / (i + 1) · 1/K after the other, the first without 1/K: k steps, and no two large numbers that
    // have to cancel, as factorials would.
    let ln_names = real(possible_names.max(1)).ln();
    let factors = (0..size).map(|i| (real(machines - i) / real(i + 1)).ln());
    factors.sum::<f64>() - real(size - 1) * ln_names
}

/// The fewest machines with one name that chance explains with less than `level`: the smallest `k` of at least 2 with
/// `E(k) ≤ level`. `None` where no set of the machines is that unlikely.
///
/// More than `k` machines are then significant too, because they contain sets of `k`.
#[must_use]
pub fn significant_size(machines: u64, possible_names: u64, level: f64) -> Option<u64> {
    let ln_level = level.ln();
    let ln_names = real(possible_names.max(1)).ln();
    let mut ln_expected = ln_expected_sets(machines, 1, possible_names);
    for size in 2..=machines {
        ln_expected += (real(machines - (size - 1)) / real(size)).ln() - ln_names;
        if ln_expected <= ln_level {
            return Some(size);
        }
    }
    None
}

/// Counts stay far below 2^53, beyond which a double no longer holds every integer; and a logarithm would not notice.
#[expect(clippy::cast_precision_loss, reason = "a logarithm does not notice the 54th bit")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "chance_tests.rs"]
mod tests;
