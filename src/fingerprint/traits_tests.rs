//! Each trait on what it is about, and on honest hosts that only look like it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulator::{Certificate as Recipe, StringForm};

use super::*;
use crate::observe::{Anomaly, Base64, Hex};

fn seen(facts: Value) -> Observation {
    let facts: BTreeMap<String, Value> = serde_json::from_value(facts).unwrap();
    Observation::from_facts(&facts).unwrap()
}

/// `name=value` of every trait.
fn traits(observation: &Observation) -> Vec<String> {
    derive_traits(observation).iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// A host with this certificate and NTLM name.
fn with_certificate(recipe: &Recipe, name: &str) -> Observation {
    let der = Base64(recipe.der().to_vec()).to_string();
    seen(json!({ "cert_der": der, "ntlm_dns_computer_name": name, "ntlm_product_version": "10.0.20348" }))
}

#[test]
fn windows_own_certificate_is_told_from_what_claims_it_and_from_what_does_not() {
    let form = |recipe: &Recipe| traits(&with_certificate(recipe, "SRV-01")).join(" ");
    let own = || Recipe::windows("SRV-01");
    assert_eq!(form(&own()), "windows_rdp_certificate=yes");
    assert_eq!(form(&own().days(365)), "windows_rdp_certificate=no");
    // A wildcard gateway, a member with a certificate of its domain's authority, and a Linux server claim nothing.
    for honest in [own().issued_by("Corp CA", "*.example.com"), Recipe::openssl("SRV-01"), own().version1()] {
        assert_eq!(form(&honest), "windows_rdp_certificate=not_applicable");
    }
    assert_eq!(traits(&seen(json!({ "cert_subject_cn": "SRV-01" }))), [""; 0], "no DER, no trait");
    let underscore = Recipe::windows("SRV_01").form(StringForm::Bmp);
    assert_eq!(traits(&with_certificate(&underscore, "SRV_01")), ["windows_rdp_certificate=yes"]);
}

#[test]
fn names_disagree_only_where_the_certificate_is_windows_own() {
    let disagree =
        |recipe: &Recipe, name: &str| derive_traits(&with_certificate(recipe, name)).contains_key(NAMES_DISAGREE);
    assert!(disagree(&Recipe::windows("SRV-01"), "SRV-02"));
    assert!(!disagree(&Recipe::windows("srv-01.corp.example"), "SRV-01"), "case and domain do not count");
    assert!(!disagree(&Recipe::openssl("gateway"), "SRV-02"));
    let alone = seen(json!({ "cert_der": Base64(Recipe::windows("SRV-01").der().to_vec()).to_string() }));
    assert!(!derive_traits(&alone).contains_key(NAMES_DISAGREE));
}

#[test]
fn names_are_generated_unusual_or_nothing() {
    let of = |name: &str| traits(&seen(json!({ "ntlm_dns_computer_name": name }))).join(" ");
    for (name, expected) in [
        ("WIN-BUNS25TD77J", "generated_name=WIN"),
        ("win-livfrvqfmko.corp.example", "generated_name=WIN"),
        ("DESKTOP-J5KHCJB", "generated_name=DESKTOP"),
        ("DESKTOP-QKVE59Z", "unusual_generated_name=letter"),
        ("WIN-LVFRVQFMKO", "unusual_generated_name=length"),
        ("WIN-SQLSERVER01", ""),
        ("WIN-TERMINALSRV", ""),
        ("DC01", ""),
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
}

#[test]
fn other_stacks_are_known_by_ntlm_or_by_the_connection_confirm() {
    let stack = |facts: Value| derive_traits(&seen(facts)).get("non_windows_stack").map(ToString::to_string);
    let named = |version: &str, flags: u32| {
        let name = "HOST";
        json!({
            "ntlm_product_version": version, "ntlm_negotiate_flags": flags, "ntlm_target_name": name,
            "ntlm_netbios_computer_name": name, "ntlm_netbios_domain_name": name, "ntlm_dns_computer_name": name,
            "ntlm_dns_domain_name": name,
        })
    };
    assert_eq!(stack(named("6.1.7601", 0xE288_82B7)).as_deref(), Some("freerdp"));
    // A real Windows 7 in a workgroup: the same version and equal names, with a target type.
    assert_eq!(stack(named("6.1.7601", 0xE28A_82B7)), None);
    let empty =
        json!({ "ntlm_product_version": "10.0.17763", "ntlm_netbios_computer_name": "", "ntlm_dns_computer_name": "" });
    assert_eq!(stack(empty).as_deref(), Some("ironrdp"));
    assert_eq!(stack(json!({ "ntlm_product_version": "10.0.17763" })), None, "names not read are not empty names");
    assert_eq!(stack(json!({ "ntlm_product_version": "6.2.3790" })).as_deref(), Some("pyrdp"));
    assert_eq!(stack(json!({ "ntlm_product_version": "5.2.3790" })), None);
    assert_eq!(stack(json!({ "x224_src_ref": 0, "x224_flags": 3 })).as_deref(), Some("freerdp"));
    let confirm =
        |flags: u8, version: &str| json!({ "x224_src_ref": 0x1234, "x224_flags": flags, "tls_version": version });
    assert_eq!(stack(confirm(1, "TLSv1.3")).as_deref(), Some("xrdp"));
    assert_eq!(stack(confirm(1, "TLSv1.2")), None, "Windows 7 and Server 2008 R2 answer so");
    assert_eq!(stack(confirm(0x1F, "TLSv1.3")), None);
}

#[test]
fn what_windows_never_does_is_named() {
    let like = |observation: &Observation| derive_traits(observation).get("honeypot_like").map(ToString::to_string);
    let mut host = seen(json!({ "cert_serial_number": "0000" }));
    assert_eq!(like(&host).as_deref(), Some("serial-zero"));
    host.note([Anomaly::ProtocolNotOffered]);
    assert_eq!(like(&host).as_deref(), Some("protocol-not-offered+serial-zero"));
    let mut broken = seen(json!({}));
    broken.note([Anomaly::NotTls]);
    assert_eq!(like(&broken).as_deref(), Some("no-tls"));
    let challenge = |sent: [u8; 8]| {
        let raw = [&[0; 24][..], &sent, &[0; 16]].concat();
        like(&seen(json!({ "ntlm_raw": Hex(raw).to_string() })))
    };
    assert_eq!(challenge([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]).as_deref(), Some("fixed-challenge"));
    assert_eq!(challenge([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x89]), None);
    assert_eq!(like(&seen(json!({ "cert_serial_number": "01", "ntlm_raw": "00" }))), None);
}

#[test]
fn wrong_zones_are_multiples_of_a_quarter_hour() {
    const HOUR: i64 = 3_600_000;
    for (skew, expected) in [
        (3 * HOUR + 9_000, Some("+03:00")),
        (-3 * HOUR - 4_000, Some("-03:00")),
        (5 * HOUR + HOUR * 3 / 4, Some("+05:45")),
        (HOUR / 4, Some("+00:15")),
        (3 * HOUR + 11_000, None),
        (0, None),
        (9_000, None),
        (27 * HOUR, None),
        (i64::MAX, None),
        (i64::MIN, None),
    ] {
        assert_eq!(rtc_offset(skew).as_deref(), expected, "{skew}");
    }
}

#[test]
fn builds_that_no_list_has_are_named() {
    let unknown = |version: &str| {
        derive_traits(&seen(json!({ "ntlm_product_version": version }))).get("build_unknown").map(ToString::to_string)
    };
    assert_eq!(unknown("10.0.12345").as_deref(), Some("10.0.12345"));
    assert_eq!(unknown("6.1.20348").as_deref(), Some("6.1.20348"));
    assert_eq!((unknown("10.0.20348"), unknown("6.3.9600")), (None, None));
}

#[test]
fn every_trait_has_a_source_and_an_honest_host() {
    for row in TRAITS {
        assert!(!row.doc.is_empty() && !row.source.is_empty() && !row.honest.is_empty(), "{}", row.name);
    }
}
