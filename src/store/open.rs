//! Opening a history: recognised, checked, and brought to the newest schema.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Store, StoreError};
#[cfg(unix)]
use crate::place::names;
use crate::place::{beside, give_name, real, remove, unfinished};

/// The schemas, each as what is to be done to the one before. Number N makes schema N, and is never changed once a version
/// of rdprint with it is out.
pub(super) const SCHEMAS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// "RDPR", in the place where SQLite lets a file say whose it is.
const APPLICATION_ID: i64 = 0x5244_5052;
/// How long another process may write before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Store {
    /// Opens a history, or makes one where there is no file. An empty file is none: whatever emptied it, to begin a history in
    /// it would tell everything that was known as new.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = real(path).map_err(|cause| StoreError::Io { path: path.to_owned(), cause })?;
        if !path.exists() {
            Self::make(&path)?;
        }
        for name in unfinished(&path) {
            // Somebody was killed just before this. It does no harm, as long as the file stays beside it.
            let _best_effort = remove(&name);
        }
        Self::open_existing(&path)
    }

    /// A new history gets its name when it is whole, so that nobody who is killed in the middle leaves an empty one.
    fn make(path: &Path) -> Result<(), StoreError> {
        let new = beside(path, ".new");
        let io = |cause| StoreError::Io { path: new.clone(), cause };
        remove_copy(&new).map_err(io)?;
        let connection = Connection::open(&new).map_err(|cause| StoreError::of(&new, cause))?;
        let mut store = Self { connection, path: new.clone(), runner: None };
        store.migrate(SCHEMAS)?;
        store.connection.close().map_err(|(_, cause)| StoreError::of(&new, cause))?;
        File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
        match give_name(&new, path) {
            // Another process was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::remove_file(&new).map_err(io),
            made => made.map_err(|cause| StoreError::Io { path: path.to_owned(), cause }),
        }
    }

    /// Opens a history that must be there.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
            return Err(StoreError::Empty(path.to_owned()));
        }
        // What was written last lies beside a name, and locks do as well.
        #[cfg(unix)]
        if let Ok(names @ 2..) = names(path) {
            return Err(StoreError::Names { path: path.to_owned(), names });
        }
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a history that must be there, to be read only: also where nothing may be written, on a read-only mount say.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        match Self::open_existing(path) {
            Err(StoreError::Sqlite { cause, .. })
                if matches!(cause.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) =>
            {
                Self::open_unwritable(path, &cause)
            }
            opened => opened,
        }
    }

    /// A history of which not one byte may change. Without a `-wal` all of it lies in the file, and nobody else writes into that.
    pub(super) fn open_unwritable(path: &Path, cause: &rusqlite::Error) -> Result<Self, StoreError> {
        let refuse = |why: String| StoreError::Unwritable { path: path.to_owned(), why };
        let has_wal = fs::metadata(beside(path, "-wal")).is_ok_and(|file| file.len() > 0);
        let name = path.to_str().filter(|_| !has_wal).ok_or_else(|| refuse(cause.to_string()))?;
        let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
            .map_err(|cause| StoreError::of(path, cause))?;
        let store = Self { connection, path: path.to_owned(), runner: None };
        store.recognise()?;
        store.check()?;
        match store.pragma("user_version")? {
            version if usize::try_from(version) == Ok(SCHEMAS.len()) => Ok(store),
            version => Err(refuse(format!("it has the earlier schema {version}"))),
        }
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let wrong = |cause| StoreError::of(path, cause);
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(wrong)?;
        let mut store = Self { connection, path: path.to_owned(), runner: None };
        store.connection.busy_timeout(PATIENCE).map_err(wrong)?;
        // Whose file it is comes first: nothing of somebody else's may be changed, not even its journal mode.
        store.recognise()?;
        for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON")] {
            store.connection.pragma_update(None, name, value).map_err(wrong)?;
        }
        store.connection.set_prepared_statement_cache_capacity(64);
        store.check()?;
        store.migrate(SCHEMAS)?;
        Ok(store)
    }

    /// An error if the file is no history that this version can read.
    fn recognise(&self) -> Result<(), StoreError> {
        let (id, version) = (self.pragma("application_id")?, self.pragma("user_version")?);
        let tables: i64 = self.row("SELECT count(*) FROM sqlite_schema", ())?;
        let known = i64::try_from(SCHEMAS.len()).unwrap_or(i64::MAX);
        match (id, version, tables) {
            (0, 0, 0) => Err(StoreError::Empty(self.path.clone())),
            (APPLICATION_ID, version, _) if version > known => {
                Err(StoreError::Newer { path: self.path.clone(), found: version, known })
            }
            (APPLICATION_ID, ..) => Ok(()),
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

/// Removes a copy that was never finished, and what lies beside it.
pub(super) fn remove_copy(path: &Path) -> io::Result<()> {
    remove_beside(path)?;
    remove(path)
}

/// Removes what SQLite may have left beside a file.
pub(super) fn remove_beside(path: &Path) -> io::Result<()> {
    ["-journal", "-wal", "-shm"].iter().try_for_each(|ending| remove(&beside(path, ending)))
}
