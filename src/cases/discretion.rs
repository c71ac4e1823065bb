//! No letter names an address of another customer, not even where a host says one in its own name or certificate.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use data_encoding::{BASE64, HEXLOWER};
use regex::Regex;
use serde_json::Value;

use super::Customers;
use super::letter::Told;
use super::spelled::{Readings, in_bytes, in_name, in_prose};
use super::xarf::facts;
use crate::observe::{FIELDS, Kind};

/// Evidence in the lines of a letter or in a report; what is in it is looked at as it came.
static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("[A-Za-z0-9+/]{60,}=*").ok());

/// The names, in records and in evidence, of what the host chose.
static CHOSEN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let chosen = FIELDS.iter().filter(|field| matches!(field.kind, Kind::Text | Kind::TextList));
    chosen
        .flat_map(|field| [field.name, field.path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]")])
        .collect()
});

impl Told<'_> {
    /// An address of another customer that goes out with the letter, if there is one: in `texts`, which are the finished
    /// ones, or in the record and the bytes that go with them.
    #[must_use]
    pub fn names_another(&self, customers: &Customers, texts: &[&str]) -> Option<IpAddr> {
        let mut found = Vec::new();
        // What was serialised is JSON.
        let record: Value = serde_json::from_slice(&facts(self)).unwrap_or_default();
        read(&record, false, &mut found);
        for text in texts {
            let words = ENCODED.as_ref().map(|pattern| pattern.replace_all(text, " "));
            found.extend(in_prose(words.as_deref().unwrap_or(text)));
        }
        found.iter().find_map(|readings| self.anothers(readings, customers))
    }

    /// What can be read as the receiver's own address is theirs, whose else it may be the other way round; and where we look
    /// from the writer says of their own accord.
    fn anothers(&self, readings: &Readings, customers: &Customers) -> Option<IpAddr> {
        let owner = |address: &IpAddr| customers.owner(*address, self.now).map(|owner| owner.customer_id);
        let is_own = readings
            .iter()
            .any(|address| owner(address) == Some(self.owner.customer_id) || self.looked_from.contains(address));
        readings.iter().find(|address| !is_own && owner(address).is_some()).copied()
    }
}

/// All addresses in a record; `is_chosen` if the host chose the text.
fn read(value: &Value, is_chosen: bool, found: &mut Vec<Readings>) {
    match value {
        Value::String(text) if is_chosen => found.extend(in_name(text)),
        Value::String(text) => {
            found.extend(in_prose(text));
            let decoded = HEXLOWER.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes()));
            found.extend(decoded.iter().flat_map(|bytes| in_bytes(bytes)));
        }
        Value::Array(items) => {
            for item in items {
                read(item, is_chosen, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                read(value, CHOSEN.contains(name.as_str()), found);
            }
        }
        _ => {}
    }
}
