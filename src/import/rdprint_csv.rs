//! rdprint's own CSV: the exact inverse of what `output` writes, driven by the same field table. Columns of verdicts are
//! not read: they are worked out anew.

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer, Visitor};

use super::csv_rows::{CsvRows, Row};
use super::facts::{Doubts, address, lossy, port, set_stage};
use super::input::Input;
use super::rdprint_jsonl::work_out_certificates;
use super::{Flow, ImportError, Item, Loss, Reading};
use crate::observe::{FIELDS, Kind, Observation, Tls, restore, split_list};

/// Columns that repeat what another one says.
const DERIVED: [&str; 3] = ["computer_name", "ntlm_build", "cert_source"];

/// What a record needs and a file may leave out.
const FALLBACKS: [(&str, &str); 8] = [
    ("schema_version", "1"),
    ("seen_at", "1970-01-01T00:00:00Z"),
    ("source", "rdprint-csv"),
    ("scanner", "rdprint"),
    ("ip", "0.0.0.0"),
    ("port", "1"),
    ("status", "success"),
    ("stage", "connect"),
];

/// Facts about the look itself, which no fingerprint asks for.
const OF_THE_LOOK: [&str; 8] = ["schema_version", "seen_at", "source", "scanner", "status", "stage", "error", "rtt_us"];

pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    let Input { name, reader, .. } = input;
    let mut rows = CsvRows::of(reader);
    let mut reading = Reading { name: &name, take };
    if let ControlFlow::Break(flow) = rows.read_header(&mut reading) {
        return Ok(flow);
    }
    let table = Table::of(&rows);
    for (column, without) in [
        ("ip", "no row names an endpoint"),
        ("port", "no row names an endpoint"),
        ("csv_cells", "nobody knows whether cells were neutralised"),
    ] {
        if table.position(column).is_none() {
            return Err(ImportError::Column(name.clone(), column, without));
        }
    }
    Ok(table.read_rows(&mut rows, &mut reading))
}

/// How the columns of a file make up an observation.
struct Table {
    columns: Vec<Column>,
    /// Where the whole observation lies in its JSON.
    tree: Node,
}

struct Column {
    name: String,
    /// What its cells are, where it is a fact that counts.
    kind: Option<Kind>,
}

/// A place in the JSON of an observation.
enum Node {
    Object(Vec<(&'static str, Node)>),
    /// A list of which CSV holds the first element.
    First(Box<Node>),
    Cell {
        column: Option<usize>,
        kind: Kind,
        fallback: Option<&'static str>,
    },
}

impl Table {
    fn of(header: &CsvRows) -> Self {
        let (mut columns, mut tree) = (Vec::new(), Node::Object(Vec::new()));
        for cell in header.cells() {
            let name = String::from_utf8_lossy(cell).into_owned();
            let is_first = columns.iter().all(|column: &Column| column.name != name);
            let field = FIELDS.iter().find(|field| field.name == name && !DERIVED.contains(&field.name) && is_first);
            if let Some(field) = field {
                tree.insert(field.path, Some(columns.len()), field.kind);
            }
            columns.push(Column { name, kind: field.map(|field| field.kind) });
        }
        for (name, _) in FALLBACKS {
            let field =
                FIELDS.iter().find(|field| field.name == name && columns.iter().all(|column| column.name != name));
            if let Some(field) = field {
                tree.insert(field.path, None, field.kind);
            }
        }
        Self { columns, tree }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The facts of the usual columns that are not here.
    fn lacks(&self) -> Vec<&'static str> {
        let has_der = self.position("cert_der").is_some();
        let is_asked = |name: &str| !OF_THE_LOOK.contains(&name) && !DERIVED.contains(&name);
        let can_be_worked_out = |name: &str| has_der && name.starts_with("cert_");
        let usual = FIELDS.iter().filter(|field| field.default).map(|field| field.name);
        usual.filter(|name| is_asked(name) && !can_be_worked_out(name) && self.position(name).is_none()).collect()
    }

    fn read_rows(&self, rows: &mut CsvRows, reading: &mut Reading<'_>) -> Flow {
        let (width, mut has_told_of_visible) = (rows.len(), false);
        (reading.take)(Item::Header { row: &rows.raw })?;
        let facts = self.lacks();
        if !facts.is_empty() {
            (reading.take)(Item::Lacks { file: reading.name, facts })?;
        }
        if self.position("seen_at").is_none() {
            reading.problem(1, Loss::Value, "has no column `seen_at`; times are given as 1970")?;
        }
        loop {
            match rows.next_of(width) {
                Ok(Row::End) => return Flow::Continue(()),
                Ok(Row::TooLong) => reading.too_long(rows.line)?,
                Ok(Row::Misfit(what)) => reading.lost(rows.line, what)?,
                Ok(Row::Whole) => {
                    let is_visible = self.position("csv_cells").is_some_and(|at| rows.cell(at) == b"visible");
                    if is_visible && !std::mem::replace(&mut has_told_of_visible, true) {
                        let what = "was written for a terminal; hidden characters in names are not what the host sent";
                        reading.problem(rows.line, Loss::Value, what)?;
                    }
                    self.read_row(rows, reading)?;
                }
                Err(error) => return reading.broken(rows.line, &error),
            }
        }
    }

    fn read_row(&self, rows: &CsvRows, reading: &mut Reading<'_>) -> Flow {
        let mut cells = self.cells(rows);
        let cell = |name: &str| self.position(name).and_then(|at| cells.get(at)?.as_deref()).unwrap_or_default();
        if address(cell("ip")).is_none() {
            return reading.lost(rows.line, "has no IP address in `ip`");
        }
        if port(cell("port")).is_none() {
            return reading.lost(rows.line, "has no TCP port in `port`");
        }
        let mut doubts = Doubts::default();
        if cell("seen_at").is_empty() && self.position("seen_at").is_some() {
            doubts.0.push("has no `seen_at`; its time is given as 1970".to_owned());
        }
        let seen = self.observation(&cells).or_else(|_| {
            self.drop_unreadable(&mut cells, &mut doubts);
            self.observation(&cells)
        });
        let mut seen = match seen {
            Ok(seen) => seen,
            Err(error) => return reading.lost(rows.line, error),
        };
        if self.position("cert_source").is_some_and(|at| rows.cell(at) == b"mcs") {
            give_back_to_mcs(&mut seen);
        }
        if self.position("stage").is_none() {
            set_stage(&mut seen);
        }
        work_out_certificates(&mut seen);
        reading.doubts(rows.line, doubts.0)?;
        reading.seen(seen, &rows.raw)
    }

    /// The cells as they were before CSV; nothing where they are empty or no facts.
    fn cells<'a>(&self, rows: &'a CsvRows) -> Vec<Option<Cow<'a, str>>> {
        let is_raw = self.position("csv_cells").is_some_and(|at| rows.cell(at) == b"raw");
        let cells = self.columns.iter().zip(rows.cells()).map(|(column, cell)| {
            let kind = column.kind?;
            let text = lossy(cell);
            let text = match text {
                Cow::Borrowed(text) if kind.is_peer_controlled() && !is_raw => Cow::Borrowed(restore(text)),
                Cow::Owned(text) if kind.is_peer_controlled() && !is_raw => Cow::Owned(restore(&text).to_owned()),
                text => text,
            };
            (!text.is_empty()).then_some(text)
        });
        cells.collect()
    }

    fn observation(&self, cells: &[Option<Cow<'_, str>>]) -> Result<Observation, serde::de::value::Error> {
        Observation::deserialize(Place { node: &self.tree, cells })
    }

    /// Takes away each cell that cannot be read even alone.
    fn drop_unreadable(&self, cells: &mut [Option<Cow<'_, str>>], doubts: &mut Doubts) {
        for (position, column) in self.columns.iter().enumerate() {
            let mut alone = vec![None; cells.len()];
            let (Some(cell), Some(place)) = (cells.get_mut(position), alone.get_mut(position)) else { continue };
            place.clone_from(cell);
            let Some(text) = cell.as_ref().filter(|_| self.observation(&alone).is_err()) else { continue };
            doubts.read::<()>(&column.name, text, |_| None);
            *cell = None;
        }
    }
}

/// CSV has one set of columns for the certificate, wherever it was presented.
fn give_back_to_mcs(seen: &mut Observation) {
    let Some(tls) = &mut seen.tls else { return };
    let certificates = std::mem::take(&mut tls.certificates);
    seen.mcs.get_or_insert_default().certificates = certificates;
    if *tls == Tls::default() {
        seen.tls = None;
    }
}

impl Node {
    /// Makes the place that a path of the field table names.
    fn insert(&mut self, path: &'static str, column: Option<usize>, kind: Kind) {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let key = step.trim_end_matches("[]");
        let mut node = self;
        if let Self::First(inner) = node {
            node = inner;
        }
        let Self::Object(members) = node else { return };
        let Some(rest) = rest else {
            let fallback = FALLBACKS.iter().find(|(name, _)| *name == path).map(|(_, text)| *text);
            members.push((key, Self::Cell { column, kind, fallback }));
            return;
        };
        let position = members.iter().position(|(name, _)| *name == key).unwrap_or_else(|| {
            let empty = Self::Object(Vec::new());
            members.push((key, if step.ends_with("[]") { Self::First(Box::new(empty)) } else { empty }));
            members.len() - 1
        });
        if let Some((_, member)) = members.get_mut(position) {
            member.insert(rest, column, kind);
        }
    }
}

/// A place with the cells of one row, from which serde makes what stands there.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    cells: &'a [Option<Cow<'a, str>>],
}

type Failure = serde::de::value::Error;

impl<'a> Place<'a> {
    /// Whether any cell says something here.
    fn is_known(self) -> bool {
        match self.node {
            Node::Object(members) => members.iter().any(|(_, node)| Place { node, ..self }.is_known()),
            Node::First(node) => Place { node, ..self }.is_known(),
            Node::Cell { fallback, .. } => fallback.is_some() || self.text().is_some(),
        }
    }

    fn text(self) -> Option<&'a str> {
        let Node::Cell { column, fallback, .. } = self.node else { return None };
        let cell = column.and_then(|column| self.cells.get(column)?.as_deref());
        cell.or(*fallback)
    }
}

impl<'de> IntoDeserializer<'de, Failure> for Place<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Place<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.text().unwrap_or_default();
        match self.node {
            Node::Object(members) => {
                let known = members.iter().map(|(name, node)| (*name, Place { node, ..self }));
                visitor.visit_map(MapDeserializer::new(known.filter(|(_, place)| place.is_known())))
            }
            Node::First(node) => visitor.visit_seq(SeqDeserializer::new(std::iter::once(Place { node, ..self }))),
            Node::Cell { kind: Kind::Integer, .. } => visitor.visit_i64(text.parse().map_err(unreadable)?),
            Node::Cell { kind: Kind::Boolean, .. } => visitor.visit_bool(text.parse().map_err(unreadable)?),
            Node::Cell { kind: Kind::TextList | Kind::WordList, .. } => {
                visitor.visit_seq(SeqDeserializer::new(split_list(text).into_iter()))
            }
            Node::Cell { .. } => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let word: serde::de::value::StrDeserializer<'_, Failure> = self.text().unwrap_or_default().into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn unreadable(error: impl fmt::Display) -> Failure {
    Failure::custom(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn columns_that_count_have_places_of_their_own() {
        let paths = FIELDS.iter().filter(|field| !DERIVED.contains(&field.name)).map(|field| field.path);
        let paths: Vec<&str> = paths.collect();
        assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert!(DERIVED.iter().chain(&OF_THE_LOOK).all(|name| names.contains(name)));
        assert!(
            FALLBACKS.iter().all(|(name, _)| FIELDS.iter().any(|field| field.name == *name && field.path == *name))
        );
    }
}
