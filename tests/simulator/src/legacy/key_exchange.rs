//! `ServerKeyExchange` of signed Diffie-Hellman (RFC 5246 7.4.3, RFC 4346 7.4.3, RFC 8422 5.4), with real numbers and a real
//! signature.

use std::sync::{Arc, LazyLock};

use num_bigint::BigUint;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::{TLS12, vector8, vector16};
use crate::rsa::{Hash, RsaKey};

/// `secp256r1`, the one group of hosts that exchange keys over a curve.
pub(super) const GROUP: u16 = 23;
/// `rsa_pkcs1_sha256`, with which all of them sign in TLS 1.2.
pub(super) const SIGNATURE_ALGORITHM: u16 = 0x0401;

/// The second Oakley group (RFC 2409 6.2): the 1024 bits that Windows took up to Windows 8.1. Its generator is 2.
static PRIME: LazyLock<BigUint> = LazyLock::new(|| {
    let digits = b"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF95\
        19B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F\
        24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";
    BigUint::parse_bytes(digits, 16).unwrap()
});

/// `ServerDHParams` with a new secret, which nobody ever needs.
pub(super) fn integers() -> Vec<u8> {
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).unwrap();
    let generator = BigUint::from(2u32);
    let public = generator.modpow(&BigUint::from_bytes_be(&secret), &PRIME);
    [&*PRIME, &generator, &public].map(|number| vector16(&number.to_bytes_be())).concat()
}

/// `ServerECDHParams` on [`GROUP`] with a new secret.
pub(super) fn curve() -> Vec<u8> {
    let secret = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let point = secret.compute_public_key().unwrap();
    let [high, low] = GROUP.to_be_bytes();
    [&[3, high, low][..], &vector8(point.as_ref())].concat()
}

/// The body of the message: the parameters and the signature over both randoms and them.
pub(super) fn signed(
    parameters: &[u8],
    version: u16,
    client_random: &[u8; 32],
    random: &[u8; 32],
    key: &Arc<RsaKey>,
) -> Vec<u8> {
    let message = [client_random, random, parameters].concat();
    if version < TLS12 {
        return [parameters, &vector16(&key.sign_md5_sha1(&message))].concat();
    }
    let signature = vector16(&key.sign_pkcs1(Hash::Sha256, &message));
    [parameters, &SIGNATURE_ALGORITHM.to_be_bytes(), &signature].concat()
}
