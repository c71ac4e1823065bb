//! Who may be connected to now: one connection per host at a time, a rest after it, and few at once per network.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// The /24 of an IPv4 address, the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) & !0xFF).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

/// The state of a host that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// A connection is open, or being opened.
    InWork,
    /// The last one has ended, and the next must wait so long.
    RestsUntil(Instant),
}

/// Keeps count. Memory grows with what is in work and what rests, never with the range.
pub(super) struct Gate {
    per_network: usize,
    rest: Duration,
    networks: HashMap<IpAddr, usize>,
    hosts: HashMap<IpAddr, Host>,
    /// Hosts at rest, in the order in which their rest ends.
    resting: VecDeque<(Instant, IpAddr)>,
}

impl Gate {
    /// At most `per_network` hosts at once in one network, and `rest` between two connections to one host.
    pub(super) fn new(per_network: usize, rest: Duration) -> Self {
        Self { per_network, rest, networks: HashMap::new(), hosts: HashMap::new(), resting: VecDeque::new() }
    }

    /// Lets the host in if it is free and its network is not full.
    pub(super) fn enter(&mut self, host: IpAddr, now: Instant) -> bool {
        self.wake(now);
        if self.hosts.contains_key(&host) {
            return false;
        }
        let in_network = self.networks.entry(network(host)).or_default();
        if *in_network >= self.per_network {
            return false;
        }
        *in_network += 1;
        self.hosts.insert(host, Host::InWork);
        true
    }

    /// The work on the host has ended; `was_open` says whether there was a connection to rest from.
    pub(super) fn leave(&mut self, host: IpAddr, was_open: bool, now: Instant) {
        let network = network(host);
        if let Some(in_network) = self.networks.get_mut(&network) {
            *in_network -= 1;
            if *in_network == 0 {
                self.networks.remove(&network);
            }
        }
        if was_open {
            let until = now + self.rest;
            self.hosts.insert(host, Host::RestsUntil(until));
            self.resting.push_back((until, host));
        } else {
            self.hosts.remove(&host);
        }
    }

    /// When the next host will have rested enough, if any rests.
    pub(super) fn next_waking(&self) -> Option<Instant> {
        self.resting.front().map(|(until, _)| *until)
    }

    fn wake(&mut self, now: Instant) {
        while let Some((until, host)) = self.resting.front().copied().filter(|(until, _)| *until <= now) {
            self.resting.pop_front();
            if self.hosts.get(&host) == Some(&Host::RestsUntil(until)) {
                self.hosts.remove(&host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    #[test]
    fn one_at_a_time_and_a_rest_in_between() {
        let (mut gate, start) = (Gate::new(9, Duration::from_secs(1)), Instant::now());
        assert!(gate.enter(ip(1), start));
        assert!(!gate.enter(ip(1), start), "it is in work");
        gate.leave(ip(1), true, start);
        assert!(!gate.enter(ip(1), start + Duration::from_millis(999)));
        assert_eq!(gate.next_waking(), Some(start + Duration::from_secs(1)));
        assert!(gate.enter(ip(1), start + Duration::from_secs(1)));
        gate.leave(ip(1), false, start + Duration::from_secs(2));
        assert!(gate.enter(ip(1), start + Duration::from_secs(2)), "a closed port needs no rest");
    }

    #[test]
    fn a_network_takes_only_so_many_and_nothing_is_kept_for_ever() {
        let (mut gate, start) = (Gate::new(2, Duration::from_secs(1)), Instant::now());
        assert!(gate.enter(ip(1), start) && gate.enter(ip(2), start) && !gate.enter(ip(3), start));
        assert!(gate.enter([127, 0, 1, 3].into(), start), "another /24");
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(gate.enter(v6("2001:db8::1"), start) && gate.enter(v6("2001:db8::ffff:2"), start));
        assert!(!gate.enter(v6("2001:db8::3"), start) && gate.enter(v6("2001:db8:0:1::3"), start));
        for host in
            [ip(1), ip(2), [127, 0, 1, 3].into(), v6("2001:db8::1"), v6("2001:db8::ffff:2"), v6("2001:db8:0:1::3")]
        {
            gate.leave(host, true, start);
        }
        assert!(gate.networks.is_empty());
        gate.wake(start + Duration::from_secs(2));
        assert!(gate.hosts.is_empty() && gate.resting.is_empty());
    }
}
