//! Answers of real servers, and everything that can be made of them by cutting and changing.

use super::*;

/// Server and what it answers; the bytes are those that the named servers send.
const GOLDEN: [(&str, &str); 6] = [
    ("Windows 10, CredSSP", "030000130ed00000123400021f080008000000"),
    ("FreeRDP, CredSSP", "030000130ed000000000000203080002000000"),
    ("xrdp, TLS", "030000130ed000001234000201080001000000"),
    ("FreeRDP, SSL_NOT_ALLOWED_BY_SERVER", "030000130ed000000000000300080002000000"),
    ("Windows XP, no negotiation", "0300000b06d00000123400"),
    ("xrdp, MCS disconnect", "0300000902f0802180"),
];

fn golden(server: &str) -> Vec<u8> {
    let (_, hex) = GOLDEN.iter().find(|(name, _)| *name == server).unwrap();
    data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()
}

#[test]
fn the_request_is_what_the_specification_asks_for() {
    let offer = Protocols::SSL.and(Protocols::HYBRID).and(Protocols::HYBRID_EX);
    let bytes = ConnectionRequest { cookie: "rdprint", requested_protocols: offer }.encode();
    assert_eq!(frame(&bytes), Frame::Complete(bytes.len()));
    assert_eq!(bytes[..11], [3, 0, 0, 45, 40, 0xE0, 0, 0, 0, 0, 0]);
    assert_eq!(&bytes[11..37], b"Cookie: mstshash=rdprint\r\n");
    assert_eq!(bytes[37..], [1, 0, 8, 0, 11, 0, 0, 0]);
}

#[test]
fn a_cookie_cannot_smuggle_a_line_break_or_grow() {
    let request = |cookie| ConnectionRequest { cookie, requested_protocols: Protocols::RDP }.encode();
    assert_eq!(request("a\r\nb"), request("ab"));
    assert_eq!(request("123456789abc"), request("123456789"));
}

#[test]
fn golden_answers_are_understood_without_an_anomaly() {
    use Negotiation::{Absent, Failure, Response};
    let confirm = |src_ref, negotiation| Answer::Confirm { src_ref, negotiation };
    let expected = [
        confirm(0x1234, Response { flags: 0x1F, selected: Protocols::HYBRID_EX }),
        confirm(0, Response { flags: 3, selected: Protocols::HYBRID }),
        confirm(0x1234, Response { flags: 1, selected: Protocols::SSL }),
        confirm(0, Failure { flags: 0, code: 2 }),
        confirm(0x1234, Absent),
        Answer::McsDisconnect,
    ];
    for ((server, _), answer) in GOLDEN.iter().zip(expected) {
        let bytes = golden(server);
        assert_eq!(frame(&bytes), Frame::Complete(bytes.len()), "{server}");
        assert_eq!(decode_answer(&bytes), (answer, vec![]), "{server}");
    }
}

#[test]
fn every_truncation_waits_for_more_and_still_decodes_to_something() {
    for (server, _) in GOLDEN {
        let bytes = golden(server);
        for end in 0..bytes.len() {
            let missing = if end < 4 { 4 - end } else { bytes.len() - end };
            assert_eq!(frame(&bytes[..end]), Frame::Incomplete(missing), "{server} cut at {end}");
            let (answer, anomalies) = decode_answer(&bytes[..end]);
            // Every cut leaves a mark, whether in the length, the structure or the kind of answer.
            let is_marked = !anomalies.is_empty() || answer == Answer::McsDisconnect;
            assert!(is_marked, "{server} cut at {end}: {answer:?}");
        }
    }
}

#[test]
fn every_one_byte_change_is_decoded_without_a_panic() {
    for (server, _) in GOLDEN {
        let original = golden(server);
        let understood = decode_answer(&original);
        for position in 0..original.len() {
            for value in 0..=u8::MAX {
                let mut bytes = original.clone();
                bytes[position] = value;
                let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                let expected = match bytes[0] {
                    3 if !(7..=MAX_ANSWER).contains(&length) => {
                        Frame::BadLength(u16::from_be_bytes([bytes[2], bytes[3]]))
                    }
                    3 if length > bytes.len() => Frame::Incomplete(length - bytes.len()),
                    3 => Frame::Complete(length),
                    _ => Frame::NotTpkt,
                };
                assert_eq!(frame(&bytes), expected, "{server}, byte {position} = {value:#x}");
                if value == original[position] {
                    assert_eq!(decode_answer(&bytes), understood);
                } else {
                    let _must_not_panic = decode_answer(&bytes);
                }
            }
        }
    }
}

#[test]
fn lying_lengths_and_foreign_protocols_are_told_apart() {
    assert_eq!(frame(b"SSH-2.0"), Frame::NotTpkt);
    assert_eq!(frame(&[3, 0, 0, 6, 1, 1]), Frame::BadLength(6));
    assert_eq!(frame(&[3, 0, 0xFF, 0xFF]), Frame::BadLength(0xFFFF));
    assert_eq!(frame(&[3, 0, 2, 1]), Frame::BadLength(513));
    let mut trailing = golden("Windows 10, CredSSP");
    trailing.push(0);
    let (_, anomalies) = decode_answer(&trailing);
    assert_eq!(anomalies, [Anomaly::X224LengthIndicator, Anomaly::NegotiationTrailingBytes]);
}

#[test]
fn protocols_print_as_the_specification_names_them() {
    let print = |bits| Protocols(bits).to_string();
    assert_eq!((print(0), print(1), print(8)), ("rdp".into(), "ssl".into(), "hybrid_ex".into()));
    assert_eq!(print(11), "ssl|hybrid|hybrid_ex");
    assert_eq!(print(0x8000_0000), "0x80000000");
    assert_eq!(print(0x21), "ssl|0x00000020");
    assert!(Protocols(16).starts_tls() && !Protocols(16).starts_credssp());
    assert!(!Protocols(3).is_known() && !Protocols(3).starts_tls());
}

#[test]
fn a_second_try_is_made_only_where_the_code_names_a_protocol() {
    let wanted: Vec<_> = (0..8).map(wanted_after).collect();
    let (ssl, rdp) = (Some(Protocols::SSL), Some(Protocols::RDP));
    assert_eq!(wanted, [None, ssl, rdp, rdp, None, Some(Protocols(3)), ssl, None]);
}
