//! What others gathered, read as observations: one importer, one file.
//!
//! An importer reads a stream and hands over items: observations, rows that say nothing of RDP, and problems with their
//! place. Everything in a file may be hostile: lines, rows and XML events are bounded, and nothing is held longer than
//! one of them, but for the joins of Zeek's logs, which are bounded too.

mod chain;
mod csv_rows;
mod facts;
mod input;
mod json;
mod lines;
mod nmap;
mod rdprint_csv;
mod rdprint_jsonl;
mod recognise;
mod shadowserver;
mod shodan;
mod source;
mod targets;
mod zeek;
mod zgrab2;

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::observe::Observation;
use input::Input;

pub use source::Source;
pub use targets::{Listed, read_targets};

/// What one line, row or XML event may take; what is longer is skipped and named.
pub const MAX_PIECE: usize = 16 << 20;

/// A format that observations can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, EnumMessage, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Format {
    /// rdprint's JSON Lines
    RdprintJsonl,
    /// rdprint's CSV
    RdprintCsv,
    /// nmap's XML (-oX) with rdp-ntlm-info or ssl-cert
    NmapXml,
    /// JSON lines of `zgrab2 rdp`
    Zgrab2,
    /// Shadowserver's Accessible RDP report (CSV)
    Shadowserver,
    /// Shodan's JSON lines
    Shodan,
    /// Zeek's rdp, ssl, x509 and ntlm logs (TSV or JSON)
    Zeek,
}

impl Format {
    /// How its rows are written, where it has rows that each stand for one endpoint.
    #[must_use]
    pub fn rows(self) -> Option<Rows> {
        match self {
            Self::RdprintCsv | Self::Shadowserver => Some(Rows::Csv),
            Self::RdprintJsonl | Self::Zgrab2 | Self::Shodan => Some(Rows::JsonLines),
            Self::NmapXml | Self::Zeek => None,
        }
    }
}

/// How the rows of a format are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// RFC 4180, a header first.
    Csv,
    /// One object a line.
    JsonLines,
}

/// What an importer hands over. `row` is the row as it stands in the file, line break included; empty where the format
/// has no rows.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved on at once")]
pub enum Item<'a> {
    /// The names of the columns.
    Header {
        /// The row as it stands in the file.
        row: &'a [u8],
    },
    /// One endpoint.
    Seen {
        /// What the source knew of it.
        observation: Observation,
        /// The row as it stands in the file.
        row: &'a [u8],
    },
    /// Something that says nothing of RDP.
    PassedOver {
        /// The row as it stands in the file.
        row: &'a [u8],
    },
    /// Facts that fingerprints could use and that this file leaves out.
    Lacks {
        /// The file.
        file: &'a str,
        /// Their names.
        facts: Vec<&'static str>,
    },
    /// A line of a list of targets; from [`read_targets`] only.
    Target(Listed),
    /// Something that could not be read.
    Problem(Problem),
}

/// A piece of input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it: one sentence, which may quote the file.
    pub what: String,
    /// How much is lost.
    pub loss: Loss,
}

/// How much a problem costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// One value; the rest of its row was read.
    Value,
    /// A row, a line, a host.
    Piece,
    /// All that follows in the file.
    Rest,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Whether to go on.
pub type Flow = ControlFlow<()>;

/// Why a file cannot be read at all; each message names the file and the way out.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The operating system refuses.
    #[error("`{0}` cannot be read: {1}")]
    Open(String, io::Error),
    /// Nobody knows what it is.
    #[error("`{0}` is in no format that is recognised; say which it is with --from: {1}")]
    Unknown(String, String),
    /// It is UTF-16.
    #[error("`{0}` is UTF-16, as PowerShell's `>` writes it; save it as UTF-8")]
    Utf16(String),
    /// A column is missing without which nothing can be said.
    #[error("`{0}` has no column `{1}`, without which {2}")]
    Column(String, &'static str, &'static str),
    /// Zeek logs without the one that all hangs on.
    #[error("no rdp.log is among {0}; without it nothing tells which connections are RDP: give it too")]
    NoRdpLog(String),
    /// Standard input is named twice.
    #[error("standard input is named twice; give it once")]
    StdinTwice,
    /// A file of observations where a list is wanted, or the reverse.
    #[error(
        "`{0}` is no list of targets that is recognised: give masscan's -oL or -oJ, zmap's CSV, naabu's lines or \
             JSON, or a Shadowserver report"
    )]
    NoTargetList(String),
}

/// Opens and recognises every file, before any is read.
pub fn open(paths: &[PathBuf], from: Option<Format>) -> Result<Vec<Source>, ImportError> {
    let mut has_stdin = false;
    let sources: Result<Vec<Source>, ImportError> = paths
        .iter()
        .map(|path| {
            if path.as_os_str() == "-" && std::mem::replace(&mut has_stdin, true) {
                return Err(ImportError::StdinTwice);
            }
            Source::open(path, from)
        })
        .collect();
    let sources = sources?;
    // Known before any output is opened, so that a mistake in the question costs no earlier answer.
    require_rdp_log(&sources)?;
    Ok(sources)
}

/// Zeek's other logs say nothing without the one that names the connections.
fn require_rdp_log(sources: &[Source]) -> Result<(), ImportError> {
    let zeek: Vec<&Source> = sources.iter().filter(|source| source.format() == Some(Format::Zeek)).collect();
    if zeek.is_empty() || zeek.iter().any(|source| source.is_rdp_log) {
        return Ok(());
    }
    let names: Vec<String> = zeek.iter().map(|source| format!("`{}`", source.name())).collect();
    Err(ImportError::NoRdpLog(names.join(", ")))
}

/// Reads the sources in their order, Zeek's logs last and together, and hands over what they hold.
pub fn read(sources: Vec<Source>, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<(), ImportError> {
    require_rdp_log(&sources)?;
    let (zeek, others): (Vec<Source>, Vec<Source>) =
        sources.into_iter().partition(|source| source.format() == Some(Format::Zeek));
    for source in others {
        let Some(format) = source.format() else { continue };
        let input = source.into_input()?;
        let read = match format {
            Format::RdprintJsonl => rdprint_jsonl::read,
            Format::RdprintCsv => rdprint_csv::read,
            Format::NmapXml => nmap::read,
            Format::Zgrab2 => zgrab2::read,
            Format::Shadowserver => shadowserver::read,
            Format::Shodan => shodan::read,
            Format::Zeek => continue,
        };
        if read(input, take)?.is_break() {
            return Ok(());
        }
    }
    zeek::read(zeek, take).map(|_| ())
}

/// A file that is being read, and whom its items go to.
struct Reading<'a> {
    name: &'a str,
    take: &'a mut dyn FnMut(Item<'_>) -> Flow,
}

impl Reading<'_> {
    fn seen(&mut self, observation: Observation, row: &[u8]) -> Flow {
        (self.take)(Item::Seen { observation, row })
    }

    fn passed_over(&mut self, row: &[u8]) -> Flow {
        (self.take)(Item::PassedOver { row })
    }

    fn problem(&mut self, line: u64, loss: Loss, what: impl fmt::Display) -> Flow {
        (self.take)(Item::Problem(Problem { file: self.name.to_owned(), line, what: what.to_string(), loss }))
    }

    /// The row is lost.
    fn lost(&mut self, line: u64, what: impl fmt::Display) -> Flow {
        self.problem(line, Loss::Piece, what)
    }

    /// What follows cannot be read: the disk, or a damaged compression.
    fn broken(&mut self, line: u64, error: &io::Error) -> Flow {
        self.problem(line, Loss::Rest, format_args!("nothing after this line can be read: {error}"))
    }

    fn without_header(&mut self) -> Flow {
        let what = format!("is longer than the {} MiB that names of columns may take", MAX_PIECE >> 20);
        self.problem(1, Loss::Rest, what)
    }

    fn too_long(&mut self, line: u64) -> Flow {
        self.lost(line, format_args!("is longer than the {} MiB that one line may take", MAX_PIECE >> 20))
    }

    /// Each value that could not be understood, by itself.
    fn doubts(&mut self, line: u64, doubts: Vec<String>) -> Flow {
        for what in doubts {
            self.problem(line, Loss::Value, what)?;
        }
        Flow::Continue(())
    }
}
