//! Writing what a sweep saw.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::sweeps::set_id;
use super::{Store, StoreError, json, last_turn, nanoseconds, octets, text, turn};
use crate::change::{Shown, Verdict};
use crate::fingerprint::FingerprintSet;
use crate::observe::{KeyPossession, Observation, Status};
use crate::verdict::Record;

/// Looks that are written together.
#[derive(Clone, Copy)]
struct Batch {
    sweep: i64,
    turn: i64,
}

/// An endpoint that is known.
struct Known {
    id: i64,
    current: Option<Current>,
}

/// What the last look at it equalled.
struct Current {
    observation: i64,
    likeness: Vec<u8>,
    subject: i64,
    /// What the subject shows.
    shown: Shown,
}

impl Store {
    /// Writes these records and how far the sweep has come, together or not at all.
    ///
    /// A record of an endpoint that never spoke RDP leaves no row; of one that did, and did not this time, its status.
    /// Returns the turn of these looks; those of later batches have higher ones.
    pub fn commit(&mut self, sweep: i64, records: &[Record], cursor: Option<&str>) -> Result<i64, StoreError> {
        self.write_sweep(sweep, |transaction| {
            let turn = if records.is_empty() { last_turn(transaction)? } else { turn(transaction)? };
            for record in records {
                keep(transaction, Batch { sweep, turn }, record)?;
            }
            if let Some(cursor) = cursor {
                let mut update = transaction.prepare_cached("UPDATE sweep SET cursor = ?2 WHERE id = ?1")?;
                update.execute(params![sweep, cursor])?;
            }
            Ok(turn)
        })
    }

    /// Judges with these fingerprints everything that the next sweep may be compared with and that they have not judged.
    /// Returns how many observations that were.
    pub fn judge(&mut self, fingerprints: &FingerprintSet) -> Result<usize, StoreError> {
        /// As many as are judged in one transaction.
        const BATCH: i64 = 1000;
        let set = set_id(&self.connection, fingerprints.hash()).map_err(self.wrong())?;
        let mut count = 0;
        loop {
            let unjudged = "SELECT o.id, o.facts FROM observation o
                WHERE o.id IN (SELECT current FROM endpoint UNION SELECT standing FROM endpoint
                    UNION SELECT c.subject FROM endpoint e JOIN observation c ON c.id = e.current)
                AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.observation = o.id AND v.fingerprint_set = ?1)
                ORDER BY o.id LIMIT ?2";
            let batch: Vec<(i64, String)> = self.rows(unjudged, [set, BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if batch.is_empty() {
                return Ok(count);
            }
            count += batch.len();
            let mut records = Vec::new();
            for (id, facts) in &batch {
                records.push((*id, Record::judge(self.parse("an observation", facts)?, fingerprints)));
            }
            self.write(|transaction| {
                for (id, record) in &records {
                    keep_verdict(transaction, *id, set, record)?;
                }
                Ok(())
            })?;
        }
    }
}

fn keep(connection: &Connection, batch: Batch, record: &Record) -> rusqlite::Result<()> {
    let Batch { sweep, turn } = batch;
    let observation = &record.observation;
    let known = known(connection, observation)?;
    if !observation.speaks_rdp() && record.matches.is_empty() {
        // What was seen earlier in this very sweep was there, whatever happened since.
        return known.map_or(Ok(()), |Known { id, .. }| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO sighting (endpoint, sweep, seen_at, status, turn) VALUES (?1, ?2, ?3, ?4, ?5)
                    ON CONFLICT DO NOTHING",
            )?;
            let (at, status) = (nanoseconds(observation.seen_at), <&str>::from(observation.status));
            insert.execute(params![id, sweep, at, status, turn])?;
            Ok(())
        });
    }
    let Known { id, current } = match known {
        Some(known) => known,
        None => Known { id: add_endpoint(connection, observation)?, current: None },
    };
    let likeness = observation.likeness().0;
    let (row, is_new) = match &current {
        Some(current) if current.likeness == likeness => (current.observation, false),
        _ => (add_observation(connection, batch, id, record, &likeness, current.as_ref())?, true),
    };
    let is_finding = record.findings().next().is_some();
    // Of a finding every look can be told exactly; otherwise, what passes is not worth its room.
    let passing = (is_finding && !is_new).then(|| text(&observation.passing())).transpose()?;
    let mut sight = connection.prepare_cached(
        "INSERT INTO sighting (endpoint, sweep, seen_at, observation, rtt_us, skew_ms, passing, turn)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, observation = excluded.observation, status = NULL,
                rtt_us = excluded.rtt_us, skew_ms = excluded.skew_ms, passing = excluded.passing,
                turn = excluded.turn",
    )?;
    let skew = observation.ntlm.as_ref().and_then(|ntlm| ntlm.clock_skew_ms);
    let rtt = observation.rtt_us.and_then(|rtt| i64::try_from(rtt).ok());
    sight.execute(params![id, sweep, nanoseconds(observation.seen_at), row, rtt, skew, passing, turn])?;
    let mut update = connection.prepare_cached(
        "UPDATE endpoint SET current = ?2, first_seen = min(first_seen, ?3), last_seen = ?3 WHERE id = ?1",
    )?;
    update.execute(params![id, row, nanoseconds(observation.seen_at)]).map(drop)
}

fn known(connection: &Connection, observation: &Observation) -> rusqlite::Result<Option<Known>> {
    let mut select = connection.prepare_cached(
        "SELECT e.id, o.id, o.likeness, o.subject, s.shown FROM endpoint e
            LEFT JOIN observation o ON o.id = e.current LEFT JOIN observation s ON s.id = o.subject
            WHERE e.address = ?1 AND e.port = ?2",
    )?;
    select
        .query_row(params![octets(observation.ip), observation.port], |row| {
            let current = match row.get::<_, Option<i64>>(1)? {
                Some(observation) => Some(Current {
                    observation,
                    likeness: row.get(2)?,
                    subject: row.get(3)?,
                    shown: json(row, 4)?.unwrap_or_default(),
                }),
                None => None,
            };
            Ok(Known { id: row.get(0)?, current })
        })
        .optional()
}

fn add_endpoint(connection: &Connection, observation: &Observation) -> rusqlite::Result<i64> {
    let mut insert = connection
        .prepare_cached("INSERT INTO endpoint (address, port, first_seen, last_seen) VALUES (?1, ?2, ?3, ?3)")?;
    insert.insert(params![octets(observation.ip), observation.port, nanoseconds(observation.seen_at)])
}

fn add_observation(
    connection: &Connection,
    batch: Batch,
    endpoint: i64,
    record: &Record,
    likeness: &[u8],
    current: Option<&Current>,
) -> rusqlite::Result<i64> {
    let observation = &record.observation;
    let shown = Shown::of(observation);
    // Where a dialogue broke off before it showed what is known, that still counts; if what it did show is another machine's,
    // that is what counts.
    let rests_on = |before: &Shown| shown.rests_on(before, observation.ntlm_name());
    let subject = current.filter(|current| is_broken_off(observation) && rests_on(&current.shown));
    let mut insert = connection.prepare_cached(
        "INSERT INTO observation (endpoint, sweep, seen_at, likeness, facts, shown, subject, turn)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let (seen_at, facts) = (nanoseconds(observation.seen_at), text(observation)?);
    let subject = subject.map(|current| current.subject);
    let (Batch { sweep, turn }, shown) = (batch, text(&shown)?);
    let id = insert.insert(params![endpoint, sweep, seen_at, likeness, facts, shown, subject.unwrap_or(0), turn])?;
    if subject.is_none() {
        connection.prepare_cached("UPDATE observation SET subject = id WHERE id = ?1")?.execute([id])?;
    }
    keep_verdict(connection, id, set_id(connection, &record.fingerprint_set)?, record)?;
    Ok(id)
}

fn keep_verdict(connection: &Connection, observation: i64, set: i64, record: &Record) -> rusqlite::Result<()> {
    let verdict = Verdict::of(&record.matches);
    let is_finding = verdict.as_ref().is_some_and(Verdict::is_finding);
    let verdict = verdict.map(|verdict| text(&verdict)).transpose()?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO verdict (observation, fingerprint_set, traits, matches, verdict, is_finding)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?;
    let (traits, matches) = (text(&record.traits)?, text(&record.matches)?);
    insert.execute(params![observation, set, traits, matches, verdict, is_finding]).map(drop)
}

/// Whether the dialogue ended before its natural end, so that what is lacking may be there all the same. Who presented a
/// certificate without its key is found out, which no line does.
fn is_broken_off(observation: &Observation) -> bool {
    let is_impostor = observation.tls.as_ref().is_some_and(|tls| tls.key_possession == KeyPossession::Failed);
    !is_impostor && !matches!(observation.status, Status::Success | Status::ApplicationError)
}
