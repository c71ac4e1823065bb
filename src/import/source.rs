//! A file that was recognised and waits to be read.

use std::fs;
use std::path::{Path, PathBuf};

use strum::VariantArray;

use super::recognise::recognise;
use super::zeek::is_rdp_log;
use super::{Format, ImportError, Input};

/// A file, opened once to recognise it.
pub struct Source {
    path: PathBuf,
    format: Option<Format>,
    /// Whether it is the one of Zeek's logs that the others hang on.
    pub(super) is_rdp_log: bool,
    /// What cannot be opened twice: standard input and pipes. Plain files are closed, since there may be thousands.
    held: Option<Input>,
}

impl Source {
    pub(super) fn open(path: &Path, from: Option<Format>) -> Result<Self, ImportError> {
        let input = Input::open(path)?;
        let is_empty = input.head.trim_ascii().is_empty();
        let format = from.or_else(|| recognise(&input.head));
        if format.is_none() && !is_empty {
            let words: Vec<&str> = Format::VARIANTS.iter().map(|format| (*format).into()).collect();
            return Err(ImportError::Unknown(input.name, words.join(", ")));
        }
        let is_plain = path.as_os_str() != "-" && fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let is_rdp_log = format == Some(Format::Zeek) && is_rdp_log(&input.head);
        Ok(Self { path: path.to_owned(), format, is_rdp_log, held: (!is_plain).then_some(input) })
    }

    /// Bytes from elsewhere, under a name.
    pub fn of(name: &str, bytes: impl std::io::Read + 'static, from: Option<Format>) -> Result<Self, ImportError> {
        let input = Input::of(name.to_owned(), bytes)?;
        let format = from.or_else(|| recognise(&input.head));
        let is_rdp_log = format == Some(Format::Zeek) && is_rdp_log(&input.head);
        Ok(Self { path: name.into(), format, is_rdp_log, held: Some(input) })
    }

    /// What it was recognised as; nothing where it is empty.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn into_input(self) -> Result<Input, ImportError> {
        self.held.map_or_else(|| Input::open(&self.path), Ok)
    }
}
