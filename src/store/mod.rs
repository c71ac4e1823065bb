//! The history: what sweeps saw, in one SQLite file. SQL stands here and nowhere else.
//!
//! Observations are facts and are written once; verdicts stand beside them, keyed by the set of fingerprints. Every method
//! that writes does so in one transaction, with `synchronous = FULL`: what it reports as written survives the power.

mod cases;
mod commit;
mod compare;
mod error;
mod keep;
mod looks;
mod open;
mod outbox;
mod owed;
mod past;
mod sweeps;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use cases::{Event, LastLook, Standing};
pub use compare::{Conclusion, Outcome};
pub use error::StoreError;
pub use keep::Pruned;
pub use looks::Which;
pub use outbox::{LONGEST_WAIT, Waiting};
pub use past::{PastChange, PastLook};
pub use sweeps::{Allowed, State, Sweep};

/// An open history.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// What this run drew when it began a sweep or went on with one.
    runner: Option<String>,
}

impl Store {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What this history is called; drawn when it was made.
    pub fn id(&self) -> Result<String, StoreError> {
        self.row("SELECT id FROM history", ())
    }

    fn wrong(&self) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
        |cause| StoreError::of(&self.path, cause)
    }

    /// Writes all of this or nothing. The transaction says at its begin that it will write: one that reads first and then finds
    /// another process writing is refused at once, however long it may wait.
    fn write<T>(&mut self, write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let written = (|| {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = write(&transaction)?;
            transaction.commit().map(|()| value)
        })();
        written.map_err(self.wrong())
    }

    /// The first column of the one row that a query has.
    fn row<T: rusqlite::types::FromSql>(&self, sql: &str, parameters: impl Params) -> Result<T, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(parameters, |row| row.get(0)))
            .map_err(self.wrong())
    }

    /// Every row of a query.
    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.wrong())?;
        let rows = statement.query_map(parameters, |row| read(row)).map_err(self.wrong())?;
        rows.collect::<rusqlite::Result<Vec<T>>>().map_err(self.wrong())
    }

    /// Takes one of our own JSON texts apart.
    fn parse<T: DeserializeOwned>(&self, what: &'static str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|cause| self.contents(what, cause.to_string()))
    }

    fn contents(&self, what: &'static str, cause: String) -> StoreError {
        StoreError::Contents { path: self.path.clone(), what, cause }
    }
}

/// The next turn: what is written with it came after everything before, whatever the clocks said.
fn turn(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    transaction.prepare_cached("UPDATE history SET turn = turn + 1 RETURNING turn")?.query_row((), |row| row.get(0))
}

/// The turn of what was written last.
fn last_turn(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT turn FROM history")?.query_row((), |row| row.get(0))
}

/// A value of ours as the JSON text of a column.
fn text<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A JSON column that may be empty.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
        })
    };
    text.map(read).transpose()
}

/// Nanoseconds since 1970, as far as SQLite's integers reach: the year 2262.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The endpoint in two columns.
fn endpoint(row: &Row<'_>, column: usize) -> rusqlite::Result<SocketAddr> {
    let octets: Vec<u8> = row.get(column)?;
    let address = match (<[u8; 4]>::try_from(octets.as_slice()), <[u8; 16]>::try_from(octets.as_slice())) {
        (Ok(v4), _) => IpAddr::from(v4),
        (_, Ok(v6)) => IpAddr::from(v6),
        _ => {
            let cause = "an address of neither 4 nor 16 octets".into();
            return Err(rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, cause));
        }
    };
    Ok(SocketAddr::new(address, row.get(column + 1)?))
}

#[cfg(test)]
mod tests;
