use jiff::Timestamp;

use super::*;
use crate::fingerprint::{Class, Confidence};

fn certificate(key: &str, made: i64) -> ShownCertificate {
    const DAY: i64 = 86_400;
    ShownCertificate {
        sha256: format!("{key}-{made}"),
        key: Some(key.to_owned()),
        key_proven: true,
        subject: Some("CN=A".to_owned()),
        issuer: Some("CN=A".to_owned()),
        not_before: Timestamp::from_second(made * DAY).ok(),
        not_after: Timestamp::from_second((made + 182) * DAY).ok(),
    }
}

/// A host of this name with this key, made on day 0.
fn look(name: &str, key: &str) -> Look {
    let shown = Shown { name: Some(name.to_owned()), build: Some(20348), certificate: Some(certificate(key, 0)) };
    Look { shown, ..Look::default() }
}

fn made(mut look: Look, key: &str, day: i64) -> Look {
    look.shown.certificate = Some(certificate(key, day));
    look
}

fn judged(mut look: Look, class: Class, confidence: Confidence) -> Look {
    look.verdict = Some(Verdict { fingerprint_id: "f".to_owned(), class, confidence });
    look
}

fn present(look: Look) -> Standing {
    Standing { presence: Presence::Present, was_seen_last: true, look: Some(look), ..Standing::default() }
}

fn missed(presence: Presence, misses: u32, look: Look) -> Standing {
    Standing { presence, misses, look: Some(look), ..Standing::default() }
}

fn address(id: i64) -> SocketAddr {
    format!("127.0.0.{id}:3389").parse().unwrap()
}

/// Entries numbered from 1.
fn entries(rows: Vec<(Standing, Option<Sight>)>) -> Vec<Entry> {
    let entry = |(id, (before, sight))| Entry { id, endpoint: address(id), before, sight };
    (1..).zip(rows).map(entry).collect()
}

fn kinds(rows: Vec<(Standing, Option<Sight>)>) -> Vec<(i64, Kind)> {
    compare(&entries(rows), 2).changes.into_iter().map(|(id, change)| (id, change.kind)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "an entry's sight is optional")]
fn seen(look: Look) -> Option<Sight> {
    Some(Sight::Seen(Box::new(look)))
}

const MISSED: Option<Sight> = Some(Sight::Missed);

#[test]
fn each_kind_of_change_and_no_other() {
    use Aspect::{Build, Certificate, Name, Renewal, Verdict, VerdictByFingerprints};
    let a = || look("A", "k");
    let changed = |aspects: &[Aspect]| vec![(1, Kind::Changed { aspects: aspects.to_vec() })];
    let returned = |aspects: &[Aspect]| vec![(1, Kind::Returned { aspects: aspects.to_vec() })];
    let mut other_build = a();
    other_build.shown.build = Some(26100);
    let less = Look { shown: Shown { name: Some("A".to_owned()), ..Shown::default() }, ..Look::default() };
    let mut stranger = made(a(), "l", 182);
    stranger.shown.certificate.as_mut().unwrap().issuer = Some("CN=CA".to_owned());
    let clone = judged(a(), Class::CriminalImage, Confidence::Strong);
    let newly_judged = Standing { other_fingerprints: true, ..present(a()) };
    let table = [
        ("never seen", Standing::default(), seen(a()), vec![(1, Kind::New)]),
        ("never seen, and not now", Standing::default(), MISSED, Vec::new()),
        ("the same", present(a()), seen(a()), vec![]),
        ("the name in other letters", present(a()), seen(look("a", "k")), vec![]),
        ("not probed", present(a()), None, vec![]),
        ("missed once of two", present(a()), MISSED, vec![]),
        ("missed twice", missed(Presence::Present, 1, a()), MISSED, vec![(1, Kind::Gone { misses: 2 })]),
        ("gone for long", missed(Presence::Gone, 2, a()), MISSED, vec![]),
        ("moved away for long", missed(Presence::Moved, 1, a()), MISSED, vec![]),
        ("seen after one miss", missed(Presence::Present, 1, a()), seen(a()), vec![]),
        ("back", missed(Presence::Gone, 5, a()), seen(a()), returned(&[])),
        ("back as another", missed(Presence::Gone, 5, a()), seen(look("B", "k")), returned(&[Name])),
        ("back where it moved from", missed(Presence::Moved, 1, a()), seen(a()), returned(&[])),
        ("renamed", present(a()), seen(look("B", "k")), changed(&[Name])),
        ("upgraded", present(a()), seen(other_build), changed(&[Build])),
        ("less to see", present(a()), seen(less.clone()), vec![]),
        ("more to see", present(less), seen(a()), vec![]),
        ("renewed in time", present(a()), seen(made(a(), "l", 182)), changed(&[Renewal])),
        ("renewed long after", present(a()), seen(made(a(), "l", 900)), changed(&[Renewal])),
        ("replaced early", present(a()), seen(made(a(), "l", 60)), changed(&[Certificate])),
        ("an older one", present(made(a(), "l", 182)), seen(a()), changed(&[Certificate])),
        ("another issuer's", present(a()), seen(stranger), changed(&[Certificate])),
        ("another machine", present(a()), seen(made(look("B", "k"), "l", 182)), changed(&[Name, Certificate])),
        ("judged otherwise", present(a()), seen(clone.clone()), changed(&[Verdict])),
        ("judged by others", newly_judged, seen(clone), changed(&[VerdictByFingerprints])),
    ];
    for (what, before, sight, expected) in table {
        assert_eq!(kinds(vec![(before, sight)]), expected, "{what}");
    }
}

#[test]
fn moved_only_where_there_is_no_doubt() {
    let k = || look("A", "k");
    let moved = vec![(2, Kind::Moved { from: address(1) })];
    let new = || (Standing::default(), seen(k()));
    assert_eq!(kinds(vec![(present(k()), MISSED), new()]), moved);
    // Another machine is at the old place: that is told beside.
    let taken = kinds(vec![(present(k()), seen(look("B", "l"))), new()]);
    assert_eq!(taken[1..], moved);
    assert_eq!(taken[0], (1, Kind::Changed { aspects: vec![Aspect::Name, Aspect::Certificate] }));

    let only_new = |rows: Vec<(Standing, Option<Sight>)>, why: &str| {
        let kinds = kinds(rows);
        assert!(kinds.iter().all(|(_, kind)| *kind == Kind::New), "{why}: {kinds:?}");
        assert!(!kinds.is_empty(), "{why}");
    };
    only_new(vec![(present(k()), None), new()], "the old place was not probed");
    only_new(vec![(present(k()), seen(k())), new()], "the old place still shows it");
    only_new(vec![(present(k()), MISSED), (present(k()), MISSED), new()], "it was at two places");
    only_new(vec![(present(k()), MISSED), (present(k()), seen(k())), new()], "it was at two, and one still shows it");
    only_new(vec![(present(k()), MISSED), new(), new()], "two new places show it");
    only_new(vec![(missed(Presence::Present, 1, k()), MISSED), new()][1..].to_vec(), "nobody had it");
    let missed_before = missed(Presence::Present, 0, k());
    only_new(vec![(missed_before, MISSED), new()], "the sweep before did not see it");
    let known = (present(look("B", "l")), seen(k()));
    let kinds = kinds(vec![(present(k()), MISSED), known]);
    assert_eq!(kinds, [(2, Kind::Changed { aspects: vec![Aspect::Name, Aspect::Certificate] })], "no new endpoint");
}

#[test]
fn whoever_only_shows_a_certificate_has_not_moved() {
    let k = || look("A", "k");
    let unproven = || {
        let mut look = k();
        look.shown.certificate.as_mut().unwrap().key_proven = false;
        look
    };
    let new = vec![(2, Kind::New)];
    assert_eq!(kinds(vec![(present(k()), MISSED), (Standing::default(), seen(unproven()))]), new);
    assert_eq!(kinds(vec![(present(unproven()), MISSED), (Standing::default(), seen(k()))]), new);
    assert_eq!(kinds(vec![(present(k()), seen(unproven())), (Standing::default(), seen(k()))]), new);
    // What is gone is told in its time, whoever shows its certificate.
    let missed_once = missed(Presence::Present, 1, k());
    let gone = kinds(vec![(missed_once, MISSED), (Standing::default(), seen(unproven()))]);
    assert_eq!(gone, [(1, Kind::Gone { misses: 2 }), (2, Kind::New)]);
    // Nor does a stranger who shows it hide that the machine itself moved.
    let rows = vec![(present(k()), MISSED), (Standing::default(), seen(k())), (Standing::default(), seen(unproven()))];
    assert_eq!(kinds(rows), [(2, Kind::Moved { from: address(1) }), (3, Kind::New)]);
}

#[test]
fn what_broke_off_rests_on_what_was_whole_unless_it_is_another_machine() {
    let whole = look("A", "k").shown;
    let broken = |key: &str| {
        let mut certificate = certificate(key, 0);
        certificate.key_proven = false;
        Shown { name: Some("A".to_owned()), build: None, certificate: Some(certificate) }
    };
    assert!(Shown::default().rests_on(&whole, None), "nothing was seen");
    assert!(broken("k").rests_on(&whole, None));
    assert!(!broken("l").rests_on(&whole, None), "another key");
    assert!(!broken("k").rests_on(&whole, Some("B")), "another name");
    assert!(broken("k").rests_on(&whole, Some("a")));
    let certified = Shown { name: Some("rdp.example".to_owned()), ..broken("k") };
    assert!(certified.rests_on(&whole, None), "a certificate may name something else");
    let other_build = Shown { build: Some(26100), certificate: None, ..broken("k") };
    assert!(!other_build.rests_on(&whole, None), "another build");
    assert!(!whole.rests_on(&broken("k"), Some("A")), "it shows more");
    assert!(!whole.rests_on(&whole, Some("A")), "it shows all of it");
    let bare = Shown { build: None, ..whole.clone() };
    assert!(Shown { build: None, ..broken("k") }.rests_on(&bare, None), "it proved nothing this time");
}

#[test]
fn a_machine_that_moved_away_is_not_reported_gone_as_well() {
    let k = || look("A", "k");
    let first = compare(&entries(vec![(present(k()), MISSED), (Standing::default(), seen(k()))]), 1);
    let (_, change) = &first.changes[0];
    assert_eq!((first.changes.len(), &change.before, &change.after), (1, &Some(k()), &Some(k())));
    let standing = first.standings[0].1.clone();
    assert_eq!(standing.presence, Presence::Moved);
    assert_eq!(kinds(vec![(standing, MISSED)]), []);
}
