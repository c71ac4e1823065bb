//! The table on a terminal.

use std::io::{self, Write};

use comfy_table::{Table, presets};

use super::Sink;
use crate::observe::Status;
use crate::verdict::Record;
use crate::visible::visible;

/// Rows are held back to align them, but never more than this many.
const ROWS_PER_TABLE: usize = 200;
/// A longer cell is cut, since a host may send names of thousands of characters.
const CELL_WIDTH: usize = 48;

/// Writes records as tables for people.
pub struct TableSink<W: Write> {
    out: W,
    rows: Vec<[String; 7]>,
}

impl<W: Write> TableSink<W> {
    /// Into `out`.
    pub fn new(out: W) -> Self {
        Self { out, rows: Vec::new() }
    }

    fn print(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["ENDPOINT", "SHOWED", "NAME", "VERSION", "CLASS", "FINGERPRINT", "CONFIDENCE"]);
        table.add_rows(self.rows.drain(..));
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        self.out.flush()
    }
}

impl<W: Write + Send> Sink for TableSink<W> {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.rows.push(row(record));
        if self.rows.len() < ROWS_PER_TABLE { Ok(()) } else { self.print() }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.print()
    }
}

fn row(record: &Record) -> [String; 7] {
    let observation = &record.observation;
    let ntlm = observation.ntlm.as_ref();
    let showed = match observation.status {
        Status::Success => observation.stage.to_string(),
        status => format!("{}: {status}", observation.stage),
    };
    let strongest = record.strongest();
    let word = |word: Option<&'static str>| word.unwrap_or_default().to_owned();
    [
        std::net::SocketAddr::new(observation.ip, observation.port).to_string(),
        showed,
        cell(observation.computer_name().unwrap_or_default()),
        cell(ntlm.and_then(|ntlm| ntlm.product_version.as_deref()).unwrap_or_default()),
        word(strongest.map(|found| found.class.into())),
        strongest.map(|found| found.fingerprint_id.clone()).unwrap_or_default(),
        word(strongest.map(|found| found.confidence.into())),
    ]
}

pub(super) fn cell(text: &str) -> String {
    let shown = visible(text);
    if shown.chars().count() <= CELL_WIDTH {
        return shown.into_owned();
    }
    shown.chars().take(CELL_WIDTH - 1).chain(['…']).collect()
}
