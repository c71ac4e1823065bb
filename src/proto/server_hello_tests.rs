//! One ServerHello as Windows sends it in TLS 1.2, and what can be made of it.

use super::*;

/// A ServerHello by its parts; `extensions` is the block with its own length, or nothing.
fn message(version: u16, random: [u8; 32], session_id: &[u8], suite: u16, extensions: &[u8]) -> Vec<u8> {
    let body = [
        &version.to_be_bytes()[..],
        &random,
        &[u8::try_from(session_id.len()).unwrap()],
        session_id,
        &suite.to_be_bytes(),
        &[0],
        extensions,
    ]
    .concat();
    [&[2, 0], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

/// `extended_master_secret` and `renegotiation_info`, as Schannel answers them.
const SCHANNEL_EXTENSIONS: [u8; 11] = [0, 9, 0, 23, 0, 0, 0xFF, 1, 0, 1, 0];

fn golden() -> Vec<u8> {
    message(0x0303, [0x11; 32], &[0x22; 32], 0xC030, &SCHANNEL_EXTENSIONS)
}

fn decode(bytes: &[u8]) -> (ServerHello, Vec<Anomaly>) {
    ServerHello::decode(bytes).unwrap()
}

#[test]
fn the_golden_hello_is_read_in_full() {
    let (hello, anomalies) = decode(&golden());
    assert_eq!(anomalies, []);
    assert_eq!((hello.version, hello.cipher_suite, hello.compression_method), (0x0303, 0xC030, 0));
    assert_eq!((hello.session_id.len(), hello.raw == golden()), (32, true));
    let extension = |kind, data: &[u8]| Extension { kind, data: data.to_vec() };
    assert_eq!(hello.extensions, [extension(23, &[]), extension(0xFF01, &[0])]);
    assert!(!hello.is_tls13());
}

#[test]
fn ja3s_is_what_others_compute() {
    // Published for Windows in TLS 1.2.
    let ja3s = decode(&golden()).0.ja3s().unwrap();
    assert_eq!((&*ja3s.text, &*ja3s.md5), ("771,49200,23-65281", "ae4edc6faf64d08308082ad26be60767"));
    let (bare, anomalies) = decode(&message(0x0301, [1; 32], &[], 0x002F, &[]));
    assert_eq!((bare.ja3s().unwrap().text.as_str(), anomalies), ("769,47,", vec![]));
}

#[test]
fn every_truncation_keeps_what_was_whole() {
    let golden = golden();
    for end in 0..golden.len() {
        let decoded = ServerHello::decode(&golden[..end]);
        // Header 4, version 2, random 32, session id 33, suite 2, compression 1.
        assert_eq!(decoded.is_some(), end >= 74, "cut at {end}");
        let Some((hello, anomalies)) = decoded else { continue };
        assert_eq!(anomalies.is_empty(), end == 74, "cut at {end}: a hello without extensions is a hello");
        assert_eq!(hello.extensions.len(), usize::from(end >= 80), "cut at {end}");
        assert_eq!(hello.ja3s().is_some(), end == 74, "cut at {end}: half of the extensions make a false JA3S");
    }
}

#[test]
fn every_one_byte_change_is_decoded_without_a_panic() {
    let original = golden();
    for position in 0..original.len() {
        for value in 0..=u8::MAX {
            let mut bytes = original.clone();
            bytes[position] = value;
            let Some((hello, _)) = ServerHello::decode(&bytes) else {
                assert_eq!(position, 38, "only the session id's length can hide the rest");
                continue;
            };
            let _must_not_panic = (hello.ja3s(), hello.is_tls13(), hello.downgrade(), hello.carries_clock(0));
        }
    }
}

#[test]
fn lying_lengths_are_named() {
    let long_session = message(0x0303, [0; 32], &[1; 33], 0x002F, &[]);
    assert_eq!(decode(&long_session).1, [Anomaly::TlsMalformed]);
    let overlong_block = message(0x0303, [0; 32], &[], 0x002F, &[0, 9, 0, 23, 0, 0]);
    let (hello, anomalies) = decode(&overlong_block);
    assert_eq!((hello.extensions.len(), anomalies), (1, vec![Anomaly::TlsMalformed]));
    let trailing = message(0x0303, [0; 32], &[], 0x002F, &[0, 0, 7]);
    assert_eq!(decode(&trailing).1, [Anomaly::TlsMalformed]);
}

#[test]
fn tls13_is_told_from_what_only_looks_like_it() {
    let hello = |extensions: &[u8]| decode(&message(0x0303, [0; 32], &[], 0x1301, extensions)).0;
    assert!(hello(&[0, 6, 0, 43, 0, 2, 3, 4]).is_tls13());
    assert_eq!(hello(&[0, 6, 0, 43, 0, 2, 3, 4]).selected_version(), 0x0304);
    assert!(!hello(&[0, 6, 0, 43, 0, 2, 3, 3]).is_tls13());
    assert!(!hello(&[0, 4, 0, 43, 0, 0]).is_tls13(), "an empty extension selects nothing");
    let retry = message(0x0303, HELLO_RETRY_REQUEST, &[], 0x1301, &[]);
    assert!(decode(&retry).0.is_tls13());
}

#[test]
fn clock_and_downgrade_are_read_from_the_random() {
    let with = |head: u32, tail: &[u8; 8]| {
        let mut random = [0x77; 32];
        random[..4].copy_from_slice(&head.to_be_bytes());
        random[24..].copy_from_slice(tail);
        decode(&message(0x0303, random, &[], 0x002F, &[])).0
    };
    let now = 1_760_000_000;
    let hello = with(1_760_000_000 - 86_400, b"DOWNGRD\x01");
    assert!(hello.carries_clock(now) && !hello.carries_clock(now + 1));
    assert!(!hello.carries_clock(i64::MIN) && !hello.carries_clock(i64::MAX));
    assert_eq!(hello.downgrade(), Some(Downgrade::ToTls12));
    assert_eq!(with(0, b"DOWNGRD\x00").downgrade(), Some(Downgrade::ToTls11OrOlder));
    assert_eq!(with(0, b"DOWNGRD\x02").downgrade(), None);
}
