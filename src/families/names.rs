//! Which generated names are borne by more machines than chance explains.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::apart::{AT_ONE_TIME, Apart, Look, tell_apart};
use super::chance::{FALSE_FAMILIES, SEED_NAMES, ln_expected_sets, significant_size};
use super::family::Chance;
use super::naming::{Drawn, Name};
use super::population::{NONE, Population, Sighting};
use super::window::Windows;

/// A name in the window that says most of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bearers {
    pub(super) name: Name,
    window: i64,
    /// `n`.
    endpoints: u64,
    /// `k`.
    pub(super) apart: Apart,
    /// How many addresses bore it within a day, at most.
    at_once: u64,
    /// The fewest machines that are significant.
    size: Option<u64>,
    ln_expected: f64,
    pub(super) is_significant: bool,
}

/// How many endpoints there were for one generator in one window.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Drawers {
    /// The generator's prefix.
    pub generator: String,
    /// `n`: endpoints with a name of this generator that were not shown to be one machine.
    pub endpoints: u64,
    /// The fewest machines with one name that are significant; 0 where no number is.
    pub significant_size: u64,
}

/// What all names come to.
pub(super) struct Names {
    /// Names that are significant, and those that would be if all their addresses were machines; by name.
    pub(super) bearers: Vec<Bearers>,
    /// Generators by window.
    pub(super) drawers: BTreeMap<i64, Vec<Drawers>>,
}

/// Looks through all names; sightings must be settled.
pub(super) fn weigh(population: &Population, classes: &[u32], windows: Windows) -> Names {
    let generators = population.drawn.len();
    let (mut counts, mut candidates) = (BTreeMap::<i64, Vec<u64>>::new(), Vec::new());
    for bearers in population.sightings.chunk_by(|one, other| one.name == other.name) {
        let Some(generator) = bearers.first().and_then(|first| first.name.generator()) else { continue };
        let mut count = |window: i64, more: u64| {
            let row = counts.entry(window).or_insert_with(|| vec![0; generators]);
            if let Some(place) = row.get_mut(generator) {
                *place += more;
            }
        };
        if bearers.iter().all(|one| one.endpoint() == bearers.first().map_or(one.endpoint(), Sighting::endpoint)) {
            // Nearly all names: one endpoint, which counts once in each window.
            let mut seen: Vec<i64> = drawers(bearers).map(|(time, _)| windows.of(time)).collect();
            seen.dedup();
            for window in seen {
                count(window, 1);
            }
            continue;
        }
        for (window, endpoints, looks) in by_window(population, bearers, classes, windows) {
            let mut looks = looks;
            let apart = tell_apart(&mut looks);
            count(window, endpoints.saturating_sub(apart.same));
            if apart.endpoints > 1 {
                let name = bearers.first().map_or(Name::NONE, |first| first.name);
                let at_once = most_at_once(looks.iter().map(|look| (look.time, look.endpoint.0)).collect());
                candidates.push((name, generator, window, apart, at_once));
            }
        }
    }
    let mut sizes: HashMap<(i64, usize), Option<u64>> = HashMap::new();
    let mut bearers: Vec<Bearers> = Vec::new();
    for (name, generator, window, apart, at_once) in candidates {
        let endpoints = counts.get(&window).and_then(|row| row.get(generator)).copied().unwrap_or_default();
        let Some(Drawn { possible_names, .. }) = population.drawn.get(generator).copied() else { continue };
        let size = *sizes
            .entry((window, generator))
            .or_insert_with(|| significant_size(endpoints, possible_names, level(&population.drawn)));
        if size.is_some_and(|size| apart.machines.max(at_once) >= size) {
            let ln_expected = ln_expected_sets(endpoints, apart.machines, possible_names);
            let is_significant = size.is_some_and(|size| apart.machines >= size);
            bearers.push(Bearers { name, window, endpoints, apart, at_once, size, ln_expected, is_significant });
        }
    }
    // Of several windows the one that says most: the least expected, then the most addresses, then the newest.
    bearers.sort_by(|one, other| {
        let weight =
            |one: &Bearers| (std::cmp::Reverse(one.is_significant), std::cmp::Reverse(one.at_once), one.window);
        one.name.cmp(&other.name).then_with(|| match (one.is_significant, other.is_significant) {
            (true, true) => one.ln_expected.total_cmp(&other.ln_expected).then(weight(one).cmp(&weight(other))),
            _ => weight(one).cmp(&weight(other)),
        })
    });
    bearers.dedup_by_key(|one| one.name);
    let row = |counts: Vec<u64>| {
        let drawn = population.drawn.iter().zip(counts).filter(|(_, endpoints)| *endpoints > 0);
        let size = |one: &Drawn, endpoints| significant_size(endpoints, one.possible_names, level(&population.drawn));
        drawn
            .map(|(one, endpoints)| Drawers {
                generator: one.generator.name.to_owned(),
                endpoints,
                significant_size: size(one, endpoints).unwrap_or_default(),
            })
            .collect()
    };
    Names { bearers, drawers: counts.into_iter().map(|(window, counts)| (window, row(counts))).collect() }
}

/// What each generator's expectation must not exceed, so that all together stay below the chance that is allowed.
fn level(drawn: &[Drawn]) -> f64 {
    let generators = u32::try_from(drawn.len().max(1)).unwrap_or(u32::MAX);
    FALSE_FAMILIES / f64::from(generators)
}

/// The looks that count as draws of a name: timed, at Windows, and of a build whose setup draws anew.
fn drawers(bearers: &[Sighting]) -> impl Iterator<Item = (i64, &Sighting)> {
    let drawing = bearers.iter().filter(|one| one.is_windows() && !one.has_faulty_name());
    drawing.filter_map(|one| Some((one.time()?, one)))
}

/// Window, its endpoints that drew the name, and the looks at machines in it.
fn by_window(
    population: &Population,
    bearers: &[Sighting],
    classes: &[u32],
    windows: Windows,
) -> Vec<(i64, u64, Vec<Look>)> {
    // Where one bearer's build draws one name twice, those whose build is unknown may be of that build.
    let is_faulty = bearers.iter().any(Sighting::has_faulty_name);
    let mut drawn: Vec<(i64, i64, &Sighting)> =
        drawers(bearers).map(|(time, one)| (windows.of(time), time, one)).collect();
    drawn.sort_unstable_by_key(|(window, ..)| *window);
    let one_window = |group: &[(i64, i64, &Sighting)]| {
        let mut endpoints: Vec<_> = group.iter().map(|(_, _, one)| one.endpoint()).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let counted = group.iter().filter(|(_, _, one)| one.is_machine() && !(is_faulty && one.version == NONE));
        let looks = counted.map(|(_, time, one)| look(population, one, *time, classes)).collect();
        let window = group.first().map_or(0, |(window, ..)| *window);
        (window, u64::try_from(endpoints.len()).unwrap_or(u64::MAX), looks)
    };
    drawn.chunk_by(|one, other| one.0 == other.0).map(one_window).collect()
}

/// A sighting as a look.
pub(super) fn look(population: &Population, sighting: &Sighting, time: i64, classes: &[u32]) -> Look {
    let class = usize::try_from(sighting.certificate).ok().and_then(|index| classes.get(index)).copied();
    let not_before = population.certificate(sighting.certificate).map(|own| own.not_before);
    Look::new(sighting, time, class, not_before)
}

/// The most different things within 24 hours.
pub(super) fn most_at_once<T: Ord + Hash + Copy>(mut seen: Vec<(i64, T)>) -> u64 {
    seen.sort_unstable();
    let mut within: HashMap<T, u64> = HashMap::new();
    let (mut oldest, mut most) = (seen.iter().copied().peekable(), 0);
    for (time, thing) in &seen {
        *within.entry(*thing).or_default() += 1;
        while let Some((_, gone)) = oldest.next_if(|(old, _)| time.saturating_sub(*old) >= AT_ONE_TIME) {
            if let Some(left) = within.get_mut(&gone) {
                *left -= 1;
                if *left == 0 {
                    within.remove(&gone);
                }
            }
        }
        most = most.max(within.len());
    }
    u64::try_from(most).unwrap_or(u64::MAX)
}

impl Bearers {
    /// How likely chance is, as records show it.
    pub(super) fn chance(&self, population: &Population, windows: Windows) -> Option<Chance> {
        let Drawn { generator, possible_names } = *population.drawn.get(self.name.generator()?)?;
        let (window_from, window_to) = windows.span(self.window);
        let seeded = possible_names.min(SEED_NAMES);
        let ln_seeded = ln_expected_sets(self.endpoints, self.apart.machines, seeded);
        Some(Chance {
            generator: generator.name.to_owned(),
            window_from,
            window_to,
            endpoints: self.endpoints,
            machines: self.apart.machines,
            possible_names,
            expected: self.ln_expected.exp(),
            log10_expected: self.ln_expected / std::f64::consts::LN_10,
            expected_if_32_bits: ln_seeded.exp(),
            log10_expected_if_32_bits: ln_seeded / std::f64::consts::LN_10,
            level: level(&population.drawn),
            significant_size: self.size.unwrap_or_default(),
            assumption: "assuming a uniform generator",
        })
    }
}
