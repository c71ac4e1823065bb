//! Letters as their receivers read them: each accusing class in each language, and what hostile hosts and customers' lists
//! would put into them.

use std::collections::BTreeMap;

use expect_test::expect_file;
use jiff::Timestamp;
use rdprint::cases::{Binding, Case, Customers, Letter, Sender, State, Templates, Told, report};
use rdprint::fingerprint::{FingerprintSet, SourceFile};
use rdprint::observe::{Certificate, Hex, KeyPossession, Ntlm, Observation, Stage, Status, Tls, X224, X224Answer};
use rdprint::verdict::Record;
use simulator::{Certificate as Recipe, Key};

const UNNAMED: &str = r#"
id = "site-clone-1"
name = "Clone 1 of our ranges"
class = "unnamed-clone"
status = "experimental"
description = "Found by comparing our own sweeps."
[[required]]
field = "computer_name"
equals = "WIN-7K2QF0B3M1D"
"#;

/// A fingerprint of a site whose words name an address in one language.
const WORDED: &str = r#"
id = "site-clone-2"
name = "Clone 2 of our ranges"
class = "unnamed-clone"
status = "experimental"
description = "Found by comparing our own sweeps."
wording = "Seen elsewhere, too."
wording_in.de = "Auch anderswo gesehen, so unter 198.51.100.9."
[[required]]
field = "computer_name"
equals = "WIN-8K2QF0B3M1D"
"#;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn fingerprints() -> FingerprintSet {
    let own = [("ours.toml", UNNAMED), ("worded.toml", WORDED)];
    let own = own.map(|(name, text)| SourceFile { name: name.to_owned(), text: text.to_owned() });
    FingerprintSet::embedded_with(own).unwrap()
}

/// A copy of an image, with Windows' own certificate and a proven key.
fn look(name: &str) -> Observation {
    let mut seen = Observation::begin("192.0.2.17".parse().unwrap(), 3389, at("2026-11-22T09:10:11Z"));
    (seen.status, seen.stage) = (Status::Success, Stage::Credssp);
    let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0".to_vec();
    let answer = Some(X224Answer::NegotiationResponse);
    seen.x224 = Some(X224 { answer, raw: Some(Hex(confirm)), ..X224::default() });
    let certificate = Recipe::windows(name).key(Key::rsa2048(3)).not_before(1_790_000_000);
    seen.tls = Some(Tls {
        key_possession: KeyPossession::Proven,
        certificates: vec![Certificate::from_der(certificate.der())],
        ..Tls::default()
    });
    seen.ntlm = Some(Ntlm {
        netbios_computer_name: Some(name.to_owned()),
        dns_computer_name: Some(name.to_owned()),
        product_version: Some("10.0.20348".to_owned()),
        raw: Some(Hex([&b"NTLMSSP\0\x02\0\0\0"[..], &[7; 60]].concat())),
        ..Ntlm::default()
    });
    seen
}

/// Everything that a letter on this host is made of, handed to `with`.
fn told<T>(observation: &Observation, row: &str, addresses: Option<u64>, with: impl FnOnce(&Told<'_>) -> T) -> T {
    let set = fingerprints();
    let record = Record::judge(observation.clone(), &set);
    let found = record.strongest().unwrap();
    let text = format!("prefix,customer_id,contact,language,notes\n{row}\n");
    let customers = Customers::read("customers.csv", text.as_bytes()).unwrap();
    let owner = customers.owner(observation.ip, observation.seen_at).unwrap();
    let case = Case {
        id: 12,
        binding: Binding {
            endpoint: (observation.ip, observation.port).into(),
            fingerprint_id: found.fingerprint_id.clone(),
            identity: String::new(),
            customer_id: owner.customer_id.to_owned(),
        },
        class: found.class,
        confidence: found.confidence,
        state: State::Open,
        since: at("2026-11-20T07:00:00Z").into(),
        reason: None,
        opened: at("2026-11-20T07:00:00Z"),
        first_seen: at("2026-11-20T06:59:30Z").into(),
        last_seen: observation.seen_at.into(),
    };
    let sender = Sender::new("Example Hosting", "abuse@example.net").unwrap();
    let now = at("2026-11-22T10:00:00Z");
    let fingerprint = set.get(&found.fingerprint_id).unwrap();
    let (reply_by, looked_from) = ("2026-12-06".parse().unwrap(), ["203.0.113.5".parse().unwrap()]);
    with(&Told {
        case: &case,
        owner,
        observation,
        found,
        fingerprint,
        sender: &sender,
        addresses,
        now,
        reply_by: Some(reply_by),
        cookie: Some("rdprint"),
        looked_from: &looked_from,
    })
}

fn letter(observation: &Observation, row: &str, addresses: Option<u64>) -> Letter {
    let templates = Templates::with(BTreeMap::new()).unwrap();
    told(observation, row, addresses, |told| {
        let language = templates.language(told.owner.language).unwrap();
        templates.letter(told, language).unwrap()
    })
}

const NAMES: [(&str, &str); 3] =
    [("criminal-image", "WIN-BUNS25TD77J"), ("shared-range", "WIN-HM6FI4VOIEP"), ("unnamed-clone", "WIN-7K2QF0B3M1D")];

#[test]
fn each_accusing_class_in_each_language_reads_as_its_receiver_should_read_it() {
    for (class, name) in NAMES {
        for language in ["en", "de", "fr"] {
            let row = format!("192.0.2.0/24,K-1042,it@customer.example,{language},a good customer");
            let Letter { text, html } = letter(&look(name), &row, Some(31));
            expect_file![format!("golden/letters/{class}.{language}.txt")].assert_eq(&text);
            expect_file![format!("golden/letters/{class}.{language}.html")].assert_eq(&html);
            for words in [&text, &html] {
                assert!(!words.contains("a good customer"), "the desk's notes are its own");
                let lower = words.to_lowercase();
                for unfair in
                    ["rented", "gemietet", "loué", "criminal customer", "krimineller kunde", "client criminel"]
                {
                    assert!(!lower.contains(unfair), "{unfair}");
                }
            }
            let long = text.lines().find(|line| line.chars().count() > 76 && !line.contains("https://"));
            assert_eq!(long, None, "mail programs break longer lines");
            if language == "fr" {
                reads_as_french(&text);
                reads_as_french(&html);
            }
        }
    }
}

/// What belongs to a word stands on its line, and apostrophes are of one kind.
#[track_caller]
fn reads_as_french(words: &str) {
    for mark in [" :", " ;", " !", " ?", " »", "« ", "'", "&#x27;"] {
        assert!(!words.contains(mark), "{mark:?} in {words}");
    }
}

#[test]
fn sources_are_links_and_those_that_nobody_can_look_up_are_left_out() {
    let row = "192.0.2.0/24,K-1042,,fr,";
    let Letter { text, html } = letter(&look("WIN-HM6FI4VOIEP"), row, None);
    let address = "https:&#x2f;&#x2f;github.com&#x2f;stamparm&#x2f;maltrail&#x2f;";
    assert!(html.contains(&format!("<a href=\"{address}")), "{html}");
    let redvds = letter(&look("WIN-BUNS25TD77J"), row, None);
    for words in [text, html, redvds.text, redvds.html] {
        assert!(!words.to_lowercase().contains("phishing"), "{words}");
    }
}

#[test]
fn numbers_are_told_only_where_they_were_counted() {
    let row = "192.0.2.0/24,K-1042,,en,";
    for (_, name) in NAMES {
        for addresses in [None, Some(1)] {
            let Letter { text, html } = letter(&look(name), row, addresses);
            assert!(!text.contains("addresses that we") && !html.contains("addresses that we"), "{text}");
        }
    }
    let shared = letter(&look("WIN-HM6FI4VOIEP"), row, Some(31)).text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        shared.contains(
            "This image is shared by servers at 31 addresses that we have looked at. The computer name that this server shows was reported"
        ),
        "{shared}"
    );
}

#[test]
fn reports_are_xarf() {
    for (class, name) in NAMES {
        let observation = look(name);
        let report = told(&observation, "192.0.2.0/24,K-1042,,de,", Some(31), |told| {
            let templates = Templates::with(BTreeMap::new()).unwrap();
            report(told, &templates.wording(told, "en").unwrap(), "0123456789abcdef")
        });
        expect_file![format!("golden/letters/{class}.xarf.json")].assert_eq(&report);
        assert!(!report.contains("K-1042"), "a report may be handed on, and customers are not its matter");
    }
}

#[test]
fn what_a_host_or_a_list_says_cannot_steer_a_letter() {
    let mut observation = look("WIN-BUNS25TD77J");
    let hostile = "<script>alert(1)</script>\"'&\r\nSubject: other\u{1b}[2J\u{202e}";
    observation.ntlm.as_mut().unwrap().dns_domain_name = Some(hostile.to_owned());
    let leaf = &mut observation.tls.as_mut().unwrap().certificates[0];
    leaf.subject = Some(format!("CN={hostile}, O=https://evil.example/"));
    let row = "192.0.2.0/24,\"<b>K&1</b>\",\"\"\"<i>x\"\"@customer.example\",en,";
    let Letter { text, html } = letter(&observation, row, None);
    for words in [&text, &html] {
        assert!(!words.contains('\u{1b}') && !words.contains('\u{202e}') && !words.contains('\r'), "{words:?}");
        assert_eq!(words.lines().filter(|line| line.starts_with("Subject: other")).count(), 0);
    }
    assert!(text.contains("CN=<script>alert(1)</script>\"'&\\u{d}\\u{a}Subject: other\\u{1b}[2J\\u{202e}"), "{text}");
    let links = html.split("<a href=\"").skip(1).filter(|link| !link.starts_with("mailto:abuse@example.net\">"));
    assert_eq!(links.count(), 0, "what a host says is no link: {html}");
    for tag in ["<script", "<b>K", "<i>x"] {
        assert!(!html.contains(tag), "{html}");
    }
    assert!(html.contains("&lt;b&gt;K&amp;1&lt;") && html.contains("CN=&lt;script&gt;"), "{html}");
}

/// Whose address stands in what goes out on this host, to customer `a` in this language.
fn named_another(observation: &Observation, language: &str, rows: &str) -> Option<String> {
    let text = format!("prefix,customer_id,contact,language,notes\n{rows}\n");
    let customers = Customers::read("customers.csv", text.as_bytes()).unwrap();
    let templates = Templates::with(BTreeMap::new()).unwrap();
    told(observation, &format!("192.0.2.0/24,a,,{language},"), None, |told| {
        let Letter { text, html } = templates.letter(told, language).unwrap();
        let wording = templates.wording(told, "en").unwrap();
        told.names_another(&customers, &[&text, &html, &wording]).map(|address| address.to_string())
    })
}

#[test]
fn a_host_that_names_somebody_elses_address_is_noticed() {
    let rows = "192.0.2.0/24,a,,,\n198.51.100.0/24,b,,,\n2001:db8::/32,b,,,";
    for (subject, named) in [
        ("CN=WIN-BUNS25TD77J", None),
        ("CN=192.0.2.99", None),
        ("CN=203.0.113.9", None),
        ("CN=x,O=198.51.100.9:3389", Some("198.51.100.9")),
        ("CN=vm1.198.51.100.9.example", Some("198.51.100.9")),
        ("CN=IP-C6336409", Some("198.51.100.9")),
        ("CN=[2001:db8::9]", Some("2001:db8::9")),
    ] {
        let mut observation = look("WIN-BUNS25TD77J");
        observation.tls.as_mut().unwrap().certificates[0].subject = Some(subject.to_owned());
        assert_eq!(named_another(&observation, "en", rows).as_deref(), named, "{subject}");
    }
    // Read from behind, the receiver's own address is somebody's.
    let rows = "192.0.2.0/24,a,,,\n17.2.0.0/16,b,,,";
    assert_eq!(named_another(&look("WIN-BUNS25TD77J"), "en", rows), None);
}

#[test]
fn an_address_that_only_the_attached_bytes_hold_is_noticed() {
    let rows = "192.0.2.0/24,a,,,\n198.51.100.0/24,b,,,";
    let mut observation = look("WIN-BUNS25TD77J");
    let der = &mut observation.tls.as_mut().unwrap().certificates[0].der.as_mut().unwrap().0;
    der.extend_from_slice(b"\x30\x1d\x86\x1bhttp://198.51.100.9/ca.crl");
    assert_eq!(named_another(&observation, "en", rows).as_deref(), Some("198.51.100.9"));

    let mut observation = look("WIN-BUNS25TD77J");
    let wide = "198.51.100.9".encode_utf16().flat_map(u16::to_le_bytes);
    observation.ntlm.as_mut().unwrap().raw.as_mut().unwrap().0.extend(wide);
    assert_eq!(named_another(&observation, "en", rows).as_deref(), Some("198.51.100.9"));
}

#[test]
fn what_a_fingerprint_says_in_the_receivers_language_is_looked_at() {
    let rows = "192.0.2.0/24,a,,,\n198.51.100.0/24,b,,,";
    let seen = look("WIN-8K2QF0B3M1D");
    assert_eq!(named_another(&seen, "en", rows), None);
    assert_eq!(named_another(&seen, "de", rows).as_deref(), Some("198.51.100.9"));
}

#[test]
fn no_letter_is_held_back_by_chance() {
    // Every address but the receiver's is another customer's.
    let rows = "192.0.2.0/24,a,,,\n0.0.0.0/0,b,,,\n::/0,b,,,";
    for (_, name) in NAMES {
        for language in ["en", "de", "fr"] {
            let mut observation = look(name);
            assert_eq!(named_another(&observation, language, rows), None, "{name} {language}");
            let leaf = &mut observation.tls.as_mut().unwrap().certificates[0];
            leaf.extended_key_usage = vec!["1.3.6.1.4.1.311.54.1.2".to_owned(), "1.3.6.1.5.5.7.3.17".to_owned()];
            assert_eq!(named_another(&observation, language, rows), None, "{name} {language}");
        }
    }
}

#[test]
fn templates_of_a_site_stand_in_the_place_of_the_shipped_ones() {
    let own = |files: &[(&str, &str)]| {
        Templates::with(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    };
    let templates = own(&[("steps.en.txt", "Call {{ sender.org }}.\n")]).unwrap();
    let text =
        told(&look("WIN-BUNS25TD77J"), "192.0.2.0/24,a,,,", None, |told| templates.letter(told, "en").unwrap().text);
    assert!(text.contains("\n1. Call Example Hosting.\n"), "{text}");
    let templates = own(&[
        ("wording.es.txt", "W"),
        ("steps.es.txt", "S"),
        ("letter.es.txt", "{{ wording }} {{ steps[0] }}"),
        ("letter.es.html", "{{ customer.id }}"),
    ])
    .unwrap();
    assert_eq!(
        (templates.language("es-MX"), templates.language(""), templates.language("it")),
        (Some("es"), Some("en"), None)
    );
    let refused = |files: &[(&str, &str)]| own(files).unwrap_err().to_string();
    assert!(refused(&[("steps.es.txt", "S")]).contains("the language `es` lacks `wording.es.txt`"));
    assert!(refused(&[("brief.de.txt", "S")]).contains("`brief.de.txt` is no name of a template"));
    assert!(refused(&[("steps.en.txt", "\n{% if %}")]).contains("template steps.en.txt:2: syntax error"));
    let templates = own(&[("steps.en.txt", "a\n{{ customer.name }}\n")]).unwrap();
    let error =
        told(&look("WIN-BUNS25TD77J"), "192.0.2.0/24,a,,,", None, |told| templates.letter(told, "en").unwrap_err());
    assert!(error.to_string().contains("template steps.en.txt:2: undefined value"), "{error}");
}

#[test]
fn a_sender_must_be_one_whom_an_answer_reaches() {
    for contact in
        ["abuse", "a@b", "a b@example.net", "@example.net", "a@-x.net", "a@example..net", "a@example.net\nBcc: x"]
    {
        assert!(Sender::new("Org", contact).is_err(), "{contact}");
    }
    assert!(Sender::new(" ", "a@example.net").is_err() && Sender::new("O\u{202e}", "a@example.net").is_err());
    assert!(Sender::new("Org", "abuse+rdp@example.co.uk").is_ok());
}
