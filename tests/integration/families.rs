//! `rdprint families`: hidden families found in a simulated range, drafted, and found again by their drafts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use expect_test::expect_file;
use serde_json::Value;
use simulator::{Persona, Server, Truth, answer, truth, unknown};

use crate::support::{Folder, Ran, run, run_with_input};

const SEED: u64 = 11;

/// Every host of twelve networks that is part of something, and some that are not.
fn hosts() -> Vec<Truth> {
    let all = (0..12 * 256).map(|low| truth(SEED, Ipv4Addr::from_bits(0x7F4D_0000 + low)));
    let mut honest = 0;
    let chosen = all.filter(|truth| match truth.persona {
        Persona::UnknownImage
        | Persona::UnknownOwn
        | Persona::UnknownSynchronised
        | Persona::MultiHomed
        | Persona::FreeRdpRenamed => true,
        Persona::RedVdsImage | Persona::PanelA => truth.address.octets()[2] < 3,
        Persona::Generated | Persona::Human | Persona::WithoutNla | Persona::FreeRdp => {
            honest += 1;
            honest <= 60
        }
        _ => false,
    });
    chosen.collect()
}

fn families(arguments: &[&str], input: &str) -> (Vec<Value>, Ran) {
    let ran = run_with_input(&[&["families"], arguments].concat(), input);
    let rows = ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (rows, ran)
}

fn family<'a>(families: &'a [Value], name: &str) -> &'a Value {
    families
        .iter()
        .find(|family| family["names"][0]["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {families:#?}"))
}

#[test]
fn hidden_families_are_found_told_apart_drafted_and_found_again() {
    let (server, folder, hosts) =
        (Server::start("0.0.0.0:0".parse().unwrap(), answer(SEED)).unwrap(), Folder::new(), hosts());
    let port = server.port().to_string();
    let list: String = hosts.iter().flat_map(|truth| [truth.address.to_string(), "\n".to_owned()]).collect();
    let targets = folder.write("targets.txt", &list);
    let records = folder.path("records.jsonl");
    let scan = |more: &[&str]| {
        run(&[&["scan", "-f", &targets, "-p", &port, "--write", "all", "--per-network", "256"], more].concat())
    };
    let scanned = scan(&["-o", &records]);
    assert_eq!(scanned.code, Some(0), "{scanned:?}");
    let drafts = folder.path("drafts");
    let (found, ran) = families(&[&records, "--propose", &drafts], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let members = |persona| hosts.iter().filter(move |truth| truth.persona == persona).count();
    let hidden = [(Persona::UnknownImage, 1), (Persona::UnknownOwn, 2), (Persona::UnknownSynchronised, 3)];
    for (persona, number) in hidden {
        let family = family(&found, &unknown(SEED, number));
        assert_eq!((&family["verdict"], &family["significant"]), (&"clones".into(), &true.into()), "{family:#}");
        assert_eq!(family["addresses"], members(persona), "{family:#}");
        assert!(family["wording"].as_str().unwrap().ends_with("This is not evidence of abuse."), "{family:#}");
        let machines = family["machines_at_least"].as_u64().unwrap();
        assert!(machines >= 2 && machines <= members(persona).try_into().unwrap(), "{family:#}");
    }
    let own = family(&found, &unknown(SEED, 2));
    assert_eq!(own["machines_at_least"], members(Persona::UnknownOwn), "each has a certificate of its own: {own:#}");
    assert_eq!(own["rtc_offset"], "-03:00");
    assert!(own["members"].as_array().unwrap().iter().all(|member| member["running_since_at_least"].is_string()));
    let synchronised = family(&found, &unknown(SEED, 3));
    assert_eq!(
        synchronised["reasons"],
        serde_json::json!(["several-networks", "too-few-told-apart"]),
        "{synchronised:#}"
    );
    // What is known is named, and what nothing decides is listed as such.
    assert_eq!(family(&found, "WIN-BUNS25TD77J")["known_as"][0]["fingerprint_id"], "redvds");
    let undecided: Vec<&Value> = found.iter().filter(|family| family["verdict"] == "undecided").collect();
    let homes = hosts.iter().filter(|truth| truth.persona == Persona::MultiHomed);
    let mut by_network: BTreeMap<u8, usize> = BTreeMap::new();
    homes.for_each(|truth| *by_network.entry(truth.address.octets()[2]).or_default() += 1);
    assert_eq!(undecided.len(), by_network.values().filter(|count| **count > 1).count());
    assert!(undecided.iter().all(|family| family["significant"] == false && family["machines_at_least"] == 1));

    // Three drafts, proven as they are; a new scan with them finds every member and nobody else.
    let mut files: Vec<String> =
        std::fs::read_dir(&drafts).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut wanted: Vec<String> =
        (1..=3).map(|number| format!("{}.toml", unknown(SEED, number).to_ascii_lowercase())).collect();
    wanted.sort();
    assert_eq!(files, wanted);
    let proof = run(&["fingerprints", "test", &drafts]);
    assert_eq!(proof.code, Some(0), "{proof:?}");
    let again = scan(&["--fingerprints", &drafts]);
    let mut matched: Vec<Ipv4Addr> = Vec::new();
    for record in again.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if record["matches"][0]["class"] == "unnamed-clone" {
            assert_eq!(record["matches"][0]["confidence"], "strong", "{record:#}");
            matched.push(record["ip"].as_str().unwrap().parse().unwrap());
        }
    }
    matched.sort();
    let is_hidden = |persona| hidden.iter().any(|(one, _)| *one == persona);
    let planted: Vec<Ipv4Addr> =
        hosts.iter().filter(|truth| is_hidden(truth.persona)).map(|truth| truth.address).collect();
    assert_eq!(matched, planted);
    // With the drafts loaded the families are known, and nothing is left to draft.
    let (known, ran) = families(&[&records, "--fingerprints", &drafts, "--propose", &folder.path("none")], "");
    assert_eq!(family(&known, &unknown(SEED, 1))["known_as"][0]["class"], "unnamed-clone");
    assert!(!ran.stderr.contains("draft:"), "{ran:?}");
    let refused = run(&["families", &records, "--propose", &drafts]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("exists; choose another folder, or --overwrite to replace it"), "{refused:?}");
}

/// A record of rdprint's with these facts.
fn record(ip: &str, seen_at: &str, name: &str) -> String {
    format!(
        "{{\"schema_version\":1,\"seen_at\":\"{seen_at}\",\"source\":\"t\",\"scanner\":\"t\",\"ip\":\"{ip}\",\"port\":3389,\
         \"status\":\"success\",\"stage\":\"credssp\",\"ntlm\":{{\"netbios_computer_name\":{},\"dns_computer_name\":{},\
         \"product_version\":\"10.0.17763\",\"clock_skew_ms\":{}}}}}\n",
        Value::from(name),
        Value::from(name),
        ip.bytes().map(i64::from).sum::<i64>() * 7000
    )
}

#[test]
fn formats_tell_the_same_and_own_images_stand_apart() {
    let folder = Folder::new();
    let looks: String = ["192.0.2.1", "192.0.3.1", "198.51.100.9"]
        .iter()
        .map(|ip| record(ip, "2026-01-14T12:00:00Z", "WIN-7K2QF0B3M1D"))
        .chain(["192.0.2.7", "192.0.3.8"].iter().map(|ip| record(ip, "2026-01-14T12:10:00Z", "WIN-3RVK0A7QD1T")))
        .collect();
    let input = folder.write("in.jsonl", &looks);
    let own = folder.write("own.txt", "# ours\nwin-3rvk0a7qd1t\n");
    let table = run(&["families", &input, "--own-images", &own, "--format", "table"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    expect_file!["golden/families-table.txt"].assert_eq(&table.stdout);
    expect_file!["golden/families-summary.txt"].assert_eq(&table.stderr);
    let csv = run(&["families", &input, "--own-images", &own, "--format", "csv"]);
    expect_file!["golden/families.csv"].assert_eq(&csv.stdout.replace("\r\n", "\n"));
    let json = run(&["families", &input, "--own-images", &own]);
    expect_file!["golden/families.jsonl"].assert_eq(&json.stdout);
    let drafts = folder.path("drafts");
    let drafted = run(&["families", &input, "--own-images", &own, "--propose", &drafts, "-o", &folder.path("out.csv")]);
    assert_eq!((drafted.code, drafted.stdout.as_str()), (Some(0), ""), "{drafted:?}");
    let files: Vec<_> = std::fs::read_dir(&drafts).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["win-7k2qf0b3m1d.toml"]);
    expect_file!["golden/families-draft.txt"]
        .assert_eq(&std::fs::read_to_string(folder.path("drafts/win-7k2qf0b3m1d.toml")).unwrap());
    let reversed: String = looks.lines().rev().flat_map(|line| [line, "\n"]).collect();
    assert_eq!(run_with_input(&["families", "--own-images", &own], &reversed).stdout, json.stdout);
}

#[test]
fn bad_input_is_named_in_one_sentence() {
    let folder = Folder::new();
    let good = folder.write("good.jsonl", &record("192.0.2.1", "2026-01-14T12:00:00Z", "X"));
    let own = folder.write("own.txt", "WIN-7K2QF0B3M1D\na b c\n");
    let refused = |arguments: &[&str], sentence: &str| {
        let ran = run(&[&["families"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(sentence), "{sentence}: {ran:?}");
    };
    refused(&[&good, "--own-images", &own], "own.txt`: line 2 is neither a computer name nor a certificate");
    refused(&[&good, "--own-images", &folder.path("nowhere")], "nowhere` cannot be read:");
    refused(&[&folder.path("nowhere")], "nowhere` cannot be read:");
    refused(&[&good, "--window", "0"], "--window <DAYS>");
    refused(&[&good, "--propose", &good], "drafts cannot be written to");
    refused(&[&good, "-o", &folder.path("x.xml")], "has no known extension");
    refused(&[&good, "-o", &good, "--overwrite"], "");
    let empty = run_with_input(&["families"], "");
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""), "{empty:?}");
    let mixed = format!("{}{{}}\n{}", record("192.0.2.1", "2026-01-14T12:00:00Z", "WIN-7K2QF0B3M1D"), "\u{1b}[31m\n");
    let mixed = run_with_input(&["families", "--format", "csv"], &mixed);
    assert_eq!((mixed.code, mixed.stdout.lines().count()), (Some(3), 1), "{mixed:?}");
    assert!(!mixed.stderr.contains('\u{1b}'), "{mixed:?}");
}

#[test]
fn hostile_names_stay_harmless() {
    let names =
        ["=cmd|' /C calc'!A0", "\u{202e}gpj.exe", "WIN-7K2QF0B3M1\u{410}", "\u{1b}[2J", &"A".repeat(100_000), "", "\0"];
    let looks: String = (1..9_u8)
        .flat_map(|ip| names.iter().map(move |name| record(&format!("192.0.{ip}.1"), "2026-01-14T12:00:00Z", name)))
        .collect();
    for format in ["table", "csv", "jsonl"] {
        let ran = run_with_input(&["families", "--all", "--format", format], &looks);
        assert_eq!(ran.code, Some(0), "{format}");
        let hidden = ran.stdout.chars().find(|one| !"\r\n".contains(*one) && rdprint::visible::is_hidden(*one));
        assert_eq!((hidden, ran.stdout.lines().count() <= 1), (None, true), "{}", ran.stdout);
    }
}

#[test]
fn help_is_as_promised() {
    expect_file!["golden/help-families.txt"].assert_eq(&run(&["families", "--help"]).stdout);
}
