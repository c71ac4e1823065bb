//! Files that others read while we write: replaced in one step, and on the disk before the old one goes.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tempfile::{Builder, NamedTempFile, PersistError};

use crate::output::{CsvOptions, format_of, sink};
use crate::store::Store;
use crate::visible::json;

/// How often the heartbeat is written while a sweep goes on.
const BEAT: Duration = Duration::from_secs(60);

/// Writes a new file beside the old one, puts it on the disk, and gives it the old one's name.
pub fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = unnamed(path)?;
    write(new.as_file())?;
    new.as_file().sync_all()?;
    new.persist(path).map(drop).map_err(|error| error.error)
}

/// Writes a file that is not there yet, whole or not at all; another process that has the same idea does not lose its own.
pub fn create_new(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = unnamed(path)?;
    write(new.as_file())?;
    new.as_file().sync_all()?;
    match new.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
        // Some file systems know no way to do that in one step; then the name is taken first.
        Err(PersistError { file, .. }) => {
            File::create_new(path)?;
            file.persist(path).map(drop).map_err(|error| error.error)
        }
    }
}

/// A new file in the same folder, which is removed unless it gets its name. Its own nobody can guess, so that nobody has put a
/// link there that leads elsewhere.
fn unnamed(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".rdprint-").suffix(".new");
    // Whom the system lets read files, as for any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Writes what a sweep saw into each of these files, in the format of its extension.
pub fn export(store: &Store, sweep: i64, paths: &[PathBuf]) -> Result<(), String> {
    for path in paths {
        let wrong = |error: &dyn std::fmt::Display| format!("output `{}` cannot be written: {error}", path.display());
        let format = format_of(path).map_err(|error| error.to_string())?;
        let records = store.records(sweep).map_err(|error| error.to_string())?;
        replace(path, |file| {
            let out = io::BufWriter::new(file.try_clone()?);
            let mut sink = sink(format, Box::new(out), &CsvOptions::default(), false)?;
            for record in records {
                sink.write(&record.map_err(|error| io::Error::other(error.to_string()))?)?;
            }
            sink.finish()
        })
        .map_err(|error| wrong(&error))?;
    }
    Ok(())
}

/// Says in a file that the sweeps go on, so that their silence is noticed.
#[derive(Debug)]
pub struct Heartbeat {
    path: Option<PathBuf>,
    next: Instant,
    has_failed: bool,
}

/// What stands in the file.
#[derive(Debug, Serialize)]
pub struct Beat {
    /// When it was written.
    pub time: Timestamp,
    /// `running`, or how the run ended: `complete`, `incomplete`, `failed`.
    pub state: &'static str,
    /// The sweep.
    pub sweep: i64,
    /// Endpoints that it is to take.
    pub planned: u64,
    /// Endpoints that it has taken, or left out because they are excluded.
    pub taken: u64,
    /// Endpoints that were asked.
    pub probed: u64,
}

impl Heartbeat {
    /// Into this file, if there is one.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, next: Instant::now(), has_failed: false }
    }

    /// Writes, if it is time.
    pub fn beat(&mut self, beat: &Beat) {
        if self.path.is_some() && Instant::now() >= self.next {
            self.beat_now(beat);
        }
    }

    /// Writes. That it cannot is told once; whoever watches the file will notice too.
    pub fn beat_now(&mut self, beat: &Beat) {
        let Some(path) = &self.path else { return };
        self.next = Instant::now() + BEAT;
        let written = replace(path, |mut file| writeln!(file, "{}", json(beat)?));
        if let Err(error) = written
            && !std::mem::replace(&mut self.has_failed, true)
        {
            eprintln!("rdprint: heartbeat `{}` cannot be written: {error}", path.display());
        }
    }
}
