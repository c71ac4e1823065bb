//! Never two at once that probe for one history: a lock of the operating system, which ends with its holder however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use same_file::Handle;
use thiserror::Error;

use crate::place::{beside, real};
use crate::visible::visible;

/// The lock, held as long as this lives.
#[derive(Debug)]
pub struct Lock {
    // Closing the file releases it.
    _file: File,
}

/// Why it could not be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{holder} holds `{path}`; wait for its end, or stop it")]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// What it wrote of itself.
        holder: String,
    },
    /// The file cannot be opened.
    #[error("lock `{0}` cannot be made: {1}")]
    Io(PathBuf, io::Error),
}

impl Lock {
    /// Takes the lock of a history. The file stays when it is released; only the lock counts.
    pub fn take(history: &Path, work: &str) -> Result<Self, LockError> {
        // One history has one lock, whatever links lead to it.
        let path = real(history).map_err(|error| LockError::Io(beside(history, ".lock"), error))?;
        let path = beside(&path, ".lock");
        let wrong = |error| LockError::Io(path.clone(), error);
        let mut file = open(&path).map_err(wrong)?;
        match file.try_lock() {
            // Somebody may have removed the file since we opened it; what counts is the one that others will open.
            Ok(()) if !is_at(&file, &path).map_err(wrong)? => return Self::take(history, work),
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(LockError::Io(path, error)),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Windows lets nobody read what is locked; that it is held is known all the same.
                let _unreadable = file.take(200).read_to_string(&mut text);
                let text = text.trim();
                let holder = if text.is_empty() { "another run".to_owned() } else { visible(text).into_owned() };
                return Err(LockError::Held { path, holder });
            }
        }
        let me = format!("process {} (rdprint {work}, since {:.0})\n", std::process::id(), Timestamp::now());
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(me.as_bytes())).map_err(wrong)?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether the name still leads to this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match Handle::from_path(path) {
        Ok(there) => Ok(there == Handle::from_file(file.try_clone()?)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
