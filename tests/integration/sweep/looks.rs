//! Which look was the last, whatever clocks say and whoever took it.

use std::fs;
use std::path::Path;

use super::*;

/// A sweep that saw once more what the last one exported, at a time of our choice.
fn sweep_at(world: &World, time: &str) {
    use rdprint::change::compare;
    use rdprint::fingerprint::FingerprintSet;
    use rdprint::store::{Allowed, Conclusion, Store};
    use rdprint::verdict::Record;

    let text = fs::read_to_string(world.folder.path("last.jsonl")).unwrap();
    let record = |line: &str| {
        let mut record: Record = serde_json::from_str(line).unwrap();
        record.observation.seen_at = time.parse().unwrap();
        record
    };
    let records: Vec<Record> = text.lines().map(record).collect();
    let set = FingerprintSet::embedded().unwrap();
    let mut store = Store::open_existing(Path::new(&world.folder.path("history.db"))).unwrap();
    let id = store.begin("{}", &Allowed::default(), set.hash(), time.parse().unwrap()).unwrap();
    store.commit(id, &records, None).unwrap();
    let conclusion = Conclusion {
        comparison: &compare(&store.entries(id, set.hash()).unwrap(), 2),
        silenced: &[],
        alerts: &[],
        news: None,
        announced: &[],
        misses: 2,
        coverage: "{}",
        ended: time.parse().unwrap(),
    };
    store.conclude(id, &conclusion).unwrap();
}

#[test]
fn a_look_that_is_dated_in_the_future_neither_writes_letters_nor_opens_cases_for_ever() {
    let world = World::new(45);
    world.set(2, clone(2));
    world.complete();
    world.customers("NET.0/24,alice,,,,,2030-12-31\nNET.0/24,bob,,,,2031-01-01,\n");
    assert!(world.cases(&["list"]).stdout.starts_with("case 1: open, customer alice"));
    sweep_at(&world, "2040-01-01T00:00:00Z");
    let listed = world.cases(&["list"]);
    assert_eq!(listed.stdout.lines().count(), 1, "whose it was then nobody knows: {listed:?}");
    assert!(listed.stderr.contains("1 findings were last seen at a time that is still to come"), "{listed:?}");
    assert!(world.write(&[]).stderr.contains("still to come by this machine's clock"));
    // The clock is right again, and the host is honest.
    world.set(2, plain(2));
    assert_eq!(world.sweep(&["--accept-losses"]).code, Some(0));
    let held = world.write(&[]);
    assert!(held.code == Some(3) && held.stderr.contains("showed nothing that bears this case out"), "{held:?}");
    assert!(world.letters().is_empty());
    let denied = world.cases(&["recheck", "1"]).stdout;
    assert!(denied.ends_with("does not bear the case out any more; it shows SRV-002\n"), "{denied}");
    assert_eq!(world.cases(&["resolve", "1"]).code, Some(0));
    for _ in 0..2 {
        assert_eq!(world.cases(&["list"]).stdout, "", "nobody has seen it since");
    }
    assert!(!world.cases(&["show", "1"]).stdout.contains("it was seen again"));
}

#[test]
fn what_a_recheck_sees_counts_as_what_a_sweep_sees() {
    let world = World::new(46);
    world.set(2, clone(2));
    world.complete();
    world.customers("NET.0/24,alice,,,,,\n");
    let header = |arguments: &[&str]| world.cases(arguments).stdout.lines().next().unwrap_or_default().to_owned();
    // To the nanosecond, and without customers, so that nothing is taken in by the question.
    let last_seen = || {
        let listed = run(&["cases", "--config", &world.folder.path("sweep.toml"), "list", "--json"]).stdout;
        let case: Value = serde_json::from_str(listed.trim()).unwrap();
        case["last_seen"].as_str().unwrap().to_owned()
    };
    world.cases(&["list"]);
    let opened = last_seen();
    world.cases(&["recheck", "1"]);
    let rechecked = last_seen();
    assert!(rechecked > opened, "{rechecked}");
    world.complete();
    assert_eq!(last_seen(), rechecked);
    world.cases(&["show", "1"]);
    assert!(last_seen() > rechecked, "`show` knows what the last sweep saw");
    // Resolved, and seen again by a look for the case alone.
    assert_eq!(world.cases(&["resolve", "1"]).code, Some(0));
    let looked = world.cases(&["recheck", "1"]).stdout;
    assert!(looked.ends_with("still shows redvds (criminal-image, strong); the case is open again\n"), "{looked}");
    assert!(header(&["list"]).starts_with("case 1: open"));
    assert!(world.cases(&["show", "1"]).stdout.contains("open: it was seen again"));
    // Not what a rule holds back, nor what is somebody else's by now.
    assert_eq!(world.cases(&["resolve", "1"]).code, Some(0));
    world.customers("NET.0/24,bob,,,,,\n");
    let looked = world.cases(&["recheck", "1"]).stdout;
    assert!(
        looked.ends_with("still shows redvds (criminal-image, strong), and the address is bob's now\n"),
        "{looked}"
    );
    world.customers("NET.0/24,alice,,,,,\n");
    let rule =
        "[[suppress]]\nreason = \"known\"\nauthor = \"me\"\nexpires = \"2999-01-01\"\nfingerprint = \"redvds\"\n";
    world.folder.write("suppress.toml", rule);
    world.settings("suppress = \"suppress.toml\"\n");
    let looked = world.cases(&["recheck", "1"]).stdout;
    assert!(looked.ends_with("still shows redvds (criminal-image, strong)\n"), "{looked}");
    assert_eq!(world.cases(&["list"]).stdout, "");
}
