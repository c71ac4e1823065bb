//! The server certificate of classic RDP security (MS-RDPBCGR 2.2.1.4.3.1): a bare signed key or an X.509 chain.

use super::Anomaly;
use super::reader::Reader;
use super::x509::{MAX_CHAIN, bit_length, without_leading_zeros};

/// MS-RDPELE 2.2.1.4.2: a chain has at most 200 certificates.
const LONGEST_CHAIN: u32 = 200;
/// `dwVersion`: the highest bit says that the certificate is temporary.
const TEMPORARY: u32 = 0x8000_0000;
const BB_RSA_KEY_BLOB: u16 = 6;
const BB_RSA_SIGNATURE_BLOB: u16 = 8;

/// A server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdpCertificate {
    /// The bytes as they were sent.
    pub raw: Vec<u8>,
    /// Whether `dwVersion` says that it is temporary.
    pub is_temporary: bool,
    /// What it holds.
    pub kind: Kind,
}

/// The two kinds of server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A proprietary certificate (2.2.1.4.3.1.1): a bare RSA key of the server's own, without a name and signed with a key
    /// that the specification publishes (5.3.3.1.1), so that the signature proves nothing.
    Proprietary {
        /// The key; `None` where it is broken.
        key: Option<RsaKey>,
    },
    /// An X.509 chain (2.2.1.4.3.1.2), root first as it was sent; the server's own is the last. At most [`MAX_CHAIN`],
    /// each possibly no certificate.
    X509 {
        /// The chain in DER.
        chain: Vec<Vec<u8>>,
        /// Whether it is as long as it says: of a chain that breaks off, nobody knows which certificate is the server's.
        is_whole: bool,
    },
    /// Neither, or broken off before that can be said.
    Unread,
}

/// `RSA_PUBLIC_KEY` (2.2.1.4.3.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// The modulus, most significant octet first and without leading zeros, as in X.509; it is sent the other way round.
    pub modulus: Vec<u8>,
    /// `pubExp`.
    pub exponent: u32,
    /// Size of the modulus in bits.
    pub bits: usize,
}

impl RdpCertificate {
    /// Decodes a server certificate, as far as it can be understood.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> (Self, Vec<Anomaly>) {
        let mut reader = Reader::new(bytes);
        let version = reader.u32_le().unwrap_or_default();
        let mut anomalies = Vec::new();
        let (kind, is_whole) = match version & !TEMPORARY {
            1 => proprietary(&mut reader),
            2 => x509_chain(&mut reader, &mut anomalies),
            _ => (Kind::Unread, false),
        };
        if !is_whole {
            anomalies.push(Anomaly::RdpCertificateMalformed);
        }
        (Self { raw: bytes.to_vec(), is_temporary: version & TEMPORARY != 0, kind }, anomalies)
    }
}

/// The key, and whether everything around it is as specified.
fn proprietary(reader: &mut Reader<'_>) -> (Kind, bool) {
    let key = proprietary_key(reader);
    let is_whole = key.is_some() && signature(reader).is_some() && reader.is_empty();
    (Kind::Proprietary { key }, is_whole)
}

fn proprietary_key(reader: &mut Reader<'_>) -> Option<RsaKey> {
    // dwSigAlgId and dwKeyAlgId have one value each: RSA.
    if (reader.u32_le()?, reader.u32_le()?, reader.u16_le()?) != (1, 1, BB_RSA_KEY_BLOB) {
        return None;
    }
    let length = usize::from(reader.u16_le()?);
    let mut blob = Reader::new(reader.bytes(length)?);
    if blob.array()? != *b"RSA1" {
        return None;
    }
    let key_length = usize::try_from(blob.u32_le()?).ok()?;
    // bitlen and datalen follow from the modulus.
    let _lengths = (blob.u32_le()?, blob.u32_le()?);
    let exponent = blob.u32_le()?;
    let mut modulus = blob.bytes(key_length)?.to_vec();
    modulus.reverse();
    // Eight octets of zeros pad it.
    let modulus = without_leading_zeros(&modulus).to_vec();
    let bits = bit_length(&modulus);
    (bits > 0).then_some(RsaKey { modulus, exponent, bits })
}

fn signature(reader: &mut Reader<'_>) -> Option<()> {
    let kind = reader.u16_le()?;
    let length = usize::from(reader.u16_le()?);
    reader.bytes(length)?;
    (kind == BB_RSA_SIGNATURE_BLOB).then_some(())
}

/// The chain's last certificates, and whether it is as long as it says.
fn x509_chain(reader: &mut Reader<'_>, anomalies: &mut Vec<Anomaly>) -> (Kind, bool) {
    let count = reader.u32_le().unwrap_or_default();
    let mut chain = Vec::new();
    for _ in 0..count.min(LONGEST_CHAIN) {
        let length = reader.u32_le().and_then(|length| usize::try_from(length).ok());
        let Some(certificate) = length.and_then(|length| reader.bytes(length)) else { break };
        chain.push(certificate);
    }
    let is_counted = count > 0 && usize::try_from(count).is_ok_and(|count| count == chain.len());
    let is_whole = is_counted && chain.iter().all(|certificate| !certificate.is_empty());
    let kept = chain.split_off(chain.len().saturating_sub(MAX_CHAIN));
    if !chain.is_empty() {
        anomalies.push(Anomaly::ChainTooLong);
    }
    // Padding of 8 + 4 * count octets follows.
    (Kind::X509 { chain: kept.into_iter().map(<[u8]>::to_vec).collect(), is_whole }, is_whole)
}

#[cfg(test)]
#[path = "rdp_certificate_tests.rs"]
mod tests;
