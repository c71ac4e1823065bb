//! Files that others read while we write: replaced in one step, and on the disk before the old one goes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::output::{CsvOptions, format_of, sink};
use crate::place::{beside, create_anew};
use crate::store::Store;

/// How often the heartbeat is written while a sweep goes on.
const BEAT: Duration = Duration::from_secs(60);

/// Writes a new file beside the old one, puts it on the disk, and gives it the old one's name.
pub fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = beside(path, ".new");
    let written = create_anew(&new).and_then(|file| {
        write(&file)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        // The failure itself is what is told.
        let _best_effort = fs::remove_file(&new);
    }
    written
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
    /// Endpoints that it has taken.
    pub taken: u64,
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
        let written = replace(path, |mut file| {
            let text = serde_json::to_string(beat)?;
            writeln!(file, "{text}")
        });
        if let Err(error) = written
            && !std::mem::replace(&mut self.has_failed, true)
        {
            eprintln!("rdprint: heartbeat `{}` cannot be written: {error}", path.display());
        }
    }
}
