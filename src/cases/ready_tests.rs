use super::*;
use crate::observe::{Certificate, Ntlm, Observation, Status, Tls, X224, X224Answer};

const FIRST: &str = "2026-11-20T09:00:00Z";
const LAST: &str = "2026-11-22T09:00:00Z";
const NOW: &str = "2026-11-22T12:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn look(name: &str, build: &str) -> Observation {
    let mut seen = Observation::begin("127.0.0.9".parse().unwrap(), 3389, at(LAST));
    seen.status = Status::Success;
    seen.x224 = Some(X224 { answer: Some(X224Answer::NegotiationResponse), ..X224::default() });
    seen.tls = Some(Tls {
        certificates: vec![Certificate { subject_cn: Some(name.to_owned()), ..Certificate::default() }],
        ..Tls::default()
    });
    seen.ntlm = Some(Ntlm {
        netbios_computer_name: Some(name.to_owned()),
        product_version: Some(build.to_owned()),
        ..Ntlm::default()
    });
    seen
}

fn case() -> Case {
    let binding = Binding {
        endpoint: "127.0.0.9:3389".parse().unwrap(),
        fingerprint_id: "redvds".to_owned(),
        identity: "name WIN-BUNS25TD77J".to_owned(),
        customer_id: "alice".to_owned(),
    };
    Case {
        id: 1,
        binding,
        class: crate::fingerprint::Class::CriminalImage,
        confidence: crate::fingerprint::Confidence::Supported,
        state: State::Open,
        since: at(FIRST).into(),
        reason: None,
        opened: at(FIRST),
        first_seen: at(FIRST).into(),
        last_seen: at(LAST).into(),
    }
}

fn customers(rows: &str) -> Customers {
    let text = format!("prefix,customer_id,contact,language,notes,valid_from,valid_to\n{rows}");
    Customers::read("customers.csv", text.as_bytes()).unwrap()
}

/// The customer who is told, or why nobody is.
fn ready(
    case: &Case,
    look: Option<(&str, Option<Observation>)>,
    rows: &str,
    rule: Option<&str>,
) -> Result<String, String> {
    let (set, customers) = (FingerprintSet::embedded().unwrap(), customers(rows));
    let rules = Rules {
        set: &set,
        customers: &customers,
        silenced: |_: &Binding, _: &Shown, _: &Match| rule.map(ToOwned::to_owned),
        max_age: SignedDuration::from_hours(24),
        now: at(NOW),
    };
    let look: Option<(Timestamp, Option<Observation>)> = look.map(|(time, seen)| (at(time), seen));
    let (_, owner) = rules
        .ready(case, look.as_ref().map(|(time, seen)| ((*time).into(), seen.as_ref())))
        .map_err(|held| held.to_string())?;
    Ok(owner.customer_id.to_owned())
}

const ALICE: &str = "127.0.0.0/8,alice,,,,,\n";

fn clone() -> Observation {
    look("WIN-BUNS25TD77J", "10.0.20348")
}

#[test]
fn what_was_seen_again_and_still_matches_is_told_to_its_customer() {
    assert_eq!(ready(&case(), Some((LAST, Some(clone()))), ALICE, None), Ok("alice".to_owned()));
}

#[test]
fn no_letter_without_a_fresh_second_look_that_bears_it_out() {
    #[track_caller]
    fn held(look: Option<(&str, Option<Observation>)>, reason: &str) {
        let said = ready(&case(), look, ALICE, None).unwrap_err();
        assert!(said.contains(reason), "{said}");
    }
    held(None, "it was seen only once");
    held(Some((FIRST, Some(clone()))), "it was seen only once, 2026-11-20T09:00:00Z; look again");
    held(Some(("2026-11-21T11:59:59Z", Some(clone()))), "longer ago than --max-age; look again");
    held(Some(("2026-11-22T12:00:01Z", Some(clone()))), "still to come by this machine's clock");
    held(Some((LAST, None)), "the endpoint showed no RDP");
    let mut silent = clone();
    (silent.x224, silent.tls, silent.ntlm) = (None, None, None);
    held(Some((LAST, Some(silent))), "the endpoint showed no RDP");
    let differs = "nothing that bears this case out";
    held(Some((LAST, Some(look("SRV-HONEST", "10.0.20348")))), differs);
    // A build that the image never had contradicts; a name alone is not enough; what only informs is never told.
    held(Some((LAST, Some(look("WIN-BUNS25TD77J", "10.0.17763")))), differs);
    let mut weak = clone();
    weak.ntlm = None;
    held(Some((LAST, Some(weak))), differs);
    held(Some((LAST, Some(look("WIN-LIVFRVQFMKO", "10.0.17763")))), differs);
}

#[test]
fn no_letter_to_anybody_but_the_customer_of_then_and_now() {
    let seen = || Some((LAST, Some(clone())));
    let held = |rows: &str| ready(&case(), seen(), rows, None).unwrap_err();
    assert!(held("127.0.1.0/24,alice,,,,,\n").contains("names no owner of the address at 2026-11-22T09:00:00Z"));
    assert!(held("127.0.0.0/8,bob,,,,,\n").contains("no longer this customer's but bob's; resolve this case"));
    // Re-let between the look and the letter.
    let relet = "127.0.0.0/8,alice,,,,,2026-11-22T10:00:00Z\n127.0.0.0/8,bob,,,,2026-11-22T10:00:00Z,\n";
    assert!(held(relet).contains("at 2026-11-22T12:00:00Z the address was no longer this customer's but bob's"));
    // A part of the range was given to somebody else.
    assert!(held(&format!("{ALICE}127.0.0.9,bob,,,,,\n")).contains("but bob's"));
}

#[test]
fn no_letter_on_what_is_settled_or_silenced() {
    for state in [State::Notified, State::Resolved, State::FalsePositive] {
        let case = Case { state, ..case() };
        let said = ready(&case, Some((LAST, Some(clone()))), ALICE, None).unwrap_err();
        assert_eq!(said, format!("it is {state}, and letters are written on open cases"));
    }
    let said = ready(&case(), Some((LAST, Some(clone()))), ALICE, Some("suppress.toml:1: ours (me)")).unwrap_err();
    assert_eq!(said, "a rule holds it back: suppress.toml:1: ours (me)");
}

/// The clock was ahead at the first look and was set right since: the second look is a second one all the same.
#[test]
fn the_order_of_looks_is_no_matter_of_clocks() {
    let set = FingerprintSet::embedded().unwrap();
    let customers = customers(ALICE);
    let rules = Rules {
        set: &set,
        customers: &customers,
        silenced: |_: &Binding, _: &Shown, _: &Match| None,
        max_age: SignedDuration::from_hours(24),
        now: at(NOW),
    };
    let case = Case { first_seen: Moment { turn: 1, at: at("2030-01-01T00:00:00Z") }, ..case() };
    let ready = |turn| rules.ready(&case, Some((Moment { turn, at: at(LAST) }, Some(&clone())))).map(drop);
    assert_eq!(ready(2), Ok(()));
    assert!(ready(1).is_err());
}
