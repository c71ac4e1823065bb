//! Lines of bounded length.

use std::io::{self, BufRead, Read as _};

use super::MAX_PIECE;

/// Reads line by line and holds one at a time.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    /// The number of the line that was read last, from 1.
    pub(super) number: u64,
}

/// What came.
pub(super) enum Line<'a> {
    /// A line with its line break, where it has one.
    Whole(&'a [u8]),
    /// One that is longer than a line may be; it was skipped.
    TooLong,
    /// Nothing more.
    End,
}

impl Lines {
    pub(super) fn of(reader: Box<dyn BufRead>) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.number += 1;
        if !self.piece()? {
            return Ok(if self.buffer.is_empty() { Line::End } else { Line::Whole(&self.buffer) });
        }
        while self.piece()? {}
        // What was long once need not stay.
        self.buffer = Vec::new();
        Ok(Line::TooLong)
    }

    /// Reads on to the end of the line; `true` where it is not reached within what a line may take.
    fn piece(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        (&mut self.reader).take(MAX_PIECE as u64).read_until(b'\n', &mut self.buffer)?;
        Ok(self.buffer.len() == MAX_PIECE && !self.buffer.ends_with(b"\n"))
    }
}
