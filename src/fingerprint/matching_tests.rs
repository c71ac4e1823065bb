//! The verdict: what each confidence takes, and what takes it away.

use serde_json::{Value, json};
use simulator::Certificate as Recipe;

use super::*;
use crate::fingerprint::{FingerprintSet, SourceFile, derive_traits};
use crate::observe::{Base64, Observation};

const IMAGE: &str = r#"id = "image"
name = "Image"
class = "unnamed-clone"
status = "experimental"
description = "An image."
[[required]]
any = [
    { field = "computer_name", equals = "SRV-IMAGE" },
    { field = "cert_serial_number", equals = "1234" },
    { field = "cert_sha256", equals = "HASH" },
]
[[expected]]
field = "ntlm_build"
equals = 20348
[[supporting]]
field = "ntlm_clock_skew_ms"
minimum = -3600500
maximum = -3599500
[[contradicting]]
field = "x224_flags"
equals = 0
"#;

/// Confidence and evidence of the match, if there is one.
fn judge(facts: Value) -> Option<(Confidence, Vec<String>)> {
    let facts: BTreeMap<String, Value> = serde_json::from_value(facts).unwrap();
    let observation = Observation::from_facts(&facts).unwrap();
    let hash = crate::observe::Certificate::from_der(own().der()).sha256.unwrap();
    let file = SourceFile { name: "image.toml".to_owned(), text: IMAGE.replace("HASH", &hash.to_string()) };
    let set = FingerprintSet::embedded_with([file]).unwrap();
    let found = set.matches(&observation, &derive_traits(&observation)).into_iter().next()?;
    let evidence = found.evidence.iter().map(|piece| format!("{} {}", piece.side, piece.condition)).collect();
    Some((found.confidence, evidence))
}

fn confidence(facts: Value) -> Option<Confidence> {
    judge(facts).map(|(confidence, _)| confidence)
}

/// The image's own certificate.
fn own() -> Recipe {
    Recipe::windows("SRV-IMAGE").not_before(1_700_000_000)
}

fn der(recipe: &Recipe) -> String {
    Base64(recipe.der().to_vec()).to_string()
}

#[test]
fn confidence_grows_with_independent_evidence() {
    use Confidence::{Strong, Supported, Weak};
    let name = || json!({ "ntlm_dns_computer_name": "SRV-IMAGE" });
    let with = |mut facts: Value, more: Value| {
        facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        confidence(facts)
    };
    let renewed = || json!({ "cert_der": der(&Recipe::windows("SRV-IMAGE")), "ntlm_product_version": "10.0.20348" });
    assert_eq!(confidence(name()), Some(Weak));
    assert_eq!(confidence(json!({ "cert_serial_number": "1234" })), Some(Weak));
    assert_eq!(with(name(), json!({ "ntlm_product_version": "10.0.20348" })), Some(Supported));
    assert_eq!(with(name(), json!({ "ntlm_clock_skew_ms": -3_600_000 })), Some(Supported));
    assert_eq!(with(name(), json!({ "ntlm_clock_skew_ms": 0 })), Some(Weak), "supporting conditions only support");
    assert_eq!(with(name(), json!({ "cert_der": der(&Recipe::windows("SRV-IMAGE")) })), Some(Supported));
    assert_eq!(with(name(), renewed()), Some(Supported), "nobody tested the key");
    let proven = |possession: &str| with(renewed(), json!({ "key_possession": possession }));
    assert_eq!(proven("proven"), Some(Strong));
    assert_eq!(proven("unsupported"), Some(Supported));
    assert_eq!(confidence(json!({ "cert_der": der(&own()) })), Some(Strong), "the image's own certificate");
    assert_eq!(confidence(json!({ "ntlm_dns_computer_name": "SRV-OTHER" })), None);
}

#[test]
fn one_fact_against_is_enough() {
    let strong = || {
        json!({
            "cert_der": der(&own()), "ntlm_dns_computer_name": "SRV-IMAGE", "ntlm_product_version": "10.0.20348",
            "key_possession": "proven",
        })
    };
    assert_eq!(confidence(strong()), Some(Confidence::Strong));
    for (field, value, expected) in [
        ("ntlm_product_version", json!("10.0.17763"), "against ntlm_build equals 20348"),
        ("x224_flags", json!(0), "against x224_flags equals 0"),
        ("x224_src_ref", json!(0), "against non_windows_stack equals freerdp"),
        ("key_possession", json!("failed"), "against key_not_possessed equals yes"),
        ("anomalies", json!(["not-tls"]), "against honeypot_like equals no-tls"),
    ] {
        let mut facts = strong();
        facts[field] = value;
        let (confidence, evidence) = judge(facts).unwrap();
        assert_eq!((confidence, evidence.last().map(String::as_str)), (Confidence::Contradicted, Some(expected)));
    }
}

#[test]
fn what_an_administrator_can_cause_only_lowers() {
    let clone = |recipe: &Recipe| {
        confidence(json!({
            "cert_der": der(recipe), "ntlm_dns_computer_name": "SRV-IMAGE", "ntlm_product_version": "10.0.20348",
            "key_possession": "proven",
        }))
    };
    let renewed = || Recipe::windows("SRV-IMAGE");
    assert_eq!(clone(&renewed()), Some(Confidence::Strong));
    assert_eq!(clone(&renewed().days(365)), Some(Confidence::Weak));
    assert_eq!(clone(&Recipe::openssl("SRV-IMAGE").serial(&[0])), Some(Confidence::Weak));
    assert_eq!(
        clone(&Recipe::openssl("SRV-IMAGE").serial(&[])),
        Some(Confidence::Supported),
        "no serial is not serial 0"
    );
}

#[test]
fn strong_takes_what_the_build_really_does() {
    let host = |version: &str, recipe: &Recipe| {
        confidence(json!({
            "cert_der": der(recipe), "ntlm_dns_computer_name": "SRV-IMAGE", "ntlm_product_version": version,
            "key_possession": "proven",
        }))
    };
    let renewed = || Recipe::windows("SRV-IMAGE");
    assert_eq!(host("10.0.20348", &renewed()), Some(Confidence::Strong));
    assert_eq!(host("6.1.20348", &renewed()), Some(Confidence::Supported), "no Windows has this version");
    assert_eq!(host("10.0.20348", &renewed().sha1()), Some(Confidence::Supported), "Server 2022 signs with SHA-256");
}

#[test]
fn ntlm_denies_what_the_certificate_or_netbios_alone_says() {
    let facts = |netbios: &str, dns: &str| {
        json!({
            "cert_subject_cn": "SRV-IMAGE", "ntlm_netbios_computer_name": netbios, "ntlm_dns_computer_name": dns,
            "ntlm_product_version": "10.0.20348",
        })
    };
    assert_eq!(confidence(facts("SRV-IMAGE", "srv-image.corp.example")), Some(Confidence::Supported));
    assert_eq!(confidence(facts("SRV-IMAGE", "srv-honest.corp.example")), Some(Confidence::Contradicted));
    assert_eq!(confidence(facts("SRV-HONEST", "srv-honest")), Some(Confidence::Contradicted));
    // The serial number holds by itself, whatever the name does.
    let mut by_serial = facts("SRV-HONEST", "srv-honest");
    by_serial["cert_serial_number"] = json!("1234");
    assert_eq!(confidence(by_serial), Some(Confidence::Supported));
}

#[test]
fn a_name_does_not_support_itself() {
    let text = "id = 'x'\nname = 'X'\nclass = 'lab'\nstatus = 'stable'\ndescription = 'X.'\n[[required]]\nfield = \
                'computer_name'\nequals = 'A'\n[[supporting]]\nfield = 'cert_subject_cn'\nequals = 'A'\n";
    let set = FingerprintSet::embedded_with([SourceFile { name: "x.toml".to_owned(), text: text.to_owned() }]).unwrap();
    let facts = BTreeMap::from([("cert_subject_cn".to_owned(), json!("A"))]);
    let seen = Observation::from_facts(&facts).unwrap();
    assert_eq!(set.matches(&seen, &derive_traits(&seen))[0].confidence, Confidence::Weak);
}

#[test]
fn another_machines_certificate_supports_nothing() {
    let other = json!({ "ntlm_dns_computer_name": "SRV-IMAGE", "cert_der": der(&Recipe::windows("SRV-OTHER")) });
    assert_eq!(confidence(other), Some(Confidence::Weak));
    let denied = json!({ "cert_subject_cn": "SRV-IMAGE", "ntlm_dns_computer_name": "SRV-OTHER" });
    assert_eq!(confidence(denied), Some(Confidence::Contradicted));
}

#[test]
fn evidence_without_a_fact_says_what_was_asked() {
    let piece = Evidence { side: Side::For, condition: "x is absent".to_owned(), facts: BTreeMap::new() };
    assert_eq!(piece.facts_as_text(), "x is absent: nothing was there");
}
