//! Whether a letter may be written: only on what was looked at again a short while ago and is still there, and only to whom
//! the address belonged then and belongs now.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::{Binding, Case, Customers, Moment, Owner, State, identity, told};
use crate::change::Shown;
use crate::fingerprint::{FingerprintSet, Match};
use crate::observe::Observation;
use crate::verdict::Record;
use crate::visible::visible;

/// Why no letter is written on a case; each reason says what would change it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Held {
    /// It stands otherwise.
    #[error("it is {0}, and letters are written on open cases")]
    State(State),
    /// Nobody looked again.
    #[error("it was seen only once, {0:.0}; look again with `rdprint cases recheck`")]
    Once(Timestamp),
    /// The last look is too long ago.
    #[error(
        "the last look was taken {0:.0}, which is longer ago than --max-age; look again with `rdprint cases recheck`"
    )]
    Stale(Timestamp),
    /// The last look lies in the future of this machine's clock.
    #[error("the last look was taken {0:.0}, which is still to come by this machine's clock; set the clock right")]
    Future(Timestamp),
    /// The last look found no RDP.
    #[error("at the last look, {0:.0}, the endpoint showed no RDP; look again, or resolve the case")]
    Silent(Timestamp),
    /// The last look found something else.
    #[error(
        "at the last look, {0:.0}, the endpoint showed nothing that bears this case out; look again, or resolve it"
    )]
    Differs(Timestamp),
    /// A rule holds it back.
    #[error("a rule holds it back: {0}")]
    Silenced(String),
    /// The address belongs to nobody, then or now.
    #[error("the customers file names no owner of the address at {0:.0}")]
    Unowned(Timestamp),
    /// The address belongs to another customer, then or now.
    #[error("at {at:.0} the address was no longer this customer's but {customer}'s; resolve this case")]
    OtherCustomer {
        /// When.
        at: Timestamp,
        /// Whose it was, made visible.
        customer: String,
    },
}

impl Held {
    /// In a word, for lists.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::State(_) => "settled",
            Self::Once(_) => "seen-once",
            Self::Stale(_) => "stale",
            Self::Future(_) => "future",
            Self::Silent(_) => "no-rdp",
            Self::Differs(_) => "differs",
            Self::Silenced(_) => "held-back",
            Self::Unowned(_) => "unowned",
            Self::OtherCustomer { .. } => "other-customer",
        }
    }
}

/// What a site lays down.
pub struct Rules<'a, Silenced> {
    /// The fingerprints of today.
    pub set: &'a FingerprintSet,
    /// Whose addresses there are.
    pub customers: &'a Customers,
    /// The rule that holds a match back, if one does.
    pub silenced: Silenced,
    /// How old the last look may be.
    pub max_age: SignedDuration,
    /// The present moment.
    pub now: Timestamp,
}

impl<Silenced: Fn(&Binding, &Shown, &Match) -> Option<String>> Rules<'_, Silenced> {
    /// The match that a letter on the case is to tell, and to whom. `look` is when the last look was taken, and what it
    /// showed unless it found no RDP.
    ///
    /// # Errors
    /// Why none may be written.
    pub fn ready(&self, case: &Case, look: Option<(Moment, Option<&Observation>)>) -> Result<(Match, Owner<'_>), Held> {
        if case.state != State::Open {
            return Err(Held::State(case.state));
        }
        let Some((Moment { at, .. }, observation)) = look.filter(|(moment, _)| *moment > case.first_seen) else {
            return Err(Held::Once(case.first_seen.at));
        };
        if at > self.now {
            return Err(Held::Future(at));
        }
        if self.now.duration_since(at) > self.max_age {
            return Err(Held::Stale(at));
        }
        let observation = observation.filter(|observation| observation.speaks_rdp()).ok_or(Held::Silent(at))?;
        let found = self.shown(case, observation).ok_or(Held::Differs(at))?;
        if let Some(rule) = (self.silenced)(&case.binding, &Shown::of(observation), &found) {
            return Err(Held::Silenced(rule));
        }
        // Whose it was when it was seen, and whose it is when the letter goes out: both must be the same.
        self.owner(case, at)?;
        Ok((found, self.owner(case, self.now)?))
    }

    /// The match of this case that the observation shows, if it is what a customer would be told of it.
    #[must_use]
    pub fn shown(&self, case: &Case, observation: &Observation) -> Option<Match> {
        let record = Record::judge(observation.clone(), self.set);
        let shown = Shown::of(observation);
        let Binding { fingerprint_id, identity: bound, .. } = &case.binding;
        // A rule that holds this very match back is told as such, and must not make another match of it.
        let is_silenced = |found: &Match| {
            found.fingerprint_id != *fingerprint_id && (self.silenced)(&case.binding, &shown, found).is_some()
        };
        let found = told(&record.matches, is_silenced).filter(|found| found.fingerprint_id == *fingerprint_id)?;
        let fingerprint = self.set.get(fingerprint_id)?;
        (identity(fingerprint, &shown) == *bound).then(|| found.clone())
    }

    fn owner(&self, case: &Case, at: Timestamp) -> Result<Owner<'_>, Held> {
        let owner = self.customers.owner(case.binding.endpoint.ip(), at).ok_or(Held::Unowned(at))?;
        if owner.customer_id == case.binding.customer_id {
            return Ok(owner);
        }
        Err(Held::OtherCustomer { at, customer: visible(owner.customer_id).into_owned() })
    }
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
