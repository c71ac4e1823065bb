//! `rdprint fingerprints`: what there is, whether files are right, and from records to a fingerprint that finds them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use expect_test::expect_file;
use serde_json::Value;
use simulator::{Certificate, Host, Server};

use crate::support::{Folder, run, run_with_input};

#[test]
fn list_and_show_tell_what_there_is() {
    let list = run(&["fingerprints", "list"]);
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    expect_file!["golden/fingerprints-list.txt"].assert_eq(&list.stdout);
    let rows: Vec<Value> = serde_json::from_str(&run(&["fingerprints", "list", "--json"]).stdout).unwrap();
    assert_eq!((rows.len() + 1, rows[0]["id"].as_str()), (list.stdout.lines().count(), Some("redvds")));
    let show = run(&["fingerprints", "show", "redvds"]);
    expect_file!["golden/fingerprints-show.txt"].assert_eq(&show.stdout);
    let json: Value = serde_json::from_str(&run(&["fingerprints", "show", "redvds", "--json"]).stdout).unwrap();
    assert_eq!(json["conditions"][0]["text"], "computer_name equals WIN-BUNS25TD77J");
    let unknown = run(&["fingerprints", "show", "redvd"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no fingerprint has the id `redvd`; did you mean `redvds`?"), "{unknown:?}");
}

const OURS: &str = "id = \"ours\"\nname = \"Ours\"\nclass = \"generic\"\nstatus = \"stable\"\ndescription = \"x\"\n\
                    [[required]]\nfield = \"computer_name\"\nequals = \"OURS-01\"\n";

#[test]
fn check_names_every_mistake_of_every_file_and_loads_nothing_in_half() {
    let folder = Folder::new();
    folder.write("good.toml", OURS);
    let good = run(&["fingerprints", "check", &folder.path("good.toml")]);
    let summary = "all correct: fingerprints 1, conditions 1, examples 0, counter-examples 0\n";
    assert_eq!((good.code, good.stdout.as_str(), good.stderr.as_str()), (Some(0), "", summary));

    let bad = OURS.replace("\"ours\"", "\"Our s\"").replace("computer_name", "computer_nam");
    folder.write("bad.toml", &bad);
    folder.write("worse.toml", "id = \"worse\n");
    let checked = run(&["fingerprints", "check", &folder.path("")]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(2), ""));
    let complaints: Vec<&str> = checked.stderr.lines().collect();
    let starts = ["bad.toml:1: `id` may hold", "bad.toml:7: `field` names", "worse.toml:1: "];
    for (complaint, start) in complaints.iter().zip(starts) {
        assert!(complaint.starts_with(&folder.path(start)), "{complaint}");
    }
    assert_eq!(complaints[3..], ["rdprint: mistakes: 3, files: 3; a scan would load none"]);
    let json = run(&["fingerprints", "check", "--json", &folder.path("")]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json["ok"].as_bool(), json["files"].as_u64()), (Some(false), Some(3)));
    assert_eq!(json["problems"][1]["line"], 7);
    let scan = run(&["scan", "127.66.9.1", "--dry-run", "--fingerprints", &folder.path("")]);
    assert_eq!(scan.code, Some(2), "{scan:?}");
}

#[test]
fn test_proves_the_embedded_set_and_refuses_what_proves_nothing() {
    let whole = run(&["fingerprints", "test"]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert!(whole.stderr.starts_with("all proven: fingerprints 22, "), "{whole:?}");
    let folder = Folder::new();
    let file = folder.write("ours.toml", OURS);
    let bare = run(&["fingerprints", "test", &file]);
    assert_eq!(bare.code, Some(2));
    assert!(bare.stderr.contains("`examples` are 0") && bare.stderr.contains("`counter_examples` are 0"), "{bare:?}");
    assert!(
        bare.stderr.contains(&format!("{file}:7: no example needs the condition `computer_name equals")),
        "{bare:?}"
    );
}

#[test]
fn what_matches_examples_of_others_is_not_proven() {
    let folder = Folder::new();
    let example = |table: &str, verdict: &str, name: &str| {
        format!("[[{table}]]\norigin = 'synthetic'\n{verdict}why = 'w'\n[{table}.facts]\ncert_subject_cn = '{name}'\n")
    };
    let greedy = OURS.replace("equals = \"OURS-01\"", "regex = '(OURS|WIN)-.{2,11}'");
    let verdict = "confidence = 'weak'\n";
    let text = [greedy, example("examples", verdict, "OURS-01"), example("examples", verdict, "OURS-02")].concat();
    let text = [text, example("counter_examples", "", "OURS"), example("counter_examples", "", "THEIRS-01")].concat();
    let file = folder.write("greedy.toml", &text);
    let tested = run(&["fingerprints", "test", &file]);
    assert_eq!(tested.code, Some(2), "{tested:?}");
    assert!(tested.stderr.contains(&format!("{file}:1: this also matches an example of `redvds`")), "{tested:?}");
    assert!(tested.stderr.ends_with("a scan would load them, but they prove nothing\n"), "{tested:?}");
}

#[test]
fn links_and_odd_files_are_told_from_fingerprints() {
    let folder = Folder::new();
    let file = folder.write("ours.toml", OURS);
    std::os::unix::fs::symlink(folder.path(""), folder.path("loop")).unwrap();
    std::os::unix::fs::symlink(&file, folder.path("again.toml")).unwrap();
    let checked = run(&["fingerprints", "check", &folder.path(""), &file]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stderr.starts_with("all correct: fingerprints 1,"), "{checked:?}");
    let odd = run(&["fingerprints", "check", "--json", "/dev/null", &folder.path("nowhere")]);
    let json: Value = serde_json::from_str(&odd.stdout).unwrap();
    assert_eq!((odd.code, json["ok"].as_bool(), json["problems"].as_array().unwrap().len()), (Some(2), Some(false), 2));
    assert!(json["problems"][0]["message"].as_str().unwrap().ends_with("it is neither a file nor a folder"), "{json}");
}

#[test]
fn a_replaced_fingerprint_is_announced() {
    let folder = Folder::new();
    let file = folder.write("ours.toml", &OURS.replace("name = \"Ours\"", "overrides = \"redvds\"\nname = \"Ours\""));
    let list = run(&["fingerprints", "list", "--fingerprints", &file]);
    assert_eq!(list.stderr, format!("rdprint: fingerprint `redvds` is replaced by `{file}`\n"));
    assert!(!list.stdout.contains("redvds") && list.stdout.contains("ours"), "{list:?}");
}

/// Two copies of one image that serve the image's certificate, an honest host, and a name with a trap for writers of TOML.
fn family() -> Server {
    let name = "WIN-3RVK0A7QD1T";
    let image = Certificate::windows(name).not_before(1_780_000_000);
    let hosts = [
        Host::windows(name, 20348).certificate(image.clone()),
        Host::windows(name, 20348).certificate(image),
        Host::windows("WIN-7K2QF0B3M1D", 20348),
        Host::windows("A\"]\n[x]", 20348),
        Host::windows("MY PC", 7601),
        Host::windows("\u{202e}B", 20348),
        Host::windows("WIN-BUNS25TD77J", 20348).domain("customer.example"),
        Host::windows("HIDING-01", 20348).certificate(Certificate::openssl("\u{202e}gpj.exe")),
    ]
    .map(Arc::new);
    let choose = move |local: SocketAddr| match local.ip() {
        IpAddr::V4(ip) => hosts.get(usize::from(ip.octets()[3])).cloned(),
        IpAddr::V6(_) => None,
    };
    Server::start("0.0.0.0:0".parse().unwrap(), Arc::new(choose)).unwrap()
}

#[test]
fn a_draft_from_records_passes_its_own_proof_and_finds_the_family_in_the_next_scan() {
    let (server, folder) = (family(), Folder::new());
    let port = server.port().to_string();
    let scan = |more: &[&str]| run(&[&["scan", "127.66.8.0/29", "--write", "rdp", "-p", &port], more].concat()).stdout;
    let records = scan(&[]);
    assert_eq!(records.lines().count(), 8);
    let several = run_with_input(&["fingerprints", "new", "--from", "-"], &records);
    assert_eq!(several.code, Some(2));
    assert!(several.stderr.contains("several names (WIN-3RVK0A7QD1T × 2, "), "{several:?}");
    let new = |more: &[&str]| run_with_input(&[&["fingerprints", "new", "--from", "-"], more].concat(), &records);
    let draft = new(&["--name", "win-3rvk0a7qd1t", "--class", "unnamed-clone"]);
    assert_eq!((draft.code, draft.stderr.as_str()), (Some(0), ""));
    let file = folder.write("draft.toml", &draft.stdout);
    let proof = run(&["fingerprints", "test", &file]);
    assert_eq!(proof.code, Some(0), "{proof:?}\n{}", draft.stdout);
    let found = scan(&["--fingerprints", &file]);
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), 8);
    let ours = found.iter().filter(|record| record["matches"][0]["class"] == "unnamed-clone");
    let verdicts: Vec<_> = ours.map(|record| record["matches"][0]["confidence"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["strong", "strong"]);

    // Whatever a host calls itself, the draft is a fingerprint that proves itself, or there is none.
    for name in ["A\"]\n[x]", "\u{202e}B"] {
        let trap = new(&["--name", name]);
        assert_eq!((trap.code, trap.stdout.as_str()), (Some(2), ""), "{trap:?}");
    }
    let spaced = new(&["--name", "MY PC"]);
    assert_eq!(
        run(&["fingerprints", "test", &folder.write("spaced.toml", &spaced.stdout)]).code,
        Some(0),
        "{spaced:?}"
    );
    // A member may hide things in its other names; they are not quoted.
    let hiding = new(&["--name", "HIDING-01"]);
    assert_eq!(hiding.code, Some(0), "{hiding:?}");
    assert_eq!(hiding.stdout.chars().find(|one| *one != '\n' && rdprint::visible::is_hidden(*one)), None, "{hiding:?}");
    let known = new(&["--name", "WIN-BUNS25TD77J"]);
    assert_eq!(known.code, Some(0), "{known:?}");
    assert!(known.stderr.contains("`redvds` of rdprint matches these records already"), "{known:?}");
    assert!(!known.stdout.contains("customer.example"), "domains are owners': {}", known.stdout);
    assert!(new(&["--name", "X"]).stderr.contains("no record declares the name X"));
    assert_eq!(new(&["--name", "WIN-7K2QF0B3M1D", "--id", "My Family"]).code, Some(2));
    assert_eq!(new(&["--name", "WIN-7K2QF0B3M1D", "--id", "redvds"]).code, Some(2));
    let accusing = run_with_input(&["fingerprints", "new", "--from", "-", "--class", "criminal-image"], "");
    assert_eq!(accusing.code, Some(2));
    assert!(accusing.stderr.contains("needs a published source, which records are not"), "{accusing:?}");
    let broken =
        run_with_input(&["fingerprints", "new", "--from", "-", "--name", "WIN-7K2QF0B3M1D"], &(records + "{}\n"));
    assert_eq!(broken.code, Some(3), "{broken:?}");
}
