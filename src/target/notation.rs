//! How a target is written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;

use super::Range;

/// An IPv6 range of more addresses than this is refused: nobody finishes counting through it.
const MAX_IPV6_ADDRESSES: u128 = 1 << 20;

/// Why a target was not understood; each message names the target and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// It is none of the known notations.
    #[error(
        "target `{0}` is not an address, a prefix or a range; write it like 192.0.2.7, 192.0.2.0/24, \
         192.0.2.1-192.0.2.9, 192.0.2.1-9 or 2001:db8::7"
    )]
    Notation(String),
    /// It is an address with a port.
    #[error("target `{0}` names a port; give the address alone, and the ports with --ports")]
    WithPort(String),
    /// It looks like a host name.
    #[error(
        "target `{0}` looks like a name, and names are only resolved with --resolve; say that, or give its addresses"
    )]
    Name(String),
    /// Its prefix length is not possible for its family.
    #[error("target `{0}` has an impossible prefix length; IPv4 takes /0 to /32, IPv6 /0 to /128")]
    PrefixLength(String),
    /// It may mean a network or one address in it.
    #[error(
        "`{text}` has bits set beyond its length; write {network} for the network, or {address} for the one address"
    )]
    HostBits {
        /// As written.
        text: String,
        /// What the network would be.
        network: IpNet,
        /// What the address would be.
        address: IpAddr,
    },
    /// Its ends are of two families or in the wrong order.
    #[error("range `{0}` must run from a lower to a higher address of the same family")]
    Backwards(String),
    /// It is an IPv6 range too large to enumerate.
    #[error(
        "target `{0}` holds {1} IPv6 addresses, too many to try one by one; name prefixes of /108 or longer, \
         or single addresses"
    )]
    TooLarge(String, u128),
}

/// What one line of a target list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Addresses, on the ports of the scan.
    Range(Range),
    /// One address on a port of its own.
    Endpoint(SocketAddr),
    /// A name, on the ports of the scan or one of its own.
    Name(String, Option<u16>),
}

/// Reads what [`parse`] reads, and `ADDRESS:PORT`, `[IPv6]:PORT`, `NAME` and `NAME:PORT` beside.
pub fn parse_target(text: &str) -> Result<Target, TargetError> {
    let (name, port) = text.trim().rsplit_once(':').unwrap_or((text.trim(), ""));
    if is_like_a_name(name) && text.parse::<SocketAddr>().is_err() {
        let port = port.parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_some() || !text.contains(':') {
            return Ok(Target::Name(name.to_owned(), port));
        }
    }
    match text.trim().parse::<SocketAddr>() {
        Ok(endpoint) if endpoint.port() > 0 => {
            Ok(Target::Endpoint(SocketAddr::new(endpoint.ip().to_canonical(), endpoint.port())))
        }
        _ => parse(text).map(Target::Range),
    }
}

/// Reads what [`parse_any`] reads, but no more IPv6 addresses than can be tried one by one.
pub fn parse(text: &str) -> Result<Range, TargetError> {
    let range = parse_any(text)?;
    match range {
        Range::V6(..) if range.count() > MAX_IPV6_ADDRESSES => {
            Err(TargetError::TooLarge(text.trim().to_owned(), range.count()))
        }
        _ => Ok(range),
    }
}

/// Reads an address, a CIDR prefix (host bits are ignored), a range `A-B`, or nmap's short IPv4 range `a.b.c.d-e`.
pub fn parse_any(text: &str) -> Result<Range, TargetError> {
    let text = text.trim();
    let notation = || {
        let text = text.to_owned();
        if text.parse::<SocketAddr>().is_ok() {
            TargetError::WithPort(text)
        } else if is_like_a_name(&text) {
            TargetError::Name(text)
        } else {
            TargetError::Notation(text)
        }
    };
    if let Some((address, _length)) = text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| notation())?;
        let net: IpNet = text.parse().map_err(|_| TargetError::PrefixLength(text.to_owned()))?;
        // A prefix of IPv4-mapped addresses of /96 and longer is IPv4 in whole, and becomes that; a shorter one keeps its
        // family.
        debug_assert_eq!(net.addr(), address);
        Range::between(net.network(), net.broadcast()).ok_or_else(notation)
    } else if let Some((first, last)) = text.split_once('-') {
        let first: IpAddr = first.trim().parse().map_err(|_| notation())?;
        let last = range_end(first, last.trim()).ok_or_else(notation)?;
        Range::between(first, last).ok_or_else(|| TargetError::Backwards(text.to_owned()))
    } else {
        text.parse().map(Range::single).map_err(|_| notation())
    }
}

/// As [`parse_any`], but what follows a prefix' length must be zero: who writes a network by one of its addresses may mean
/// either.
pub fn parse_exact(text: &str) -> Result<Range, TargetError> {
    let range = parse_any(text)?;
    match text.trim().parse::<IpNet>() {
        Ok(net) if net.trunc() != net => {
            Err(TargetError::HostBits { text: text.trim().to_owned(), network: net.trunc(), address: net.addr() })
        }
        _ => Ok(range),
    }
}

/// Letters that no address has, in the characters of a host name.
fn is_like_a_name(text: &str) -> bool {
    text.contains(|character: char| matches!(character, 'g'..='z' | 'G'..='Z'))
        && text.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_'))
}

/// The end of a range: a whole address, or the last number of an IPv4 address.
fn range_end(first: IpAddr, last: &str) -> Option<IpAddr> {
    if let (IpAddr::V4(first), Ok(number)) = (first, last.parse::<u8>()) {
        let [a, b, c, _] = first.octets();
        return Some(Ipv4Addr::new(a, b, c, number).into());
    }
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_notation() {
        let v4 = |first: [u8; 4], last: [u8; 4]| Ok(Range::V4(u32::from_be_bytes(first), u32::from_be_bytes(last)));
        assert_eq!(parse("127.0.0.1"), v4([127, 0, 0, 1], [127, 0, 0, 1]));
        assert_eq!(parse(" 127.0.1.77/24 "), v4([127, 0, 1, 0], [127, 0, 1, 255]));
        assert_eq!(parse("127.0.0.9-127.0.1.2"), v4([127, 0, 0, 9], [127, 0, 1, 2]));
        assert_eq!(parse("127.0.0.9-12"), v4([127, 0, 0, 9], [127, 0, 0, 12]));
        assert_eq!(parse("::1-::3"), Ok(Range::V6(1, 3)));
        assert_eq!(parse("::/108").map(Range::count), Ok(1 << 20));
        assert_eq!(parse("::ffff:127.0.0.8"), v4([127, 0, 0, 8], [127, 0, 0, 8]));
        assert_eq!(parse("::ffff:127.9.0.0/120"), v4([127, 9, 0, 0], [127, 9, 0, 255]));
    }

    #[test]
    fn a_target_may_bring_its_own_port() {
        let endpoint = |text: &str| Ok(Target::Endpoint(text.parse().unwrap()));
        assert_eq!(parse_target(" 127.0.0.1:3390 "), endpoint("127.0.0.1:3390"));
        assert_eq!(parse_target("[::1]:3390"), endpoint("[::1]:3390"));
        assert_eq!(parse_target("[::ffff:127.0.0.1]:3390"), endpoint("127.0.0.1:3390"));
        assert_eq!(parse_target("rdp.example.com"), Ok(Target::Name("rdp.example.com".to_owned(), None)));
        assert_eq!(parse_target("rdp.example.com:3390"), Ok(Target::Name("rdp.example.com".to_owned(), Some(3390))));
        assert!(parse_target("rdp.example.com:x").is_err() && parse_target("fe80::1%eth0").is_err());
        assert!(matches!(parse_target("127.0.0.0/30"), Ok(Target::Range(_))));
        assert!(matches!(parse_target("127.0.0.1:0"), Err(TargetError::WithPort(_))));
        assert!(matches!(parse_target("127.0.0.1:70000"), Err(TargetError::Notation(_))));
    }

    #[test]
    fn an_exact_prefix_has_no_bits_of_a_host() {
        let said = parse_exact("127.0.1.77/24").unwrap_err().to_string();
        let expected =
            "`127.0.1.77/24` has bits set beyond its length; write 127.0.1.0/24 for the network, or 127.0.1.77 for";
        assert!(said.starts_with(expected), "{said}");
        for text in ["127.0.1.0/24", "127.0.1.77", "127.0.1.77/32", "127.0.1.7-9", "::ffff:127.9.0.0/120"] {
            assert_eq!(parse_exact(text), parse_any(text), "{text}");
        }
    }

    #[test]
    fn a_scope_may_be_larger_than_what_can_be_tried() {
        assert_eq!(parse_any("2001:db8::/32").map(Range::count), Ok(1 << 96));
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(matches!(parse("example.com"), Err(TargetError::Name(_))));
        assert!(matches!(parse("127.0.0.1:3389"), Err(TargetError::WithPort(_))));
        assert!(matches!(parse("[::1]:3389"), Err(TargetError::WithPort(_))));
        assert!(matches!(parse("127.0.0.1,127.0.0.2"), Err(TargetError::Notation(_))));
        assert!(matches!(parse(""), Err(TargetError::Notation(_))));
        assert!(matches!(parse("127.0.0/24"), Err(TargetError::Notation(_))));
        assert!(matches!(parse("127.0.0.0/33"), Err(TargetError::PrefixLength(_))));
        assert!(matches!(parse("127.0.0.9-3"), Err(TargetError::Backwards(_))));
        assert!(matches!(parse("127.0.0.9-::1"), Err(TargetError::Backwards(_))));
        assert!(matches!(parse("127.0.0.9-300"), Err(TargetError::Notation(_))));
        assert!(matches!(parse("::/64"), Err(TargetError::TooLarge(_, _))));
        assert!(matches!(parse("::/0"), Err(TargetError::TooLarge(_, _))));
    }
}
