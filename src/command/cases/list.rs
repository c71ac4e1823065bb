//! `cases list` and `cases show`.

use jiff::Timestamp;

use super::super::{Exit, Failure};
use super::SiteFlags;
use super::site::{Site, trouble};
use crate::cases::{Binding, Case, State};
use crate::verdict::{Record, explain};
use crate::visible::visible;

pub(super) fn list(flags: &SiteFlags, states: &[State], as_json: bool) -> Result<Exit, Failure> {
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
    let cases: Vec<Case> = site.store.cases().map_err(|error| trouble(&error))?.into_iter().filter(asked).collect();
    for case in &cases {
        if as_json {
            // Texts and numbers always have a JSON form.
            println!("{}", serde_json::to_string(case).unwrap_or_default());
        } else {
            println!("{}", line(case));
        }
    }
    if cases.is_empty() {
        let hint = if customers.is_some() { "" } else { "; --customers opens cases for what sweeps have found" };
        eprintln!("no case stands so{hint}");
    }
    Ok(Exit::Done)
}

/// A case on one line.
fn line(case: &Case) -> String {
    let Case { id, binding, class, confidence, state, last_seen, .. } = case;
    let Binding { endpoint, fingerprint_id, customer_id, .. } = binding;
    let (customer, fingerprint) = (visible(customer_id), visible(fingerprint_id));
    format!(
        "case {id}: {state}, customer {customer}, {endpoint}, {class} {fingerprint}, {confidence}, last seen {last_seen:.0}"
    )
}

pub(super) fn show(flags: &SiteFlags, ids: &[i64]) -> Result<Exit, Failure> {
    let site = Site::open(flags)?;
    let customers = site.customers()?;
    for case in site.cases(ids)? {
        println!("{}", line(&case));
        println!("  bound to {}", visible(&case.binding.identity));
        println!("  opened {:.0}, first seen {:.0}", case.opened, case.first_seen);
        for event in site.store.case_events(case.id).map_err(|error| trouble(&error))? {
            let reason = event.reason.map_or_else(String::new, |reason| format!(": {}", visible(&reason)));
            println!("  {:.0} {}{reason}", event.at, event.state);
        }
        let ip = case.binding.endpoint.ip();
        if let Some(owner) = customers.as_ref().and_then(|customers| customers.owner(ip, Timestamp::now())) {
            println!(
                "  today the address is {}'s by {} on line {}; contact: {}; notes: {}",
                visible(owner.customer_id),
                owner.prefix(),
                owner.line,
                visible(owner.contact),
                visible(owner.notes)
            );
        }
        match site.store.last_look(case.binding.endpoint).map_err(|error| trouble(&error))? {
            Some(look) => match look.observation {
                Some(seen) => {
                    let record = Record::judge(seen, &site.set);
                    print!("\n{}", explain(&record, &site.set));
                }
                None => println!("  at the last look, {:.0}, it showed no RDP", look.at),
            },
            None => println!("  nobody has looked at it"),
        }
    }
    Ok(Exit::Done)
}
