//! Alerts that are owed go out, each at least once.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::recorder::Shared;
use crate::alert::{Channel, Ways};
use crate::store::{LONGEST_WAIT, StoreError};

/// For how long one run waits for the next try; what must wait longer is left to later runs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a sleeper looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Tries to deliver what is due, `rounds` times, with waits that double; after `limit` no delivery is begun any more, but the
/// one under way may end, so that no receiver is too slow for ever. Returns how many alerts are still owed, and why, as far as that is news.
pub fn deliver(
    store: &Shared,
    ways: &Ways,
    rounds: u32,
    limit: Duration,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(u64, Option<String>), StoreError> {
    let lock = || store.lock().unwrap_or_else(PoisonError::into_inner);
    let end = Instant::now() + limit;
    let (mut failure, mut is_late) = (None, false);
    for round in 0..rounds {
        let due = lock().due(Timestamp::now())?;
        let (mut down, mut wait) = (HashSet::new(), Duration::ZERO);
        for alert in due {
            // One that fails speaks for all on its way; they are tried in the next round.
            if is_stopped() || down.contains(&alert.channel) {
                continue;
            }
            if Instant::now() >= end {
                is_late = true;
                break;
            }
            let channel: Result<Channel, _> = alert.channel.parse();
            let sent = channel
                .map_err(|_| format!("`{}` is no way for alerts", alert.channel))
                .and_then(|channel| ways.send(channel, &alert.alert_id, &alert.body));
            let now = Timestamp::now();
            let result = sent.map_err(|error| {
                let pause = Duration::from_secs(1 << alert.tries.min(16)).min(LONGEST_WAIT.unsigned_abs());
                wait = wait.max(pause);
                down.insert(alert.channel.clone());
                failure = Some(error.clone());
                (error, now.checked_add(pause).unwrap_or(now))
            });
            lock().tried(&alert, now, result)?;
        }
        if down.is_empty() || is_late || is_stopped() {
            break;
        }
        let again = Instant::now() + wait;
        if round + 1 < rounds && wait <= PATIENCE && again < end {
            while Instant::now() < again && !is_stopped() {
                std::thread::sleep(LOOK);
            }
        }
    }
    let left = lock().undelivered()?;
    let why = match (failure, is_late) {
        (failure, false) => failure,
        (None, true) => Some("`max_duration` of [alerts] is over".to_owned()),
        (Some(failure), true) => Some(format!("`max_duration` of [alerts] is over; {failure}")),
    };
    Ok((left, why.filter(|_| left > 0)))
}
