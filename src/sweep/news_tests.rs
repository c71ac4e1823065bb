use super::*;
use crate::change::{Shown, Verdict};
use crate::fingerprint::Confidence;

const OLD: &str = "192.0.2.7:3389";
const NEW: &str = "198.51.100.7:3389";

fn silence(condition: &str) -> Silence {
    let rest = "reason = \"known\"\nauthor = \"ops\"\nexpires = \"2027-12-31\"";
    Silence::parse("suppress.toml", &format!("[[suppress]]\n{condition}\n{rest}\n")).unwrap()
}

/// A finding, or a look at what is none.
fn look(is_finding: bool, day: &str) -> Look {
    let verdict =
        Verdict { fingerprint_id: "redvds".to_owned(), class: Class::CriminalImage, confidence: Confidence::Strong };
    let seen_at = Some(format!("{day}T03:00:00Z").parse().unwrap());
    Look { seen_at, shown: Shown::default(), verdict: is_finding.then_some(verdict) }
}

fn is_held_back(change: Change, condition: &str) -> bool {
    let header = "prefix,customer_id,contact,language,notes,valid_from,valid_to";
    let rows = "192.0.2.0/24,OLD,,,,,2026-06-30\n192.0.2.0/24,HEIR,,,,2026-07-01,\n198.51.100.0/24,NEW,,,,,";
    let customers = Customers::read("customers.csv", format!("{header}\n{rows}\n").as_bytes()).unwrap();
    let set = FingerprintSet::embedded().unwrap();
    let comparison = Comparison { changes: vec![(1, change)], standings: Vec::new() };
    let now = "2026-07-02T04:00:00Z".parse().unwrap();
    let judged = Judged::new(&comparison, &silence(condition), Some(&customers), &set, now);
    judged.silenced[0].is_some()
}

#[test]
fn a_finding_is_of_whose_address_it_was_when_it_was_seen() {
    let change = |endpoint: &str, kind: &Kind, before: Option<bool>, after: Option<bool>| Change {
        endpoint: endpoint.parse().unwrap(),
        kind: kind.clone(),
        before: before.map(|is_finding| look(is_finding, "2026-06-25")),
        after: after.map(|is_finding| look(is_finding, "2026-07-02")),
    };
    let (gone, changed) = (Kind::Gone { misses: 2 }, Kind::Changed { aspects: vec![Aspect::Verdict] });
    let moved = Kind::Moved { from: OLD.parse().unwrap() };
    for (change, customer) in [
        (change(OLD, &Kind::New, None, Some(true)), "HEIR"),
        (change(OLD, &gone, Some(true), None), "OLD"),
        (change(OLD, &changed, Some(true), Some(false)), "OLD"),
        (change(OLD, &changed, Some(true), Some(true)), "HEIR"),
        (change(NEW, &moved, Some(true), Some(true)), "NEW"),
        // What it showed where it was is a finding there.
        (change(NEW, &moved, Some(true), Some(false)), "OLD"),
    ] {
        for id in ["OLD", "HEIR", "NEW"] {
            let is_held = is_held_back(change.clone(), &format!("customer = \"{id}\""));
            assert_eq!(is_held, id == customer, "{change:?} and {id}");
        }
    }
    let left = change(NEW, &moved, Some(true), Some(false));
    assert!(
        is_held_back(left.clone(), "prefix = \"192.0.2.0/24\"") && !is_held_back(left, "prefix = \"198.51.100.0/24\"")
    );
    // A history that no longer knows when something was seen cannot say whose it was.
    let mut unknown = change(OLD, &gone, Some(true), None);
    unknown.before.as_mut().unwrap().seen_at = None;
    assert!(!is_held_back(unknown, "customer = \"OLD\""));
}
