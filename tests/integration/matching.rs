//! `rdprint match` and `rdprint targets`: outputs, exit codes and annotations.

use std::fs;

use expect_test::expect_file;
use serde_json::Value;
use simulator::{Host, Server};

use crate::import::sample;
use crate::support::{Folder, Ran, run, run_with_input};

fn samples(folder: &Folder, names: &[&str]) -> Vec<String> {
    let write = |name: &&str| {
        let path = folder.path(name);
        fs::write(&path, sample(name)).unwrap();
        path
    };
    names.iter().map(write).collect()
}

fn verdicts(records: &str) -> Vec<(String, Value)> {
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let mut verdicts: Vec<_> = records
        .lines()
        .map(record)
        .map(|record| (format!("{}:{}", record["ip"], record["port"]), record["matches"].clone()))
        .collect();
    verdicts.sort_by(|one, other| one.0.cmp(&other.0));
    verdicts
}

#[test]
fn a_scan_as_csv_gives_the_same_verdicts_again_hostile_names_included() {
    const HOSTILE: &str = "=cmd|' /C calc'!A0\r\n;WIN-X\u{1b}[2J\u{202e}\"\\";
    let hosts = [
        Host::windows("WIN-BUNS25TD77J", 20348),
        Host::windows("WIN-BUNS25TD77J", 17763),
        Host::freerdp("WIN-BUNS25TD77J"),
        Host::windows("WIN-LIVFRVQFMKO", 17763).without_nla(),
        Host::windows("WIN-BUNS25TD77J", 20348).key_possession(false),
        Host::windows("WIN-7K2QF0B3M1D", 20348).challenge(|challenge| {
            HOSTILE.clone_into(&mut challenge.dns_computer);
            "'+1".clone_into(&mut challenge.nb_domain);
        }),
    ]
    .map(std::sync::Arc::new);
    let choose = move |local: std::net::SocketAddr| match local.ip() {
        std::net::IpAddr::V4(ip) => hosts.get(usize::from(ip.octets()[3]) - 1).cloned(),
        std::net::IpAddr::V6(_) => None,
    };
    let server = Server::start("0.0.0.0:0".parse().unwrap(), std::sync::Arc::new(choose)).unwrap();
    let (port, folder) = (server.port().to_string(), Folder::new());
    let (csv, jsonl) = (folder.path("scan.csv"), folder.path("scan.jsonl"));
    let scanned = run(&["scan", "127.66.7.1-6", "-p", &port, "--write", "all", "-o", &csv, "-o", &jsonl]);
    assert_eq!(scanned.code, Some(0), "{scanned:?}");
    let expected = verdicts(&fs::read_to_string(&jsonl).unwrap());
    assert_eq!(expected.len(), 6);
    for file in [&csv, &jsonl] {
        let again = run(&["match", file, "--write", "all", "--format", "jsonl"]);
        assert_eq!((again.code, verdicts(&again.stdout)), (Some(0), expected.clone()), "{}", again.stderr);
        assert!(again.stderr.contains("records 6, RDP 6, with a comparable name 6\n"), "{}", again.stderr);
    }
    assert!(fs::read_to_string(&jsonl).unwrap().contains(r"=cmd|' /C calc'!A0\r\n;WIN-X\u001b[2J\u202e\"));
}

#[test]
fn exit_codes_say_what_became_of_the_input() {
    let folder = Folder::new();
    let good = &samples(&folder, &["nmap.xml"])[0];
    let bad = &samples(&folder, &["shadowserver.csv"])[0];
    let done = run(&["match", good]);
    assert_eq!((done.code, done.stdout.lines().count()), (Some(0), 1), "only matches are written: {done:?}");
    assert_eq!(run(&["match", good, "--fail-on", "criminal-image"]).code, Some(1));
    let skipped = run(&["match", bad, "--write", "all"]);
    assert_eq!((skipped.code, skipped.stdout.lines().count()), (Some(3), 5), "{skipped:?}");
    assert!(skipped.stderr.contains(&format!("{bad}:7: has no IP address in `ip`\n")), "{}", skipped.stderr);
    assert!(skipped.stderr.contains("skipped: 1 rows or other pieces, 3 single values"), "{}", skipped.stderr);
    let strict = run(&["match", bad, "--strict", "--write", "all"]);
    assert_eq!(strict.code, Some(2), "{strict:?}");
    assert!(strict.stderr.ends_with("--strict stops at the first such piece\n"), "{}", strict.stderr);
    let both = run(&["match", good, bad, "--fail-on", "criminal-image"]);
    assert_eq!(both.code, Some(1), "a finding is told before what was skipped");
}

#[track_caller]
fn refused(arguments: &[&str], input: &str, message: &str) {
    let ran: Ran = run_with_input(arguments, input);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(2), "", 1), "{ran:?}");
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

#[test]
fn bad_input_gets_one_sentence_with_the_way_out() {
    let folder = Folder::new();
    let report = &samples(&folder, &["nmap.xml"])[0];
    let shodan = &samples(&folder, &["shodan.jsonl"])[0];
    let list = "rdprint-jsonl, rdprint-csv, nmap-xml, zgrab2, shadowserver, shodan, zeek";
    refused(&["match"], "a,b\n1,2\n", list);
    refused(&["match", &folder.path("missing")], "", "missing` cannot be read: No such file");
    refused(&["match", "-", "-"], "", "standard input is named twice");
    refused(&["match", report, "--annotate"], "", "is nmap-xml, which has no rows that stand for one endpoint each");
    refused(&["match", shodan, report, "--annotate"], "", "--annotate takes one file");
    refused(&["match", report, "--fields", "ip"], "", "no output is CSV");
    refused(&["targets"], "what is this\n", "is no list of targets that is recognised");
    refused(&["match", shodan, "-o", shodan, "--overwrite"], "", "is also read; write to another file");
    refused(&["match", shodan, "--annotate", "-o", shodan, "--overwrite"], "", "is also read; write to another file");
    refused(&["match", shodan, "--annotate", "-o", report], "", "exists; choose another name");
    let empty = run_with_input(&["match"], "");
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""), "{empty:?}");
    assert!(empty.stderr.starts_with("note: `-` is empty\n"), "{}", empty.stderr);
}

#[test]
fn fields_that_a_scan_left_out_are_named_once() {
    let table = "ip,port,seen_at,ntlm_dns_computer_name,csv_cells\r\n\
                 192.0.2.1,3389,2026-11-22T10:00:00Z,WIN-BUNS25TD77J,neutralised\r\n";
    let ran = run_with_input(&["match", "--format", "csv", "--fields", "fingerprint_id,confidence"], table);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("redvds,weak,"), "{}", ran.stdout);
    let note = ran.stderr.lines().next().unwrap();
    assert!(note.starts_with("note: `-` leaves out ") && note.contains("ntlm_product_version"), "{note}");
}

#[test]
fn annotated_csv_is_the_users_own_with_columns_added() {
    let folder = Folder::new();
    let file = &samples(&folder, &["shadowserver.csv"])[0];
    let out = folder.path("annotated.csv");
    let ran = run(&["match", file, "--annotate", "-o", &out]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    let (before, after) = (fs::read_to_string(file).unwrap(), fs::read_to_string(&out).unwrap());
    let mut rows = after.lines().zip(before.lines());
    let (header, original) = rows.next().unwrap();
    let names = "rdprint_class,rdprint_fingerprint_id,rdprint_confidence,rdprint_evidence,rdprint_fingerprint_ids";
    assert_eq!(header, format!("{original},{names}"));
    let (first, original) = rows.next().unwrap();
    assert!(first.starts_with(&format!("{original},criminal-image,redvds,weak,\"for: ")), "{first}");
    for (row, original) in rows {
        assert_eq!(row, format!("{original},,,,,"), "a row that matches nothing");
    }
    assert_eq!(after.lines().count(), before.lines().count() - 1, "the row that cannot be read is named instead");
    refused(&["match", &out, "--annotate"], "", "has `rdprint_class` already");

    let matched = run(&["match", file, "--annotate", "--write", "matched"]);
    assert_eq!(matched.stdout.lines().count(), 2, "{matched:?}");
}

#[test]
fn annotated_json_lines_can_be_joined_back() {
    let folder = Folder::new();
    let file = &samples(&folder, &["shodan.jsonl"])[0];
    let ran = run(&["match", file, "--annotate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let before = fs::read_to_string(file).unwrap();
    assert_eq!(ran.stdout.lines().count(), before.lines().count(), "other services stay too");
    for (row, original) in ran.stdout.lines().zip(before.lines()) {
        assert!(row.starts_with(original.strip_suffix('}').unwrap()), "{row}");
        let (mut row, original): (Value, Value) =
            (serde_json::from_str(row).unwrap(), serde_json::from_str(original).unwrap());
        let added = row.as_object_mut().unwrap().remove("rdprint").unwrap();
        assert_eq!(row, original);
        let is_clone = original["data"].as_str().unwrap().contains("WIN-BUNS25TD77J");
        assert_eq!(added["fingerprint_id"] == "redvds" && added["confidence"] == "supported", is_clone, "{added}");
    }
    let again = run_with_input(&["match", "--annotate"], &ran.stdout);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("has `rdprint` already"), "{}", again.stderr);
}

#[test]
fn lists_of_other_scanners_become_targets_of_a_scan() {
    let folder = Folder::new();
    let both = "192.0.2.50:3389\n192.0.2.51:3390\n";
    for (name, code) in [("masscan.txt", 3), ("masscan.json", 0), ("zmap.csv", 0), ("naabu.txt", 3), ("naabu.jsonl", 0)]
    {
        let file = &samples(&folder, &[name])[0];
        let ran = run(&["targets", file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), both), "{ran:?}");
        assert_eq!(run(&["targets", file, "-p", "3390"]).stdout, "192.0.2.51:3390\n");
    }
    let feed = run(&["targets", &samples(&folder, &["shadowserver.csv"])[0]]);
    assert_eq!((feed.code, feed.stdout.lines().count()), (Some(3), 5), "{feed:?}");
    let dry = run_with_input(&["scan", "-f", "-", "--scope", "192.0.2.0/24", "--dry-run"], both);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert_eq!(run(&["targets", &samples(&folder, &["naabu.txt"])[0], "--strict"]).code, Some(2));
}

#[test]
fn help_is_as_promised() {
    expect_file!["golden/help-match.txt"].assert_eq(&run(&["match", "--help"]).stdout);
    expect_file!["golden/help-targets.txt"].assert_eq(&run(&["targets", "--help"]).stdout);
}

#[test]
fn no_input_is_lost_to_an_output_of_another_name() {
    let folder = Folder::new();
    let file = &samples(&folder, &["rdprint.jsonl"])[0];
    let before = fs::read(file).unwrap();
    let link = folder.path("link.jsonl");
    fs::hard_link(file, &link).unwrap();
    refused(&["match", file, "--overwrite", "-o", &link], "", "is also read; write to another file");
    let redirected = crate::support::rdprint(&["match", "-", "--overwrite", "-o", file])
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap();
    assert_eq!(redirected.status.code(), Some(2), "{redirected:?}");
    assert_eq!(fs::read(file).unwrap(), before);
}

#[test]
fn a_mistake_in_the_question_costs_no_earlier_answer() {
    let folder = Folder::new();
    let (ssl, kept) = (&samples(&folder, &["zeek-ssl.log"])[0], folder.write("kept.csv", "old\n"));
    refused(&["match", ssl, "--overwrite", "-o", &kept], "", "no rdp.log is among");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "old\n");
}

#[test]
fn rows_that_are_of_another_format_are_named_and_not_passed_over() {
    let folder = Folder::new();
    let paths = samples(&folder, &["shodan.jsonl", "zgrab2.jsonl"]);
    let lines = |path: &String| fs::read_to_string(path).unwrap().lines().count();
    for (first, second) in [(&paths[0], &paths[1]), (&paths[1], &paths[0])] {
        let both = fs::read_to_string(first).unwrap() + &fs::read_to_string(second).unwrap();
        let ran = run_with_input(&["match"], &both);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let named =
            ran.stderr.lines().filter(|line| line.contains("is no banner of Shodan's") || line.contains("of zgrab2's"));
        assert_eq!(named.count(), lines(second), "{}", ran.stderr);
    }
}

#[test]
fn a_quotation_that_nobody_closes_hides_no_clone() {
    let head = "timestamp,ip,port,subject_common_name,issuer_common_name\n";
    let row = |end: &str| format!("2026-01-01 00:00:00,192.0.2.1,3389,WIN-BUNS25TD77J,{end}\n");
    let feed = [head, &row("a"), &row("\"b"), &row("c"), &row("d")].concat();
    let ran = run_with_input(&["match", "--format", "jsonl"], &feed);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(3), 3), "{ran:?}");
    assert!(ran.stderr.contains("-:3: begins with a quotation mark that the file never closes"), "{}", ran.stderr);
    // What a feed does not call RDP is written all the same where it matches.
    let written = run_with_input(&["match", "--format", "jsonl", "--write", "rdp"], &feed);
    assert_eq!(written.stdout.lines().count(), 3, "{written:?}");
}
