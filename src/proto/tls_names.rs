//! Names of TLS numbers, as IANA and the RFCs write them; a number without a name is written `0xc0ff`.

use std::borrow::Cow;

/// How the two sides of a cipher suite agree on a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchange {
    /// RSA: the client encrypts to the certificate's key, and the server signs nothing.
    Rsa,
    /// Signed ephemeral Diffie-Hellman over integers.
    Dhe,
    /// Signed ephemeral Diffie-Hellman over elliptic curves.
    Ecdhe,
}

/// The cipher suites of TLS 1.0 to 1.2 that the wide ClientHello offers, in its order.
///
/// OpenSSL's server follows the client's order, so suites whose ServerKeyExchange is signed come first: they prove
/// that the host holds its key. Left out are suites that show no certificate (anonymous, pre-shared key), those that no
/// server supports alone (ARIA, CCM) and export grade. Old Schannel is said to look at the first 64 suites only.
pub(crate) const CIPHER_SUITES: [(u16, &str); 50] = [
    (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x009A, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"),
    (0x00A2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"),
    (0x00A3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"),
    (0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256"),
    (0x006A, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256"),
    (0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"),
    (0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"),
    (0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
];

/// Suites that are not offered but may have to be named.
const TLS13_CIPHER_SUITES: [(u16, &str); 5] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
];

/// The groups of `supported_groups` that the wide ClientHello offers, in its order (RFC 8422, 7027, 7748).
pub(crate) const GROUPS: [(u16, &str); 10] = [
    (23, "secp256r1"),
    (24, "secp384r1"),
    (29, "x25519"),
    (25, "secp521r1"),
    (30, "x448"),
    (28, "brainpoolP512r1"),
    (27, "brainpoolP384r1"),
    (26, "brainpoolP256r1"),
    (22, "secp256k1"),
    (21, "secp224r1"),
];

/// Protocol versions, in the words of records.
const VERSIONS: [(u16, &str); 5] =
    [(0x0300, "SSLv3"), (0x0301, "TLSv1.0"), (0x0302, "TLSv1.1"), (0x0303, "TLSv1.2"), (0x0304, "TLSv1.3")];

/// Alert descriptions (RFC 8446, section 6, and what older versions had beside; RFC 5246, 7.2).
const ALERTS: [(u16, &str); 35] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

/// `TLSv1.0`, `SSLv3` …
#[must_use]
pub fn version(number: u16) -> Cow<'static, str> {
    name(&VERSIONS, number)
}

/// IANA's name of a cipher suite that is offered or belongs to TLS 1.3.
#[must_use]
pub fn cipher_suite(number: u16) -> Cow<'static, str> {
    find(&CIPHER_SUITES, number).map_or_else(|| name(&TLS13_CIPHER_SUITES, number), Cow::Borrowed)
}

/// IANA's name of a group.
#[must_use]
pub fn group(number: u16) -> Cow<'static, str> {
    name(&GROUPS, number)
}

/// The name of an alert's description in RFC 8446 or RFC 5246.
#[must_use]
pub fn alert(description: u8) -> Cow<'static, str> {
    name(&ALERTS, u16::from(description))
}

/// How a cipher suite exchanges keys; `None` where the suite is not one that was offered.
#[must_use]
pub fn key_exchange(cipher_suite: u16) -> Option<KeyExchange> {
    let family = find(&CIPHER_SUITES, cipher_suite)?.strip_prefix("TLS_")?.split('_').next()?;
    match family {
        "ECDHE" => Some(KeyExchange::Ecdhe),
        "DHE" => Some(KeyExchange::Dhe),
        "RSA" => Some(KeyExchange::Rsa),
        _ => None,
    }
}

fn find(table: &[(u16, &'static str)], number: u16) -> Option<&'static str> {
    table.iter().find(|(candidate, _)| *candidate == number).map(|(_, name)| *name)
}

fn name(table: &[(u16, &'static str)], number: u16) -> Cow<'static, str> {
    find(table, number).map_or_else(|| Cow::Owned(format!("{number:#06x}")), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_have_names_or_stay_numbers() {
        assert_eq!(
            (version(0x0301), version(0x0300), version(0x7F1C)),
            ("TLSv1.0".into(), "SSLv3".into(), "0x7f1c".into())
        );
        assert_eq!(cipher_suite(0x002F), "TLS_RSA_WITH_AES_128_CBC_SHA");
        assert_eq!((cipher_suite(0x1301), cipher_suite(0xC0FF)), ("TLS_AES_128_GCM_SHA256".into(), "0xc0ff".into()));
        assert_eq!((group(29), group(0x0100)), ("x25519".into(), "0x0100".into()));
        assert_eq!((alert(40), alert(255)), ("handshake_failure".into(), "0x00ff".into()));
    }

    #[test]
    fn every_offered_suite_has_a_key_exchange_and_stands_once() {
        let numbers: BTreeSet<u16> = CIPHER_SUITES.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len(), CIPHER_SUITES.len());
        assert!(numbers.iter().all(|number| key_exchange(*number).is_some()));
        assert_eq!(key_exchange(0xC030), Some(KeyExchange::Ecdhe));
        assert_eq!(key_exchange(0x0016), Some(KeyExchange::Dhe));
        assert_eq!((key_exchange(0x0005), key_exchange(0x1301)), (Some(KeyExchange::Rsa), None));
    }

    #[test]
    fn tables_are_in_order_where_they_are_looked_through_by_eye() {
        assert!(ALERTS.is_sorted() && VERSIONS.is_sorted());
    }
}
