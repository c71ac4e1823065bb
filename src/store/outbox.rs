//! Alerts that are owed, until each was delivered.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::{Store, StoreError, nanoseconds};

/// The longest wait before an alert is tried again.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// An alert that waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The same at every try, and of no other alert.
    pub alert_id: String,
    /// Which way it goes.
    pub channel: String,
    /// Its JSON.
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
}

impl Store {
    /// Alerts whose next try is due, the oldest first. One that would have to wait longer than any wait is due as well: a clock
    /// that was wrong then set its time.
    pub fn due(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        let sql = "SELECT alert_id, channel, body, tries FROM outbox
            WHERE delivered IS NULL AND (next_try <= ?1 OR next_try > ?2) ORDER BY sweep, alert_id, channel";
        let furthest = now.checked_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX);
        self.rows(sql, [nanoseconds(now), nanoseconds(furthest)], |row| {
            Ok(Waiting { alert_id: row.get(0)?, channel: row.get(1)?, body: row.get(2)?, tries: row.get(3)? })
        })
    }

    /// How many alerts were not delivered yet, due or not.
    pub fn undelivered(&self) -> Result<u64, StoreError> {
        let count: i64 = self.row("SELECT count(*) FROM outbox WHERE delivered IS NULL", ())?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// What came of a try: delivered, or to be tried again at `next_try`.
    pub fn tried(
        &mut self,
        alert: &Waiting,
        now: Timestamp,
        result: Result<(), (String, Timestamp)>,
    ) -> Result<(), StoreError> {
        let Waiting { alert_id, channel, .. } = alert;
        let updated = match result {
            Ok(()) => self.connection.execute(
                "UPDATE outbox SET tries = tries + 1, delivered = ?3, last_error = NULL WHERE alert_id = ?1 AND channel = ?2",
                params![alert_id, channel, nanoseconds(now)],
            ),
            Err((error, next_try)) => self.connection.execute(
                "UPDATE outbox SET tries = tries + 1, next_try = ?3, last_error = ?4 WHERE alert_id = ?1 AND channel = ?2",
                params![alert_id, channel, nanoseconds(next_try), error],
            ),
        };
        updated.map(drop).map_err(self.wrong())
    }
}
