//! What a sweep has to tell: its changes, which of them are news, and which are alerts.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::settings::NewsOf;
use crate::cases::Customers;
use crate::change::{Aspect, Change, Comparison, Kind, Look};
use crate::fingerprint::{Class, FingerprintSet};
use crate::silence::{Rule, Silence, Subject};
use crate::visible::{json, visible};

/// Raised when the shape of news or alerts changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The news of one sweep, as `--json` prints them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct News {
    /// The version of this shape.
    pub schema_version: u32,
    /// The sweep's number.
    pub sweep: i64,
    /// The sweep that it was compared with.
    pub previous: Option<i64>,
    /// The end of the sweep.
    pub ended: Timestamp,
    /// All changes by kind, news or not.
    pub counts: BTreeMap<String, u64>,
    /// Findings among the changes that a rule holds back.
    pub silenced: u64,
    /// The news themselves.
    pub changes: Vec<Change>,
    /// Rules that are about to end, or have ended.
    pub ending: Vec<String>,
}

/// One alert: a change that concerns a finding which more than a name bears out.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "that is its name in the JSON")]
pub struct Alert<'a> {
    schema_version: u32,
    /// The same at every try, and of no other alert.
    alert_id: &'a str,
    history: &'a str,
    sweep: i64,
    time: Timestamp,
    #[serde(flatten)]
    change: &'a Change,
    /// What may fairly be said of the image.
    wording: Option<String>,
}

/// A comparison with what follows from it.
#[derive(Debug)]
pub struct Judged<'a> {
    comparison: &'a Comparison,
    /// Beside each change, why it is held back.
    pub silenced: Vec<Option<String>>,
}

impl<'a> Judged<'a> {
    /// Looks for the rules that hold changes back.
    #[must_use]
    pub fn new(
        comparison: &'a Comparison,
        silence: &Silence,
        customers: Option<&Customers>,
        set: &FingerprintSet,
        now: Timestamp,
    ) -> Self {
        let reason = |change: &Change| {
            let look = finding(change)?;
            let subject = subject(seen_where(change, look), look, customers, set);
            let Rule { place, reason, author, .. } = silence.rule(&subject, now)?;
            Some(format!("{place}: {reason} ({author})"))
        };
        let silenced = comparison.changes.iter().map(|(_, change)| reason(change)).collect();
        Self { comparison, silenced }
    }

    /// The changes that are told, in the order of addresses.
    pub fn news(&self, of: NewsOf) -> impl Iterator<Item = &'a Change> {
        let told = self.comparison.changes.iter().zip(&self.silenced).filter(|(_, reason)| reason.is_none());
        told.map(|((_, change), _)| change).filter(move |change| is_news(change, of))
    }

    /// The changes that are alerted.
    pub fn alerts(&self) -> impl Iterator<Item = &'a Change> {
        self.news(NewsOf::Findings).filter(|change| is_alert(change))
    }
}

impl News {
    /// Those of a sweep.
    #[must_use]
    pub fn new(sweep: i64, previous: Option<i64>, ended: Timestamp, judged: &Judged<'_>, of: NewsOf) -> Self {
        let mut counts = BTreeMap::new();
        for (_, change) in &judged.comparison.changes {
            let kind = if is_renewal(change) { "renewed" } else { <&str>::from(&change.kind) };
            *counts.entry(kind.to_owned()).or_default() += 1;
        }
        let silenced = judged.silenced.iter().flatten().count() as u64;
        let changes = judged.news(of).cloned().collect();
        Self { schema_version: SCHEMA_VERSION, sweep, previous, ended, counts, silenced, changes, ending: Vec::new() }
    }

    /// Announces rules that are about to end or have ended: a sentence on each.
    pub fn announce(&mut self, sentences: impl IntoIterator<Item = String>) {
        self.ending.extend(sentences);
    }

    /// The strongest class of the findings that are there now and that more than a name bears out.
    #[must_use]
    pub fn strongest(&self) -> Option<Class> {
        let now = self.changes.iter().filter_map(|change| change.after.as_ref());
        now.filter(|look| look.is_supported_finding()).filter_map(|look| Some(look.verdict.as_ref()?.class)).min()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.ending.is_empty()
    }
}

impl<'a> Alert<'a> {
    /// The alert of a change, with its JSON. The identifier is a function of history, sweep, its end and endpoint: after a
    /// restore from a backup there may be another sweep of the same number, whose alerts are others.
    #[must_use]
    pub fn body(
        history: &str,
        sweep: i64,
        time: Timestamp,
        change: &'a Change,
        set: &FingerprintSet,
    ) -> (String, String) {
        use sha2::{Digest as _, Sha256};
        let whole = Sha256::digest(format!("{history}\n{sweep}\n{}\n{}", time.as_nanosecond(), change.endpoint));
        let alert_id: String = data_encoding::HEXLOWER.encode(&whole).chars().take(32).collect();
        let wording =
            finding(change).and_then(|look| Some(set.get(&look.verdict.as_ref()?.fingerprint_id)?.fair_wording()));
        let alert =
            Alert { schema_version: SCHEMA_VERSION, alert_id: &alert_id, history, sweep, time, change, wording };
        // A struct of texts and numbers always has a JSON form.
        let body = json(&alert).unwrap_or_default();
        (alert_id, body)
    }
}

/// The finding that a change is about: what is there now, or what was there.
fn finding(change: &Change) -> Option<&Look> {
    [&change.after, &change.before].into_iter().flatten().find(|look| look.is_finding())
}

/// Where it was seen: what a machine showed before it moved, at the other endpoint.
fn seen_where(change: &Change, look: &Look) -> SocketAddr {
    match change.kind {
        Kind::Moved { from } if change.before.as_ref().is_some_and(|before| std::ptr::eq(before, look)) => from,
        _ => change.endpoint,
    }
}

/// What rules are asked about: a look, and whose the address was when it was taken.
#[must_use]
pub fn subject<'a>(
    endpoint: SocketAddr,
    look: &'a Look,
    customers: Option<&'a Customers>,
    set: &'a FingerprintSet,
) -> Subject<'a> {
    let owner = customers.zip(look.seen_at).and_then(|(customers, at)| customers.owner(endpoint.ip(), at));
    Subject::new(endpoint, look, set, owner.map(|owner| owner.customer_id))
}

fn is_renewal(change: &Change) -> bool {
    matches!(&change.kind, Kind::Changed { aspects } if aspects.iter().all(|aspect| *aspect == Aspect::Renewal))
}

/// A match that only informs is nobody's news, and neither is that there is one no more.
fn only_informs(change: &Change) -> bool {
    let looks = || [&change.after, &change.before].into_iter().flatten();
    looks().any(|look| look.verdict.is_some()) && looks().all(|look| !look.is_finding())
}

fn is_news(change: &Change, of: NewsOf) -> bool {
    match of {
        NewsOf::Findings => finding(change).is_some() && !is_renewal(change),
        NewsOf::All => !only_informs(change) && !is_renewal(change),
    }
}

fn is_alert(change: &Change) -> bool {
    let is_supported = |look: &Option<Look>| look.as_ref().is_some_and(Look::is_supported_finding);
    is_supported(&change.after) || is_supported(&change.before)
}

/// The summary for a person, the news one a line.
impl fmt::Display for News {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sweep, previous, ended, counts, silenced, changes, ending, .. } = self;
        match previous {
            Some(previous) => writeln!(out, "sweep {sweep}, ended {ended:.0}, compared with sweep {previous}")?,
            None => writeln!(out, "sweep {sweep}, ended {ended:.0}, the first complete one")?,
        }
        let told = changes.len() as u64;
        let all: u64 = counts.values().sum();
        let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        writeln!(out, "RDP endpoints that changed: {counts}")?;
        if told < all {
            let others = previous.map_or_else(String::new, |previous| {
                format!("; `rdprint history diff {previous} {sweep}` tells the others")
            });
            writeln!(out, "news among them: {told}{others}")?;
        }
        if *silenced > 0 {
            writeln!(out, "findings among them that are held back by suppress.toml: {silenced}")?;
        }
        for change in changes {
            write_change(out, change)?;
        }
        ending.iter().try_for_each(|sentence| writeln!(out, "{}", visible(sentence)))
    }
}

/// One change as one line; what hosts say is made visible.
pub fn write_change(out: &mut impl fmt::Write, change: &Change) -> fmt::Result {
    let Change { endpoint, kind, before, after } = change;
    write!(out, "  {:<9} {endpoint}", kind.to_string())?;
    match kind {
        Kind::Changed { aspects } | Kind::Returned { aspects } if !aspects.is_empty() => {
            let words: Vec<String> = aspects.iter().map(ToString::to_string).collect();
            write!(out, " ({})", words.join(", "))?;
        }
        Kind::Moved { from } => write!(out, " from {from}")?,
        Kind::Gone { misses } => write!(out, " (missed {misses} times)")?,
        _ => {}
    }
    let (old, new) = (before.as_ref().map(told), after.as_ref().map(told));
    match (old, new) {
        (Some(old), Some(new)) if old != new => writeln!(out, "  {old} -> {new}"),
        (_, Some(told)) | (Some(told), None) => writeln!(out, "  {told}"),
        (None, None) => writeln!(out),
    }
}

fn told(look: &Look) -> String {
    let name =
        look.shown.name.as_deref().map_or_else(|| "without a name".to_owned(), |name| visible(name).into_owned());
    let build = look.shown.build.map_or_else(String::new, |build| format!(" build {build}"));
    let verdict = look.verdict.as_ref().map_or_else(String::new, |verdict| {
        format!(" [{} {}, {}]", verdict.class, visible(&verdict.fingerprint_id), verdict.confidence)
    });
    format!("{name}{build}{verdict}")
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
