//! CSV per RFC 4180: UTF-8, CRLF, one row per record, columns from the field table.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};
use strum::{Display, EnumString, IntoStaticStr};
use thiserror::Error;

use super::Sink;
use crate::observe::{Value, nearest, neutralise};
use crate::verdict::{Column, Record, columns};
use crate::visible::visible;

/// The last column of every CSV: whether cells were neutralised.
pub const CSV_CELLS: &str = "csv_cells";

/// What was done to text that a host controls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum CellText {
    /// Text that a spreadsheet would run as a formula has a `'` before it; see [`neutralise`](crate::observe::neutralise).
    #[default]
    Neutralised,
    /// As the host sent it.
    Raw,
    /// For a terminal: neutralised, and with hidden characters made visible, which cannot be undone.
    Visible,
}

/// How CSV is to be written.
#[derive(Clone)]
pub struct CsvOptions {
    /// The columns, in their order.
    pub columns: Vec<Column>,
    /// What is done to foreign text.
    pub cells: CellText,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { columns: columns().filter(|column| column.default()).collect(), cells: CellText::default() }
    }
}

/// A name in `--fields` that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct FieldsError {
    name: String,
    nearest: Option<&'static str>,
}

impl fmt::Display for FieldsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, nearest } = self;
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        write!(out, "`{name}` is no field{hint} (`rdprint scan --list-fields` lists them all)")
    }
}

/// Reads a list of field names; `default` and `all` stand for the lists that they name. Each column comes once.
pub fn choose_columns(names: &[String]) -> Result<Vec<Column>, FieldsError> {
    let mut chosen: Vec<Column> = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let group: Vec<Column> = match name {
            "all" => columns().collect(),
            "default" => columns().filter(|column| column.default()).collect(),
            name => columns().filter(|column| column.name() == name).collect(),
        };
        if group.is_empty() && name != CSV_CELLS {
            let nearest = nearest(name, columns().map(Column::name));
            return Err(FieldsError { name: name.to_owned(), nearest });
        }
        for column in group {
            if chosen.iter().all(|other| other.name() != column.name()) {
                chosen.push(column);
            }
        }
    }
    Ok(chosen)
}

/// Writes records as CSV.
pub struct CsvSink<W: Write> {
    out: W,
    options: CsvOptions,
}

impl<W: Write> CsvSink<W> {
    /// Into `out`; writes the header.
    pub fn new(out: W, options: CsvOptions) -> io::Result<Self> {
        let mut sink = Self::going_on(out, options);
        let header = sink.options.columns.iter().map(|column| column.name()).chain([CSV_CELLS]);
        let header = row(header.map(Cow::Borrowed))?;
        sink.out.write_all(&header)?;
        sink.out.flush()?;
        Ok(sink)
    }

    /// Into `out`, which has a header already.
    pub fn going_on(out: W, options: CsvOptions) -> Self {
        Self { out, options }
    }
}

impl<W: Write + Send> Sink for CsvSink<W> {
    /// The row is made first and written in one piece, so that a failure leaves nothing behind that is written later.
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let CsvOptions { columns, cells } = &self.options;
        let values = columns.iter().map(|column| {
            let cell = column.get(record).map_or(Cow::Borrowed(""), Value::into_cell);
            match cells {
                CellText::Neutralised if column.kind().is_peer_controlled() => neutralise(cell),
                CellText::Visible if column.kind().is_peer_controlled() => {
                    neutralise(Cow::Owned(visible(&cell).into_owned()))
                }
                _ => cell,
            }
        });
        let row = row(values.chain([Cow::Borrowed(<&str>::from(*cells))]))?;
        self.out.write_all(&row)?;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) fn row<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for cell in cells {
        writer.write_field(cell.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_columns_by_name_and_group() {
        let names = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|name| (*name).to_owned()).collect();
            choose_columns(&list).map(|columns| columns.iter().map(|column| column.name()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["ip", " port ", "ip"]), Ok(vec!["ip", "port"]));
        let default = names(&["default"]).unwrap();
        assert!(names(&["default", "ntlm_build"]).unwrap().len() == default.len() + 1);
        let error = names(&["cert_sha265"]).unwrap_err();
        assert_eq!(error, FieldsError { name: "cert_sha265".to_owned(), nearest: Some("cert_sha256") });
    }

    #[test]
    fn the_default_columns_let_a_csv_be_judged_again() {
        let default: Vec<&str> = CsvOptions::default().columns.iter().map(|column| column.name()).collect();
        for needed in ["ip", "port", "seen_at", "cert_der", "ntlm_raw", "x224_raw", "anomalies", "key_possession"] {
            assert!(default.contains(&needed), "{needed}");
        }
    }
}
