//! One CHALLENGE as a workgroup Windows host sends it, and everything that can be made of it.

use super::*;

/// Made by hand from MS-NLMP 2.2.1.2: host WIN-BUNS25TD77J, build 20348, 2025-11-24 16:00:00 UTC.
const GOLDEN: &str = "4e544c4d53535000020000001e001e003800000035828ae20102030405060708000000000000000098009800560000000a00\
     7c4f0000000f570049004e002d00420055004e0053003200350054004400370037004a0002001e00570049004e002d004200\
     55004e0053003200350054004400370037004a0001001e00570049004e002d00420055004e00530032003500540044003700\
     37004a0004001e00570049004e002d00420055004e0053003200350054004400370037004a0003001e00570049004e002d00\
     420055004e0053003200350054004400370037004a0007000800000015635b5ddc0100000000";

const NAME: &str = "WIN-BUNS25TD77J";

fn golden() -> Vec<u8> {
    data_encoding::HEXLOWER.decode(GOLDEN.as_bytes()).unwrap()
}

fn set_u16(bytes: &mut [u8], offset: usize, value: u16) {
    bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

fn decode(bytes: &[u8]) -> (Challenge, Vec<Anomaly>) {
    decode_challenge(bytes).unwrap()
}

#[test]
fn negotiate_is_laid_out_as_specified() {
    let message = negotiate();
    assert_eq!(&message[..8], b"NTLMSSP\0");
    assert_eq!(message[8..12], [1, 0, 0, 0]);
    assert_eq!(message[12..16], 0xE208_82B7_u32.to_le_bytes());
    assert_eq!(message[16..32], [0; 16], "neither domain nor workstation is named");
    assert_eq!(message[32..], [10, 0, 0x63, 0x45, 0, 0, 0, 15]);
}

#[test]
fn the_golden_challenge_is_read_in_full() {
    let (challenge, anomalies) = decode(&golden());
    assert_eq!(anomalies, []);
    let name = || Some(NAME.to_owned());
    let expected = Challenge {
        flags: 0xE28A_8235,
        server_challenge: [1, 2, 3, 4, 5, 6, 7, 8],
        target_name: name(),
        version: Some(Version { major: 10, minor: 0, build: 20348, revision: 15 }),
        netbios_computer_name: name(),
        netbios_domain_name: name(),
        dns_computer_name: name(),
        dns_domain_name: name(),
        dns_tree_name: None,
        timestamp: Some(134_084_736_000_000_000),
    };
    assert_eq!(challenge, expected);
    assert_eq!(challenge.version.unwrap().to_string(), "10.0.20348");
}

#[test]
fn every_truncation_keeps_what_stood_before_the_cut() {
    let golden = golden();
    for end in 0..golden.len() {
        let decoded = decode_challenge(&golden[..end]);
        assert_eq!(decoded.is_some(), end >= 32, "cut at {end}: the server challenge ends at 32");
        let Some((challenge, anomalies)) = decoded else { continue };
        assert!(!anomalies.is_empty(), "cut at {end}");
        // Target name at 56..86, then AV pairs 2, 1, 4 and 3 with 30 bytes and 4 of header each.
        assert_eq!(challenge.netbios_domain_name.as_deref() == Some(NAME), end >= 120, "cut at {end}");
        assert_eq!(challenge.netbios_computer_name.as_deref() == Some(NAME), end >= 154, "cut at {end}");
        assert_eq!(challenge.dns_computer_name.as_deref() == Some(NAME), end >= 222, "cut at {end}");
    }
}

#[test]
fn every_one_byte_change_is_decoded_without_a_panic() {
    let original = golden();
    for position in 0..original.len() {
        for value in 0..=u8::MAX {
            let mut bytes = original.clone();
            bytes[position] = value;
            let decoded = decode_challenge(&bytes);
            let is_head = position < 12;
            assert_eq!(decoded.is_none(), is_head && value != original[position], "byte {position} = {value:#x}");
        }
    }
}

#[test]
fn hostile_av_lists_are_named_and_cost_no_earlier_name() {
    let mut unterminated = golden();
    // The list's length without MsvAvEOL, which takes the last four bytes.
    let length = u16::from_le_bytes([unterminated[40], unterminated[41]]);
    set_u16(&mut unterminated, 40, length - 4);
    let (challenge, anomalies) = decode(&unterminated);
    assert_eq!(anomalies, [Anomaly::NtlmAvUnterminated]);
    assert_eq!(challenge.dns_computer_name.as_deref(), Some(NAME));

    let mut overlong = golden();
    set_u16(&mut overlong, 56 + 30 + 3 * 34 + 2, 0xFFFF);
    let (challenge, anomalies) = decode(&overlong);
    assert!(anomalies.contains(&Anomaly::NtlmAvOverlong), "{anomalies:?}");
    assert_eq!(challenge.netbios_computer_name.as_deref(), Some(NAME));
    assert!(challenge.dns_computer_name.unwrap().starts_with(NAME), "what is there of the lying pair is kept");

    let mut repeated = golden();
    set_u16(&mut repeated, 56 + 30 + 34, 2);
    let (challenge, anomalies) = decode(&repeated);
    assert_eq!(anomalies, [Anomaly::NtlmAvRepeated]);
    assert_eq!((challenge.netbios_domain_name.as_deref(), challenge.netbios_computer_name), (Some(NAME), None));

    let mut surrogate = golden();
    set_u16(&mut surrogate, 56 + 30 + 34 + 4, 0xD800);
    let (challenge, anomalies) = decode(&surrogate);
    assert_eq!(anomalies, [Anomaly::NtlmNameNotUtf16]);
    assert_eq!(challenge.netbios_computer_name.as_deref(), Some("\u{FFFD}IN-BUNS25TD77J"));
}

#[test]
fn an_endless_list_of_empty_pairs_ends() {
    let mut bytes = golden();
    bytes.truncate(86);
    bytes.extend([9, 0, 0, 0].repeat(16_000));
    set_u16(&mut bytes, 40, 64_000);
    let (_, anomalies) = decode(&bytes);
    assert_eq!(anomalies, [Anomaly::NtlmAvUnterminated]);
}

#[test]
fn oem_names_are_read_where_unicode_was_not_agreed() {
    let mut bytes = golden();
    bytes[20] &= !1;
    bytes[56..61].copy_from_slice(b"OLD-\xC4");
    set_u16(&mut bytes, 12, 5);
    let (challenge, anomalies) = decode(&bytes);
    assert_eq!(challenge.target_name.as_deref(), Some("OLD-\u{FFFD}"));
    assert_eq!(anomalies, [Anomaly::NtlmNameNotAscii]);
    assert_eq!(challenge.dns_computer_name.as_deref(), Some(NAME), "AV pairs are Unicode all the same");
}

#[test]
fn a_version_is_read_only_where_it_is_announced_and_fits() {
    let mut unannounced = golden();
    unannounced[23] &= !0x02;
    assert_eq!(decode(&unannounced).0.version, None);
    let mut no_room = golden();
    // A payload that begins at 48 leaves no room for a version, whatever the flag says.
    no_room[16..20].copy_from_slice(&48_u32.to_le_bytes());
    assert_eq!(decode(&no_room).0.version, None);
}

#[test]
fn a_challenge_is_found_in_an_envelope_and_nowhere_else() {
    let golden = golden();
    assert_eq!(find_challenge(&golden), Some((golden.as_slice(), false)));
    let wrapped = [b"\xA1\x82\x01\x00".as_slice(), &golden].concat();
    assert_eq!(find_challenge(&wrapped), Some((golden.as_slice(), true)));
    assert_eq!(find_challenge(&negotiate()), None, "a NEGOTIATE sent back is no CHALLENGE");
    assert_eq!(find_challenge(&[]), None);
}
