//! One X.509 certificate (RFC 5280 4.1), written byte for byte.

use crate::calendar::{DAY, utc_time};
use crate::der::{self, SEQUENCE, SET, UTC_TIME, context};
use crate::key::Key;
use crate::rsa::Hash;

const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const SHA1_WITH_RSA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05];
const SHA256_WITH_RSA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B];
const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x25];
const SERVER_AUTH: &[u8] = &[0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x0F];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x13];

/// How the characters of a common name are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringForm {
    /// `PrintableString`, as Windows writes it.
    Printable,
    /// `UTF8String`, as OpenSSL writes it.
    Utf8,
    /// `BMPString`, two bytes per character, as Windows writes names that do not fit a `PrintableString`.
    Bmp,
}

/// All fields of a certificate before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// Version 3, or version 1: without the version field and without extensions.
    pub(crate) v3: bool,
    /// The content octets of the serial number as they stand, so that it can be negative or empty.
    pub(crate) serial: Vec<u8>,
    pub(crate) hash: Hash,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) form: StringForm,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    /// Content octets of `notBefore` in place of the right ones.
    pub(crate) not_before_octets: Option<Vec<u8>>,
    pub(crate) days: i64,
    pub(crate) key: Key,
    /// The key that signs: `key` itself where the certificate is self-signed.
    pub(crate) signer: Key,
    /// Extensions, each encoded.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Fields {
    /// The certificate in DER.
    pub(crate) fn sign(&self) -> Vec<u8> {
        let algorithm = match self.hash {
            Hash::Sha1 => SHA1_WITH_RSA,
            Hash::Sha256 => SHA256_WITH_RSA,
        };
        let algorithm = der::sequence(&[algorithm, &der::NULL]);
        let body = self.to_be_signed(&algorithm);
        let signature = self.signer.ready().sign_pkcs1(self.hash, &body);
        der::sequence(&[&body, &algorithm, &der::bit_string(0, &signature)])
    }

    fn to_be_signed(&self, algorithm: &[u8]) -> Vec<u8> {
        let serial = der::tlv(der::INTEGER, &self.serial);
        let issuer = name(&self.issuer, self.form);
        let subject = name(&self.subject, self.form);
        let validity = self.validity();
        let key = public_key_info(self.key);
        let mut version = Vec::new();
        let mut extensions = Vec::new();
        if self.v3 {
            version = der::tlv(context(0), &der::unsigned(&[2]));
            if !self.extensions.is_empty() {
                extensions = der::tlv(context(3), &der::tlv(SEQUENCE, &self.extensions.concat()));
            }
        }
        der::sequence(&[&version, &serial, algorithm, &issuer, &validity, &subject, &key, &extensions])
    }

    fn validity(&self) -> Vec<u8> {
        let start = self.not_before_octets.clone().unwrap_or_else(|| utc_time(self.not_before));
        let end = utc_time(self.not_before + self.days * DAY);
        der::sequence(&[&der::tlv(UTC_TIME, &start), &der::tlv(UTC_TIME, &end)])
    }
}

/// `SubjectPublicKeyInfo` of a key.
pub(crate) fn public_key_info(key: Key) -> Vec<u8> {
    let algorithm = der::sequence(&[RSA_ENCRYPTION, &der::NULL]);
    der::sequence(&[&algorithm, &der::bit_string(0, &key.ready().public_key())])
}

/// EKU with the one purpose serverAuth, not critical.
pub(crate) fn server_auth() -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, &der::sequence(&[SERVER_AUTH]))
}

/// KU with keyEncipherment and dataEncipherment, not critical: Windows leaves digitalSignature out.
pub(crate) fn encipherment() -> Vec<u8> {
    extension(KEY_USAGE, &der::bit_string(4, &[0x30]))
}

/// A subject alternative name with one dNSName.
pub(crate) fn dns_name(host: &str) -> Vec<u8> {
    extension(SUBJECT_ALT_NAME, &der::sequence(&[&der::tlv(0x82, host.as_bytes())]))
}

/// The mark of a certificate authority.
pub(crate) fn authority() -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, &der::sequence(&[&[0x01, 0x01, 0xFF]]))
}

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[oid, &der::tlv(der::OCTET_STRING, value)])
}

/// A name of one relative name with one attribute, the common name.
fn name(text: &str, form: StringForm) -> Vec<u8> {
    let text = match form {
        StringForm::Printable => der::tlv(0x13, text.as_bytes()),
        StringForm::Utf8 => der::tlv(0x0C, text.as_bytes()),
        StringForm::Bmp => der::tlv(0x1E, &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
    };
    der::sequence(&[&der::tlv(SET, &der::sequence(&[COMMON_NAME, &text]))])
}
