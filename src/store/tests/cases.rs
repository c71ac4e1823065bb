use super::*;
use crate::cases::{Binding, Finding, Grouped, State as CaseState, identity};
use crate::fingerprint::Match;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

const CLONE: &str = "WIN-BUNS25TD77J";

/// The findings of a history as cases of one customer, those that are known told apart from new ones.
pub(super) fn grouped(store: &Store, set: &FingerprintSet) -> Grouped {
    let known = store.cases().unwrap();
    let mut grouped = Grouped::default();
    for standing in store.standing(set).unwrap() {
        let Match { fingerprint_id, class, confidence, .. } = standing.matches[0].clone();
        let identity = identity(set.get(&fingerprint_id).unwrap(), &standing.shown);
        let finding = Finding {
            endpoint: standing.endpoint,
            fingerprint_id: fingerprint_id.clone(),
            identity: identity.clone(),
            class,
            confidence,
            first_seen: standing.first_seen,
            last_seen: standing.last_seen,
        };
        let binding =
            Binding { endpoint: standing.endpoint, fingerprint_id, identity, customer_id: "alice".to_owned() };
        match known.iter().find(|case| case.binding == binding) {
            Some(case) => grouped.seen.push((case.id, finding)),
            None => grouped.new.push((binding, finding)),
        }
    }
    grouped
}

#[test]
fn a_case_is_kept_with_all_that_happens_to_it() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1000), host(2, "SRV-2", 2, 1000), host(3, CLONE, 3, 1001)]);
    let first = grouped(&store, &set);
    assert_eq!(first.new.len(), 2);
    store.keep_cases(&first, at(1100)).unwrap();
    // Two runs at the same time open one case each, not two.
    store.keep_cases(&first, at(1101)).unwrap();
    let cases = store.cases().unwrap();
    assert_eq!(
        cases.iter().map(|case| (case.id, case.state, case.opened)).collect::<Vec<_>>(),
        [(1, CaseState::Open, at(1100)), (2, CaseState::Open, at(1100))]
    );
    assert_eq!(cases[0].binding.identity, format!("name {CLONE}"));

    sweep(&mut store, &set, vec![host(1, CLONE, 1, 2000), host(2, "SRV-2", 2, 2000), silence(3, 2001)]);
    let second = grouped(&store, &set);
    assert_eq!((second.new.len(), second.seen.len()), (0, 2), "missed once is not gone");
    store.keep_cases(&second, at(2100)).unwrap();
    let seen: Vec<_> = store.cases().unwrap().iter().map(|case| (case.first_seen.at, case.last_seen.at)).collect();
    assert_eq!(seen, [(at(1000), at(2000)), (at(1001), at(1001))]);

    store.settle(&[1, 2], CaseState::Notified, None, at(2200)).unwrap();
    store.settle(&[2], CaseState::FalsePositive, Some("a honeypot"), at(2300)).unwrap();
    let unreasoned = store.settle(&[1, 2], CaseState::FalsePositive, None, at(2400));
    assert!(unreasoned.is_err() && store.case(1).unwrap().unwrap().state == CaseState::Notified, "all or none");
    let states: Vec<_> =
        store.case_events(2).unwrap().into_iter().map(|event| (event.at, event.state, event.reason)).collect();
    let reason = Some("a honeypot".to_owned());
    assert_eq!(
        states,
        [
            (at(1100), CaseState::Open, None),
            (at(2200), CaseState::Notified, None),
            (at(2300), CaseState::FalsePositive, reason.clone())
        ]
    );
    let case = store.case(2).unwrap().unwrap();
    assert_eq!((case.state, case.since.at, case.reason), (CaseState::FalsePositive, at(2300), reason));
    assert_eq!(store.case(3).unwrap(), None);
    // Missed for the second time: gone, and no finding any more.
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 3000), silence(3, 3001)]);
    assert_eq!(
        store.standing(&set).unwrap().iter().map(|standing| standing.endpoint.ip().to_string()).collect::<Vec<_>>(),
        ["127.0.0.1"]
    );
}

#[test]
fn the_last_look_is_the_last_whoever_took_it() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let place = SocketAddr::from(([127, 0, 0, 1], 3389));
    assert_eq!(store.last_look(place).unwrap(), None);
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1000)]);
    let look = |store: &Store| {
        let look = store.last_look(place).unwrap().unwrap();
        (look.at.at, look.observation.map(|seen| (seen.seen_at, seen.computer_name().map(ToOwned::to_owned))))
    };
    let shown = |second, name: &str| (at(second), Some((at(second), Some(name.to_owned()))));
    assert_eq!(look(&store), shown(1000, CLONE));
    store.keep_recheck(&host(1, "SRV-1", 1, 1500)).unwrap();
    assert_eq!(look(&store), shown(1500, "SRV-1"));
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 2000)]);
    assert_eq!(look(&store), shown(2000, CLONE));
    sweep(&mut store, &set, vec![silence(1, 3000)]);
    assert_eq!(look(&store), (at(3000), None));
    // A look that found nobody is kept as it was.
    store.keep_recheck(&silence(1, 4000)).unwrap();
    assert_eq!(look(&store), (at(4000), Some((at(4000), None))));
    store.prune(at(9000), Timestamp::now()).unwrap();
    assert_eq!(look(&store), (at(4000), Some((at(4000), None))), "looks for cases are kept for ever");
    // Of an endpoint that no sweep has seen nothing is kept.
    store.keep_recheck(&host(9, CLONE, 1, 1500)).unwrap();
    assert_eq!(store.last_look(SocketAddr::from(([127, 0, 0, 9], 3389))).unwrap(), None);
}

/// The clock was years ahead for one sweep, and for one look at a case, and was set right again.
#[test]
fn a_look_from_the_future_is_not_the_last_one_for_ever() {
    const AHEAD: i64 = 200_000_000;
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let place = SocketAddr::from(([127, 0, 0, 1], 3389));
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1000)]);
    store.keep_cases(&grouped(&store, &set), at(1100)).unwrap();
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1200 + AHEAD)]);
    let standing = store.standing(&set).unwrap().remove(0);
    assert_eq!((standing.first_seen.at, standing.last_seen.at), (at(1000), at(1200 + AHEAD)));
    store.keep_cases(&grouped(&store, &set), at(1300)).unwrap();
    let ahead = store.keep_recheck(&host(1, CLONE, 1, 1350 + AHEAD)).unwrap();
    store.settle(&[1], CaseState::Resolved, None, at(1400)).unwrap();
    let case = store.case(1).unwrap().unwrap();
    assert!(case.last_seen < ahead && ahead < case.since, "in the order in which they were written");
    assert!(case.last_seen.at > case.since.at, "whatever the clocks said");

    // Each further look is the last one, by whomever.
    let name = |store: &Store| {
        let look = store.last_look(place).unwrap().unwrap();
        (look.at.at, look.observation.and_then(|seen| seen.computer_name().map(ToOwned::to_owned)))
    };
    sweep(&mut store, &set, vec![host(1, "SRV-1", 1, 1500)]);
    assert_eq!(name(&store), (at(1500), Some("SRV-1".to_owned())));
    store.keep_recheck(&host(1, "SRV-2", 1, 1450)).unwrap();
    assert_eq!(name(&store), (at(1450), Some("SRV-2".to_owned())));
    sweep(&mut store, &set, vec![silence(1, 1440)]);
    assert_eq!(name(&store), (at(1440), None));
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1430)]);
    assert_eq!(name(&store), (at(1430), Some(CLONE.to_owned())));
    let standing = store.standing(&set).unwrap().remove(0);
    assert_eq!(standing.last_seen.at, at(1430));
    store.keep_cases(&grouped(&store, &set), at(1600)).unwrap();
    assert_eq!(store.case(1).unwrap().unwrap().last_seen.at, at(1430), "and the case was last seen then");
    let latest: Vec<Observation> = store.observations(Which::Latest).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(latest[0].seen_at, at(1430));
    assert_eq!(store.seen(place.ip()).unwrap()[0].2, at(1430));
    assert_eq!(store.host(place.ip()).unwrap().last().unwrap().last_seen, at(1430));
}

/// A sweep is stopped, a case is looked at, and the sweep goes on: the same number before and after.
#[test]
fn a_look_in_the_middle_of_a_sweep_stands_between_its_halves() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1000), host(2, CLONE, 2, 1000)]);
    let id = store.begin("{}", &Allowed::default(), set.hash(), at(2000)).unwrap();
    let record = |seen| [Record::judge(seen, &set)];
    store.commit(id, &record(host(1, "SRV-1", 1, 2000)), Some("1")).unwrap();
    store.keep_recheck(&host(1, "SRV-2", 1, 2000)).unwrap();
    store.keep_recheck(&host(2, "SRV-2", 2, 2000)).unwrap();
    store.commit(id, &record(host(2, "SRV-3", 2, 2000)), Some("2")).unwrap();
    let name = |last: u8| {
        let look = store.last_look(SocketAddr::from(([127, 0, 0, last], 3389))).unwrap().unwrap();
        look.observation.unwrap().computer_name().unwrap().to_owned()
    };
    assert_eq!((name(1), name(2)), ("SRV-2".to_owned(), "SRV-3".to_owned()));
}

#[test]
fn a_look_that_bears_a_resolved_case_out_opens_it_again() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, CLONE, 1, 1000)]);
    store.keep_cases(&grouped(&store, &set), at(1100)).unwrap();
    let found = store.standing(&set).unwrap()[0].matches[0].clone();
    let case = store.case(1).unwrap().unwrap();
    let look = |store: &mut Store, second| store.keep_recheck(&host(1, CLONE, 1, second)).unwrap();
    let seen = look(&mut store, 1200);
    assert!(!store.bear_out(&case, &found, seen, true).unwrap(), "it was not resolved");
    assert_eq!(store.case(1).unwrap().unwrap().last_seen, seen);
    store.settle(&[1], CaseState::Resolved, None, at(1300)).unwrap();
    let seen = look(&mut store, 1250);
    assert!(!store.bear_out(&case, &found, seen, false).unwrap(), "a rule holds it back");
    assert!(store.bear_out(&case, &found, seen, true).unwrap());
    let case = store.case(1).unwrap().unwrap();
    assert_eq!((case.state, case.reason.as_deref()), (CaseState::Open, Some("it was seen again")));
    // What a sweep saw earlier takes nothing of it back.
    store.keep_cases(&grouped(&store, &set), at(1400)).unwrap();
    assert_eq!(store.case(1).unwrap().unwrap().last_seen, seen);
}
