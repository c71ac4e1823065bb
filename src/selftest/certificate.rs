//! A certificate for the self-test (RFC 5280, section 4.1), written byte for byte in the form that Windows gives to the
//! certificate of its RDP listener, so that a clone can be found with all that speaks for one.

use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256};

use crate::proto::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, context, write};

/// Tags that only certificates use.
const SET: u8 = 0x31;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;

/// Elements in DER (RFC 3279, RFC 4055, RFC 5280), written anew rather than shared with what is tested here.
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const SHA256_WITH_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const EXTENDED_KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x25";
const SERVER_AUTH: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
const KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x0f";
/// keyEncipherment and dataEncipherment.
const ENCIPHERMENT: &[u8] = b"\x03\x02\x04\x30";

/// A version-4 GUID with its bytes reversed. Fixed, like the dates, because nothing here is remembered.
const SERIAL: &[u8] = b"\x2b\x61\x9d\x07\xe4\x5c\x33\x9a\x41\xf0\x88\x1d\x76\xc2\x5e\x19";
/// 183 days, long past, so that a machine whose clock is wrong does not fail for that.
const NOT_BEFORE: &[u8] = b"250101000000Z";
const NOT_AFTER: &[u8] = b"250703000000Z";

/// An RSA-2048 key in PKCS #8 (RFC 5208). It is public and protects nothing: it signs handshakes with ourselves, since
/// ring makes no RSA keys and Windows has no others here.
const PRIVATE_KEY: &[u8] = include_bytes!("key.pkcs8.der");

/// What a server needs to show who it is, both in DER.
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) private_key: Vec<u8>,
}

/// What ring says where it refuses to sign: nothing more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the self-test's certificate cannot be signed")]
pub(super) struct NotSigned;

impl Identity {
    /// A certificate for `name`.
    pub(super) fn generate(name: &str) -> Result<Self, NotSigned> {
        let pair = KeyPair::from_pkcs8(PRIVATE_KEY).map_err(|_rejected| NotSigned)?;
        let to_be_signed = to_be_signed(name, pair.public_key().as_ref());
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &to_be_signed, &mut signature)
            .map_err(|_unspecified| NotSigned)?;
        let algorithm = write(SEQUENCE, SHA256_WITH_RSA);
        let certificate = sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]);
        Ok(Self { certificate, private_key: PRIVATE_KEY.to_vec() })
    }
}

/// `TBSCertificate` of version 3.
fn to_be_signed(common_name: &str, public_key: &[u8]) -> Vec<u8> {
    let version = write(context(0), &write(INTEGER, &[2]));
    let serial_number = write(INTEGER, SERIAL);
    let algorithm = write(SEQUENCE, SHA256_WITH_RSA);
    let name = name(common_name);
    let validity = sequence(&[&write(UTC_TIME, NOT_BEFORE), &write(UTC_TIME, NOT_AFTER)]);
    let key = sequence(&[&write(SEQUENCE, RSA_ENCRYPTION), &bit_string(public_key)]);
    let purpose = sequence(&[EXTENDED_KEY_USAGE, &write(OCTET_STRING, &write(SEQUENCE, SERVER_AUTH))]);
    let usage = sequence(&[KEY_USAGE, &write(OCTET_STRING, ENCIPHERMENT)]);
    let extensions = write(context(3), &sequence(&[&purpose, &usage]));
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
    use crate::knowledge::{Form, rdp_certificate_form};
    use crate::observe::Certificate;

    #[test]
    fn every_part_of_the_certificate_can_be_read_and_has_windows_form() {
        let der = Identity::generate("WIN-BUNS25TD77J").unwrap().certificate;
        let seen = Certificate::from_der(&der);
        assert_eq!((seen.version, seen.parse_error.as_deref()), (Some(3), None));
        assert_eq!(seen.subject_cn.as_deref(), Some("WIN-BUNS25TD77J"));
        assert_eq!((seen.self_signed, seen.public_key_bits), (Some(true), Some(2048)));
        assert!(matches!(rdp_certificate_form(&der), Form::Yes));
    }
}
