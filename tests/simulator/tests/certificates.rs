//! Certificates read back by a reader that shares nothing with their encoder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use simulator::{Certificate, Key, StringForm};
use x509_parser::prelude::*;

#[test]
fn the_windows_template() {
    for name in ["A", "WIN-BUNS25TD77J", "fileserver.internal.example.com"] {
        let certificate = Certificate::windows(name);
        let der = certificate.der();
        assert_eq!(der.len(), 712 + 2 * name.len(), "the length that real certificates have");
        let (rest, parsed) = X509Certificate::from_der(der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(parsed.version(), X509Version::V3);
        assert_eq!(parsed.subject(), parsed.issuer());
        assert_eq!(parsed.subject().to_string(), format!("CN={name}"));
        let attribute = parsed.subject().iter_common_name().next().unwrap();
        assert_eq!(attribute.attr_value().header.tag().0, 19, "PrintableString");
        let validity = parsed.validity();
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 183 * 86_400);
        assert!(validity.is_valid());
        let serial = parsed.raw_serial();
        assert_eq!((serial.len(), serial[8] >> 4, serial[7] >> 6), (16, 4, 2));
        assert!((0x10..0x80).contains(&serial[0]));
        let oids: Vec<_> = parsed.extensions().iter().map(|e| (e.oid.to_id_string(), e.critical)).collect();
        assert_eq!(oids, [("2.5.29.37".to_owned(), false), ("2.5.29.15".to_owned(), false)]);
        assert_eq!(parsed.extensions()[1].value, [3, 2, 4, 0x30]);
        assert!(parsed.extended_key_usage().unwrap().unwrap().value.server_auth);
        assert_eq!(parsed.signature_algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.11");
        assert_eq!(modulus(&parsed), certificate.signing_key().modulus());
        assert!(verifies(&parsed, &ring::signature::RSA_PKCS1_2048_8192_SHA256));
    }
}

#[test]
fn certificates_made_alike_are_the_same_bytes_and_another_key_makes_another() {
    let one = Certificate::windows("A").key(Key::rsa2048(1));
    assert_eq!(one.der(), Certificate::windows("A").key(Key::rsa2048(1)).der());
    let two = Certificate::windows("A").key(Key::rsa2048(2));
    assert_ne!(one.serial_octets(), two.serial_octets());
    assert_ne!(one.der(), two.der());
}

#[test]
fn old_and_odd_forms() {
    let read = |certificate: &Certificate, check: &dyn Fn(&X509Certificate<'_>)| {
        let (rest, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        assert!(rest.is_empty());
        check(&parsed);
    };
    read(&Certificate::windows("A").version1(), &|c| {
        assert_eq!((c.version(), c.extensions().len()), (X509Version::V1, 0));
    });
    read(&Certificate::windows("A").serial(&[0]), &|c| assert_eq!(c.raw_serial(), [0]));
    read(&Certificate::windows("A").serial(&[0x80, 1]), &|c| assert_eq!(c.raw_serial(), [0x80, 1]));
    read(&Certificate::windows("A").sha1(), &|c| {
        assert!(verifies(c, &ring::signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY));
    });
    read(&Certificate::windows("A").key(Key::rsa1024(3)), &|c| {
        assert_eq!(modulus(c).len(), 128);
        assert!(verifies(c, &ring::signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY));
    });
    for (form, tag) in [(StringForm::Printable, 19), (StringForm::Utf8, 12), (StringForm::Bmp, 30)] {
        read(&Certificate::windows("Aé").form(form), &|c| {
            assert_eq!(c.subject().iter_common_name().next().unwrap().attr_value().header.tag().0, tag);
        });
    }
    read(&Certificate::openssl("A"), &|c| {
        assert_eq!(c.validity().not_after.timestamp() - c.validity().not_before.timestamp(), 365 * 86_400);
    });
}

#[test]
fn a_not_before_that_is_no_time_does_not_parse() {
    let certificate = Certificate::windows("A").not_before_octets(b"991332256199Z");
    assert!(X509Certificate::from_der(certificate.der()).is_err());
}

#[test]
fn an_authority_follows_what_it_issued() {
    let certificate = Certificate::windows("rds.example.com").issued_by("Example CA", "rds.example.com");
    let [leaf, root] = certificate.chain() else { unreachable!("two certificates") };
    let (_, leaf) = X509Certificate::from_der(leaf).unwrap();
    let (_, root) = X509Certificate::from_der(root).unwrap();
    assert_eq!(
        (leaf.issuer().to_string(), root.subject().to_string()),
        ("CN=Example CA".into(), "CN=Example CA".into())
    );
    assert_eq!(leaf.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 1);
    let key = root.public_key().subject_public_key.data.as_ref();
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(leaf.tbs_certificate.as_ref(), &leaf.signature_value.data).unwrap();
}

#[test]
fn arbitrary_bytes_and_long_chains() {
    assert_eq!(Certificate::bytes(b"no certificate".to_vec(), Key::rsa2048(0)).chain(), [b"no certificate"]);
    let long = Certificate::windows("A").chain_of(100_000);
    assert!(long.chain().iter().map(Vec::len).sum::<usize>() >= 100_000);
    assert!(X509Certificate::from_der(long.der()).is_ok());
}

fn modulus(parsed: &X509Certificate<'_>) -> Vec<u8> {
    match parsed.public_key().parsed().unwrap() {
        x509_parser::public_key::PublicKey::RSA(key) => {
            assert_eq!(key.exponent, [1, 0, 1]);
            key.modulus[1..].to_vec()
        }
        other => unreachable!("{other:?}"),
    }
}

/// Whether the certificate's signature is its own key's.
fn verifies(parsed: &X509Certificate<'_>, algorithm: &'static dyn ring::signature::VerificationAlgorithm) -> bool {
    let key = parsed.public_key().subject_public_key.data.as_ref();
    let key = ring::signature::UnparsedPublicKey::new(algorithm, key);
    key.verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data).is_ok()
}
