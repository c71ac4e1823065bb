//! Whose an address was: `customers.csv`.
//!
//! A letter to the wrong customer is the worst thing that rdprint could do, so a file with a row that cannot be used is
//! refused whole: to pass over the row of a small prefix would give its addresses to the owner of the larger one around it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::net::IpAddr;

use jiff::Timestamp;

use super::prefix::{Prefix, Table, Validity};

/// Customers by prefix and time.
#[derive(Debug)]
pub struct Customers {
    v4: Table<u32>,
    v6: Table<u128>,
    owners: Vec<Owned>,
    /// All texts, one after the other.
    texts: String,
}

/// Where a customer's texts lie: they begin at `start`, and each ends at its number.
#[derive(Clone, Copy, Debug)]
struct Owned {
    start: usize,
    ends: [u32; 4],
}

/// Whose an address was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The customer.
    pub customer_id: &'a str,
    /// Whom a letter goes to; may be empty.
    pub contact: &'a str,
    /// The language of letters, in lower case; empty where the file names none.
    pub language: &'a str,
    /// The desk's own notes, which stand in no letter.
    pub notes: &'a str,
    /// The line of the file that says so.
    pub line: u32,
    prefix: Prefix,
}

impl Owner<'_> {
    /// The prefix that says so.
    #[must_use]
    pub fn prefix(&self) -> impl fmt::Display + use<> {
        self.prefix
    }
}

impl Customers {
    /// No customers at all.
    #[must_use]
    pub fn nobody() -> Self {
        Builder::new().finish().0
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The customers' ids; one whose rows differ in more than prefix and time comes more than once.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.owners.iter().map(|owned| {
            let [customer_id, ..] = owned.texts(&self.texts);
            customer_id
        })
    }

    /// Whose the address was at that time: the longest prefix that was valid then wins.
    #[must_use]
    pub fn owner(&self, address: IpAddr, at: Timestamp) -> Option<Owner<'_>> {
        let (number, line, prefix) = match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.into(), at).map(|row| (row.owner, row.line, row.prefix()))?,
            IpAddr::V6(v6) => self.v6.find(v6.into(), at).map(|row| (row.owner, row.line, row.prefix()))?,
        };
        let owned = self.owners.get(usize::try_from(number).ok()?)?;
        let [customer_id, contact, language, notes] = owned.texts(&self.texts);
        Some(Owner { customer_id, contact, language, notes, line, prefix })
    }
}

impl Owned {
    fn texts(self, all: &str) -> [&str; 4] {
        let mut start = self.start;
        self.ends.map(|end| {
            let end = self.start + end as usize;
            let text = all.get(start..end).unwrap_or_default();
            start = end;
            text
        })
    }
}

/// Takes rows and makes [`Customers`] of them.
pub(super) struct Builder {
    customers: Customers,
    /// Hash of a customer's texts → its number, so that one with a thousand prefixes is kept once.
    known: HashMap<u64, u32>,
    hasher: RandomState,
}

impl Builder {
    pub(super) fn new() -> Self {
        let (v4, v6) = (Table::new(), Table::new());
        let customers = Customers { v4, v6, owners: Vec::new(), texts: String::new() };
        Self { customers, known: HashMap::new(), hasher: RandomState::new() }
    }

    pub(super) fn push(&mut self, prefix: Prefix, validity: Validity, line: u32, texts: [&str; 4]) {
        let owner = self.owner(texts);
        match prefix {
            Prefix::V4(network, length) => self.customers.v4.push(network, length, validity, line, owner),
            Prefix::V6(network, length) => self.customers.v6.push(network, length, validity, line, owner),
        }
    }

    fn owner(&mut self, texts: [&str; 4]) -> u32 {
        let Customers { owners, texts: all, .. } = &mut self.customers;
        let hash = self.hasher.hash_one(texts);
        let known = self.known.get(&hash).copied();
        let is_same = |number: &u32| {
            let owned = usize::try_from(*number).ok().and_then(|number| owners.get(number));
            owned.is_some_and(|owned| owned.texts(all) == texts)
        };
        if let Some(number) = known.filter(is_same) {
            return number;
        }
        let start = all.len();
        let ends = texts.map(|text| {
            all.push_str(text);
            // Cells are bounded far below.
            u32::try_from(all.len() - start).unwrap_or(u32::MAX)
        });
        // Rows are counted in 32 bits, and there are no more customers than rows.
        let number = u32::try_from(owners.len()).unwrap_or(u32::MAX);
        owners.push(Owned { start, ends });
        self.known.insert(hash, number);
        number
    }

    /// The customers, and the pairs of lines that contradict each other.
    pub(super) fn finish(self) -> (Customers, Vec<(u32, u32)>) {
        let mut customers = self.customers;
        let mut overlaps = customers.v4.sort();
        overlaps.extend(customers.v6.sort());
        overlaps.sort_unstable();
        customers.texts.shrink_to_fit();
        (customers, overlaps)
    }
}
