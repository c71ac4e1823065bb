//! Opening a history: recognised, checked, and brought to the newest schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Store, StoreError};

/// The schemas, each as what is to be done to the one before. Number N makes schema N, and is never changed once a version
/// of rdprint with it is out.
pub(super) const SCHEMAS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// "RDPR", in the place where SQLite lets a file say whose it is.
const APPLICATION_ID: i64 = 0x5244_5052;
/// How long another process may write before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Store {
    /// Opens a history, or makes one where there is no file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens a history that must be there.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let wrong = |cause| StoreError::of(path, cause);
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(wrong)?;
        let mut store = Self { connection, path: path.to_owned() };
        // Whose file it is comes first: nothing of somebody else's may be changed, not even its journal mode.
        let is_new = store.recognise()?;
        store.connection.busy_timeout(PATIENCE).map_err(wrong)?;
        for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON")] {
            store.connection.pragma_update(None, name, value).map_err(wrong)?;
        }
        store.connection.set_prepared_statement_cache_capacity(64);
        if !is_new {
            store.check()?;
        }
        store.migrate(SCHEMAS)?;
        Ok(store)
    }

    /// Whether the file is empty; an error if it is neither that nor a history that this version can read.
    fn recognise(&self) -> Result<bool, StoreError> {
        let (id, version) = (self.pragma("application_id")?, self.pragma("user_version")?);
        let tables: i64 = self.row("SELECT count(*) FROM sqlite_schema", ())?;
        let known = i64::try_from(SCHEMAS.len()).unwrap_or(i64::MAX);
        match (id, version, tables) {
            (0, 0, 0) => Ok(true),
            (APPLICATION_ID, version, _) if version > known => {
                Err(StoreError::Newer { path: self.path.clone(), found: version, known })
            }
            (APPLICATION_ID, ..) => Ok(false),
            _ => Err(StoreError::Foreign(self.path.clone())),
        }
    }

    /// SQLite's own check of every page.
    pub fn check(&self) -> Result<(), StoreError> {
        let said: String = self.row("PRAGMA quick_check(1)", ())?;
        if said == "ok" { Ok(()) } else { Err(StoreError::Corrupt { path: self.path.clone(), what: said }) }
    }

    /// Brings the file to the newest of these schemas, all at once or not at all.
    pub(super) fn migrate(&mut self, schemas: &[&str]) -> Result<(), StoreError> {
        let path = self.path.clone();
        let wrong = |cause| StoreError::of(&path, cause);
        let done = usize::try_from(self.pragma("user_version")?).unwrap_or(0);
        if done >= schemas.len() {
            return Ok(());
        }
        // Immediate, so that of two processes that open a new file the second waits and finds the schema made.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
        let done: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
        for schema in schemas.iter().skip(usize::try_from(done).unwrap_or(0)) {
            transaction.execute_batch(schema).map_err(wrong)?;
        }
        if done == 0 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(wrong)?;
            let draw =
                "INSERT INTO history (id) SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM history)";
            transaction.execute(draw, ()).map_err(wrong)?;
        }
        let newest = i64::try_from(schemas.len()).unwrap_or(i64::MAX).max(done);
        transaction.pragma_update(None, "user_version", newest).map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|cause| StoreError::of(&self.path, cause))
    }
}
