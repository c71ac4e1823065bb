use super::*;

#[track_caller]
fn refused(world: &World, message: &str) {
    for more in [&["--check"][..], &[]] {
        let ran = world.sweep(more);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(2), "", 1), "{ran:?}");
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
    }
    assert_eq!(world.server.journal().connections(), 0, "no packet before everything is understood");
}

#[test]
fn bad_settings_get_one_sentence_and_no_packet() {
    let world = World::new(10);
    for folder in ["sub", "own"] {
        std::fs::create_dir(world.folder.path(folder)).unwrap();
    }
    std::os::unix::fs::symlink(".", world.folder.path("there")).unwrap();
    std::os::unix::fs::symlink("exclude.txt", world.folder.path("linked.txt")).unwrap();
    world.folder.write("last.csv.new", "");
    let rule = "reason = \"known\"\nauthor = \"me\"\nexpires = \"2999-01-01\"\n";
    world.folder.write("rules.toml", &format!("[[suppress]]\nfingerprint = \"redvdss\"\n{rule}"));
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fingerprints/criminal-image/redvds.toml"))
        .unwrap()
        .replacen("id = \"redvds\"", "id = \"own\"", 1);
    world.folder.write("own/a.toml", &own);
    for (more, message) in [
        ("mises = 3", "sweep.toml:6: unknown key `mises`"),
        ("mises = 3", "did you mean `misses`?"),
        ("[limits]\nrat = 3", "did you mean `rate`?"),
        ("[alert]\n", "did you mean `alerts`?"),
        ("misses = 0", "sweep.toml:6: invalid value: integer `0`, expected a whole number from 1 on (`misses = 0`)"),
        ("fail_on = \"shared-rang\"", "did you mean `shared-range`?"),
        ("[alerts]\ncommand = \"/bin/cat\"", "expected a list in [ ] (`command = \"/bin/cat\"`)"),
        ("canary_every = \"soon\"", "`soon` is no time; write it like 3s, 500ms, 1h30m or 7d"),
        ("resume_within = \"200000000000000d\"", "`200000000000000d` is longer than ten years; write it like 3s"),
        ("[limits]\ntimeout = \"99999999999999999999d\"", "is longer than ten years"),
        ("[limits]\nmax_duration = \"3654d\"", "sweep.toml:7: `3654d` is longer than ten years"),
        ("[alerts]\ntimeout = \"87700h\"", "`87700h` is longer than ten years"),
        ("windows = [\"22:00\"]", "`22:00` is no window; write two times of day, like 22:00-06:00"),
        ("time_zone = \"Mars/Olympus\"", "name one like Europe/Paris or UTC"),
        ("canary = [\"192.0.2.1:443\"]", "canary `192.0.2.1:443` lies outside the scope"),
        ("scope = [\"192.0.2.300\"]", "target `192.0.2.300` is not an address"),
        ("scope = [\"192.0.0.0/7\"]", "say why you may scan it with `authorised"),
        ("suppress = \"nowhere.toml\"", "nowhere.toml` cannot be read"),
        ("heartbeat = \"no/such/folder/beat\"", "the folder of `"),
        (
            "[alerts]\ncommand = [\"/nonexistent/x\"]",
            "`command` of [alerts]: there is no program `/nonexistent/x`; name one",
        ),
        ("[alerts]\ncommand = [\"no-such-program\", \"-v\"]", "there is no program `no-such-program`"),
        ("[alerts]\ncommand = [\"./own/a.toml\"]", "names `./own/a.toml`; write its whole path, from the root"),
        ("[alerts]\ncommand = [\"\"]", "`command` of [alerts]"),
        ("suppress = \"rules.toml\"", "rules.toml:2: there is no fingerprint `redvdss`; did you mean `redvds`?"),
        ("[alerts]\ntries = 4294967295", "sweep.toml:7: `tries` is 1 to 20; later runs try again what is left"),
        ("[alerts]\nwebhook = \"ftp://example.com\"", "`webhook` must begin with https://"),
        ("fail_on = \"lab\"", "can never be met, since that class only informs"),
        ("heartbeat = \"last.csv\"", "last.csv` is to be written and is named a second time"),
        ("heartbeat = \"sub/../last.csv\"", "last.csv` is to be written and is named a second time"),
        ("heartbeat = \"sub/../history.db\"", "history.db` is to be written and is named a second time"),
        ("heartbeat = \"there/history.db\"", "history.db` is to be written and is named a second time"),
        ("heartbeat = \"sweep.toml\"", "sweep.toml` is to be written and is named a second time"),
        ("heartbeat = \"linked.txt\"", "linked.txt` is to be written and is named a second time"),
        ("heartbeat = \"history.db-wal\"", "history.db-wal` is where rdprint keeps what belongs to `"),
        ("heartbeat = \"./history.db.lock\"", "history.db.lock` is where rdprint keeps what belongs to `"),
        ("heartbeat = \"last.csv.new\"", "last.csv.new` is where rdprint keeps what belongs to `"),
        ("suppress = \"last.csv.new\"", "last.csv.new` is where rdprint keeps what belongs to `"),
        ("fingerprints = [\"own\"]\nheartbeat = \"own/b.toml\"", "b.toml` is to be written and is named a second time"),
        ("heartbeat = \"exclude.txt\"", "exclude.txt` is to be written and is named a second time"),
        ("[limits]\ncookie = \"far-too-long\"", "a cookie takes 1 to 9 ASCII characters"),
        ("fingerprints = [\"nowhere\"]", "nowhere` cannot be read"),
    ] {
        world.settings(more);
        refused(&world, message);
    }
    world.settings("");
    world.folder.write("exclude.txt", "127.67.10.300\n");
    refused(&world, "exclude.txt:1: target `127.67.10.300`");
    world.folder.write("exclude.txt", "");
    let missing = run(&["sweep", "--config", &world.folder.path("nowhere.toml")]);
    assert!(missing.code == Some(2) && missing.stderr.contains("cannot be read"), "{missing:?}");
}

#[test]
fn what_configures_a_sweep_is_files_and_none_without_end() {
    let world = World::new(14);
    let pipe = world.folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", world.folder.path("zero.toml")).unwrap();
    for name in ["pipe", "zero.toml"] {
        for key in ["suppress", "customers"] {
            world.settings(&format!("{key} = \"{name}\""));
            refused(&world, &format!("{name}` cannot be read: it is a pipe or a device"));
        }
        for key in ["scope_files", "target_files", "fingerprints"] {
            world.settings(&format!("{key} = [\"{name}\"]"));
            refused(
                &world,
                if key == "fingerprints" { "neither a file nor a folder" } else { "it is a pipe or a device" },
            );
        }
        world.settings("");
        let exclude = world.folder.path("exclude.txt");
        std::fs::remove_file(&exclude).unwrap();
        std::os::unix::fs::symlink(world.folder.path(name), &exclude).unwrap();
        refused(
            &world,
            "exclude.txt` cannot be read: it is a pipe or a device, which may never end; put what it gives",
        );
        std::fs::remove_file(&exclude).unwrap();
        let ran = run(&["sweep", "--config", &world.folder.path(name)]);
        assert!(ran.code == Some(2) && ran.stderr.contains("it is a pipe or a device"), "{ran:?}");
        let ran = run(&["scan", "--config", &world.folder.path(name), "--dry-run"]);
        assert!(ran.code == Some(2) && ran.stderr.contains("it is a pipe or a device"), "{ran:?}");
    }
    world.settings("");
    world.folder.write("exclude.txt", &"0".repeat(65 << 10));
    refused(&world, "exclude.txt` cannot be read: a line is longer than 64 KiB");
    world.folder.write("exclude.txt", "");
    let unclosed = format!("prefix,customer_id,contact,language,notes\n192.0.2.0/24,a,,,\"{}", "x\n".repeat(40 << 10));
    world.folder.write("customers.csv", &unclosed);
    world.settings("customers = \"customers.csv\"");
    let ran = world.sweep(&["--check"]);
    let expected = "customers.csv:2: the row is longer than 64 KiB; is a quotation mark not closed?";
    assert!(ran.code == Some(2) && ran.stderr.contains(expected), "{ran:?}");
}

#[test]
fn rules_for_customers_need_a_right_customers_file() {
    let world = World::new(13);
    let rule = "[[suppress]]\ncustomer = \"C-1O01\"\nreason = \"known\"\nauthor = \"me\"\nexpires = \"2999-01-01\"\n";
    world.folder.write("suppress.toml", rule);
    world.customers("NET.0/24,HOUSE,,,,,\nNET.0/26,C-1001,,,,,\n");
    world.settings("suppress = \"suppress.toml\"");
    refused(
        &world,
        "suppress.toml:2: nobody knows whose addresses these are; name a file of your customers in sweep.toml",
    );
    let both = "suppress = \"suppress.toml\"\ncustomers = \"customers.csv\"";
    world.settings(both);
    refused(&world, "suppress.toml:2: `");
    refused(&world, "customers.csv` has no customer `C-1O01`; did you mean `C-1001`?");
    for (id, hint) in
        [("house", "did you mean `HOUSE`?"), ("\\u001b[2J-elsewhere", "no customer `\\u{1b}[2J-elsewhere`; mend it")]
    {
        world.folder.write("suppress.toml", &rule.replace("C-1O01", id));
        refused(&world, hint);
    }
    world.settings(&both.replace("customers.csv", "nowhere.csv"));
    refused(&world, "nowhere.csv` cannot be read");
    world.settings("customers = \"nowhere.csv\"");
    refused(&world, "nowhere.csv` cannot be read");
    world.settings("customers = \"customers.csv\"\nheartbeat = \"customers.csv\"");
    refused(&world, "customers.csv` is to be written and is named a second time");

    // A rule that has ended speaks of nobody any more.
    world.settings(both);
    world.folder.write("suppress.toml", &rule.replace("2999", "2001"));
    let ran = world.sweep(&["--check"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let path = world.folder.path("customers.csv");
    assert!(ran.stdout.contains(&format!("customers = \"{path}\"\n")), "{ran:?}");
    assert!(ran.stdout.contains("# rows of customers: 2\n"), "{ran:?}");

    // A row that cannot be used stops whoever reads the file, and a check always does.
    world.folder.write("suppress.toml", &rule.replace("C-1O01", "C-1001"));
    world.customers("NET.0/26,C-1001,,,,,\nNET.7/24,C-1002,,,,,\n");
    for more in [&["--check"][..], &[]] {
        let ran = world.sweep(more);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("customers.csv:3: `127.67.13.7/24` has bits set beyond its length"), "{ran:?}");
    }
    assert_eq!(world.server.journal().connections(), 0, "no packet before everything is understood");
    world.settings("customers = \"customers.csv\"");
    assert_eq!(world.sweep(&["--check"]).code, Some(2));
    assert_eq!(world.sweep(&[]).code, Some(0), "no rule asks whose an address is");
}

#[test]
fn check_prints_what_would_be_done_and_what_is_printed_can_be_read_again() {
    let world = World::new(11);
    world.settings("windows = [\"22:00-6:00\"]\n[limits]\nrate = 77\nmax_duration = \"2h\"");
    world.folder.write("exclude.txt", "127.67.11.0/30\n");
    let ran = world.sweep(&["--check"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let folder = world.folder.path("");
    for expected in [
        &format!("history = \"{folder}history.db\"\n"),
        "ports = ",
        "misses = 2\n",
        "windows = [\"22:00-06:00\"]\n",
        "resume_within = \"7d\"\n",
        "news = \"findings\"\n",
        "rate = 77\n",
        "concurrency = 2000\n",
        "# endpoints: 64; excluded addresses: 4; addresses of the scope: 0\n",
    ] {
        assert!(ran.stdout.contains(expected), "{expected} is not in\n{}", ran.stdout);
    }
    world.folder.write("again.toml", &ran.stdout);
    let again = run(&["sweep", "--config", &world.folder.path("again.toml"), "--check"]);
    assert_eq!((again.code, &again.stdout), (Some(0), &ran.stdout), "{again:?}");
    assert!(!PathBuf::from(world.folder.path("history.db")).exists(), "a check makes nothing");
    assert_eq!(world.server.journal().connections(), 0);
}

#[test]
fn what_was_allowed_and_why_is_written_down_with_each_sweep() {
    let world = World::new(12);
    let settings = |more: &str, table: &str| {
        world.settings(&format!("scope = [\"240.0.0.0/4\"]\nscope_files = [\"scope.txt\"]\n{more}\n{table}"));
    };
    world.folder.write("scope.txt", "# ours\n198.51.100.0/25\n198.51.100.128/25\n2001:db8::1-2001:db8::5\n");
    let reason = "authorised = \"contract 7 \\u001b[31m\"";
    settings(reason, "[limits]\nrate = 20\nmax_duration = \"1s\"");
    assert_eq!(world.sweep(&[]).code, Some(6));
    settings(reason, "");
    assert_eq!(world.sweep(&[]).code, Some(0), "it goes on with sweep 1");
    settings(reason, "[limits]\nrate = 20\nmax_duration = \"1s\"");
    assert_eq!(world.sweep(&[]).code, Some(6));
    // For another reason it is another sweep: each was allowed one thing from its begin to its end.
    settings("authorised = \"contract 8\"", "");
    assert_eq!(world.sweep(&[]).code, Some(0));
    world.settings("");
    assert_eq!(world.sweep(&[]).code, Some(0));
    let sweeps = world.history(&["sweeps", "--json"]).stdout;
    let sweeps: Vec<Value> = sweeps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = sweeps.iter().map(|sweep| sweep["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["complete", "abandoned", "complete", "complete"]);
    let wide = serde_json::json!(["240.0.0.0/4", "198.51.100.0/25", "198.51.100.128/25", "2001:db8::1-2001:db8::5"]);
    for (sweep, authorisation) in sweeps.iter().zip(["contract 7 \u{1b}[31m", "contract 7 \u{1b}[31m", "contract 8"]) {
        assert_eq!((&sweep["scope"], &sweep["authorisation"]), (&wide, &authorisation.into()));
    }
    assert_eq!((&sweeps[3]["scope"], &sweeps[3]["authorisation"]), (&serde_json::json!([]), &Value::Null));
    let told = world.history(&["sweeps"]).stdout;
    let told: Vec<&str> = told.lines().collect();
    assert!(told[2].ends_with(", authorised: contract 8") && told[3].ends_with("missed 0"), "{told:?}");
    assert!(told[0].contains(", authorised: contract 7 ") && !told[0].contains('\u{1b}'), "{told:?}");
}

#[test]
fn the_examples_are_right() {
    let folder = Folder::new();
    let read = |name: &str| std::fs::read_to_string(format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // Every line that is commented out as a suggestion is tried too.
    let settings = read("sweep.toml").replace("/var/lib/rdprint/", &folder.path(""));
    let plain = folder.write("plain.toml", &settings);
    let is_setting = |line: &str| {
        line.strip_prefix("# ").is_some_and(|rest| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
    };
    let lines = settings.lines().map(|line| if is_setting(line) { &line[2..] } else { line });
    let whole = lines.collect::<Vec<_>>().join("\n").replace("/usr/local/bin/open-ticket", "/bin/sh");
    for (name, text) in [("scope.txt", ""), ("targets.txt", "198.51.100.9\n"), ("exclude.txt", "")] {
        folder.write(name, text);
    }
    std::fs::create_dir(folder.path("fingerprints")).unwrap();
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fingerprints/criminal-image/redvds.toml"))
        .unwrap();
    folder.write("fingerprints/own.toml", &own.replacen("id = \"redvds\"", "id = \"own\"", 1));
    for name in ["suppress.toml", "customers.csv"] {
        folder.write(name, &read(name));
    }
    let whole = folder.write("whole.toml", &whole);
    for (config, expected) in [(plain, "# endpoints: 512;"), (whole, "# endpoints: 129;")] {
        let ran = run(&["sweep", "--config", &config, "--check"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    }
}

#[test]
fn histories_that_cannot_be_used_are_named_and_left_alone() {
    let world = World::new(12);
    let history = world.folder.write("history.db", &"no history, but somebody's notes\n".repeat(20));
    refused(&world, "is no history of rdprint; name another file, it was left as it is");
    assert!(std::fs::read_to_string(&history).unwrap().starts_with("no history"));
    std::fs::remove_file(&history).unwrap();
    let missing = world.history(&["sweeps"]);
    assert!(missing.code == Some(2) && missing.stderr.contains("does not exist; a sweep makes it"), "{missing:?}");
    for last in 1..60 {
        world.set(last, plain(last));
    }
    world.complete();
    let whole = std::fs::read(&history).unwrap();
    // The number of the schema stands at octet 60 of the header (SQLite's file format, 1.3).
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&history, &newer).unwrap();
    let ran = world.sweep(&[]);
    assert!(ran.code == Some(2) && ran.stderr.contains("has schema 99, and this rdprint knows"), "{ran:?}");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 8192].fill(0xA5);
    std::fs::write(&history, &damaged).unwrap();
    for ran in [world.sweep(&[]), world.history(&["sweeps"])] {
        assert!(ran.code == Some(2) && ran.stderr.contains("is damaged: "), "{ran:?}");
        assert!(ran.stderr.contains("Restore a copy made with `rdprint history backup`"), "{ran:?}");
    }
    assert_eq!(std::fs::read(&history).unwrap().len(), damaged.len());
    std::fs::write(&history, &whole).unwrap();
    assert_eq!(world.complete(), "");
}
