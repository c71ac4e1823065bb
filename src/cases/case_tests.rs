use super::*;

const SEEN: &str = "2026-11-22T09:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn customers() -> Customers {
    let text = "prefix,customer_id,contact,language,notes,valid_from,valid_to\n\
                127.0.0.0/25,alice,,,,,2026-11-30\n127.0.0.0/25,bob,,,,2026-12-01,\n";
    Customers::read("customers.csv", text.as_bytes()).unwrap()
}

fn finding(endpoint: &str, seen: &str) -> Finding {
    Finding {
        endpoint: endpoint.parse().unwrap(),
        fingerprint_id: "redvds".to_owned(),
        identity: "name WIN-BUNS25TD77J".to_owned(),
        class: Class::CriminalImage,
        confidence: Confidence::Strong,
        first_seen: at(SEEN).into(),
        last_seen: at(seen).into(),
    }
}

fn case(binding: &Binding, state: State, since: &str) -> Case {
    Case {
        id: 7,
        binding: binding.clone(),
        class: Class::CriminalImage,
        confidence: Confidence::Strong,
        state,
        since: at(since).into(),
        reason: None,
        opened: at(SEEN),
        first_seen: at(SEEN).into(),
        last_seen: at(SEEN).into(),
    }
}

#[test]
fn a_finding_opens_one_case_with_the_customer_of_that_time() {
    let findings = vec![finding("127.0.0.9:3389", SEEN), finding("127.0.0.200:3389", SEEN)];
    let grouped = group(findings, &customers(), &[]);
    assert_eq!(grouped.new.iter().map(|(binding, _)| binding.customer_id.as_str()).collect::<Vec<_>>(), ["alice"]);
    assert_eq!(grouped.unowned, [finding("127.0.0.200:3389", SEEN)]);
    // Seen again while it is alice's: the same case; once it is bob's: another.
    let known = [case(&grouped.new[0].0, State::Notified, SEEN)];
    let again = group(vec![finding("127.0.0.9:3389", "2026-11-30T23:59:59Z")], &customers(), &known);
    assert_eq!((again.seen.len(), again.new.len(), again.returned.len()), (1, 0, 0));
    let later = group(vec![finding("127.0.0.9:3389", "2026-12-01T00:00:00Z")], &customers(), &known);
    assert_eq!((later.new[0].0.customer_id.as_str(), later.seen.len()), ("bob", 0));
    assert_eq!(
        later.new[0].1.first_seen.at,
        at("2026-12-01T00:00:00Z"),
        "bob is not told what was seen in alice's time"
    );
}

#[test]
fn another_name_port_or_fingerprint_is_another_case() {
    let first = group(vec![finding("127.0.0.9:3389", SEEN)], &customers(), &[]).new;
    let known = [case(&first[0].0, State::FalsePositive, SEEN)];
    let same = finding("127.0.0.9:3389", "2026-11-23T00:00:00Z");
    assert_eq!(group(vec![same.clone()], &customers(), &known).new, []);
    let others = [
        Finding { identity: "name OTHER".to_owned(), ..same.clone() },
        Finding { fingerprint_id: "other".to_owned(), ..same.clone() },
        Finding { endpoint: "127.0.0.9:3390".parse().unwrap(), ..same },
    ];
    for other in others {
        assert_eq!(group(vec![other], &customers(), &known).new.len(), 1);
    }
}

#[test]
fn what_was_resolved_returns_when_it_is_seen_afterwards() {
    let first = group(vec![finding("127.0.0.9:3389", SEEN)], &customers(), &[]).new;
    for (state, since, returned) in [
        (State::Resolved, "2026-11-22T10:00:00Z", vec![7]),
        // The look was taken before somebody resolved it.
        (State::Resolved, "2026-11-22T12:00:00Z", vec![]),
        (State::FalsePositive, "2026-11-22T10:00:00Z", vec![]),
        (State::Notified, "2026-11-22T10:00:00Z", vec![]),
    ] {
        let known = [case(&first[0].0, state, since)];
        let again = group(vec![finding("127.0.0.9:3389", "2026-11-22T11:00:00Z")], &customers(), &known);
        assert_eq!(again.returned, returned, "{state} {since}");
    }
}

#[test]
fn what_came_after_what_is_no_matter_of_clocks() {
    let first = group(vec![finding("127.0.0.9:3389", SEEN)], &customers(), &[]).new;
    let moment = |turn, time| Moment { turn, at: at(time) };
    let (early, late) = ("2026-11-22T10:00:00Z", "2026-11-29T10:00:00Z");
    for (seen, since, returned) in
        [(moment(1, late), moment(2, early), vec![]), (moment(3, early), moment(2, late), vec![7])]
    {
        let known = [Case { since, ..case(&first[0].0, State::Resolved, SEEN) }];
        let again = Finding { last_seen: seen, ..finding("127.0.0.9:3389", SEEN) };
        assert_eq!(group(vec![again], &customers(), &known).returned, returned, "{seen:?}");
    }
}
