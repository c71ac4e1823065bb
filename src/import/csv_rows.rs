//! CSV rows of bounded length, together with the bytes that they were written with.

use std::io::{self, BufRead};
use std::ops::{ControlFlow, Range};

use csv_core::{ReadRecordResult, Reader};

use super::{Flow, MAX_PIECE, Reading};

/// More columns than this no table has.
const MAX_COLUMNS: usize = 4096;

/// Reads row by row and holds one at a time.
pub(super) struct CsvRows {
    reader: Box<dyn BufRead>,
    automaton: Reader,
    /// The row as it stands in the file.
    pub(super) raw: Vec<u8>,
    /// Bytes of earlier rows that are to be read again, from `again_from` on.
    again: Vec<u8>,
    again_from: usize,
    /// How much may still be read again, so that no file makes this take more than twice its length.
    again_allowed: usize,
    cells: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
    lines_read: u64,
    /// The line on which the row begins, from 1.
    pub(super) line: u64,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A row; see [`CsvRows::cell`].
    Whole,
    /// A row that cannot be one of this table, and why; its lines after the first come again.
    Misfit(String),
    /// A row that takes too much, or that has too many columns; it was skipped.
    TooLong,
    /// Nothing more.
    End,
}

impl CsvRows {
    pub(super) fn of(reader: Box<dyn BufRead>) -> Self {
        Self {
            reader,
            automaton: Reader::new(),
            raw: Vec::new(),
            again: Vec::new(),
            again_from: 0,
            again_allowed: MAX_PIECE,
            cells: vec![0; 16 << 10],
            ends: vec![0; 128],
            columns: 0,
            lines_read: 0,
            line: 0,
        }
    }

    /// How many cells the row has.
    pub(super) fn len(&self) -> usize {
        self.columns
    }

    /// One cell of the row; nothing beyond its end.
    pub(super) fn cell(&self, position: usize) -> &[u8] {
        self.cells.get(self.place(position)).unwrap_or_default()
    }

    fn place(&self, position: usize) -> Range<usize> {
        if position >= self.columns {
            return 0..0;
        }
        let end = |position: usize| self.ends.get(position).copied().unwrap_or_default();
        position.checked_sub(1).map_or(0, end)..end(position)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.columns).map(|position| self.cell(position))
    }

    /// Reads the names of the columns; breaks off with what came of it where there are none to go on with.
    pub(super) fn read_header(&mut self, reading: &mut Reading<'_>) -> ControlFlow<Flow> {
        match self.next() {
            Ok(Row::Whole) => ControlFlow::Continue(()),
            Ok(Row::End) => ControlFlow::Break(Flow::Continue(())),
            Ok(Row::TooLong | Row::Misfit(_)) => ControlFlow::Break(reading.without_header()),
            Err(error) => ControlFlow::Break(reading.broken(1, &error)),
        }
    }

    /// The next row, which must have as many cells as the header, and all its quotation marks closed.
    pub(super) fn next_of(&mut self, width: usize) -> io::Result<Row> {
        let row = self.next()?;
        if row != Row::Whole {
            return Ok(row);
        }
        let what = if self.columns != width {
            format!("has {} cells, and the header {width}", self.columns)
        } else if self.is_unclosed()? {
            "begins with a quotation mark that the file never closes".to_owned()
        } else {
            return Ok(Row::Whole);
        };
        self.read_again_after_first_line();
        Ok(Row::Misfit(what))
    }

    /// Whether the file ends inside a quotation. Inside of one, quotation marks come in pairs.
    fn is_unclosed(&mut self) -> io::Result<bool> {
        let has_odd_marks = memchr::memchr_iter(b'"', &self.raw).count() % 2 == 1;
        Ok(has_odd_marks && waiting(&self.again, self.again_from, &mut self.reader)?.is_empty())
    }

    fn next(&mut self) -> io::Result<Row> {
        self.raw.clear();
        self.automaton.reset();
        self.columns = 0;
        self.line = self.lines_read + 1;
        let (mut written, mut columns) = (0, 0);
        loop {
            let cells = self.cells.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(columns..).unwrap_or_default();
            let input = waiting(&self.again, self.again_from, &mut self.reader)?;
            let (result, read, out, ended) = self.automaton.read_record(input, cells, ends);
            self.take(read)?;
            written += out;
            columns += ended;
            let is_too_long = self.raw.len() > MAX_PIECE;
            match result {
                ReadRecordResult::Record => {
                    self.take_rest_of_line_break()?;
                    self.drop_empty_lines();
                    self.columns = columns;
                    return Ok(Row::Whole);
                }
                ReadRecordResult::End => return Ok(Row::End),
                ReadRecordResult::InputEmpty if !is_too_long => {}
                ReadRecordResult::OutputFull if !is_too_long => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS && !is_too_long => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                _ => {
                    self.drop_empty_lines();
                    if !self.read_again_after_first_line() {
                        self.skip_line()?;
                    }
                    return Ok(Row::TooLong);
                }
            }
        }
    }

    /// Consumes so many of the bytes that wait, and keeps them as part of the row.
    fn take(&mut self, count: usize) -> io::Result<()> {
        let input = waiting(&self.again, self.again_from, &mut self.reader)?;
        let taken = input.get(..count).unwrap_or_default();
        self.raw.extend_from_slice(taken);
        self.lines_read += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.consume(count);
        Ok(())
    }

    fn consume(&mut self, count: usize) {
        if self.again_from < self.again.len() {
            self.again_from += count;
        } else {
            self.reader.consume(count);
            self.again_allowed = self.again_allowed.saturating_add(count);
        }
    }

    /// The automaton ends a row at the carriage return.
    fn take_rest_of_line_break(&mut self) -> io::Result<()> {
        let is_half = self.raw.ends_with(b"\r")
            && waiting(&self.again, self.again_from, &mut self.reader)?.first() == Some(&b'\n');
        if is_half { self.take(1) } else { Ok(()) }
    }

    /// Empty lines before a row, which the automaton passes over, do not belong to it.
    fn drop_empty_lines(&mut self) {
        let empty = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let skipped = empty.clone().count();
        self.line += empty.filter(|byte| **byte == b'\n').count() as u64;
        self.raw.drain(..skipped);
    }

    /// Passes over what is left of a line that takes too much.
    fn skip_line(&mut self) -> io::Result<()> {
        self.raw = Vec::new();
        loop {
            let input = waiting(&self.again, self.again_from, &mut self.reader)?;
            let end = memchr::memchr(b'\n', input);
            let (count, is_over) = (end.map_or(input.len(), |end| end + 1), end.is_some() || input.is_empty());
            self.consume(count);
            if is_over {
                self.lines_read += 1;
                return Ok(());
            }
        }
    }

    /// Gives back all but the first line of a row that is none: a quotation mark that nobody closed has swallowed the
    /// rows after it. `false` where the row has one line only, or where this was done too often.
    fn read_again_after_first_line(&mut self) -> bool {
        let Some(first) = memchr::memchr(b'\n', &self.raw) else { return false };
        let rest = self.raw.get(first + 1..).unwrap_or_default();
        if rest.is_empty() || rest.len() > self.again_allowed {
            return false;
        }
        self.again_allowed -= rest.len();
        if self.again_from < self.again.len() {
            // All of the row came from there.
            self.again_from -= rest.len();
        } else {
            (self.again, self.again_from) = (rest.to_vec(), 0);
        }
        self.raw.truncate(first + 1);
        self.lines_read = self.line;
        true
    }
}

/// The bytes that come next: those to be read again, then those of the file.
fn waiting<'a>(again: &'a [u8], from: usize, reader: &'a mut dyn BufRead) -> io::Result<&'a [u8]> {
    match again.get(from..) {
        Some(again) if !again.is_empty() => Ok(again),
        _ => reader.fill_buf(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    /// The rows of a text that is read in small portions, with their lines and bytes.
    fn rows(text: &str, portion: usize) -> Vec<(u64, Vec<String>, String)> {
        let reader = BufReader::with_capacity(portion, Cursor::new(text.to_owned().into_bytes()));
        let mut rows = CsvRows::of(Box::new(reader));
        let mut found = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        while rows.next().unwrap() == Row::Whole {
            found.push((rows.line, rows.cells().map(text).collect(), text(&rows.raw)));
        }
        found
    }

    #[test]
    fn rows_come_with_their_bytes_and_lines() {
        let text = "a,b\r\n\r\n\"x\r\ny\",\"\"\"\"\r\n1,2\n\n3";
        for portion in 1..text.len() {
            let expected = [
                (1, vec!["a", "b"], "a,b\r\n"),
                (3, vec!["x\r\ny", "\""], "\"x\r\ny\",\"\"\"\"\r\n"),
                (5, vec!["1", "2"], "1,2\n"),
                (7, vec!["3"], "3"),
            ];
            let found = rows(text, portion);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!((found.0, found.2.as_str()), (expected.0, expected.2), "{portion}");
                assert_eq!(found.1, expected.1, "{portion}");
            }
        }
    }

    #[test]
    fn an_open_quotation_mark_costs_one_line() {
        let text = "a,b\n1,\"2\n3,4\n5,6\n";
        let mut rows = CsvRows::of(Box::new(BufReader::with_capacity(3, Cursor::new(text))));
        assert_eq!(rows.next().unwrap(), Row::Whole);
        assert!(matches!(rows.next_of(2).unwrap(), Row::Misfit(what) if what.contains("quotation mark")));
        assert_eq!(rows.raw, b"1,\"2\n");
        assert_eq!((rows.next().unwrap(), rows.line, rows.cell(1)), (Row::Whole, 3, &b"4"[..]));
        assert_eq!((rows.next().unwrap(), rows.line, rows.cell(1)), (Row::Whole, 4, &b"6"[..]));
        assert_eq!(rows.next().unwrap(), Row::End);
    }

    #[test]
    fn a_line_of_too_many_bytes_is_passed_over() {
        let text = format!("1,{}\n2,b\n", "a".repeat(MAX_PIECE + 5));
        let mut rows = CsvRows::of(Box::new(Cursor::new(text)));
        assert_eq!(rows.next().unwrap(), Row::TooLong);
        assert_eq!((rows.next().unwrap(), rows.line, rows.cell(0)), (Row::Whole, 2, &b"2"[..]));
        assert_eq!(rows.next().unwrap(), Row::End);
    }
}
