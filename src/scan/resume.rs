//! Going on where a run was stopped, even by `kill -9`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::coverage::Coverage;
use super::handout::{Shard, Targets};
use crate::given;

/// Raised when the file's contents change their meaning.
const FORMAT: u32 = 1;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How many positions of the order were taken.
    pub cursor: u64,
    /// Those among them that were not finished.
    pub unfinished: Vec<u64>,
    /// What the finished ones amount to.
    pub coverage: Coverage,
}

/// What must be the same for a run to go on with another's progress. Excludes, scope, limits and outputs are not part
/// of it: they may change, and the current ones apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The hash of all endpoints before exclusion.
    pub endpoints: String,
    /// What decides the order.
    pub seed: u64,
    /// The part of the order.
    pub shard: Shard,
    /// The limit on positions.
    pub max_targets: Option<u64>,
}

impl Identity {
    /// That of these targets.
    #[must_use]
    pub fn of(targets: &Targets) -> Self {
        let Targets { endpoints, seed, shard, max, .. } = targets;
        Self { endpoints: endpoints.hash(), seed: *seed, shard: *shard, max_targets: *max }
    }
}

/// The contents of a resume file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeFile {
    format: u32,
    /// The version that wrote it.
    pub rdprint: String,
    /// Whose progress it is.
    pub identity: Identity,
    /// How far that run came.
    pub progress: Progress,
    /// The outputs and how many bytes of each belong to that progress.
    pub outputs: Vec<(PathBuf, u64)>,
}

/// Why a resume file cannot be used; each message names the way out.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// It cannot be read.
    #[error("resume file `{0}` cannot be read: {1}; a run that came to its end leaves none")]
    Io(PathBuf, io::Error),
    /// It is no resume file.
    #[error("`{0}` is no resume file of this version: {1}; start the run anew without --resume")]
    Contents(PathBuf, String),
}

impl ResumeFile {
    /// Reads one.
    pub fn load(path: &Path) -> Result<Self, ResumeError> {
        let text = given::text(path).map_err(|error| ResumeError::Io(path.to_owned(), error))?;
        let wrong = |cause: String| ResumeError::Contents(path.to_owned(), cause);
        let file: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if file.format == FORMAT {
            Ok(file)
        } else {
            Err(wrong(format!("rdprint {} wrote it in format {}, and this is {FORMAT}", file.rdprint, file.format)))
        }
    }
}

/// Where checkpoints go.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    path: PathBuf,
    identity: Identity,
}

impl Checkpoints {
    /// Into `path`, for a run with this identity.
    #[must_use]
    pub fn new(path: PathBuf, identity: Identity) -> Self {
        Self { path, identity }
    }

    /// The file's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the last checkpoint in one step, so that there is always a whole one.
    pub(super) fn save(&self, progress: Progress, outputs: Vec<(PathBuf, u64)>) -> io::Result<()> {
        let identity = self.identity.clone();
        let rdprint = env!("CARGO_PKG_VERSION").to_owned();
        let file = ResumeFile { format: FORMAT, rdprint, identity, progress, outputs };
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let mut out = File::create(&new)?;
        serde_json::to_writer(&mut out, &file)?;
        out.flush()?;
        out.sync_data()?;
        fs::rename(new, &self.path)
    }

    /// A run that came to its end has nothing to go on with.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
