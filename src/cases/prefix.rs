//! Prefixes, and tables of them that answer "the longest one that was valid then".

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use thiserror::Error;

/// An IPv4 or IPv6 prefix without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Network and length.
    V4(u32, u8),
    /// Network and length.
    V6(u128, u8),
}

/// Why a text is no prefix; each message says what to write.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum PrefixError {
    /// It is no notation of a prefix.
    #[error("`{0}` is no prefix; write it like 192.0.2.0/24, 2001:db8::/48 or 192.0.2.7")]
    Notation(String),
    /// Its length is not possible.
    #[error("`{0}` has an impossible length; IPv4 takes /0 to /32, IPv6 /0 to /128")]
    Length(String),
    /// It may mean a network or one address in it, and those may be two customers'.
    #[error(
        "`{text}` has bits set beyond its length; write {network} for the network, or {address} for the one address"
    )]
    HostBits {
        /// As written.
        text: String,
        /// What the network would be.
        network: Prefix,
        /// What the address would be.
        address: IpAddr,
    },
}

impl Prefix {
    /// Reads a prefix, or an address as the prefix of it alone. IPv4-mapped IPv6 counts as the IPv4 that it stands for.
    pub(super) fn parse(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Notation(text.to_owned()))?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => widest,
            // `parse` alone would take a plus sign.
            Some(digits) if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Err(PrefixError::Notation(text.to_owned()));
            }
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|length| *length <= widest)
                .ok_or_else(|| PrefixError::Length(text.to_owned()))?,
        };
        let mapped = match address {
            IpAddr::V6(v6) if length >= 96 => v6.to_ipv4_mapped(),
            _ => None,
        };
        let (prefix, network) = match (address, mapped) {
            (IpAddr::V4(v4), _) => (Self::V4(v4.into(), length), Self::V4(u32::from(v4).network(length), length)),
            (_, Some(v4)) => {
                let length = length - 96;
                (Self::V4(v4.into(), length), Self::V4(u32::from(v4).network(length), length))
            }
            (IpAddr::V6(v6), None) => (Self::V6(v6.into(), length), Self::V6(u128::from(v6).network(length), length)),
        };
        if prefix == network {
            return Ok(prefix);
        }
        Err(PrefixError::HostBits { text: text.to_owned(), network, address: address.to_canonical() })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(network, length) => write!(out, "{}/{length}", Ipv4Addr::from(network)),
            Self::V6(network, length) => write!(out, "{}/{length}", Ipv6Addr::from(network)),
        }
    }
}

/// An address as a number.
pub(super) trait Bits: Copy + Ord {
    /// The number with all bits after the first `length` cleared.
    fn network(self, length: u8) -> Self;
}

impl Bits for u32 {
    fn network(self, length: u8) -> Self {
        self & Self::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0)
    }
}

impl Bits for u128 {
    fn network(self, length: u8) -> Self {
        self & Self::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0)
    }
}

/// From the first second on, and before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Validity {
    /// Without an end on either side.
    pub(super) const ALWAYS: Self = Self { from: i64::MIN, until: i64::MAX };

    fn holds(self, second: i64) -> bool {
        self.from <= second && second < self.until
    }
}

/// One row: whose a prefix is, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row<N> {
    // The order of the fields is the order of the table.
    length: u8,
    network: N,
    validity: Validity,
    /// Where it stands in the file.
    pub(super) line: u32,
    /// The number of the customer.
    pub(super) owner: u32,
}

/// Rows of one address family in one sorted list, so that two million of them take little more room than their numbers.
#[derive(Debug)]
pub(super) struct Table<N> {
    rows: Vec<Row<N>>,
    /// Lengths that occur, the longest first.
    lengths: Vec<u8>,
}

/// Two rows that give one prefix to two owners at one time, by their lines.
pub(super) type Overlap = (u32, u32);

impl<N: Bits> Table<N> {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), lengths: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn push(&mut self, network: N, length: u8, validity: Validity, line: u32, owner: u32) {
        self.rows.push(Row { length, network, validity, line, owner });
    }

    /// Brings the rows into their order; what comes back are rows of identical prefixes whose validity overlaps.
    pub(super) fn sort(&mut self) -> Vec<Overlap> {
        self.rows.sort_unstable();
        self.rows.shrink_to_fit();
        self.lengths = self.rows.iter().map(|row| row.length).collect();
        self.lengths.dedup();
        self.lengths.reverse();
        let mut overlaps = Vec::new();
        let mut longest: Option<&Row<N>> = None;
        for row in &self.rows {
            let before = longest.filter(|before| (before.length, before.network) == (row.length, row.network));
            if let Some(before) = before.filter(|before| row.validity.from < before.validity.until) {
                overlaps.push((before.line.min(row.line), before.line.max(row.line)));
            }
            // A row that ends early must not hide one before it that goes on.
            if before.is_none_or(|before| row.validity.until >= before.validity.until) {
                longest = Some(row);
            }
        }
        overlaps
    }

    /// The row with the longest prefix that holds the address and was valid at that time.
    pub(super) fn find(&self, address: N, at: Timestamp) -> Option<&Row<N>> {
        let second = at.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or(i64::MAX);
        self.lengths.iter().find_map(|&length| {
            let network = address.network(length);
            let from = self.rows.partition_point(|row| (row.length, row.network) < (length, network));
            let same = self.rows.iter().skip(from).take_while(|row| (row.length, row.network) == (length, network));
            // Those of one prefix stand in the order of time and do not overlap.
            same.take_while(|row| row.validity.from <= second).last().filter(|row| row.validity.holds(second))
        })
    }
}

impl Row<u32> {
    pub(super) fn prefix(&self) -> Prefix {
        Prefix::V4(self.network, self.length)
    }
}

impl Row<u128> {
    pub(super) fn prefix(&self) -> Prefix {
        Prefix::V6(self.network, self.length)
    }
}
