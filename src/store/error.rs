//! What can be wrong with a history; each message names the file and the way out.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a history cannot be used, or used any further.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is none.
    #[error("history `{0}` does not exist; a sweep makes it, or name another one")]
    Missing(PathBuf),
    /// It is a file without anything in it.
    #[error(
        "`{0}` is there and is empty, so it is no history, or not any more; it was left as it is. If sweeps remembered in it, \
         restore a copy made with `rdprint history backup`; remove the file to begin a new history"
    )]
    Empty(PathBuf),
    /// It has several names.
    #[error(
        "history `{path}` has {names} names (hard links); SQLite cannot keep one file under several names, since two that use \
         them would destroy it: remove the others (`find -samefile` finds them), or copy the file"
    )]
    Names {
        /// The name that was given.
        path: PathBuf,
        /// How many there are.
        names: u64,
    },
    /// A name is taken.
    #[error("`{0}` is there already; name a new file, nothing was written")]
    Taken(PathBuf),
    /// Another process makes the same copy.
    #[error("another backup is just being written to `{0}`; wait for its end, or name another file")]
    Busy(PathBuf),
    /// Another run goes on with the sweep, although there is a lock against that.
    #[error(
        "history `{path}`: another run has taken sweep {sweep} over, so this one writes nothing more; somebody removed the \
         lock beside the history while it was held"
    )]
    TakenOver {
        /// The file.
        path: PathBuf,
        /// The sweep.
        sweep: i64,
    },
    /// It can be read only by changing it, and may not be changed.
    #[error(
        "history `{path}` cannot be read where nothing may be written: {why}; copy it, with the `-wal` beside it if there is \
         one, to where you may write"
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What would have to be written.
        why: String,
    },
    /// It is a file of something else.
    #[error("`{0}` is no history of rdprint; name another file, it was left as it is")]
    Foreign(PathBuf),
    /// A newer program has made it.
    #[error(
        "history `{path}` has schema {found}, and this rdprint knows schemas up to {known}; use the newer rdprint that \
         wrote it, or a backup from before"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// Its pages contradict each other.
    #[error(
        "history `{path}` is damaged: {what}; it was left as it is. Restore a copy made with `rdprint history backup`, or \
         move the file away to begin a new history; `sqlite3 {path} .recover` may save what is left of it"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// A row holds what no rdprint writes.
    #[error(
        "history `{path}` holds {what} that cannot be read: {cause}; restore a copy made with `rdprint history backup`"
    )]
    Contents {
        /// The file.
        path: PathBuf,
        /// Which piece.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// SQLite or the operating system refuses.
    #[error("history `{path}`: {cause}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it says.
        cause: rusqlite::Error,
    },
    /// A file cannot be made.
    #[error("`{path}` cannot be written: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
}

impl StoreError {
    /// Whether this machine is at fault (its disk is full, or fails), and not what somebody named.
    #[must_use]
    pub fn is_own_fault(&self) -> bool {
        match self {
            Self::Sqlite { cause, .. } => {
                matches!(cause.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
            }
            Self::Io { .. } => true,
            _ => false,
        }
    }

    /// What an error of SQLite means for the file.
    pub(super) fn of(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, what: cause.to_string() },
            _ => Self::Sqlite { path, cause },
        }
    }
}
