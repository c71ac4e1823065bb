//! The sweeps themselves: begun, gone on with, given up, listed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use sha2::{Digest as _, Sha256};
use strum::{Display, EnumString, IntoStaticStr};

use super::{Store, StoreError, json, last_turn, nanoseconds, text, time};

/// How a sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// It can be gone on with.
    Running,
    /// Every target was taken; it has been compared with the one before.
    Complete,
    /// It was given up. What it saw stays, and is compared with nothing.
    Abandoned,
}

/// One sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Its number, from 1 on.
    pub id: i64,
    /// How it stands.
    pub state: State,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The scanner's word for what must be the same to go on with it.
    pub identity: String,
    /// The scanner's word for how far it has come.
    pub cursor: Option<String>,
    /// The scanner's word for what it covered.
    pub coverage: Option<String>,
    /// The hash of the fingerprints.
    pub fingerprint_set: String,
    /// The complete sweep that it was compared with.
    pub previous: Option<i64>,
    /// After how many misses an endpoint was gone in its comparison.
    pub misses: Option<u32>,
    /// When its looks were taken away as too old; it can be compared with nothing any more.
    pub pruned: Option<Timestamp>,
    /// What it was allowed; unknown of sweeps that an earlier rdprint began.
    pub allowed: Option<Allowed>,
}

/// What a sweep may scan, for whoever asks later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Addresses, prefixes and ranges as they were written.
    pub scope: Vec<String>,
    /// The reason that was given.
    pub authorisation: Option<String>,
}

const SELECT: &str =
    "SELECT s.id, s.state, s.started, s.ended, s.identity, s.cursor, s.coverage, f.hash, s.previous, s.misses,
        a.notation, a.authorisation, s.pruned
    FROM sweep s JOIN fingerprint_set f ON f.id = s.fingerprint_set LEFT JOIN scope a ON a.id = s.scope";

fn read(row: &Row<'_>) -> rusqlite::Result<Sweep> {
    let state: String = row.get(1)?;
    let ended: Option<i64> = row.get(3)?;
    let (scope, authorisation) = (json(row, 10)?, row.get(11)?);
    Ok(Sweep {
        id: row.get(0)?,
        state: state.parse().unwrap_or(State::Abandoned),
        started: time(row.get(2)?),
        ended: ended.map(time),
        identity: row.get(4)?,
        cursor: row.get(5)?,
        coverage: row.get(6)?,
        fingerprint_set: row.get(7)?,
        previous: row.get(8)?,
        misses: row.get(9)?,
        pruned: row.get::<_, Option<i64>>(12)?.map(time),
        allowed: scope.map(|scope| Allowed { scope, authorisation }),
    })
}

/// The number of a set of fingerprints, given one if it is new.
pub(super) fn set_id(connection: &Connection, hash: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO fingerprint_set (hash) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([hash])?;
    connection.prepare_cached("SELECT id FROM fingerprint_set WHERE hash = ?1")?.query_row([hash], |row| row.get(0))
}

/// The number of what is allowed, given one if it is new.
fn scope_id(connection: &Connection, allowed: &Allowed) -> rusqlite::Result<i64> {
    let (notation, authorisation) = (text(&allowed.scope)?, &allowed.authorisation);
    let whole = Sha256::digest(text(&(&notation, authorisation))?);
    let hash = data_encoding::HEXLOWER.encode(&whole);
    connection
        .prepare_cached("INSERT INTO scope (hash, notation, authorisation) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![hash, notation, authorisation])?;
    connection.prepare_cached("SELECT id FROM scope WHERE hash = ?1")?.query_row([hash], |row| row.get(0))
}

fn draw_runner(transaction: &Transaction<'_>, sweep: i64) -> rusqlite::Result<String> {
    let sql = "UPDATE sweep SET runner = lower(hex(randomblob(16))) WHERE id = ?1 RETURNING runner";
    transaction.prepare_cached(sql)?.query_row([sweep], |row| row.get(0))
}

impl Store {
    /// Begins a sweep; one that was running is given up.
    pub fn begin(
        &mut self,
        identity: &str,
        allowed: &Allowed,
        fingerprint_set: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let (id, runner) = self.write(|transaction| {
            transaction.execute(
                "UPDATE sweep SET state = 'abandoned', ended = ?1 WHERE state = 'running'",
                [nanoseconds(now)],
            )?;
            let set = set_id(transaction, fingerprint_set)?;
            transaction.execute(
                "INSERT INTO sweep (state, started, identity, fingerprint_set, scope) VALUES ('running', ?1, ?2, ?3, ?4)",
                params![nanoseconds(now), identity, set, scope_id(transaction, allowed)?],
            )?;
            let id = transaction.last_insert_rowid();
            Ok((id, draw_runner(transaction, id)?))
        })?;
        self.runner = Some(runner);
        Ok(id)
    }

    /// The sweep that can be gone on with.
    pub fn running(&self) -> Result<Option<Sweep>, StoreError> {
        self.one("WHERE s.state = 'running'", ())
    }

    /// A sweep by its number.
    pub fn sweep(&self, id: i64) -> Result<Option<Sweep>, StoreError> {
        self.one("WHERE s.id = ?1", [id])
    }

    /// The last complete sweep with a number below this one.
    pub fn complete_before(&self, id: i64) -> Result<Option<Sweep>, StoreError> {
        self.one("WHERE s.state = 'complete' AND s.id < ?1 ORDER BY s.id DESC LIMIT 1", [id])
    }

    /// The one that was begun last.
    pub fn last_sweep(&self) -> Result<Option<Sweep>, StoreError> {
        self.one("ORDER BY s.id DESC LIMIT 1", ())
    }

    /// All of them, the oldest first.
    pub fn sweeps(&self) -> Result<Vec<Sweep>, StoreError> {
        self.rows(&format!("{SELECT} ORDER BY s.id"), (), read)
    }

    /// Goes on with a sweep under these fingerprints, which may be newer than those that it began with. What is allowed
    /// is written only where that was not known; nobody may change afterwards what a sweep was allowed.
    pub fn go_on(&mut self, sweep: i64, allowed: &Allowed, fingerprint_set: &str) -> Result<(), StoreError> {
        let runner = self.write(|transaction| {
            let (set, scope) = (set_id(transaction, fingerprint_set)?, scope_id(transaction, allowed)?);
            transaction.execute(
                "UPDATE sweep SET fingerprint_set = ?2, scope = coalesce(scope, ?3) WHERE id = ?1",
                [sweep, set, scope],
            )?;
            draw_runner(transaction, sweep)
        })?;
        self.runner = Some(runner);
        Ok(())
    }

    /// As [`Store::write`], for what only the run may write that carries the sweep out. The lock sees to it that there is
    /// one; should somebody remove that, the run that came later goes on, and the other one learns of it here.
    pub(super) fn write_sweep<T>(
        &mut self,
        sweep: i64,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let runner = self.runner.clone();
        let written = self.write(|transaction| {
            let is_ours = "SELECT runner IS ?2 AND state = 'running' FROM sweep WHERE id = ?1";
            let is_ours = runner.is_none()
                || transaction.prepare_cached(is_ours)?.query_row(params![sweep, runner], |row| row.get(0))?;
            if is_ours { write(transaction).map(Some) } else { Ok(None) }
        })?;
        written.ok_or_else(|| StoreError::TakenOver { path: self.path.clone(), sweep })
    }

    /// Takes a sweep back to where it was when everything could still be believed: `cursor` is how far it had come then,
    /// and endpoints that it missed after that turn are as if they had not been probed. Those that it saw were there.
    pub fn rewind(&mut self, sweep: i64, cursor: Option<&str>, turn: Option<i64>) -> Result<(), StoreError> {
        self.write_sweep(sweep, |transaction| {
            transaction.execute(
                "DELETE FROM sighting WHERE sweep = ?1 AND observation IS NULL AND coalesce(turn, sweep) > ?2",
                params![sweep, turn.unwrap_or(i64::MIN)],
            )?;
            transaction.execute("UPDATE sweep SET cursor = ?2 WHERE id = ?1", params![sweep, cursor])?;
            Ok(())
        })
    }

    /// The turn of the last thing that was written.
    pub fn turn(&self) -> Result<i64, StoreError> {
        last_turn(&self.connection).map_err(self.wrong())
    }

    fn one(&self, condition: &str, parameters: impl rusqlite::Params) -> Result<Option<Sweep>, StoreError> {
        self.connection
            .prepare_cached(&format!("{SELECT} {condition}"))
            .and_then(|mut statement| statement.query_row(parameters, read).optional())
            .map_err(self.wrong())
    }
}
