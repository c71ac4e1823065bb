//! Does the peer hold the private key of the certificate that it shows?
//!
//! Checked from the public key alone: TLS libraries parse the whole certificate first and would fail X.509 v1.

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use crate::observe::KeyPossession;
use crate::proto::der;
use crate::proto::x509::{PublicKey, public_key, rsa_modulus_bits, split};

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
pub(super) fn check(certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> KeyPossession {
    let Some(key) = split(certificate).subject_public_key_info.and_then(public_key) else {
        return KeyPossession::Unsupported;
    };
    match algorithm(scheme, &key) {
        Fit::Verifiable(algorithm) => match UnparsedPublicKey::new(algorithm, key.key).verify(message, signature) {
            Ok(()) => KeyPossession::Proven,
            Err(_unspecified) => KeyPossession::Failed,
        },
        Fit::Unsupported => KeyPossession::Unsupported,
        Fit::OtherKeyType => KeyPossession::Failed,
    }
}

enum Fit {
    Verifiable(&'static dyn VerificationAlgorithm),
    Unsupported,
    /// A signature of this scheme cannot have been made with such a key.
    OtherKeyType,
}

fn algorithm(scheme: u16, key: &PublicKey<'_>) -> Fit {
    let [hash_or_family, kind] = scheme.to_be_bytes();
    let (is_rsa_scheme, is_ecdsa_scheme) = match (hash_or_family, kind) {
        (0x08, 0x04..=0x06) | (0x02..=0x06, 0x01) => (true, false),
        (0x02..=0x06, 0x03) => (false, true),
        _ => (false, false),
    };
    if key.algorithm.starts_with(RSA_ENCRYPTION) {
        if is_rsa_scheme { rsa(scheme, key.key) } else { Fit::OtherKeyType }
    } else if let Some(curve) = key.algorithm.strip_prefix(EC_PUBLIC_KEY) {
        if is_ecdsa_scheme { ecdsa(scheme, curve) } else { Fit::OtherKeyType }
    } else if key.algorithm == ED25519 {
        if scheme == 0x0807 { Fit::Verifiable(&signature::ED25519) } else { Fit::OtherKeyType }
    } else {
        Fit::Unsupported
    }
}

/// ring verifies PKCS#1 signatures from 1,024 bits on for some hashes, everything else from 2,048 bits on.
fn rsa(scheme: u16, key: &[u8]) -> Fit {
    let algorithm: (&'static dyn VerificationAlgorithm, usize) = match scheme {
        0x0201 => (&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, 1024),
        0x0401 => (&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, 1024),
        0x0501 => (&signature::RSA_PKCS1_2048_8192_SHA384, 2048),
        0x0601 => (&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, 1024),
        0x0804 => (&signature::RSA_PSS_2048_8192_SHA256, 2048),
        0x0805 => (&signature::RSA_PSS_2048_8192_SHA384, 2048),
        0x0806 => (&signature::RSA_PSS_2048_8192_SHA512, 2048),
        _ => return Fit::Unsupported,
    };
    let (algorithm, least_bits) = algorithm;
    match rsa_modulus_bits(key) {
        Some(bits) if (least_bits..=8192).contains(&bits) && has_usual_exponent(key) => Fit::Verifiable(algorithm),
        _ => Fit::Unsupported,
    }
}

/// Whether the public exponent is odd, at least 3 and below 2^33, which is what ring accepts.
fn has_usual_exponent(key: &[u8]) -> bool {
    public_exponent(key).is_some_and(|exponent| (3..1 << 33).contains(&exponent) && exponent % 2 == 1)
}

fn public_exponent(mut key: &[u8]) -> Option<u64> {
    let mut content = der::read_tagged(&mut key, der::SEQUENCE)?.content;
    let _modulus = der::read_tagged(&mut content, der::INTEGER)?;
    let octets = der::read_tagged(&mut content, der::INTEGER)?.content;
    (octets.len() <= 5).then(|| octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet)))
}

/// In TLS 1.2 an ECDSA scheme names only the hash, in TLS 1.3 the curve too; the certificate settles the curve.
fn ecdsa(scheme: u16, curve: &[u8]) -> Fit {
    match (curve, scheme) {
        (PRIME256V1, 0x0403) => Fit::Verifiable(&signature::ECDSA_P256_SHA256_ASN1),
        (PRIME256V1, 0x0503) => Fit::Verifiable(&signature::ECDSA_P256_SHA384_ASN1),
        (SECP384R1, 0x0403) => Fit::Verifiable(&signature::ECDSA_P384_SHA256_ASN1),
        (SECP384R1, 0x0503) => Fit::Verifiable(&signature::ECDSA_P384_SHA384_ASN1),
        _ => Fit::Unsupported,
    }
}
