use super::*;
use crate::change::{Shown, ShownCertificate, Verdict};
use crate::fingerprint::{Class, Confidence};

const RULE: &str = "reason = \"a lab\"\nauthor = \"ops\"\nexpires = \"2026-12-31\"\n";

fn look() -> Look {
    let certificate = ShownCertificate { sha256: "aa".repeat(32), key: Some("bb".repeat(32)), ..Default::default() };
    let shown =
        Shown { name: Some("WIN-BUNS25TD77J".to_owned()), certificate: Some(certificate), ..Default::default() };
    let (class, confidence) = (Class::CriminalImage, Confidence::Strong);
    Look { seen_at: None, shown, verdict: Some(Verdict { fingerprint_id: "redvds".to_owned(), class, confidence }) }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rule<'a>(silence: &'a Silence, customer: Option<&str>, now: &str) -> Option<&'a Rule> {
    let endpoint = "192.0.2.7:3389".parse().unwrap();
    silence.rule(&Subject { endpoint, look: &look(), family: Some("RedVDS"), customer }, time(now))
}

fn is_silent(conditions: &str) -> bool {
    let silence = Silence::parse("suppress.toml", &format!("[[suppress]]\n{RULE}{conditions}\n")).unwrap();
    rule(&silence, Some("C-1001"), "2026-12-31T23:59:59Z").is_some()
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    let key = |octet: &str| format!("key = \"{}\"", octet.repeat(32));
    assert!(is_silent(&key("BB")) && is_silent(&key("aa")) && !is_silent(&key("cc")));
    for conditions in [
        "fingerprint = \"redvds\"",
        "family = \"redvds\"",
        "name = \"win-buns25td77j\"",
        "prefix = \"192.0.2.0/28\"",
        "prefix = \"::ffff:192.0.2.0/120\"",
        "prefix = \"192.0.2.7\"\nfingerprint = \"redvds\"",
        "customer = \"C-1001\"",
        "customer = \"C-1001\"\nfingerprint = \"redvds\"",
    ] {
        assert!(is_silent(conditions), "{conditions}");
    }
    for conditions in [
        "fingerprint = \"shared-3c9m67m1jeg\"",
        "name = \"WIN-BUNS25TD77\"",
        "prefix = \"192.0.2.8/29\"",
        "prefix = \"2001:db8::/32\"",
        "prefix = \"192.0.2.7\"\nname = \"OTHER\"",
        "customer = \"c-1001\"",
        "customer = \"\"",
        "customer = \"C-1001\"\nname = \"OTHER\"",
    ] {
        assert!(!is_silent(conditions), "{conditions}");
    }
}

#[test]
fn a_rule_holds_through_its_last_day_and_its_end_is_announced_twice() {
    let silence = Silence::parse("s", &format!("[[own_images]]\n{RULE}name = \"A\"\n")).unwrap();
    assert!(rule(&silence, None, "2027-01-01T00:00:00Z").is_none());
    let announced = |now| {
        let all: Vec<_> = silence.ending(time(now)).map(|ending| (ending.mark(), ending.to_string())).collect();
        assert!(all.len() < 2);
        all.into_iter().next()
    };
    assert_eq!(announced("2026-12-24T23:00:00Z"), None);
    let soon = announced("2026-12-25T01:00:00Z").unwrap();
    assert_eq!(soon.1, "s:1: \"a lab\" (ops) ends on 2026-12-31");
    assert_eq!(announced("2026-12-31T01:00:00Z"), Some(soon.clone()), "it bears the same mark");
    let ended = announced("2027-01-01T01:00:00Z").unwrap();
    assert_eq!(ended.1, "s:1: \"a lab\" (ops) ended on 2026-12-31");
    assert_eq!(announced("2037-01-01T01:00:00Z"), Some(ended.clone()));
    assert_ne!(soon.0, ended.0);
    // Elsewhere in the file it is the same rule.
    let moved = Silence::parse("s", &format!("\n\n[[own_images]]\n{RULE}name = \"A\"\n")).unwrap();
    let marks: Vec<_> = moved.ending(time("2027-01-01T01:00:00Z")).map(|ending| ending.mark()).collect();
    assert_eq!(marks, [ended.0]);
}

#[test]
fn customers_are_told_with_their_place_while_their_rules_hold() {
    let ended = RULE.replace("2026-12-31", "2026-01-31");
    let text = format!(
        "[[suppress]]\n{ended}customer = \"C-1\"\n[[suppress]]\n{RULE}name = \"A\"\n[[own_images]]\n{RULE}customer = \"C-2\"\n"
    );
    let silence = Silence::parse("suppress.toml", &text).unwrap();
    let named = |id: &str, place: &str| Mention { id: id.to_owned(), place: place.to_owned() };
    let holding: Vec<_> = silence.customers(time("2026-11-22T12:00:00Z")).cloned().collect();
    assert_eq!(holding, [named("C-2", "suppress.toml:15")]);
    assert_eq!(silence.first_customer(), Some(&named("C-1", "suppress.toml:5")), "what it held back is still counted");
    assert!(rule(&silence, None, "2026-11-22T12:00:00Z").is_none(), "an address of nobody is no customer's");
}

#[test]
fn what_is_wrong_is_named_by_line() {
    let refused = |text: &str, message: &str| {
        let error = Silence::parse("suppress.toml", text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused(
        "[[suppress]]\nname = \"A\"\nauthor = \"a\"\nexpires = \"2026-01-01\"\n",
        "suppress.toml:1: missing field `reason`",
    );
    refused(&format!("\n[[suppress]]\n{RULE}"), "suppress.toml:2: [[suppress]] names nothing");
    refused(&format!("[[suppress]]\n{RULE}nam = \"A\"\n"), "suppress.toml:5: unknown key `nam`");
    refused(&format!("[[suppress]]\n{RULE}nam = \"A\"\n"), "did you mean `name`?");
    refused(&format!("[[supress]]\n{RULE}name = \"A\"\n"), "did you mean `suppress`?");
    refused(&format!("[[suppress]]\n{RULE}prefix = \"1.2.3\"\n"), "suppress.toml:5: target `1.2.3` is not an address");
    refused(
        &format!("[[suppress]]\n{RULE}prefix = \"192.0.2.7/24\"\n"),
        "suppress.toml:5: `192.0.2.7/24` has bits set beyond its length; write 192.0.2.0/24 for the network",
    );
    for key in ["12", "ab:cd", &"g".repeat(64)] {
        refused(
            &format!("[[suppress]]\n{RULE}key = \"{key}\"\n"),
            &format!("suppress.toml:5: `key` is no SHA-256: `{key}`; write its 64 hexadecimal digits"),
        );
    }
    let soon = RULE.replace("2026-12-31", "soon");
    refused(
        &format!("[[suppress]]\n{soon}name = \"A\"\n"),
        "suppress.toml:4: `expires` is no day: `soon`; write it like",
    );
    let nobody = RULE.replace("ops", " ");
    refused(&format!("[[suppress]]\n{nobody}name = \"A\"\n"), "`author` of [[suppress]] is empty");
}

#[test]
fn fingerprints_and_families_that_do_not_exist_are_named_while_their_rules_hold() {
    let set = FingerprintSet::embedded().unwrap();
    let checked = |condition: &str, now: &str| {
        let silence = Silence::parse("suppress.toml", &format!("[[suppress]]\n{RULE}{condition}\n")).unwrap();
        silence.check(&set, time(now)).map_err(|error| error.to_string())
    };
    let now = "2026-11-22T12:00:00Z";
    for condition in ["fingerprint = \"RedVDS\"", "family = \"redvds\""] {
        assert_eq!(checked(condition, now), Ok(()));
    }
    for (condition, message) in [
        ("fingerprint = \"redvdss\"", "suppress.toml:5: there is no fingerprint `redvdss`; did you mean `redvds`?"),
        ("family = \"RedVDSs\"", "suppress.toml:5: there is no family `RedVDSs`; did you mean `RedVDS`?"),
        ("family = \"nothing of this name\"", "; `rdprint fingerprints list` lists them"),
    ] {
        let error = checked(condition, now).unwrap_err();
        assert!(error.contains(message), "{error}");
        assert_eq!(checked(condition, "2027-01-01T00:00:00Z"), Ok(()), "it has ended");
    }
}
