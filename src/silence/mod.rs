//! What a site does not want to hear of, for a stated reason and until a stated day: `suppress.toml`.
//!
//! A rule holds findings back from alerts and letters; they are recorded and counted all the same. Every condition that a
//! rule names must hold.

use std::net::{IpAddr, SocketAddr};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::change::Look;
use crate::fingerprint::FingerprintSet;
use crate::observe::nearest;
use crate::target::{Range, parse_any};
use crate::visible::visible;

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
    fingerprint: Option<String>,
    family: Option<String>,
    name: Option<String>,
    key: Option<String>,
    prefix: Option<Range>,
    customer: Option<NamedCustomer>,
}

/// A customer that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCustomer {
    /// The customer, exactly as in the customers file.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Spanned<Row>>,
    #[serde(default)]
    own_images: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    reason: String,
    author: String,
    expires: Spanned<String>,
    fingerprint: Option<String>,
    family: Option<String>,
    name: Option<String>,
    key: Option<String>,
    prefix: Option<Spanned<String>>,
    customer: Option<Spanned<String>>,
}

impl Silence {
    /// Reads the text of a file; `file` is its name in complaints.
    pub fn parse(file: &str, text: &str) -> Result<Self, SilenceError> {
        let at = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let wrong = |offset: usize, cause: String| SilenceError(format!("{file}:{}: {cause}", at(offset)));
        let read: File = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), suggest(error.message())))?;
        let rows = read.suppress.into_iter().map(|row| (row, false));
        let rows = rows.chain(read.own_images.into_iter().map(|row| (row, true)));
        let mut rules = Vec::new();
        for (row, is_own_image) in rows {
            let offset = row.span().start;
            let Row { reason, author, expires, fingerprint, family, name, key, prefix, customer } = row.into_inner();
            let table = if is_own_image { "own_images" } else { "suppress" };
            for (what, said) in [("reason", &reason), ("author", &author)] {
                if said.trim().is_empty() {
                    return Err(wrong(
                        offset,
                        format!("`{what}` of [[{table}]] is empty; say it for whoever comes after you"),
                    ));
                }
            }
            let day = expires.get_ref().parse::<Date>().map_err(|_| {
                let said = visible(expires.get_ref()).into_owned();
                wrong(expires.span().start, format!("`expires` is no day: `{said}`; write it like 2027-03-31"))
            })?;
            let prefix = prefix
                .map(|prefix| {
                    parse_any(prefix.get_ref()).map_err(|error| wrong(prefix.span().start, error.to_string()))
                })
                .transpose()?;
            let customer = customer.map(|customer| {
                let place = format!("{file}:{}", at(customer.span().start));
                NamedCustomer { id: customer.into_inner(), place }
            });
            let names_place = prefix.is_some() || customer.is_some();
            if !names_place && [&fingerprint, &family, &name, &key].into_iter().all(Option::is_none) {
                let message = format!(
                    "[[{table}]] names nothing; add `fingerprint`, `family`, `name`, `key`, `prefix` or `customer`, since a \
                     rule without any would silence everything"
                );
                return Err(wrong(offset, message));
            }
            let place = format!("{file}:{}", at(offset));
            rules.push(Rule {
                place,
                is_own_image,
                reason,
                author,
                expires: day,
                fingerprint,
                family,
                name,
                key,
                prefix,
                customer,
            });
        }
        Ok(Self { rules })
    }

    /// The rule that holds a finding back today, if one does.
    #[must_use]
    pub fn rule(&self, subject: &Subject<'_>, now: Timestamp) -> Option<&Rule> {
        self.rules.iter().find(|rule| !rule.has_expired(now) && rule.fits(subject))
    }

    /// The first customer that a rule names, if any does: then it must be known whose an address is.
    #[must_use]
    pub fn first_customer(&self) -> Option<&NamedCustomer> {
        self.rules.iter().find_map(|rule| rule.customer.as_ref())
    }

    /// The customers of the rules that still hold.
    pub fn customers(&self, now: Timestamp) -> impl Iterator<Item = &NamedCustomer> {
        self.rules.iter().filter(move |rule| !rule.has_expired(now)).filter_map(|rule| rule.customer.as_ref())
    }

    /// Rules that began to be about to end, or ended, after `since`: what is to be announced now.
    pub fn ending(&self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = &Rule> {
        let notice = Span::new().hours(24 * NOTICE_DAYS);
        self.rules.iter().filter(move |rule| {
            let end = rule.end();
            let first = end.checked_sub(notice).unwrap_or(end);
            [first, end].into_iter().any(|moment| since < moment && moment <= now)
        })
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
        let holds = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        let key = look.shown.certificate.as_ref();
        let is_key = |wanted: &String| {
            let hashes = key.map(|certificate| [certificate.key.as_deref(), Some(certificate.sha256.as_str())]);
            hashes.into_iter().flatten().flatten().any(|hash| hash.eq_ignore_ascii_case(wanted))
        };
        holds(&self.fingerprint, id)
            && holds(&self.family, family)
            && holds(&self.name, look.shown.name.as_deref())
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

/// Adds to TOML's complaint about a key which one is meant, if one is near.
#[must_use]
pub fn suggest(message: &str) -> String {
    let message = message.replace('\n', " ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = quoted.next().filter(|_| message.starts_with("unknown field")).and_then(|key| nearest(key, quoted));
    near.map_or_else(|| message.clone(), |near| format!("{message}; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests;
