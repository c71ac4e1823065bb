//! Endpoints: addresses together with their ports, each pair once, reachable by number.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::ranges::{Addresses, Range};

/// All endpoints of a scan, numbered from 0. Memory grows with ranges and ports, not with endpoints.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    stretches: Vec<Stretch>,
    count: u64,
}

/// The addresses of one port.
#[derive(Clone, Debug)]
struct Stretch {
    port: u16,
    /// The number of its first endpoint.
    start: u64,
    numbered: Arc<Numbered>,
}

/// Merged ranges as the number and the address that each begins with; the next one's number tells where it ends.
#[derive(Debug)]
struct Numbered {
    v4: Vec<(u64, u32)>,
    v6: Vec<(u64, u128)>,
    /// How many addresses are IPv4, and all together.
    v4_count: u64,
    count: u64,
    digest: [u8; 32],
}

/// More endpoints than can be numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these targets and ports make more endpoints than one scan can number; split them")]
pub struct TooMany;

impl Endpoints {
    /// Every address with every port, and the single endpoints beside them.
    pub fn new(addresses: &Addresses, ports: &[u16], single: &[SocketAddr]) -> Result<Self, TooMany> {
        let mut own_ports: BTreeMap<u16, Vec<Range>> = BTreeMap::new();
        for endpoint in single {
            own_ports.entry(endpoint.port()).or_default().push(Range::single(endpoint.ip()));
        }
        let everywhere = Arc::new(Numbered::new(addresses)?);
        // Ports without endpoints of their own share one numbering, so that 65,535 ports cost no more than one.
        let mut by_port: BTreeMap<u16, Arc<Numbered>> = BTreeMap::new();
        if everywhere.count > 0 {
            by_port.extend(ports.iter().map(|port| (*port, everywhere.clone())));
        }
        for (port, ranges) in own_ports {
            let mut all: Addresses = ranges.into_iter().collect();
            if ports.contains(&port) {
                all = all.union(addresses);
            }
            by_port.insert(port, Arc::new(Numbered::new(&all)?));
        }
        let mut endpoints = Self::default();
        for (port, numbered) in by_port {
            let start = endpoints.count;
            endpoints.count = start.checked_add(numbered.count).ok_or(TooMany)?;
            endpoints.stretches.push(Stretch { port, start, numbered });
        }
        Ok(endpoints)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// SHA-256 over ports and ranges: equal lists of endpoints have equal hashes.
    #[must_use]
    pub fn hash(&self) -> String {
        let stretches = self.stretches.iter().fold(Sha256::new(), |hash, stretch| {
            hash.chain_update(stretch.port.to_be_bytes()).chain_update(stretch.numbered.digest)
        });
        HEXLOWER.encode(&stretches.finalize())
    }

    /// The endpoint with this number.
    #[must_use]
    pub fn at(&self, number: u64) -> Option<SocketAddr> {
        let after = self.stretches.partition_point(|stretch| stretch.start <= number);
        let stretch = self.stretches.get(after.checked_sub(1)?)?;
        Some(SocketAddr::new(stretch.numbered.at(number - stretch.start)?, stretch.port))
    }
}

impl Numbered {
    fn new(addresses: &Addresses) -> Result<Self, TooMany> {
        let (mut v4, mut v6, mut hash) = (Vec::new(), Vec::new(), Sha256::new());
        let (mut v4_count, mut count) = (0, 0_u64);
        // IPv4 comes before IPv6.
        for range in addresses.ranges() {
            let next = u64::try_from(range.count()).ok().and_then(|more| count.checked_add(more)).ok_or(TooMany)?;
            match range {
                Range::V4(first, last) => {
                    hash.update(first.to_be_bytes());
                    hash.update(last.to_be_bytes());
                    v4.push((count, first));
                    v4_count = next;
                }
                Range::V6(first, last) => {
                    hash.update(first.to_be_bytes());
                    hash.update(last.to_be_bytes());
                    v6.push((count, first));
                }
            }
            count = next;
        }
        v4.shrink_to_fit();
        v6.shrink_to_fit();
        Ok(Self { v4, v6, v4_count, count, digest: hash.finalize().into() })
    }

    fn at(&self, number: u64) -> Option<IpAddr> {
        if number < self.v4_count {
            let (offset, first) = locate(&self.v4, number)?;
            Some(Ipv4Addr::from(first.checked_add(u32::try_from(offset).ok()?)?).into())
        } else if number < self.count {
            let (offset, first) = locate(&self.v6, number)?;
            Some(Ipv6Addr::from(first.checked_add(u128::from(offset))?).into())
        } else {
            None
        }
    }
}

/// The first address of the range that holds `number`, and how far into it that is.
fn locate<T: Copy>(ranges: &[(u64, T)], number: u64) -> Option<(u64, T)> {
    let after = ranges.partition_point(|(start, _)| *start <= number);
    let (start, first) = ranges.get(after.checked_sub(1)?)?;
    Some((number - start, *first))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::target::parse;

    #[test]
    fn each_pair_has_exactly_one_number() {
        let addresses = ["127.0.0.0/30", "127.0.1.9", "::1"].map(|text| parse(text).unwrap()).into_iter().collect();
        let single = ["127.0.0.2:3390", "127.0.9.9:3390", "[::2]:22"].map(|text| text.parse().unwrap());
        let endpoints = Endpoints::new(&addresses, &[3389, 3390], &single).unwrap();
        let all: Vec<SocketAddr> = (0..endpoints.count()).map(|number| endpoints.at(number).unwrap()).collect();
        let distinct: BTreeSet<&SocketAddr> = all.iter().collect();
        // Six addresses on two ports; of the single ones 127.0.0.2:3390 is among them already.
        assert_eq!((all.len(), distinct.len()), (14, 14));
        assert!(single.iter().all(|endpoint| distinct.contains(endpoint)));
        assert_eq!(endpoints.at(endpoints.count()), None);
    }

    #[test]
    fn the_whole_of_ipv4_on_every_port_can_be_numbered() {
        let addresses = [parse("0.0.0.0/0").unwrap()].into_iter().collect();
        let ports: Vec<u16> = (1..=u16::MAX).collect();
        let endpoints = Endpoints::new(&addresses, &ports, &[]).unwrap();
        assert_eq!(endpoints.count(), (1 << 32) * 65_535);
        assert_eq!(endpoints.at(endpoints.count() - 1), Some("255.255.255.255:65535".parse().unwrap()));
    }
}
