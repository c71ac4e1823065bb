//! Alerts that are owed go out, each at least once.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::recorder::Shared;
use crate::alert::{Channel, Ways};
use crate::store::StoreError;

/// The longest wait before an alert is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// For how long one run waits for the next try; what must wait longer is left to later runs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries to deliver what is due, `rounds` times, with waits that double. Returns how many alerts are still owed, and the
/// last failure.
pub fn deliver(
    store: &Shared,
    ways: &Ways,
    rounds: u32,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(u64, Option<String>), StoreError> {
    let lock = || store.lock().unwrap_or_else(PoisonError::into_inner);
    let mut failure = None;
    for round in 0..rounds {
        let due = lock().due(Timestamp::now())?;
        let (mut down, mut wait) = (HashSet::new(), Duration::ZERO);
        for alert in due {
            // One that fails speaks for all on its way; they are tried in the next round.
            if is_stopped() || down.contains(&alert.channel) {
                continue;
            }
            let channel: Result<Channel, _> = alert.channel.parse();
            let sent = channel
                .map_err(|_| format!("`{}` is no way for alerts", alert.channel))
                .and_then(|channel| ways.send(channel, &alert.alert_id, &alert.body));
            let now = Timestamp::now();
            let result = sent.map_err(|error| {
                let pause = Duration::from_secs(1 << alert.tries.min(16)).min(LONGEST_WAIT);
                wait = wait.max(pause);
                down.insert(alert.channel.clone());
                failure = Some(error.clone());
                let next = SignedDuration::try_from(pause).ok().and_then(|pause| now.checked_add(pause).ok());
                (error, next.unwrap_or(now))
            });
            lock().tried(&alert, now, result)?;
        }
        if down.is_empty() {
            break;
        }
        if round + 1 < rounds && wait <= PATIENCE && !is_stopped() {
            std::thread::sleep(wait);
        }
    }
    let left = lock().undelivered()?;
    Ok((left, failure.filter(|_| left > 0)))
}
