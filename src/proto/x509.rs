//! Takes an X.509 certificate (RFC 5280, section 4.1) apart without judging it.
//!
//! Full parsers refuse a certificate for one bad date; a scanner wants the name and the key all the same. This
//! module only finds where each part stands, so that every part can be read on its own.

use super::der::{self, BIT_STRING, INTEGER, SEQUENCE};

/// The parts of a `TBSCertificate`, each a whole DER element; those after the first broken one are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `version`: 1, 2 or 3; a certificate without the field is version 1.
    pub version: Option<u8>,
    /// `serialNumber`: the content octets of the INTEGER.
    pub serial_number: Option<&'a [u8]>,
    /// `signature`: an `AlgorithmIdentifier`.
    pub signature: Option<&'a [u8]>,
    /// `issuer`: a `Name`.
    pub issuer: Option<&'a [u8]>,
    /// `validity`.
    pub validity: Option<&'a [u8]>,
    /// `subject`: a `Name`.
    pub subject: Option<&'a [u8]>,
    /// `subjectPublicKeyInfo`.
    pub subject_public_key_info: Option<&'a [u8]>,
    /// `extensions`: the content of `[3]`, a SEQUENCE OF `Extension`.
    pub extensions: Option<&'a [u8]>,
}

/// Splits a certificate; never fails, but may find nothing.
#[must_use]
pub fn split(certificate: &[u8]) -> Parts<'_> {
    let mut parts = Parts::default();
    // The option only ends the walk early: what was found before stays in `parts`.
    let _end = fill(certificate, &mut parts);
    parts
}

fn fill<'a>(mut certificate: &'a [u8], parts: &mut Parts<'a>) -> Option<()> {
    let mut signed = der::read_tagged(&mut certificate, SEQUENCE)?.content;
    let mut tbs = der::read_tagged(&mut signed, SEQUENCE)?.content;
    parts.version = Some(match der::read_tagged(&mut tbs, der::context(0)) {
        Some(explicit) => {
            let mut inner = explicit.content;
            der::read_tagged(&mut inner, INTEGER)?.content.first()?.saturating_add(1)
        }
        None => 1,
    });
    // Whatever stands where the serial number belongs is passed over, so that the names behind it are still found.
    let serial = der::read(&mut tbs)?;
    parts.serial_number = (serial.tag == INTEGER).then_some(serial.content);
    parts.signature = Some(der::read_tagged(&mut tbs, SEQUENCE)?.whole);
    parts.issuer = Some(der::read_tagged(&mut tbs, SEQUENCE)?.whole);
    parts.validity = Some(der::read_tagged(&mut tbs, SEQUENCE)?.whole);
    parts.subject = Some(der::read_tagged(&mut tbs, SEQUENCE)?.whole);
    parts.subject_public_key_info = Some(der::read_tagged(&mut tbs, SEQUENCE)?.whole);
    while !tbs.is_empty() {
        let element = der::read(&mut tbs)?;
        if element.tag == der::context(3) {
            parts.extensions = Some(element.content);
        }
    }
    Some(())
}

/// A public key as a certificate carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The content of the `AlgorithmIdentifier`: object identifier and parameters.
    pub algorithm: &'a [u8],
    /// The key's bits (RFC 8017 `RSAPublicKey`, or a point of RFC 5480).
    pub key: &'a [u8],
}

/// Reads a `SubjectPublicKeyInfo`.
#[must_use]
pub fn public_key(mut subject_public_key_info: &[u8]) -> Option<PublicKey<'_>> {
    let mut content = der::read_tagged(&mut subject_public_key_info, SEQUENCE)?.content;
    let algorithm = der::read_tagged(&mut content, SEQUENCE)?.content;
    let (unused_bits, key) = der::read_tagged(&mut content, BIT_STRING)?.content.split_first()?;
    (*unused_bits == 0).then_some(PublicKey { algorithm, key })
}

/// The numbers of an `RSAPublicKey` (RFC 8017, A.1.1), most significant octet first and without leading zeros, however
/// they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RsaKey<'a> {
    /// The modulus n.
    pub modulus: &'a [u8],
    /// The public exponent e.
    pub exponent: &'a [u8],
}

/// Reads an `RSAPublicKey`.
#[must_use]
pub fn rsa_key(mut key: &[u8]) -> Option<RsaKey<'_>> {
    let mut content = der::read_tagged(&mut key, SEQUENCE)?.content;
    let modulus = without_leading_zeros(der::read_tagged(&mut content, INTEGER)?.content);
    let exponent = without_leading_zeros(der::read_tagged(&mut content, INTEGER)?.content);
    Some(RsaKey { modulus, exponent })
}

/// The `SubjectPublicKeyInfo` of an RSA key (RFC 3279, 2.3.1): what a certificate would hold of it.
#[must_use]
pub fn rsa_public_key_info(modulus: &[u8], exponent: u32) -> Vec<u8> {
    /// rsaEncryption with its parameters, NULL.
    const ALGORITHM: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let integer = |octets: &[u8]| {
        // A number whose highest bit is set would read as negative.
        let sign: &[u8] = if octets.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        der::write(INTEGER, &[sign, octets].concat())
    };
    let exponent = exponent.to_be_bytes();
    let numbers = [integer(without_leading_zeros(modulus)), integer(without_leading_zeros(&exponent))].concat();
    let key = [&[0][..], &der::write(SEQUENCE, &numbers)].concat();
    der::write(SEQUENCE, &[der::write(SEQUENCE, ALGORITHM), der::write(BIT_STRING, &key)].concat())
}

/// Certificates of a chain that are kept; real chains have up to five.
pub const MAX_CHAIN: usize = 16;

/// The size of a big-endian number in bits, however many zeros stand before it.
pub(crate) fn bit_length(number: &[u8]) -> usize {
    let significant = without_leading_zeros(number);
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}

pub(crate) fn without_leading_zeros(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}
