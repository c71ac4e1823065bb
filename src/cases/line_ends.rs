//! How the lines of a file end: what a reader of rows must not take for a matter of taste.

use std::io::{self, Read};

/// Reads on, and notes where a carriage return ends no line and what the last byte was.
pub(super) struct LineEnds<R> {
    source: R,
    lines: u64,
    last: Option<u8>,
    stray: Option<u64>,
}

impl<R> LineEnds<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, lines: 0, last: None, stray: None }
    }

    /// The first line with a carriage return that no line feed follows.
    pub(super) fn stray(&self) -> Option<u64> {
        self.stray
    }

    /// Whether what was read so far ends with its line.
    pub(super) fn is_ended(&self) -> bool {
        self.last.is_none_or(|last| last == b'\n')
    }

    fn look(&mut self, taken: &[u8]) {
        let is_stray = |next: Option<&u8>| next.is_some_and(|next| *next != b'\n');
        let here = self.lines + 1;
        let mut strays = memchr::memchr_iter(b'\r', taken).filter(|place| is_stray(taken.get(place + 1)));
        if self.last == Some(b'\r') && taken.first() != Some(&b'\n') {
            self.stray.get_or_insert(here);
        } else if self.stray.is_none()
            && let Some(place) = strays.next()
        {
            let before = taken.get(..place).unwrap_or_default();
            self.stray = Some(here + memchr::memchr_iter(b'\n', before).count() as u64);
        }
        self.lines += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.last = taken.last().copied().or(self.last);
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        // At the end nothing follows a last carriage return.
        self.look(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
