use super::*;

fn texts(found: Vec<Readings>) -> Vec<String> {
    found.into_iter().flatten().map(|address| address.to_string()).collect()
}

/// `127.9.1.55` and `2001:db8:1::8` as hosts and people write them.
const V4: [&str; 29] = [
    "127.9.1.55",
    "CN=of127.9.1.55, OU=x",
    "http://127.9.1.55:80/x",
    "vm1.127.9.1.55.example.net",
    "ip-127-9-1-55.example.net",
    "static.55.1.9.127.clients.example.net",
    "55.1.9.127.in-addr.arpa",
    "127_9_1_55",
    "127:9:1:55",
    "127/9/1/55",
    "127 9 1 55",
    "127. 9. 1. 55",
    "127.9.1 .55",
    "127.009.001.055",
    "127-9.1-55",
    "127[.]9[.]1[.]55",
    "OU=127\\, 9\\, 1\\, 55",
    "2131296567",
    "0x7f090137",
    "IP-7F090137",
    "ip7f090137.example.net",
    "\u{ff11}\u{ff12}\u{ff17}.\u{ff19}.\u{ff11}.\u{ff15}\u{ff15}",
    "127\u{ff0e}9\u{ff0e}1\u{ff0e}55",
    "127.9.1\u{200b}.55",
    "127.9.1\\u{200b}.55",
    "127%2E9%2E1%2E55",
    "127%252E9%E2%80%8B.1.55",
    "127&#46;9&#x2e;1.55",
    "127&#46\\;9&#x2e\\;1.55",
];
const V6: [&str; 12] = [
    "OU=8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    "[2001:db8:1::8]:3389",
    "CN=2001:db8:1::8.",
    "at 2001:db8:1::8: x",
    "2001-db8-1--8.ipv6-literal.net",
    "2001_db8_1__8",
    "2001-0db8-0001-0000-0000-0000-0000-0008.example.net",
    "8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    "node:2001:db8:1::8",
    "f2001:db8:1::8",
    "20010db8000100000000000000000008",
    "0x20010DB8000100000000000000000008",
];
/// What is no address, in a name or anywhere.
const NEAR: [&str; 21] = [
    "2.5.4.97=VATDE-123",
    "1.3.6.1.5.2.3.5",
    "1.3.6.1.4.1.9.21.2.3",
    "10.0.20348",
    "10.0.20348.1",
    "999.1.1.1",
    "1.2.3",
    "0.0.0.0",
    "2026-11-22T09:10:11.123456Z",
    "1.3.6.1.4.1.311.54.1.2",
    "1.3.6.1.5.5.7.3.17",
    "WIN-7F090137ABC",
    "WIN-BUNS25TD77J",
    "DESKTOP-7F09013",
    "20261122",
    "srv-20261122",
    "7f090137-0000-4000-8000-2131296567ab",
    "a714ba0b0c",
    "00:1a:2b:3c:4d:5e",
    "std::net::Ipv4Addr",
    "xn--80ak6aa92e.example",
];

#[test]
fn every_spelling_is_found() {
    for text in V4 {
        assert!(texts(in_name(text)).contains(&"127.9.1.55".to_owned()), "{text}: {:?}", texts(in_name(text)));
    }
    for text in V6 {
        assert!(texts(in_name(text)).contains(&"2001:db8:1::8".to_owned()), "{text}: {:?}", texts(in_name(text)));
    }
    assert_eq!(texts(in_name("::ffff:7f09:137")), ["127.9.1.55"]);
}

#[test]
fn what_only_looks_like_one_is_not() {
    for text in NEAR {
        assert_eq!(texts(in_name(text)), Vec::<String>::new(), "{text}");
        assert_eq!(texts(in_prose(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn in_prose_only_what_has_one_sign_throughout() {
    let numbers = ["2131296567", "0x7f090137", "127-9.1-55", "127[.]9[.]1[.]55", "2026-11-22 09:10:11", "1. 2: 3- 4"];
    for text in numbers {
        assert_eq!(texts(in_prose(text)), Vec::<String>::new(), "{text}");
    }
    for text in ["at 127.9.1.55.", "127-9-1-55", "127.\n   9. 1. 55", "2001:db8:1::8"] {
        let found = texts(in_prose(text));
        assert!(found.iter().any(|found| found == "127.9.1.55" || found == "2001:db8:1::8"), "{text}");
    }
}

#[test]
fn texts_are_found_in_bytes_of_any_width() {
    let utf16 = |swap: bool| -> Vec<u8> {
        let units = "http://\u{ff11}27.9.1.55/crl".encode_utf16();
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let odd = |bytes: &[u8]| [b"\x03", bytes].concat();
    let ascii = b"\x30\x82\xff\xfe\x86\x18http://127.9.1.55/crl\xff";
    // 49 octets of text, whose length is the digit 1.
    let behind_its_length = b"\x0c\x31127.9.1.55 and what else is said of it here or there\x30";
    let cases =
        [ascii.to_vec(), utf16(false), utf16(true), odd(&utf16(false)), odd(&utf16(true)), behind_its_length.to_vec()];
    for bytes in cases {
        assert!(texts(in_bytes(&bytes)).contains(&"127.9.1.55".to_owned()), "{bytes:?}");
    }
}

/// An element with this tag around the content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    der::write(tag, content)
}

#[test]
fn a_text_ends_where_its_element_does() {
    // Behind the text comes the tag of a SEQUENCE, which reads as 0.
    let next = element(der::SEQUENCE, &element(der::INTEGER, &[1]));
    for (tag, text) in [(0x0C, "127.9.1.55"), (0x86, "http://127.9.1.55"), (0x16, "ip-127-9-1-55")] {
        let inner = [element(tag, text.as_bytes()), next.clone()].concat();
        let whole = element(der::SEQUENCE, &inner);
        let extension = element(der::SEQUENCE, &[element(der::OCTET_STRING, &whole), next.clone()].concat());
        for bytes in [whole, extension] {
            assert_eq!(texts(in_bytes(&bytes))[0], "127.9.1.55", "{bytes:?}");
            assert!(!texts(in_bytes(&bytes)).contains(&"27.9.1.55".to_owned()));
            // Where it is no DER as a whole, whatever it may be counts.
            let broken = [bytes, vec![0x30]].concat();
            assert!(texts(in_bytes(&broken)).contains(&"127.9.1.55".to_owned()), "{broken:?}");
        }
    }
    let wide: Vec<u8> = "127.9.1.55".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let found = texts(in_bytes(&element(der::SEQUENCE, &element(0x1E, &wide))));
    assert!(found.contains(&"127.9.1.55".to_owned()) && !found.contains(&"127.9.1.5".to_owned()), "{found:?}");
    let name = element(der::SEQUENCE, &[element(0x0C, b"DESKTOP-ABCDEF1"), next].concat());
    assert_eq!(texts(in_bytes(&name)), Vec::<String>::new());
}

#[test]
fn numbers_with_room_for_one_address_are_one_spelling() {
    let readings = |text: &str| in_name(text).into_iter().filter(|found| !found.is_empty()).count();
    assert_eq!(readings("vm9-127-9-0-1"), 1);
    assert_eq!(readings("192.0.2.17.127.9.1.55"), 5);
    assert!(texts(in_name("vm9-127-9-0-1")).contains(&"127.9.0.1".to_owned()));
}
