//! Where records go. An output format is one file here.

mod csv;
mod jsonl;
mod selection;
mod table;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::verdict::Record;

pub use csv::{CSV_CELLS, CellText, CsvOptions, CsvSink, FieldsError, choose_columns, neutralise, restore};
pub use jsonl::JsonlSink;
pub use selection::Selection;
pub use table::TableSink;

/// A format that records can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// A table for people.
    Table,
    /// One JSON object per line, each the whole record.
    Jsonl,
    /// RFC 4180.
    Csv,
}

/// Why an output cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its extension says nothing.
    #[error("output `{0}` has no known extension; end it with .csv or .jsonl")]
    Extension(PathBuf),
    /// It is there already.
    #[error("output `{0}` exists; choose another name, or --overwrite to replace it")]
    Exists(PathBuf),
    /// The operating system refuses.
    #[error("output `{0}` cannot be written: {1}")]
    Io(PathBuf, io::Error),
}

/// Why a record could not be written.
#[derive(Debug, Error)]
#[error("output `{name}` cannot be written any further: {cause}; what stands in it is whole up to the last record")]
pub struct WriteError {
    /// The output.
    pub name: String,
    /// What the operating system said.
    pub cause: io::Error,
}

/// A writer of records in one format.
pub trait Sink: Send {
    /// Writes one record and hands it to the operating system.
    fn write(&mut self, record: &Record) -> io::Result<()>;

    /// Writes what is still held back.
    fn finish(&mut self) -> io::Result<()>;
}

/// All outputs of a run.
pub struct Outputs {
    selection: Selection,
    sinks: Vec<(String, Box<dyn Sink>)>,
    had_sinks: bool,
}

impl Outputs {
    /// None yet.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Self { selection, sinks: Vec::new(), had_sinks: false }
    }

    /// Adds one; `name` stands in complaints.
    pub fn add(&mut self, name: String, sink: Box<dyn Sink>) {
        self.sinks.push((name, sink));
        self.had_sinks = true;
    }

    /// Whether every reader has gone away, so that nothing more is worth doing.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.had_sinks && self.sinks.is_empty()
    }

    /// Writes a record to each output, if it is one of those to be written.
    pub fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        if !self.selection.takes(record) {
            return Ok(());
        }
        self.each(|sink| sink.write(record))
    }

    /// Writes what is held back.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        self.each(|sink| sink.finish())
    }

    /// A reader that has closed its pipe has had enough; that output is dropped and is no fault.
    fn each(&mut self, mut act: impl FnMut(&mut dyn Sink) -> io::Result<()>) -> Result<(), WriteError> {
        let mut failure = None;
        self.sinks.retain_mut(|(name, sink)| match act(sink.as_mut()) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
            // The others go on without it.
            Err(cause) => {
                failure = failure.take().or(Some(WriteError { name: name.clone(), cause }));
                false
            }
        });
        failure.map_or(Ok(()), Err)
    }
}

/// The format that a file's extension names.
pub fn format_of(path: &Path) -> Result<Format, OpenError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Ok(Format::Csv),
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        _ => Err(OpenError::Extension(path.to_owned())),
    }
}

/// Opens a file that is not there yet, or one that may be replaced. What stands in the latter stays until
/// [`empty`] is called, so that a run that is refused later has destroyed nothing.
pub fn open_file(path: &Path, overwrite: bool) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(false)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => OpenError::Exists(path.to_owned()),
        _ => OpenError::Io(path.to_owned(), error),
    })
}

/// Makes an open file ready to be written from its beginning.
pub fn empty(path: &Path, file: File) -> Result<BufWriter<File>, OpenError> {
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    // A device or a pipe has no length that could be set.
    let emptied = if is_file { file.set_len(0) } else { Ok(()) };
    emptied.map_err(|error| OpenError::Io(path.to_owned(), error))?;
    Ok(BufWriter::new(file))
}

/// A sink of the given format into `out`.
pub fn sink(format: Format, out: Box<dyn Write + Send>, csv: &CsvOptions) -> io::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Table => Box::new(TableSink::new(out)),
        Format::Jsonl => Box::new(JsonlSink::new(out)),
        Format::Csv => Box::new(CsvSink::new(out, csv.clone())?),
    })
}
