//! Certificates of which a source holds the bytes.

use data_encoding::BASE64_NOPAD;

use super::facts::Stated;
use crate::observe::{Anomaly, Certificate};
use crate::proto::x509::MAX_CHAIN;

/// The certificates, every hash worked out from the bytes. `leaf` is what the source states of the first.
pub(super) fn certificates(
    chain: impl IntoIterator<Item = Vec<u8>>,
    leaf: &Stated,
    anomalies: &mut Vec<Anomaly>,
) -> Vec<Certificate> {
    let mut chain = chain.into_iter();
    let certificates: Vec<Certificate> =
        chain.by_ref().take(MAX_CHAIN).map(|der| Certificate::from_der(&der)).collect();
    if chain.next().is_some() {
        anomalies.push(Anomaly::ChainTooLong);
    }
    if certificates.iter().any(|certificate| certificate.parse_error.is_some()) {
        anomalies.push(Anomaly::CertificateMalformed);
    }
    if let Some(certificate) = certificates.first() {
        leaf.check(certificate, anomalies);
    }
    certificates
}

/// The bytes of base64, with or without padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=').as_bytes();
    BASE64_NOPAD.decode(text).ok().filter(|der| !der.is_empty())
}

/// The bytes of the first certificate of a PEM text (RFC 7468).
pub(super) fn from_pem(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let base64: String = body.split_ascii_whitespace().collect();
    from_base64(&base64)
}
