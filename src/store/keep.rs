//! Keeping a history small and safe: pruning and backup.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Transaction};

use same_file::Handle;

use super::open::{remove_beside, remove_copy};
use super::{Store, StoreError, nanoseconds};
use crate::place::{beside, give_name};

/// What pruning took away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Looks of single sweeps.
    pub sightings: usize,
    /// States that no kept look refers to.
    pub observations: usize,
    /// Changes without a finding.
    pub changes: usize,
    /// Delivered alerts.
    pub alerts: usize,
    /// Why the file could not be made smaller all the same; the room in it is used again.
    pub not_shrunk: Option<String>,
}

/// Of the states in which an endpoint fits one fingerprint, so many of the first and of the last are kept for ever. A host that
/// shows a new certificate at each look would otherwise fill the disk.
const FINDINGS_KEPT: u32 = 3;

/// Misses that go with their sweeps, beside the last look that saw the endpoint.
const COUNT_MISSES: &str = "UPDATE endpoint SET pruned_misses = counted.misses
    FROM (SELECT e.id, (SELECT count(*) FROM sighting s JOIN sweep w ON w.id = s.sweep
            WHERE s.endpoint = e.id AND s.sweep > coalesce(l.sweep, 0) AND s.sweep <= ?1 AND s.observation IS NULL
                AND w.state = 'complete' AND w.pruned IS NULL)
            + iif(w.pruned IS NULL, 0, e.pruned_misses) AS misses
        FROM endpoint e LEFT JOIN last_seen l ON l.endpoint = e.id LEFT JOIN sweep w ON w.id = l.sweep) counted
    WHERE counted.id = endpoint.id AND counted.misses <> endpoint.pruned_misses";

/// Pages per step of a backup; between steps others may write.
const PAGES_PER_STEP: i32 = 1024;
/// How long a backup waits when another process is just writing.
const BACKUP_PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Takes away the looks of sweeps that ended before `before`, and what rests on them alone. Kept for ever: of every
    /// endpoint when it was first and last seen, its last look and its last state; of what was a finding the first and
    /// last few states at each endpoint, whole, with their first and last looks, and what cases refer to; every
    /// sweep's counts. The last complete sweep stays whole.
    pub fn prune(&mut self, before: Timestamp, now: Timestamp) -> Result<Pruned, StoreError> {
        let (before, now) = (nanoseconds(before), nanoseconds(now));
        let mut pruned = self.write(|transaction| {
            let horizon = horizon(transaction, before, now)?;
            keep(transaction, horizon)?;
            transaction.execute(COUNT_MISSES, [horizon])?;
            transaction.execute(
                "UPDATE sweep SET pruned = ?2,
                    rdp = (SELECT count(*) FROM sighting s WHERE s.sweep = sweep.id AND s.observation IS NOT NULL),
                    missed = (SELECT count(*) FROM sighting s WHERE s.sweep = sweep.id AND s.observation IS NULL)
                WHERE id <= ?1 AND pruned IS NULL",
                [horizon, now],
            )?;
            let sightings = transaction.execute(
                "DELETE FROM sighting WHERE sweep <= ?1 AND (endpoint, sweep) NOT IN (SELECT endpoint, sweep FROM kept_look)",
                [horizon],
            )?;
            let doomed = "SELECT id FROM observation o WHERE o.sweep <= ?1
                AND o.id NOT IN (SELECT observation FROM kept_state)
                AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.endpoint = o.endpoint AND s.observation = o.id)
                AND NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.id = o.endpoint AND (e.current = o.id OR e.standing = o.id))
                AND NOT EXISTS (SELECT 1 FROM observation p WHERE p.endpoint = o.endpoint AND p.subject = o.id AND p.id <> o.id)";
            // A state that rests on an earlier one goes first; the earlier one may go in the next round.
            let mut observations = 0;
            loop {
                let gone = transaction.execute(&format!("DELETE FROM observation WHERE id IN ({doomed})"), [horizon])?;
                observations += gone;
                if gone == 0 {
                    break;
                }
            }
            let changes = transaction.execute(
                "DELETE FROM change WHERE sweep <= ?1 AND kind <> 'moved'
                    AND coalesce(change ->> '$.after.verdict.class', change ->> '$.before.verdict.class', '')
                        NOT IN ('criminal-image', 'shared-range', 'unnamed-clone')",
                [horizon],
            )?;
            let alerts = transaction.execute("DELETE FROM outbox WHERE delivered < ?1", [before])?;
            transaction.execute_batch("DROP TABLE kept_look; DROP TABLE kept_state; DROP TABLE last_seen")?;
            Ok(Pruned { sightings, observations, changes, alerts, not_shrunk: None })
        })?;
        // What was taken away is gone for good; that the file stays as large as it was is no reason to take that back.
        let shrunk = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        pruned.not_shrunk = shrunk.err().map(|cause| cause.to_string());
        Ok(pruned)
    }

    /// Copies the history into a new file while others go on writing; what stands there in the end is one moment's state.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let io = |cause| StoreError::Io { path: to.to_owned(), cause };
        if to.symlink_metadata().is_ok() {
            return Err(StoreError::Taken(to.to_owned()));
        }
        let partial = beside(to, ".partial");
        let claim = claim(&partial).map_err(io)?.ok_or_else(|| StoreError::Busy(to.to_owned()))?;
        let copied = self.copy(&partial).and_then(|()| {
            File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
            give_name(&partial, to).map_err(|cause| match cause.kind() {
                ErrorKind::AlreadyExists => StoreError::Taken(to.to_owned()),
                _ => io(cause),
            })
        });
        if copied.is_err() {
            // The failure itself is what is told.
            let _best_effort = remove_copy(&partial);
        }
        drop(claim);
        copied
    }

    fn copy(&self, partial: &Path) -> Result<(), StoreError> {
        let wrong = |cause| StoreError::of(partial, cause);
        let mut copy = Connection::open(partial).map_err(wrong)?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(wrong)?;
            loop {
                match backup.step(PAGES_PER_STEP).map_err(wrong)? {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => std::thread::sleep(BACKUP_PAUSE),
                }
            }
        }
        // One file, whole in itself: no journal beside it that could be forgotten.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(wrong)?;
        copy.close().map_err(|(_, cause)| wrong(cause))
    }
}

/// A new file of this name that is ours alone, unless another process has it. What a killed backup left there goes; it is not
/// written to, since it may be a copy that had just got its name.
///
/// The lock is none of SQLite's, and lives longer than its connection: to close a file takes away the locks that SQLite has on
/// it in the same process. On Windows such a lock keeps SQLite itself out, and two backups into one file are not told apart.
fn claim(partial: &Path) -> io::Result<Option<File>> {
    let is_locked = |file: &File| match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    };
    if !cfg!(unix) {
        remove_copy(partial)?;
        return File::create_new(partial).map(Some);
    }
    // Who has the lock of what stands there may take it away; in the meantime it may have become another's.
    let is_at = |file: &File| {
        Ok::<_, io::Error>(Handle::from_path(partial).ok() == Some(Handle::from_file(file.try_clone()?)?))
    };
    match File::open(partial) {
        Ok(left) if is_locked(&left)? && is_at(&left)? => remove_copy(partial)?,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => remove_beside(partial)?,
        Err(error) => return Err(error),
    }
    match File::create_new(partial) {
        Ok(file) => Ok((is_locked(&file)? && is_at(&file)?).then_some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The last sweep of those that are old enough: it and all before it. A sweep that is dated in the future tells nothing, and one
/// that is dated before an earlier one is as young as that.
fn horizon(transaction: &Transaction<'_>, before: i64, now: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(id), 0) FROM sweep
        WHERE state <> 'running' AND coalesce(ended, started) < ?1
            AND id < coalesce((SELECT max(id) FROM sweep WHERE state = 'complete'), 0)
            AND id < coalesce((SELECT min(id) FROM sweep WHERE coalesce(ended, started) BETWEEN ?1 AND ?2), 1 << 62)";
    transaction.query_row(sql, [before, now], |row| row.get(0))
}

/// Lists what stays of the looks and states up to the horizon, in tables that last as long as the transaction.
fn keep(transaction: &Transaction<'_>, horizon: i64) -> rusqlite::Result<()> {
    transaction.execute_batch(&format!(
        "CREATE TEMP TABLE kept_state (observation INTEGER PRIMARY KEY);
        CREATE TEMP TABLE kept_look (endpoint INTEGER, sweep INTEGER, PRIMARY KEY (endpoint, sweep)) WITHOUT ROWID;
        CREATE TEMP TABLE last_seen (endpoint INTEGER PRIMARY KEY, sweep INTEGER);
        INSERT INTO kept_state
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY endpoint, fingerprint ORDER BY id) AS first,
                    row_number() OVER (PARTITION BY endpoint, fingerprint ORDER BY id DESC) AS last
                FROM (SELECT DISTINCT o.id, o.endpoint, v.verdict ->> '$.fingerprint_id' AS fingerprint
                    FROM observation o JOIN verdict v ON v.observation = o.id WHERE v.is_finding))
            WHERE first <= {FINDINGS_KEPT} OR last <= {FINDINGS_KEPT}
            -- What cases rest on: their first and last look, and what was the last look when something happened to them.
            UNION SELECT o.id FROM case_file c JOIN observation o ON o.endpoint = c.endpoint
                WHERE coalesce(o.turn, o.sweep) IN (c.first_turn, c.last_turn)
            UNION SELECT s.observation FROM case_file c JOIN sighting s ON s.endpoint = c.endpoint
                WHERE coalesce(s.turn, s.sweep) IN (c.first_turn, c.last_turn) AND s.observation IS NOT NULL
            UNION SELECT s.observation FROM case_file c JOIN case_event v ON v.case_file = c.id
                JOIN sighting s ON s.endpoint = c.endpoint AND s.sweep = (SELECT max(l.sweep) FROM sighting l
                    WHERE l.endpoint = c.endpoint AND l.observation IS NOT NULL AND coalesce(l.turn, l.sweep) <= v.turn);
        INSERT INTO last_seen
            SELECT s.endpoint, max(s.sweep) FROM sighting s JOIN sweep w ON w.id = s.sweep
            WHERE s.sweep <= {horizon} AND s.observation IS NOT NULL AND w.state = 'complete' GROUP BY s.endpoint;
        INSERT INTO kept_look
            -- Where an endpoint stood when the sweeps began that stay.
            SELECT endpoint, sweep FROM last_seen
            -- The last look at it, and the last that saw it.
            UNION SELECT endpoint, max(sweep) FROM sighting GROUP BY endpoint
            UNION SELECT endpoint, max(sweep) FROM sighting WHERE observation IS NOT NULL GROUP BY endpoint
            UNION SELECT endpoint, min(sweep) FROM sighting
                WHERE observation IN (SELECT observation FROM kept_state) GROUP BY endpoint, observation
            UNION SELECT endpoint, max(sweep) FROM sighting
                WHERE observation IN (SELECT observation FROM kept_state) GROUP BY endpoint, observation
            UNION SELECT s.endpoint, s.sweep FROM case_file c JOIN sighting s ON s.endpoint = c.endpoint
                WHERE coalesce(s.turn, s.sweep) IN (c.first_turn, c.last_turn);"
    ))
}
