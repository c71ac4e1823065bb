//! The authorised scope: a ceiling over all targets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ranges::{Addresses, Range};

/// More IPv4 addresses than a /8 holds, or IPv6 addresses than a /32, ask for a word of their own.
const WIDE_V4: u128 = 1 << 24;
const WIDE_V6: u128 = 1 << 96;

/// The addresses that may be scanned. Loopback always is among them, and nothing else unless it was named, private
/// ranges included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    named: Addresses,
    allowed: Addresses,
}

impl Default for Scope {
    /// Loopback alone.
    fn default() -> Self {
        Self::new(Addresses::default())
    }
}

impl Scope {
    /// What was named, and loopback.
    #[must_use]
    pub fn new(named: Addresses) -> Self {
        let loopback = [
            Range::V4(u32::from(Ipv4Addr::new(127, 0, 0, 0)), u32::from(Ipv4Addr::new(127, 255, 255, 255))),
            Range::V6(u128::from(Ipv6Addr::LOCALHOST), u128::from(Ipv6Addr::LOCALHOST)),
        ];
        let allowed = named.union(&loopback.into_iter().collect());
        Self { named, allowed }
    }

    /// Whether the address may be connected to; an IPv4-mapped one counts as IPv4.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        self.allowed.contains(address)
    }

    /// The part of `targets` that lies outside.
    #[must_use]
    pub fn uncovered(&self, targets: &Addresses) -> Addresses {
        targets.minus(&self.allowed)
    }

    /// What was named, without loopback: the targets of a scan that names none.
    #[must_use]
    pub fn named(&self) -> &Addresses {
        &self.named
    }

    /// Whether it is wider than a /8 of IPv4 or a /32 of IPv6.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        let (mut v4, mut v6) = (0_u128, 0_u128);
        for range in self.named.ranges() {
            match range {
                Range::V4(..) => v4 += range.count(),
                Range::V6(..) => v6 = v6.saturating_add(range.count()),
            }
        }
        v4 > WIDE_V4 || v6 > WIDE_V6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse_any;

    fn scope(notations: &[&str]) -> Scope {
        Scope::new(notations.iter().map(|text| parse_any(text).unwrap()).collect())
    }

    #[test]
    fn loopback_is_free_and_everything_else_must_be_named() {
        let nothing = Scope::default();
        for (address, is_free) in [
            ("127.9.8.7", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::2", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(nothing.permits(address.parse().unwrap()), is_free, "{address}");
        }
        let private = scope(&["10.0.0.0/24"]);
        assert!(private.permits("10.0.0.255".parse().unwrap()) && private.permits("::ffff:10.0.0.9".parse().unwrap()));
        let targets = ["127.0.0.1", "10.0.0.250-10.0.1.3"].map(|text| parse_any(text).unwrap()).into_iter().collect();
        let outside: Vec<String> = private.uncovered(&targets).ranges().map(|range| range.to_string()).collect();
        assert_eq!(outside, ["10.0.1.0-10.0.1.3"]);
    }

    #[test]
    fn more_than_a_slash_8_is_wide() {
        assert!(!scope(&["10.0.0.0/8", "127.0.0.0/8"]).named().is_empty());
        assert!(!scope(&["10.0.0.0/8"]).is_wide());
        assert!(scope(&["10.0.0.0/8", "11.0.0.0"]).is_wide());
        assert!(!scope(&["2001:db8::/32"]).is_wide());
        assert!(scope(&["2001:db8::/31"]).is_wide());
    }
}
