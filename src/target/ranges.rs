//! Sets of addresses as merged ranges: memory grows with the ranges, never with the addresses in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges that may wait to be merged; a file of ten million lines is merged on the way.
const PENDING: usize = 1 << 20;

/// An inclusive range of addresses of one family, first before last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Range {
    /// IPv4 addresses as numbers.
    V4(u32, u32),
    /// IPv6 addresses as numbers.
    V6(u128, u128),
}

impl Range {
    /// The range between two addresses of one family; `None` if they are of two, or in the wrong order.
    /// An IPv4-mapped IPv6 address counts as the IPv4 address that it stands for.
    #[must_use]
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Self> {
        match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => Some(Self::V4(first.into(), last.into())),
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => Some(Self::V6(first.into(), last.into())),
            _ => None,
        }
    }

    /// The range of one address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.into(), address.into()),
            IpAddr::V6(address) => Self::V6(address.into(), address.into()),
        }
    }

    /// How many addresses it holds; `u128::MAX` stands for all of IPv6.
    #[must_use]
    pub fn count(self) -> u128 {
        match self {
            Self::V4(first, last) => u128::from(last - first) + 1,
            Self::V6(first, last) => (last - first).saturating_add(1),
        }
    }
}

/// `192.0.2.0-192.0.2.9`, or one address.
impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last): (IpAddr, IpAddr) = match *self {
            Self::V4(first, last) => (Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into()),
            Self::V6(first, last) => (Ipv6Addr::from(first).into(), Ipv6Addr::from(last).into()),
        };
        if first == last { write!(out, "{first}") } else { write!(out, "{first}-{last}") }
    }
}

/// A set of addresses: each once, IPv4 before IPv6, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Addresses {
    /// How many addresses there are.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.ranges().fold(0, |sum: u128, range| sum.saturating_add(range.count()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The merged ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = Range> {
        let v4 = self.v4.iter().map(|(first, last)| Range::V4(*first, *last));
        v4.chain(self.v6.iter().map(|(first, last)| Range::V6(*first, *last)))
    }

    /// Each address once, ascending.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.v4.iter().flat_map(|(first, last)| *first..=*last).map(|number| Ipv4Addr::from(number).into());
        v4.chain(self.v6.iter().flat_map(|(first, last)| *first..=*last).map(|number| Ipv6Addr::from(number).into()))
    }

    /// Whether the address is in the set; an IPv4-mapped one counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        fn holds<T: Ord + Copy>(ranges: &[(T, T)], number: T) -> bool {
            let after = ranges.partition_point(|(first, _)| *first <= number);
            after.checked_sub(1).and_then(|before| ranges.get(before)).is_some_and(|(_, last)| number <= *last)
        }
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.v4, u32::from(address)),
            IpAddr::V6(address) => holds(&self.v6, u128::from(address)),
        }
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.ranges().chain(other.ranges()).collect()
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            v4: subtract(&self.v4, &other.v4, |number| number.checked_sub(1), |number| number.checked_add(1)),
            v6: subtract(&self.v6, &other.v6, |number| number.checked_sub(1), |number| number.checked_add(1)),
        }
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.minus(&self.minus(other))
    }

    /// Merges what has been pushed.
    fn merge(&mut self) {
        merge(&mut self.v4, |number| number.checked_add(1));
        merge(&mut self.v6, |number| number.checked_add(1));
    }
}

impl Extend<Range> for Addresses {
    fn extend<I: IntoIterator<Item = Range>>(&mut self, ranges: I) {
        let mut pending = 0;
        for range in ranges {
            match range {
                Range::V4(first, last) => self.v4.push((first, last)),
                Range::V6(first, last) => self.v6.push((first, last)),
            }
            pending += 1;
            if pending == PENDING {
                self.merge();
                pending = 0;
            }
        }
        self.merge();
    }
}

impl FromIterator<Range> for Addresses {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::default();
        set.extend(ranges);
        set
    }
}

/// Sorts, and joins ranges that overlap or touch. `next` is the number after, or `None` at the end of the family.
fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>, next: impl Fn(T) -> Option<T>) {
    ranges.sort_unstable();
    ranges.dedup_by(|(first, last), (_, end)| {
        let touches = next(*end).is_none_or(|after| *first <= after);
        if touches {
            *end = (*end).max(*last);
        }
        touches
    });
}

/// The parts of merged `ranges` that merged `holes` leave.
fn subtract<T: Ord + Copy>(
    ranges: &[(T, T)],
    holes: &[(T, T)],
    before: impl Fn(T) -> Option<T>,
    after: impl Fn(T) -> Option<T>,
) -> Vec<(T, T)> {
    let mut left = Vec::new();
    for (first, last) in ranges {
        let mut start = Some(*first);
        let from = holes.partition_point(|(_, end)| end < first);
        for (hole_first, hole_last) in holes.iter().skip(from).take_while(|(hole_first, _)| hole_first <= last) {
            if let (Some(begin), Some(end)) = (start, before(*hole_first))
                && begin <= end
            {
                left.push((begin, end));
            }
            start = after(*hole_last);
        }
        if let Some(begin) = start.filter(|begin| begin <= last) {
            left.push((begin, *last));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse;

    fn set(notations: &[&str]) -> Addresses {
        notations.iter().map(|text| parse(text).unwrap()).collect()
    }

    fn texts(addresses: &Addresses) -> Vec<String> {
        addresses.ranges().map(|range| range.to_string()).collect()
    }

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let addresses = set(&["127.0.0.4/30", "127.0.0.1", "127.0.0.0/30", "127.0.0.6-9", "::1", "::ffff:127.0.0.10"]);
        assert_eq!(texts(&addresses), ["127.0.0.0-127.0.0.10", "::1"]);
        assert_eq!((addresses.count(), addresses.iter().count()), (12, 12));
    }

    #[test]
    fn the_ends_of_the_address_space_do_not_overflow() {
        assert_eq!(set(&["0.0.0.0/0", "255.255.255.255"]).count(), 1 << 32);
        let last = set(&["255.255.255.254-255.255.255.255", "255.255.255.255"]);
        assert_eq!(last.iter().map(|ip| ip.to_string()).collect::<Vec<_>>(), ["255.255.255.254", "255.255.255.255"]);
        assert_eq!(
            texts(&set(&["0.0.0.0/0"]).minus(&set(&["0.0.0.0", "255.255.255.255"]))),
            ["0.0.0.1-255.255.255.254"]
        );
        assert!(set(&["0.0.0.0/0"]).minus(&set(&["0.0.0.0/0"])).is_empty());
    }

    /// Against the plainest possible model: a bit per address of a small space, over many pseudo-random sets.
    #[test]
    fn contains_and_minus_agree_with_a_bitmap() {
        let mut state = 1_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..300 {
            let mut random = || -> Vec<Range> {
                (0..next(6))
                    .map(|_| {
                        let (a, b) = (next(64) % 64, next(64) % 64);
                        Range::V4(a.min(b), a.max(b))
                    })
                    .collect()
            };
            let (a, b) = (random(), random());
            let bits = |ranges: &[Range]| -> Vec<bool> {
                let holds = |number| {
                    ranges.iter().any(|range| matches!(range, Range::V4(f, l) if *f <= number && number <= *l))
                };
                (0..64).map(holds).collect()
            };
            let (a_bits, b_bits) = (bits(&a), bits(&b));
            let (a, b): (Addresses, Addresses) = (a.into_iter().collect(), b.into_iter().collect());
            let minus = a.minus(&b);
            for number in 0..64_u8 {
                let ip = IpAddr::from([0, 0, 0, number]);
                let (in_a, in_b) = (a_bits[usize::from(number)], b_bits[usize::from(number)]);
                assert_eq!((a.contains(ip), b.contains(ip), minus.contains(ip)), (in_a, in_b, in_a && !in_b));
                assert_eq!(a.union(&b).contains(ip), in_a || in_b);
                assert_eq!(a.intersection(&b).contains(ip), in_a && in_b);
            }
        }
    }
}
