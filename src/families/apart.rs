//! One machine or two: how many machines the looks of one window cannot do without.
//!
//! Every count is a lower bound. An endpoint counts with the last thing that it showed, because two looks at one endpoint
//! prove nothing. Docs/families.md has the rules, their margins and their limits.

use super::population::{Endpoint, NO_SKEW, Sighting};

/// From the start of validity to the making of a certificate: Windows dates it a day back.
pub(super) const DATED_BACK: i64 = 24 * HOUR;
/// A renewing machine may show the old certificate for so long.
const RENEWAL_MARGIN: i64 = 48 * HOUR;
/// Two looks at one certificate within this are at one time: no machine is taken to change its address faster.
pub(super) const AT_ONE_TIME: i64 = 24 * HOUR;
/// Clocks that differ by more within an hour are two clocks.
const ONE_CLOCK_MS: i64 = 2_000;
const HOUR: i64 = 3600;
/// A clock that is off by less is one of the many that are synchronised.
const SYNCHRONISED_MS: i64 = 10_000;
const QUARTER_HOUR_MS: i64 = 15 * 60 * 1000;
/// Up to so many clocks every hour is looked at; of more, the full and the half hours.
const FEW_CLOCKS: usize = 64;

/// One look, as far as telling machines apart goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) endpoint: Endpoint,
    pub(super) time: i64,
    /// Which certificate, by the class of those that link each other; `None` without one of Windows' own form.
    pub(super) class: Option<u32>,
    /// From when on its certificate has certainly replaced the machine's former one.
    settled: i64,
    skew_ms: i32,
}

impl Look {
    pub(super) fn new(sighting: &Sighting, time: i64, class: Option<u32>, not_before: Option<i64>) -> Self {
        let made = not_before.unwrap_or_default().saturating_add(DATED_BACK);
        let settled = made.saturating_add(i64::from(sighting.behind)).saturating_add(RENEWAL_MARGIN);
        Self { endpoint: sighting.endpoint(), time, class, settled, skew_ms: sighting.skew_ms }
    }
}

/// What the looks of one window come to.
#[expect(clippy::struct_excessive_bools, reason = "four findings, none of which excludes another")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Apart {
    /// How many machines there are at least.
    pub(super) machines: u64,
    /// How many endpoints were seen.
    pub(super) endpoints: u64,
    /// How many of them were shown to be the machine of another endpoint.
    pub(super) same: u64,
    /// Whether one machine with changing addresses, or with several and one clock, was shown.
    pub(super) is_dynamic: bool,
    pub(super) is_one_clock: bool,
    /// Whether certificates tell machines apart.
    pub(super) by_certificates: bool,
    /// Whether clocks do.
    pub(super) by_clocks: bool,
}

/// A certificate's part of a window.
#[derive(Clone, Copy, Debug)]
struct Group {
    settled: i64,
    /// When it was last seen.
    last: i64,
    /// Machines that clocks tell apart, and the time after which not all of these were seen again.
    machines: u64,
    together: i64,
}

/// Tells the machines of one window apart.
pub(super) fn tell_apart(looks: &mut [Look]) -> Apart {
    looks.sort_unstable_by_key(|look| (look.class, look.time, look.endpoint, look.skew_ms, look.settled));
    let states = last_states(looks);
    let mut apart = Apart { endpoints: count(states.len()), ..Apart::default() };
    let mut groups: Vec<Group> = Vec::new();
    for group in states.chunk_by(|one, other| one.class == other.class) {
        let Some(class) = group.first().and_then(|look| look.class) else { continue };
        let (machines, together) = clocks(group);
        let settled = group.iter().map(|look| look.settled).max().unwrap_or_default();
        let last = group.iter().map(|look| look.time).max().unwrap_or_default();
        groups.push(Group { settled, last, machines: machines.max(1), together });
        apart.by_clocks |= machines > 1;
        if group.len() > 1 && machines <= 1 {
            let seen = looks.partition_point(|look| look.class < Some(class));
            let seen = looks.get(seen..).unwrap_or_default();
            let seen = seen.get(..seen.partition_point(|look| look.class == Some(class))).unwrap_or_default();
            let (dynamic, one_clock) = (!is_at_one_time(seen), is_one_clock(group));
            apart.is_dynamic |= dynamic;
            apart.is_one_clock |= one_clock;
            apart.same += if dynamic || one_clock { count(group.len() - 1) } else { 0 };
        }
    }
    let (by_all_clocks, _) = clocks(&states);
    let by_certificates = most_at_once(&groups);
    apart.by_certificates =
        groups.len() > 1 && by_certificates > groups.iter().map(|group| group.machines).max().unwrap_or(0);
    apart.by_clocks |= by_all_clocks > 1;
    apart.machines = by_all_clocks.max(by_certificates).max(u64::from(!states.is_empty()));
    apart
}

/// The last look at each endpoint, in the order of certificates.
fn last_states(looks: &[Look]) -> Vec<Look> {
    let mut states = looks.to_vec();
    let key = |look: &Look| (look.endpoint, look.time, look.class, look.skew_ms, look.settled);
    states.sort_unstable_by_key(|look| std::cmp::Reverse(key(look)));
    states.dedup_by_key(|look| look.endpoint);
    states.sort_unstable_by_key(|look| (look.class, look.time, look.endpoint));
    states
}

/// Whether two endpoints showed the certificate at one time; the looks are in the order of time.
pub(super) fn is_at_one_time(looks: &[Look]) -> bool {
    looks.windows(2).any(|pair| match pair {
        [one, other] => one.endpoint != other.endpoint && other.time.saturating_sub(one.time) < AT_ONE_TIME,
        _ => false,
    })
}

/// Two certificates are those of two machines if the older one was still seen after the newer one had settled, so each
/// certificate counts from its settling to its last look. Where most of them overlap, all tell each other apart; and the
/// newest need only have settled, however early it was last seen.
fn most_at_once(groups: &[Group]) -> u64 {
    let mut steps: Vec<(i64, i64)> = Vec::with_capacity(groups.len() * 3);
    for group in groups {
        let (together, last) = (group.together.max(group.settled), group.last.max(group.settled));
        let extra = signed(group.machines) - 1;
        steps.extend([(group.settled, extra + 1), (together, -extra), (last, -1)]);
    }
    steps.sort_unstable();
    let mut newest: Vec<&Group> = groups.iter().collect();
    newest.sort_unstable_by_key(|group| group.settled);
    let (mut steps, mut at_once, mut most) = (steps.into_iter().peekable(), 0_i64, 0_i64);
    for group in newest {
        while let Some((_, change)) = steps.next_if(|(at, _)| *at <= group.settled) {
            at_once += change;
        }
        let own = match group.settled {
            settled if settled < group.together => signed(group.machines),
            settled if settled < group.last => 1,
            _ => 0,
        };
        most = most.max(at_once - own + signed(group.machines));
    }
    u64::try_from(most).unwrap_or_default()
}

/// How many clocks differ within an hour at most, and the time of the first look of that hour.
fn clocks(states: &[Look]) -> (u64, i64) {
    let mut seen: Vec<(i64, i32)> =
        states.iter().filter(|look| look.skew_ms != NO_SKEW).map(|look| (look.time, look.skew_ms)).collect();
    seen.sort_unstable();
    let mut best = (0, i64::MIN);
    let mut look_at = |hour: &[(i64, i32)]| {
        let first = hour.first().map_or(i64::MIN, |(time, _)| *time);
        best = best.max((spaced(hour), first));
    };
    if seen.len() <= FEW_CLOCKS {
        for (position, (start, _)) in seen.iter().enumerate() {
            let rest = seen.get(position..).unwrap_or_default();
            let end = rest.partition_point(|(time, _)| time.saturating_sub(*start) <= HOUR);
            look_at(rest.get(..end).unwrap_or_default());
        }
    } else {
        for offset in [0, HOUR / 2] {
            let hour = |time: i64| time.saturating_add(offset).div_euclid(HOUR);
            seen.chunk_by(|one, other| hour(one.0) == hour(other.0)).for_each(&mut look_at);
        }
    }
    best
}

/// The most clocks of which any two differ by more than one clock may.
fn spaced(hour: &[(i64, i32)]) -> u64 {
    let mut skews: Vec<i64> = hour.iter().map(|(_, skew)| i64::from(*skew)).collect();
    skews.sort_unstable();
    let mut last: Option<i64> = None;
    let mut clocks = 0;
    for skew in skews {
        if last.is_none_or(|last| skew - last > ONE_CLOCK_MS) {
            (last, clocks) = (Some(skew), clocks + 1);
        }
    }
    clocks
}

/// Whether all endpoints were seen within an hour with one clock, and that clock is off in a way that no other's is.
fn is_one_clock(states: &[Look]) -> bool {
    let skews = || states.iter().map(|look| i64::from(look.skew_ms));
    let times = || states.iter().map(|look| look.time);
    let skews_span = skews().min().zip(skews().max());
    let times_span = times().min().zip(times().max());
    let Some(((least, most), (begin, end))) = skews_span.zip(times_span) else { return false };
    let from_quarter = |skew: i64| {
        let past = skew.rem_euclid(QUARTER_HOUR_MS);
        past.min(QUARTER_HOUR_MS - past)
    };
    let all_known = skews().all(|skew| skew != i64::from(NO_SKEW));
    // A multiple of a quarter hour is zero, too: what is near zero is near one.
    let is_telling = skews().all(|skew| from_quarter(skew) >= SYNCHRONISED_MS);
    all_known && is_telling && most - least <= ONE_CLOCK_MS && end.saturating_sub(begin) <= HOUR
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
