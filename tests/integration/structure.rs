//! The house: which module may import which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A module may import those of earlier floors, never one of its own floor or above.
/// ARCHITECTURE.md draws the same.
const FLOORS: [&[&str]; 14] = [
    &["visible", "given", "place"],
    &["proto"],
    &["target"],
    &["observe"],
    &["knowledge"],
    &["fingerprint"],
    &["verdict", "change"],
    &["silence", "cases", "families"],
    &["probe", "import", "output", "resolve", "store", "alert"],
    &["scan", "selftest"],
    &["config"],
    &["sweep"],
    &["command"],
    &["main", "lib"],
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "src was not found");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// The module that a file belongs to: the first part of its path.
fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| panic!("`{module}` has no floor"))
}

/// The top-level modules that a text names by `crate::`, tests and comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines {
        for after in line.split("crate::").skip(1) {
            let name: String = after.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            assert!(!name.is_empty(), "write one `use crate::module::…` per module, not `{line}`");
            found.insert(name);
        }
    }
    found
}

#[test]
fn modules_import_only_from_the_floors_below() {
    for (file, text) in all_sources() {
        let (own, own_floor) = (module(&file), floor(module(&file)));
        for imported in imports(&text) {
            let is_below = imported == own || floor(&imported) < own_floor;
            assert!(is_below, "src/{file} imports crate::{imported}, which is not below {own}");
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    let rooms: [(&str, &[&str]); 22] = [
        ("rustls::", &["probe/tls.rs", "selftest/tls.rs"]),
        ("openssl::", &["probe/legacy_tls.rs"]),
        ("clap::", &["command/", "main.rs"]),
        (
            "serde",
            &[
                "visible/json.rs",
                "observe/",
                "knowledge/",
                "fingerprint/",
                "verdict/",
                "change/",
                "families/",
                "import/",
                "output/",
                "scan/",
                "store/",
                "silence/",
                "cases/",
                "sweep/",
                "config.rs",
                "command/",
            ],
        ),
        ("tokio::", &["probe/", "resolve.rs", "scan/", "selftest/", "sweep/", "command/"]),
        ("std::net::TcpStream", &[]),
        ("x509_parser::", &["observe/certificate.rs"]),
        ("quick_xml::", &["import/nmap"]),
        ("flate2::", &["import/input.rs"]),
        ("ruzstd::", &["import/input.rs"]),
        ("rusqlite::", &["store/"]),
        ("ureq::", &["alert/webhook.rs"]),
        ("rustix::", &["alert/command.rs"]),
        ("minijinja::", &["cases/templates.rs"]),
        // What leaves is written by `visible::json`.
        ("serde_json::to_string", &["visible/json.rs", "store/mod.rs"]),
        ("serde_json::to_vec", &[]),
        ("serde_json::to_writer", &["scan/resume.rs"]),
        ("serde_json::ser", &[]),
        ("serde_json::Serializer", &[]),
        ("csv_core::", &["import/csv_rows.rs"]),
        ("tempfile::", &["sweep/file.rs"]),
        ("icu_normalizer::", &["cases/spelled.rs"]),
    ];
    for (file, text) in all_sources() {
        let code =
            text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for (library, allowed) in rooms {
                let is_allowed = allowed.iter().any(|room| file.starts_with(room));
                assert!(is_allowed || !line.contains(library), "src/{file} knows {library}: {line}");
            }
        }
    }
}
