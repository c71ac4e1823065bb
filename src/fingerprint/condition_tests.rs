//! What each operator and each connective says to known, other and missing facts.

use serde_json::{Value, json};

use super::*;
use crate::fingerprint::{SourceFile, derive_traits};

/// The answer of one condition, given as TOML, to an observation of these facts.
fn ask(condition: &str, facts: Value) -> Answer {
    let head =
        "id = \"x\"\nname = \"X\"\nclass = \"generic\"\nstatus = \"stable\"\ndescription = \"X.\"\n[[required]]\n";
    let file = SourceFile { name: "x.toml".to_owned(), text: format!("{head}{condition}\n") };
    let fingerprint = file.compile().unwrap();
    let facts: BTreeMap<String, Value> = serde_json::from_value(facts).unwrap();
    let observation = Observation::from_facts(&facts).unwrap();
    let traits = derive_traits(&observation);
    fingerprint.conditions.required[0].ask(&View::of(&observation, &traits))
}

/// `+` holds, `-` differs, `?` is not known.
fn sign(condition: &str, facts: Value) -> char {
    match ask(condition, facts) {
        Answer::Holds(_) => '+',
        Answer::Differs(_) => '-',
        Answer::Unknown => '?',
    }
}

#[test]
fn every_operator_holds_differs_and_knows_what_it_does_not_know() {
    let sha1 = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:00:11:22:33";
    let bare = "aabbccddeeff00112233445566778899 00112233".replace(' ', "");
    let build = |build: &str| json!({ "ntlm_product_version": build });
    let cases = [
        ("field = 'ntlm_build'\nequals = 17763", build("10.0.17763"), '+'),
        ("field = 'ntlm_build'\nequals = 17763", build("10.0.20348"), '-'),
        ("field = 'ntlm_build'\nequals = 17763", json!({}), '?'),
        ("field = 'ntlm_build'\none_of = [14393, 17763]", build("10.0.17763"), '+'),
        ("field = 'ntlm_build'\nminimum = 17763\nmaximum = 20348", build("10.0.20348"), '+'),
        ("field = 'ntlm_build'\nminimum = 17763\nmaximum = 20348", build("10.0.20349"), '-'),
        ("field = 'ntlm_build'\nmaximum = 9600", build("6.1.7601"), '+'),
        ("field = 'ntlm_product_version'\nprefix = '10.0.'", build("10.0.17763"), '+'),
        ("field = 'ntlm_product_version'\nregex = '10\\.0\\..*'", build("110.0.1"), '-'),
        ("field = 'cert_subject_cn'\nequals = 'Host.Example'", json!({ "cert_subject_cn": "HOST.example" }), '+'),
        ("field = 'cert_subject_cn'\nregex = 'k.*'", json!({ "cert_subject_cn": "\u{212A}x" }), '-'),
        ("field = 'cert_subject'\nequals = 'CN=a'", json!({ "cert_subject": "cn=A" }), '-'),
        ("field = 'cert_sha1'\nequals = '%sha1'", json!({ "cert_sha1": bare }), '+'),
        ("field = 'cert_serial_number'\nequals = '0x1A:2B'", json!({ "cert_serial_number": "001a2b" }), '+'),
        ("field = 'cert_serial_number'\nequals = 6699", json!({ "cert_serial_number": "1a2b" }), '+'),
        ("field = 'cert_serial_number'\nequals = 6698", json!({ "cert_serial_number": "1a2b" }), '-'),
        ("field = 'cert_serial_number'\nequals = '00'", json!({ "cert_serial_number": "0000" }), '+'),
        ("field = 'cert_serial_number'\nequals = 0", json!({ "cert_serial_number": "" }), '-'),
        // What could not have been seen is not absent, and a key that nobody tested is not unproven.
        ("field = 'ntlm_build'\nabsent = true", json!({ "cert_subject_cn": "a" }), '?'),
        ("field = 'ntlm_build'\npresent = true", json!({ "cert_subject_cn": "a" }), '?'),
        ("field = 'cert_subject_alternative_names'\nabsent = true", json!({}), '?'),
        ("field = 'cert_subject_alternative_names'\nabsent = true", json!({ "cert_subject_cn": "a" }), '+'),
        ("field = 'key_possession'\nequals = 'proven'", json!({ "key_possession": "not-tested" }), '?'),
        ("field = 'key_possession'\nequals = 'proven'", json!({ "key_possession": "failed" }), '-'),
        (
            "field = 'honeypot_like'\nequals = 'serial-zero'",
            json!({ "cert_serial_number": "00", "anomalies": ["not-tls"] }),
            '+',
        ),
        ("field = 'computer_name'\nequals = 'A'", json!({ "ntlm_dns_computer_name": "a\u{0}.x" }), '+'),
        ("field = 'ntlm_product_version'\nregex = '10\\.0\\.\\d{5}'", build("10.0.17763"), '+'),
        ("field = 'cert_self_signed'\nequals = true", json!({ "cert_self_signed": false }), '-'),
        ("field = 'cert_not_before'\nminimum = 2024-03\nmaximum = '2024-03'", json!({}), '?'),
        ("field = 'cert_not_before'\nmaximum = '2024-03'", json!({ "cert_not_before": "2024-03-31T23:59:59Z" }), '+'),
        ("field = 'cert_not_before'\nminimum = 2024-04-01", json!({ "cert_not_before": "2024-03-31T23:59:59Z" }), '-'),
        ("field = 'ip'\ncidr = '127.0.0.0/8'", json!({}), '+'),
        ("field = 'ip'\ncidr = ['10.0.0.0/8', '::/0']", json!({}), '-'),
        (
            "field = 'cert_key_usage'\nequals = 'keyEncipherment'",
            json!({ "cert_key_usage": ["a", "keyEncipherment"] }),
            '+',
        ),
        ("field = 'ntlm_build'\npresent = true", json!({ "ntlm_target_name": "A" }), '-'),
        ("field = 'ntlm_build'\npresent = true", build("6.1.7601"), '+'),
        ("field = 'ntlm_build'\nabsent = true", json!({ "ntlm_target_name": "A" }), '+'),
        ("field = 'computer_name'\nabsent = true", json!({ "cert_subject_cn": "*.example" }), '+'),
        ("field = 'computer_name'\npresent = true", json!({ "cert_subject_cn": "a" }), '+'),
        ("field = 'computer_name'\none_of = ['A', 'B']", json!({ "cert_subject_cn": "b.example" }), '+'),
        ("field = 'non_windows_stack'\nequals = 'samba'", build("6.1.0"), '+'),
        ("field = 'non_windows_stack'\nequals = 'samba'", json!({}), '?'),
    ];
    for (condition, facts, expected) in cases {
        // A month is no TOML date, only a text.
        let condition = condition.replace("= 2024-03\n", "= '2024-03'\n").replace("%sha1", sha1);
        assert_eq!(sign(&condition, facts.clone()), expected, "{condition}\n{facts}");
    }
}

#[test]
fn connectives_follow_three_valued_logic() {
    let test = |sign: char| match sign {
        '+' => "{ field = 'ntlm_build', equals = 1 }",
        '-' => "{ field = 'ntlm_build', equals = 2 }",
        _ => "{ field = 'rtt_us', equals = 1 }",
    };
    let facts = || json!({ "ntlm_product_version": "10.0.1" });
    let tables =
        [("all", ["+++", "+--", "+??", "-?-", "---", "???"]), ("any", ["+++", "+-+", "+?+", "-??", "---", "???"])];
    for (connective, rows) in tables {
        for row in rows {
            let [left, right, expected] = row.chars().collect::<Vec<_>>()[..] else { panic!("{row}") };
            for (left, right) in [(left, right), (right, left)] {
                let condition = format!("{connective} = [{}, {}]", test(left), test(right));
                assert_eq!(sign(&condition, facts()), expected, "{condition}");
            }
        }
    }
    for (inner, expected) in [('+', '-'), ('-', '+'), ('?', '?')] {
        assert_eq!(sign(&format!("not = {}", test(inner)), facts()), expected);
    }
}

#[test]
fn facts_are_those_that_decided() {
    let facts = json!({ "ntlm_product_version": "10.0.1", "port": 3389 });
    let Answer::Holds(held) =
        ask("any = [{ field = 'ntlm_build', equals = 1 }, { field = 'port', equals = 1 }]", facts)
    else {
        panic!("one of them holds")
    };
    assert_eq!(held, BTreeMap::from([("ntlm_build".to_owned(), "1".to_owned())]));
}
