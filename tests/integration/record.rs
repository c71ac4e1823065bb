//! The field table and the JSON of a record are one promise.

use std::collections::BTreeSet;

use expect_test::expect_file;
use rdprint::observe::{CertificateKind, Hex, Mcs, Observation, X224};
use rdprint::verdict::{Column, Record, columns};
use serde_json::Value;
use simulator::Host;

use crate::support::{judge, probe};

/// A record in which every field has a value.
fn full() -> Record {
    let host = Host::windows("WIN-BUNS25TD77J", 20348).domain("corp.example.com").key_possession(false);
    let mut seen: Observation = probe(host);
    let first = X224 { failure_code: Some(5), ..seen.x224.clone().unwrap() };
    seen.x224_first = Some(first);
    seen.x224.as_mut().unwrap().failure_code = Some(1);
    seen.error = Some("an error".to_owned());
    seen.note([rdprint::observe::Anomaly::NotTls]);
    let tls = seen.tls.as_mut().unwrap();
    tls.alert = Some("handshake_failure".to_owned());
    tls.certificates[0].subject_alternative_names = vec!["DNS:rdp.example.com".to_owned()];
    tls.certificates[0].parse_error = Some("a parse error".to_owned());
    tls.dh_bits = Some(1024);
    let leaf = tls.certificates[0].clone();
    seen.mcs = Some(Mcs {
        result: Some(0),
        disconnect_reason: Some(1),
        server_version: Some("10.7".to_owned()),
        client_requested_protocols: Some("PROTOCOL_RDP".to_owned()),
        early_capability_flags: Some(1),
        encryption_method: Some("128bit".to_owned()),
        encryption_level: Some("high".to_owned()),
        server_random: Some(Hex(vec![1; 32])),
        certificate_kind: Some(CertificateKind::X509),
        certificates: vec![leaf],
        raw: Some(Hex(vec![3, 0])),
    });
    let credssp = seen.credssp.as_mut().unwrap();
    credssp.error_code = Some(1);
    credssp.raw.clone_from(&seen.ntlm.as_ref().unwrap().raw);
    judge(seen)
}

/// Every path of a JSON value, with `[]` for the elements of a list; maps of free names end at themselves.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    const OPAQUE: [&str; 2] = ["traits", "matches[].evidence[]"];
    match value {
        Value::Object(_) if OPAQUE.contains(&path) => drop(found.insert(path.to_owned())),
        Value::Object(members) => {
            // Certificates of the MCS step are described by the same rows as those of TLS.
            if path == "mcs.certificates[]" {
                found.insert(path.to_owned());
                return paths(value, "tls.certificates[]", found);
            }
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(member, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn every_path_of_the_json_has_a_row_and_every_row_a_path() {
    let record = full();
    let mut in_json = BTreeSet::new();
    paths(&serde_json::to_value(&record).unwrap(), "", &mut in_json);
    let in_table: BTreeSet<String> = columns().map(|column| column.path().to_owned()).collect();
    assert_eq!(in_json, in_table);
    for column in columns() {
        assert!(column.get(&record).is_some(), "{} has no value in a full record", column.name());
    }
}

#[test]
fn names_of_fields_are_unique() {
    let names: Vec<&str> = columns().map(Column::name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn a_record_survives_its_own_json() {
    let record = full();
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
}

#[test]
fn fields_page_is_up_to_date() {
    expect_file!["../../docs/fields.md"].assert_eq(&rdprint::command::fields_page());
}
