//! Never two at once that probe for one history: a lock of the operating system, which ends with its holder however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

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
        // Of a history that is reached by several names there is one lock.
        let history = history.canonicalize().unwrap_or_else(|_| history.to_owned());
        let mut path = history.into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let wrong = |error| LockError::Io(path.clone(), error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(wrong)?;
        match file.try_lock() {
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
