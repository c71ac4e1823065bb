use super::*;
use crate::change::Presence;

#[test]
fn the_comparison_of_any_two_sweeps_is_the_one_that_was_made_at_the_time() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    // A small random world: thirty addresses, hosts that come, go, are renamed, renewed and moved.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut world: Vec<Option<(u8, u8)>> = vec![None; 31];
    let mut made = Vec::new();
    for round in 1..40_i64 {
        for _ in 0..4 {
            let (at, to) = (usize::try_from(draw(30)).unwrap() + 1, usize::try_from(draw(30)).unwrap() + 1);
            match draw(5) {
                0 => world[at] = None,
                1 if at != to => world[to] = world[at].take(),
                2 => world[at] = Some((u8::try_from(draw(200)).unwrap(), u8::try_from(draw(200)).unwrap())),
                3 => world[at] = world[at].map(|(name, _)| (name, u8::try_from(draw(200)).unwrap())),
                _ => world[to] = world[at],
            }
        }
        let mut seen = Vec::new();
        for (last, host_there) in world.iter().enumerate().skip(1) {
            let last = u8::try_from(last).unwrap();
            // Now and then an endpoint is not asked.
            match host_there {
                _ if draw(12) == 0 => {}
                Some((name, key)) => seen.push(host(last, &format!("H{name}"), *key, round * 100)),
                None => seen.push(silence(last, round * 100)),
            }
        }
        made.push(sweep(&mut store, &set, seen));
    }
    let mut kinds_seen = std::collections::BTreeSet::new();
    for (second, changes) in (2..).zip(&made[1..]) {
        let entries = store.entries_between(second - 1, second, 2).unwrap();
        let again: Vec<Change> = compare(&entries, 2).changes.into_iter().map(|(_, change)| change).collect();
        assert_eq!(&again, changes, "sweep {second}");
        let stored: Vec<Change> = store.changes_in(second).unwrap().into_iter().map(|past| past.change).collect();
        assert_eq!(&stored, changes, "sweep {second}");
        kinds_seen.extend(changes.iter().map(|change| change.kind.to_string()));
    }
    let all = ["changed", "gone", "moved", "new", "returned"].map(str::to_owned);
    assert_eq!(kinds_seen.into_iter().collect::<Vec<_>>(), all, "the world is too quiet to show anything");
}

#[test]
fn sweeps_that_did_not_end_are_compared_with_nothing() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "A", 1, 1), host(2, "B", 2, 1)]);
    let id = store.begin("{}", &Allowed::default(), set.hash(), Timestamp::from_second(2).unwrap()).unwrap();
    store
        .commit(id, &[Record::judge(silence(1, 2), &set), Record::judge(host(3, "C", 3, 2), &set)], Some("7"))
        .unwrap();
    let running = store.running().unwrap().unwrap();
    assert_eq!((running.id, running.state, running.cursor.as_deref()), (id, State::Running, Some("7")));
    let changes = sweep(&mut store, &set, vec![silence(1, 3), host(2, "B", 2, 3), host(3, "C", 3, 3)]);
    assert_eq!(kinds(&changes), ["127.0.0.3 new"], "one miss that counts, and one that was given up");
    assert_eq!(store.sweep(id).unwrap().unwrap().state, State::Abandoned);
    assert_eq!(store.running().unwrap(), None);
    assert_eq!(store.sweep(id + 1).unwrap().unwrap().previous, Some(1));
}

#[test]
fn a_rewound_sweep_forgets_what_it_missed_and_not_what_it_saw() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "A", 1, 1), host(2, "B", 2, 1), host(3, "C", 3, 1)]);
    let id = store.begin("{}", &Allowed::default(), set.hash(), Timestamp::from_second(10).unwrap()).unwrap();
    // The clock jumps back in the middle, which is no reason to believe what was missed afterwards.
    let [first, second, third] =
        [silence(1, 11), host(2, "B", 2, 12), silence(3, 5)].map(|seen| Record::judge(seen, &set));
    let turn = store.commit(id, &[first, second], Some("1")).unwrap();
    store.commit(id, &[third], Some("2")).unwrap();
    store.rewind(id, Some("1"), Some(turn)).unwrap();
    assert_eq!(store.running().unwrap().unwrap().cursor.as_deref(), Some("1"));
    // Asked again: the one that was seen is not unseen by a later miss, the one that was missed may be seen now.
    let again = [silence(2, 30), host(3, "C", 3, 31)].map(|seen| Record::judge(seen, &set));
    store.commit(id, &again, Some("3")).unwrap();
    let entries = store.entries(id, set.hash()).unwrap();
    let missed: Vec<bool> = entries.iter().map(|entry| entry.sight == Some(crate::change::Sight::Missed)).collect();
    assert_eq!(missed, [true, false, false]);
    finish(&mut store, id, &set);
    let presences: Vec<Presence> =
        store.entries(id + 1, set.hash()).unwrap().into_iter().map(|entry| entry.before.presence).collect();
    assert_eq!(presences, [Presence::Present; 3]);
}

#[test]
fn alerts_are_owed_until_they_are_delivered() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let id = store.begin("{}", &Allowed::default(), set.hash(), Timestamp::UNIX_EPOCH).unwrap();
    let alert = |name: &str| (name.to_owned(), "webhook".to_owned(), format!("{{\"alert_id\":\"{name}\"}}"));
    let conclusion = Conclusion {
        comparison: &Comparison::default(),
        silenced: &[],
        alerts: &[alert("a"), alert("b"), alert("a")],
        news: None,
        announced: &[],
        misses: 2,
        coverage: "{}",
        ended: Timestamp::from_second(100).unwrap(),
    };
    store.conclude(id, &conclusion).unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(store.due(at(99)).unwrap(), []);
    let due = store.due(at(100)).unwrap();
    assert_eq!(due.iter().map(|alert| alert.alert_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    store.tried(&due[0], at(100), Ok(())).unwrap();
    store.tried(&due[1], at(100), Err(("it is down".to_owned(), at(160)))).unwrap();
    assert_eq!((store.due(at(159)).unwrap().len(), store.undelivered().unwrap()), (0, 1));
    assert_eq!(store.due(at(160)).unwrap()[0].tries, 1);
}

#[test]
fn an_alert_that_a_wrong_clock_put_off_is_due() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let at = |second| Timestamp::from_second(second).unwrap();
    let (now, ahead) = (1_000_000, 1_000_000 + 10 * 3600);
    let id = store.begin("{}", &Allowed::default(), set.hash(), at(ahead)).unwrap();
    let conclusion = Conclusion {
        comparison: &Comparison::default(),
        silenced: &[],
        alerts: &[("a".to_owned(), "webhook".to_owned(), "{}".to_owned())],
        news: None,
        announced: &[],
        misses: 2,
        coverage: "{}",
        ended: at(ahead),
    };
    store.conclude(id, &conclusion).unwrap();
    // Never tried yet, and after a try that failed: in both cases the clock was ten hours ahead and was set right.
    let alert = store.due(at(now)).unwrap().remove(0);
    store.tried(&alert, at(ahead), Err(("it is down".to_owned(), at(ahead + 1)))).unwrap();
    assert_eq!(store.due(at(now)).unwrap()[0].tries, 1);
    // A try at the right time puts it in order again; the longest wait of all is waited.
    store.tried(&alert, at(now), Err(("it is down".to_owned(), at(now + 3600)))).unwrap();
    let due = |second| store.due(at(second)).unwrap().len();
    assert_eq!([now, now + 3599, now + 3600].map(due), [0, 0, 1]);
}

#[test]
fn the_clock_may_jump_back() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "A", 1, 5000), host(2, "B", 2, 5000)]);
    let changes = sweep(&mut store, &set, vec![host(1, "A", 1, 1000), silence(2, 1000)]);
    assert_eq!(kinds(&changes), [""; 0]);
    assert_eq!(
        kinds(&sweep(&mut store, &set, vec![host(1, "X", 1, 900), silence(2, 900)])),
        ["127.0.0.1 changed", "127.0.0.2 gone"]
    );
    let seen = store.seen([127, 0, 0, 1].into()).unwrap();
    assert_eq!((seen[0].1.as_second(), seen[0].2.as_second()), (900, 900));
}
