//! Cases and the looks taken for their sake.

use std::net::SocketAddr;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::sweeps::set_id;
use super::{Store, StoreError, endpoint, json, nanoseconds, octets, text, time, turn};
use crate::cases::{Binding, Case, Finding, Grouped, Moment, State};
use crate::change::Shown;
use crate::fingerprint::{Class, Confidence, FingerprintSet, Match};
use crate::observe::Observation;

/// An endpoint that is there and fits a fingerprint that accuses.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// When it was first seen as it is.
    pub first_seen: Moment,
    /// When it was last seen so.
    pub last_seen: Moment,
    /// What it shows.
    pub shown: Shown,
    /// Everything that it fits.
    pub matches: Vec<Match>,
}

/// The last look at an endpoint, by a sweep or for a case.
#[derive(Clone, Debug, PartialEq)]
pub struct LastLook {
    /// When.
    pub at: Moment,
    /// What was seen; nothing where a sweep found that it does not speak RDP.
    pub observation: Option<Observation>,
}

/// One thing that happened to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// How the case stood from then on.
    pub state: State,
    /// Why, where somebody said so.
    pub reason: Option<String>,
}

/// Why a case that was resolved is open again.
const SEEN_AGAIN: &str = "it was seen again";

const CASES: &str =
    "SELECT c.id, e.address, e.port, c.fingerprint_id, c.identity, c.customer_id, c.class, c.confidence,
        c.opened, c.first_turn, c.first_seen, c.last_turn, c.last_seen, v.state, v.turn, v.at, v.reason
    FROM case_file c JOIN endpoint e ON e.id = c.endpoint
    JOIN case_event v ON v.id = (SELECT max(id) FROM case_event WHERE case_file = c.id)";

impl Store {
    /// Endpoints that are there and whose last look these fingerprints find to be one of an accusing class. See
    /// [`Store::judge`], which must have been asked before.
    pub fn standing(&self, fingerprints: &FingerprintSet) -> Result<Vec<Standing>, StoreError> {
        let set = set_id(&self.connection, fingerprints.hash()).map_err(self.wrong())?;
        let sql = "SELECT e.address, e.port, o.shown, v.matches, coalesce(o.turn, o.sweep), o.seen_at,
                coalesce(s.turn, s.sweep), s.seen_at
            FROM endpoint e JOIN observation o ON o.id = e.current
            LEFT JOIN sighting s ON s.endpoint = e.id
                AND s.sweep = (SELECT max(l.sweep) FROM sighting l WHERE l.endpoint = e.id AND l.observation = o.id)
            JOIN verdict v ON v.observation = o.id AND v.fingerprint_set = ?1
            WHERE v.is_finding AND e.presence NOT IN ('gone', 'moved') ORDER BY e.address, e.port";
        self.rows(sql, [set], |row| {
            let first_seen = moment(row, 4)?;
            let was_pruned = row.get::<_, Option<i64>>(6)?.is_none();
            Ok(Standing {
                endpoint: endpoint(row, 0)?,
                first_seen,
                last_seen: if was_pruned { first_seen } else { moment(row, 6)? },
                shown: json(row, 2)?.unwrap_or_default(),
                matches: json(row, 3)?.unwrap_or_default(),
            })
        })
    }

    /// All cases, the oldest first.
    pub fn cases(&self) -> Result<Vec<Case>, StoreError> {
        self.rows(&format!("{CASES} ORDER BY c.id"), (), read)
    }

    /// One case.
    pub fn case(&self, id: i64) -> Result<Option<Case>, StoreError> {
        Ok(self.rows(&format!("{CASES} WHERE c.id = ?1"), [id], read)?.into_iter().next())
    }

    /// Everything that happened to a case, its opening first.
    pub fn case_events(&self, id: i64) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT at, state, reason FROM case_event WHERE case_file = ?1 ORDER BY id";
        self.rows(sql, [id], |row| Ok(Event { at: time(row.get(0)?), state: word(row, 1)?, reason: row.get(2)? }))
    }

    /// Opens what is new, and notes what was seen again; all of it or nothing.
    pub fn keep_cases(&mut self, grouped: &Grouped, now: Timestamp) -> Result<(), StoreError> {
        self.write(|transaction| {
            for (binding, finding) in &grouped.new {
                open(transaction, binding, finding, now)?;
            }
            for (id, finding) in &grouped.seen {
                see(transaction, *id, finding.class, finding.confidence, finding.last_seen)?;
            }
            for id in &grouped.returned {
                happen(transaction, *id, State::Open, Some(SEEN_AGAIN), now)?;
            }
            Ok(())
        })
    }

    /// Says how these cases stand from now on, all of them or none.
    pub fn settle(
        &mut self,
        ids: &[i64],
        state: State,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            for id in ids {
                happen(transaction, *id, state, reason, now)?;
            }
            Ok(())
        })
    }

    /// Keeps a look that was taken for the sake of a case, whatever came of it.
    pub fn keep_recheck(&mut self, seen: &Observation) -> Result<Moment, StoreError> {
        self.write(|transaction| {
            let turn = turn(transaction)?;
            let sql = "INSERT INTO recheck (endpoint, seen_at, facts, turn)
                SELECT id, ?3, ?4, ?5 FROM endpoint WHERE address = ?1 AND port = ?2
                ON CONFLICT DO UPDATE SET facts = excluded.facts, turn = excluded.turn";
            let (ip, at) = (octets(seen.ip), nanoseconds(seen.seen_at));
            transaction.execute(sql, params![ip, seen.port, at, text(seen)?, turn])?;
            Ok(Moment { turn, at: seen.seen_at })
        })
    }

    /// Notes that a look for a case bears it out. If it was resolved and `may_return`, it is open again.
    pub fn bear_out(&mut self, case: &Case, found: &Match, at: Moment, may_return: bool) -> Result<bool, StoreError> {
        self.write(|transaction| {
            see(transaction, case.id, found.class, found.confidence, at)?;
            // Somebody may have settled it otherwise while the host was asked.
            let is_resolved = "SELECT state = 'resolved' FROM case_event WHERE case_file = ?1 ORDER BY id DESC LIMIT 1";
            let returns = may_return && transaction.query_row(is_resolved, [case.id], |row| row.get(0))?;
            if returns {
                happen(transaction, case.id, State::Open, Some(SEEN_AGAIN), at.at)?;
            }
            Ok(returns)
        })
    }

    /// The last look at an endpoint.
    pub fn last_look(&self, at: SocketAddr) -> Result<Option<LastLook>, StoreError> {
        let place = params![octets(at.ip()), at.port()];
        let sql = "SELECT r.turn, r.seen_at, r.facts FROM recheck r JOIN endpoint e ON e.id = r.endpoint
            WHERE e.address = ?1 AND e.port = ?2 ORDER BY r.turn DESC, r.seen_at DESC LIMIT 1";
        let recheck = self.rows(sql, place, |row| Ok((moment(row, 0)?, row.get::<_, String>(2)?)))?;
        // Sweeps follow one another, so the one with the highest number looked last.
        let sql = "SELECT coalesce(s.turn, s.sweep), s.seen_at, s.endpoint, s.sweep, s.observation IS NOT NULL
            FROM sighting s JOIN endpoint e ON e.id = s.endpoint
            WHERE e.address = ?1 AND e.port = ?2 ORDER BY s.sweep DESC LIMIT 1";
        let sighting = self.rows(sql, place, |row| {
            Ok((moment(row, 0)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?, row.get::<_, bool>(4)?))
        })?;
        let (recheck, sighting) = (recheck.into_iter().next(), sighting.into_iter().next());
        match (recheck, sighting) {
            (Some((at, facts)), sighting) if sighting.is_none_or(|(last, ..)| last <= at) => {
                Ok(Some(LastLook { at, observation: Some(self.parse("a look", &facts)?) }))
            }
            (_, Some((at, endpoint, sweep, was_seen))) => {
                let look = was_seen.then(|| self.look_at(endpoint, sweep)).transpose()?;
                Ok(Some(LastLook { at, observation: look.map(|(_, observation)| observation) }))
            }
            _ => Ok(None),
        }
    }
}

/// A turn and the time beside it.
fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    Ok(Moment { turn: row.get(column)?, at: time(row.get(column + 1)?) })
}

/// Notes the last look that shows a case, unless a later one is known.
fn see(
    transaction: &Transaction<'_>,
    case: i64,
    class: Class,
    confidence: Confidence,
    at: Moment,
) -> rusqlite::Result<()> {
    let sql = "UPDATE case_file SET class = ?2, confidence = ?3, last_turn = ?4, last_seen = ?5
        WHERE id = ?1 AND (last_turn, last_seen) <= (?4, ?5)";
    let (class, confidence) = (<&str>::from(class), <&str>::from(confidence));
    transaction.prepare_cached(sql)?.execute(params![case, class, confidence, at.turn, nanoseconds(at.at)]).map(drop)
}

fn open(transaction: &Transaction<'_>, binding: &Binding, finding: &Finding, now: Timestamp) -> rusqlite::Result<()> {
    let Binding { endpoint, fingerprint_id, identity, customer_id } = binding;
    let sql = "INSERT INTO case_file
            (endpoint, fingerprint_id, identity, customer_id, class, confidence, opened, first_seen, last_seen,
                first_turn, last_turn)
        SELECT id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM endpoint WHERE address = ?1 AND port = ?2
        ON CONFLICT DO NOTHING";
    let inserted = transaction.prepare_cached(sql)?.execute(params![
        octets(endpoint.ip()),
        endpoint.port(),
        fingerprint_id,
        identity,
        customer_id,
        <&str>::from(finding.class),
        <&str>::from(finding.confidence),
        nanoseconds(now),
        nanoseconds(finding.first_seen.at),
        nanoseconds(finding.last_seen.at),
        finding.first_seen.turn,
        finding.last_seen.turn,
    ])?;
    // Somebody else may have opened it in the meantime.
    if inserted == 0 { Ok(()) } else { happen(transaction, transaction.last_insert_rowid(), State::Open, None, now) }
}

fn happen(
    transaction: &Transaction<'_>,
    id: i64,
    state: State,
    reason: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO case_event (case_file, at, state, reason, turn) VALUES (?1, ?2, ?3, ?4, ?5)";
    let turn = turn(transaction)?;
    transaction.prepare_cached(sql)?.execute(params![id, nanoseconds(now), <&str>::from(state), reason, turn]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Case> {
    let binding = Binding {
        endpoint: endpoint(row, 1)?,
        fingerprint_id: row.get(3)?,
        identity: row.get(4)?,
        customer_id: row.get(5)?,
    };
    Ok(Case {
        id: row.get(0)?,
        binding,
        class: word(row, 6)?,
        confidence: word(row, 7)?,
        opened: time(row.get(8)?),
        first_seen: moment(row, 9)?,
        last_seen: moment(row, 11)?,
        state: word(row, 13)?,
        since: moment(row, 14)?,
        reason: row.get(16)?,
    })
}

/// A word out of a closed list.
fn word<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}
