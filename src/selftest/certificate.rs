//! A key made for the occasion, and a self-signed certificate for it (RFC 5280, section 4.1), written byte for byte in
//! the form that Windows gives to the certificate of its RDP listener.

use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::proto::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, context, write};

/// Tags that only certificates use.
const SET: u8 = 0x31;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;

/// Object identifiers in DER (RFC 5480, RFC 5758, RFC 5280), written anew rather than shared with what is tested here.
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const PRIME256V1: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ECDSA_WITH_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const EXTENDED_KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x25";
const SERVER_AUTH: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";

/// Fixed, because nobody judges it and a machine whose clock is wrong must not fail for that.
const NOT_BEFORE: &[u8] = b"250101000000Z";
const NOT_AFTER: &[u8] = b"491231235959Z";

/// What a server needs to show who it is, both in DER.
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    /// The private key in PKCS #8 (RFC 5208).
    pub(super) private_key: Vec<u8>,
}

impl Identity {
    /// A new P-256 key with a certificate for `name`. P-256, because ring makes such keys in no time and no RSA keys.
    pub(super) fn generate(name: &str) -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random)
            .map_err(|_rejected| Unspecified)?;
        let to_be_signed = to_be_signed(name, pair.public_key().as_ref());
        let signature = pair.sign(&random, &to_be_signed)?;
        let algorithm = write(SEQUENCE, ECDSA_WITH_SHA256);
        let certificate = sequence(&[&to_be_signed, &algorithm, &bit_string(signature.as_ref())]);
        Ok(Self { certificate, private_key: pkcs8.as_ref().to_vec() })
    }
}

/// `TBSCertificate` of version 3.
fn to_be_signed(common_name: &str, point: &[u8]) -> Vec<u8> {
    let version = write(context(0), &write(INTEGER, &[2]));
    let serial_number = write(INTEGER, &[1]);
    let algorithm = write(SEQUENCE, ECDSA_WITH_SHA256);
    let name = name(common_name);
    let validity = sequence(&[&write(UTC_TIME, NOT_BEFORE), &write(UTC_TIME, NOT_AFTER)]);
    let key = sequence(&[&sequence(&[EC_PUBLIC_KEY, PRIME256V1]), &bit_string(point)]);
    let purpose = sequence(&[EXTENDED_KEY_USAGE, &write(OCTET_STRING, &write(SEQUENCE, SERVER_AUTH))]);
    let extensions = write(context(3), &write(SEQUENCE, &purpose));
    // Issuer and subject are the same: nobody vouches for it but itself.
    sequence(&[&version, &serial_number, &algorithm, &name, &validity, &name, &key, &extensions])
}

/// A `Name` of one common name. Computer names have only characters that a `PrintableString` can hold.
fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[COMMON_NAME, &write(PRINTABLE_STRING, common_name.as_bytes())]);
    write(SEQUENCE, &write(SET, &attribute))
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    write(SEQUENCE, &parts.concat())
}

/// A BIT STRING of whole octets.
fn bit_string(octets: &[u8]) -> Vec<u8> {
    write(BIT_STRING, &[&[0], octets].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Certificate;

    #[test]
    fn every_part_of_the_certificate_can_be_read() {
        let seen = Certificate::from_der(&Identity::generate("WIN-BUNS25TD77J").unwrap().certificate);
        assert_eq!((seen.version, seen.parse_error.as_deref()), (Some(3), None));
        assert_eq!(seen.subject_cn.as_deref(), Some("WIN-BUNS25TD77J"));
        assert_eq!((seen.self_signed, seen.public_key_bits), (Some(true), Some(256)));
        assert!(seen.not_before.is_some() && seen.not_after > seen.not_before);
        assert_eq!(seen.signature_algorithm.as_deref(), Some("ecdsa-with-SHA256"));
        assert_eq!(seen.extended_key_usage.len(), 1, "{:?}", seen.extended_key_usage);
    }
}
