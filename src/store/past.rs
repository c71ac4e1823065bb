//! What is asked about single endpoints, fingerprints and sweeps.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

use super::{Store, StoreError, endpoint, json, octets, time};
use crate::change::{Change, Shown, Verdict};

/// A state of an endpoint, with when it was seen in it.
#[derive(Clone, Debug, PartialEq)]
pub struct PastLook {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// The observation's number.
    pub observation: i64,
    /// When it was first seen so.
    pub first_seen: Timestamp,
    /// When it was last seen so, as far as looks are kept.
    pub last_seen: Timestamp,
    /// In how many sweeps, as far as looks are kept.
    pub sweeps: u64,
    /// What was seen.
    pub shown: Shown,
    /// The last verdict on it.
    pub verdict: Option<Verdict>,
    /// Whether the endpoint is there: `present`, `gone`, `moved`, `unknown`.
    pub presence: String,
}

/// A change that a sweep found.
#[derive(Clone, Debug, PartialEq)]
pub struct PastChange {
    /// The sweep.
    pub sweep: i64,
    /// What changed.
    pub change: Change,
    /// Why its finding was held back, if it was.
    pub silenced: Option<String>,
}

/// The verdict by the newest set counts.
const STATES: &str = "SELECT e.address, e.port, o.id, o.seen_at,
        (SELECT s.seen_at FROM sighting s WHERE s.endpoint = e.id AND s.observation = o.id ORDER BY s.sweep DESC LIMIT 1),
        (SELECT count(*) FROM sighting s WHERE s.endpoint = e.id AND s.observation = o.id),
        o.shown,
        (SELECT v.verdict FROM verdict v WHERE v.observation = o.id ORDER BY v.fingerprint_set DESC LIMIT 1),
        e.presence
    FROM observation o JOIN endpoint e ON e.id = o.endpoint";

impl Store {
    /// Every state of an address's endpoints, the oldest first.
    pub fn host(&self, address: IpAddr) -> Result<Vec<PastLook>, StoreError> {
        self.past(&format!("{STATES} WHERE e.address = ?1 ORDER BY e.port, o.id"), (octets(address),))
    }

    /// Every state that was judged to fit a fingerprint by any of the sets that were asked.
    pub fn finding(&self, fingerprint_id: &str) -> Result<Vec<PastLook>, StoreError> {
        let sql = format!(
            "{STATES} WHERE EXISTS (SELECT 1 FROM verdict v, json_each(v.matches) m
                WHERE v.observation = o.id AND m.value ->> '$.fingerprint_id' = ?1) ORDER BY e.address, e.port, o.id"
        );
        self.past(&sql, (fingerprint_id,))
    }

    /// The changes that sweeps found at an address.
    pub fn changes_at(&self, address: IpAddr) -> Result<Vec<PastChange>, StoreError> {
        let sql = "SELECT c.sweep, c.change, c.silenced FROM change c JOIN endpoint e ON e.id = c.endpoint
            WHERE e.address = ?1 ORDER BY c.sweep, e.port";
        self.changes(sql, (octets(address),))
    }

    /// The changes that a sweep found.
    pub fn changes_in(&self, sweep: i64) -> Result<Vec<PastChange>, StoreError> {
        let sql = "SELECT c.sweep, c.change, c.silenced FROM change c JOIN endpoint e ON e.id = c.endpoint
            WHERE c.sweep = ?1 ORDER BY e.address, e.port";
        self.changes(sql, (sweep,))
    }

    /// When an address was first and last seen, with its port; kept for ever.
    pub fn seen(&self, address: IpAddr) -> Result<Vec<(SocketAddr, Timestamp, Timestamp)>, StoreError> {
        let sql = "SELECT address, port, first_seen, last_seen FROM endpoint WHERE address = ?1 ORDER BY port";
        self.rows(sql, (octets(address),), |row| Ok((endpoint(row, 0)?, time(row.get(2)?), time(row.get(3)?))))
    }

    /// Endpoints that the last complete sweep before this one saw.
    pub fn seen_in(&self, sweep: i64) -> Result<Vec<SocketAddr>, StoreError> {
        let sql = "SELECT e.address, e.port FROM sighting s JOIN endpoint e ON e.id = s.endpoint
            WHERE s.sweep = ?1 AND s.observation IS NOT NULL";
        self.rows(sql, [sweep], |row| endpoint(row, 0))
    }

    fn past(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<PastLook>, StoreError> {
        self.rows(sql, parameters, |row| {
            let (first, last): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
            let sweeps: i64 = row.get(5)?;
            Ok(PastLook {
                endpoint: endpoint(row, 0)?,
                observation: row.get(2)?,
                first_seen: time(first),
                last_seen: time(last.unwrap_or(first)),
                sweeps: u64::try_from(sweeps).unwrap_or_default(),
                shown: json(row, 6)?.unwrap_or_default(),
                verdict: json(row, 7)?,
                presence: row.get(8)?,
            })
        })
    }

    fn changes(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<PastChange>, StoreError> {
        let rows = self.rows(sql, parameters, |row| Ok((row.get(0)?, json::<Change>(row, 1)?, row.get(2)?)))?;
        let change = |(sweep, change, silenced): (i64, Option<Change>, _)| {
            change.map(|change| PastChange { sweep, change, silenced })
        };
        Ok(rows.into_iter().filter_map(change).collect())
    }
}
