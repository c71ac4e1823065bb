//! What one family is: its size, its links, the story of its image.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::apart::{DATED_BACK, Look, tell_apart};
use super::certificates::{class_links, tell_certificates};
use super::family::{
    BuildCount, FAMILY_SCHEMA_VERSION, Family, Growth, KnownAs, Link, LinkKind, Member, NameCount, PrefixCount, Quote,
    Reason, Verdict,
};
use super::find::Search;
use super::names::look;
use super::naming::Name;
use super::population::{Endpoint, NO_SKEW, NONE, Sighting};
use super::seen::OwnCertificate;
use super::window::timestamp;
use super::words::why;
use crate::fingerprint::{Class, rtc_offset};

/// How much of each list a record holds: a family may have a million members, and a hostile file as many of anything.
const MOST_LISTED: usize = 20;
const MOST_LINKS: usize = 100;
const MOST_MEMBERS: usize = 1_000;
const MOST_WINDOWS: usize = 1_000;

/// A look that belongs to the family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) sighting: &'a Sighting,
    pub(super) class: Option<u32>,
}

/// The looks of one family.
pub(super) struct Story<'a> {
    pub(super) search: &'a Search<'a>,
    /// Looks at machines, by endpoint and time.
    pub(super) machines: Vec<Part<'a>>,
    /// Looks at what only shows a machine's certificate.
    pub(super) others: Vec<Part<'a>>,
}

impl<'a> Story<'a> {
    pub(super) fn of(search: &'a Search<'a>, mut parts: Vec<Part<'a>>) -> Self {
        parts.sort_unstable_by_key(|part| (part.sighting.endpoint(), part.sighting.time, part.sighting));
        let (machines, others) = parts.into_iter().partition(|part| part.sighting.is_machine());
        Self { search, machines, others }
    }

    /// The record; `None` where not even two endpoints are linked.
    pub(super) fn tell(&self) -> Option<Family> {
        let endpoints: Vec<&[Part<'_>]> = self.endpoints().collect();
        let mut links = self.name_links();
        links.extend(class_links(self));
        links.sort_by(|one, other| {
            let weight =
                |link: &Link| (std::cmp::Reverse(link.significant), link.kind, std::cmp::Reverse(link.endpoints));
            weight(one).cmp(&weight(other)).then_with(|| one.value.cmp(&other.value))
        });
        if endpoints.is_empty() || links.iter().map(|link| link.endpoints).max()? < 2 {
            return None;
        }
        let (growth, most) = self.growth(&endpoints);
        let significant = links.iter().any(|link| link.significant);
        let machines_at_least = most.max(if significant { 2 } else { 1 });
        // Machines that chance may have given one name are several, and no family.
        let verdict = links.iter().map(|link| link.verdict).min().unwrap_or(Verdict::Undecided);
        let reasons: BTreeSet<Reason> = links.iter().flat_map(|link| link.reasons.iter().copied()).collect();
        let names = self.names(&endpoints);
        let own_image = self.is_own_image(&links, &names);
        let known_as = self.known_as(&endpoints);
        let addresses = addresses(&endpoints);
        let prefixes = prefixes(&addresses);
        let times = || self.machines.iter().filter_map(|part| part.sighting.time());
        let mut family = Family {
            schema_version: FAMILY_SCHEMA_VERSION,
            id: id(&links)?,
            verdict,
            significant,
            reasons: reasons.into_iter().collect(),
            why: String::new(),
            wording: None,
            own_image,
            known_as,
            machines_at_least,
            endpoints: count(endpoints.len()),
            addresses: count(addresses.len()),
            networks: count(prefixes.len()),
            prefixes: prefixes.into_iter().take(MOST_LISTED).collect(),
            builds: self.builds(&endpoints),
            rtc_offset: self.rtc_offset(),
            certificates: tell_certificates(self),
            first_seen: times().min().map(timestamp),
            last_seen: times().max().map(timestamp),
            growth,
            members: endpoints.iter().take(MOST_MEMBERS).map(|parts| self.member(parts)).collect(),
            members_omitted: count(endpoints.len().saturating_sub(MOST_MEMBERS)),
            links_omitted: count(links.len().saturating_sub(MOST_LINKS)),
            quotes: self.quotes(&links, names.first()),
            names: names.into_iter().take(MOST_LISTED).collect(),
            links,
        };
        family.why = why(&family);
        family.links.truncate(MOST_LINKS);
        family.wording = family.fair_wording();
        Some(family)
    }

    /// The looks at each endpoint, in the order of time.
    fn endpoints(&self) -> impl Iterator<Item = &[Part<'a>]> {
        self.machines.chunk_by(|one, other| one.sighting.endpoint() == other.sighting.endpoint())
    }

    /// Names that say something, with what they say.
    fn name_links(&self) -> Vec<Link> {
        let mut by_name: BTreeMap<_, BTreeSet<Endpoint>> = BTreeMap::new();
        for part in &self.machines {
            if let Some(bearers) = self.search.bearers_of(part.sighting) {
                by_name.entry(bearers.name).or_default().insert(part.sighting.endpoint());
            }
        }
        let link = |(name, endpoints): (_, BTreeSet<_>)| {
            let bearers = self.search.bearers.get(&name)?;
            let mut reasons =
                vec![if bearers.is_significant { Reason::NameBeyondChance } else { Reason::TooFewToldApart }];
            reasons.extend(bearers.apart.by_certificates.then_some(Reason::CertificatesOverlap));
            reasons.extend(bearers.apart.by_clocks.then_some(Reason::ClocksDiffer));
            Some(Link {
                kind: LinkKind::Name,
                value: self.search.population.text(name)?,
                shares: Vec::new(),
                endpoints: count(endpoints.len()),
                machines_at_least: bearers.apart.machines,
                verdict: if bearers.is_significant { Verdict::Clones } else { Verdict::Undecided },
                significant: bearers.is_significant,
                reasons,
                chance: bearers.chance(self.search.population, self.search.windows),
            })
        };
        by_name.into_iter().filter_map(link).collect()
    }

    /// Window by window, oldest first, and the most machines of any.
    fn growth(&self, endpoints: &[&[Part<'_>]]) -> (Vec<Growth>, u64) {
        let windows = self.search.windows;
        let mut looks: Vec<(i64, Look)> = Vec::new();
        let mut new: BTreeMap<i64, u64> = BTreeMap::new();
        for parts in endpoints {
            let timed = parts.iter().filter_map(|part| Some((part, part.sighting.time()?)));
            let looked = timed.map(|(part, time)| {
                (windows.of(time), look(self.search.population, part.sighting, time, self.search.classes))
            });
            let before = looks.len();
            looks.extend(looked);
            if let Some((window, _)) = looks.get(before) {
                *new.entry(*window).or_default() += 1;
            }
        }
        looks.sort_by_key(|(window, _)| std::cmp::Reverse(*window));
        let rows = looks.chunk_by(|one, other| one.0 == other.0).map(|group| {
            let window = group.first().map_or(0, |(window, _)| *window);
            let apart = tell_apart(&mut group.iter().map(|(_, look)| *look).collect::<Vec<_>>());
            let (from, to) = windows.span(window);
            let new_endpoints = new.get(&window).copied().unwrap_or_default();
            Growth { from, to, endpoints: apart.endpoints, new_endpoints, machines_at_least: apart.machines }
        });
        let rows: Vec<Growth> = rows.collect();
        let most = rows.iter().map(|row| row.machines_at_least).max().unwrap_or(1);
        let skipped = rows.len().saturating_sub(MOST_WINDOWS);
        (rows.into_iter().skip(skipped).collect(), most)
    }

    /// All names, by how many endpoints bear them.
    fn names(&self, endpoints: &[&[Part<'_>]]) -> Vec<NameCount> {
        let name = |part: &Part<'_>| self.search.population.text(part.sighting.name);
        let counted = tally(endpoints, |part| name(part).into_iter().collect());
        counted.into_iter().map(|(name, endpoints)| NameCount { name, endpoints }).collect()
    }

    fn builds(&self, endpoints: &[&[Part<'_>]]) -> Vec<BuildCount> {
        let version = |part: &Part<'_>| self.search.population.version(part.sighting).map(str::to_owned);
        let counted = tally(endpoints, |part| version(part).into_iter().collect());
        counted.into_iter().map(|(version, endpoints)| BuildCount { version, endpoints }).take(MOST_LISTED).collect()
    }

    fn known_as(&self, endpoints: &[&[Part<'_>]]) -> Vec<KnownAs> {
        let known = |part: &Part<'_>| {
            self.search.population.known(part.sighting).iter().map(|(id, class)| (*class, id.clone())).collect()
        };
        let mut counted: Vec<((Class, String), u64)> = tally(endpoints, known);
        counted.sort_by(|one, other| one.0.cmp(&other.0));
        let row = |((class, fingerprint_id), endpoints)| KnownAs { fingerprint_id, class, endpoints };
        counted.into_iter().map(row).take(MOST_LISTED).collect()
    }

    /// The offset, where two endpoints at least were read and all agree.
    fn rtc_offset(&self) -> Option<String> {
        let skews = self.machines.iter().filter(|part| part.sighting.skew_ms != NO_SKEW);
        let mut offsets = skews.map(|part| (part.sighting.endpoint(), rtc_offset(part.sighting.skew_ms.into())));
        let (first, offset) = offsets.next()?;
        let mut others = 0;
        for (endpoint, other) in offsets {
            if other != offset {
                return None;
            }
            others += usize::from(endpoint != first);
        }
        offset.filter(|_| others > 0)
    }

    fn is_own_image(&self, links: &[Link], names: &[NameCount]) -> bool {
        let is_declared = |name: &str| self.search.own_images.has_name(name);
        let by_link = links.iter().any(|link| link.kind == LinkKind::Name && is_declared(&link.value));
        let by_name = names.first().is_some_and(|foremost| is_declared(&foremost.name));
        let certificate = |part: &Part<'_>| self.search.population.certificate(part.sighting.certificate);
        by_link || by_name || self.machines.iter().filter_map(certificate).any(|own| self.search.own_images.has(own))
    }

    fn member(&self, parts: &[Part<'_>]) -> Member {
        let population = self.search.population;
        let last = parts.last();
        let times = || parts.iter().filter_map(|part| part.sighting.time());
        let of_last = |get: fn(&Part<'_>) -> u32| parts.iter().rev().map(get).find(|index| *index != NONE);
        let version = parts.iter().rev().find_map(|part| population.version(part.sighting));
        let certificate = of_last(|part| part.sighting.certificate);
        let own = certificate.filter(|_| last.is_some_and(|part| part.class.is_some_and(|class| self.is_own(class))));
        Member {
            ip: last.map_or(IpAddr::from([0, 0, 0, 0]), |part| part.sighting.ip()),
            port: last.map_or(0, |part| part.sighting.port),
            name: last.and_then(|part| population.text(part.sighting.name)),
            version: version.map(str::to_owned),
            first_seen: times().min().map(timestamp),
            last_seen: times().max().map(timestamp),
            running_since_at_least: own.and_then(|own| population.certificate(own)).map(made),
        }
    }

    /// Whether one endpoint only shows certificates of this class.
    fn is_own(&self, class: u32) -> bool {
        !self.search.shared.contains(&class)
    }

    /// In which fields the names of drafts stood, each kind once.
    fn quotes(&self, links: &[Link], foremost: Option<&NameCount>) -> Vec<Quote> {
        let linked = links.iter().filter(|link| link.kind == LinkKind::Name).map(|link| &link.value);
        let names: BTreeSet<&String> = linked.chain(foremost.map(|foremost| &foremost.name)).collect();
        let mut quotes: BTreeMap<Name, (String, BTreeSet<Quote>)> = BTreeMap::new();
        for part in self.machines.iter().filter(|part| part.sighting.name != Name::NONE) {
            let text = || self.search.population.text(part.sighting.name).unwrap_or_default();
            let (name, kinds) = quotes.entry(part.sighting.name).or_insert_with(|| (text(), BTreeSet::new()));
            if kinds.len() < MOST_LISTED && names.contains(name) {
                let version = self.search.population.version(part.sighting).map(str::to_owned);
                kinds.insert(Quote { name: name.clone(), declared: part.sighting.declared(), version });
            }
        }
        quotes.into_values().flat_map(|(_, kinds)| kinds).collect()
    }
}

/// An address in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    network: [u8; 16],
    address: [u8; 16],
}

/// What stands for the family in every run: its foremost link.
fn id(links: &[Link]) -> Option<String> {
    let foremost = links.iter().min_by_key(|link| (std::cmp::Reverse(link.significant), link.kind, &link.value))?;
    Some(match foremost.kind {
        LinkKind::Name => foremost.value.to_ascii_lowercase(),
        LinkKind::Certificate => format!("certificate-{}", foremost.value.get(..16).unwrap_or(&foremost.value)),
    })
}

fn addresses(endpoints: &[&[Part<'_>]]) -> Vec<Address> {
    let first = endpoints.iter().filter_map(|parts| parts.first());
    let mut addresses: Vec<Address> =
        first.map(|part| Address { network: part.sighting.network(), address: part.sighting.endpoint().0 }).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// All networks, the fullest first.
fn prefixes(addresses: &[Address]) -> Vec<PrefixCount> {
    let networks = addresses.chunk_by(|one, other| one.network == other.network);
    let mut counted: Vec<([u8; 16], u64)> =
        networks.filter_map(|group| Some((group.first()?.network, count(group.len())))).collect();
    counted.sort_by_key(|(network, addresses)| (std::cmp::Reverse(*addresses), *network));
    let prefix = |network: [u8; 16]| match Ipv6Addr::from(network).to_canonical() {
        IpAddr::V4(network) => format!("{network}/24"),
        IpAddr::V6(network) => format!("{network}/48"),
    };
    counted.into_iter().map(|(network, addresses)| PrefixCount { prefix: prefix(network), addresses }).collect()
}

/// On how many endpoints each thing was seen, the most frequent first.
fn tally<T: Ord>(endpoints: &[&[Part<'_>]], things: impl Fn(&Part<'_>) -> Vec<T>) -> Vec<(T, u64)> {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    for parts in endpoints {
        let seen: BTreeSet<T> = parts.iter().flat_map(&things).collect();
        for thing in seen {
            *counts.entry(thing).or_default() += 1;
        }
    }
    let mut counted: Vec<(T, u64)> = counts.into_iter().collect();
    counted.sort_by_key(|(_, endpoints)| std::cmp::Reverse(*endpoints));
    counted
}

/// When a certificate was made.
pub(super) fn made(own: &OwnCertificate) -> Timestamp {
    timestamp(own.not_before.saturating_add(DATED_BACK))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
