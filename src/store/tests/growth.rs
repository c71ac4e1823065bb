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
    let pruned = store.prune(Timestamp::from_second(15).unwrap(), Timestamp::now()).unwrap();
    assert!(pruned.sightings > 20 && pruned.observations == 2 && pruned.changes > 0, "{pruned:?}");
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

/// A random world, told twice: by a history that was never pruned, and by one that was pruned in the middle and again later.
#[test]
fn sweeps_that_were_not_pruned_are_compared_as_if_nothing_had_been() {
    let set = fingerprints();
    for seed in 0..2_u64 {
        let mut state = 0x2545_F491_4F6C_DD1D_u64.wrapping_add(seed << 32);
        let mut draw = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let (folder, pruned) = (Folder::new(), Folder::new());
        let (mut whole, mut pruned) = (folder.store(), pruned.store());
        let mut world = [None; 12];
        let mut horizon = 0;
        for round in 1..30_i64 {
            for _ in 0..2 {
                let at = usize::try_from(draw(12)).unwrap();
                world[at] = if draw(2) == 0 { None } else { Some(u8::try_from(draw(50)).unwrap()) };
            }
            let look = |(last, there): (u8, &Option<u8>)| match there {
                Some(key) => host(last, &format!("H{key}"), *key, round * 100),
                None => silence(last, round * 100),
            };
            let mut seen: Vec<Observation> = (1..).zip(&world).map(look).collect();
            seen.retain(|_| draw(6) != 0);
            for store in [&mut whole, &mut pruned] {
                sweep(store, &set, seen.clone());
            }
            if round % 9 == 0 {
                horizon = round - 4;
                pruned.prune(Timestamp::from_second((horizon + 1) * 100).unwrap(), Timestamp::now()).unwrap();
                pruned.check().unwrap();
                let told = |store: &Store| {
                    store.sweeps().unwrap().iter().map(|sweep| store.outcome(sweep.id).unwrap()).collect::<Vec<_>>()
                };
                assert_eq!(told(&pruned), told(&whole));
                let is_pruned: Vec<bool> =
                    pruned.sweeps().unwrap().iter().map(|sweep| sweep.pruned.is_some()).collect();
                assert_eq!(is_pruned, (1..=round).map(|sweep| sweep <= horizon).collect::<Vec<_>>());
            }
            for first in horizon + 1..round {
                for misses in [1, 2, 5] {
                    let told =
                        |store: &Store| compare(&store.entries_between(first, round, misses).unwrap(), misses).changes;
                    let kinds = |store: &Store| told(store).into_iter().map(|(_, change)| change).collect::<Vec<_>>();
                    assert_eq!(kinds(&pruned), kinds(&whole), "seed {seed}, {first} and {round}, {misses} misses");
                }
            }
        }
        let latest = |store: &Store| {
            let mut latest: Vec<Observation> = store.observations(Which::Latest).unwrap().map(Result::unwrap).collect();
            latest.sort_by_key(|seen| seen.ip);
            latest
        };
        assert_eq!(latest(&pruned), latest(&whole), "and the last look at each endpoint is there");
    }
}

#[test]
fn a_clock_that_was_wrong_for_a_sweep_prunes_nothing_young() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let now = Timestamp::from_second(100_000).unwrap();
    // The third was dated in the past and the fifth in the future.
    for second in [10_000, 90_000, 0, 91_000, 5_000_000, 92_000] {
        sweep(&mut store, &set, vec![host(1, "A", 1, second)]);
    }
    let pruned = |store: &mut Store, second| {
        store.prune(Timestamp::from_second(second).unwrap(), now).unwrap();
        store.sweeps().unwrap().iter().filter(|sweep| sweep.pruned.is_some()).map(|sweep| sweep.id).collect::<Vec<_>>()
    };
    assert_eq!(pruned(&mut store, 50_000), [1]);
    assert_eq!(pruned(&mut store, 90_500), [1, 2, 3]);
    assert_eq!(pruned(&mut store, 91_500), [1, 2, 3, 4]);
    assert_eq!(pruned(&mut store, 99_000), [1, 2, 3, 4], "the last one stays whole");
}

#[test]
fn a_finding_with_a_new_certificate_at_each_look_does_not_grow_for_ever() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    for second in 1..=60_u8 {
        sweep(&mut store, &set, vec![host(1, REDVDS, second, second.into())]);
        if second == 20 {
            store.keep_cases(&super::cases::grouped(&store, &set), Timestamp::from_second(20).unwrap()).unwrap();
        }
    }
    store.prune(Timestamp::from_second(40).unwrap(), Timestamp::now()).unwrap();
    let kept: Vec<i64> = store.finding("redvds").unwrap().iter().map(|look| look.first_seen.as_second()).collect();
    // The first three, that of the case, what is young; of which the last three would stay as well.
    let expected: Vec<i64> = (1..=3).chain([20]).chain(39..=60).collect();
    assert_eq!(kept, expected);
    store.prune(Timestamp::from_second(60).unwrap(), Timestamp::now()).unwrap();
    let kept: Vec<i64> = store.finding("redvds").unwrap().iter().map(|look| look.first_seen.as_second()).collect();
    assert_eq!(kept, (1..=3).chain([20]).chain(58..=60).collect::<Vec<_>>());
    store.check().unwrap();
}
