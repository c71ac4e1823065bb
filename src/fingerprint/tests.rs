//! The embedded set proves itself, and bad files are named by file, line and key.

use std::path::Path;

use super::*;
use crate::fingerprint::derive_traits;

fn embedded() -> FingerprintSet {
    FingerprintSet::embedded().unwrap()
}

#[test]
fn every_file_is_embedded_under_its_class_and_id() {
    let on_disk = glob(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fingerprints")));
    assert_eq!(on_disk, FingerprintSet::embedded_files().count());
    for file in FingerprintSet::embedded_files() {
        let fingerprint = file.compile().unwrap();
        assert_eq!(file.name, format!("fingerprints/{}/{}.toml", fingerprint.class, fingerprint.id));
    }
}

fn glob(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { glob(&path) } else { 1 }).sum()
}

#[test]
fn every_file_has_examples_both_ways_and_proves_them() {
    for file in FingerprintSet::embedded_files() {
        let fingerprint = file.prove().unwrap();
        assert!(fingerprint.examples.len() >= 2 && fingerprint.counter_examples.len() >= 2, "{}", fingerprint.id);
    }
}

#[test]
fn no_embedded_fingerprint_matches_an_example_of_another() {
    let set = embedded();
    for fingerprint in set.iter() {
        for example in &fingerprint.examples {
            let observation = Observation::from_facts(&example.get_ref().facts).unwrap();
            let matches = set.matches(&observation, &derive_traits(&observation));
            let ids: Vec<&str> = matches.iter().map(|found| found.fingerprint_id.as_str()).collect();
            assert_eq!(ids, [fingerprint.id.as_str()], "{}", example.get_ref().why);
        }
    }
}

const MINIMAL: &str = r#"id = "x"
name = "X"
class = "generic"
status = "stable"
description = "X."
[[required]]
field = "computer_name"
equals = "X"
"#;

fn complaint(text: &str) -> String {
    SourceFile { name: "my.toml".to_owned(), text: text.to_owned() }.compile().unwrap_err().to_string()
}

#[test]
fn complaints_name_file_line_and_key() {
    assert!(SourceFile { name: "my.toml".to_owned(), text: MINIMAL.to_owned() }.compile().is_ok());
    let cases = [
        (MINIMAL.replace("computer_name", "computer_nam"), "my.toml:7: `field` names `computer_nam`"),
        (MINIMAL.replace("equals = \"X\"", "regex = \"(\""), "my.toml:8: `regex` does not compile: unclosed group"),
        (MINIMAL.replace("equals = \"X\"", ""), "my.toml:7: a condition needs exactly one of"),
        (MINIMAL.replace("equals", "equal"), "my.toml:8: unknown field `equal`"),
        (MINIMAL.replace("\"generic\"", "\"evil\""), "my.toml:3: unknown variant `evil`"),
        (
            MINIMAL.replace("\"generic\"", "\"criminal-image\""),
            "my.toml:3: class `criminal-image` needs a published source",
        ),
        (MINIMAL.replace("\"x\"", "\"A b\""), "my.toml:1: `id` may hold only"),
        (MINIMAL.replace("name = \"X\"\n", ""), "my.toml:1: missing field `name`"),
        (MINIMAL.replace("computer_name", "ntlm_build"), "my.toml:7: `equals` must give `ntlm_build` a whole number"),
        (
            MINIMAL.replace("equals = \"X\"", "equals = [1, \"a\"]"),
            "my.toml:7: `equals` must give `computer_name` a text",
        ),
        (MINIMAL.replace("equals = \"X\"", "equals = 1.5"), "my.toml:8: `equals` takes a text, a whole number"),
        (MINIMAL.replace("equals = \"X\"", "prefix = \"\""), "my.toml:7: `prefix` must not be empty"),
        (MINIMAL.split("[[").next().unwrap().to_owned(), "my.toml:1: `required` is missing"),
    ];
    for (text, expected) in cases {
        let got = complaint(&text);
        assert!(got.starts_with(expected), "{got}\nshould begin with\n{expected}");
    }
}

#[test]
fn examples_of_own_files_are_run() {
    let example = |confidence: &str, facts: &str| {
        let head = format!("{MINIMAL}[[examples]]\norigin = \"synthetic\"\nwhy = \"it is so\"\n");
        let text = format!("{head}{confidence}[examples.facts]\n{facts}\n");
        SourceFile { name: "my.toml".to_owned(), text }.prove().map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(example("confidence = \"weak\"\n", "cert_subject_cn = \"x\""), Ok(()));
    let cases = [
        ("confidence = \"supported\"\n", "cert_subject_cn = \"x\"", "gives `weak` where `supported` was expected"),
        ("confidence = \"weak\"\n", "cert_subject_cn = \"y\"", "gives `no match` where `weak` was expected"),
        ("confidence = \"weak\"\n", "cert_subject = 7", "are wrong: invalid type"),
        ("confidence = \"weak\"\n", "subject_cn = \"x\"", "are wrong: `subject_cn` is not a field"),
        ("", "cert_subject_cn = \"x\"", "`confidence` is missing"),
    ];
    for (confidence, facts, expected) in cases {
        let error = example(confidence, facts).unwrap_err();
        assert!(error.starts_with("my.toml:9: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn an_id_may_stand_only_once() {
    let file = |name: &str| SourceFile { name: name.to_owned(), text: MINIMAL.to_owned() };
    let error = FingerprintSet::embedded_with([file("a.toml"), file("b.toml")]).unwrap_err();
    assert!(error.to_string().starts_with("b.toml:1: `id` `x` is already taken"), "{error}");
}

#[test]
fn the_hash_names_the_contents_and_not_the_order() {
    let file =
        |id: &str| SourceFile { name: format!("{id}.toml"), text: MINIMAL.replace("\"x\"", &format!("\"{id}\"")) };
    let hash = |files: Vec<SourceFile>| FingerprintSet::embedded_with(files).unwrap().hash().to_owned();
    assert_eq!(hash(vec![file("a"), file("b")]), hash(vec![file("b"), file("a")]));
    assert_ne!(hash(vec![file("a")]), hash(vec![file("b")]));
}
