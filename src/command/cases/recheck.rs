//! `cases recheck`: one look at each endpoint, by the same prober and within the same scope as a scan, and never beside a
//! sweep.

use std::collections::HashSet;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::super::scan::targets::list;
use super::super::{Exit, Failure, stdout};
use super::SiteFlags;
use super::site::{Site, trouble};
use crate::cases::{Case, Customers, Rules, State};
use crate::observe::Observation;
use crate::scan::Limits;
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
    let mut cases: Vec<Case> = if recheck.open {
        let customers = site.customers()?;
        if let Some(customers) = &customers {
            site.open_cases(customers)?;
        }
        let all = site.store.cases().map_err(|error| trouble(&error))?;
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
    // Nothing is told to anybody here, so nobody's addresses matter.
    let nobody = Customers::nobody();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::usage(format!("the runtime cannot be started: {error}")))?;
    let prober = allowed.limits.prober();
    let mut looked_at = HashSet::new();
    for case in &cases {
        let endpoint = case.binding.endpoint;
        if looked_at.insert(endpoint) {
            let seen = runtime.block_on(async {
                prober.admit().await;
                prober.probe(endpoint).await
            });
            let seen = seen.map_err(Failure::own_fault)?;
            // Kept before anything else is looked at, so that no stop loses it.
            site.store.keep_recheck(&seen).map_err(|error| trouble(&error))?;
        }
        let look = site.store.last_look(endpoint).map_err(|error| trouble(&error))?;
        let Some(seen) = look.and_then(|look| look.observation) else { continue };
        let rules = Rules {
            set: &site.set,
            customers: &nobody,
            silenced: |_: &_, _: &_, _: &_| None,
            max_age: SignedDuration::MAX,
            now: Timestamp::now(),
        };
        let shown = rules.shown(case, &seen);
        let told = match shown {
            Some(found) => {
                format!("still shows {} ({}, {})", visible(&found.fingerprint_id), found.class, found.confidence)
            }
            None => otherwise(&seen),
        };
        stdout::print(&format!("case {}: {endpoint} {told}\n", case.id))?;
    }
    Ok(if skipped { Exit::Skipped } else { Exit::Done })
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
