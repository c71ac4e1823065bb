//! JSON Lines: one whole record per line.

use std::io::{self, Write};

use super::Sink;
use crate::verdict::Record;
use crate::visible::json;

/// Writes records as JSON Lines.
pub struct JsonlSink<W: Write> {
    out: W,
}

impl<W: Write> JsonlSink<W> {
    /// Into `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Sink for JsonlSink<W> {
    /// The line is made first and written in one piece, so that no half record is left behind by a failure to
    /// serialise.
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = json(record)?;
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
