use super::*;

fn changes(list: &[(&str, u8)]) -> Vec<(String, String)> {
    list.iter().map(|(kind, last)| ((*kind).to_owned(), last.to_string())).collect()
}

#[test]
fn three_sweeps_of_a_changing_world_are_told_apart_exactly() {
    let world = World::new(1);
    for last in 1..=9 {
        world.set(last, plain(last));
    }
    world.set(20, clone(20));
    world.set(21, clone(21));
    world.set(22, named("WIN-LIVFRVQFMKO", 22));
    let first = world.complete();
    assert!(first.starts_with("sweep 1, ended 20"), "{first}");
    assert!(first.contains("the first complete one\nRDP endpoints that changed: 12 new\n"), "{first}");
    let told: Vec<&str> = first.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(told.len(), 2, "the clones, and not the panel's template: {first}");
    assert!(told[0].contains("127.67.1.20:") && told[0].contains("[criminal-image redvds, strong]"), "{first}");

    assert_eq!(world.complete(), "", "nothing changed, so nothing is said");
    assert_eq!(world.diff("1", "2"), []);

    // New, removed, renewed, renamed, moved, re-let to another customer's machine, and a clone that another becomes.
    world.set(10, plain(10));
    world.remove(1);
    world.set(
        2,
        Host::windows("SRV-002", 20348)
            .certificate(Certificate::windows("SRV-002").key(Key::rsa2048(102)).not_before(MADE + 182 * DAY)),
    );
    world.set(3, named("MAIL-003", 3));
    let mover = world.remove(4).unwrap();
    world.population.lock().unwrap().insert(44, mover);
    world.set(
        5,
        Host::windows("OTHER-5", 17763)
            .certificate(Certificate::windows("OTHER-5").key(Key::rsa2048(105)).not_before(MADE)),
    );
    world.remove(20);
    world.set(30, clone(20));
    world.set(31, clone(21));
    world.set(6, clone(106));
    let third = world.complete();
    assert_eq!(
        world.diff("2", "3"),
        changes(&[
            ("changed renewal", 2),
            ("changed name certificate", 3),
            ("changed name build certificate", 5),
            ("changed name certificate verdict", 6),
            ("new", 10),
            ("moved", 30),
            ("new", 31),
            ("moved", 44),
        ])
    );
    assert!(third.contains("RDP endpoints that changed: 3 changed, 2 moved, 2 new, 1 renewed\n"), "{third}");
    let told: Vec<&str> = third.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(told.len(), 3, "{third}");
    let port = world.server.port();
    assert!(told[1].starts_with(&format!("  moved     127.67.1.30:{port} from 127.67.1.20:{port}  WIN-")), "{third}");
    assert!(told[2].starts_with(&format!("  new       127.67.1.31:{port}  WIN-BUNS25TD77J build 20348")), "{third}");

    // Missed for the second time: gone; the place that was moved from is not told again.
    world.remove(21);
    assert_eq!(world.complete(), "");
    assert_eq!(world.diff("3", "4"), changes(&[("gone", 1)]));
    let fifth = world.complete();
    assert_eq!(world.diff("4", "5"), changes(&[("gone", 21)]));
    assert!(fifth.contains(&format!("  gone      127.67.1.21:{port} (missed 2 times)  WIN-BUNS25TD77J")), "{fifth}");
    world.set(1, plain(1));
    world.set(21, clone(121));
    let sixth = world.complete();
    assert_eq!(world.diff("5", "6"), changes(&[("returned", 1), ("returned certificate", 21)]));
    assert!(sixth.contains(&format!("  returned  127.67.1.21:{port} (certificate)  WIN-BUNS25TD77J")), "{sixth}");
    // What lay between is not told when the ends are compared.
    let kinds: Vec<String> = world.diff("1", "6").into_iter().map(|(kind, _)| kind).collect();
    assert!(!kinds.iter().any(|kind| kind == "gone" || kind.starts_with("returned")), "{kinds:?}");
}

#[test]
fn a_stolen_certificate_moves_nobody_and_breaking_off_hides_nobody() {
    let world = World::new(4);
    world.set(1, plain(1));
    world.set(20, clone(20));
    world.complete();
    // 1 is off, and 9 presents its certificate without its key. 20 is another machine that leaves before it names itself.
    world.remove(1);
    let mut thief = plain(1);
    thief.key_possession = false;
    world.set(9, thief);
    let mut brief = named("OTHER-20", 21);
    brief.ending = Some((Stage::Negotiated, Farewell::Close));
    world.set(20, brief);
    world.settings("news = \"all\"\nmisses = 1");
    let news = world.complete();
    let told = changes(&[("gone", 1), ("new", 9), ("changed name certificate verdict", 20)]);
    assert_eq!(world.diff("1", "2"), told, "{news}");
    assert_eq!(world.complete(), "", "once");
}

#[test]
fn json_for_people_hides_nothing() {
    let world = World::new(5);
    let name = "X\u{9b}31m\u{202e}cod\u{200b}";
    world.set(1, named(name, 1));
    world.settings("news = \"all\"\nheartbeat = \"beat.json\"");
    let news = world.sweep(&["--json"]);
    let port = world.server.port().to_string();
    let told = world.history(&["host", "127.67.5.1", "--json"]);
    for text in [&news.stdout, &told.stdout, &world.history(&["sweeps", "--json"]).stdout] {
        assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{200b}']), "{text:?}");
    }
    let news: Value = serde_json::from_str(&news.stdout).unwrap();
    assert_eq!(news["changes"][0]["after"]["shown"]["name"], name);
    // What is shown of an endpoint is of three kinds, and an endpoint is named as it is everywhere.
    let records = |text: &str| -> Vec<String> {
        let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["record"].as_str().unwrap().to_owned();
        text.lines().map(record).collect()
    };
    assert_eq!(records(&told.stdout), ["endpoint", "state", "change"]);
    let endpoint = format!("127.67.5.1:{port}");
    assert_eq!(world.history(&["host", &endpoint, "--json"]).stdout, told.stdout);
    assert_eq!(world.history(&["host", "127.67.5.1:1", "--json"]).stdout, "");
}

#[test]
fn the_export_is_what_the_sweep_saw_and_the_history_answers() {
    let world = World::new(2);
    world.set(7, plain(7));
    world.set(8, clone(8));
    world.complete();
    world.set(7, named("RENAMED", 7));
    let ran = world.sweep(&["--json", "--accept-losses"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "a name is no news of a finding: {ran:?}");
    let exported = world.exported();
    assert_eq!(exported.keys().collect::<Vec<_>>(), ["7", "8"]);
    assert_eq!(exported["7"]["ntlm"]["netbios_computer_name"], "RENAMED");
    assert_eq!(exported["8"]["matches"][0]["fingerprint_id"], "redvds");
    assert!(exported["8"]["ntlm"]["raw"].is_string(), "of a finding every look is kept whole");
    let mut reader = csv::Reader::from_path(world.folder.path("last.csv")).unwrap();
    assert_eq!(reader.records().count(), 2);
    assert!(!std::path::Path::new(&world.folder.path("last.csv.new")).exists());

    let sweeps = world.history(&["sweeps", "--json"]).stdout;
    let states: Vec<Value> = sweeps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&states[1]["state"], &states[1]["rdp"], &states[1]["previous"]),
        (&"complete".into(), &2.into(), &1.into())
    );
    assert_eq!(states[1]["coverage"]["probed"], 64);
    let host = world.history(&["host", "127.67.2.7"]).stdout;
    let lines: Vec<&str> = host.lines().collect();
    assert_eq!(lines.len(), 5, "{host}");
    assert!(lines[1].contains("1 looks: SRV-007 build 20348") && lines[2].contains("1 looks: RENAMED"), "{host}");
    assert!(lines[3].contains("sweep 1:  new") && lines[4].contains("sweep 2:  changed"), "{host}");
    let finding = world.history(&["finding", "redvds"]).stdout;
    assert!(finding.contains("127.67.2.8:") && finding.contains("2 looks: WIN-BUNS25TD77J"), "{finding}");
    let nobody = world.history(&["host", "192.0.2.1"]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(0), ""));
    assert!(nobody.stderr.contains("no sweep has seen RDP at 192.0.2.1"));

    let history = world.folder.path("history.db");
    let matched = run(&["match", "--history", &history]);
    let lines: Vec<Value> = matched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((matched.code, lines.len(), &lines[0]["ip"]), (Some(0), 1, &"127.67.2.8".into()), "{matched:?}");
    let states = run(&["match", "--history", &history, "--which", "states", "--write", "all"]);
    assert!(states.stderr.starts_with("records 3, RDP 3, with a comparable name 3\n"), "{states:?}");
    let both = run(&["match", "--history", &history, "feed.csv"]);
    assert_eq!(both.code, Some(2), "{both:?}");
    let families = run(&["families", "--history", &history]);
    assert_eq!(families.code, Some(0), "{families:?}");
    assert!(families.stderr.starts_with("records 4, "), "every look counts: {families:?}");

    let copy = world.folder.path("copy.db");
    assert_eq!(world.history(&["backup", &copy]).code, Some(0));
    let again = world.history(&["backup", &copy]);
    assert!(again.code == Some(2) && again.stderr.contains("copy.db` is there already"), "{again:?}");
    let from_copy = run(&["history", "--history", &copy, "sweeps", "--json"]);
    assert_eq!(from_copy.stdout, sweeps);
    let pruned = world.history(&["prune", "--older-than", "400d"]);
    assert!(pruned.stdout.contains(": 0 looks, 0 states, 0 changes, 0 delivered alerts"), "{pruned:?}");
    let wrong = world.history(&["prune", "--older-than", "soon"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("write it like 3s, 500ms, 1h30m or 7d"), "{wrong:?}");
    let diff = world.history(&["diff", "2", "1"]);
    assert!(diff.code == Some(2) && diff.stderr.contains("the earlier sweep comes first"), "{diff:?}");
    let diff = world.history(&["diff", "1", "9"]);
    assert!(diff.code == Some(2) && diff.stderr.contains("there is no sweep 9"), "{diff:?}");
}

#[test]
fn newer_fingerprints_make_news_of_hosts_that_stayed_as_they_are() {
    let world = World::new(3);
    world.set(3, named("OURS-0001", 3));
    assert_eq!(world.complete(), "");
    let text = "id = \"ours\"\nname = \"Ours\"\nclass = \"shared-range\"\nstatus = \"stable\"\ndescription = \"x\"\n\
                [[sources]]\npublisher = \"P\"\ntitle = \"T\"\n[[required]]\nfield = \"computer_name\"\nequals = \"OURS-0001\"\n";
    world.folder.write("ours.toml", text);
    world.settings("fingerprints = [\"ours.toml\"]\n");
    let news = world.complete();
    assert!(
        news.contains("(verdict-by-fingerprints)  OURS-0001 build 20348 -> OURS-0001 build 20348 [shared-range ours, "),
        "{news}"
    );
    assert_eq!(world.complete(), "");
    // What only informs is never news.
    world.folder.write("ours.toml", &text.replace("shared-range", "panel-template"));
    let gone = world.complete();
    assert!(gone.contains("-> OURS-0001 build 20348 [panel-template ours"), "a finding that is none any more: {gone}");
    world.set(4, named("OURS-0001", 4));
    world.settings("fingerprints = [\"ours.toml\"]\nnews = \"all\"\n");
    assert_eq!(world.complete(), "");
    world.set(5, plain(5));
    assert!(world.complete().contains("  new       127.67.3.5:"));
}

#[test]
fn what_was_pruned_is_known_as_such() {
    let world = World::new(12);
    for last in 1..=3 {
        world.set(last, plain(last));
    }
    world.complete();
    world.remove(3);
    world.complete();
    world.complete();
    world.set(3, plain(3));
    world.complete();
    let returned = world.diff("3", "4");
    assert_eq!(returned, changes(&[("returned", 3)]));
    let counts = |text: &str| -> Vec<(Value, Value)> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|sweep| (sweep["rdp"].clone(), sweep["missed"].clone()))
            .collect()
    };
    let before = counts(&world.history(&["sweeps", "--json"]).stdout);
    // All that ended until now, the last one excepted.
    let pruned = world.history(&["prune", "--older-than", "1ms"]);
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    assert_eq!(counts(&world.history(&["sweeps", "--json"]).stdout), before);
    assert_eq!(world.history(&["sweeps"]).stdout.matches("looks pruned").count(), 3);
    let refused = world.history(&["diff", "3", "4"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("the looks of sweep 3 were pruned, 20"), "{refused:?}");
    world.remove(1);
    world.set(9, plain(9));
    world.complete();
    assert_eq!(world.diff("4", "5"), changes(&[("new", 9)]));
    world.complete();
    assert_eq!(world.diff("4", "6"), changes(&[("gone", 1), ("new", 9)]));
    // Neither is an empty file a history, nor does it become one.
    for name in ["history.db", "notes.txt"] {
        let path = world.folder.write(name, "");
        let asked = run(&["history", "--history", &path, "sweeps"]);
        assert!(asked.code == Some(2) && asked.stderr.contains("is there and is empty"), "{asked:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
    let swept = world.sweep(&[]);
    assert!(swept.code == Some(2) && swept.stderr.contains("is there and is empty"), "{swept:?}");
}
