//! The customers file, and the rules that name its customers.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use jiff::Timestamp;

use super::Failure;
use crate::cases::Customers;
use crate::given;
use crate::observe::nearest;
use crate::silence::{Mention, Silence};
use crate::visible::visible;

/// Opens the file; whether it is right is another question.
pub(super) fn open(path: &Path) -> Result<File, Failure> {
    given::open(path).map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))
}

/// Reads the file whole. A rule for a customer that is not in it would silence nothing, and nobody would notice.
pub(super) fn read(path: &Path, silence: &Silence) -> Result<Customers, Failure> {
    let file = path.display().to_string();
    let customers = Customers::read(&file, open(path)?).map_err(Failure::usage)?;
    let now = Timestamp::now();
    // There may be millions of customers, so all of the few that rules name are looked for at once.
    let named: HashSet<&str> = silence.customers(now).map(|customer| customer.id.as_str()).collect();
    let known: HashSet<&str> = customers.ids().filter(|id| named.contains(id)).collect();
    match silence.customers(now).find(|customer| !known.contains(customer.id.as_str())) {
        None => Ok(customers),
        Some(unknown) => Err(Failure::usage(complaint(unknown, &file, &customers))),
    }
}

fn complaint(Mention { id, place }: &Mention, file: &str, customers: &Customers) -> String {
    let other_case = customers.ids().find(|known| known.eq_ignore_ascii_case(id));
    let hint = match other_case.or_else(|| nearest(id, customers.ids())) {
        Some(near) => format!("did you mean `{}`?", visible(near)),
        None => "mend it or, if they have left, take the rule away".to_owned(),
    };
    format!("{place}: `{file}` has no customer `{}`; {hint}", visible(id))
}
