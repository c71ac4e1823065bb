use super::*;

const REDVDS: &str = "WIN-BUNS25TD77J";

#[test]
fn raw_bytes_are_kept_at_first_sight_at_each_change_and_for_findings() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let looks = |second: i64, name: &str| {
        vec![host(1, "PLAIN", 1, second), host(2, REDVDS, 2, second), host(3, name, 3, second)]
    };
    let rounds = [looks(1000, "OLD"), looks(2001, "OLD"), looks(3002, "NEW")];
    for round in &rounds {
        sweep(&mut store, &set, round.clone());
    }
    let states: i64 = store.row("SELECT count(*) FROM observation", ()).unwrap();
    assert_eq!(states, 4, "two that stay as they are, one that changes");
    for (sweep, round) in (1..).zip(&rounds) {
        let records: Vec<Record> = store.records(sweep).unwrap().collect::<Result<_, _>>().unwrap();
        for (record, seen) in records.iter().zip(round) {
            let told = &record.observation;
            assert_eq!((told.ip, told.seen_at, told.rtt_us), (seen.ip, seen.seen_at, seen.rtt_us));
            let ntlm = |seen: &Observation| seen.ntlm.clone().unwrap();
            assert_eq!(ntlm(told).clock_skew_ms, ntlm(seen).clock_skew_ms);
            assert_eq!(told.computer_name(), seen.computer_name());
            let is_finding = seen.computer_name() == Some(REDVDS);
            let is_whole = is_finding || sweep == 1 || sweep == 3 && seen.computer_name() == Some("NEW");
            assert_eq!(told == seen, is_whole, "sweep {sweep}, {}", seen.ip);
            assert_eq!(ntlm(told).raw.is_some(), is_whole, "what is not known is not told");
            let judged = Record::judge(seen.clone(), &set);
            assert_eq!((&record.matches, &record.fingerprint_set), (&judged.matches, &judged.fingerprint_set));
        }
        assert_eq!(records.len(), 3);
    }
    let latest: Vec<Observation> = store.observations(Which::Latest).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(latest.iter().map(|seen| seen.computer_name().unwrap()).collect::<Vec<_>>(), ["PLAIN", REDVDS, "NEW"]);
    assert_eq!(store.observations(Which::States).unwrap().count(), 4);
    assert_eq!(store.observations(Which::Looks).unwrap().count(), 9);
}

#[test]
fn only_what_ever_spoke_rdp_has_a_row() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let count =
        |store: &Store, table: &str| -> i64 { store.row(&format!("SELECT count(*) FROM {table}"), ()).unwrap() };
    sweep(&mut store, &set, vec![silence(1, 1), silence(2, 1), host(3, "A", 1, 1)]);
    assert_eq!((count(&store, "endpoint"), count(&store, "sighting")), (1, 1));
    sweep(&mut store, &set, vec![silence(1, 2), silence(2, 2), silence(3, 2)]);
    assert_eq!((count(&store, "endpoint"), count(&store, "sighting"), count(&store, "observation")), (1, 2, 1));
    let seen = store.seen([127, 0, 0, 3].into()).unwrap();
    assert_eq!(seen[0].2, Timestamp::from_second(1).unwrap(), "a miss is no sight");
}

#[test]
fn a_dialogue_that_broke_off_is_neither_a_change_nor_the_end_of_a_finding() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, REDVDS, 1, 1)]);
    for second in 2..5 {
        assert_eq!(kinds(&sweep(&mut store, &set, vec![cut_off(1, second)])), [""; 0]);
    }
    let changes = sweep(&mut store, &set, vec![host(1, "OTHER", 2, 9)]);
    assert_eq!(kinds(&changes), ["127.0.0.1 changed"]);
    let before = changes[0].before.as_ref().unwrap();
    assert_eq!(before.shown.name.as_deref(), Some(REDVDS), "compared with what it was, not with what broke off");
    assert!(before.is_finding() && !changes[0].after.as_ref().unwrap().is_finding());
    // What never showed more than this is taken as it is.
    assert_eq!(kinds(&sweep(&mut store, &set, vec![cut_off(7, 10)])), ["127.0.0.7 new"]);
}

#[test]
fn another_machine_that_breaks_off_is_told_all_the_same() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, REDVDS, 1, 1)]);
    // Another key, proven, and then the line is cut before CredSSP answers.
    let other = |second| {
        let mut seen = host(1, "OTHER", 2, second);
        (seen.status, seen.stage, seen.ntlm) = (Status::ConnectionClosed, Stage::Credssp, None);
        seen
    };
    let changes = sweep(&mut store, &set, vec![other(2)]);
    assert_eq!(kinds(&changes), ["127.0.0.1 changed"]);
    assert!(changes[0].before.as_ref().unwrap().is_finding() && !changes[0].after.as_ref().unwrap().is_finding());
    assert_eq!(kinds(&sweep(&mut store, &set, vec![other(3)])), [""; 0], "once");
}

#[test]
fn newer_fingerprints_judge_what_is_stored() {
    let (folder, old) = (Folder::new(), fingerprints());
    let text = "id = \"ours\"\nname = \"Ours\"\nclass = \"unnamed-clone\"\nstatus = \"stable\"\ndescription = \"x\"\n\
                [[required]]\nfield = \"computer_name\"\nequals = \"OURS-1\"\n";
    let file = crate::fingerprint::SourceFile { name: "ours.toml".to_owned(), text: text.to_owned() };
    let new = FingerprintSet::compiled_with([file]).unwrap();
    let mut store = folder.store();
    sweep(&mut store, &old, vec![host(1, "OURS-1", 1, 1), host(2, "X", 2, 1)]);
    assert_eq!(store.judge(&new).unwrap(), 2);
    assert_eq!(store.judge(&new).unwrap(), 0, "once is enough");
    assert_eq!(store.finding("ours").unwrap().len(), 1);
    let changes = sweep(&mut store, &new, vec![host(1, "OURS-1", 1, 2), host(2, "X", 2, 2)]);
    assert_eq!(kinds(&changes), ["127.0.0.1 changed"]);
    let expected = crate::change::Kind::Changed { aspects: vec![crate::change::Aspect::VerdictByFingerprints] };
    assert_eq!(changes[0].kind, expected);
}
