//! XML as a stream: bounded events, lines counted, and a way to go on after damage.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::errors::Error as XmlError;
use quick_xml::events::Event;

use super::super::{Flow, Loss, MAX_PIECE, Reading};
use super::Report;

/// Where reading begins anew after damage. nmap escapes `<` wherever it prints what a host sent.
const HOST: &[u8] = b"<host";

/// Reads the report event by event.
pub(super) fn read(input: Box<dyn BufRead>, reading: &mut Reading<'_>) -> Flow {
    let counts = Rc::new(Counts::default());
    let mut xml = reader(Counted { inner: input, pending: b"", counts: Rc::clone(&counts) });
    let (mut report, mut buffer) = (Report::default(), Vec::new());
    loop {
        buffer.clear();
        counts.bytes.set(0);
        let line = counts.line();
        let damage = match xml.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(event) => take(&mut report, &event, line, reading)?,
            Err(XmlError::Io(error)) if error.kind() != io::ErrorKind::FileTooLarge => {
                return reading.broken(line, &error);
            }
            Err(error) => Err(error.to_string()),
        };
        if buffer.capacity() > MAX_PIECE {
            buffer = Vec::new();
        }
        if let Err(what) = damage {
            // What the port's scripts have said whole is as true as before.
            report.end_port(reading)?;
            reading
                .lost(line, format_args!("is no sound XML, and what follows up to the next host is skipped: {what}"))?;
            report = Report { scanner: report.scanner, start: report.start, ..Report::default() };
            let mut input = xml.into_inner();
            match input.find_host() {
                Ok(true) => xml = reader(input),
                Ok(false) => break,
                Err(error) => return reading.broken(counts.line(), &error),
            }
        }
    }
    report.end_port(reading)?;
    if report.has_ended {
        return Flow::Continue(());
    }
    reading.problem(counts.line(), Loss::Rest, "the report stops before its end: nmap was stopped, or the file was cut")
}

fn reader(input: Counted) -> Reader<Counted> {
    let mut reader = Reader::from_reader(input);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    // After damage the end of the report closes what was opened before it.
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// Hands one event to the report; the inner error says what is wrong with the document.
fn take(
    report: &mut Report,
    event: &Event<'_>,
    line: u64,
    reading: &mut Reading<'_>,
) -> std::ops::ControlFlow<(), Result<(), String>> {
    let mut sound = Ok(());
    match event {
        Event::Start(tag) => sound = report.start(tag, line),
        Event::End(tag) => {
            let name = tag.name();
            if name.as_ref() == "port" {
                report.end_port(reading)?;
            }
            report.end(name.as_ref());
        }
        Event::Text(text) => report.add_text(text),
        Event::GeneralRef(reference) => report.add_reference(reference),
        _ => {}
    }
    std::ops::ControlFlow::Continue(sound)
}

/// What has been read so far.
#[derive(Default)]
struct Counts {
    /// Line breaks.
    lines: Cell<u64>,
    /// Bytes since the last event.
    bytes: Cell<usize>,
}

impl Counts {
    fn line(&self) -> u64 {
        self.lines.get() + 1
    }
}

/// Counts what is read, and refuses an event that takes too much.
struct Counted {
    inner: Box<dyn BufRead>,
    /// What comes before the rest of `inner`.
    pending: &'static [u8],
    counts: Rc<Counts>,
}

impl Counted {
    /// Skips to the next `<host` that is a tag's whole name; `false` where there is none.
    fn find_host(&mut self) -> io::Result<bool> {
        self.pending = b"";
        let mut matched = 0;
        loop {
            self.counts.bytes.set(0);
            let available = self.fill_buf()?;
            if available.is_empty() {
                return Ok(false);
            }
            let mut count = 0;
            let mut is_found = false;
            for byte in available {
                if matched == HOST.len() && matches!(byte, b' ' | b'>') {
                    is_found = true;
                    break;
                }
                matched = match HOST.get(matched) {
                    Some(wanted) if wanted == byte => matched + 1,
                    _ => usize::from(*byte == b'<'),
                };
                count += 1;
            }
            self.consume(count);
            if is_found {
                self.pending = HOST;
                return Ok(true);
            }
        }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.counts.bytes.get() > MAX_PIECE {
            let what = format!("something takes more than the {} MiB that one tag or text may", MAX_PIECE >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        if self.pending.is_empty() { self.inner.fill_buf() } else { Ok(self.pending) }
    }

    fn consume(&mut self, count: usize) {
        self.counts.bytes.set(self.counts.bytes.get().saturating_add(count));
        if !self.pending.is_empty() {
            self.pending = self.pending.get(count..).unwrap_or_default();
            return;
        }
        if let Ok(available) = self.inner.fill_buf() {
            let lines = available.iter().take(count).filter(|byte| **byte == b'\n').count();
            self.counts.lines.set(self.counts.lines.get() + lines as u64);
        }
        self.inner.consume(count);
    }
}
