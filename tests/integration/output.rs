//! What comes out: CSV, JSON Lines, the table and the note, from hosts that send hostile names.

use std::fs;

use expect_test::expect_file;
use rdprint::output::{neutralise, restore};
use serde_json::Value;
use simulator::{Host, Server};

use crate::support::{Folder, Ran, run, run_with_input};

/// A formula, a line break, an escape sequence and a character that turns the writing direction.
const HOSTILE: &str = "=cmd|' /C calc'!A0\r\nWIN-X\u{1b}[2J\u{202e}\"";

fn hostile() -> Server {
    let host = Host::windows("WIN-7K2QF0B3M1D", 20348).challenge(|challenge| HOSTILE.clone_into(&mut challenge.target));
    let host = host.challenge(|challenge| {
        HOSTILE.clone_into(&mut challenge.dns_computer);
        "'+1".clone_into(&mut challenge.nb_domain);
    });
    Server::single(host).unwrap()
}

fn scan(server: &Server, more: &[&str]) -> Ran {
    let port = server.port().to_string();
    let ran = run(&[&["scan", "127.66.2.1", "-p", &port], more].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

fn rows(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn csv_is_rfc_4180_and_harmless_and_can_be_undone() {
    let server = hostile();
    let ran = scan(&server, &["--format", "csv"]);
    assert!(ran.stdout.starts_with("schema_version,seen_at,"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("neutralised\r\n"), "rows end with CRLF: {}", ran.stdout);
    let row = &rows(&ran.stdout)[0];
    assert_eq!(row["ntlm_dns_computer_name"], neutralise(HOSTILE.into()));
    assert_eq!(restore(&row["ntlm_dns_computer_name"]), HOSTILE);
    assert_eq!((row["ntlm_netbios_domain_name"].as_str(), row["csv_cells"].as_str()), ("''+1", "neutralised"));
    assert_eq!((row["key_possession"].as_str(), row["x224_flags"].as_str()), ("proven", "31"));

    let raw = scan(&server, &["--format", "csv", "--csv-raw"]);
    let row = &rows(&raw.stdout)[0];
    assert_eq!((row["ntlm_dns_computer_name"].as_str(), row["csv_cells"].as_str()), (HOSTILE, "raw"));
}

#[test]
fn negative_numbers_are_numbers() {
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348).ntlm_skew(-90_000)).unwrap();
    let ran = scan(&server, &["--format", "csv"]);
    let skew: i64 = rows(&ran.stdout)[0]["ntlm_clock_skew_ms"].parse().unwrap();
    assert!((-95_000..-85_000).contains(&skew), "{skew}");
}

#[test]
fn fields_choose_the_columns_in_their_order() {
    let ran = scan(&hostile(), &["--format", "csv", "--fields", "port,ntlm_build,ip"]);
    assert_eq!(ran.stdout.lines().next(), Some("port,ntlm_build,ip,csv_cells"));
    assert!(ran.stdout.lines().nth(1).unwrap().ends_with(",20348,127.66.2.1,neutralised"), "{}", ran.stdout);
}

#[test]
fn json_lines_hold_the_very_text_and_no_character_that_a_terminal_obeys() {
    let ran = scan(&hostile(), &[]);
    assert_eq!(ran.stdout.lines().count(), 1, "into a pipe goes JSON Lines: {ran:?}");
    let hidden = ran.stdout.trim_end().chars().find(|character| rdprint::visible::is_hidden(*character));
    assert_eq!(hidden, None);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["ntlm"]["dns_computer_name"], HOSTILE);
}

#[test]
fn the_table_and_the_note_make_hidden_characters_visible() {
    let server = hostile();
    let table = scan(&server, &["--format", "table"]);
    assert_eq!(table.stdout.lines().count(), 2, "no host adds lines of its own: {}", table.stdout);
    assert!(table.stdout.contains("=cmd|' /C calc'!A0\\u{d}\\u{a}WIN-X\\u{1b}[2J\\u"), "{}", table.stdout);

    let record = scan(&server, &[]).stdout;
    let note = run_with_input(&["explain", "-"], &record);
    assert!(note.stdout.contains("NTLM computer (DNS): =cmd|' /C calc'!A0\\u{d}\\u{a}WIN-X\\u{1b}[2J\\u{202e}\""));
    let hidden = note.stdout.chars().find(|character| *character != '\n' && rdprint::visible::is_hidden(*character));
    assert_eq!(hidden, None, "{}", note.stdout);
}

#[test]
fn several_outputs_are_written_at_once_and_nothing_is_overwritten_unasked() {
    let (server, folder) = (hostile(), Folder::new());
    let (csv, jsonl) = (folder.path("out.csv"), folder.path("out.jsonl"));
    let ran = scan(&server, &["-o", &csv, "-o", &jsonl]);
    assert_eq!(ran.stdout, "", "with files, a pipe gets nothing");
    assert_eq!(rows(&fs::read_to_string(&csv).unwrap()).len(), 1);
    assert_eq!(fs::read_to_string(&jsonl).unwrap().lines().count(), 1);

    let port = server.port().to_string();
    let before = server.journal().connections();
    let again = run(&["scan", "127.66.2.1", "-p", &port, "-o", &csv]);
    assert_eq!(again.code, Some(2));
    assert_eq!(
        again.stderr,
        format!("rdprint: output `{csv}` exists; choose another name, or --overwrite to replace it\n")
    );
    assert_eq!(server.journal().connections(), before, "no packet was sent");
    scan(&server, &["-o", &csv, "--overwrite"]);

    let fresh = folder.path("fresh.csv");
    let half = run(&["scan", "127.66.2.1", "-p", &port, "-o", &fresh, "-o", &jsonl]);
    assert_eq!(half.code, Some(2), "{half:?}");
    let before = fs::read_to_string(&csv).unwrap();
    let lost = run(&["scan", "127.66.2.1", "-p", &port, "--overwrite", "-o", &csv, "-o", &folder.path("no/b.csv")]);
    assert_eq!((lost.code, fs::read_to_string(&csv).unwrap()), (Some(2), before), "a refused run destroys nothing");
    assert!(!std::path::Path::new(&fresh).exists(), "a refused run leaves nothing in the way of the next");
    let twice = run(&["scan", "127.66.2.1", "-p", &port, "--overwrite", "-o", &csv, "-o", &csv]);
    assert!(twice.stderr.contains("is named twice"), "{twice:?}");
}

#[test]
fn write_selects_the_records() {
    let open = Server::single(Host::scripted(simulator::Script::Banner(b"SSH-2.0-x\r\n".to_vec()))).unwrap();
    let lines = |server: &Server, selection: &str| scan(server, &["--write", selection]).stdout.lines().count();
    assert_eq!(["matched", "rdp", "open", "all"].map(|selection| lines(&open, selection)), [0, 0, 1, 1]);
    let plain = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    assert_eq!(["matched", "rdp", "open", "all"].map(|selection| lines(&plain, selection)), [0, 1, 1, 1]);
    let clone = Server::single(Host::freerdp("WIN-BUNS25TD77J")).unwrap();
    assert_eq!(lines(&clone, "matched"), 1, "contradicted matches are kept");
}

#[test]
fn a_reader_that_has_had_enough_is_no_fault() {
    let server = hostile();
    let port = server.port().to_string();
    let mut child = crate::support::rdprint(&["scan", "127.66.3.0/24", "-p", &port])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(server.settled(crate::support::PATIENCE).connections() < 256, "nobody reads, so the rest is not asked");
}

/// The note of a clone, read as a customer would; addresses and times are put in their places first.
#[test]
fn a_clone_is_explained_with_its_evidence_and_its_cautions() {
    let record = serde_json::json!({
        "schema_version": 1, "seen_at": "2026-11-22T10:00:00Z", "source": "scan", "scanner": "rdprint/0.1.0",
        "ip": "127.0.0.9", "port": 3389, "status": "success", "stage": "credssp",
        "x224": { "requested_protocols": "ssl|hybrid|hybrid_ex", "answer": "negotiation-response",
                  "selected_protocol": "hybrid_ex", "flags": 31, "src_ref": 4660, "raw": "03" },
        "tls": { "version": "TLSv1.3", "cipher_suite": "TLS_AES_256_GCM_SHA384", "key_possession": "proven",
                 "certificates": [{ "subject": "CN=WIN-BUNS25TD77J", "subject_cn": "WIN-BUNS25TD77J",
                                    "issuer": "CN=WIN-BUNS25TD77J", "self_signed": true,
                                    "not_before": "2026-09-01T08:00:00Z", "not_after": "2027-03-03T08:00:00Z" }] },
        "ntlm": { "netbios_computer_name": "WIN-BUNS25TD77J", "dns_computer_name": "WIN-BUNS25TD77J",
                  "product_version": "10.0.20348", "system_time": "2026-11-22T10:00:01Z", "clock_skew_ms": 412 },
        "traits": {}, "matches": [], "fingerprint_set": ""
    });
    let ran = run_with_input(&["explain", "-"], &format!("{record}\n"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    // The set's hash changes with every fingerprint and says nothing here.
    let note: Vec<&str> = ran.stdout.lines().filter(|line| !line.contains("fingerprint set")).collect();
    expect_file!["golden/explain-redvds.txt"].assert_eq(&(note.join("\n") + "\n"));
}

#[test]
fn explain_names_a_match_whose_fingerprint_is_not_at_hand() {
    let (server, folder) = (Server::single(Host::windows("OURS-01", 20348)).unwrap(), Folder::new());
    let text = "id = \"ours\"\nname = \"Ours\"\nclass = \"unnamed-clone\"\nstatus = \"stable\"\ndescription = \"x\"\n\
                [[required]]\nfield = \"computer_name\"\nequals = \"OURS-01\"\n";
    let file = folder.write("ours.toml", text);
    let record = scan(&server, &["--fingerprints", &file]).stdout;
    let without = run_with_input(&["explain"], &record).stdout;
    assert!(without.contains("also holds a match of ours (unnamed-clone, supported)"), "{without}");
    let with = run_with_input(&["explain", "--fingerprints", &file], &record).stdout;
    assert!(with.contains("Ours (fingerprint ours, class unnamed-clone, supported)"), "{with}");
    let csv = run_with_input(&["explain"], "schema_version,seen_at\r\n");
    assert_eq!((csv.code, csv.stderr.lines().count()), (Some(2), 1), "{csv:?}");
}

#[test]
fn explain_passes_over_what_is_no_record_and_says_so() {
    let ran = run_with_input(&["explain", "-"], "{}\n\nno json\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.lines().nth(1).unwrap().starts_with("-:3: this is no rdprint record"), "{}", ran.stderr);
}
