//! Rows of other tools, unchanged, with the match beside them: researchers join on columns of their own.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};
use serde::Serialize;
use thiserror::Error;

use crate::fingerprint::{Class, Confidence, Match};
use crate::observe::{Value, neutralise};
use crate::verdict::Record;
use crate::visible::json;

/// The columns that are added to CSV, and the key that is added to JSON.
const COLUMNS: [&str; 5] =
    ["rdprint_class", "rdprint_fingerprint_id", "rdprint_confidence", "rdprint_evidence", "rdprint_fingerprint_ids"];
const KEY: &str = "rdprint";

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// CSV: cells are added at the end of each row.
    Csv,
    /// JSON lines: a key is added at the end of each object.
    JsonLines,
}

/// Why a row cannot take an annotation.
#[derive(Debug, Error)]
pub enum AnnotationError {
    /// It has one already.
    #[error("has `{0}` already; annotate the file that it was made of")]
    Taken(&'static str),
    /// It is no object.
    #[error("is no JSON object, to which a key could be added")]
    NoObject,
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes rows as they are, each with the strongest match at its end.
pub struct Annotation<W: Write> {
    out: W,
    rows: RowFormat,
}

/// What is added to a row of JSON; nothing of it where nothing matches.
#[derive(Serialize)]
struct Added<'a> {
    class: Class,
    fingerprint_id: &'a str,
    confidence: Confidence,
    evidence: Vec<String>,
    fingerprint_ids: Vec<&'a str>,
}

impl<'a> Added<'a> {
    fn of(record: &'a Record) -> Option<Self> {
        let Match { fingerprint_id, class, confidence, evidence } = record.strongest()?;
        let sentences = evidence.iter().map(|piece| format!("{}: {}", piece.side, piece.facts_as_text()));
        Some(Self {
            class: *class,
            fingerprint_id,
            confidence: *confidence,
            evidence: sentences.collect(),
            fingerprint_ids: record.matches.iter().map(|found| found.fingerprint_id.as_str()).collect(),
        })
    }

    fn cells(&self) -> [Cow<'_, str>; 5] {
        let list = |items: Vec<&'a str>| Value::List(items.into_iter().map(Cow::Borrowed).collect()).into_cell();
        let evidence = Value::List(self.evidence.iter().map(|sentence| sentence.as_str().into()).collect()).into_cell();
        [
            <&str>::from(self.class).into(),
            neutralise(self.fingerprint_id.into()),
            <&str>::from(self.confidence).into(),
            neutralise(evidence),
            neutralise(list(self.fingerprint_ids.clone())),
        ]
    }
}

impl<W: Write> Annotation<W> {
    /// Into `out`.
    pub fn new(out: W, rows: RowFormat) -> Self {
        Self { out, rows }
    }

    /// The names of the columns, as they stand in the file.
    pub fn header(&mut self, row: &[u8]) -> Result<(), AnnotationError> {
        let text = String::from_utf8_lossy(row);
        let mut names = text.split([',', '\r', '\n']).map(|name| name.trim_matches('"'));
        if let Some(taken) = names.find_map(|name| COLUMNS.iter().find(|column| **column == name)) {
            return Err(AnnotationError::Taken(taken));
        }
        self.csv(row, &COLUMNS.map(Cow::Borrowed)).map_err(Into::into)
    }

    /// A row as it stands in the file, with what it matches.
    pub fn row(&mut self, row: &[u8], record: Option<&Record>) -> Result<(), AnnotationError> {
        let added = record.and_then(Added::of);
        match self.rows {
            RowFormat::Csv => {
                let cells = added.as_ref().map_or_else(|| [const { Cow::Borrowed("") }; 5], Added::cells);
                self.csv(row, &cells).map_err(Into::into)
            }
            RowFormat::JsonLines => self.json(row, added.as_ref()),
        }
    }

    /// Writes what is held back.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn csv(&mut self, row: &[u8], cells: &[Cow<'_, str>]) -> io::Result<()> {
        let (row, end) = split_end(row);
        let mut writer = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
        for cell in cells {
            writer.write_field(cell.as_bytes())?;
        }
        let added = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        for piece in [row, b",", &added, end] {
            self.out.write_all(piece)?;
        }
        Ok(())
    }

    fn json(&mut self, row: &[u8], added: Option<&Added<'_>>) -> Result<(), AnnotationError> {
        let (row, end) = split_end(row);
        let trimmed = row.trim_ascii_end();
        let Some(object) = trimmed.strip_suffix(b"}") else { return Err(AnnotationError::NoObject) };
        if has_key(trimmed)? {
            return Err(AnnotationError::Taken(KEY));
        }
        let is_empty = object.trim_ascii_end().ends_with(b"{") && object.trim_ascii().len() == 1;
        let value = json(&added).map_err(io::Error::from)?;
        let separator: &[u8] = if is_empty { b"" } else { b"," };
        for piece in [object, separator, b"\"", KEY.as_bytes(), b"\":", value.as_bytes(), b"}", end] {
            self.out.write_all(piece)?;
        }
        Ok(())
    }
}

/// A row and its line break.
fn split_end(row: &[u8]) -> (&[u8], &[u8]) {
    let text = row.strip_suffix(b"\n").unwrap_or(row);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    row.split_at(text.len())
}

/// Whether the object has our key already; only rows that hold the word are looked into.
fn has_key(object: &[u8]) -> Result<bool, AnnotationError> {
    const QUOTED: &[u8] = b"\"rdprint\"";
    if !object.windows(QUOTED.len()).any(|window| window == QUOTED) {
        return Ok(false);
    }
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(object).map_err(|_| AnnotationError::NoObject)?;
    Ok(members.contains_key(KEY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(rows: RowFormat, row: &str) -> Result<String, String> {
        let mut out = Vec::new();
        Annotation::new(&mut out, rows).row(row.as_bytes(), None).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn rows_stay_as_they_are() {
        let json = |row| annotated(RowFormat::JsonLines, row);
        assert_eq!(json("{\"a\" : 1 } \r\n"), Ok("{\"a\" : 1 ,\"rdprint\":null}\r\n".to_owned()));
        assert_eq!(json("{}"), Ok("{\"rdprint\":null}".to_owned()));
        assert_eq!(json("{\"x\":\"rdprint\"}\n"), Ok("{\"x\":\"rdprint\",\"rdprint\":null}\n".to_owned()));
        assert!(json("{\"rdprint\":1}\n").unwrap_err().contains("already"));
        assert!(json("[]\n").is_err());
        let csv = |row| annotated(RowFormat::Csv, row);
        assert_eq!(csv("\"a\r\nb\",c\r\n"), Ok("\"a\r\nb\",c,,,,,\r\n".to_owned()));
        let mut out = Vec::new();
        let again = Annotation::new(&mut out, RowFormat::Csv).header(b"ip,\"rdprint_class\"\r\n");
        assert!(matches!(again, Err(AnnotationError::Taken("rdprint_class"))));
    }
}
