//! What every action on cases needs: the history, the fingerprints, the rules, the customers.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::super::sweep::silence;
use super::super::{Failure, customers, fingerprints};
use super::SiteFlags;
use crate::cases::{Binding, Case, Customers, Finding, Moment, Rules, group, identity, told};
use crate::change::{Look, Shown, Verdict};
use crate::fingerprint::{FingerprintSet, Match};
use crate::silence::{Rule, Silence, Subject};
use crate::store::{Standing, Store};
use crate::sweep::settings::Settings;
use crate::visible::visible;

/// How many findings without a customer are named.
const NAMED: usize = 20;

/// The history with what it is judged by.
pub(super) struct Site {
    pub(super) store: Store,
    pub(super) set: FingerprintSet,
    silence: Silence,
    pub(super) settings: Option<Settings>,
    customers: Option<PathBuf>,
}

/// What is found now, and what of it has no case.
pub(super) struct TakenIn {
    standing: Vec<Standing>,
    /// At addresses of no customer.
    unowned: Vec<Finding>,
    /// How many were seen in the future.
    untimely: usize,
}

impl Site {
    pub(super) fn open(flags: &SiteFlags) -> Result<Self, Failure> {
        let settings = flags.config.as_deref().map(Settings::load).transpose().map_err(Failure::usage)?;
        let configured = settings.as_ref();
        let own: Vec<PathBuf> = configured
            .into_iter()
            .flat_map(|settings| &settings.fingerprints)
            .chain(&flags.fingerprints)
            .cloned()
            .collect();
        let set = fingerprints::load(&own)?;
        let suppress = flags.suppress.as_ref().or(configured.and_then(|settings| settings.suppress.as_ref()));
        let silence = suppress.map_or(Ok(Silence::default()), |path| silence(path, &set))?;
        let history = flags.history.as_ref().or(configured.map(|settings| &settings.history));
        let history = history.map_or(Path::new("history.db"), PathBuf::as_path);
        let store = Store::open_existing(history).map_err(Failure::usage)?;
        let customers =
            flags.customers.as_ref().or(configured.and_then(|settings| settings.customers.as_ref())).cloned();
        Ok(Self { store, set, silence, settings, customers })
    }

    /// The customers, if a file of them was named. Without one no case is opened and no letter written, so that no rule is
    /// asked either.
    pub(super) fn customers(&self) -> Result<Option<Customers>, Failure> {
        self.customers.as_deref().map(|path| customers::read(path, &self.silence)).transpose()
    }

    /// The cases with these numbers.
    pub(super) fn cases(&self, ids: &[i64]) -> Result<Vec<Case>, Failure> {
        let mut seen = HashSet::new();
        let case = |id: &i64| {
            if !seen.insert(*id) {
                return Err(Failure::usage(format!("case {id} is named twice; name it once")));
            }
            let case = self.store.case(*id).map_err(|error| Failure::in_history(&error))?;
            case.ok_or_else(|| Failure::usage(format!("there is no case {id}; `rdprint cases list` lists them")))
        };
        ids.iter().map(case).collect()
    }

    /// Opens cases for what is found and has none, notes what was seen again, and names findings of nobody.
    pub(super) fn open_cases(&mut self, customers: &Customers) -> Result<Vec<Standing>, Failure> {
        let TakenIn { standing, unowned, untimely } = self.take_in(customers)?;
        for finding in unowned.iter().take(NAMED) {
            let Finding { endpoint, class, last_seen, .. } = finding;
            let at = last_seen.at;
            eprintln!("rdprint: no customer had {endpoint} when it was seen ({class}, {at:.0}); it has no case");
        }
        if unowned.len() > NAMED {
            eprintln!("… and {} more of this kind", unowned.len() - NAMED);
        }
        if untimely > 0 {
            eprintln!(
                "rdprint: {untimely} findings were last seen at a time that is still to come by this machine's clock, so \
                 nobody knows whose addresses those were; set the clock right, or sweep again"
            );
        }
        Ok(standing)
    }

    /// The same without a word.
    pub(super) fn take_in(&mut self, customers: &Customers) -> Result<TakenIn, Failure> {
        let now = Timestamp::now();
        self.store.judge(&self.set).map_err(|error| Failure::in_history(&error))?;
        let standing = self.store.standing(&self.set).map_err(|error| Failure::in_history(&error))?;
        let (findings, untimely): (Vec<Finding>, Vec<Finding>) = standing
            .iter()
            .filter_map(|standing| self.finding(standing, customers, now))
            .partition(|finding| finding.last_seen.at <= now);
        let known = self.store.cases().map_err(|error| Failure::in_history(&error))?;
        let grouped = group(findings, customers, &known);
        self.store.keep_cases(&grouped, now).map_err(|error| Failure::in_history(&error))?;
        Ok(TakenIn { standing, unowned: grouped.unowned, untimely: untimely.len() })
    }

    fn finding(&self, standing: &Standing, customers: &Customers, now: Timestamp) -> Option<Finding> {
        let Standing { endpoint, first_seen, last_seen, shown, matches } = standing;
        let owner = customers.owner(endpoint.ip(), last_seen.at).map(|owner| owner.customer_id);
        let silenced = |found: &Match| self.rule(*endpoint, shown, found, owner, now).is_some();
        let Match { fingerprint_id, class, confidence, .. } = told(matches, silenced)?;
        Some(Finding {
            endpoint: *endpoint,
            fingerprint_id: fingerprint_id.clone(),
            identity: identity(self.set.get(fingerprint_id)?, shown),
            class: *class,
            confidence: *confidence,
            // A first look that is dated after the last one was dated wrongly.
            first_seen: Moment { at: first_seen.at.min(last_seen.at), ..*first_seen },
            last_seen: *last_seen,
        })
    }

    /// What letters are right by.
    pub(super) fn rules<'a>(
        &'a self,
        customers: &'a Customers,
        max_age: SignedDuration,
        now: Timestamp,
    ) -> Rules<'a, impl Fn(&Binding, &Shown, &Match) -> Option<String>> {
        let silenced = move |binding: &Binding, shown: &Shown, found: &Match| self.silenced(binding, shown, found, now);
        Rules { set: &self.set, customers, silenced, max_age, now }
    }

    /// Why a match of a case is held back, if it is. Letters are written only on looks at what was its customer's then.
    pub(super) fn silenced(&self, binding: &Binding, shown: &Shown, found: &Match, now: Timestamp) -> Option<String> {
        let Binding { endpoint, customer_id, .. } = binding;
        let Rule { place, reason, author, .. } = self.rule(*endpoint, shown, found, Some(customer_id), now)?;
        Some(visible(&format!("{place}: {reason} ({author})")).into_owned())
    }

    fn rule(
        &self,
        endpoint: SocketAddr,
        shown: &Shown,
        found: &Match,
        customer: Option<&str>,
        now: Timestamp,
    ) -> Option<&Rule> {
        let Match { fingerprint_id, class, confidence, .. } = found;
        let verdict = Verdict { fingerprint_id: fingerprint_id.clone(), class: *class, confidence: *confidence };
        let look = Look { seen_at: None, shown: shown.clone(), verdict: Some(verdict) };
        self.silence.rule(&Subject::new(endpoint, &look, &self.set, customer), now)
    }
}

/// At how many addresses each fingerprint is found, borne out by more than a name.
pub(super) fn addresses(standing: &[Standing]) -> HashMap<&str, u64> {
    let mut places: HashMap<&str, HashSet<IpAddr>> = HashMap::new();
    for Standing { endpoint, matches, .. } in standing {
        for found in matches.iter().filter(|found| found.is_finding() && found.is_supported()) {
            places.entry(&found.fingerprint_id).or_default().insert(endpoint.ip());
        }
    }
    places.into_iter().map(|(id, places)| (id, places.len() as u64)).collect()
}
