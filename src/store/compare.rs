//! A sweep that has come to its end is compared with where the endpoints stood, and concluded.

use std::collections::HashMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::sweeps::set_id;
use super::{Store, StoreError, endpoint, json, nanoseconds, text, time};
use crate::change::{Change, Comparison, Entry, Kind, Look, Presence, Shown, Sight, Standing};

/// What a sweep's end writes, all at once.
#[derive(Clone, Debug)]
pub struct Conclusion<'a> {
    /// The changes, and where the endpoints now stand.
    pub comparison: &'a Comparison,
    /// Beside each change: why its finding is held back, if it is.
    pub silenced: &'a [Option<String>],
    /// Alerts: identifier, channel, body.
    pub alerts: &'a [(String, String, String)],
    /// The news that are owed to whoever started the sweep, if there are any.
    pub news: Option<&'a str>,
    /// Marks of the ends of rules that the news announce.
    pub announced: &'a [String],
    /// After how many misses an endpoint was taken to be gone.
    pub misses: u32,
    /// The scanner's word for what was covered.
    pub coverage: &'a str,
    /// The end.
    pub ended: Timestamp,
}

/// Counts of what a sweep found, for its summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Endpoints that spoke RDP.
    pub seen: u64,
    /// Endpoints that did once, and were missed.
    pub missed: u64,
}

impl Store {
    /// Every endpoint that is known, where the last complete sweep left it, and what this one found.
    pub fn entries(&self, sweep: i64, fingerprint_set: &str) -> Result<Vec<Entry>, StoreError> {
        let set = set_id(&self.connection, fingerprint_set).map_err(self.wrong())?;
        let previous = self.complete_before(sweep)?.map(|previous| previous.id);
        let sql = "SELECT e.id, e.address, e.port, e.presence, e.misses, e.seen_in, e.judged_by,
                before.shown, judged.verdict, last.seen_at, s.status, now.shown, found.verdict, s.seen_at
            FROM endpoint e
            LEFT JOIN observation before ON before.id = e.standing
            LEFT JOIN verdict judged ON judged.observation = e.standing AND judged.fingerprint_set = e.judged_by
            LEFT JOIN sighting last ON last.endpoint = e.id AND last.sweep = e.seen_in
            LEFT JOIN sighting s ON s.endpoint = e.id AND s.sweep = ?1
            LEFT JOIN observation o ON o.id = s.observation
            LEFT JOIN observation now ON now.id = o.subject
            LEFT JOIN verdict found ON found.observation = now.id AND found.fingerprint_set = ?2
            ORDER BY e.address, e.port";
        self.rows(sql, [sweep, set], |row| {
            let presence: String = row.get(3)?;
            let seen_in: Option<i64> = row.get(5)?;
            let judged_by: Option<i64> = row.get(6)?;
            let status: Option<String> = row.get(10)?;
            let sight = match timed_look(row, 11)? {
                Some(look) => Some(Sight::Seen(Box::new(look))),
                None => status.map(|_| Sight::Missed),
            };
            let before = Standing {
                presence: presence.parse().unwrap_or_default(),
                misses: row.get(4)?,
                was_seen_last: seen_in.is_some() && seen_in == previous,
                other_fingerprints: judged_by != Some(set),
                look: timed_look(row, 7)?,
            };
            Ok(Entry { id: row.get(0)?, endpoint: endpoint(row, 1)?, before, sight })
        })
    }

    /// Writes a sweep's end: its changes, where the endpoints now stand, and what is owed: alerts, news, the export.
    pub fn conclude(&mut self, sweep: i64, conclusion: &Conclusion<'_>) -> Result<(), StoreError> {
        let previous = self.complete_before(sweep)?.map(|previous| previous.id);
        let Conclusion { comparison, silenced, alerts, news, announced, misses: limit, coverage, ended } = conclusion;
        self.write_sweep(sweep, |transaction| {
            for (id, Standing { presence, misses, .. }) in &comparison.standings {
                let sql = "UPDATE endpoint SET presence = ?2, misses = ?3 WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute(params![id, <&str>::from(*presence), misses])?;
            }
            transaction.execute(
                "UPDATE endpoint SET seen_in = ?1,
                    judged_by = (SELECT fingerprint_set FROM sweep WHERE id = ?1),
                    standing = (SELECT o.subject FROM sighting s JOIN observation o ON o.id = s.observation
                        WHERE s.endpoint = endpoint.id AND s.sweep = ?1)
                WHERE id IN (SELECT endpoint FROM sighting WHERE sweep = ?1 AND observation IS NOT NULL)",
                [sweep],
            )?;
            let reasons = silenced.iter().map(Option::as_deref).chain(std::iter::repeat(None));
            for ((id, change), reason) in comparison.changes.iter().zip(reasons) {
                let sql = "INSERT INTO change (sweep, endpoint, kind, change, silenced) VALUES (?1, ?2, ?3, ?4, ?5)";
                let kind = <&str>::from(&change.kind);
                transaction.prepare_cached(sql)?.execute(params![sweep, id, kind, text(change)?, reason])?;
            }
            for (alert_id, channel, body) in *alerts {
                let sql = "INSERT INTO outbox (alert_id, channel, sweep, body, next_try) VALUES (?1, ?2, ?3, ?4, ?5)
                    ON CONFLICT DO NOTHING";
                transaction.prepare_cached(sql)?.execute(params![
                    alert_id,
                    channel,
                    sweep,
                    body,
                    nanoseconds(*ended)
                ])?;
            }
            for mark in *announced {
                let sql = "INSERT INTO announced (mark) VALUES (?1) ON CONFLICT DO NOTHING";
                transaction.prepare_cached(sql)?.execute([mark])?;
            }
            transaction.execute(
                "UPDATE sweep SET state = 'complete', cursor = NULL, coverage = ?2, ended = ?3, previous = ?4, misses = ?5,
                    news = ?6, owes_export = 1
                    WHERE id = ?1",
                params![sweep, coverage, nanoseconds(*ended), previous, limit, news],
            )?;
            Ok(())
        })
    }

    /// Counts what a sweep found, also where the looks themselves were pruned.
    pub fn outcome(&self, sweep: i64) -> Result<Outcome, StoreError> {
        let counted = "SELECT rdp, missed FROM sweep WHERE id = ?1 AND pruned IS NOT NULL";
        let counted: Vec<(i64, i64)> = self.rows(counted, [sweep], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let count = |condition: &str| -> Result<i64, StoreError> {
            self.row(&format!("SELECT count(*) FROM sighting WHERE sweep = ?1 AND observation IS {condition}"), [sweep])
        };
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        let (seen, missed) = match counted.first() {
            Some(counted) => *counted,
            None => (count("NOT NULL")?, count("NULL")?),
        };
        Ok(Outcome { seen: number(seen), missed: number(missed) })
    }

    /// Two complete sweeps that were not pruned as a comparison of the second with the first, whatever lay between. Takes two walks back in time per
    /// endpoint, each as far as the last look that saw it, however long the history is.
    pub fn entries_between(&self, first: i64, second: i64, misses_until_gone: u32) -> Result<Vec<Entry>, StoreError> {
        let set_of = |sweep| self.row::<i64>("SELECT fingerprint_set FROM sweep WHERE id = ?1", [sweep]);
        let (old_set, new_set) = (set_of(first)?, set_of(second)?);
        let moves = self.moves(second)?;
        let endpoints = self.rows("SELECT id, address, port FROM endpoint ORDER BY address, port", (), |row| {
            Ok((row.get::<_, i64>(0)?, endpoint(row, 1)?))
        })?;
        let mut entries = Vec::new();
        for (id, endpoint) in endpoints {
            let now = self.point(id, second, misses_until_gone)?;
            let Some(last_probed) = now.probed_in else { continue };
            let then = self.point(id, first, misses_until_gone)?;
            let moved_by = |end: i64, point: &Point| {
                let left = moves.get(&endpoint).into_iter().flatten();
                left.into_iter().any(|sweep| *sweep <= end && point.seen_in.is_some_and(|seen| *sweep > seen))
            };
            let mut before = Standing {
                presence: then.presence(),
                misses: then.misses,
                was_seen_last: then.seen_in == Some(first),
                other_fingerprints: old_set != new_set,
                look: then.subject.map(|subject| self.look_of(subject, old_set, then.seen_at)).transpose()?,
            };
            if before.presence == Presence::Present && moved_by(first, &then) {
                before.presence = Presence::Moved;
            }
            let is_there = now.seen_in > then.seen_in && !now.is_gone;
            let sight = match now.subject {
                _ if last_probed <= first => None,
                Some(subject) if is_there => {
                    Some(Sight::Seen(Box::new(self.look_of(subject, new_set, now.seen_at)?)))
                }
                _ => {
                    // As many misses as there are in the end, this one among them.
                    before.misses = now.misses.saturating_sub(1);
                    if before.presence == Presence::Present && moved_by(second, &now) {
                        before.presence = Presence::Moved;
                    }
                    Some(Sight::Missed)
                }
            };
            entries.push(Entry { id, endpoint, before, sight });
        }
        Ok(entries)
    }

    /// In which sweeps, up to this one, a machine moved away from an endpoint.
    fn moves(&self, last: i64) -> Result<HashMap<SocketAddr, Vec<i64>>, StoreError> {
        let sql = "SELECT sweep, change FROM change WHERE kind = 'moved' AND sweep <= ?1";
        let rows: Vec<(i64, Option<Change>)> = self.rows(sql, [last], |row| Ok((row.get(0)?, json(row, 1)?)))?;
        let mut moves: HashMap<_, Vec<_>> = HashMap::new();
        for (sweep, change) in rows {
            if let Some(Change { kind: Kind::Moved { from }, .. }) = change {
                moves.entry(from).or_default().push(sweep);
            }
        }
        Ok(moves)
    }

    /// Where an endpoint stood after a sweep.
    fn point(&self, endpoint: i64, sweep: i64, misses_until_gone: u32) -> Result<Point, StoreError> {
        let sql = "SELECT s.sweep, o.subject, s.seen_at, w.pruned IS NOT NULL, e.pruned_misses
            FROM sighting s JOIN sweep w ON w.id = s.sweep JOIN endpoint e ON e.id = s.endpoint
            LEFT JOIN observation o ON o.id = s.observation
            WHERE s.endpoint = ?1 AND s.sweep <= ?2 AND w.state = 'complete' ORDER BY s.sweep DESC";
        let walk = || {
            let mut point = Point::default();
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut looks = statement.query([endpoint, sweep])?;
            while let Some(look) = looks.next()? {
                let (in_sweep, subject): (i64, Option<i64>) = (look.get(0)?, look.get(1)?);
                let was_pruned: bool = look.get(3)?;
                point.probed_in = point.probed_in.or(Some(in_sweep));
                if was_pruned && subject.is_none() {
                    // Counted together with the last look that saw it.
                    continue;
                }
                if was_pruned {
                    point.misses = point.misses.saturating_add(look.get(4)?);
                }
                if subject.is_some() {
                    (point.seen_in, point.subject, point.seen_at) = (Some(in_sweep), subject, look.get(2)?);
                    point.is_gone = point.misses >= misses_until_gone.max(1);
                    break;
                }
                point.misses = point.misses.saturating_add(1);
            }
            Ok(point)
        };
        walk().map_err(self.wrong())
    }

    fn look_of(&self, observation: i64, set: i64, seen_at: i64) -> Result<Look, StoreError> {
        let sql = "SELECT o.shown, v.verdict FROM observation o
            LEFT JOIN verdict v ON v.observation = o.id AND v.fingerprint_set = ?2 WHERE o.id = ?1";
        let looks = self.rows(sql, [observation, set], |row| look(row, 0))?;
        let look = looks.into_iter().flatten().next().unwrap_or_default();
        Ok(Look { seen_at: Some(time(seen_at)), ..look })
    }
}

fn look(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Look>> {
    let shown: Option<Shown> = json(row, column)?;
    let verdict = json(row, column + 1)?;
    Ok(shown.map(|shown| Look { seen_at: None, shown, verdict }))
}

/// A look with when it was taken, in the column after it.
fn timed_look(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Look>> {
    let seen_at: Option<i64> = row.get(column + 2)?;
    Ok(look(row, column)?.map(|look| Look { seen_at: seen_at.map(time), ..look }))
}

/// The standing of an endpoint, told from its looks.
#[derive(Clone, Copy, Default)]
struct Point {
    /// The last sweep that probed it.
    probed_in: Option<i64>,
    /// The last sweep that saw it, and what it showed.
    seen_in: Option<i64>,
    subject: Option<i64>,
    /// When; of no meaning where it was never seen.
    seen_at: i64,
    /// How often it was missed since.
    misses: u32,
    is_gone: bool,
}

impl Point {
    fn presence(&self) -> Presence {
        match (self.seen_in, self.is_gone) {
            (None, _) => Presence::Unknown,
            (_, true) => Presence::Gone,
            (_, false) => Presence::Present,
        }
    }
}
