//! Certificates of both kinds, written from MS-RDPBCGR 2.2.1.4.3.1, cut, changed and lying.

use super::*;

/// A proprietary certificate with a modulus of 512 bits and its eight octets of padding.
fn bare_key() -> Vec<u8> {
    let mut modulus = vec![0x10; 64];
    modulus[63] = 0x93;
    let numbers = [72_u32, 512, 63, 65537].map(u32::to_le_bytes).concat();
    let blob = [b"RSA1", &numbers[..], &modulus, &[0; 8]].concat();
    let key = [&[6, 0, u8::try_from(blob.len()).unwrap(), 0], &blob[..]].concat();
    let signature = [&[8, 0, 72, 0], &[0x77; 72][..]].concat();
    [&[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], &key[..], &signature].concat()
}

/// A temporary chain of the given certificates.
fn chain(certificates: &[&[u8]]) -> Vec<u8> {
    let count = u32::try_from(certificates.len()).unwrap();
    let mut bytes = [0x8000_0002_u32.to_le_bytes(), count.to_le_bytes()].concat();
    for certificate in certificates {
        bytes.extend_from_slice(&u32::try_from(certificate.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(certificate);
    }
    bytes.resize(bytes.len() + 8 + 4 * certificates.len(), 0);
    bytes
}

fn kept(certificate: &RdpCertificate) -> &[Vec<u8>] {
    match &certificate.kind {
        Kind::X509 { chain, .. } => chain,
        other => panic!("{other:?} is no chain"),
    }
}

#[test]
fn a_bare_key_is_turned_the_way_of_x509() {
    let (certificate, anomalies) = RdpCertificate::decode(&bare_key());
    assert_eq!((anomalies, certificate.is_temporary, &certificate.raw), (vec![], false, &bare_key()));
    let Kind::Proprietary { key: Some(key) } = certificate.kind else { panic!("no key") };
    assert_eq!((key.bits, key.exponent, key.modulus.len()), (512, 65537, 64));
    assert_eq!(key.modulus[..2], [0x93, 0x10]);
}

#[test]
fn a_chain_keeps_its_order_and_its_last_certificates() {
    let (certificate, anomalies) = RdpCertificate::decode(&chain(&[b"root", b"own"]));
    assert_eq!((anomalies, certificate.is_temporary), (vec![], true));
    assert_eq!(kept(&certificate), [b"root".to_vec(), b"own".to_vec()]);

    let many: Vec<[u8; 1]> = (0..30).map(|number| [number]).collect();
    let borrowed: Vec<&[u8]> = many.iter().map(<[u8; 1]>::as_slice).collect();
    let (certificate, anomalies) = RdpCertificate::decode(&chain(&borrowed));
    assert_eq!(anomalies, [Anomaly::ChainTooLong]);
    assert_eq!(
        (kept(&certificate).len(), kept(&certificate).last()),
        (16, Some(&vec![29])),
        "the server's own is last"
    );
}

#[test]
fn every_truncation_is_named_and_keeps_what_was_whole() {
    let golden = bare_key();
    for end in 0..golden.len() {
        let (certificate, anomalies) = RdpCertificate::decode(&golden[..end]);
        assert_eq!(anomalies, [Anomaly::RdpCertificateMalformed], "cut at {end}");
        let has_key = matches!(certificate.kind, Kind::Proprietary { key: Some(_) });
        assert_eq!(has_key, end >= 108, "cut at {end}: the key's blob ends at 108");
    }
    let golden = chain(&[b"root", b"own"]);
    for end in 4..golden.len() {
        let (certificate, _) = RdpCertificate::decode(&golden[..end]);
        assert_eq!(kept(&certificate).len(), usize::from(end >= 16) + usize::from(end >= 23), "cut at {end}");
    }
}

#[test]
fn every_one_byte_change_is_decoded_without_a_panic() {
    for golden in [bare_key(), chain(&[b"root", b"own"])] {
        for position in 0..golden.len() {
            for value in 0..=u8::MAX {
                let mut bytes = golden.clone();
                bytes[position] = value;
                assert_eq!(RdpCertificate::decode(&bytes).0.raw, bytes);
            }
        }
    }
}

#[test]
fn lying_counts_take_no_memory_and_a_zero_key_is_none() {
    let endless = [2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let (certificate, anomalies) = RdpCertificate::decode(&endless);
    assert_eq!((kept(&certificate).len(), anomalies), (0, vec![Anomaly::RdpCertificateMalformed]));
    let empty_ones = [&[2, 0, 0, 0, 0xFF, 0xFF, 0, 0][..], &vec![0; 60_000]].concat();
    assert_eq!(kept(&RdpCertificate::decode(&empty_ones).0).len(), 16);
    let mut zero = bare_key();
    zero[36..100].fill(0);
    assert!(matches!(RdpCertificate::decode(&zero).0.kind, Kind::Proprietary { key: None }));
    assert!(matches!(RdpCertificate::decode(&[3, 0, 0, 0]).0.kind, Kind::Unread));
}
