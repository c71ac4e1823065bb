//! Hosts that lie, break off, stall or flood: one record each, and everything seen before is kept.

use std::time::{Duration, Instant};

use rdprint::observe::{Anomaly, Observation, Stage, Status, Via, X224Answer};
use simulator::{AvFault, Certificate, Host, Script, Stage as Until};

use crate::support::{impatient, probe, probe_with};

const NAME: &str = "WIN-7K2QF0B3M1D";

fn windows() -> Host {
    Host::windows(NAME, 20348)
}

fn ended(seen: &Observation) -> (Stage, Status) {
    (seen.stage, seen.status)
}

#[test]
fn other_services_are_named() {
    let cases: [(&[u8], &str); 4] = [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "the answer looks like SSH, not like RDP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the answer looks like HTTP, not like RDP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the answer looks like TLS, not like RDP"),
        (b"\x00\xFF\x00\xFF", "the answer is not RDP"),
    ];
    for (banner, error) in cases {
        for script in [Script::Banner(banner.to_vec()), Script::Garbage(banner.to_vec())] {
            let seen = probe(Host::scripted(script));
            assert_eq!(ended(&seen), (Stage::X224, Status::ProtocolError), "{seen:#?}");
            assert_eq!((seen.error.as_deref(), &seen.anomalies), (Some(error), &vec![Anomaly::NotTpkt]));
            let x224 = seen.x224.as_ref().unwrap();
            assert_eq!(x224.answer, Some(X224Answer::NotRdp));
            assert_eq!(x224.raw.as_ref().unwrap().0, banner);
            assert!(!seen.speaks_rdp());
        }
    }
}

#[test]
fn an_endless_banner_is_cut_at_once() {
    let seen = probe(Host::scripted(Script::EndlessBanner(b"spam ".to_vec())));
    assert_eq!(ended(&seen), (Stage::X224, Status::ProtocolError));
    assert!(seen.x224.unwrap().raw.unwrap().0.len() <= 512);
}

#[test]
fn answers_that_lie_about_their_length_are_told() {
    let short = probe(Host::scripted(Script::TpktLength(5)));
    assert_eq!(ended(&short), (Stage::X224, Status::ProtocolError));
    assert_eq!(short.anomalies, [Anomaly::TpktLength]);
    let half = probe(Host::scripted(Script::HalfConfirm));
    assert_eq!(ended(&half), (Stage::X224, Status::ConnectionClosed));
    assert_eq!((&half.anomalies, half.x224.unwrap().raw.unwrap().0.len()), (&vec![Anomaly::TruncatedAnswer], 9));
    let (long, _) = probe_with(impatient(), Host::scripted(Script::TpktLength(400)));
    assert_eq!(ended(&long), (Stage::X224, Status::IoTimeout));
    assert_eq!(long.x224.unwrap().raw.unwrap().0.len(), 19, "what came is kept");
}

#[test]
fn dripping_hosts_are_left_within_the_time_allowed() {
    for script in [Script::Drip(Duration::from_secs(1)), Script::Tarpit(Duration::from_millis(50))] {
        let start = Instant::now();
        let (seen, _) = probe_with(impatient(), Host::scripted(script.clone()));
        assert!(start.elapsed() < Duration::from_secs(10), "{script:?}");
        assert_eq!(seen.stage, Stage::X224, "{seen:#?}");
        assert!(matches!(seen.status, Status::IoTimeout | Status::ProtocolError), "{seen:#?}");
        assert!(!seen.x224.unwrap().raw.unwrap().0.is_empty());
    }
}

#[test]
fn disconnects_and_unknown_protocols_are_named() {
    let disconnect = probe(Host::scripted(Script::McsDisconnect));
    assert_eq!(ended(&disconnect), (Stage::X224, Status::ApplicationError));
    assert_eq!(disconnect.x224.as_ref().unwrap().answer, Some(X224Answer::McsDisconnect));
    assert!(disconnect.speaks_rdp());

    let unknown = probe(Host::scripted(Script::Select(0x40)));
    assert_eq!(ended(&unknown), (Stage::X224, Status::ProtocolError));
    assert_eq!(unknown.anomalies, [Anomaly::ProtocolNotOffered, Anomaly::ProtocolUnknown]);
    assert_eq!(unknown.x224.unwrap().selected_protocol.as_deref(), Some("0x00000040"));

    let not_offered = probe(windows().script(Script::Select(4)));
    assert_eq!(not_offered.x224.as_ref().unwrap().selected_protocol.as_deref(), Some("rdstls"));
    assert_eq!(not_offered.anomalies, [Anomaly::ProtocolNotOffered]);
    assert_eq!(not_offered.leaf().unwrap().subject_cn.as_deref(), Some(NAME), "TLS is tried all the same");
}

#[test]
fn plain_text_in_place_of_tls_is_no_handshake() {
    let seen = probe(Host::scripted(Script::PlainText(b"\x00\x01\x00\x04\x00\x01\x00\x00\x05\x2e".to_vec())));
    assert_eq!(ended(&seen), (Stage::Tls, Status::ProtocolError));
    assert_eq!(seen.anomalies, [Anomaly::NotTls]);
    assert!(seen.speaks_rdp());
}

#[test]
fn a_chain_beyond_64_kilobytes_costs_only_itself() {
    let seen = probe(windows().certificate(Certificate::windows(NAME).chain_of(70_000)));
    assert_eq!(ended(&seen), (Stage::Tls, Status::HandshakeError), "{seen:#?}");
    assert_eq!(seen.anomalies, [Anomaly::TlsMessageTooLarge, Anomaly::CertificateMalformed]);
    assert_eq!(seen.x224.as_ref().unwrap().selected_protocol.as_deref(), Some("hybrid_ex"));
    assert_eq!(seen.tls.as_ref().unwrap().via, Some(Via::ClearFlight));
    assert_eq!(seen.leaf().unwrap().subject_cn.as_deref(), Some(NAME), "what stands before the padding is read");
}

#[test]
fn what_follows_the_challenge_cannot_take_it_back() {
    let trailers: [&[u8]; 3] =
        [b"\x15\x03\x03\x00\x02\x02\x28", b"\x17\x03\x03\x00\x20this record was never encrypted..", b"plain text"];
    for trailer in trailers {
        let seen = probe(windows().trailer(trailer.to_vec()));
        assert_eq!(ended(&seen), (Stage::Credssp, Status::Success), "{seen:#?}");
        assert_eq!(seen.ntlm.unwrap().dns_computer_name.as_deref(), Some(NAME));
    }
}

#[test]
fn a_chain_of_many_certificates_is_kept_in_part() {
    let seen = probe(windows().certificate(Certificate::windows(NAME).and_empty_entries(10_000)));
    let kept = &seen.tls.as_ref().unwrap().certificates;
    assert_eq!((ended(&seen), kept.len()), ((Stage::Credssp, Status::Success), 16));
    assert_eq!(
        (seen.anomalies.clone(), kept[0].subject_cn.as_deref()),
        (vec![Anomaly::ChainTooLong, Anomaly::CertificateMalformed], Some(NAME))
    );
}

/// What must have been seen when a host stops at each stage.
fn check_what_was_kept(seen: &Observation, until: Until) {
    let (x224, leaf) = (seen.x224.as_ref(), seen.leaf());
    match until {
        Until::Accepted | Until::Requested => {
            assert_eq!(seen.stage, Stage::X224);
            // A reset may come before the request is sent.
            assert!(x224.is_none_or(|x224| x224.answer == Some(X224Answer::NoAnswer)), "{seen:#?}");
        }
        Until::Confirmed | Until::Hello => {
            assert_eq!(seen.stage, Stage::Tls);
            assert_eq!(x224.unwrap().selected_protocol.as_deref(), Some("hybrid_ex"));
        }
        Until::Handshaken | Until::Negotiated => {
            assert_eq!(seen.stage, Stage::Credssp);
            assert_eq!(leaf.unwrap().subject_cn.as_deref(), Some(NAME));
        }
        Until::Challenged => {
            assert_eq!((seen.stage, seen.status), (Stage::Credssp, Status::Success));
            assert_eq!(seen.ntlm.as_ref().unwrap().dns_computer_name.as_deref(), Some(NAME));
        }
    }
}

const STAGES: [Until; 7] = [
    Until::Accepted,
    Until::Requested,
    Until::Confirmed,
    Until::Hello,
    Until::Handshaken,
    Until::Negotiated,
    Until::Challenged,
];

#[test]
fn a_close_or_reset_at_any_point_costs_nothing_seen_before() {
    for until in STAGES {
        for host in [windows().close_after(until), windows().reset_after(until)] {
            let seen = probe(host);
            check_what_was_kept(&seen, until);
            if until != Until::Challenged {
                assert_eq!(seen.status, Status::ConnectionClosed, "{until:?}: {seen:#?}");
            }
        }
    }
}

#[test]
fn silence_at_any_point_costs_nothing_seen_before() {
    std::thread::scope(|scope| {
        for until in STAGES {
            scope.spawn(move || {
                let (seen, _) = probe_with(impatient(), windows().silent_after(until));
                check_what_was_kept(&seen, until);
                if until != Until::Challenged {
                    assert_eq!(seen.status, Status::IoTimeout, "{until:?}: {seen:#?}");
                }
            });
        }
    });
}

#[test]
fn broken_challenges_keep_the_names_that_can_be_read() {
    let faults = [
        (AvFault::TooLong, Anomaly::NtlmAvOverlong),
        (AvFault::Unterminated, Anomaly::NtlmAvUnterminated),
        (AvFault::InvalidUtf16, Anomaly::NtlmNameNotUtf16),
        (AvFault::OddLength, Anomaly::NtlmNameNotUtf16),
    ];
    for (fault, anomaly) in faults {
        let seen = probe(windows().av_fault(fault));
        assert_eq!(ended(&seen), (Stage::Credssp, Status::Success), "{fault:?}: {seen:#?}");
        assert!(seen.anomalies.contains(&anomaly), "{fault:?}: {:?}", seen.anomalies);
        let ntlm = seen.ntlm.as_ref().unwrap();
        assert_eq!(ntlm.target_name.as_deref().map(|name| name.starts_with("WIN-")), Some(true), "{fault:?}: {ntlm:?}");
        assert!(ntlm.raw.is_some());
    }
}

#[test]
fn garbage_inside_tls_is_kept_and_named() {
    let zeros = probe(windows().ts_request(vec![0; 300]));
    assert_eq!(ended(&zeros), (Stage::Credssp, Status::ProtocolError));
    assert!(zeros.anomalies.contains(&Anomaly::NotTsRequest), "{zeros:#?}");
    assert!(!zeros.credssp.unwrap().raw.unwrap().0.is_empty());

    let empty = probe(windows().ts_request(vec![0x30, 0x03, 0x02, 0x01, 0x06]));
    assert_eq!(ended(&empty), (Stage::Credssp, Status::ProtocolError));
    assert!(empty.anomalies.contains(&Anomaly::NotNtlmChallenge), "{empty:#?}");

    let huge = probe(windows().ts_request(vec![0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0x00]));
    assert_eq!(ended(&huge), (Stage::Credssp, Status::ProtocolError));
    assert!(huge.anomalies.contains(&Anomaly::TsRequestMalformed), "{huge:#?}");
    assert_eq!(huge.leaf().unwrap().subject_cn.as_deref(), Some(NAME));
}
