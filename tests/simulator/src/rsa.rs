//! RSA signatures (RFC 8017) for certificates and for TLS.
//!
//! ring signs fast but refuses 1024-bit keys and SHA-1; for those the arithmetic is done here, slowly and not in constant time,
//! with keys that protect nothing.

use std::fmt;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use num_bigint::BigUint;
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{self, RsaEncoding};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::der;

const EXPONENT: u32 = 65_537;

/// The hash under an RSA signature of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, as Windows signed its own certificates up to build 10240.
    Sha1,
    /// SHA-256, as it signs them from build 14393 on.
    Sha256,
}

impl Hash {
    fn digest(self, message: &[u8]) -> digest::Digest {
        match self {
            Self::Sha1 => digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, message),
            Self::Sha256 => digest::digest(&SHA256, message),
        }
    }

    /// `AlgorithmIdentifier` of the bare hash, as `DigestInfo` holds it.
    fn identifier(self) -> Vec<u8> {
        let oid: &[u8] = match self {
            Self::Sha1 => &[0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A],
            Self::Sha256 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        };
        der::sequence(&[oid, &der::NULL])
    }
}

/// A private key, made ready to sign.
pub(crate) struct RsaKey {
    modulus: BigUint,
    p: BigUint,
    q: BigUint,
    d_p: BigUint,
    d_q: BigUint,
    q_inverse: BigUint,
    fast: Option<KeyPair>,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({} bits)", self.modulus.bits())
    }
}

impl RsaKey {
    pub(crate) fn from_primes(p: BigUint, q: BigUint) -> Self {
        // ring wants the greater prime first.
        let (p, q) = if p > q { (p, q) } else { (q, p) };
        let one = BigUint::from(1u32);
        let exponent = BigUint::from(EXPONENT);
        let modulus = &p * &q;
        let totient = (&p - &one) * (&q - &one);
        let d = exponent.modinv(&totient).unwrap();
        let (d_p, d_q) = (&d % (&p - &one), &d % (&q - &one));
        let q_inverse = q.modinv(&p).unwrap();
        let fast = (modulus.bits() >= 2048).then(|| {
            KeyPair::from_components(&KeyPairComponents {
                public_key: PublicKeyComponents { n: modulus.to_bytes_be(), e: exponent.to_bytes_be() },
                d: d.to_bytes_be(),
                p: p.to_bytes_be(),
                q: q.to_bytes_be(),
                dP: d_p.to_bytes_be(),
                dQ: d_q.to_bytes_be(),
                qInv: q_inverse.to_bytes_be(),
            })
            .unwrap()
        });
        Self { modulus, p, q, d_p, d_q, q_inverse, fast }
    }

    /// `RSAPublicKey` (RFC 8017 A.1.1).
    pub(crate) fn public_key(&self) -> Vec<u8> {
        der::sequence(&[&der::unsigned(&self.modulus.to_bytes_be()), &der::unsigned(&EXPONENT.to_be_bytes())])
    }

    /// A PKCS #1 v1.5 signature over `message`.
    pub(crate) fn sign_pkcs1(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        match (&self.fast, hash) {
            (Some(_), Hash::Sha256) => self.sign_with_ring(&signature::RSA_PKCS1_SHA256, message),
            _ => self.power(&self.pad_pkcs1(hash, message)),
        }
    }

    /// What RSA signs in TLS 1.0 and 1.1 (RFC 4346 7.4.3): MD5 and SHA-1 one after the other, without saying so.
    pub(crate) fn sign_md5_sha1(&self, message: &[u8]) -> Vec<u8> {
        let sha1 = Hash::Sha1.digest(message);
        self.power(&self.pad_type1(&[Md5::digest(message).as_slice(), sha1.as_ref()].concat()))
    }

    fn sign_with_ring(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let pair = self.fast.as_ref().unwrap();
        let mut out = vec![0; pair.public().modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut out).unwrap();
        out
    }

    fn length(&self) -> usize {
        usize::try_from(self.modulus.bits()).unwrap().div_ceil(8)
    }

    /// EMSA-PKCS1-v1_5 (RFC 8017 9.2).
    fn pad_pkcs1(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let digest = der::tlv(der::OCTET_STRING, hash.digest(message).as_ref());
        self.pad_type1(&der::sequence(&[&hash.identifier(), &digest]))
    }

    /// The padding of EMSA-PKCS1-v1_5 around any content.
    fn pad_type1(&self, info: &[u8]) -> Vec<u8> {
        let mut out = vec![0xFF; self.length() - info.len()];
        out[0] = 0x00;
        out[1] = 0x01;
        *out.last_mut().unwrap() = 0x00;
        out.extend(info);
        out
    }

    /// EMSA-PSS (RFC 8017 9.1.1) with SHA-256 and a salt of the same length, as TLS 1.3 wants it.
    fn pad_pss(&self, message: &[u8]) -> Vec<u8> {
        let mut salt = [0; 32];
        SystemRandom::new().fill(&mut salt).unwrap();
        let hash = Hash::Sha256;
        let inner = hash.digest(&[&[0; 8], hash.digest(message).as_ref(), &salt].concat());
        let mut block = vec![0; self.length() - salt.len() - 32 - 2];
        block.push(0x01);
        block.extend(salt);
        let mask = (0u32..).flat_map(|counter| {
            let part = hash.digest(&[inner.as_ref(), &counter.to_be_bytes()].concat());
            part.as_ref().to_vec()
        });
        for (byte, mask) in block.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        // The encoded message has one bit less than the modulus.
        block[0] &= 0x7F;
        block.extend(inner.as_ref());
        block.push(0xBC);
        block
    }

    /// RSASP1 (RFC 8017 5.2.1) by the Chinese remainder theorem, as long as the modulus.
    fn power(&self, encoded: &[u8]) -> Vec<u8> {
        let message = BigUint::from_bytes_be(encoded);
        let (a, b) = (message.modpow(&self.d_p, &self.p), message.modpow(&self.d_q, &self.q));
        let h = ((&a + &self.p - (&b % &self.p)) * &self.q_inverse) % &self.p;
        let signature = (b + h * &self.q).to_bytes_be();
        let mut out = vec![0; self.length() - signature.len()];
        out.extend(signature);
        out
    }
}

/// The key as rustls wants it. rustls does not check it against the certificate that it is served with.
#[derive(Debug)]
pub(crate) struct TlsKey(pub(crate) Arc<RsaKey>);

impl SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let known: &[SignatureScheme] = if self.0.fast.is_some() {
            &[
                SignatureScheme::RSA_PSS_SHA256,
                SignatureScheme::RSA_PSS_SHA384,
                SignatureScheme::RSA_PSS_SHA512,
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::RSA_PKCS1_SHA512,
            ]
        } else {
            &[SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA256]
        };
        let scheme = *known.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(TlsSigner { key: self.0.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct TlsSigner {
    key: Arc<RsaKey>,
    scheme: SignatureScheme,
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        if self.key.fast.is_none() {
            let encoded = match self.scheme {
                SignatureScheme::RSA_PSS_SHA256 => self.key.pad_pss(message),
                _ => self.key.pad_pkcs1(Hash::Sha256, message),
            };
            return Ok(self.key.power(&encoded));
        }
        let encoding: &'static dyn RsaEncoding = match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => &signature::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384 => &signature::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512 => &signature::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA384 => &signature::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512 => &signature::RSA_PKCS1_SHA512,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        Ok(self.key.sign_with_ring(encoding, message))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{
        RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;
    use crate::Key;

    fn verifies(key: Key, algorithm: &'static dyn VerificationAlgorithm, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, key.ready().public_key()).verify(b"message", signature).is_ok()
    }

    #[test]
    fn numbered_keys_sign() {
        for number in [0, 1, 77_777, Key::RSA_2048_KEYS - 1] {
            let key = Key::rsa2048(number);
            let signature = key.ready().sign_pkcs1(Hash::Sha256, b"message");
            assert!(verifies(key, &RSA_PKCS1_2048_8192_SHA256, &signature), "{number}");
            assert!(!verifies(key.other(), &RSA_PKCS1_2048_8192_SHA256, &signature), "{number}");
        }
    }

    #[test]
    fn what_ring_refuses_is_signed_here() {
        let (small, large) = (Key::rsa1024(5), Key::rsa2048(5));
        let signature = small.ready().sign_pkcs1(Hash::Sha256, b"message");
        assert!(verifies(small, &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &signature));
        for key in [small, large] {
            let signature = key.ready().sign_pkcs1(Hash::Sha1, b"message");
            assert!(verifies(key, &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, &signature));
        }
    }

    #[test]
    fn own_pss_agrees_with_ring() {
        // ring verifies PSS from 2048 bits on only; the padding is the same code for both sizes.
        let key = Key::rsa2048(9).ready();
        let signature = key.power(&key.pad_pss(b"message"));
        assert!(verifies(Key::rsa2048(9), &signature::RSA_PSS_2048_8192_SHA256, &signature));
    }
}
