//! `rdprint cases` on a world whose addresses belong to several customers.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const HEADER: &str = "prefix,customer_id,contact,language,notes,valid_from,valid_to\n";

/// The class `shared-range`, as Windows machines of a known build.
fn shared(key: u8) -> Host {
    named("WIN-HM6FI4VOIEP", key)
}

impl World {
    pub(super) fn customers(&self, rows: &str) {
        self.folder
            .write("customers.csv", &format!("{HEADER}{}", rows.replace("NET", &format!("127.67.{}", self.network))));
    }

    pub(super) fn cases(&self, arguments: &[&str]) -> Ran {
        let (config, customers) = (self.folder.path("sweep.toml"), self.folder.path("customers.csv"));
        run(&[&["cases", "--config", &config, "--customers", &customers], arguments].concat())
    }

    pub(super) fn write(&self, more: &[&str]) -> Ran {
        let letters = self.folder.path("letters");
        let sender = ["--org", "Example Hosting", "--contact", "abuse@example.net"];
        self.cases(&[&["write", &letters], more, &sender[..]].concat())
    }

    /// What was written, by path below the folder of letters.
    pub(super) fn letters(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let root = PathBuf::from(self.folder.path("letters"));
        for customer in fs::read_dir(&root).into_iter().flatten() {
            for file in fs::read_dir(customer.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
        found
    }
}

#[test]
fn a_customers_letters_are_written_after_a_second_look_and_name_nobody_else() {
    let world = World::new(40);
    for (last, host) in [
        (2, clone(2)),
        (3, shared(3)),
        (33, clone(33)),
        (34, named("WIN-LIVFRVQFMKO", 34)),
        (35, plain(35)),
        (60, clone(60)),
    ] {
        world.set(last, host);
    }
    world.complete();
    world.customers("NET.0/27,alice,it@alice.example,de,,,\nNET.32/28,bob & sons,,fr,,,\n");
    let listed = world.cases(&["list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let port = world.server.port();
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "what only informs and who matches nothing has no case: {listed:?}");
    assert!(
        lines[0]
            .starts_with(&format!("case 1: open, customer alice, 127.67.40.2:{port}, criminal-image redvds, strong")),
        "{listed:?}"
    );
    assert!(
        lines[1].contains("customer alice, 127.67.40.3:")
            && lines[1].contains("shared-range shared-hm6fi4voiep, supported"),
        "{listed:?}"
    );
    assert!(lines[2].contains("customer bob & sons, 127.67.40.33:"), "{listed:?}");
    assert!(
        listed
            .stderr
            .starts_with(&format!("rdprint: no customer had 127.67.40.60:{port} when it was seen (criminal-image")),
        "{listed:?}"
    );
    assert_eq!(world.cases(&["list"]).stdout, listed.stdout, "a case is opened once");
    assert_eq!(letters_of(&listed), ["seen-once"; 3]);

    let early = world.write(&[]);
    assert_eq!((early.code, early.stdout.as_str()), (Some(3), ""), "{early:?}");
    assert!(
        early.stderr.contains(&format!("no letter on case 1 (127.67.40.2:{port}): it was seen only once")),
        "{early:?}"
    );
    assert!(world.letters().is_empty());

    // One of them changes before the second look.
    world.set(3, plain(3));
    let looked = world.cases(&["recheck", "--open"]);
    assert_eq!(looked.code, Some(0), "{looked:?}");
    let lines: Vec<&str> = looked.stdout.lines().collect();
    assert_eq!(lines[0], format!("case 1: 127.67.40.2:{port} still shows redvds (criminal-image, strong)"));
    assert_eq!(lines[1], format!("case 2: 127.67.40.3:{port} does not bear the case out any more; it shows SRV-003"));
    assert_eq!(letters_of(&world.cases(&["list"])), ["ready", "differs", "ready"]);
    let written = world.write(&[]);
    assert_eq!((written.code, written.stdout.lines().count()), (Some(3), 2), "{written:?}");
    assert!(
        written.stderr.contains("no letter on case 2") && written.stderr.contains("nothing that bears this case out"),
        "{written:?}"
    );
    let letters = world.letters();
    let names: Vec<&str> = letters.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "alice/case-1.html",
            "alice/case-1.txt",
            "alice/case-1.xarf.json",
            "bob%20%26%20sons/case-3.html",
            "bob%20%26%20sons/case-3.txt",
            "bob%20%26%20sons/case-3.xarf.json"
        ]
    );
    for (name, text) in &letters {
        let own = if name.starts_with("alice") { ("127.67.40.2", "alice") } else { ("127.67.40.33", "bob") };
        assert!(text.contains(own.0), "{name}");
        let is_own = |address: &str| address == own.0;
        for last in [2, 3, 33, 34, 35, 60] {
            let address = format!("127.67.40.{last}");
            let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_digit());
            let names_it = text.match_indices(&address).any(|(place, found)| ends(&text[place + found.len()..]));
            assert!(is_own(&address) || !names_it, "{name} names {address}");
        }
        let other = if own.1 == "alice" { "bob" } else { "alice" };
        assert!(!text.contains(other), "{name} names {other}");
    }
    assert!(
        letters["alice/case-1.txt"].contains("Guten Tag,")
            && letters["bob%20%26%20sons/case-3.txt"].contains("Madame, Monsieur,")
    );
    let report: Value = serde_json::from_str(&letters["alice/case-1.xarf.json"]).unwrap();
    assert_eq!((&report["category"], &report["type"]), (&"reputation".into(), &"threat_intelligence".into()));
    #[cfg(feature = "xarf")]
    check_xarf(&world);

    // Nothing is written over without a word.
    let again = world.write(&["1"]);
    assert!(
        again.code == Some(3)
            && again.stderr.contains("case-1.txt` is there already; once it is sent say `rdprint cases notify 1`"),
        "{again:?}"
    );
    assert_eq!(world.write(&["1", "--replace"]).code, Some(0));
    assert_eq!(world.letters().keys().filter(|name| name.contains(".new")).count(), 0);
}

#[cfg(feature = "xarf")]
fn check_xarf(world: &World) {
    let reports = ["alice/case-1.xarf.json", "bob%20%26%20sons/case-3.xarf.json"];
    let paths = reports.map(|name| world.folder.path(&format!("letters/{name}")));
    let checked = std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/check-xarf"))
        .args(paths)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_case_is_bound_to_its_customer_and_keeps_its_state() {
    let world = World::new(41);
    world.set(2, clone(2));
    world.complete();
    world.customers("NET.0/24,alice,,,,,\n");
    assert_eq!(world.cases(&["list"]).stdout.lines().count(), 1);
    assert_eq!(world.cases(&["notify", "1"]).stdout, "case 1 is notified\n");
    let twice = world.cases(&["notify", "1"]);
    assert!(
        twice.code == Some(2) && twice.stderr.contains("case 1 is notified and cannot become notified"),
        "{twice:?}"
    );
    assert!(world.write(&["1"]).stderr.contains("it is notified, and letters are written on open cases"));
    assert_eq!(world.cases(&["resolve", "1", "--reason", "the server was set up anew"]).code, Some(0));
    // Seen again: open again.
    world.complete();
    let listed = world.cases(&["list"]).stdout;
    assert!(listed.starts_with("case 1: open, customer alice"), "{listed}");
    assert_eq!(world.cases(&["false-positive", "1", "--reason", "their own honeypot"]).code, Some(0));
    world.complete();
    assert_eq!(world.cases(&["list"]).stdout, "", "a mistake stays one");
    let shown = world.cases(&["show", "1"]).stdout;
    for part in [
        "bound to name WIN-BUNS25TD77J",
        "resolved: the server was set up anew",
        "open: it was seen again",
        "false-positive: their own honeypot",
        "today the address is alice's by 127.67.41.0/24 on line 2",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    // The address is let to somebody else: another case, and the first keeps its state.
    world.customers("NET.0/24,alice,,,,,2026-01-01\nNET.0/24,bob,,,,2026-01-02,\n");
    world.complete();
    let listed = world.cases(&["list", "--json"]);
    let case: Value = serde_json::from_str(listed.stdout.trim()).unwrap();
    assert_eq!((&case["id"], &case["customer_id"], &case["state"]), (&2.into(), &"bob".into(), &"open".into()));
    let reopened = world.cases(&["reopen", "1"]);
    assert_eq!(reopened.code, Some(0), "{reopened:?}");
    let listed = world.cases(&["list", "--json"]).stdout;
    let words: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["letter"].clone()).collect();
    assert_eq!(words, ["other-customer", "ready"], "{listed}");
    let held = world.write(&["1"]);
    assert!(held.stderr.contains("the address was no longer this customer's but bob's"), "{held:?}");
    assert_eq!(world.write(&["2"]).code, Some(0), "every look was taken in bob's time");
    assert!(world.letters().contains_key("bob/case-2.txt"));
}

/// What `list` says of the letter on each case.
fn letters_of(listed: &Ran) -> Vec<&str> {
    listed.stdout.lines().filter_map(|line| Some(line.rsplit_once(", letter: ")?.1)).collect()
}

#[test]
fn what_is_silenced_has_no_case_and_no_letter() {
    let world = World::new(42);
    world.set(2, clone(2));
    world.set(3, clone(3));
    world.customers("NET.0/24,alice,,,,,\n");
    let rule =
        "[[suppress]]\nreason = \"known\"\nauthor = \"me\"\nexpires = \"2999-01-01\"\nprefix = \"127.67.42.2\"\n";
    world.folder.write("suppress.toml", rule);
    world.settings("suppress = \"suppress.toml\"\n");
    world.complete();
    let listed = world.cases(&["list"]).stdout;
    assert!(listed.lines().count() == 1 && listed.contains("127.67.42.3:"), "{listed}");
    // Silenced after its case was opened.
    world.folder.write("suppress.toml", &rule.replace("127.67.42.2", "127.67.42.3"));
    world.cases(&["recheck", "1"]);
    assert!(world.cases(&["list"]).stdout.contains("letter: held-back"));
    let held = world.write(&["1"]);
    assert!(held.stderr.contains("a rule holds it back: ") && held.stderr.contains(": known (me)"), "{held:?}");
}

#[test]
fn a_rule_for_a_customer_holds_their_letters_back_and_nobody_elses() {
    let world = World::new(44);
    world.set(2, clone(2));
    world.set(40, clone(40));
    world.complete();
    world.customers("NET.0/27,C-1001,,,,,\nNET.32/27,C-1002,,,,,\n");
    // The sweeps' settings name the customers, too.
    let config = world.settings("customers = \"customers.csv\"\nsuppress = \"suppress.toml\"");
    let cases = |arguments: &[&str]| run(&[&["cases", "--config", &config], arguments].concat());
    world.folder.write("suppress.toml", "");
    let listed = cases(&["list"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 2), "{listed:?}");
    assert_eq!(cases(&["recheck", "--open"]).code, Some(0));
    let rule =
        "[[suppress]]\nreason = \"rebuilding\"\nauthor = \"me\"\nexpires = \"2999-01-01\"\ncustomer = \"C-1001\"\n";
    world.folder.write("suppress.toml", rule);
    let letters = world.folder.path("letters");
    let written = cases(&["write", &letters, "--org", "O", "--contact", "abuse@example.net"]);
    assert_eq!(written.code, Some(3), "{written:?}");
    assert!(written.stderr.contains("no letter on case 1 (127.67.44.2:"), "{written:?}");
    assert!(written.stderr.contains("suppress.toml:1: rebuilding (me)"), "{written:?}");
    assert!(world.letters().keys().all(|name| name.starts_with("C-1002/case-2.")), "{:?}", world.letters().keys());
    assert_eq!(world.letters().len(), 3);
    // What --customers names goes before, and a rule for nobody is a mistake there as well.
    let other = world.folder.write("other.csv", &format!("{HEADER}127.67.44.0/24,C-2001,,,,,\n"));
    let unknown = cases(&["--customers", &other, "list"]);
    refused(&unknown, "suppress.toml:5: `");
    refused(&unknown, "other.csv` has no customer `C-1001`; did you mean `C-2001`?");
}

#[test]
fn a_letter_that_would_name_another_customers_address_is_held_back() {
    let world = World::new(48);
    let subject = |name: &str| Certificate::windows(name).key(Key::rsa2048(2)).not_before(MADE);
    world.set(2, Host::windows("WIN-BUNS25TD77J", 20348).certificate(subject("vm1.127.67.48.40.example.net")));
    world.complete();
    world.customers("NET.0/27,A,,,,,\nNET.32/28,B,,,,,\n");
    world.cases(&["list"]);
    assert_eq!(world.cases(&["recheck", "--open"]).code, Some(0));
    let held = world.write(&[]);
    assert_eq!((held.code, held.stdout.as_str()), (Some(3), ""), "{held:?}");
    assert!(
        held.stderr.contains("name another customer's address, 127.67.48.40; write this letter by hand"),
        "{held:?}"
    );
    assert!(world.letters().is_empty());
}

#[cfg(unix)]
#[test]
fn no_link_in_the_folder_of_letters_leads_a_letter_elsewhere() {
    use std::os::unix::fs::symlink;

    let world = World::new(45);
    for last in [2, 40, 50] {
        world.set(last, clone(last));
    }
    world.complete();
    world.customers("NET.0/27,A,,,,,\nNET.32/28,B,,,,,\nNET.48/28,b,,,,,\n");
    world.cases(&["list"]);
    assert_eq!(world.cases(&["recheck", "--open"]).code, Some(0));
    let letters = PathBuf::from(world.folder.path("letters"));
    let elsewhere = PathBuf::from(world.folder.path("elsewhere"));
    for folder in [&elsewhere, &letters] {
        fs::create_dir(folder).unwrap();
    }
    symlink(&elsewhere, letters.join("A")).unwrap();
    let victim = world.folder.write("victim", "untouched");
    let written = world.write(&[]);
    assert_eq!(written.code, Some(3), "{written:?}");
    assert!(written.stderr.contains("letters/A` is a symbolic link"), "{written:?}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // Two whose ids differ in case only share no folder on any system.
    let folders: Vec<String> = written.stdout.lines().map(|line| line.rsplit('/').nth(1).unwrap().to_owned()).collect();
    assert!(folders[0].starts_with("B~") && folders[1].starts_with("b~"), "{folders:?}");

    fs::remove_file(letters.join("A")).unwrap();
    fs::create_dir(letters.join("A")).unwrap();
    for name in ["case-1.txt.new", "case-1.html.new"] {
        symlink(&victim, letters.join("A").join(name)).unwrap();
    }
    // Nor is a link at the name itself followed, wherever it leads.
    symlink(world.folder.path("nowhere"), letters.join("A/case-1.txt")).unwrap();
    assert!(world.write(&["1"]).stderr.contains("case-1.txt` is there already"));
    let replaced = world.write(&["1", "--replace"]);
    assert_eq!(replaced.code, Some(0), "{replaced:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert!(!PathBuf::from(world.folder.path("nowhere")).exists());
    assert!(!letters.join("A/case-1.txt").is_symlink());
}

#[test]
fn a_language_without_templates_holds_back_the_letters_of_its_customers_alone() {
    let world = World::new(46);
    world.set(2, clone(2));
    world.set(40, clone(40));
    world.complete();
    world.customers("NET.0/27,alice,,it,,,\nNET.32/27,bob,,en,,,\n");
    let lacks = "line 2 of the customers file asks for letters in `it`, and there are templates in de, en, fr only";
    let listed = world.cases(&["list"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 2), "{listed:?}");
    assert!(listed.stderr.starts_with(&format!("rdprint: case 1 will have no letter: {lacks}")), "{listed:?}");
    world.cases(&["recheck", "--open"]);
    let written = world.write(&["--reply-by", "14d", "--looked-from", "203.0.113.5"]);
    assert_eq!((written.code, written.stdout.lines().count()), (Some(3), 1), "{written:?}");
    assert!(written.stderr.contains("no letter on case 1") && written.stderr.contains(lacks), "{written:?}");
    let letters = world.letters();
    let text = &letters["bob/case-2.txt"];
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Please reply to abuse@example.net by ") && words.contains(", quoting case 2,"), "{text}");
    assert!(words.contains("carry the cookie \"mstshash=rdprint\" and come from 203.0.113.5."), "{text}");
    #[cfg(unix)]
    are_for_their_owner_alone(&world);
}

/// Letters hold what concerns persons.
#[cfg(unix)]
fn are_for_their_owner_alone(world: &World) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |name: &str| fs::metadata(world.folder.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("letters"), mode("letters/bob"), mode("letters/bob/case-2.txt")), (0o700, 0o700, 0o600));
    assert_eq!(world.write(&["2", "--replace"]).code, Some(0));
    for end in ["txt", "html", "xarf.json"] {
        assert_eq!(mode(&format!("letters/bob/case-2.{end}")), 0o600);
    }
    let text = &world.letters()["bob/case-2.txt"];
    assert!(text.contains("Please reply to abuse@example.net, quoting case 2"), "no day is named unasked: {text}");
}

#[track_caller]
fn refused(ran: &Ran, message: &str) {
    assert!(ran.code == Some(2) && ran.stdout.is_empty() && ran.stderr.contains(message), "{ran:?}");
}

#[test]
fn what_cannot_be_right_is_refused_before_a_packet() {
    let world = World::new(43);
    world.set(2, clone(2));
    world.complete();
    world.customers("NET.0/24,alice,,es,,,\n");
    world.cases(&["list"]);
    world.cases(&["recheck", "1"]);
    refused(&world.write(&["--reply-by", "2026-01-01"]), "--reply-by 2026-01-01 is not to come");
    refused(&world.write(&["--reply-by", "0d"]), "write a day like 2026-12-06, or 1d to 366d");
    world.customers("NET.7/24,alice,,,,,\n");
    let bad = world.cases(&["list"]);
    refused(&bad, "customers.csv:2: `127.67.43.7/24` has bits set beyond its length");
    assert!(bad.stderr.ends_with("mend it and try again\n"), "{bad:?}");
    world.customers("NET.0/24,alice,,,,,\n");
    let before = world.server.journal().connections();
    refused(&world.cases(&["recheck", "9"]), "there is no case 9; `rdprint cases list` lists them");
    refused(&world.cases(&["recheck", "1", "--exclude", "127.67.43.0/24"]), "127.67.43.2:");
    assert_eq!(world.cases(&["recheck", "--open", "--exclude", "127.67.43.0/24"]).code, Some(3));
    assert_eq!(world.server.journal().connections(), before, "no packet");
    refused(&world.cases(&["false-positive", "1", "--reason", " "]), "the reason is empty");
    refused(&run(&["cases", "--history", &world.folder.path("none.db"), "list"]), "does not exist; a sweep makes it");
    let (config, letters) = (world.folder.path("sweep.toml"), world.folder.path("letters"));
    let sender = ["--org", "O", "--contact", "abuse@example.net"];
    refused(
        &run(&[&["cases", "--config", &config, "write", &letters], &sender[..]].concat()),
        "name a file of your customers with --customers",
    );
    let contact = ["--org", "O", "--contact", "nobody"];
    refused(&world.cases(&[&["write", &letters], &contact[..]].concat()), "`nobody` is no address for mail");
    let templates = world.folder.path("templates");
    let copied = world.cases(&["templates", "--write", &templates]);
    assert_eq!((copied.code, copied.stdout.lines().count()), (Some(0), 15), "{copied:?}");
    refused(&world.cases(&["templates", "--write", &templates]), "is there already; name a new folder");
    let own = Path::new(&templates).join("steps.en.txt");
    fs::write(own, "{{ nothing }}").unwrap();
    refused(&world.write(&["--templates", &templates]), "template steps.en.txt:1: undefined value");
}
