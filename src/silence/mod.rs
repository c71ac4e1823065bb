//! What a site does not want to hear of, for a stated reason and until a stated day: `suppress.toml`.
//!
//! A rule holds findings back from alerts and letters; they are recorded and counted all the same. Every condition that a
//! rule names must hold.

mod file;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::change::Look;
use crate::fingerprint::FingerprintSet;
use crate::observe::nearest;
use crate::target::Range;
use crate::visible::visible;

pub use file::complaint;

/// How long before its end a rule is announced.
const NOTICE_DAYS: i64 = 7;

/// The rules of a site.
#[derive(Clone, Debug, Default)]
pub struct Silence {
    rules: Vec<Rule>,
}

/// What is wrong with `suppress.toml`: file, line, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SilenceError(String);

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `suppress.toml:12`.
    pub place: String,
    /// Whether it declares an image of the site's own.
    pub is_own_image: bool,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub author: String,
    /// The last day on which it holds, UTC.
    pub expires: Date,
    fingerprint: Option<Mention>,
    family: Option<Mention>,
    name: Option<String>,
    key: Option<String>,
    prefix: Option<Range>,
    customer: Option<Mention>,
}

/// What a rule names: a customer, a fingerprint or a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its id; of a customer exactly as in the customers file.
    pub id: String,
    /// Where it is named: `suppress.toml:13`.
    pub place: String,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    endpoint: SocketAddr,
    look: &'a Look,
    family: Option<&'a str>,
    customer: Option<&'a str>,
}

impl Silence {
    /// The rule that holds a finding back today, if one does.
    #[must_use]
    pub fn rule(&self, subject: &Subject<'_>, now: Timestamp) -> Option<&Rule> {
        self.rules.iter().find(|rule| !rule.has_expired(now) && rule.fits(subject))
    }

    /// The first customer that a rule names, if any does: then it must be known whose an address is.
    #[must_use]
    pub fn first_customer(&self) -> Option<&Mention> {
        self.rules.iter().find_map(|rule| rule.customer.as_ref())
    }

    /// The customers of the rules that still hold.
    pub fn customers(&self, now: Timestamp) -> impl Iterator<Item = &Mention> {
        self.rules.iter().filter(move |rule| !rule.has_expired(now)).filter_map(|rule| rule.customer.as_ref())
    }

    /// Whether there is everything that the rules that still hold name. A fingerprint or family that is unknown would silence
    /// nothing, and nobody would notice.
    pub fn check(&self, set: &FingerprintSet, now: Timestamp) -> Result<(), SilenceError> {
        for rule in self.rules.iter().filter(|rule| !rule.has_expired(now)) {
            let ids = || set.iter().map(|fingerprint| fingerprint.id.as_str());
            let names = || set.iter().map(|fingerprint| fingerprint.name.as_str());
            let Rule { fingerprint, family, .. } = rule;
            if let Some(named) = fingerprint.as_ref().filter(|named| !ids().any(|id| named.is(id))) {
                let by = set.iter().find(|by| by.overrides.as_deref().is_some_and(|id| named.is(id)));
                return Err(named.unknown("fingerprint", by.map(|by| by.id.as_str()).or(nearest(&named.id, ids()))));
            }
            if let Some(named) = family.as_ref().filter(|named| !names().any(|name| named.is(name))) {
                return Err(named.unknown("family", nearest(&named.id, names())));
            }
        }
        Ok(())
    }

    /// Rules that have ended, or are about to.
    pub fn ending(&self, now: Timestamp) -> impl Iterator<Item = Ending<'_>> {
        let notice = Span::new().hours(24 * NOTICE_DAYS);
        self.rules.iter().filter_map(move |rule| {
            let end = rule.end();
            let is_near = end.checked_sub(notice).unwrap_or(end) <= now;
            is_near.then(|| Ending { rule, is_over: rule.has_expired(now) })
        })
    }
}

/// A rule that has ended or is about to.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Whether it holds no more.
    pub is_over: bool,
}

impl Ending<'_> {
    /// The same for what was announced once, wherever in the file the rule stands, and of no other announcement.
    #[must_use]
    pub fn mark(&self) -> String {
        let Rule { is_own_image, reason, author, expires, fingerprint, family, name, key, prefix, customer, .. } =
            self.rule;
        let [fingerprint, family, customer] =
            [fingerprint, family, customer].map(|mention| mention.as_ref().map(|mention| &mention.id));
        let named = (fingerprint, family, name, key, prefix, customer);
        let whole = format!("{:?}", (self.is_over, is_own_image, reason, author, expires.to_string(), named));
        data_encoding::HEXLOWER.encode(&Sha256::digest(whole))
    }
}

/// `suppress.toml:1: "a lab" (ops) ends on 2027-03-31`
impl fmt::Display for Ending<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { place, reason, author, expires, .. } = self.rule;
        let verb = if self.is_over { "ended" } else { "ends" };
        write!(out, "{place}: \"{reason}\" ({author}) {verb} on {expires}")
    }
}

impl Mention {
    fn is(&self, known: &str) -> bool {
        known.eq_ignore_ascii_case(&self.id)
    }

    fn unknown(&self, what: &str, near: Option<&str>) -> SilenceError {
        let Self { id, place } = self;
        let hint = near.map_or_else(
            || "`rdprint fingerprints list` lists them".to_owned(),
            |near| format!("did you mean `{}`?", visible(near)),
        );
        SilenceError(format!("{place}: there is no {what} `{}`; {hint}", visible(id)))
    }
}

impl Rule {
    /// Whether its last day is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.end() <= now
    }

    /// Whether everything that it names holds.
    #[must_use]
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let Subject { endpoint, look, family, customer } = *subject;
        let id = look.verdict.as_ref().map(|verdict| verdict.fingerprint_id.as_str());
        let holds = |wanted: Option<&String>, found: Option<&str>| {
            wanted.is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        let key = look.shown.certificate.as_ref();
        let is_key = |wanted: &String| {
            let hashes = key.map(|certificate| [certificate.key.as_deref(), Some(certificate.sha256.as_str())]);
            hashes.into_iter().flatten().flatten().any(|hash| hash.eq_ignore_ascii_case(wanted))
        };
        holds(self.fingerprint.as_ref().map(|named| &named.id), id)
            && holds(self.family.as_ref().map(|named| &named.id), family)
            && holds(self.name.as_ref(), look.shown.name.as_deref())
            && self.key.as_ref().is_none_or(is_key)
            && self.prefix.is_none_or(|prefix| contains(prefix, endpoint.ip()))
            // Two customers may differ in case alone, so theirs is not ignored.
            && self.customer.as_ref().is_none_or(|wanted| customer == Some(wanted.id.as_str()))
    }

    /// The first moment at which it no longer holds.
    fn end(&self) -> Timestamp {
        let next = self.expires.tomorrow().unwrap_or(self.expires);
        next.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }
}

impl<'a> Subject<'a> {
    /// A look at an endpoint, and whose the address was when it was taken, if that is known.
    #[must_use]
    pub fn new(endpoint: SocketAddr, look: &'a Look, set: &'a FingerprintSet, customer: Option<&'a str>) -> Self {
        let verdict = look.verdict.as_ref();
        let family = verdict.and_then(|verdict| set.get(&verdict.fingerprint_id)).map(|found| found.name.as_str());
        Self { endpoint, look, family, customer }
    }
}

fn contains(range: Range, address: IpAddr) -> bool {
    match (range, address) {
        (Range::V4(first, last), IpAddr::V4(address)) => (first..=last).contains(&u32::from(address)),
        (Range::V6(first, last), IpAddr::V6(address)) => (first..=last).contains(&u128::from(address)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
