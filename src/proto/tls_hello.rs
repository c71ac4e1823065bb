//! The wide ClientHello: what rdprint sends to hosts that a modern TLS library cannot speak to (RFC 5246, 7.4.1.2).
//!
//! It offers TLS 1.2 and everything below that servers from Windows XP on choose. The handshake that it begins is never
//! completed; the server's flight is read in clear by [`tls_flight`](super::tls_flight).

use super::tls_names::{CIPHER_SUITES, GROUPS};

/// Names what [`client_hello`] offers. JA3S values compare only under equal names, so it is raised whenever the contents
/// change; a test holds both together.
pub const ID: &str = "wide-1";

/// The highest version that is offered: TLS 1.2.
pub(crate) const HIGHEST_VERSION: u16 = 0x0303;

/// Version of the record that carries the hello: servers that know TLS 1.0 only refuse a higher one (RFC 5246, E.1).
const RECORD_VERSION: u16 = 0x0301;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Extensions that are offered, in their order: `supported_groups` and `ec_point_formats` (RFC 8422, 5.1),
/// `signature_algorithms` (RFC 5246, 7.4.1.4.1), `extended_master_secret` (RFC 7627), `renegotiation_info` (RFC 5746).
///
/// No `server_name`: a host is asked by its address, which that extension cannot carry (RFC 6066, 3).
pub(crate) const EXTENSIONS: [u16; 5] = [10, 11, 13, 23, 0xFF01];

/// Signature algorithms that are offered. Schannel needs the pair that signed its *certificate* among them, hence SHA-1
/// and MD5; those that ring verifies come first.
pub(crate) const SIGNATURE_ALGORITHMS: [u16; 17] = [
    0x0401, // rsa_pkcs1_sha256
    0x0501, // rsa_pkcs1_sha384
    0x0601, // rsa_pkcs1_sha512
    0x0403, // ecdsa, SHA-256
    0x0503, // ecdsa, SHA-384
    0x0804, // rsa_pss_rsae_sha256
    0x0805, // rsa_pss_rsae_sha384
    0x0806, // rsa_pss_rsae_sha512
    0x0807, // ed25519
    0x0603, // ecdsa, SHA-512
    0x0402, // dsa, SHA-256
    0x0301, // rsa_pkcs1_sha224
    0x0303, // ecdsa, SHA-224
    0x0201, // rsa_pkcs1_sha1
    0x0203, // ecdsa, SHA-1
    0x0202, // dsa, SHA-1
    0x0101, // rsa_pkcs1_md5
];

/// The hello in one record. `random` is the caller's, who needs it again to check the server's signature.
#[must_use]
pub fn client_hello(random: &[u8; 32]) -> Vec<u8> {
    let suites = CIPHER_SUITES.iter().flat_map(|(number, _)| number.to_be_bytes()).collect::<Vec<u8>>();
    let extensions =
        EXTENSIONS.into_iter().flat_map(|kind| [&kind.to_be_bytes()[..], &vector16(&content(kind))].concat());
    let body = [
        &HIGHEST_VERSION.to_be_bytes()[..],
        random,
        // No session is resumed: a resumed one shows no certificate.
        &[0],
        &vector16(&suites),
        // Compression methods: null only.
        &[1, 0],
        &vector16(&extensions.collect::<Vec<u8>>()),
    ]
    .concat();
    // A handshake message has a length of three octets, whose first is zero here.
    let message = [&[CLIENT_HELLO, 0][..], &vector16(&body)].concat();
    [&[HANDSHAKE][..], &RECORD_VERSION.to_be_bytes(), &vector16(&message)].concat()
}

fn content(extension: u16) -> Vec<u8> {
    let numbers = |list: &[u16]| vector16(&list.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>());
    match extension {
        10 => numbers(&GROUPS.map(|(number, _)| number)),
        // Uncompressed points only.
        11 => vec![1, 0],
        13 => numbers(&SIGNATURE_ALGORITHMS),
        // An initial handshake: an empty `renegotiated_connection`.
        0xFF01 => vec![0],
        _ => Vec::new(),
    }
}

/// `opaque content<0..2^16-1>`; everything here is far shorter.
fn vector16(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], content].concat()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::proto::reader::Reader;

    #[test]
    fn the_id_names_exactly_these_bytes() {
        let digest = Sha256::digest(client_hello(&[0x5A; 32]));
        let digest = data_encoding::HEXLOWER.encode(&digest);
        // Where this fails the offer has changed: raise ID first, then write the new hash here.
        assert_eq!(
            (ID, digest.as_str()),
            ("wide-1", "894be3cb6feb91febf8c7f0d3d0be59609416ac13389f4dff6b924f3373c079b")
        );
    }

    #[test]
    fn every_length_fits_what_it_counts() {
        let bytes = client_hello(&[7; 32]);
        let mut record = Reader::new(&bytes);
        assert_eq!(
            (record.u8(), record.u16_be(), record.u16_be()),
            (Some(22), Some(0x0301), u16::try_from(bytes.len() - 5).ok())
        );
        assert_eq!((record.u8(), record.u24_be()), (Some(1), u32::try_from(bytes.len() - 9).ok()));
        assert_eq!((record.u16_be(), record.array()), (Some(0x0303), Some([7; 32])));
        assert_eq!(record.u8(), Some(0), "no session");
        assert_eq!(record.u16_be(), Some(100));
        assert_eq!(record.bytes(100).unwrap()[..2], [0xC0, 0x2F]);
        assert_eq!(record.array(), Some([1, 0]), "no compression");
        assert_eq!(record.u16_be().map(usize::from), Some(record.rest().len()));
        let mut kinds = Vec::new();
        while let Some(kind) = record.u16_be() {
            kinds.push(kind);
            let length = usize::from(record.u16_be().unwrap());
            let mut content = Reader::new(record.bytes(length).unwrap());
            if matches!(kind, 10 | 13) {
                assert_eq!(content.u16_be().map(usize::from), Some(content.rest().len()), "{kind}");
            }
        }
        assert_eq!(kinds, EXTENSIONS);
    }

    #[test]
    fn old_servers_can_take_it() {
        // Some middle boxes hang on messages of 256 to 511 bytes, and old Schannel reads 64 suites.
        assert!(client_hello(&[0; 32]).len() < 256);
        assert!(CIPHER_SUITES.len() <= 64);
    }
}
