//! A family's certificates: what those that are shared say, and when all were made.

use std::collections::{BTreeMap, BTreeSet};

use super::apart::{Look, is_at_one_time, tell_apart};
use super::family::{CertificateStory, Link, LinkKind, Reason, Share, SharedCertificate, Verdict};
use super::names::{look, most_at_once};
use super::population::{Endpoint, NONE};
use super::seen::OwnCertificate;
use super::story::{Part, Story, count, hex, made};
use super::window::timestamp;
use crate::knowledge::RDP_CERTIFICATE_VALIDITY;

/// One certificate in so many networks within a day is copied, unless something looks like a relay.
const SEVERAL_NETWORKS: u64 = 3;
/// Clones make their own certificates soon after the image's has ended, if they are running.
const SOON: i64 = 7 * 24 * 3600;
const MOST_SHARED: usize = 20;

/// The links by certificates.
pub(super) fn class_links(story: &Story<'_>) -> Vec<Link> {
    let mut classes: BTreeMap<u32, Vec<Part<'_>>> = BTreeMap::new();
    for part in story.machines.iter().chain(&story.others) {
        if let Some(class) = part.class {
            classes.entry(class).or_default().push(*part);
        }
    }
    classes.into_values().filter_map(|parts| class_link(story, &parts)).collect()
}

fn class_link(story: &Story<'_>, parts: &[Part<'_>]) -> Option<Link> {
    let endpoints: BTreeSet<_> = parts.iter().map(|part| part.sighting.endpoint()).collect();
    if endpoints.len() < 2 {
        return None;
    }
    let certificates: BTreeSet<u32> = parts.iter().map(|part| part.sighting.certificate).collect();
    let certificates: Vec<&OwnCertificate> =
        certificates.into_iter().filter_map(|index| story.search.population.certificate(index)).collect();
    let first = certificates.first()?;
    let hash = certificates.iter().find_map(|own| own.sha256);
    let value = hash.map(|hash| hex(&hash)).or_else(|| first.serial.map(|serial| hex(&serial)));
    let judged = judge(story, parts, endpoints.iter().map(|(ip, _)| ip).collect::<BTreeSet<_>>().len() == 1);
    let significant = judged.machines > 1 || judged.reasons.contains(&Reason::SeveralNetworks);
    Some(Link {
        kind: LinkKind::Certificate,
        value: value.unwrap_or_else(|| first.key.map(|key| format!("spki:{}", hex(&key))).unwrap_or_default()),
        shares: shares(parts, &certificates),
        endpoints: count(endpoints.len()),
        machines_at_least: judged.machines,
        verdict: judged.verdict,
        significant,
        reasons: judged.reasons,
        chance: None,
    })
}

/// One part of a certificate, where it is known.
type PartOf = fn(&OwnCertificate) -> Option<&[u8]>;

/// Parts of which two endpoints show the same.
fn shares(parts: &[Part<'_>], certificates: &[&OwnCertificate]) -> Vec<Share> {
    // One certificate on several endpoints is the same in all that is known of it.
    let mut shown: Vec<_> = parts.iter().map(|part| (part.sighting.certificate, part.sighting.endpoint())).collect();
    shown.sort_unstable();
    shown.dedup();
    let has_several = shown.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0));
    let is_shared = |part: PartOf| {
        let mut values: Vec<&[u8]> = certificates.iter().filter_map(|own| part(own)).collect();
        let all = values.len();
        values.sort_unstable();
        values.dedup();
        values.len() < all || has_several && all > 0
    };
    let rows: [(Share, PartOf); 3] = [
        (Share::Der, |own| own.sha256.as_ref().map(<[u8; 32]>::as_slice)),
        (Share::Key, |own| own.key.as_ref().map(<[u8; 32]>::as_slice)),
        (Share::Serial, |own| own.serial.as_ref().map(<[u8; 16]>::as_slice)),
    ];
    rows.into_iter().filter(|(_, part)| is_shared(*part)).map(|(share, _)| share).collect()
}

/// What the endpoints of one class of certificates are.
struct Judged {
    machines: u64,
    verdict: Verdict,
    reasons: Vec<Reason>,
}

fn judge(story: &Story<'_>, parts: &[Part<'_>], is_one_address: bool) -> Judged {
    let search = story.search;
    let timed = parts.iter().filter(|part| part.sighting.is_machine());
    let timed = timed.filter_map(|part| Some((part, part.sighting.time()?)));
    let mut looks: Vec<(i64, Look)> = timed
        .clone()
        .map(|(part, time)| (search.windows.of(time), look(search.population, part.sighting, time, search.classes)))
        .collect();
    looks.sort_unstable_by_key(|(window, look)| (*window, look.time, look.endpoint));
    let windows = looks.chunk_by(|one, other| one.0 == other.0);
    let aparts: Vec<_> =
        windows.map(|group| tell_apart(&mut group.iter().map(|(_, look)| *look).collect::<Vec<_>>())).collect();
    let machines = aparts.iter().map(|apart| apart.machines).max().unwrap_or(1);
    let verdict = |verdict, reasons: &[Reason]| Judged { machines, verdict, reasons: reasons.to_vec() };
    if machines > 1 {
        let by = |is_so, reason| if is_so { Some(reason) } else { None };
        let clocks = by(aparts.iter().any(|apart| apart.by_clocks), Reason::ClocksDiffer);
        let certificates = by(aparts.iter().any(|apart| apart.by_certificates), Reason::CertificatesOverlap);
        return verdict(Verdict::Clones, &clocks.into_iter().chain(certificates).collect::<Vec<_>>());
    }
    if parts.iter().any(|part| !part.sighting.is_machine()) {
        return verdict(Verdict::RelayOrNat, &[Reason::RelaySeen]);
    }
    if is_one_address {
        return verdict(Verdict::RelayOrNat, &[Reason::OneAddress]);
    }
    let several = aparts.iter().filter(|apart| apart.endpoints > 1);
    if several.clone().count() > 0 && several.clone().all(|apart| apart.is_one_clock) {
        return verdict(Verdict::SameMachine, &[Reason::OneClock]);
    }
    if most_at_once(timed.map(|(part, time)| (time, part.sighting.network())).collect()) >= SEVERAL_NETWORKS {
        return verdict(Verdict::Clones, &[Reason::SeveralNetworks]);
    }
    let mut in_time: Vec<Look> = looks.into_iter().map(|(_, look)| look).collect();
    in_time.sort_unstable_by_key(|look| (look.time, look.endpoint));
    let all_timed = parts.iter().all(|part| part.sighting.time().is_some());
    if all_timed && !is_at_one_time(&in_time) {
        return verdict(Verdict::SameMachine, &[Reason::AddressesInTurn]);
    }
    verdict(Verdict::Undecided, &[Reason::NothingTellsApart])
}

/// When the certificates were made, those of the image and those of each machine.
pub(super) fn tell_certificates(story: &Story<'_>) -> CertificateStory {
    let mut on: BTreeMap<u32, (Option<u32>, BTreeSet<Endpoint>)> = BTreeMap::new();
    for part in story.machines.iter().filter(|part| part.sighting.certificate != NONE) {
        let entry = on.entry(part.sighting.certificate).or_insert((part.class, BTreeSet::new()));
        entry.1.insert(part.sighting.endpoint());
    }
    let certificate = |index: &u32| story.search.population.certificate(*index);
    let (shared, own): (Vec<_>, Vec<_>) =
        on.iter().partition(|(_, (class, _))| class.is_some_and(|class| story.search.shared.contains(&class)));
    let end = |own: &OwnCertificate| own.not_before.saturating_add(RDP_CERTIFICATE_VALIDITY.as_secs());
    let ends: BTreeSet<i64> = shared.iter().filter_map(|(index, _)| certificate(index)).map(end).collect();
    let mut mades: Vec<i64> =
        own.iter().filter_map(|(index, _)| certificate(index)).map(|own| made(own).as_second()).collect();
    mades.sort_unstable();
    let is_soon = |made: &&i64| ends.range(made.saturating_sub(SOON)..=**made).next().is_some();
    let mut rows: Vec<SharedCertificate> = shared
        .iter()
        .filter_map(|(index, (_, endpoints))| {
            let own = certificate(index)?;
            Some(SharedCertificate {
                sha256: own.sha256.map(|hash| hex(&hash)),
                serial_number: own.serial.map(|serial| hex(&serial)),
                made: Some(made(own)),
                ends: Some(timestamp(end(own))),
                endpoints: count(endpoints.len()),
            })
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.endpoints));
    CertificateStory {
        shared_omitted: count(rows.len().saturating_sub(MOST_SHARED)),
        shared: rows.into_iter().take(MOST_SHARED).collect(),
        own: count(mades.len()),
        own_made_first: mades.first().copied().map(timestamp),
        own_made_median: mades.get(mades.len() / 2).copied().map(timestamp),
        own_made_last: mades.last().copied().map(timestamp),
        own_made_at_shared_end: count(mades.iter().filter(is_soon).count()),
    }
}
