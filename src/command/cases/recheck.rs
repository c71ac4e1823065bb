//! `cases recheck`: one look at each endpoint, by the same prober and within the same scope as a scan, and never beside a
//! sweep.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::super::scan::targets::list;
use super::super::{Exit, Failure, stdout};
use super::SiteFlags;
use super::site::Site;
use crate::cases::{Case, Customers, Moment, Rules, State};
use crate::change::Shown;
use crate::fingerprint::Match;
use crate::observe::Observation;
use crate::scan::Limits;
use crate::store::Store;
use crate::sweep::lock::{Lock, LockError};
use crate::target::{Addresses, Scope};
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct RecheckFlags {
    /// The cases
    #[arg(value_name = "ID", required_unless_present = "open")]
    ids: Vec<i64>,

    /// All open cases
    #[arg(long, conflicts_with = "ids")]
    open: bool,

    /// What you are authorised to probe, as prefixes or ranges, beside the scope of --config; everything but loopback
    /// needs it
    #[arg(long, value_name = "PREFIX")]
    scope: Vec<String>,

    /// Never connect to these addresses, prefixes or ranges, beside the excludes of --config
    #[arg(long, value_name = "TARGET")]
    exclude: Vec<String>,
}

pub(super) fn run(flags: &SiteFlags, recheck: &RecheckFlags) -> Result<Exit, Failure> {
    let mut site = Site::open(flags)?;
    let allowed = Allowed::new(&site, recheck)?;
    // A sweep that goes on may be asking the same host, and no host gets two connections at once.
    let _lock = Lock::take(site.store.path(), "cases recheck").map_err(|error| match error {
        LockError::Held { .. } => Failure::held(format!(
            "{error}; nothing was sent. What a sweep sees counts for letters as well, and a sweep that was stopped goes on \
             with its next run"
        )),
        LockError::Io(..) => Failure::usage(error),
    })?;
    let customers = site.customers()?;
    let mut cases: Vec<Case> = if recheck.open {
        if let Some(customers) = &customers {
            site.open_cases(customers)?;
        }
        let all = site.store.cases().map_err(|error| Failure::in_history(&error))?;
        all.into_iter().filter(|case| case.state == State::Open).collect()
    } else {
        site.cases(&recheck.ids)?
    };
    let mut skipped = false;
    if recheck.open {
        cases.retain(|case| {
            let Some(reason) = allowed.denies(case) else { return true };
            eprintln!("rdprint: case {} is passed over: {reason}", case.id);
            skipped = true;
            false
        });
    }
    for case in &cases {
        if let Some(reason) = allowed.denies(case) {
            return Err(Failure::usage(format!("case {} cannot be looked at: {reason}; nothing was sent", case.id)));
        }
    }
    // Nothing is told to anybody here, so what the rules ask of customers is answered by whose case it is.
    let nobody = Customers::nobody();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::usage(format!("the runtime cannot be started: {error}")))?;
    let prober = allowed.limits.prober();
    let mut looks: HashMap<SocketAddr, (Moment, Observation)> = HashMap::new();
    for case in &cases {
        let endpoint = case.binding.endpoint;
        // What this look showed, and nothing that anybody saw at another time.
        let (at, seen) = match looks.entry(endpoint) {
            Entry::Occupied(look) => look.into_mut(),
            Entry::Vacant(place) => {
                let seen = runtime.block_on(async {
                    prober.admit().await;
                    prober.probe(endpoint).await
                });
                let seen = seen.map_err(Failure::own_fault)?;
                // Kept before anything else is looked at, so that no stop loses it.
                let at = site.store.keep_recheck(&seen).map_err(|error| Failure::in_history(&error))?;
                place.insert((at, seen))
            }
        };
        let now = Timestamp::now();
        let rules = Rules {
            set: &site.set,
            customers: &nobody,
            silenced: |binding: &_, shown: &_, found: &_| site.silenced(binding, shown, found, now),
            max_age: SignedDuration::MAX,
            now,
        };
        let told = match rules.shown(case, seen) {
            Some(found) => {
                let is_silenced = site.silenced(&case.binding, &Shown::of(seen), &found, now).is_some();
                let follows = follow(&mut site.store, customers.as_ref(), case, &found, *at, is_silenced)?;
                let Match { fingerprint_id, class, confidence, .. } = &found;
                format!("still shows {} ({class}, {confidence}){follows}", visible(fingerprint_id))
            }
            None => otherwise(seen),
        };
        stdout::print(&format!("case {}: {endpoint} {told}\n", case.id))?;
    }
    Ok(if skipped { Exit::Skipped } else { Exit::Done })
}

/// What follows for a case from a look that bears it out, in words. As with sweeps, what is seen at an address that is somebody
/// else's by now says nothing of this case, and what a rule holds back does not open it again.
fn follow(
    store: &mut Store,
    customers: Option<&Customers>,
    case: &Case,
    found: &Match,
    at: Moment,
    is_silenced: bool,
) -> Result<String, Failure> {
    if let Some(customers) = customers {
        let owner = customers.owner(case.binding.endpoint.ip(), at.at).map(|owner| owner.customer_id);
        if owner != Some(&case.binding.customer_id) {
            let owner = owner.map_or_else(|| "nobody's".to_owned(), |owner| format!("{}'s", visible(owner)));
            return Ok(format!(", and the address is {owner} now"));
        }
    }
    let returned = store.bear_out(case, found, at, !is_silenced).map_err(|error| Failure::in_history(&error))?;
    Ok(if returned { "; the case is open again".to_owned() } else { String::new() })
}

/// What an endpoint shows that does not bear its case out.
fn otherwise(seen: &Observation) -> String {
    if !seen.speaks_rdp() {
        return format!("shows no RDP ({} at {})", seen.status, seen.stage);
    }
    let name = seen.computer_name().map_or_else(|| "no name".to_owned(), |name| visible(name).into_owned());
    format!("does not bear the case out any more; it shows {name}")
}

/// What may be probed, and how fast.
struct Allowed {
    scope: Scope,
    exclude: Addresses,
    limits: Limits,
}

impl Allowed {
    fn new(site: &Site, recheck: &RecheckFlags) -> Result<Self, Failure> {
        let mut scope: Addresses = list(&recheck.scope, &[])?;
        let mut exclude: Addresses = list(&recheck.exclude, &[])?;
        let (mut limits, mut is_authorised) = (Limits::default(), false);
        if let Some(settings) = &site.settings {
            scope = scope.union(&list(&settings.scope, &settings.scope_files)?);
            exclude = exclude.union(&list(&settings.exclude, &settings.exclude_files)?);
            limits = settings.limits().map_err(Failure::usage)?;
            is_authorised = settings.authorised.as_ref().is_some_and(|text| !text.trim().is_empty());
        }
        let scope = Scope::new(scope);
        if scope.is_wide() && !is_authorised {
            let message =
                "the scope is wider than a /8 (IPv6: /32); say in sweep.toml why you may probe it, with `authorised`";
            return Err(Failure::usage(message));
        }
        Ok(Self { scope, exclude, limits })
    }

    /// Why the endpoint of a case may not be connected to.
    fn denies(&self, case: &Case) -> Option<String> {
        let endpoint = case.binding.endpoint;
        if !self.scope.permits(endpoint.ip()) {
            let way_out = "say with --config or --scope that you may probe it";
            return Some(format!("{endpoint} lies outside the authorised scope; {way_out}"));
        }
        self.exclude.contains(endpoint.ip()).then(|| format!("{endpoint} is excluded"))
    }
}
