//! What rdprint reads from hosts that play by the rules, each in their own way.

use std::time::Duration;

use rdprint::fingerprint::{Class, Confidence};
use rdprint::observe::{Anomaly, Certificate as Facts, KeyPossession, Ntlm, Observation, Stage, Status, X224Answer};
use simulator::{Certificate, Envelope, Host, Key, StringForm, TlsVersions};

use crate::support::{judge, patient, probe, probe_with};

const NAME: &str = "WIN-7K2QF0B3M1D";

fn ended(seen: &Observation) -> (Stage, Status) {
    (seen.stage, seen.status)
}

fn ntlm(seen: &Observation) -> &Ntlm {
    seen.ntlm.as_ref().unwrap_or_else(|| panic!("no NTLM facts in {seen:#?}"))
}

fn leaf(seen: &Observation) -> &Facts {
    seen.leaf().unwrap_or_else(|| panic!("no certificate in {seen:#?}"))
}

fn possession(seen: &Observation) -> KeyPossession {
    seen.tls.as_ref().unwrap().key_possession
}

#[test]
fn a_workgroup_windows_is_read_in_full() {
    let certificate = Certificate::windows(NAME);
    let seen = probe(Host::windows(NAME, 20348).certificate(certificate.clone()));
    assert_eq!(ended(&seen), (Stage::Credssp, Status::Success), "{seen:#?}");
    assert_eq!((seen.error.as_deref(), &seen.anomalies), (None, &vec![]));
    assert!(seen.rtt_us.is_some());

    let x224 = seen.x224.as_ref().unwrap();
    assert_eq!(x224.answer, Some(X224Answer::NegotiationResponse));
    assert_eq!(x224.requested_protocols.as_deref(), Some("ssl|hybrid|hybrid_ex"));
    assert_eq!(x224.selected_protocol.as_deref(), Some("hybrid_ex"));
    assert_eq!((x224.flags, x224.src_ref), (Some(0x1F), Some(0x1234)));
    assert_eq!(x224.raw.as_ref().unwrap().to_string(), "030000130ed00000123400021f080008000000");
    assert_eq!(seen.x224_first, None);

    let tls = seen.tls.as_ref().unwrap();
    assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
    assert!(tls.cipher_suite.as_ref().unwrap().starts_with("TLS_AES_"), "{tls:?}");
    assert_eq!(tls.key_exchange_group.as_deref(), Some("x25519"));
    assert_eq!(tls.key_possession, KeyPossession::Proven);

    let leaf = leaf(&seen);
    assert_eq!(leaf.der.as_ref().unwrap().0, certificate.der());
    assert_eq!(certificate.der().len(), 712 + 2 * NAME.len());
    assert_eq!((leaf.version, leaf.parse_error.as_deref(), leaf.self_signed), (Some(3), None, Some(true)));
    assert_eq!(leaf.subject.as_deref(), Some("CN=WIN-7K2QF0B3M1D"));
    assert_eq!(leaf.subject_cn.as_deref(), Some(NAME));
    assert_eq!(leaf.serial_number.as_ref().unwrap().0, certificate.serial_octets().unwrap());
    let valid = leaf.not_after.unwrap().duration_since(leaf.not_before.unwrap());
    assert_eq!(valid.as_secs(), 183 * 86_400);
    assert_eq!(leaf.signature_algorithm.as_deref(), Some("sha256WithRSAEncryption"));
    assert_eq!((leaf.public_key_algorithm.as_deref(), leaf.public_key_bits), (Some("rsaEncryption"), Some(2048)));
    assert_eq!(leaf.key_usage, ["keyEncipherment", "dataEncipherment"]);
    assert_eq!(leaf.extended_key_usage, ["serverAuth"]);

    let ntlm = ntlm(&seen);
    for name in [
        &ntlm.target_name,
        &ntlm.netbios_computer_name,
        &ntlm.netbios_domain_name,
        &ntlm.dns_computer_name,
        &ntlm.dns_domain_name,
    ] {
        assert_eq!(name.as_deref(), Some(NAME));
    }
    assert_eq!(ntlm.dns_tree_name, None);
    assert_eq!(ntlm.product_version.as_deref(), Some("10.0.20348"));
    assert_eq!(seen.ntlm_build(), Some(20348));
    assert!(ntlm.clock_skew_ms.unwrap().abs() < 5_000, "{ntlm:?}");
    assert_eq!(&ntlm.raw.as_ref().unwrap().0[..8], b"NTLMSSP\0");
}

#[test]
fn a_domain_member_shows_its_domain_and_a_skewed_clock() {
    let seen = probe(Host::windows("SRV-01", 17763).domain("corp.example.com").ntlm_skew(90_000));
    let ntlm = ntlm(&seen);
    assert_eq!(ntlm.netbios_computer_name.as_deref(), Some("SRV-01"));
    assert_eq!(ntlm.netbios_domain_name.as_deref(), Some("CORP"));
    assert_eq!(ntlm.dns_computer_name.as_deref(), Some("SRV-01.corp.example.com"));
    assert_eq!(ntlm.dns_tree_name.as_deref(), Some("corp.example.com"));
    assert_eq!(leaf(&seen).subject_cn.as_deref(), Some("SRV-01.corp.example.com"));
    assert!((85_000..95_000).contains(&ntlm.clock_skew_ms.unwrap()), "{ntlm:?}");
}

#[test]
fn hosts_without_nla_end_where_their_protocol_ends() {
    let seen = probe(Host::windows(NAME, 17763).without_nla());
    assert_eq!(ended(&seen), (Stage::Mcs, Status::Success));
    assert_eq!(seen.x224.as_ref().unwrap().selected_protocol.as_deref(), Some("ssl"));
    assert_eq!((leaf(&seen).subject_cn.as_deref(), seen.ntlm.is_some()), (Some(NAME), false));

    let bare = probe(Host::windows(NAME, 14393).classic(true));
    assert_eq!(ended(&bare), (Stage::Mcs, Status::Success));
    assert_eq!(bare.x224.as_ref().unwrap().answer, Some(X224Answer::ConfirmOnly));

    let answered = probe(Host::windows(NAME, 14393).classic(false));
    assert_eq!(ended(&answered), (Stage::Mcs, Status::Success));
    assert_eq!(answered.x224.unwrap().selected_protocol.as_deref(), Some("rdp"));
}

#[test]
fn a_refusal_that_names_its_wish_gets_a_second_try_a_second_later() {
    for (code, wanted, offered) in [(5, 3, "ssl|hybrid"), (1, 1, "ssl"), (6, 1, "ssl")] {
        let host = Host::windows(NAME, 17763).refusing_unless(code, wanted);
        let host = if wanted == 1 { host.without_nla() } else { host };
        let (seen, journal) = probe_with(patient(), host);
        assert_eq!(seen.status, Status::Success, "{seen:#?}");
        let first = seen.x224_first.as_ref().unwrap();
        assert_eq!((first.answer, first.failure_code), (Some(X224Answer::NegotiationFailure), Some(code)));
        assert_eq!(seen.x224.as_ref().unwrap().requested_protocols.as_deref(), Some(offered));
        assert_eq!(leaf(&seen).subject_cn.as_deref(), Some(NAME));
        assert_eq!((journal.connections, journal.at_once), (2, 1));
        assert!(journal.smallest_gap.unwrap() >= Duration::from_millis(900), "{journal:?}");
        let protocols: Vec<_> = journal.dialogues.iter().map(|dialogue| dialogue.protocols).collect();
        assert_eq!(protocols, [Some(11), Some(wanted)]);
    }
}

#[test]
fn a_refusal_without_a_wish_or_repeated_is_final() {
    let (seen, journal) = probe_with(patient(), Host::windows(NAME, 17763).refusing(4));
    assert_eq!(ended(&seen), (Stage::X224, Status::ApplicationError));
    assert_eq!(seen.x224.unwrap().failure_code, Some(4));
    assert_eq!(seen.error.as_deref(), Some("the server refused with 4, INCONSISTENT_FLAGS"));
    assert_eq!(journal.connections, 1);

    let (seen, journal) = probe_with(patient(), Host::windows(NAME, 17763).refusing(2));
    assert_eq!(ended(&seen), (Stage::X224, Status::ApplicationError));
    assert_eq!((seen.x224_first.unwrap().failure_code, seen.x224.unwrap().failure_code), (Some(2), Some(2)));
    assert_eq!(journal.connections, 2);
}

#[test]
fn the_key_is_proven_or_not_in_both_versions_of_tls() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let host = || Host::windows(NAME, 20348).tls_versions(versions);
        let own = probe(host());
        assert_eq!(possession(&own), KeyPossession::Proven, "{versions:?}");
        let version = own.tls.as_ref().unwrap().version.as_deref();
        assert_eq!(version, Some(if versions == TlsVersions::Only12 { "TLSv1.2" } else { "TLSv1.3" }));

        let borrowed = probe(host().key_possession(false));
        assert_eq!(possession(&borrowed), KeyPossession::Failed, "{versions:?}");
        assert_eq!(ended(&borrowed), (Stage::Credssp, Status::Success), "the host is not refused for it");
        assert_eq!(judge(borrowed).traits["key_not_possessed"], "yes");

        let version1 = probe(host().certificate(Certificate::windows(NAME).version1()));
        assert_eq!(possession(&version1), KeyPossession::Proven, "X.509 v1 in {versions:?}");
        assert_eq!((leaf(&version1).version, leaf(&version1).parse_error.as_deref()), (Some(1), None));
    }
}

#[test]
fn unusual_certificates_are_kept_and_read_as_far_as_they_go() {
    let windows = || Certificate::windows(NAME);
    let show = |certificate: Certificate| {
        let der = certificate.der().to_vec();
        let seen = probe(Host::windows(NAME, 17763).certificate(certificate));
        assert_eq!(leaf(&seen).der.as_ref().unwrap().0, der);
        assert_eq!(leaf(&seen).sha256.as_ref().unwrap().0.len(), 32);
        assert_eq!(ended(&seen), (Stage::Credssp, Status::Success), "{seen:#?}");
        assert_eq!(ntlm(&seen).netbios_computer_name.as_deref(), Some(NAME));
        seen
    };
    for form in [StringForm::Bmp, StringForm::Utf8] {
        assert_eq!(leaf(&show(windows().form(form))).subject_cn.as_deref(), Some(NAME), "{form:?}");
    }
    let sha1 = show(windows().sha1());
    assert_eq!(leaf(&sha1).signature_algorithm.as_deref(), Some("sha1WithRSAEncryption"));
    let expired = show(windows().not_before(1_500_000_000));
    assert_eq!(leaf(&expired).not_before.unwrap().to_string(), "2017-07-14T02:40:00Z");
    assert_eq!(leaf(&show(windows().serial(&[0]))).serial_number.as_ref().unwrap().0, [0]);
    let negative = show(windows().serial(&[0x80, 1]));
    assert_eq!(leaf(&negative).serial_number.as_ref().unwrap().to_string(), "8001");

    let small = show(windows().key(Key::rsa1024(3)));
    assert_eq!((leaf(&small).public_key_bits, possession(&small)), (Some(1024), KeyPossession::Proven));

    let undated = show(windows().not_before_octets(b"99never9999Z"));
    assert_eq!(leaf(&undated).subject_cn.as_deref(), Some(NAME), "one bad date costs no name");
    assert_eq!(leaf(&undated).parse_error.as_deref(), Some("cannot be parsed: notBefore"));
    assert!(leaf(&undated).not_after.is_some());
    assert_eq!(possession(&undated), KeyPossession::Proven);
    assert_eq!(undated.anomalies, [Anomaly::CertificateMalformed]);

    let no_serial = show(windows().serial(&[]));
    assert_eq!(leaf(&no_serial).parse_error.as_deref(), Some("cannot be parsed: serial number"));
    assert_eq!(leaf(&no_serial).subject_cn.as_deref(), Some(NAME));

    let nonsense = show(Certificate::bytes(b"this is no certificate".to_vec(), Key::rsa2048(1)));
    assert_eq!(possession(&nonsense), KeyPossession::Unsupported);
    assert_eq!(leaf(&nonsense).subject_cn, None);

    let issued = show(windows().issued_by("Example CA", "rdp.example.com"));
    assert_eq!((leaf(&issued).self_signed, leaf(&issued).issuer_cn.as_deref()), (Some(false), Some("Example CA")));
    assert_eq!(leaf(&issued).subject_alternative_names, ["DNS:rdp.example.com"]);
}

#[test]
fn ntlm_comes_through_whatever_it_is_wrapped_in() {
    let host = || Host::windows(NAME, 17763);
    let long = probe(host().envelope(Envelope::LongLengths));
    assert_eq!(ntlm(&long).dns_computer_name.as_deref(), Some(NAME));
    assert_eq!(long.anomalies, [Anomaly::DerLengthNotMinimal]);

    let fragmented = probe(host().fragmented());
    assert_eq!((ntlm(&fragmented).dns_computer_name.as_deref(), &fragmented.anomalies), (Some(NAME), &vec![]));

    let oem = probe(host().oem_names());
    assert_eq!(ntlm(&oem).target_name.as_deref(), Some(NAME));

    let unversioned = probe(host().without_version());
    assert_eq!((ntlm(&unversioned).product_version.as_deref(), unversioned.ntlm_build()), (None, None));

    let refused = probe(host().credssp_error(0xC000_006D));
    assert_eq!(ended(&refused), (Stage::Credssp, Status::ApplicationError));
    assert_eq!(refused.credssp.as_ref().unwrap().error_code, Some(0xC000_006D));
    assert!(refused.credssp.as_ref().unwrap().raw.is_some());
    assert_eq!(leaf(&refused).subject_cn.as_deref(), Some(NAME));
}

#[test]
fn the_redvds_name_counts_by_what_stands_beside_it() {
    const REDVDS: &str = "WIN-BUNS25TD77J";
    let strongest = |host: Host| {
        let record = judge(probe(host));
        let found = record.strongest().unwrap_or_else(|| panic!("no match in {record:#?}")).clone();
        assert_eq!((found.fingerprint_id.as_str(), found.class), ("redvds", Class::CriminalImage));
        (found.confidence, found.is_finding())
    };
    assert_eq!(strongest(Host::windows(REDVDS, 20348)), (Confidence::Strong, true));
    assert_eq!(strongest(Host::windows(REDVDS, 20348).without_nla()), (Confidence::Supported, true));
    let other_certificate = Host::windows(REDVDS, 20348).without_nla().certificate(Certificate::openssl(REDVDS));
    assert_eq!(strongest(other_certificate), (Confidence::Weak, true));
    assert_eq!(strongest(Host::windows(REDVDS, 17763)), (Confidence::Contradicted, false));
    assert_eq!(strongest(Host::freerdp(REDVDS)), (Confidence::Contradicted, false));
    assert_eq!(strongest(Host::windows(REDVDS, 20348).key_possession(false)), (Confidence::Contradicted, false));
    let honest = judge(probe(Host::windows(NAME, 20348)));
    assert_eq!(honest.matches, []);
    let panel = judge(probe(Host::windows("WIN-LIVFRVQFMKO", 17763)));
    assert!(!panel.strongest().unwrap().is_finding(), "{panel:#?}");
}
