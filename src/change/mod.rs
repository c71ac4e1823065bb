//! What changed between two sweeps. Pure: the history is handed in, and what follows is handed back.
//!
//! An endpoint has a *standing*, which is where the last complete sweep left it, and a sweep adds a *sight*: it was seen,
//! or it was probed and missed. An endpoint that a sweep did not probe has no sight, and nothing changes for it.

mod shown;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

pub use shown::{Aspect, Shown, ShownCertificate, Verdict};

/// Whether an endpoint is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Presence {
    /// No complete sweep has seen it.
    #[default]
    Unknown,
    /// It was seen, and not missed too often since.
    Present,
    /// It was missed as often as makes it gone.
    Gone,
    /// Its machine was seen to have moved to another endpoint.
    Moved,
}

/// What an endpoint showed, with its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When it was seen, where that is known: the last time, of what is there no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// What it showed.
    pub shown: Shown,
    /// What it was judged to be, if it resembled anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Where earlier sweeps left an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is there.
    pub presence: Presence,
    /// How many times in a row it was probed and missed since it was seen.
    pub misses: u32,
    /// Whether the sweep right before saw it.
    pub was_seen_last: bool,
    /// Whether the fingerprints are others than when it was last judged.
    pub other_fingerprints: bool,
    /// What it last showed.
    pub look: Option<Look>,
}

/// What a sweep found at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It spoke RDP.
    Seen(Box<Look>),
    /// It was probed, and did not.
    Missed,
}

/// An endpoint in the comparison; `id` is the history's number for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The history's number for it.
    pub id: i64,
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// Where it stood.
    pub before: Standing,
    /// What was found, if it was probed.
    pub sight: Option<Sight>,
}

/// What happened to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// It was never seen in a complete sweep before.
    New,
    /// It was probed and missed so many times in a row.
    Gone {
        /// How many times.
        misses: u32,
    },
    /// It was gone, or its machine had moved away, and it was seen again.
    Returned {
        /// In what it differs from when it was last seen.
        aspects: Vec<Aspect>,
    },
    /// It is a new endpoint, and its machine is the one that was at another.
    Moved {
        /// Where that was.
        from: SocketAddr,
    },
    /// It is there and differs.
    Changed {
        /// In what.
        aspects: Vec<Aspect>,
    },
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
    /// What it showed before, if it was seen before; of a machine that moved, what it showed at the other endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Look>,
    /// What it shows now, if it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Look>,
}

/// What a comparison comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The changes, each with the endpoint's number, in the order of the entries.
    pub changes: Vec<(i64, Change)>,
    /// Where the probed endpoints now stand.
    pub standings: Vec<(i64, Standing)>,
}

/// Compares what a sweep found with where the endpoints stood. `misses_until_gone` is at least 1.
#[must_use]
pub fn compare(entries: &[Entry], misses_until_gone: u32) -> Comparison {
    let moves = Moves::among(entries);
    let mut comparison = Comparison::default();
    for entry in entries {
        let Some(sight) = &entry.sight else { continue };
        let after = stand(&entry.before, sight, moves.has_left(entry.id), misses_until_gone);
        if let Some(kind) = kind(entry, sight, &after, &moves) {
            let before = match (&kind, moves.origin(entry.id)) {
                (Kind::Moved { .. }, Some(origin)) => origin.before.look.clone(),
                _ => entry.before.look.clone(),
            };
            let look = match sight {
                Sight::Seen(look) => Some(Look::clone(look)),
                Sight::Missed => None,
            };
            comparison.changes.push((entry.id, Change { endpoint: entry.endpoint, kind, before, after: look }));
        }
        comparison.standings.push((entry.id, after));
    }
    comparison
}

fn stand(before: &Standing, sight: &Sight, has_left: bool, misses_until_gone: u32) -> Standing {
    match sight {
        Sight::Seen(look) => {
            let look = Some(Look::clone(look));
            Standing { presence: Presence::Present, misses: 0, was_seen_last: true, other_fingerprints: false, look }
        }
        Sight::Missed => {
            let misses = before.misses.saturating_add(1);
            let presence = match before.presence {
                Presence::Present if has_left => Presence::Moved,
                Presence::Present if misses >= misses_until_gone.max(1) => Presence::Gone,
                presence => presence,
            };
            Standing { presence, misses, was_seen_last: false, ..before.clone() }
        }
    }
}

fn kind(entry: &Entry, sight: &Sight, after: &Standing, moves: &Moves<'_>) -> Option<Kind> {
    let Sight::Seen(look) = sight else {
        let is_gone = entry.before.presence == Presence::Present && after.presence == Presence::Gone;
        return is_gone.then_some(Kind::Gone { misses: after.misses });
    };
    let Standing { look: known, other_fingerprints, .. } = &entry.before;
    let aspects = || known.as_ref().map_or_else(Vec::new, |before| look.differs_from(before, *other_fingerprints));
    match entry.before.presence {
        Presence::Unknown => match moves.origin(entry.id) {
            Some(origin) => Some(Kind::Moved { from: origin.endpoint }),
            None => Some(Kind::New),
        },
        Presence::Gone | Presence::Moved => Some(Kind::Returned { aspects: aspects() }),
        Presence::Present => {
            Some(aspects()).filter(|aspects| !aspects.is_empty()).map(|aspects| Kind::Changed { aspects })
        }
    }
}

impl Look {
    /// In what `self` differs from what was shown before.
    fn differs_from(&self, before: &Self, other_fingerprints: bool) -> Vec<Aspect> {
        let mut aspects = self.shown.differs_from(&before.shown);
        if self.verdict != before.verdict {
            let is_by_fingerprints = other_fingerprints && self.shown == before.shown;
            aspects.push(if is_by_fingerprints { Aspect::VerdictByFingerprints } else { Aspect::Verdict });
        }
        aspects
    }

    /// Whether it is a finding.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        self.verdict.as_ref().is_some_and(Verdict::is_finding)
    }

    /// Whether it is a finding that more than a name bears out.
    #[must_use]
    pub fn is_supported_finding(&self) -> bool {
        self.verdict.as_ref().is_some_and(Verdict::is_supported_finding)
    }
}

/// Which machines went from one endpoint to another: those whose key was proven at exactly one endpoint in the sweep before,
/// which was probed and no longer shows it, while it is proven at exactly one endpoint now, which is new.
struct Moves<'a> {
    /// New endpoint → the entry of the old one.
    origins: HashMap<i64, &'a Entry>,
    left: HashSet<i64>,
}

impl<'a> Moves<'a> {
    fn among(entries: &'a [Entry]) -> Self {
        let (mut was_at, mut is_at) = (HashMap::<&str, Vec<&Entry>>::new(), HashMap::<&str, Vec<&Entry>>::new());
        for entry in entries {
            let before = entry.before.look.as_ref().and_then(|look| look.shown.proven_key());
            if let Some(key) = before.filter(|_| entry.before.was_seen_last) {
                was_at.entry(key).or_default().push(entry);
            }
            if let Some(Sight::Seen(look)) = &entry.sight
                && let Some(key) = look.shown.proven_key()
            {
                is_at.entry(key).or_default().push(entry);
            }
        }
        let (mut origins, mut left) = (HashMap::new(), HashSet::new());
        for (key, now) in is_at {
            let ([old], [new]) = (was_at.get(key).map_or(&[][..], Vec::as_slice), now.as_slice()) else { continue };
            let has_left = match &old.sight {
                None => false,
                Some(Sight::Missed) => true,
                // Though it is not proven there any more: that may be its line.
                Some(Sight::Seen(look)) => look.shown.key() != Some(key),
            };
            if has_left && new.before.presence == Presence::Unknown {
                origins.insert(new.id, *old);
                left.insert(old.id);
            }
        }
        Self { origins, left }
    }

    fn origin(&self, id: i64) -> Option<&'a Entry> {
        self.origins.get(&id).copied()
    }

    fn has_left(&self, id: i64) -> bool {
        self.left.contains(&id)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
