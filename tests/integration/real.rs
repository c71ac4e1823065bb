//! rdprint against real servers. What each is known to answer was measured with other programs.

use std::collections::BTreeMap;
use std::fs;

use rdprint::fingerprint::Side;
use rdprint::verdict::Record;
use sha2::{Digest as _, Sha256};

use crate::real_servers::{OldTls, Rig, Server, expected};
use crate::support::{Folder, run};

/// Runs `rdprint scan` where the server can be reached, and returns its only record.
fn scan(server: &Server) -> Record {
    let _turn = server.turn();
    let mut command = server.command(env!("CARGO_BIN_EXE_rdprint"));
    let ip = server.address.ip().to_string();
    let output = command.args(["scan", &ip, "-p", "3389", "--write", "all", "--format", "jsonl"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(0), 1), "{}: {text}", server.name);
    serde_json::from_str(&text).unwrap()
}

fn word(record: &Record, pointer: &str) -> Option<String> {
    let json = serde_json::to_value(record).unwrap();
    json.pointer(pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[test]
fn every_server_shows_what_it_is_known_to_show() {
    let rig = Rig::start();
    for expected in expected() {
        let server = rig.server(expected.server);
        let record = scan(server);
        let name = expected.server;
        let seen = |pointer: &str| word(&record, pointer);
        // A refused server is asked a second time, so its first answer is the one to compare.
        let answer = if record.observation.x224_first.is_some() { "/x224_first" } else { "/x224" };
        let protocols = BTreeMap::from([(0, "rdp"), (1, "ssl"), (2, "hybrid"), (8, "hybrid_ex")]);
        let selected = expected.selected.map(|number| protocols[&number].to_owned());
        assert_eq!(seen(&format!("{answer}/selected_protocol")), selected, "{name}");
        assert_eq!(seen(&format!("{answer}/failure_code")), expected.failure.map(|code| code.to_string()), "{name}");
        assert_eq!(seen(&format!("{answer}/src_ref")), Some(expected.src_ref.to_string()), "{name}");
        assert_eq!(seen(&format!("{answer}/flags")), Some(expected.flags.to_string()), "{name}");
        assert_eq!(record.observation.tls.is_some(), expected.tls, "{name}: {record:#?}");
        if expected.tls {
            let modern = OldTls { version: "TLSv1.3", cipher_suite: "", clear: false, key_possession: "proven" };
            let tls = expected.old.as_ref().unwrap_or(&modern);
            assert_eq!(seen("/tls/version").as_deref(), Some(tls.version), "{name}: {record:#?}");
            assert_eq!(seen("/tls/key_possession").as_deref(), Some(tls.key_possession), "{name}");
            let via = if tls.clear { "clear-flight" } else { "handshake" };
            assert_eq!(seen("/tls/via").as_deref(), Some(via), "{name}");
            if !tls.cipher_suite.is_empty() {
                assert_eq!(seen("/tls/cipher_suite").as_deref(), Some(tls.cipher_suite), "{name}");
            }
            let pem: String = fs::read_to_string(&server.certificate).unwrap();
            let lines = pem.lines().filter(|line| !line.starts_with("-----"));
            // FreeRDP ends the file with a NUL.
            let base64: String = lines.map(|line| line.trim_matches('\0')).collect();
            assert_eq!(seen("/tls/certificates/0/der"), Some(base64), "{name}: the certificate as it lies on its disk");
            let cn = seen("/tls/certificates/0/subject_cn");
            assert_eq!(cn.as_deref(), expected.common_name, "{name}");
        }
        assert_eq!(record.observation.ntlm.is_some(), expected.ntlm.is_some(), "{name}: {record:#?}");
        if let Some(ntlm) = &expected.ntlm {
            for field in
                ["target_name", "netbios_computer_name", "netbios_domain_name", "dns_computer_name", "dns_domain_name"]
            {
                assert_eq!(seen(&format!("/ntlm/{field}")).as_deref(), Some(ntlm.every_name), "{name}: {field}");
            }
            assert_eq!(seen("/ntlm/product_version").as_deref(), Some(ntlm.product_version), "{name}");
            let raw = &record.observation.ntlm.as_ref().unwrap().raw.as_ref().unwrap().0;
            assert_eq!(raw[55], ntlm.revision, "{name}: the last byte of VERSION");
            assert_eq!(seen("/ntlm/negotiate_flags"), Some(ntlm.flags.to_string()), "{name}");
        }
        let mcs = record.observation.mcs.as_ref();
        let shown = mcs.map(|mcs| (mcs.encryption_method.clone().unwrap(), mcs.certificate_kind));
        let expected_mcs =
            expected.mcs.map(|(method, kind)| (method.to_owned(), kind.map(|kind| kind.parse().unwrap())));
        assert_eq!(shown, expected_mcs, "{name}: {record:#?}");
        // None of them is Windows. Without TLS or with an old one, xrdp shows nothing that Windows 7 would not.
        let stack = match (expected.src_ref, expected.tls && expected.old.is_none()) {
            (0, _) => Some("freerdp"),
            (0x1234, true) => Some("xrdp"),
            _ => None,
        };
        let seen_stack = record.traits.get("non_windows_stack").map(AsRef::as_ref);
        assert_eq!(seen_stack, stack, "{name}: {record:#?}");
        println!(
            "{name}: {} {} {:?} {:?}",
            record.observation.stage,
            record.observation.status,
            seen("/x224/selected_protocol"),
            record.observation.error
        );
    }
}

/// `tag`, a length and `body` in DER.
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let header = if body.len() < 0x80 { vec![tag, low] } else { vec![tag, 0x82, high, low] };
    [&header, body].concat()
}

#[test]
fn the_bare_key_of_xrdp_is_the_one_on_its_disk() {
    let keys = fs::read_to_string("/etc/xrdp/rsakeys.ini").expect("xrdp's package makes its keys when it is installed");
    let line = keys.lines().find_map(|line| line.strip_prefix("pub_mod=")).expect("a public modulus");
    let octet = |text: &str| u8::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap();
    // The least significant octet stands first.
    let mut modulus: Vec<u8> = line.split(',').map(octet).collect();
    modulus.push(0);
    modulus.reverse();
    let key = der(0x30, &[der(2, &modulus), der(2, &[1, 0, 1])].concat());
    let algorithm = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00";
    let info = der(0x30, &[&algorithm[..], &der(3, &[&[0], &key[..]].concat())].concat());
    let record = scan(Rig::start().server("xrdp-rdp"));
    let shown = record.observation.leaf().and_then(|key| key.spki_sha256.clone()).unwrap();
    assert_eq!(shown.0, Sha256::digest(&info).to_vec());
}

#[test]
fn ntlm_values_equal_those_of_nmap_field_by_field() {
    let rig = Rig::start();
    let mut compared = 0;
    for expected in expected().iter().filter(|expected| expected.ntlm.is_some()) {
        let server = rig.server(expected.server);
        let nmap = server.nmap_ntlm();
        let record = serde_json::to_value(scan(server)).unwrap();
        let ours = |field: &str| record["ntlm"][field].as_str().map(str::to_owned);
        for (theirs, field) in [
            ("Target_Name", "target_name"),
            ("NetBIOS_Domain_Name", "netbios_domain_name"),
            ("NetBIOS_Computer_Name", "netbios_computer_name"),
            ("DNS_Domain_Name", "dns_domain_name"),
            ("DNS_Computer_Name", "dns_computer_name"),
            ("DNS_Tree_Name", "dns_tree_name"),
            ("Product_Version", "product_version"),
        ] {
            assert_eq!(nmap.get(theirs).cloned(), ours(field), "{}: {theirs}", server.name);
        }
        let clock = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let (theirs, ours) = (clock(&nmap["System_Time"]), clock(record["ntlm"]["system_time"].as_str().unwrap()));
        assert!(ours.duration_since(theirs).as_secs().abs() < 60, "{}: {theirs} and {ours}", server.name);
        compared += 1;
    }
    assert!(compared >= 3);
}

#[test]
fn freerdp_under_the_redvds_name_is_contradicted() {
    let record = scan(Rig::start().server("shadow-nla-clone"));
    let found = record.strongest().unwrap();
    assert_eq!((found.fingerprint_id.as_str(), found.is_finding()), ("redvds", false), "{record:#?}");
    let against: Vec<&str> = found
        .evidence
        .iter()
        .filter(|piece| piece.side == Side::Against)
        .map(|piece| piece.condition.as_str())
        .collect();
    let expected = ["ntlm_build equals 20348", "non_windows_stack equals freerdp", "windows_rdp_certificate equals no"];
    assert_eq!(against, expected);
}

#[test]
fn a_report_of_nmap_gives_the_names_that_a_scan_gives() {
    let (rig, folder) = (Rig::start(), Folder::new());
    let mut compared = 0;
    for expected in expected().iter().filter(|expected| expected.ntlm.is_some()) {
        let server = rig.server(expected.server);
        let report = folder.write(&format!("{}.xml", server.name), &server.nmap_report());
        let matched = run(&["match", &report, "--write", "all", "--format", "jsonl"]);
        assert_eq!((matched.code, matched.stdout.lines().count()), (Some(0), 1), "{}: {matched:?}", server.name);
        let (imported, scanned): (Record, Record) = (serde_json::from_str(&matched.stdout).unwrap(), scan(server));
        let names = |record: &Record| {
            let ntlm = record.observation.ntlm.clone().unwrap();
            let names =
                [ntlm.target_name, ntlm.netbios_computer_name, ntlm.netbios_domain_name, ntlm.dns_computer_name];
            (names, ntlm.dns_domain_name, ntlm.dns_tree_name, ntlm.product_version)
        };
        assert_eq!(names(&imported), names(&scanned), "{}", server.name);
        let found = |record: &Record| {
            let found = record.matches.iter().map(|found| (found.fingerprint_id.clone(), found.is_finding()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(&imported), found(&scanned), "{}", server.name);
        compared += 1;
    }
    assert!(compared >= 3);
}
