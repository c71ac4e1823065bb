//! `cases list` and `cases show`.

use std::collections::HashSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::{Exit, Failure, stdout};
use super::SiteFlags;
use super::files::load_templates;
use super::site::Site;
use super::write::unspoken;
use crate::cases::{Binding, Case, Customers, State, Templates};
use crate::verdict::{Record, explain};
use crate::visible::{json, visible};

/// How old the last look of a letter may be, unless `write --max-age` says otherwise.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn list(
    flags: &SiteFlags,
    states: &[State],
    as_json: bool,
    templates: Option<&Path>,
) -> Result<Exit, Failure> {
    let templates = load_templates(templates)?;
    let mut site = Site::open(flags)?;
    let customers = site.customers()?;
    if let Some(customers) = &customers {
        site.open_cases(customers)?;
    }
    let asked = |case: &Case| {
        if states.is_empty() {
            matches!(case.state, State::Open | State::Notified)
        } else {
            states.contains(&case.state)
        }
    };
    let cases: Vec<Case> =
        site.store.cases().map_err(|error| Failure::in_history(&error))?.into_iter().filter(asked).collect();
    let mut lines = String::new();
    for case in &cases {
        let letter = customers.as_ref().map(|customers| letter(case, &site, customers)).transpose()?.flatten();
        // Texts and numbers always have a JSON form.
        let told = match letter {
            _ if as_json => json(&Listed { case, letter }).unwrap_or_default(),
            Some(letter) => format!("{}, letter: {letter}", line(case)),
            None => line(case),
        };
        lines.push_str(&(told + "\n"));
    }
    stdout::print(&lines)?;
    if let Some(customers) = &customers {
        name_unspoken(&cases, customers, &templates);
    }
    if cases.is_empty() {
        let hint = if customers.is_some() { "" } else { "; --customers opens cases for what sweeps have found" };
        eprintln!("no case stands so{hint}");
    }
    Ok(Exit::Done)
}

/// Names open cases of customers in whose language no letter can be written, once for each row of the file.
fn name_unspoken(cases: &[Case], customers: &Customers, templates: &Templates) {
    let now = Timestamp::now();
    let mut named = HashSet::new();
    for case in cases.iter().filter(|case| case.state == State::Open) {
        let Some(owner) = customers.owner(case.binding.endpoint.ip(), now) else { continue };
        if templates.language(owner.language).is_none() && named.insert(owner.line) {
            eprintln!("rdprint: case {} will have no letter: {}", case.id, unspoken(&owner, templates));
        }
    }
}

/// A case with what stands in the way of its letter.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    case: &'a Case,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<&'static str>,
}

/// Whether a letter on an open case would be right now, in a word.
fn letter(case: &Case, site: &Site, customers: &Customers) -> Result<Option<&'static str>, Failure> {
    if case.state != State::Open {
        return Ok(None);
    }
    let look = site.store.last_look(case.binding.endpoint).map_err(|error| Failure::in_history(&error))?;
    let look = look.as_ref().map(|look| (look.at, look.observation.as_ref()));
    let rules = site.rules(customers, MAX_AGE, Timestamp::now());
    Ok(Some(rules.ready(case, look).map_or_else(|held| held.word(), |_ready| "ready")))
}

/// A case on one line.
fn line(case: &Case) -> String {
    let Case { id, binding, class, confidence, state, last_seen, .. } = case;
    let Binding { endpoint, fingerprint_id, customer_id, .. } = binding;
    let (customer, fingerprint) = (visible(customer_id), visible(fingerprint_id));
    format!(
        "case {id}: {state}, customer {customer}, {endpoint}, {class} {fingerprint}, {confidence}, last seen {:.0}",
        last_seen.at
    )
}

pub(super) fn show(flags: &SiteFlags, ids: &[i64]) -> Result<Exit, Failure> {
    let mut site = Site::open(flags)?;
    let customers = site.customers()?;
    if let Some(customers) = &customers {
        // What sweeps have seen in the meantime is part of everything.
        site.take_in(customers)?;
    }
    for case in site.cases(ids)? {
        stdout::print(&whole(&case, &site, customers.as_ref())?)?;
    }
    Ok(Exit::Done)
}

/// Everything about a case.
fn whole(case: &Case, site: &Site, customers: Option<&Customers>) -> Result<String, Failure> {
    let mut text = line(case);
    let mut add = |words: String| text.push_str(&(words + "\n"));
    add(String::new());
    add(format!("  bound to {}", visible(&case.binding.identity)));
    add(format!("  opened {:.0}, first seen {:.0}", case.opened, case.first_seen.at));
    for event in site.store.case_events(case.id).map_err(|error| Failure::in_history(&error))? {
        let reason = event.reason.map_or_else(String::new, |reason| format!(": {}", visible(&reason)));
        add(format!("  {:.0} {}{reason}", event.at, event.state));
    }
    let ip = case.binding.endpoint.ip();
    if let Some(owner) = customers.and_then(|customers| customers.owner(ip, Timestamp::now())) {
        add(format!(
            "  today the address is {}'s by {} on line {}; contact: {}; notes: {}",
            visible(owner.customer_id),
            owner.prefix(),
            owner.line,
            visible(owner.contact),
            visible(owner.notes)
        ));
    }
    let look = site.store.last_look(case.binding.endpoint).map_err(|error| Failure::in_history(&error))?;
    match look.map(|look| (look.at, look.observation)) {
        Some((_, Some(seen))) => add(format!("\n{}", explain(&Record::judge(seen, &site.set), &site.set).trim_end())),
        Some((at, None)) => add(format!("  at the last look, {:.0}, it showed no RDP", at.at)),
        None => add("  nobody has looked at it".to_owned()),
    }
    Ok(text)
}
