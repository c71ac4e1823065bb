//! Reading observations and records back.

use rusqlite::params;
use serde_json::json;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::{Store, StoreError, time};
use crate::fingerprint::Traits;
use crate::observe::{Observation, Passing};
use crate::verdict::Record;

/// Which observations are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Which {
    /// Of each endpoint the last look.
    Latest,
    /// Of each endpoint each state that it was in, as first seen.
    States,
    /// Every look of every sweep that found RDP.
    Looks,
}

impl Store {
    /// Stored observations, the oldest sweep's first. Each is read when it is asked for; only their numbers are held.
    ///
    /// A look that showed what an earlier one had shown is told with its own time, round trip and skew; what else passes
    /// is kept for findings only, and is otherwise absent.
    pub fn observations(
        &self,
        which: Which,
    ) -> Result<impl Iterator<Item = Result<Observation, StoreError>> + '_, StoreError> {
        let sql = match which {
            Which::Latest => {
                "SELECT endpoint, max(sweep) FROM sighting WHERE observation IS NOT NULL GROUP BY endpoint ORDER BY 2, 1"
            }
            Which::States => "SELECT NULL, id FROM observation ORDER BY id",
            Which::Looks => {
                "SELECT endpoint, sweep FROM sighting WHERE observation IS NOT NULL ORDER BY sweep, endpoint"
            }
        };
        let places: Vec<(Option<i64>, i64)> = self.rows(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(places.into_iter().map(|(endpoint, number)| {
            if let Some(endpoint) = endpoint {
                return self.look_at(endpoint, number).map(|(_, observation)| observation);
            }
            let facts: String = self.row("SELECT facts FROM observation WHERE id = ?1", [number])?;
            self.parse("an observation", &facts)
        }))
    }

    /// What a sweep saw, each look with its verdict by the sweep's own fingerprints, in the order of addresses.
    pub fn records(&self, sweep: i64) -> Result<impl Iterator<Item = Result<Record, StoreError>> + '_, StoreError> {
        let set: i64 = self.row("SELECT fingerprint_set FROM sweep WHERE id = ?1", [sweep])?;
        let hash: String = self.row("SELECT hash FROM fingerprint_set WHERE id = ?1", [set])?;
        let sql = "SELECT s.endpoint FROM sighting s JOIN endpoint e ON e.id = s.endpoint
            WHERE s.sweep = ?1 AND s.observation IS NOT NULL ORDER BY e.address, e.port";
        let endpoints: Vec<i64> = self.rows(sql, [sweep], |row| row.get(0))?;
        Ok(endpoints.into_iter().map(move |endpoint| self.record(endpoint, sweep, set, &hash)))
    }

    fn record(&self, endpoint: i64, sweep: i64, set: i64, hash: &str) -> Result<Record, StoreError> {
        let (id, observation) = self.look_at(endpoint, sweep)?;
        let sql = "SELECT traits, matches FROM verdict WHERE observation = ?1 AND fingerprint_set = ?2";
        let verdicts: Vec<(String, String)> = self.rows(sql, [id, set], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((traits, matches)) = verdicts.into_iter().next() else {
            return Err(self.contents("a verdict", "it is not there".to_owned()));
        };
        let traits: Traits = self.parse("traits", &traits)?;
        let matches = self.parse("matches", &matches)?;
        Ok(Record { observation, traits, matches, fingerprint_set: hash.to_owned() })
    }

    /// One look, and the observation that it equalled.
    pub(super) fn look_at(&self, endpoint: i64, sweep: i64) -> Result<(i64, Observation), StoreError> {
        let sql = "SELECT o.id, o.facts, o.seen_at, s.seen_at, s.rtt_us, s.skew_ms, s.passing
            FROM sighting s JOIN observation o ON o.id = s.observation WHERE s.endpoint = ?1 AND s.sweep = ?2";
        let rows = self.rows(sql, params![endpoint, sweep], |row| {
            let (first, now): (i64, i64) = (row.get(2)?, row.get(3)?);
            let beside: (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, first, now, beside, row.get::<_, Option<String>>(6)?))
        })?;
        let Some((id, facts, first, now, (rtt, skew), passing)) = rows.into_iter().next() else {
            return Err(self.contents("a look", "it is not there".to_owned()));
        };
        let stored: Observation = self.parse("an observation", &facts)?;
        if first == now {
            return Ok((id, stored));
        }
        let passing: Passing = if let Some(passing) = passing {
            self.parse("a look", &passing)?
        } else {
            let values = [
                ("seen_at", Some(json!(time(now)))),
                ("rtt_us", rtt.map(|rtt| json!(rtt))),
                ("ntlm.clock_skew_ms", skew.map(|skew| json!(skew))),
            ];
            values.into_iter().filter_map(|(path, value)| Some((path.to_owned(), value?))).collect()
        };
        Ok((id, stored.at_another_look(&passing)))
    }
}
