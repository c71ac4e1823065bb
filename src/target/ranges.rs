//! Sets of addresses as merged ranges: memory grows with the ranges, never with the addresses in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

    /// How many addresses it holds; `u128::MAX` stands for all of IPv6.
    #[must_use]
    pub fn count(self) -> u128 {
        match self {
            Self::V4(first, last) => u128::from(last - first) + 1,
            Self::V6(first, last) => (last - first).saturating_add(1),
        }
    }

    fn addresses(self) -> Box<dyn Iterator<Item = IpAddr> + Send> {
        match self {
            Self::V4(first, last) => Box::new((first..=last).map(|number| IpAddr::V4(Ipv4Addr::from(number)))),
            Self::V6(first, last) => Box::new((first..=last).map(|number| IpAddr::V6(Ipv6Addr::from(number)))),
        }
    }

    /// This range and the next one as one, if they touch or overlap. `next` must not begin before `self`.
    fn joined(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::V4(first, last), Self::V4(from, to)) if from <= last.saturating_add(1) => {
                Some(Self::V4(first, last.max(to)))
            }
            (Self::V6(first, last), Self::V6(from, to)) if from <= last.saturating_add(1) => {
                Some(Self::V6(first, last.max(to)))
            }
            _ => None,
        }
    }
}

/// A set of addresses: each once, IPv4 before IPv6, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    ranges: Vec<Range>,
}

impl Addresses {
    /// How many addresses there are.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.ranges.iter().fold(0, |sum: u128, range| sum.saturating_add(range.count()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The merged ranges.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Each address once.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + Send {
        self.ranges.iter().flat_map(|range| range.addresses())
    }
}

impl FromIterator<Range> for Addresses {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut sorted: Vec<Range> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<Range> = Vec::new();
        for range in sorted {
            match merged.last_mut().and_then(|last| Some((last.joined(range)?, last))) {
                Some((joined, last)) => *last = joined,
                None => merged.push(range),
            }
        }
        Self { ranges: merged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse;

    fn set(notations: &[&str]) -> Addresses {
        notations.iter().map(|text| parse(text).unwrap()).collect()
    }

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let addresses = set(&["127.0.0.4/30", "127.0.0.1", "127.0.0.0/30", "127.0.0.6-9", "::1", "::ffff:127.0.0.10"]);
        assert_eq!(addresses.ranges(), [Range::V4(0x7F00_0000, 0x7F00_000A), Range::V6(1, 1)]);
        assert_eq!(addresses.count(), 12);
        assert_eq!(addresses.iter().count(), 12);
    }

    #[test]
    fn the_ends_of_the_address_space_do_not_overflow() {
        let addresses = set(&["0.0.0.0/0", "255.255.255.255"]);
        assert_eq!(addresses.count(), 1 << 32);
        let last = set(&["255.255.255.254-255.255.255.255"]);
        assert_eq!(last.iter().map(|ip| ip.to_string()).collect::<Vec<_>>(), ["255.255.255.254", "255.255.255.255"]);
    }
}
