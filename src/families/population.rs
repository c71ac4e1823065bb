//! Everything that was seen, small enough for tens of millions of looks, and in an order of its own.

use std::net::{IpAddr, Ipv6Addr};

use indexmap::IndexSet;
use jiff::Timestamp;

use super::naming::{Drawn, Name, folded};
use super::seen::{Declared, OwnCertificate, Role, Seen, label};
use crate::fingerprint::Class;
use crate::knowledge::{GENERATORS, has_faulty_names};

/// NTLM's versions are a dozen characters; a file may hold anything.
const LONGEST_VERSION: usize = 32;

/// Looks at endpoints, from which families are found. Fill it in any order: nothing that comes of it depends on that.
#[derive(Debug)]
pub struct Population {
    pub(super) drawn: Vec<Drawn>,
    pub(super) sightings: Vec<Sighting>,
    /// Names that people chose.
    pub(super) names: IndexSet<Box<str>>,
    pub(super) certificates: IndexSet<OwnCertificate>,
    pub(super) versions: IndexSet<Box<str>>,
    /// What fingerprints say, each combination once.
    pub(super) known: IndexSet<Vec<(String, Class)>>,
    pub(super) intake: Intake,
}

/// What was taken in, and what it can be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Intake {
    /// Looks that were taken in.
    pub records: u64,
    /// Looks without a generated name and without a certificate of Windows' own form: nothing can link them.
    pub unlinkable: u64,
    /// Looks without a time: a certificate still links them, but they are counted in no window.
    pub without_time: u64,
    /// Looks at relays, honeypots and servers that are not Windows.
    pub set_aside: u64,
}

/// An address, IPv4 mapped into IPv6, and a port.
pub(super) type Endpoint = ([u8; 16], u16);

/// One look, 56 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighting {
    /// First, so that sorting brings the looks at one name together, and those at one endpoint within them.
    pub(super) name: Name,
    ip: [u8; 16],
    pub(super) port: u16,
    /// Seconds since 1970; [`NO_TIME`] where unknown.
    pub(super) time: i64,
    /// Index of the certificate, or [`NONE`].
    pub(super) certificate: u32,
    /// Index of the version, or [`NONE`].
    pub(super) version: u32,
    /// Index of the fingerprints that match.
    pub(super) known: u32,
    /// Milliseconds; [`NO_SKEW`] where unknown or beyond 24 days.
    pub(super) skew_ms: i32,
    /// How many seconds the host's clock is behind, where that is known.
    pub(super) behind: u32,
    pub(super) flags: u8,
}

pub(super) const NONE: u32 = u32::MAX;
pub(super) const NO_TIME: i64 = i64::MIN;
pub(super) const NO_SKEW: i32 = i32::MIN;

const DECLARED_BY_CERTIFICATE: u8 = 1;
const DECLARED_BY_NETBIOS: u8 = 2;
const DECLARED_BY_DNS: u8 = 4;
const RELAY: u8 = 8;
const NOT_WINDOWS: u8 = 16;
const FAULTY_NAMES: u8 = 32;

impl Sighting {
    pub(super) fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.ip).to_canonical()
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        (self.ip, self.port)
    }

    /// The /24 of an IPv4 address, the /48 of an IPv6 address.
    pub(super) fn network(&self) -> [u8; 16] {
        let mut network = self.ip;
        let kept = if Ipv6Addr::from(self.ip).to_ipv4_mapped().is_some() { 15 } else { 6 };
        network.iter_mut().skip(kept).for_each(|octet| *octet = 0);
        network
    }

    pub(super) fn time(&self) -> Option<i64> {
        (self.time != NO_TIME).then_some(self.time)
    }

    /// Whether a Windows machine stands there, as far as its answers go.
    pub(super) fn is_machine(&self) -> bool {
        self.flags & (RELAY | NOT_WINDOWS) == 0
    }

    pub(super) fn is_windows(&self) -> bool {
        self.flags & NOT_WINDOWS == 0
    }

    /// Whether its build's setup could draw one name twice.
    pub(super) fn has_faulty_name(&self) -> bool {
        self.flags & FAULTY_NAMES != 0
    }

    pub(super) fn declared(&self) -> Declared {
        let has = |flag| self.flags & flag != 0;
        Declared {
            certificate: has(DECLARED_BY_CERTIFICATE),
            netbios: has(DECLARED_BY_NETBIOS),
            dns: has(DECLARED_BY_DNS),
        }
    }
}

/// The third part of a version.
pub(super) fn build_of(version: &str) -> Option<u32> {
    version.split('.').nth(2)?.parse().ok()
}

impl Default for Population {
    fn default() -> Self {
        let real = GENERATORS.iter().map(|generator| Drawn { generator, possible_names: generator.possible_names() });
        Self::drawn_by(real.collect())
    }
}

impl Population {
    /// Nothing yet, with every generator that is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing yet, and names that are taken to be drawn as told; for calibration.
    #[must_use]
    pub fn drawn_by(drawn: Vec<Drawn>) -> Self {
        Self {
            drawn,
            sightings: Vec::new(),
            names: IndexSet::new(),
            certificates: IndexSet::new(),
            versions: IndexSet::new(),
            known: IndexSet::new(),
            intake: Intake::default(),
        }
    }

    /// What was taken in so far.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.intake
    }

    /// Takes one look in.
    pub fn add(&mut self, seen: &Seen<'_>) {
        self.intake.records += 1;
        self.intake.set_aside += u64::from(seen.role != Role::Machine);
        self.intake.without_time += u64::from(seen.seen_at.is_none());
        let label = seen.name.map(label).filter(|label| !label.is_empty() && !label.contains('*'));
        let drawn = label.and_then(|label| Name::drawn(label, &self.drawn));
        // What has neither can be linked with nothing, nor does it count for chance.
        if drawn.is_none() && seen.certificate.is_none() {
            self.intake.unlinkable += 1;
            return;
        }
        let name = match (drawn, label) {
            (Some(drawn), _) => drawn,
            (None, Some(label)) => Name::chosen(index(self.names.insert_full(folded(label)).0)),
            (None, None) => Name::NONE,
        };
        let version = seen.product_version.filter(|version| version.len() <= LONGEST_VERSION);
        let time = seen.seen_at.map_or(NO_TIME, Timestamp::as_second);
        let skew = seen.clock_skew_ms.and_then(|skew| i32::try_from(skew).ok()).unwrap_or(NO_SKEW);
        self.sightings.push(Sighting {
            name,
            ip: octets(seen.ip),
            port: seen.port,
            time,
            certificate: seen.certificate.map_or(NONE, |own| index(self.certificates.insert_full(own).0)),
            version: version.map_or(NONE, |version| match self.versions.get_index_of(version) {
                Some(known) => index(known),
                None => index(self.versions.insert_full(version.into()).0),
            }),
            known: match self.known.get_index_of(&seen.known_as) {
                Some(known) => index(known),
                None => index(self.known.insert_full(seen.known_as.clone()).0),
            },
            skew_ms: skew,
            behind: behind(seen),
            flags: flags(seen, version.and_then(build_of)),
        });
    }

    /// Gives every number the order of what it stands for, so that the order of input leaves no trace, and sorts the looks
    /// by name, endpoint and time, each once.
    pub(super) fn settle(&mut self) {
        let names = ranks(&mut self.names);
        let certificates = ranks(&mut self.certificates);
        let versions = ranks(&mut self.versions);
        let known = ranks(&mut self.known);
        let rank =
            |ranks: &[u32], old: u32| usize::try_from(old).ok().and_then(|old| ranks.get(old)).copied().unwrap_or(NONE);
        for sighting in &mut self.sightings {
            if let Some(old) = sighting.name.index() {
                sighting.name = Name::chosen(names.get(old).copied().unwrap_or(NONE));
            }
            sighting.certificate = rank(&certificates, sighting.certificate);
            sighting.version = rank(&versions, sighting.version);
            sighting.known = rank(&known, sighting.known);
        }
        self.sightings.sort_unstable();
        self.sightings.dedup();
    }

    pub(super) fn certificate(&self, index: u32) -> Option<&OwnCertificate> {
        self.certificates.get_index(usize::try_from(index).ok()?)
    }

    pub(super) fn version(&self, sighting: &Sighting) -> Option<&str> {
        self.versions.get_index(usize::try_from(sighting.version).ok()?).map(AsRef::as_ref)
    }

    pub(super) fn known(&self, sighting: &Sighting) -> &[(String, Class)] {
        let known = usize::try_from(sighting.known).ok().and_then(|index| self.known.get_index(index));
        known.map_or(&[], Vec::as_slice)
    }

    pub(super) fn text(&self, name: Name) -> Option<String> {
        let chosen = || self.names.get_index(name.index()?).map(ToString::to_string);
        name.text(&self.drawn).or_else(chosen)
    }
}

/// Memory ends long before four thousand million certificates do.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(NONE)
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// A stuck clock dates certificates too early; how far, the host itself tells.
fn behind(seen: &Seen<'_>) -> u32 {
    let by_probe = seen.clock_skew_ms.map(|skew| skew.saturating_neg() / 1000);
    let by_file = || Some(seen.seen_at?.as_second() - seen.system_time?.as_second());
    by_probe.or_else(by_file).map_or(0, |seconds| u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

fn flags(seen: &Seen<'_>, build: Option<u32>) -> u8 {
    let rows = [
        (DECLARED_BY_CERTIFICATE, seen.declared.certificate),
        (DECLARED_BY_NETBIOS, seen.declared.netbios),
        (DECLARED_BY_DNS, seen.declared.dns),
        (RELAY, seen.role == Role::Relay),
        (NOT_WINDOWS, seen.role == Role::NotWindows),
        (FAULTY_NAMES, build.is_some_and(has_faulty_names)),
    ];
    rows.into_iter().filter(|(_, is_set)| *is_set).fold(0, |flags, (flag, _)| flags | flag)
}

/// Sorts the set, and tells for each old index the new one.
fn ranks<T: Ord + std::hash::Hash + Eq>(set: &mut IndexSet<T>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..index(set.len())).collect();
    let at = |position: u32| usize::try_from(position).ok().and_then(|position| set.get_index(position));
    order.sort_unstable_by(|one, other| at(*one).cmp(&at(*other)));
    let mut ranks = vec![NONE; order.len()];
    for (rank, old) in order.iter().enumerate() {
        if let Some(place) = usize::try_from(*old).ok().and_then(|old| ranks.get_mut(old)) {
            *place = index(rank);
        }
    }
    set.sort_unstable();
    ranks
}
