//! What a row of the field table is.

use std::borrow::Cow;

use jiff::Timestamp;
use strum::{Display, IntoStaticStr};

/// One column of CSV output, one word of `--fields`, one line of `docs/fields.md`, one name for a fingerprint's
/// condition.
pub struct Field<T: 'static> {
    /// The field's one name everywhere but in JSON.
    pub name: &'static str,
    /// Where the field stands in a JSON record; `[]` is any element of a list, `[0]` the first.
    pub path: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The unit of a number, or nothing.
    pub unit: &'static str,
    /// Whether CSV shows it unless told otherwise.
    pub default: bool,
    /// What it says, and where that is specified.
    pub doc: &'static str,
    /// Its value in a given record.
    pub get: fn(&T) -> Option<Value<'_>>,
}

/// The known name that a mistyped one most likely means, if any is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(known, name);
    let best = known.into_iter().min_by_key(|known| distance(known))?;
    (distance(best) <= name.chars().count() / 3 + 1).then_some(best)
}

/// The type of a field, which also says who controls its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// Text that the host chose.
    Text,
    /// Several texts that the host chose.
    TextList,
    /// A word or text of rdprint's own.
    Word,
    /// Several words of rdprint's own.
    WordList,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A time: RFC 3339, UTC.
    Time,
    /// An IP address.
    Address,
    /// Bytes in lower-case hexadecimal.
    Hex,
    /// Bytes in base64, which the host chose and which may therefore begin with a plus sign.
    Base64,
}

impl Kind {
    /// Whether somebody else could make the cell begin with any character they like: the host, or the writer of a file
    /// that was imported, whose words are not held to rdprint's lists.
    #[must_use]
    pub fn is_peer_controlled(self) -> bool {
        matches!(self, Self::Text | Self::TextList | Self::Word | Self::WordList | Self::Base64)
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text, a word, an address, or bytes already written as text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A time.
    Time(Timestamp),
    /// Several texts.
    List(Vec<Cow<'a, str>>),
}

impl<'a> Value<'a> {
    /// The value as one cell of a table. Elements of a list are joined by `;`, and a `;` or `\` inside one is
    /// preceded by `\`, so that the list can be taken apart again exactly.
    #[must_use]
    pub fn into_cell(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
            Self::Time(time) => Cow::Owned(time.to_string()),
            Self::List(items) => {
                let escaped = items.iter().map(|item| item.replace('\\', "\\\\").replace(';', "\\;"));
                Cow::Owned(escaped.collect::<Vec<_>>().join(";"))
            }
        }
    }
}

/// The elements of a list that [`Value::into_cell`] joined.
#[must_use]
pub fn split_list(cell: &str) -> Vec<String> {
    let (mut items, mut item, mut is_escaped) = (Vec::new(), String::new(), false);
    for character in cell.chars() {
        match character {
            '\\' if !is_escaped => is_escaped = true,
            ';' if !is_escaped => items.push(std::mem::take(&mut item)),
            _ => {
                item.push(character);
                is_escaped = false;
            }
        }
    }
    items.push(item);
    items
}

/// Puts a `'` before text whose first character would make a spreadsheet run it, and before text that begins with a
/// `'` itself, so that [`restore`] can undo it exactly.
#[must_use]
pub fn neutralise(cell: Cow<'_, str>) -> Cow<'_, str> {
    const TRIGGERS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];
    if cell.starts_with(TRIGGERS) { Cow::Owned(format!("'{cell}")) } else { cell }
}

/// The text that [`neutralise`] was given.
#[must_use]
pub fn restore(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a Vec<String>> for Value<'a> {
    fn from(texts: &'a Vec<String>) -> Self {
        Self::List(texts.iter().map(|text| Cow::Borrowed(text.as_str())).collect())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            fn from(number: $integer) -> Self {
                Self::Integer(number.into())
            }
        }
    )*};
}

from_integer!(u8, u16, u32, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutralising_can_be_undone_exactly() {
        for text in ["=1+1", "+A", "-1", "@x", "\tx", "\rx", "\nx", "'", "''=", "＝x", "＠", "WIN-X", "", " =1", "a'b"]
        {
            let cell = neutralise(text.into());
            assert_eq!(restore(&cell), text);
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']), "{cell:?}");
        }
        assert_eq!(neutralise("WIN-X".into()), "WIN-X");
        assert_eq!(neutralise("'=".into()), "''=");
    }

    #[test]
    fn lists_can_be_taken_apart_again_exactly() {
        for items in [&["a", "b"][..], &["a;b", "c\\"], &["", "\\;", ";"], &["\\\\;;"], &["é;\n", "x"]] {
            let cell = Value::List(items.iter().map(|item| Cow::Borrowed(*item)).collect()).into_cell();
            assert_eq!(split_list(&cell), items);
        }
    }
}
