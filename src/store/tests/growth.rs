use super::*;

const REDVDS: &str = "WIN-BUNS25TD77J";

fn bytes(store: &Store) -> i64 {
    store.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    pages * store.connection.pragma_query_value::<i64, _>(None, "page_size", |row| row.get(0)).unwrap()
}

#[test]
fn an_unchanged_endpoint_costs_at_most_200_bytes_a_sweep() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let round = |store: &mut Store, second| {
        sweep(store, &set, (1..=250).map(|last| host(last, &format!("H{last}"), last, second)).collect())
    };
    round(&mut store, 1_700_000_000);
    let first = bytes(&store);
    for week in 1..=20 {
        assert_eq!(kinds(&round(&mut store, 1_700_000_000 + week * 604_800)), [""; 0]);
    }
    let per_look = (bytes(&store) - first) / (20 * 250);
    assert!(per_look <= 200, "{per_look} bytes");
}

#[test]
fn pruning_keeps_first_and_last_sight_and_the_evidence_of_findings() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    for second in 1..=20 {
        let name = format!("H{}", second / 5);
        sweep(
            &mut store,
            &set,
            vec![host(1, &name, 1, second), host(2, if second < 9 { REDVDS } else { "CLEAN" }, 2, second)],
        );
    }
    let before = store.finding("redvds").unwrap();
    let pruned = store.prune(Timestamp::from_second(15).unwrap()).unwrap();
    assert!(pruned.sightings > 20 && pruned.observations == 3 && pruned.changes > 0, "{pruned:?}");
    let seen = store.seen([127, 0, 0, 1].into()).unwrap();
    assert_eq!((seen[0].1.as_second(), seen[0].2.as_second()), (1, 20));
    let after = store.finding("redvds").unwrap();
    assert_eq!((after[0].first_seen, after[0].last_seen), (before[0].first_seen, before[0].last_seen));
    let states: Vec<Observation> = store.observations(Which::States).unwrap().collect::<Result<_, _>>().unwrap();
    let finding = states.iter().find(|seen| seen.computer_name() == Some(REDVDS)).unwrap();
    assert!(finding.ntlm.as_ref().unwrap().raw.is_some());
    store.check().unwrap();
    let broken: i64 = store.row("SELECT count(*) FROM pragma_foreign_key_check", ()).unwrap();
    assert_eq!(broken, 0);
    // The next sweep is compared as if nothing had been taken away.
    let changes = sweep(&mut store, &set, vec![host(1, "H4", 1, 21), host(2, REDVDS, 2, 21)]);
    assert_eq!(kinds(&changes), ["127.0.0.2 changed"]);
}
