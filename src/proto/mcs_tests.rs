//! Connect Initial and Connect Response, the latter as a Windows host lays it out (T.125, T.124, MS-RDPBCGR 2.2.1.4), cut,
//! changed and lying.

use super::*;
use crate::proto::rdp_certificate::Kind;

/// A data block.
fn block(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
}

fn security(random: &[u8], certificate: &[u8]) -> Vec<u8> {
    let lengths = [random.len(), certificate.len()].map(|length| u32::try_from(length).unwrap().to_le_bytes());
    [&[2, 0, 0, 0, 3, 0, 0, 0][..], &lengths.concat(), random, certificate].concat()
}

/// A chain of one certificate, and the padding behind it.
fn certificate() -> Vec<u8> {
    [&[2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0][..], b"leaf", &[0; 12]].concat()
}

/// A whole packet around data blocks; lengths of PER and BER in their long forms, as Windows writes them.
fn packet(result: u8, blocks: &[u8]) -> Vec<u8> {
    let long = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let user_data = [
        &[0, 5, 0, 20, 124, 0, 1, 0x2A, 0x14, 0x76, 0x0A, 1, 1, 0, 1, 0xC0, 0][..],
        b"McDn",
        &[0x80 | long(blocks.len())[0], long(blocks.len())[1]],
        blocks,
    ]
    .concat();
    let octets = [&[4, 0x82][..], &long(user_data.len()), &user_data].concat();
    let parameters = [0x30, 26, 2, 1, 34, 2, 1, 3, 2, 1, 0, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 3, 0, 0xFF, 0xF8, 2, 1, 2];
    let content = [&[0x0A, 1, result, 2, 1, 0][..], &parameters, &octets].concat();
    let mcs = [&[2, 0xF0, 0x80, 0x7F, 0x66, 0x82][..], &long(content.len()), &content].concat();
    [&[3, 0][..], &long(mcs.len() + 4), &mcs].concat()
}

fn golden_blocks() -> Vec<u8> {
    let core = [0x0008_000C_u32, 1, 3].map(u32::to_le_bytes).concat();
    let network = [0xEB, 3, 0, 0];
    [block(0x0C01, &core), block(0x0C03, &network), block(0x0C02, &security(&[5; 32], &certificate()))].concat()
}

fn golden() -> Vec<u8> {
    packet(0, &golden_blocks())
}

fn response(packet: &[u8]) -> (ConnectResponse, Vec<Anomaly>) {
    match decode_answer(packet) {
        (Answer::ConnectResponse(response), anomalies) => (*response, anomalies),
        other => panic!("{other:?} is no response"),
    }
}

#[test]
fn the_request_is_laid_out_as_specified() {
    let bytes = ConnectInitial { client_name: "rdprint", selected: Protocols::SSL }.encode();
    assert_eq!(frame(&bytes), Frame::Complete(bytes.len()));
    assert_eq!(bytes[4..9], [2, 0xF0, 0x80, 0x7F, 0x65]);
    let mut message = &bytes[8..];
    let initial = der::read(&mut message).unwrap();
    assert!(initial.minimal && message.is_empty());
    let mut content = initial.content;
    let tags: Vec<u8> = std::iter::from_fn(|| der::read(&mut content)).map(|element| element.tag).collect();
    assert_eq!((tags, content.len()), (vec![4, 4, 1, 0x30, 0x30, 0x30, 4], 0));
    // CS_CORE has 216 octets up to serverSelectedProtocol, then 12 each of CS_CLUSTER and CS_SECURITY.
    let blocks = &bytes[bytes.len() - 240..];
    assert_eq!(blocks[..8], [1, 0xC0, 216, 0, 4, 0, 8, 0]);
    assert_eq!(blocks[24..40], *b"r\0d\0p\0r\0i\0n\0t\0\0\0");
    assert_eq!(
        blocks[212..],
        [1, 0, 0, 0, 4, 0xC0, 12, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0xC0, 12, 0, 27, 0, 0, 0, 0, 0, 0, 0]
    );
    // The two lengths before the blocks count what follows them.
    assert_eq!(bytes[bytes.len() - 242..][..2], [0x80, 240]);
    assert_eq!(bytes[bytes.len() - 256..][..2], [0x80, 254]);
    let long_name = ConnectInitial { client_name: &"x".repeat(500), selected: Protocols::SSL }.encode();
    assert_eq!(long_name.len(), bytes.len(), "a name cannot grow the request");
}

#[test]
fn integers_take_the_fewest_octets() {
    let contents = [0, 0x7F, 0x80, 0x420, 0x7FFF, 0xFFFF].map(|value| integer(value)[2..].to_vec());
    assert_eq!(contents, [vec![0], vec![0x7F], vec![0, 0x80], vec![4, 0x20], vec![0x7F, 0xFF], vec![0, 0xFF, 0xFF]]);
}

#[test]
fn the_golden_response_is_read_in_full() {
    assert_eq!(frame(&golden()), Frame::Complete(golden().len()));
    let (response, anomalies) = response(&golden());
    assert_eq!((response.result, anomalies), (Some(0), vec![]));
    let data = response.server_data;
    let core = data.core.unwrap();
    assert_eq!((gcc::version_name(core.version), data.blocks), (Some("10.7"), vec![0x0C01, 0x0C03, 0x0C02]));
    assert_eq!((core.client_requested_protocols, core.early_capability_flags), (Some(1), Some(3)));
    let security = data.security.unwrap();
    assert_eq!((security.encryption_method, security.encryption_level, security.random), (2, 3, vec![5; 32]));
    let expected = Kind::X509 { chain: vec![b"leaf".to_vec()], is_whole: true };
    assert_eq!(security.certificate.unwrap().kind, expected);
}

#[test]
fn versions_have_the_names_of_the_specification() {
    let names: Vec<_> = [0x80001, 0x80004, 0x80005, 0x80011].into_iter().map(gcc::version_name).collect();
    assert_eq!(names, [Some("4.0"), Some("5.0-8.1"), Some("10.0"), Some("10.12")]);
    assert_eq!([0x80012, 0x80002, 0, u32::MAX].map(gcc::version_name), [None; 4]);
}

#[test]
fn other_answers_are_told_apart() {
    assert_eq!(
        decode_answer(&[3, 0, 0, 9, 2, 0xF0, 0x80, 0x21, 0x80]),
        (Answer::Disconnect { reason: Some(3) }, vec![])
    );
    for packet in [&[3, 0, 0, 11, 6, 0xD0, 0, 0, 0x12, 0x34, 0][..], &[3, 0, 0, 8, 2, 0xF0, 0x80, 0x2E], &[]] {
        assert_eq!(decode_answer(packet), (Answer::Unexpected, vec![Anomaly::McsUnexpectedPdu]));
    }
    let (refused, anomalies) = response(&packet(3, &[]));
    assert_eq!((refused.result, refused.server_data.blocks, anomalies), (Some(3), vec![], vec![]));
}

/// What `early` has understood must stand in `late` as well.
fn assert_keeps(early: &ConnectResponse, late: &ConnectResponse, context: &str) {
    if early.result.is_some() {
        assert_eq!(early.result, late.result, "{context}");
    }
    if let Some(core) = early.server_data.core {
        assert_eq!(late.server_data.core.map(|late| late.version), Some(core.version), "{context}");
    }
    if let Some(security) = &early.server_data.security {
        let late = late.server_data.security.as_ref().unwrap();
        assert_eq!(
            (security.encryption_method, security.encryption_level),
            (late.encryption_method, late.encryption_level)
        );
        assert!(security.random.is_empty() || security.random == late.random, "{context}");
    }
}

#[test]
fn every_truncation_is_named_and_keeps_what_was_whole() {
    let golden = golden();
    let (whole, _) = response(&golden);
    let mut kept = ConnectResponse::default();
    for end in 0..golden.len() {
        let missing = if end < 4 { 4 - end } else { golden.len() - end };
        assert_eq!(frame(&golden[..end]), Frame::Incomplete(missing), "cut at {end}");
        let (answer, anomalies) = decode_answer(&golden[..end]);
        assert!(!anomalies.is_empty(), "cut at {end}");
        let Answer::ConnectResponse(cut) = answer else { continue };
        assert_keeps(&kept, &cut, &format!("cut at {end}"));
        assert_keeps(&cut, &whole, &format!("cut at {end}"));
        kept = *cut;
    }
    let security = kept.server_data.security.unwrap();
    assert_eq!(
        security.certificate.unwrap().kind,
        Kind::X509 { chain: vec![b"leaf".to_vec()], is_whole: true },
        "only padding is missing"
    );
}

#[test]
fn every_one_byte_change_keeps_what_stood_before_it() {
    let golden = golden();
    for position in 0..golden.len() {
        let before = decode_answer(&golden[..position]).0;
        for value in 0..=u8::MAX {
            let mut bytes = golden.clone();
            bytes[position] = value;
            if let (Answer::ConnectResponse(before), Answer::ConnectResponse(changed)) =
                (&before, decode_answer(&bytes).0)
            {
                assert_keeps(before, &changed, &format!("byte {position} = {value:#x}"));
            }
        }
    }
}

#[test]
fn lying_lengths_of_blocks_are_named_and_cost_no_earlier_block() {
    let core = block(0x0C01, &[4, 0, 8, 0]);
    for (name, second) in [
        ("shorter than its own header", &[2, 0x0C, 3, 0][..]),
        ("longer than what is there", &[3, 0x0C, 0xFF, 0xFF, 0]),
        ("cut inside its header", &[2, 0x0C]),
        ("security data without its level", &[2, 0x0C, 8, 0, 1, 0, 0, 0]),
    ] {
        let (response, anomalies) = response(&packet(0, &[&core, second].concat()));
        assert_eq!(anomalies, [Anomaly::GccMalformed], "{name}");
        assert_eq!(response.server_data.core.unwrap().version, 0x80004, "{name}");
    }
    let whole = security(&[5; 32], &certificate());
    let lying = [&whole[..12], &[0xFF; 4], &whole[16..]].concat();
    let (response, anomalies) = response(&packet(0, &block(0x0C02, &lying)));
    assert_eq!(anomalies, [Anomaly::GccMalformed], "the certificate is whole, its length is not true");
    assert!(response.server_data.security.unwrap().certificate.is_some());
    let huge = [&security(&[], &[])[..8], &[0xFF; 8], &[1; 40]].concat();
    let (response, anomalies) = self::response(&packet(0, &block(0x0C02, &huge)));
    let security = response.server_data.security.unwrap();
    assert_eq!((anomalies, security.encryption_level), (vec![Anomaly::GccMalformed], 3));
    assert_eq!((security.random, security.certificate), (vec![], None));
}

#[test]
fn an_endless_row_of_blocks_ends_and_the_first_of_two_counts() {
    let many = block(0x0C09, &[]).repeat(4000);
    let (answer, anomalies) = response(&packet(0, &many));
    assert_eq!((answer.server_data.blocks.len(), anomalies), (16, vec![Anomaly::GccMalformed]));
    let twice = [block(0x0C01, &[4, 0, 8, 0]), block(0x0C01, &[1, 0, 8, 0])].concat();
    assert_eq!(response(&packet(0, &twice)).0.server_data.core.unwrap().version, 0x80004);
}
