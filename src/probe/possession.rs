//! Does the peer hold the private key of the certificate that it shows?
//!
//! Checked from the public key alone: TLS libraries parse the whole certificate first and would fail X.509 v1.

use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

use crate::observe::KeyPossession;
use crate::proto::x509::{PublicKey, RsaKey, public_key, rsa_key, split};

/// Object identifiers in DER (RFC 8017, RFC 5480, RFC 8410).
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const PRIME256V1: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const SECP384R1: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

/// Signature schemes to advertise (RFC 8446, 4.2.3), preferred ones first. SHA-1 and P-521 are offered so that old
/// and unusual hosts answer at all; what ring cannot verify of them is reported as unsupported.
pub(super) const SCHEMES: [u16; 12] = [
    0x0403, // ecdsa_secp256r1_sha256
    0x0503, // ecdsa_secp384r1_sha384
    0x0807, // ed25519
    0x0804, // rsa_pss_rsae_sha256
    0x0805, // rsa_pss_rsae_sha384
    0x0806, // rsa_pss_rsae_sha512
    0x0401, // rsa_pkcs1_sha256
    0x0501, // rsa_pkcs1_sha384
    0x0601, // rsa_pkcs1_sha512
    0x0603, // ecdsa_secp521r1_sha512
    0x0201, // rsa_pkcs1_sha1
    0x0203, // ecdsa_sha1
];

/// Checks a handshake signature made with `scheme` over `message` against the key in `certificate`, whatever else
/// the certificate holds.
///
/// `Failed` is an accusation, so a key that ring would refuse to parse, for whatever reason, is `Unsupported`.
pub(super) fn check(certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> KeyPossession {
    let key = split(certificate).subject_public_key_info.and_then(public_key);
    let Some(verified) = key.and_then(|key| verify(&key, scheme, message, signature)) else {
        return KeyPossession::Unsupported;
    };
    if verified { KeyPossession::Proven } else { KeyPossession::Failed }
}

/// Whether the signature fits; `None` where that cannot be said.
fn verify(key: &PublicKey<'_>, scheme: u16, message: &[u8], signature: &[u8]) -> Option<bool> {
    let [hash_or_family, kind] = scheme.to_be_bytes();
    let is_rsa = matches!((hash_or_family, kind), (0x08, 0x04..=0x06) | (0x01..=0x06, 0x01));
    let is_ecdsa = matches!((hash_or_family, kind), (0x01..=0x06, 0x03));
    let with = |algorithm| UnparsedPublicKey::new(algorithm, key.key).verify(message, signature).is_ok();
    if key.algorithm.starts_with(RSA_ENCRYPTION) {
        // A signature of another family cannot have been made with this key.
        if is_rsa { verify_rsa(key.key, scheme, message, signature) } else { Some(false) }
    } else if let Some(curve) = key.algorithm.strip_prefix(EC_PUBLIC_KEY) {
        if is_ecdsa { ecdsa(scheme, curve, key.key).map(with) } else { Some(false) }
    } else if key.algorithm == ED25519 && key.key.len() == 32 {
        Some(scheme == 0x0807 && with(&signature::ED25519))
    } else {
        None
    }
}

/// ring verifies PKCS#1 signatures from 1,024 bits on for some hashes, everything else from 2,048 bits on.
fn verify_rsa(key: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> Option<bool> {
    let (parameters, least_bits): (&'static RsaParameters, usize) = match scheme {
        0x0201 => (&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, 1024),
        0x0401 => (&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, 1024),
        0x0501 => (&signature::RSA_PKCS1_2048_8192_SHA384, 2048),
        0x0601 => (&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, 1024),
        0x0804 => (&signature::RSA_PSS_2048_8192_SHA256, 2048),
        0x0805 => (&signature::RSA_PSS_2048_8192_SHA384, 2048),
        0x0806 => (&signature::RSA_PSS_2048_8192_SHA512, 2048),
        _ => return None,
    };
    let RsaKey { modulus, exponent } = rsa_key(key)?;
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    let value = exponent.iter().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    let is_usual = exponent.len() <= 5 && (3..1 << 33).contains(&value) && value % 2 == 1;
    let is_odd = modulus.last().is_some_and(|octet| octet % 2 == 1);
    if !(least_bits..=8192).contains(&bits) || !is_usual || !is_odd {
        return None;
    }
    let components = RsaPublicKeyComponents { n: modulus, e: exponent };
    Some(components.verify(parameters, message, signature).is_ok())
}

/// In TLS 1.2 an ECDSA scheme names only the hash, in TLS 1.3 the curve too; the certificate settles the curve.
/// ring reads uncompressed points only (RFC 5480, 2.2).
fn ecdsa(scheme: u16, curve: &[u8], point: &[u8]) -> Option<&'static dyn VerificationAlgorithm> {
    if point.first() != Some(&4) {
        return None;
    }
    Some(match (curve, point.len(), scheme) {
        (PRIME256V1, 65, 0x0403) => &signature::ECDSA_P256_SHA256_ASN1,
        (PRIME256V1, 65, 0x0503) => &signature::ECDSA_P256_SHA384_ASN1,
        (SECP384R1, 97, 0x0403) => &signature::ECDSA_P384_SHA256_ASN1,
        (SECP384R1, 97, 0x0503) => &signature::ECDSA_P384_SHA384_ASN1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x82], &u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    /// The least that is a certificate here: a key where it belongs.
    fn certificate(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
        let empty = tlv(0x30, &[]);
        let bits = tlv(0x03, &[&[0], key].concat());
        let spki = tlv(0x30, &[tlv(0x30, algorithm), bits].concat());
        let tbs = [tlv(0x02, &[1]), empty.repeat(4), spki].concat();
        tlv(0x30, &tlv(0x30, &tbs))
    }

    #[test]
    fn a_wrong_signature_fails_and_an_unreadable_key_is_never_accused() {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        let signed = pair.sign(&random, b"message").unwrap();
        let algorithm = [EC_PUBLIC_KEY, PRIME256V1].concat();
        let point = pair.public_key().as_ref();
        let check_point =
            |point: &[u8], message: &[u8]| check(&certificate(&algorithm, point), 0x0403, message, signed.as_ref());
        assert_eq!(check_point(point, b"message"), KeyPossession::Proven);
        assert_eq!(check_point(point, b"another"), KeyPossession::Failed);
        // RFC 5480 allows compressed points, which ring does not read.
        let compressed = [&[2 + point[64] % 2], &point[1..33]].concat();
        assert_eq!(check_point(&compressed, b"message"), KeyPossession::Unsupported);
        assert_eq!(check_point(&[], b"message"), KeyPossession::Unsupported);
        // A P-521 scheme, an RSA scheme, and an algorithm that nobody knows.
        let by_scheme = |scheme| check(&certificate(&algorithm, point), scheme, b"message", signed.as_ref());
        assert_eq!((by_scheme(0x0603), by_scheme(0x0401)), (KeyPossession::Unsupported, KeyPossession::Failed));
        let unknown = certificate(b"\x06\x01\x2a", point);
        assert_eq!(check(&unknown, 0x0403, b"message", signed.as_ref()), KeyPossession::Unsupported);
        assert_eq!(check(b"no certificate", 0x0403, b"message", b""), KeyPossession::Unsupported);
    }

    #[test]
    fn ed25519_is_verified_and_rsa_keys_out_of_range_are_not() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let ed25519 = certificate(ED25519, pair.public_key().as_ref());
        let signed = pair.sign(b"message");
        assert_eq!(check(&ed25519, 0x0807, b"message", signed.as_ref()), KeyPossession::Proven);
        assert_eq!(check(&ed25519, 0x0807, b"another", signed.as_ref()), KeyPossession::Failed);

        let rsa = |modulus: &[u8], exponent: &[u8]| {
            let key = tlv(0x30, &[tlv(0x02, modulus), tlv(0x02, exponent)].concat());
            check(&certificate(&[RSA_ENCRYPTION, &[5, 0]].concat(), &key), 0x0401, b"message", &[0; 256])
        };
        let usual = [0xFF; 256];
        assert_eq!(rsa(&usual, &[1, 0, 1]), KeyPossession::Failed, "a key that can be checked, and a wrong signature");
        assert_eq!(
            rsa(&[&[0, 0], &usual[..]].concat(), &[0, 1, 0, 1]),
            KeyPossession::Failed,
            "leading zeros are no excuse"
        );
        for scheme in [0x0101, 0x0301] {
            let key = tlv(0x30, &[tlv(0x02, &usual), tlv(0x02, &[1, 0, 1])].concat());
            let certificate = certificate(&[RSA_ENCRYPTION, &[5, 0]].concat(), &key);
            let checked = check(&certificate, scheme, b"message", &[0; 256]);
            assert_eq!(checked, KeyPossession::Unsupported, "ring knows neither MD5 nor SHA-224");
        }
        for (modulus, exponent) in
            [(&usual[..64], &[1, 0, 1][..]), (&usual, &[1]), (&usual, &[]), (&[], &[3]), (&[0xFE; 256], &[3])]
        {
            assert_eq!(rsa(modulus, exponent), KeyPossession::Unsupported);
        }
    }
}
