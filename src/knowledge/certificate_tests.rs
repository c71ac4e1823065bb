//! The template against what Windows, administrators and other servers present.

use simulator::{Certificate, Key, StringForm};

use super::*;

const NAME: &str = "WIN-BUNS25TD77J";

fn golden() -> Vec<u8> {
    Certificate::windows(NAME).der().to_vec()
}

fn form(certificate: &Certificate) -> Form {
    rdp_certificate_form(certificate.der())
}

/// Where a part of the golden certificate stands.
fn place(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = whole.windows(part.len()).position(|window| window == part).unwrap();
    start..start + part.len()
}

/// The certificate with the elements of its `TBSCertificate` changed. The signature no longer fits, which is nobody's matter here.
fn rebuilt(certificate: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let elements = |mut rest: &[u8]| {
        let mut found = Vec::new();
        while let Some(element) = der::read(&mut rest) {
            found.push(element.whole.to_vec());
        }
        found
    };
    let outer = elements(der::read(&mut &*certificate).unwrap().content);
    let mut tbs = elements(der::read(&mut &*outer[0]).unwrap().content);
    change(&mut tbs);
    let tbs = der::write(der::SEQUENCE, &tbs.concat());
    der::write(der::SEQUENCE, &[tbs, outer[1].clone(), outer[2].clone()].concat())
}

/// The golden certificate with other extensions, each given as its content.
fn with_extensions(extensions: &[&[u8]]) -> Form {
    let list = extensions.iter().flat_map(|content| der::write(der::SEQUENCE, content)).collect::<Vec<_>>();
    let explicit = der::write(der::context(3), &der::write(der::SEQUENCE, &list));
    rdp_certificate_form(&rebuilt(&golden(), |tbs| tbs[7] = explicit))
}

#[test]
fn windows_own_certificates_have_the_form() {
    for name in ["A", NAME, "DESKTOP-1A2B3C4", "srv01.corp.example.com", &"n".repeat(63)] {
        let certificate = Certificate::windows(name);
        assert_eq!(form(&certificate), Form::Yes, "{name}");
        assert_eq!(form(&certificate.clone().sha1()), Form::Yes, "{name}, as up to build 10240");
        assert_eq!(certificate.der().len(), 712 + 2 * name.len(), "{name}");
    }
    assert_eq!(form(&Certificate::windows(NAME).key(Key::rsa2048(7))), Form::Yes);
}

#[test]
fn a_name_outside_the_alphabet_is_unicode() {
    for name in ["WIN_SERVER", "büro-7", "мир"] {
        let certificate = Certificate::windows(name);
        assert_eq!(form(&certificate), Form::No(Difference::Name), "{name} is no PrintableString");
        assert_eq!(form(&certificate.clone().form(StringForm::Bmp)), Form::Yes, "{name}");
        assert_eq!(form(&certificate.form(StringForm::Utf8)), Form::Yes, "{name}");
    }
    for other in [StringForm::Bmp, StringForm::Utf8] {
        assert_eq!(form(&Certificate::windows(NAME).form(other)), Form::No(Difference::Name), "{other:?} without need");
    }
}

#[test]
fn whoever_claims_the_form_and_differs_is_told_where() {
    let windows = || Certificate::windows(NAME);
    let not_before = 1_700_000_000;
    for (certificate, difference) in [
        (windows().days(182), Difference::Validity),
        (windows().days(365), Difference::Validity),
        (windows().serial(&[0]), Difference::Serial),
        (windows().serial(&[0x12; 16]), Difference::Serial),
        (windows().key(Key::rsa1024(0)), Difference::Key),
        (windows().not_before_octets(b"2311142213Z"), Difference::Dates),
        (windows().not_before_octets(b"23111422132xZ"), Difference::Dates),
        (windows().not_before_octets(b"231331221320Z"), Difference::Dates),
        // 183 days after 2049-12-01 is 1950-06-02 to a UTCTime.
        (windows().not_before(2_522_448_000), Difference::Validity),
        // By a second.
        (windows().not_before(not_before).not_before_octets(b"231114221321Z"), Difference::Validity),
    ] {
        assert_eq!(form(&certificate), Form::No(difference), "{certificate:?}");
    }
    assert_eq!(form(&windows().not_before(not_before).not_before_octets(b"231114221320Z")), Form::Yes);
    // Over a leap day, and over a turn of the century that has one.
    assert_eq!(form(&windows().not_before(1_704_067_200)), Form::Yes);
    assert_eq!(form(&windows().not_before(946_684_799)), Form::Yes);
}

#[test]
fn serials_are_reversed_guids() {
    let serial = Certificate::windows(NAME).serial_octets().unwrap().to_vec();
    for (at, octet) in [(0, 0x0F), (0, 0x80), (0, 0xFF), (7, 0x00), (7, 0x40), (7, 0xC0), (8, 0x10), (8, 0x5F)] {
        let mut other = serial.clone();
        other[at] = octet;
        assert_eq!(
            form(&Certificate::windows(NAME).serial(&other)),
            Form::No(Difference::Serial),
            "{at}: {octet:#04x}"
        );
    }
    for length in [15, 17] {
        let mut other = serial.clone();
        other.resize(length, 0x11);
        assert_eq!(form(&Certificate::windows(NAME).serial(&other)), Form::No(Difference::Serial), "{length} bytes");
    }
}

#[test]
fn extensions_are_two_in_order() {
    let purpose = [EXTENDED_KEY_USAGE, &der::write(der::OCTET_STRING, SERVER_AUTH)].concat();
    let usage = [0x06, 0x03, 0x55, 0x1D, 0x0F, 0x04, 0x04, 0x03, 0x02, 0x04, 0x30];
    let other_usage = [0x06, 0x03, 0x55, 0x1D, 0x0F, 0x04, 0x04, 0x03, 0x02, 0x05, 0xA0];
    let key_id = [&[0x06, 0x03, 0x55, 0x1D, 0x0E, 0x04, 0x16, 0x04, 0x14][..], &[7; 20]].concat();
    let critical = [EXTENDED_KEY_USAGE, &[0x01, 0x01, 0xFF], &der::write(der::OCTET_STRING, SERVER_AUTH)].concat();
    let alternative = [SUBJECT_ALTERNATIVE_NAME, &[0x04, 0x06, 0x30, 0x04, 0x82, 0x02, b'a', b'b']].concat();
    assert_eq!(with_extensions(&[&purpose, &usage]), Form::Yes);
    for wrong in [
        &[&usage, &*purpose][..],
        &[&purpose],
        &[&purpose, &other_usage],
        &[&purpose, &usage, &key_id],
        &[&critical, &usage],
    ] {
        assert_eq!(with_extensions(wrong), Form::No(Difference::Extensions), "{wrong:x?}");
    }
    let two_purposes = [0x30, 0x14, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
    let two_purposes = [&two_purposes[..], &[0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]].concat();
    let two_purposes = [EXTENDED_KEY_USAGE, &der::write(der::OCTET_STRING, &two_purposes)].concat();
    for honest in [&[&*two_purposes, &usage][..], &[&purpose, &usage, &alternative], &[&usage], &[]] {
        assert_eq!(with_extensions(honest), Form::NotApplicable, "{honest:x?}");
    }
}

#[test]
fn honest_certificates_of_others_are_not_measured() {
    for certificate in [
        // A gateway with a bought wildcard, a member with a certificate of its domain's authority.
        Certificate::windows("*.example.com").issued_by("R11", "*.example.com"),
        Certificate::windows("srv01.corp.example.com").issued_by("corp-CA", "srv01.corp.example.com"),
        // xrdp, and whoever else calls OpenSSL.
        Certificate::openssl("xrdp"),
        Certificate::windows(NAME).version1(),
        Certificate::bytes(Vec::new(), Key::rsa2048(0)),
        Certificate::bytes(b"not a certificate".to_vec(), Key::rsa2048(0)),
        Certificate::bytes(vec![0x30; 4_000], Key::rsa2048(0)),
    ] {
        assert_eq!(form(&certificate), Form::NotApplicable, "{certificate:?}");
    }
    // A name of two parts: CN and O.
    let organisation = [0x31, 0x0A, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x0A, 0x13, 0x01, b'x'];
    let two_parts = rebuilt(&golden(), |tbs| {
        let common_name = der::read(&mut &*tbs[3]).unwrap().content.to_vec();
        tbs[3] = der::write(der::SEQUENCE, &[&common_name[..], &organisation].concat());
        tbs[5] = tbs[3].clone();
    });
    assert_eq!(rdp_certificate_form(&two_parts), Form::NotApplicable);
}

#[test]
fn bytes_behind_and_long_lengths_are_seen() {
    let mut behind = golden();
    behind.push(0);
    assert_eq!(rdp_certificate_form(&behind), Form::No(Difference::Encoding));
    let content = der::read(&mut &*golden()).unwrap().content.to_vec();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let long = [&[0x30, 0x84], &length[..], &content].concat();
    assert_eq!(rdp_certificate_form(&long), Form::No(Difference::Encoding));
    let version_2 = rebuilt(&golden(), |tbs| tbs[0] = vec![0xA0, 0x03, 0x02, 0x01, 0x01]);
    assert_eq!(rdp_certificate_form(&version_2), Form::No(Difference::Version));
    let other_algorithm = rebuilt(&golden(), |tbs| tbs[2] = SHA1_WITH_RSA.to_vec());
    assert_eq!(rdp_certificate_form(&other_algorithm), Form::No(Difference::SignatureAlgorithm));
    let with_unique_id = rebuilt(&golden(), |tbs| tbs.insert(7, vec![0x81, 0x02, 0x00, 0x01]));
    assert_eq!(rdp_certificate_form(&with_unique_id), Form::No(Difference::Extensions));
}

#[test]
fn no_truncation_has_the_form() {
    let whole = golden();
    for length in 0..whole.len() {
        assert_ne!(rdp_certificate_form(&whole[..length]), Form::Yes, "{length} bytes");
    }
}

#[test]
fn no_one_byte_change_outside_what_may_vary_has_the_form() {
    let certificate = Certificate::windows(NAME);
    let whole = golden();
    let serial = place(&whole, certificate.serial_octets().unwrap());
    let modulus = place(&whole, &certificate.signing_key().modulus());
    let signature = whole.len() - RSA_BYTES..whole.len();
    // The digits of the serial that are fixed have a test of their own.
    let may_vary = |at: &usize| [&serial, &modulus, &signature].iter().any(|range| range.contains(at));
    for at in (0..whole.len()).filter(|at| !may_vary(at)) {
        for octet in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[at] = octet;
            // The name stands twice and the dates hang together, so that a change of one byte breaks these too.
            assert_eq!(rdp_certificate_form(&changed) == Form::Yes, changed == whole, "byte {at} set to {octet:#04x}");
        }
    }
    for at in serial.chain(modulus).chain(signature) {
        let mut changed = whole.clone();
        changed[at] ^= 0xFF;
        assert_ne!(rdp_certificate_form(&changed), Form::NotApplicable, "byte {at}");
    }
}

#[test]
fn every_difference_has_a_sentence() {
    for difference in Difference::VARIANTS {
        assert!(difference.sentence().starts_with("The "), "{difference:?}");
        assert!(!difference.sentence().ends_with('.'));
    }
    assert_eq!(<&str>::from(Form::NotApplicable), "not_applicable");
    assert_eq!(<&str>::from(Form::No(Difference::Key)), "no");
}
