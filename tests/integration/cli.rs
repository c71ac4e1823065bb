//! The command line: its promises, its complaints and its exit codes.

use std::time::{Duration, Instant};

use expect_test::expect_file;
use simulator::{Host, Server};

use crate::support::{Folder, PATIENCE, run, run_unread, run_with_input};

/// Runs a scan that must be refused with one sentence and without a packet.
#[track_caller]
fn refused(arguments: &[&str], message: &str) {
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    let port = server.port().to_string();
    let ports: &[&str] = if arguments.contains(&"-p") { &[] } else { &["-p", &port] };
    let ran = run(&[&["scan"], ports, arguments].concat());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1), "{ran:?}");
    assert!(ran.stderr.starts_with("rdprint: ") && ran.stderr.contains(message), "{}", ran.stderr);
    assert_eq!(server.journal().connections(), 0, "no packet before everything is understood");
}

#[test]
fn bad_input_gets_one_sentence_and_no_packet() {
    let folder = Folder::new();
    let list = folder.write("list.txt", "127.66.4.1 # fine\n\n127.66.4.300\n");
    refused(
        &["127.66.4.1", "example.com"],
        "target `example.com` looks like a name, and names are only resolved with --resolve",
    );
    refused(&["127.66.4.1", "--exclude", "127.66.4.1:3389"], "target `127.66.4.1:3389` names a port");
    let hostile = folder.write("hostile.txt", "127.0.0.1\u{1b}[2J\n");
    refused(&["-f", &hostile], "hostile.txt:1: target `127.0.0.1\\u{1b}[2J` is not an address");
    refused(&["127.66.4.0/40"], "impossible prefix length");
    refused(&["127.66.4.9-127.66.4.1"], "from a lower to a higher address");
    refused(&["::/64"], "too many to try one by one");
    refused(&[], "there is nothing to scan");
    refused(&["-f", &list], &format!("{list}:3: target `127.66.4.300`"));
    refused(&["-f", &folder.path("missing")], "missing` cannot be read: No such file");
    refused(&["127.66.4.1", "-p", "0"], "`0` is not a port");
    refused(&["127.66.4.1", "-p", "3389-80"], "`3389-80` is not a port");
    refused(&["127.66.4.1", "--cookie", "far-too-long"], "a cookie takes 1 to 9 ASCII characters");
    refused(&["127.66.4.1", "-o", "out.xls"], "no known extension; end it with .csv or .jsonl");
    refused(&["127.66.4.1", "-o", &folder.path("no/such/folder.csv")], "cannot be written: No such file");
    refused(&["127.66.4.1", "--format", "csv", "--fields", "ip,pot"], "`pot` is no field; did you mean `port`?");
    refused(&["127.66.4.1", "--fields", "ip"], "no output is CSV");
    refused(&["127.66.4.1", "--fingerprints", &folder.path("missing")], "cannot be read: No such file");
}

#[test]
fn bad_fingerprints_are_named_by_file_line_and_key() {
    let folder = Folder::new();
    let bad = folder.write("bad.toml", "id = \"bad\"\nname = \"Bad\"\nclas = \"lab\"\n");
    let here = bad.strip_suffix("/bad.toml").unwrap();
    refused(&["127.66.4.1", "--fingerprints", here], &format!("{bad}:3: unknown field `clas`"));
    folder.write("bad.toml", "");
    refused(&["127.66.4.1", "--fingerprints", here], &format!("{bad}:1: missing field `id`"));
    let empty = Folder::new();
    let nothing = empty.path("");
    refused(&["127.66.4.1", "--fingerprints", &nothing], "holds no .toml file");
}

#[test]
fn flags_that_clap_refuses_exit_with_2_too() {
    for arguments in [&["scan", "--rate", "0", "127.66.4.1"][..], &["scan", "--write", "some"], &["fly"], &[]] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    }
    assert!(run(&["scan", "--timeout", "soon", "127.66.4.1"]).stderr.contains("write it like 3s or 500ms"));
}

#[test]
fn own_fingerprints_are_used_beside_the_embedded_ones() {
    let folder = Folder::new();
    let text = "id = \"ours\"\nname = \"Our template\"\nclass = \"generic\"\nstatus = \"stable\"\ndescription = \"x\"\n\
                [[required]]\nfield = \"computer_name\"\nprefix = \"OURS-\"\n";
    let path = folder.write("ours.toml", text);
    let server = Server::single(Host::windows("Ours-0001", 20348)).unwrap();
    let (port, here) = (server.port().to_string(), path.strip_suffix("/ours.toml").unwrap());
    let ran = run(&[
        "scan",
        "127.66.4.1",
        "-p",
        &port,
        "--fingerprints",
        here,
        "--format",
        "csv",
        "--fields",
        "fingerprint_id,class",
    ]);
    assert_eq!(ran.stdout, "fingerprint_id,class,csv_cells\r\nours,generic,neutralised\r\n");
}

#[test]
fn targets_come_from_arguments_files_and_standard_input_each_once() {
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    let (port, folder) = (server.port().to_string(), Folder::new());
    let file = folder.write("targets", "\u{feff}# ours\n127.66.5.2-127.66.5.4\r\n::ffff:127.66.5.1\n");
    let arguments = ["scan", "127.66.5.0/30", "-f", &file, "-f", "-", "-p", &port, "--format", "csv", "--fields", "ip"];
    let ran = run_with_input(&arguments, "127.66.5.5-6\n");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut addresses: Vec<&str> = ran.stdout.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    addresses.sort_unstable();
    let expected: Vec<String> = (0..7).map(|last| format!("127.66.5.{last}")).collect();
    assert_eq!(addresses, expected);
    assert_eq!(server.settled(PATIENCE).connections(), 7);
}

#[test]
fn coverage_says_what_was_seen_and_what_was_not() {
    let hosts = [
        Host::windows("WIN-BUNS25TD77J", 20348),
        Host::windows("WIN-BUNS25TD77J", 20348).without_nla(),
        Host::windows("WIN-LIVFRVQFMKO", 17763),
        Host::windows("OLD", 14393).classic(true),
        Host::windows("X", 20348).without_nla().certificate(simulator::Certificate::openssl("WIN-BUNS25TD77J")),
        Host::scripted(simulator::Script::Banner(b"SSH-2.0-x\r\n".to_vec())),
    ]
    .map(std::sync::Arc::new);
    let choose = move |local: std::net::SocketAddr| match local.ip() {
        std::net::IpAddr::V4(ip) => hosts.get(usize::from(ip.octets()[3])).cloned(),
        std::net::IpAddr::V6(_) => None,
    };
    let server = Server::start("0.0.0.0:0".parse().unwrap(), std::sync::Arc::new(choose)).unwrap();
    let port = server.port().to_string();
    let scan = |more: &[&str]| run(&[&["scan", "127.66.6.0/29", "-p", &port], more].concat());
    let ran = scan(&[]);
    expect_file!["golden/coverage.txt"].assert_eq(&ran.stderr);
    assert_eq!(ran.code, Some(0));
    assert_eq!(scan(&["--fail-on", "criminal-image"]).code, Some(1));
    assert_eq!(scan(&["--fail-on", "unnamed-clone"]).code, Some(1), "a stronger class counts too");
    let weak_only = run(&["scan", "127.66.6.2-4", "-p", &port, "--fail-on", "unnamed-clone"]);
    assert_eq!(weak_only.code, Some(0), "a name alone, and informational classes, alarm nobody");
}

#[test]
fn sigint_and_sigterm_end_the_run_in_good_order() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
        let port = server.port().to_string();
        let folder = Folder::new();
        let out = folder.path("out.jsonl");
        let child = crate::support::rdprint(&["scan", "127.67.0.0/16", "-p", &port, "--rate", "50", "-o", &out])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        server.wait_for(PATIENCE, |journal| journal.connections() >= 5);
        let killed = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let start = Instant::now();
        let ran = crate::support::Ran::from(child.wait_with_output().unwrap());
        assert!(start.elapsed() < Duration::from_secs(20), "{ran:?}");
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains("probed "), "coverage is told all the same: {ran:?}");
        let written = std::fs::read_to_string(&out).unwrap();
        assert_eq!(written.lines().count(), server.settled(PATIENCE).connections(), "whoever was asked is written");
        assert!(written.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }
}

#[test]
fn a_stop_ends_the_ports_of_a_host_too() {
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    let ports = format!("20001-21000,{}", server.port());
    let child = crate::support::rdprint(&["scan", "127.66.9.1", "-p", &ports, "--rate", "20"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("STOPPED EARLY: ") && stderr.contains(" of 1001 endpoints were taken"), "{stderr}");
}

#[test]
fn a_full_disk_stops_the_run_with_4() {
    if !std::path::Path::new("/dev/full").exists() {
        // Only Linux has a disk that is always full; CI runs there.
        assert_ne!(std::env::consts::OS, "linux");
        return;
    }
    let server = Server::single(Host::windows("WIN-7K2QF0B3M1D", 20348)).unwrap();
    let port = server.port().to_string();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = crate::support::rdprint(&["scan", "127.67.0.0/16", "-p", &port]).stdout(full).output().unwrap();
    let ran = crate::support::Ran::from(output);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("output `standard output` cannot be written any further"), "{}", ran.stderr);
}

#[test]
fn help_and_fields_are_as_promised() {
    expect_file!["golden/help.txt"].assert_eq(&run(&["--help"]).stdout);
    expect_file!["golden/help-scan.txt"].assert_eq(&run(&["scan", "--help"]).stdout);
    expect_file!["golden/help-explain.txt"].assert_eq(&run(&["explain", "--help"]).stdout);
    expect_file!["golden/help-sweep.txt"].assert_eq(&run(&["sweep", "--help"]).stdout);
    expect_file!["golden/help-history.txt"].assert_eq(&run(&["history", "--help"]).stdout);
    for action in ["list", "write", "recheck", "false-positive"] {
        let help = run(&["cases", action, "--help"]).stdout;
        expect_file![format!("golden/help-cases-{action}.txt")].assert_eq(&help);
    }
    expect_file!["golden/help-cases.txt"].assert_eq(&run(&["cases", "--help"]).stdout);
    expect_file!["golden/help-selftest.txt"].assert_eq(&run(&["selftest", "--help"]).stdout);
    expect_file!["golden/list-fields.txt"].assert_eq(&run(&["scan", "--list-fields"]).stdout);
}

#[test]
fn whoever_stops_reading_has_had_enough() {
    let folder = Folder::new();
    let config = folder.write("sweep.toml", "history = \"h.db\"\ntargets = [\"127.66.4.1\"]\n");
    for arguments in [
        &["scan", "--list-fields"][..],
        &["scan", "127.66.4.0/24", "--dry-run"],
        &["sweep", "--config", &config, "--check"],
        &["fingerprints", "list"],
        &["fingerprints", "show", "redvds"],
        &["cases", "templates"],
        &["selftest"],
    ] {
        let ran = run_unread(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}: {ran:?}");
    }
}
