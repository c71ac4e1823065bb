//! The envelope, whole, cut, changed and written in unusual ways.

use super::*;

/// A CHALLENGE's place is taken by any bytes: the envelope does not look into its token.
fn golden() -> Vec<u8> {
    encode(&[0x5A; 200])
}

#[test]
fn what_is_encoded_is_decoded() {
    for length in [0, 1, 100, 127, 128, 255, 256, 5000] {
        let token = vec![0x5A; length];
        let bytes = encode(&token);
        assert_eq!(der::total_length(&bytes), Some(Some(bytes.len())), "{length}");
        let (request, anomalies) = decode(&bytes).unwrap();
        assert_eq!(anomalies, []);
        assert_eq!(request, TsRequest { version: Some(6), tokens: vec![&token], error_code: None });
    }
}

#[test]
fn every_truncation_asks_for_more_and_is_no_request() {
    let golden = golden();
    for end in 0..golden.len() {
        let length = der::total_length(&golden[..end]);
        let is_known = end >= 3;
        assert_eq!(length, Some(is_known.then_some(golden.len())), "cut at {end}");
        assert_eq!(decode(&golden[..end]), None, "cut at {end}");
    }
}

#[test]
fn every_one_byte_change_is_decoded_without_a_panic() {
    let original = golden();
    let (request, _) = decode(&original).unwrap();
    for position in 0..original.len() {
        for value in 0..=u8::MAX {
            let mut bytes = original.clone();
            bytes[position] = value;
            let decoded = decode(&bytes);
            let is_token = position >= original.len() - 200;
            if is_token || value == original[position] {
                let (changed, anomalies) = decoded.unwrap();
                assert_eq!((changed.version, anomalies), (request.version, vec![]));
            } else if position == 0 {
                assert_eq!(decoded, None);
            }
        }
    }
}

#[test]
fn lengths_may_be_longer_than_they_need_to_be() {
    // SEQUENCE with a four-octet length around [0] INTEGER 2 with a padded length.
    let bytes = [0x30, 0x84, 0, 0, 0, 6, 0xA0, 0x81, 0x03, 0x02, 0x01, 0x02];
    assert_eq!(der::total_length(&bytes), Some(Some(12)));
    let (request, anomalies) = decode(&bytes).unwrap();
    assert_eq!(request.version, Some(2));
    assert_eq!(anomalies, [Anomaly::DerLengthNotMinimal]);
}

#[test]
fn an_error_code_is_read_however_it_is_written() {
    let four = [0x30, 13, 0xA0, 3, 2, 1, 6, 0xA4, 6, 2, 4, 0xC0, 0, 0, 0x6D];
    let five = [0x30, 14, 0xA0, 3, 2, 1, 6, 0xA4, 7, 2, 5, 0, 0xC0, 0, 0, 0x6D];
    for bytes in [four.as_slice(), &five] {
        assert_eq!(decode(bytes).unwrap().0.error_code, Some(0xC000_006D), "{bytes:x?}");
    }
}

#[test]
fn what_breaks_off_inside_costs_nothing_that_stood_before() {
    let broken = [0x30, 9, 0xA0, 3, 2, 1, 6, 0xA1, 0x7F, 0x30, 0];
    let (request, anomalies) = decode(&broken).unwrap();
    assert_eq!(request.version, Some(6));
    assert_eq!(anomalies, [Anomaly::TsRequestMalformed]);
}
