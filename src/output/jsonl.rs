//! JSON Lines: one whole record per line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::Sink;
use crate::verdict::Record;
use crate::visible::is_hidden;

/// Writes records as JSON Lines.
pub struct JsonlSink<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> JsonlSink<W> {
    /// Into `out`.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write + Send> Sink for JsonlSink<W> {
    /// The line is made first and written in one piece, so that no half record is left behind by a failure to
    /// serialise.
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        record.serialize(&mut serde_json::Serializer::with_formatter(&mut self.line, VisibleFormatter))?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Compact JSON in which hidden characters are written as `\u` escapes: the same text to a parser, harmless to a
/// terminal.
pub(super) struct VisibleFormatter;

impl Formatter for VisibleFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most text is plain, hexadecimal and base64 above all, and one look at its bytes is enough.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut rest = fragment;
        while let Some(start) = rest.find(is_hidden) {
            let (before, after) = rest.split_at(start);
            CompactFormatter.write_string_fragment(writer, before)?;
            let mut characters = after.chars();
            if let Some(hidden) = characters.next() {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}
