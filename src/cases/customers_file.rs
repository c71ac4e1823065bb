//! Reading `customers.csv`.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use thiserror::Error;

use super::customers::{Builder, Customers};
use super::line_ends::LineEnds;
use super::prefix::{Prefix, Validity};
use crate::given::LONGEST_LINE;
use crate::observe::nearest;
use crate::visible::{is_hidden, visible};

/// The columns; those before `valid_from` must be there.
const COLUMNS: [&str; 7] = ["prefix", "customer_id", "contact", "language", "notes", "valid_from", "valid_to"];
const NEEDED: usize = 5;
/// No cell of such a file is longer.
const LONGEST_CELL: usize = 16 << 10;
/// How many complaints are told; a file that is wrong throughout would drown its reader.
const TOLD: usize = 20;

/// What is wrong with a customers file: each complaint with file and line, and why nothing of the file is used.
#[derive(Debug, Error)]
pub struct CustomersError {
    file: String,
    complaints: Vec<String>,
    untold: usize,
}

impl fmt::Display for CustomersError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, complaints, untold } = self;
        for complaint in complaints {
            writeln!(out, "{complaint}")?;
        }
        if *untold > 0 {
            writeln!(out, "… and {untold} more of this kind")?;
        }
        write!(
            out,
            "`{file}` is not used: without such a row its addresses would count as those of a wider prefix, and a letter \
             could reach the wrong customer; mend it and try again"
        )
    }
}

impl CustomersError {
    fn new(file: &str) -> Self {
        Self { file: file.to_owned(), complaints: Vec::new(), untold: 0 }
    }

    fn add(&mut self, line: u64, cause: &impl fmt::Display) {
        if self.complaints.len() == TOLD {
            self.untold += 1;
        } else {
            self.complaints.push(format!("{}:{line}: {cause}", self.file));
        }
    }

    fn add_first(&mut self, line: u64, cause: &impl fmt::Display) {
        self.complaints.insert(0, format!("{}:{line}: {cause}", self.file));
    }

    fn one(file: &str, line: u64, cause: &impl fmt::Display) -> Self {
        let mut error = Self::new(file);
        error.add(line, cause);
        error
    }
}

/// Where each of [`COLUMNS`] stands.
type Places = [Option<usize>; 7];

impl Customers {
    /// Reads a file; `file` is its name in complaints. Cells are separated by commas, or by semicolons as the spreadsheets
    /// of half of Europe write them.
    ///
    /// # Errors
    /// If any row cannot be used, or two rows give one prefix to somebody at the same time.
    pub fn read(file: &str, mut source: impl Read) -> Result<Self, CustomersError> {
        // The header decides what separates cells, so it must be seen before the reader is made.
        let mut start = vec![0; 64 << 10];
        let mut filled = 0;
        while let Some(room) = start.get_mut(filled..).filter(|room| !room.is_empty()) {
            match source.read(room) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(CustomersError::one(file, 1, &error)),
            }
        }
        start.truncate(filled);
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
        let header = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let delimiter = if header.contains(&b';') && !header.contains(&b',') { b';' } else { b',' };
        let whole = LineEnds::new(text.chain(source));
        let room = Rc::new(Cell::new(LONGEST_LINE));
        let source = OneRow { source: whole, room: room.clone() };
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(source);
        let mut row = ByteRecord::new();
        let read = reader.read_byte_record(&mut row).map_err(|error| CustomersError::one(file, 1, &error))?;
        let nothing = "there is no header; the first line names the columns: prefix,customer_id,contact,language,notes";
        if !read {
            return Err(CustomersError::one(file, 1, &nothing));
        }
        let places = places(&row).map_err(|cause| CustomersError::one(file, 1, &cause))?;
        let columns = row.len();
        let (mut builder, mut errors) = (Builder::new(), CustomersError::new(file));
        loop {
            room.set(LONGEST_LINE);
            let begin = reader.position().line();
            match reader.read_byte_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    errors.add(begin, &error);
                    break;
                }
            }
            let line = row.position().map_or(0, csv::Position::line);
            if row.len() != columns {
                errors.add(line, &format!("{} cells under a header of {columns}", row.len()));
                continue;
            }
            match add(&mut builder, &row, &places, line) {
                Ok(()) => {}
                Err(cause) => errors.add(line, &cause),
            }
        }
        // Told first, since it explains the rest.
        let ends = &reader.get_ref().source;
        if let Some(line) = ends.stray() {
            errors.add_first(
                line,
                &"a carriage return stands here that ends no line; save the file with the line ends of Unix or Windows",
            );
        } else if let Some(cut) = COLUMNS
            .iter()
            .zip(places)
            .find(|(name, place)| !ends.is_ended() && **name != "notes" && *place == Some(columns - 1))
        {
            let cause = format!(
                "the last line has no line end, so its cell `{}` may have been cut off; end it with one, if the file is whole",
                cut.0
            );
            errors.add(reader.position().line(), &cause);
        }
        let (customers, overlaps) = builder.finish();
        for (first, second) in overlaps {
            let cause = format!(
                "the same prefix stands on line {first} for a time that overlaps; end the one with valid_to before the \
                 other begins, or take one away"
            );
            errors.add(second.into(), &cause);
        }
        if errors.complaints.is_empty() { Ok(customers) } else { Err(errors) }
    }
}

/// A source of rows. One that does not end is an error before it takes all memory.
struct OneRow<R> {
    source: R,
    /// How much may still be read for the present row.
    room: Rc<Cell<usize>>,
}

impl<R: Read> Read for OneRow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.room.get());
        let Some(part) = buffer.get_mut(..length).filter(|part| !part.is_empty()) else {
            let cause = format!("the row is longer than {} KiB; is a quotation mark not closed?", LONGEST_LINE >> 10);
            return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
        };
        let read = self.source.read(part)?;
        self.room.set(self.room.get() - read);
        Ok(read)
    }
}

fn places(header: &ByteRecord) -> Result<Places, String> {
    let mut places = Places::default();
    for (position, cell) in header.iter().enumerate() {
        let name = String::from_utf8_lossy(cell.trim_ascii()).to_ascii_lowercase();
        let Some(column) = COLUMNS.iter().position(|column| *column == name) else {
            let near = nearest(&name, COLUMNS);
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!(
                "`{}` is no column of this file{hint} (there are {})",
                visible(&name),
                COLUMNS.join(", ")
            ));
        };
        let place = places.get_mut(column).filter(|place| place.is_none());
        let Some(place) = place else {
            return Err(format!("the column `{name}` stands there twice; take one away"));
        };
        *place = Some(position);
    }
    let missing = COLUMNS.iter().zip(&places).take(NEEDED).find(|(_, place)| place.is_none());
    missing.map_or(Ok(places), |(name, _)| {
        Err(format!("the column `{name}` is missing; the first line names the columns: {}", COLUMNS.join(",")))
    })
}

fn add(builder: &mut Builder, row: &ByteRecord, places: &Places, line: u64) -> Result<(), String> {
    let mut cells = [""; COLUMNS.len()];
    for ((cell, place), name) in cells.iter_mut().zip(places).zip(COLUMNS) {
        let bytes = place.and_then(|place| row.get(place)).unwrap_or_default();
        // Asked before it is trimmed: the line end behind an open quotation mark belongs to the cell.
        if bytes.len() > LONGEST_CELL || memchr::memchr2(b'\n', b'\r', bytes).is_some() {
            return Err(format!(
                "the cell `{name}` runs over several lines or is longer than {LONGEST_CELL} bytes; is a quotation mark not \
                 closed?"
            ));
        }
        let bytes = bytes.trim_ascii();
        *cell =
            std::str::from_utf8(bytes).map_err(|_| format!("the cell `{name}` is not UTF-8; save the file as such"))?;
        // Most cells are plain, which is seen at a glance.
        let is_plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if name != "notes" && !is_plain && cell.contains(is_hidden) {
            return Err(format!("the cell `{name}` holds characters that nobody can see: `{}`", visible(cell)));
        }
    }
    let [prefix, customer_id, contact, language, notes, from, to] = cells;
    let prefix = Prefix::parse(prefix).map_err(|error| visible(&error.to_string()).into_owned())?;
    if customer_id.is_empty() {
        return Err(format!("{prefix} belongs to nobody: the cell `customer_id` is empty"));
    }
    let is_tag = |text: &str| {
        text.split(['-', '_'])
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if !language.is_empty() && !is_tag(language) {
        return Err(format!("`{language}` is no language; write it like en, fr or de"));
    }
    let from = if from.is_empty() { Validity::ALWAYS.from } else { moment(from)?.0 };
    let until = if to.is_empty() { Validity::ALWAYS.until } else { moment(to)?.1 };
    if from >= until {
        return Err(format!("{prefix} is valid at no time: valid_to lies before valid_from"));
    }
    let line = u32::try_from(line).map_err(|_| "there are too many lines".to_owned())?;
    let language = language.to_ascii_lowercase();
    builder.push(prefix, Validity { from, until }, line, [customer_id, contact, &language, notes]);
    Ok(())
}

/// The first second of a day or moment, and the first one after it. A day is a day of UTC. After the calendar's last day, which
/// stands for no end in many a program, nothing comes.
fn moment(text: &str) -> Result<(i64, i64), String> {
    // Counted, since the last days have no timestamp.
    let start = |date: Date| date.duration_since(Date::constant(1970, 1, 1)).as_secs();
    let is_date = text.len() == 10;
    let day = is_date.then(|| text.parse::<Date>().ok()).flatten();
    let day = day.map(|date| (start(date), date.tomorrow().map_or(i64::MAX, start)));
    let time = || text.parse::<Timestamp>().ok().map(|time| (time.as_second(), time.as_second()));
    let beyond = || {
        let time = text.strip_suffix(['Z', 'z'])?.parse::<DateTime>().ok()?;
        (time.date() >= Date::constant(9999, 12, 30)).then_some((i64::MAX, i64::MAX))
    };
    day.or_else(time)
        .or_else(beyond)
        .ok_or_else(|| format!("`{text}` is no day and no time; write it like 2027-03-31 or 2027-03-31T12:00:00Z"))
}

#[cfg(test)]
#[path = "customers_tests.rs"]
mod tests;
