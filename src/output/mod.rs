//! Where records go. An output format is one file here.

mod annotation;
mod csv;
mod families;
mod jsonl;
mod selection;
mod table;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::verdict::Record;

pub use crate::observe::{neutralise, restore};
pub use annotation::{Annotation, AnnotationError, RowFormat};
pub use csv::{CSV_CELLS, CellText, CsvOptions, CsvSink, FieldsError, choose_columns};
pub use families::{FAMILY_COLUMNS, write_families};
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
    /// It has lost bytes that a resumed run counts on.
    #[error(
        "output `{0}` is shorter than the {1} bytes that the resume file knows; start the run anew without --resume"
    )]
    Short(PathBuf, u64),
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
    open: Vec<Output>,
    had_any: bool,
}

/// One of them.
struct Output {
    name: String,
    sink: Box<dyn Sink>,
    file: Option<OutputFile>,
}

/// The file behind a sink.
struct OutputFile {
    path: PathBuf,
    file: File,
    /// How many bytes whole records take.
    whole: u64,
}

impl Outputs {
    /// None yet.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Self { selection, open: Vec::new(), had_any: false }
    }

    /// Adds a stream; `name` stands in complaints.
    pub fn add(&mut self, name: String, sink: Box<dyn Sink>) {
        self.open.push(Output { name, sink, file: None });
        self.had_any = true;
    }

    /// Adds a file that `sink` writes to.
    pub fn add_file(&mut self, path: PathBuf, file: File, sink: Box<dyn Sink>) -> io::Result<()> {
        let whole = file.metadata()?.len();
        let name = path.display().to_string();
        self.open.push(Output { name, sink, file: Some(OutputFile { path, file, whole }) });
        self.had_any = true;
        Ok(())
    }

    /// Whether every reader has gone away, so that nothing more is worth doing.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.had_any && self.open.is_empty()
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

    /// Puts every file on the disk and tells how many bytes each has; streams are not told.
    pub fn sync(&mut self) -> Result<Vec<(PathBuf, u64)>, WriteError> {
        let files = self.open.iter().filter_map(|output| Some((output, output.file.as_ref()?)));
        files
            .map(|(output, OutputFile { path, file, .. })| {
                let length = file.sync_data().and_then(|()| Ok(file.metadata()?.len()));
                let length = length.map_err(|cause| WriteError { name: output.name.clone(), cause })?;
                Ok((path.clone(), length))
            })
            .collect()
    }

    /// A reader that has closed its pipe has had enough; that output is dropped and is no fault.
    fn each(&mut self, mut act: impl FnMut(&mut dyn Sink) -> io::Result<()>) -> Result<(), WriteError> {
        let mut failure = None;
        self.open.retain_mut(|output| {
            let acted = act(output.sink.as_mut());
            let acted = output.file.as_mut().map_or(Ok(()), |file| file.settle(&acted)).and(acted);
            match acted {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
                // The others go on without it.
                Err(cause) => {
                    failure = failure.take().or(Some(WriteError { name: output.name.clone(), cause }));
                    false
                }
            }
        });
        failure.map_or(Ok(()), Err)
    }
}

impl OutputFile {
    /// Remembers where the last whole record ends, and cuts off half a one after a failure.
    fn settle(&mut self, acted: &io::Result<()>) -> io::Result<()> {
        match acted {
            Ok(()) => self.whole = self.file.metadata()?.len(),
            // A device has no length to cut; then the failure itself is all there is to tell.
            Err(_) => drop(self.file.set_len(self.whole)),
        }
        Ok(())
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
/// [`cut`] is called, so that a run that is refused later has destroyed nothing.
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

/// Makes an open file ready to be written after its first `length` bytes; 0 empties it.
///
/// # Errors
/// The file is shorter than that, or cannot be changed.
pub fn cut(path: &Path, mut file: &File, length: u64) -> Result<(), OpenError> {
    let wrong = |error| OpenError::Io(path.to_owned(), error);
    let metadata = file.metadata().map_err(wrong)?;
    // A device or a pipe has no length that could be set.
    if metadata.is_file() {
        if metadata.len() < length {
            return Err(OpenError::Short(path.to_owned(), length));
        }
        file.set_len(length).map_err(wrong)?;
        file.seek(SeekFrom::Start(length)).map_err(wrong)?;
    }
    Ok(())
}

/// A sink of the given format into `out`; one that goes on with an earlier run's file writes no header.
pub fn sink(format: Format, out: Box<dyn Write + Send>, csv: &CsvOptions, goes_on: bool) -> io::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Table => Box::new(TableSink::new(out)),
        Format::Jsonl => Box::new(JsonlSink::new(out)),
        Format::Csv if goes_on => Box::new(CsvSink::going_on(out, csv.clone())),
        Format::Csv => Box::new(CsvSink::new(out, csv.clone())?),
    })
}
