//! Hosts that modern TLS cannot speak to, and hosts without NLA: what they say in clear is read, on a second connection where
//! the first was refused, and nothing follows it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use md5::{Digest as _, Md5};
use rdprint::observe::{
    Anomaly, CertificateKind, CertificateSource, KeyPossession, Mcs as McsFacts, Observation, Stage, Status, Tls, Via,
};
use rdprint::probe::{Depth, Settings};
use rdprint::verdict::Record;
use simulator::{
    Certificate, Dialogue, Encryption, GccFault, Host, HostJournal, Key, KeyExchange, LEGACY, LegacyTls,
    MCS_DISCONNECT, Mcs, Persona, Reply, Server, ServerData, Stage as Until, TlsVersions, Twist, truth,
};

use crate::support::{PATIENCE, impatient, judge, patient, probe, probe_with, run};

const NAME: &str = "WIN-7K2QF0B3M1D";
/// A second, less what a busy machine may take to let the server notice a close.
const NOTICED_SECOND: Duration = Duration::from_millis(900);
/// RFC 5246, 7.2: `handshake_failure`.
const REFUSED: &str = "handshake_failure";

fn old(tls: LegacyTls) -> Host {
    Host::windows(NAME, 7601).without_nla().legacy(tls)
}

fn tls(seen: &Observation) -> &Tls {
    seen.tls.as_ref().unwrap_or_else(|| panic!("no TLS facts in {seen:#?}"))
}

fn mcs(seen: &Observation) -> &McsFacts {
    seen.mcs.as_ref().unwrap_or_else(|| panic!("no MCS facts in {seen:#?}"))
}

fn leaf(seen: &Observation) -> &[u8] {
    let leaf = seen.leaf().unwrap_or_else(|| panic!("no certificate in {seen:#?}"));
    &leaf.der.as_ref().unwrap().0
}

fn only(settings: Settings) -> Settings {
    Settings { depth: Depth::Certificate, ..settings }
}

/// Two connections, the second for the flight alone: never at once, a second between, and no byte after the flight.
fn assert_second_look(journal: &HostJournal, suite: u16) {
    let [first, second] = &journal.dialogues[..] else { panic!("not two connections: {journal:#?}") };
    assert_eq!((journal.connections, journal.at_once), (2, 1));
    assert!(journal.smallest_gap.unwrap() >= NOTICED_SECOND, "{:?}", journal.smallest_gap);
    let hello = |dialogue: &Dialogue| dialogue.hello.clone().unwrap_or_else(|| panic!("no hello in {dialogue:#?}"));
    assert!(!hello(first).suites.contains(&suite) && hello(second).suites.contains(&suite), "{journal:#?}");
    assert!(hello(second).supported_versions.is_empty(), "it does not claim TLS 1.3");
    assert_ne!(hello(first).random, hello(second).random);
    assert_eq!((first.protocols, &first.cookie), (second.protocols, &second.cookie));
    assert_eq!((first.flight, second.clear_bytes), (false, 0), "{second:#?}");
}

#[test]
fn what_modern_tls_refuses_is_read_on_a_second_connection_a_second_later() {
    for kind in LEGACY {
        for reply in [Reply::Alert(40), Reply::Close, Reply::Reset] {
            let host = old(kind.clone().reply(reply));
            let der = host.certificate.der().to_vec();
            let (seen, journal) = probe_with(patient(), host);
            assert_second_look(&journal, kind.suite);
            assert!(journal.dialogues[1].flight);

            let (status, error) = match reply {
                Reply::Alert(_) => (Status::HandshakeError, None),
                Reply::Close => (Status::ConnectionClosed, Some("the host closed the connection")),
                _ => (Status::ConnectionClosed, Some("the host reset the connection")),
            };
            assert_eq!((seen.stage, seen.status), (Stage::Tls, status), "{kind:?} {reply:?}: {seen:#?}");
            assert!(error.is_none_or(|error| seen.error.as_deref() == Some(error)), "{seen:#?}");
            let tls = tls(&seen);
            assert_eq!(tls.alert.as_deref(), matches!(reply, Reply::Alert(_)).then_some(REFUSED));
            assert_eq!(tls.via, Some(Via::ClearFlight));
            assert_eq!(tls.client_hello_id.as_deref(), Some("wide-1"));
            let version = ["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"][usize::from(kind.version - 0x0300)];
            let suite = match kind.suite {
                0x0005 => "TLS_RSA_WITH_RC4_128_SHA",
                0x002F => "TLS_RSA_WITH_AES_128_CBC_SHA",
                0x0039 => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
                0x009D => "TLS_RSA_WITH_AES_256_GCM_SHA384",
                0xC014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
                _ => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            };
            assert_eq!((tls.version.as_deref(), tls.cipher_suite.as_deref()), (Some(version), Some(suite)));
            assert_eq!(leaf(&seen), der, "{kind:?}");
            assert_eq!((tls.certificates.len(), &seen.anomalies), (1, &vec![]), "{kind:?}");
            assert_eq!(tls.dh_bits, (kind.key_exchange == KeyExchange::Dhe).then_some(1024));
            let group = (kind.key_exchange == KeyExchange::Ecdhe).then_some("secp256r1");
            assert_eq!(tls.key_exchange_group.as_deref(), group);
            let possession = match (kind.key_exchange, kind.version) {
                (KeyExchange::Rsa, _) => KeyPossession::NotTested,
                (_, 0x0303) => KeyPossession::Proven,
                // MD5 with SHA-1, which ring does not verify.
                _ => KeyPossession::Unsupported,
            };
            assert_eq!(tls.key_possession, possession, "{kind:?}");
            check_server_hello(tls, &kind);
        }
    }
}

/// The ServerHello's bytes, and what is told from them.
fn check_server_hello(tls: &Tls, kind: &LegacyTls) {
    let raw = &tls.server_hello.as_ref().unwrap().0;
    assert_eq!((raw[0], usize::from(raw[3])), (2, raw.len() - 4));
    let random = &tls.server_random.as_ref().unwrap().0;
    assert_eq!(raw[6..38], random[..]);
    assert_eq!(tls.server_random_is_clock, Some(kind.clock), "{kind:?}");
    let extensions: &[&str] = match kind.version {
        0x0300 => &[],
        0x0303 => &["23", "65281"],
        _ => &["65281"],
    };
    assert_eq!(tls.extensions, extensions);
    let text = format!("{},{},{}", kind.version, kind.suite, extensions.join("-"));
    let ja3s = data_encoding::HEXLOWER.encode(&Md5::digest(text));
    assert_eq!(tls.ja3s.as_ref(), Some(&ja3s));
}

#[test]
fn another_key_under_the_certificate_is_noticed_where_the_signature_can_be_checked() {
    let borrowed = |kind: LegacyTls| probe(old(kind).key_possession(false));
    let seen = borrowed(LegacyTls::tls12_ecdhe());
    assert_eq!(tls(&seen).key_possession, KeyPossession::Failed);
    assert_eq!(judge(seen).traits["key_not_possessed"], "yes");
    for kind in [LegacyTls::tls10_dhe(), LegacyTls::tls11()] {
        assert_eq!(tls(&borrowed(kind)).key_possession, KeyPossession::Unsupported, "never called failed");
    }
}

#[test]
fn a_flight_that_came_with_the_refusal_needs_no_second_connection() {
    let host = old(LegacyTls::tls12_rsa().reply(Reply::Flight));
    let der = host.certificate.der().to_vec();
    let (seen, journal) = probe_with(patient(), host);
    assert_eq!(journal.connections, 1);
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::HandshakeError), "{seen:#?}");
    let hello = tls(&seen).client_hello_id.as_deref();
    assert_eq!((hello, tls(&seen).via, leaf(&seen)), (Some("rustls-1"), Some(Via::ClearFlight), &der[..]));
}

#[test]
fn a_host_that_refuses_both_hellos_is_asked_twice_and_no_more() {
    for reply in [Reply::Alert(70), Reply::Close, Reply::Reset] {
        let deaf = LegacyTls { suite: 0, ..LegacyTls::tls10_rsa() }.reply(reply);
        let (seen, journal) = probe_with(patient(), old(deaf));
        assert_eq!((journal.connections, journal.at_once), (2, 1));
        assert!(journal.smallest_gap.unwrap() >= NOTICED_SECOND);
        assert!(journal.dialogues.iter().all(|dialogue| dialogue.hello.is_some() && !dialogue.flight));
        assert_eq!((seen.stage, seen.leaf()), (Stage::Tls, None), "{seen:#?}");
        let error = seen.error.as_ref().unwrap();
        assert!(error.contains("; asked again: "), "both failures are told: {error}");
    }
}

#[test]
fn hosts_that_modern_tls_can_speak_to_are_not_asked_again() {
    for host in [
        Host::windows(NAME, 20348),
        Host::windows(NAME, 20348).without_nla(),
        Host::windows(NAME, 17763).classic(false),
        Host::windows(NAME, 17763).key_possession(false),
        // After the certificate nothing is missing, whatever happens then.
        Host::windows(NAME, 17763).reset_after(Until::Handshaken),
    ] {
        let (seen, journal) = probe_with(patient(), host);
        assert_eq!(journal.connections, 1, "{seen:#?}");
        let via = seen.tls.as_ref().map(|tls| (tls.via, tls.client_hello_id.as_deref()));
        assert!(via.is_none_or(|via| via == (Some(Via::Handshake), Some("rustls-1"))), "{seen:#?}");
    }
}

#[test]
fn a_host_that_ends_early_twice_is_a_record_all_the_same() {
    for host in
        [Host::windows(NAME, 17763).reset_after(Until::Hello), Host::windows(NAME, 17763).close_after(Until::Hello)]
    {
        let (seen, journal) = probe_with(patient(), host);
        assert_eq!((seen.stage, seen.status, journal.connections), (Stage::Tls, Status::ConnectionClosed, 2));
        assert!(journal.smallest_gap.unwrap() >= NOTICED_SECOND);
    }
}

#[test]
fn the_records_of_a_flight_may_have_any_size() {
    std::thread::scope(|scope| {
        for size in [1, 2, 3, 4, 5, 7, 64, 255, 256, 1000] {
            scope.spawn(move || {
                for kind in [LegacyTls::tls10_dhe(), LegacyTls::tls12_ecdhe()] {
                    let host = old(kind.fragment(size));
                    let der = host.certificate.der().to_vec();
                    let (seen, journal) = probe_with(patient(), host);
                    assert_eq!((leaf(&seen), &seen.anomalies), (&der[..], &vec![]), "records of {size}");
                    assert_eq!((journal.connections, tls(&seen).via), (2, Some(Via::ClearFlight)));
                }
            });
        }
    });
}

/// What a host of TLS 1.2 with RSA key exchange and this twist is seen to do.
fn twisted(twist: Twist) -> Observation {
    let (seen, journal) = probe_with(impatient(), old(LegacyTls::tls12_rsa().twist(twist)));
    assert_eq!((journal.connections, journal.at_once), (2, 1), "{twist:?}");
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::HandshakeError), "{twist:?}: {seen:#?}");
    assert_eq!(tls(&seen).alert.as_deref(), Some(REFUSED), "{twist:?}");
    seen
}

#[test]
fn hostile_flights_cost_nothing_that_stood_before_them() {
    let whole = Certificate::windows(NAME).sha1().der().to_vec();
    for twist in [Twist::Warnings, Twist::HelloRequests] {
        let seen = twisted(twist);
        assert_eq!((leaf(&seen), &seen.anomalies), (&whole[..], &vec![]), "{twist:?}");
    }
    for last in [0, 1] {
        let seen = twisted(Twist::Downgrade(last));
        let random = &tls(&seen).server_random.as_ref().unwrap().0;
        assert_eq!(random[24..], [b"DOWNGRD".as_slice(), &[last]].concat());
        assert_eq!((leaf(&seen), &seen.anomalies), (&whole[..], &vec![]));
    }
    let sslv2 = twisted(Twist::Sslv2);
    assert_eq!((sslv2.leaf(), &sslv2.anomalies), (None, &vec![Anomaly::Sslv2Answer]));
    assert!(sslv2.error.as_ref().unwrap().ends_with("the host answers in SSL 2.0"), "{:?}", sslv2.error);

    let tls13 = twisted(Twist::Tls13);
    assert_eq!((tls13.leaf(), &tls13.anomalies), (None, &vec![Anomaly::TlsNotOffered]));
    assert_eq!(tls(&tls13).version.as_deref(), Some("TLSv1.3"));
    assert_eq!(tls(&tls13).client_hello_id.as_deref(), Some("wide-1"));

    let huge = twisted(Twist::HugeCertificate);
    assert_eq!((huge.leaf(), &huge.anomalies), (None, &vec![Anomaly::TlsMessageTooLarge]));
    assert_eq!(tls(&huge).version.as_deref(), Some("TLSv1.2"), "the ServerHello before it is kept");

    let cut = twisted(Twist::BreakOff(4));
    assert_eq!((leaf(&cut), &cut.anomalies), (&whole[..], &vec![Anomaly::TruncatedAnswer]));
    let cut = twisted(Twist::BreakOff(40));
    assert_eq!((cut.leaf(), &cut.anomalies), (None, &vec![Anomaly::TruncatedAnswer]));
    assert!(tls(&cut).ja3s.is_some());
}

#[test]
fn endless_and_unfinished_flights_are_left_within_the_limits() {
    let empty = twisted(Twist::EmptyRecords);
    assert!(empty.anomalies.contains(&Anomaly::TlsRecordLength), "{:?}", empty.anomalies);
    let warnings = twisted(Twist::EndlessWarnings);
    for flood in [empty, warnings] {
        assert_eq!(flood.leaf(), None);
        assert!(flood.anomalies.contains(&Anomaly::TooManyBytes), "{:?}", flood.anomalies);
    }
    let unfinished = twisted(Twist::Unfinished);
    assert_eq!(leaf(&unfinished), Certificate::windows(NAME).sha1().der(), "what came before the silence is kept");
}

#[test]
fn the_name_of_an_old_host_is_matched_like_any_other() {
    let redvds = "WIN-BUNS25TD77J";
    let host = Host::windows(redvds, 20348).legacy(LegacyTls::tls10_rsa());
    let record = judge(probe(host));
    let found = record.strongest().unwrap_or_else(|| panic!("no match in {record:#?}"));
    assert_eq!((found.fingerprint_id.as_str(), found.is_finding()), ("redvds", true));
    let licensed = Certificate::windows(redvds).issued_by("Licence CA", redvds);
    let record = judge(probe(Host::windows("", 3790).classic(true).encryption(Encryption::x509(licensed))));
    assert_eq!(record.strongest().map(|found| found.fingerprint_id.as_str()), Some("redvds"), "{record:#?}");
}

/// The Connect Initial as the host read it, and that nothing came after its answer.
fn assert_one_question(journal: &HostJournal, selected: u32) {
    let [dialogue] = &journal.dialogues[..] else { panic!("not one connection: {journal:#?}") };
    let initial = dialogue.connect_initial.as_ref().unwrap_or_else(|| panic!("no Connect Initial: {dialogue:#?}"));
    assert_eq!((initial.client_name.as_str(), initial.selected), ("rdprint", Some(selected)));
    assert_eq!(initial.encryption_methods, 0x1B, "every method, so that no host has to refuse");
    assert!(dialogue.connect_answered);
    assert_eq!((dialogue.bytes_after_connect, dialogue.clear_bytes), (0, 0), "{dialogue:#?}");
}

#[test]
fn a_host_of_classic_rdp_shows_version_encryption_and_key() {
    for bare in [true, false] {
        let host = Host::windows(NAME, 7601).classic(bare);
        let certificate = host.certificate.clone();
        let (seen, journal) = probe_with(patient(), host);
        assert_eq!((seen.stage, seen.status, &seen.anomalies), (Stage::Mcs, Status::Success, &vec![]), "{seen:#?}");
        assert_one_question(&journal, 0);
        let mcs = mcs(&seen);
        assert_eq!((mcs.result, mcs.server_version.as_deref()), (Some(0), Some("5.0-8.1")));
        assert_eq!(mcs.encryption_method.as_deref(), Some("128bit"));
        assert_eq!(mcs.encryption_level.as_deref(), Some("client-compatible"));
        assert_eq!(mcs.server_random.as_ref().unwrap().0.len(), 32);
        assert_eq!(mcs.client_requested_protocols.as_deref(), Some("ssl|hybrid|hybrid_ex"));
        assert_eq!(mcs.early_capability_flags, Some(3));
        assert_eq!(mcs.certificate_kind, Some(CertificateKind::Proprietary));
        assert_eq!(mcs.raw.as_ref().unwrap().0[..2], [3, 0]);
        let (key, source) = seen.leaf_with_source().unwrap();
        assert_eq!(
            (source, key.public_key_bits, key.subject_cn.as_deref()),
            (CertificateSource::Mcs, Some(2048), None)
        );
        // The same key in a certificate of TLS has the same hash.
        let in_tls = probe(Host::windows(NAME, 17763).certificate(certificate));
        assert_eq!(key.spki_sha256, in_tls.leaf().unwrap().spki_sha256);
        assert!(key.spki_sha256.is_some());
    }
    let small = probe(Host::windows(NAME, 3790).classic(true).encryption(Encryption::proprietary(Key::rsa1024(5))));
    assert_eq!(small.leaf().unwrap().public_key_bits, Some(1024));
}

#[test]
fn a_chain_of_classic_rdp_is_read_with_the_hosts_own_certificate_first() {
    let licensed = Certificate::windows(NAME).issued_by("Licence CA", "ts.example.com");
    let host = Host::windows("", 3790).classic(true).encryption(Encryption::x509(licensed.clone()));
    let (seen, journal) = probe_with(patient(), host);
    assert_eq!((seen.stage, seen.status, &seen.anomalies), (Stage::Mcs, Status::Success, &vec![]), "{seen:#?}");
    assert_one_question(&journal, 0);
    assert_eq!(mcs(&seen).certificate_kind, Some(CertificateKind::X509));
    let chain = mcs(&seen).certificates.iter().map(|certificate| certificate.der.clone().unwrap().0);
    assert_eq!(chain.collect::<Vec<_>>(), licensed.chain());
    assert_eq!((leaf(&seen), seen.computer_name()), (licensed.der(), Some(NAME)));
}

#[test]
fn a_host_without_nla_answers_in_tls_before_any_logon() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let host = Host::windows(NAME, 20348).without_nla().tls_versions(versions);
        let der = host.certificate.der().to_vec();
        let (seen, journal) = probe_with(patient(), host);
        assert_eq!((seen.stage, seen.status, &seen.anomalies), (Stage::Mcs, Status::Success, &vec![]), "{seen:#?}");
        assert_one_question(&journal, 1);
        assert!(journal.dialogues[0].close_notify);
        assert_eq!(mcs(&seen).encryption_method.as_deref(), Some("none"));
        assert_eq!((mcs(&seen).certificate_kind, mcs(&seen).certificates.len()), (None, 0));
        assert_eq!(seen.leaf_with_source().unwrap().1, CertificateSource::Tls);
        assert_eq!((leaf(&seen), tls(&seen).key_possession), (&der[..], KeyPossession::Proven));
    }
}

/// How hosts without NLA end that answer a Connect Initial in this way, in clear and in TLS.
fn answering(answer: &Mcs) -> [Observation; 2] {
    let classic = Host::windows(NAME, 7601).classic(true).mcs(answer.clone());
    let in_tls = Host::windows(NAME, 17763).without_nla().mcs(answer.clone());
    [classic, in_tls].map(|host| {
        let (seen, journal) = probe_with(impatient(), host);
        assert_eq!((seen.stage, journal.connections), (Stage::Mcs, 1), "{answer:?}: {seen:#?}");
        assert_eq!(seen.leaf().is_some_and(|leaf| leaf.subject_cn.is_some()), seen.tls.is_some(), "TLS is kept");
        seen
    })
}

#[test]
fn answers_that_are_no_connect_response_are_named() {
    let cases: [(Mcs, Status, &[Anomaly]); 8] = [
        (Mcs::Silence, Status::IoTimeout, &[]),
        (Mcs::Close, Status::ConnectionClosed, &[]),
        (Mcs::Reset, Status::ConnectionClosed, &[]),
        (Mcs::Raw(vec![0xFF; 64]), Status::ProtocolError, &[Anomaly::NotTpkt]),
        (Mcs::Raw(vec![3, 0, 0, 5, 0]), Status::ProtocolError, &[Anomaly::TpktLength]),
        (Mcs::Raw(vec![3, 0, 0xFF, 0xFF, 2, 0xF0, 0x80, 0x7F]), Status::IoTimeout, &[]),
        (Mcs::Raw(vec![3, 0, 0, 8, 2, 0xF0, 0x80, 0x2E]), Status::ProtocolError, &[Anomaly::McsUnexpectedPdu]),
        (Mcs::Raw(MCS_DISCONNECT.to_vec()), Status::ApplicationError, &[]),
    ];
    for (answer, status, anomalies) in cases {
        for seen in answering(&answer) {
            assert_eq!(seen.status, status, "{answer:?}: {seen:#?}");
            // What is cut is told as far as it was read; which anomalies that makes is the decoder's affair.
            assert!(anomalies.iter().all(|anomaly| seen.anomalies.contains(anomaly)), "{answer:?}: {seen:#?}");
        }
    }
    let refusal = ServerData { result: 8, ..ServerData::windows(7601) };
    for seen in answering(&Mcs::Response(refusal)) {
        assert_eq!((seen.status, mcs(&seen).result), (Status::ApplicationError, Some(8)));
    }
}

#[test]
fn lying_lengths_cost_what_they_cover_and_nothing_before() {
    let cases = [
        (GccFault::BlockTooLong, Anomaly::GccMalformed, true),
        (GccFault::BlockTooShort, Anomaly::GccMalformed, false),
        (GccFault::RandomTooLong, Anomaly::GccMalformed, false),
        (GccFault::CertificateTooLong, Anomaly::GccMalformed, true),
        (GccFault::UserDataTooLong, Anomaly::GccMalformed, true),
        (GccFault::EndlessChain, Anomaly::RdpCertificateMalformed, false),
        (GccFault::KeyTooLong, Anomaly::RdpCertificateMalformed, false),
    ];
    for (fault, anomaly, has_key) in cases {
        let lying = Mcs::Response(ServerData::windows(7601).fault(fault));
        let (seen, _) = probe_with(impatient(), Host::windows(NAME, 7601).classic(true).mcs(lying));
        assert_eq!((seen.stage, seen.status), (Stage::Mcs, Status::Success), "{fault:?}: {seen:#?}");
        assert!(seen.anomalies.contains(&anomaly), "{fault:?}: {:?}", seen.anomalies);
        assert_eq!(mcs(&seen).server_version.as_deref(), Some("5.0-8.1"), "{fault:?}");
        let bits = seen.leaf().and_then(|key| key.public_key_bits);
        assert_eq!(bits, has_key.then_some(2048), "{fault:?}: {seen:#?}");
    }
}

#[test]
fn depth_certificate_stops_when_the_certificate_names_the_host() {
    // TLS 1.2: the certificate comes in clear, and the handshake is never finished.
    let (seen, journal) = probe_with(only(patient()), Host::windows(NAME, 17763));
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::Success), "{seen:#?}");
    assert_eq!((journal.connections, journal.dialogues[0].stage), (1, Until::Hello));
    assert_eq!((seen.computer_name(), tls(&seen).key_possession), (Some(NAME), KeyPossession::Proven));
    // TLS 1.3: it is encrypted, so the handshake is finished and nothing follows.
    let host = Host::windows(NAME, 20348).tls_versions(TlsVersions::Only13);
    let (seen, journal) = probe_with(only(patient()), host);
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::Success), "{seen:#?}");
    assert_eq!((journal.dialogues[0].stage, journal.dialogues[0].close_notify), (Until::Handshaken, true));
    assert_eq!((seen.computer_name(), &seen.ntlm), (Some(NAME), &None));
    // An old host shows it on the second connection, as always.
    let (seen, journal) = probe_with(only(patient()), old(LegacyTls::tls10_rsa()));
    assert_eq!((journal.connections, seen.computer_name()), (2, Some(NAME)));
    // A certificate that names no machine is not enough, nor is a key without a certificate.
    for name in [" ", "*.example.com", ".example.com"] {
        let nameless = Host::windows(NAME, 17763).certificate(Certificate::windows(name));
        let (seen, journal) = probe_with(only(patient()), nameless);
        assert_eq!((seen.stage, journal.dialogues[0].stage), (Stage::Credssp, Until::Challenged), "{seen:#?}");
    }
    let (seen, _) = probe_with(only(patient()), Host::windows(NAME, 7601).classic(true));
    assert_eq!((seen.stage, seen.status), (Stage::Mcs, Status::Success));
}

#[test]
fn a_scan_writes_what_old_hosts_show_into_its_columns() {
    let hosts = [
        Arc::new(old(LegacyTls::tls10_dhe())),
        Arc::new(Host::windows("", 3790).classic(true).encryption(Encryption::x509(Certificate::windows(NAME)))),
    ];
    let answer = move |local: SocketAddr| match local.ip() {
        IpAddr::V4(ip) => hosts.get(usize::from(ip.octets()[3]) - 1).cloned(),
        IpAddr::V6(_) => None,
    };
    let server = Server::start("0.0.0.0:0".parse().unwrap(), Arc::new(answer)).unwrap();
    let port = server.port().to_string();
    let fields = "ip,stage,tls_via,tls_client_hello_id,tls_version,tls_dh_bits,cert_source,cert_subject_cn,\
                  mcs_certificate_kind,mcs_encryption_method";
    let ran = run(&["scan", "127.66.2.1-127.66.2.2", "-p", &port, "--format", "csv", "--fields", fields]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut rows: Vec<&str> = ran.stdout.lines().skip(1).collect();
    rows.sort_unstable();
    let expected = [
        format!("127.66.2.1,tls,clear-flight,wide-1,TLSv1.0,1024,tls,{NAME},,,neutralised"),
        format!("127.66.2.2,mcs,,,,,mcs,{NAME},x509,128bit,neutralised"),
    ];
    assert_eq!(rows, expected, "{ran:?}");
    assert_eq!(server.settled(PATIENCE).host([127, 66, 2, 1]).connections, 2);
    assert_eq!(run(&["scan", "127.66.2.1", "-p", &port, "--depth", "shallow"]).code, Some(2));
}

#[test]
fn the_old_hosts_of_a_population_are_all_read() {
    const SEED: u64 = 66;
    let persona = |address: Ipv4Addr| truth(SEED, address).persona;
    let addresses = (0..4096).map(|low| Ipv4Addr::from_bits(0x7F42_1000 + low));
    let chosen: Vec<Ipv4Addr> =
        addresses.filter(|&address| matches!(persona(address), Persona::LegacyTls | Persona::Classic)).collect();
    assert!(chosen.len() > 60, "{}", chosen.len());
    let server = Server::start("0.0.0.0:0".parse().unwrap(), simulator::answer(SEED)).unwrap();
    let targets: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    let port = server.port().to_string();
    let output = ["scan", "-p", &port, "--format", "jsonl", "--write", "all"];
    // Every host makes its key when it is first asked, and a busy machine is slow at that.
    let options = [&output[..], &["--per-network", "256", "--step-timeout", "30s", "--timeout", "60s"]].concat();
    let ran = run(&[&options[..], &targets.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), chosen.len()), "{ran:?}");
    for line in ran.stdout.lines() {
        let seen = serde_json::from_str::<Record>(line).unwrap().observation;
        let IpAddr::V4(address) = seen.ip else { panic!("{line}") };
        let truth = truth(SEED, address);
        let serial = seen.leaf().and_then(|leaf| leaf.serial_number.as_ref()).map(|serial| serial.0.clone());
        let expected = truth.certificate.as_ref().map(|certificate| certificate.serial_octets().unwrap().to_vec());
        assert_eq!(serial, expected, "{truth:?}: {seen:#?}");
        assert_eq!(seen.leaf().and_then(|leaf| leaf.subject_cn.clone()), truth.dns, "{truth:?}");
        assert!(seen.leaf().is_some_and(|leaf| leaf.spki_sha256.is_some()), "every one has a key: {seen:#?}");
    }
    let journal = server.settled(PATIENCE);
    assert_eq!(journal.at_once(), 1);
    assert!(journal.smallest_gap().unwrap() >= NOTICED_SECOND);
}
