//! What complete sweeps still owe: their news told, and what they saw exported. A sweep's end is written together with what
//! it owes, and each debt is struck out when it was paid, so a kill in between costs at most that it is paid twice.

use std::collections::HashSet;

use rusqlite::OptionalExtension as _;

use super::{Store, StoreError};

impl Store {
    /// Sweeps whose news were not told yet, the oldest first, with these news as they were given to the conclusion.
    pub fn untold(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT id, news FROM sweep WHERE news IS NOT NULL ORDER BY id";
        self.rows(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The news of a sweep were told.
    pub fn told(&mut self, sweep: i64) -> Result<(), StoreError> {
        let sql = "UPDATE sweep SET news = NULL WHERE id = ?1";
        self.connection.execute(sql, [sweep]).map(drop).map_err(self.wrong())
    }

    /// Marks of the ends of rules that were announced.
    pub fn announced(&self) -> Result<HashSet<String>, StoreError> {
        Ok(self.rows("SELECT mark FROM announced", (), |row| row.get(0))?.into_iter().collect())
    }

    /// The last complete sweep, if it was not exported yet. Those before it have nothing to export any more.
    pub fn unexported(&self) -> Result<Option<i64>, StoreError> {
        let sql =
            "SELECT id FROM sweep WHERE owes_export AND id = (SELECT max(id) FROM sweep WHERE state = 'complete')";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)).optional())
            .map_err(self.wrong())
    }

    /// What a sweep saw was exported.
    pub fn exported(&mut self, sweep: i64) -> Result<(), StoreError> {
        let sql = "UPDATE sweep SET owes_export = 0 WHERE id <= ?1 AND owes_export";
        self.connection.execute(sql, [sweep]).map(drop).map_err(self.wrong())
    }
}
