//! From looks to families: which looks belong together, and what each family is.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use super::family::Family;
use super::links::{Joined, classes};
use super::names::{Bearers, Drawers, weigh};
use super::naming::Name;
use super::own::OwnImages;
use super::population::{Intake, NONE, Population, Sighting};
use super::story::{Part, Story};
use super::window::Windows;

/// What the search asks of its caller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Within how many seconds machines are counted together.
    pub window_seconds: i64,
    /// Images that the operator declares as its own.
    pub own_images: OwnImages,
}

impl Default for Settings {
    /// Seven days, no images.
    fn default() -> Self {
        Self { window_seconds: 7 * 24 * 3600, own_images: OwnImages::default() }
    }
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The significant ones first, larger before smaller.
    pub families: Vec<Family>,
    /// What was taken in.
    pub intake: Intake,
    /// The windows that hold anything that counts, newest first.
    pub windows: Vec<WindowCount>,
}

/// What was counted in one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowCount {
    /// Seen after this …
    pub from: Timestamp,
    /// … up to and including this.
    pub to: Timestamp,
    /// The generators with endpoints in it.
    pub generators: Vec<Drawers>,
}

/// What every step needs.
pub(super) struct Search<'a> {
    pub(super) population: &'a Population,
    pub(super) classes: &'a [u32],
    pub(super) windows: Windows,
    pub(super) bearers: HashMap<Name, Bearers>,
    /// The classes that more than one endpoint shows.
    pub(super) shared: HashSet<u32>,
    pub(super) own_images: &'a OwnImages,
}

impl Population {
    /// Finds the families. What is found depends on the looks alone, not on their order.
    #[must_use]
    pub fn families(mut self, settings: &Settings) -> Findings {
        self.settle();
        let newest = self.sightings.iter().filter_map(Sighting::time).max().unwrap_or_default();
        let windows = Windows::new(newest, settings.window_seconds);
        let classes = classes(&self);
        let names = weigh(&self, &classes, windows);
        let drawers = names.drawers.into_iter();
        let window_counts = drawers.map(|(window, generators)| {
            let (from, to) = windows.span(window);
            WindowCount { from, to, generators }
        });
        let shared = shared_classes(&self, &classes);
        let search = Search {
            shared,
            population: &self,
            classes: &classes,
            windows,
            bearers: names.bearers.into_iter().map(|bearers| (bearers.name, bearers)).collect(),
            own_images: &settings.own_images,
        };
        let mut families = search.run();
        families.sort_by(|one, other| {
            let key = |family: &Family| {
                (std::cmp::Reverse((family.significant, family.machines_at_least, family.endpoints)), family.verdict)
            };
            key(one).cmp(&key(other)).then_with(|| one.id.cmp(&other.id))
        });
        Findings { families, windows: window_counts.collect(), intake: self.intake }
    }
}

impl Search<'_> {
    fn run(&self) -> Vec<Family> {
        let shared = &self.shared;
        // Nodes: certificates, and behind them the names that say something.
        let certificates = self.population.certificates.len();
        let mut names: Vec<Name> = self.bearers.keys().copied().collect();
        names.sort_unstable();
        let nodes: HashMap<Name, u32> =
            names.iter().zip(certificates..).map(|(name, node)| (*name, u32::try_from(node).unwrap_or(NONE))).collect();
        let mut joined = Joined::of(certificates + names.len());
        for (index, class) in self.classes.iter().enumerate() {
            joined.join(u32::try_from(index).unwrap_or(NONE), *class);
        }
        for sighting in self.population.sightings.iter().filter(|sighting| sighting.is_machine()) {
            if let (Some(bearers), Some(class)) = (self.bearers_of(sighting), self.class(sighting))
                && let Some(node) = nodes.get(&bearers.name)
                // A name that decides nothing links nothing: it only gathers what no certificate links already.
                && (bearers.is_significant || !shared.contains(&class))
            {
                joined.join(*node, class);
            }
        }
        let mut parts: Vec<(u32, Part<'_>)> = Vec::new();
        for sighting in &self.population.sightings {
            let bearers = self.bearers_of(sighting).filter(|_| sighting.is_machine());
            let class = self.class(sighting);
            let node = match (bearers, class) {
                (Some(bearers), class)
                    if bearers.is_significant || class.is_none_or(|class| !shared.contains(&class)) =>
                {
                    nodes.get(&bearers.name).copied()
                }
                (_, Some(class)) if shared.contains(&class) => Some(class),
                _ => None,
            };
            if let Some(node) = node {
                parts.push((joined.find(node), Part { sighting, class }));
            }
        }
        parts.sort_unstable_by_key(|(root, part)| (*root, part.sighting));
        let families = parts.chunk_by(|one, other| one.0 == other.0);
        families.filter_map(|family| Story::of(self, family.iter().map(|(_, part)| *part).collect()).tell()).collect()
    }

    /// The class of the certificate that a look shows.
    pub(super) fn class(&self, sighting: &Sighting) -> Option<u32> {
        self.classes.get(usize::try_from(sighting.certificate).ok()?).copied()
    }

    /// What is known of a look's name; a faulty generator's names say nothing.
    pub(super) fn bearers_of(&self, sighting: &Sighting) -> Option<&Bearers> {
        self.bearers.get(&sighting.name).filter(|_| !sighting.has_faulty_name())
    }
}

/// The classes that more than one endpoint shows.
fn shared_classes(population: &Population, classes: &[u32]) -> HashSet<u32> {
    let mut first: Vec<u32> = vec![NONE; classes.len()];
    let mut shared = HashSet::new();
    let at = |index: u32| usize::try_from(index).ok();
    for (position, sighting) in population.sightings.iter().enumerate() {
        let Some(class) = at(sighting.certificate).and_then(|index| classes.get(index)).copied() else { continue };
        let Some(place) = at(class).and_then(|class| first.get_mut(class)) else { continue };
        match at(*place).and_then(|place| population.sightings.get(place)) {
            None => *place = u32::try_from(position).unwrap_or(NONE),
            Some(seen) if seen.endpoint() != sighting.endpoint() => {
                shared.insert(class);
            }
            Some(_) => {}
        }
    }
    shared
}
