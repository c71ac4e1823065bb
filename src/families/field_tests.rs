//! The list of fields, the JSON and docs/families.md say the same.

use std::collections::BTreeSet;

use serde_json::Value;
use strum::{EnumMessage, VariantArray};

use super::tests::{NAME, at, certificate, only};
use super::*;
use crate::fingerprint::Class;

/// Every path of a JSON value that leads to no object.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                paths(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| paths(value, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// A family with everything that there can be, but for what a known one lacks.
fn full() -> Family {
    let image = certificate(1, -30);
    let mut looks: Vec<_> = (1..=3).map(|one| at([192, 0, one, 1], 0.0).shows(image).skewed(-10_800_000)).collect();
    looks.push(at([192, 0, 2, 2], 0.0).shows(certificate(2, -20)).skewed(-10_800_000));
    only(&looks)
}

#[test]
fn the_list_names_every_field_and_no_other() {
    let family = full();
    assert!(family.wording.is_some());
    let known = vec![KnownAs { fingerprint_id: "x".to_owned(), class: Class::Lab, endpoints: 1 }];
    let full = Family { known_as: known, ..family };
    let mut found = BTreeSet::new();
    paths(&serde_json::to_value(&full).unwrap(), "", &mut found);
    let listed: BTreeSet<String> = FAMILY_FIELDS.iter().map(|field| field.path.to_owned()).collect();
    assert_eq!(found, listed);
    assert_eq!(full.names[0].name, NAME);
}

#[test]
fn the_page_has_a_row_for_every_field_and_every_word() {
    let page = include_str!("../../docs/families.md");
    let fields = FAMILY_FIELDS.iter().map(|field| (field.path, field.doc));
    let reasons = Reason::VARIANTS.iter().map(|word| (word.into(), word.get_documentation().unwrap()));
    let verdicts = Verdict::VARIANTS.iter().map(|word| (word.into(), word.get_documentation().unwrap()));
    let rows: Vec<String> =
        fields.chain(reasons).chain(verdicts).map(|(name, doc)| format!("| `{name}` | {doc} |")).collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !page.contains(row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "docs/families.md lacks:\n{}",
        missing.iter().map(|row| row.as_str()).collect::<Vec<_>>().join("\n")
    );
}
