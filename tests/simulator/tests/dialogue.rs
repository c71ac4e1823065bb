//! Hosts seen from outside: X.224, TLS and NTLM as a client meets them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "a test")]
#![allow(missing_docs, reason = "a test")]

mod client;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{ask, connect, dialogue, negotiate, secure};
use simulator::{
    AvFault, Certificate, Envelope, Host, Key, MCS_DISCONNECT, PROTOCOL_HYBRID, PROTOCOL_SSL, Script, Server, Stage,
    TlsVersions,
};

const HERE: [u8; 4] = [127, 3, 2, 1];
const PATIENCE: Duration = Duration::from_secs(5);

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_windows_host_tells_its_name_and_the_journal_tells_the_client() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13, TlsVersions::Both] {
        let host = Host::windows("WIN-BUNS25TD77J", 20348).tls_versions(versions);
        let der = host.certificate.der().to_vec();
        let server = Server::single(host).unwrap();
        let (answer, seen) = dialogue(HERE, server.port()).unwrap();
        assert!(contains(&answer, &utf16("WIN-BUNS25TD77J")));
        assert!(contains(&answer, &[10, 0, 0x7C, 0x4F, 0, 0, 0, 15]));
        assert_eq!((seen.chain, seen.possession), (vec![der], Some(true)));

        let journal = server.settled(PATIENCE).host(HERE);
        assert_eq!((journal.connections, journal.at_once, journal.smallest_gap), (1, 1, None));
        let [seen] = &journal.dialogues[..] else { panic!("{journal:?}") };
        assert_eq!((seen.stage, seen.protocols, seen.close_notify), (Stage::Challenged, Some(11), true));
        assert_eq!((seen.bytes_after_challenge, seen.clear_bytes), (0, 0));
        assert!(seen.negotiate.as_ref().unwrap().starts_with(b"NTLMSSP\0\x01"));
    }
}

#[test]
fn selections_and_failures() {
    let windows = Host::windows("A", 20348);
    let cases: &[(Host, Option<u32>, &[u8])] = &[
        (windows.clone(), Some(11), b"\x02\x1F\x08\0\x08\0\0\0"),
        (windows.clone(), Some(3), b"\x02\x1F\x08\0\x02\0\0\0"),
        (windows.clone(), Some(1), b"\x03\0\x08\0\x05\0\0\0"),
        (windows.clone(), None, b"\x03\0\x08\0\x05\0\0\0"),
        (Host::windows("A", 26100), Some(11), b"\x02\x3F\x08\0\x08\0\0\0"),
        (Host::windows("A", 7601), Some(11), b"\x02\x01\x08\0\x02\0\0\0"),
        (windows.clone().without_nla(), Some(11), b"\x02\x1F\x08\0\x01\0\0\0"),
        (windows.clone().without_nla(), Some(0), b"\x03\0\x08\0\x01\0\0\0"),
        (windows.clone().classic(true), Some(11), b""),
        (windows.clone().classic(false), Some(11), b"\x02\x1F\x08\0\0\0\0\0"),
        (windows.clone().refusing(2), Some(11), b"\x03\0\x08\0\x02\0\0\0"),
        (windows.clone().refusing_unless(2, 3), Some(11), b"\x03\0\x08\0\x02\0\0\0"),
        (windows.clone().refusing_unless(2, 3), Some(3), b"\x02\x1F\x08\0\x02\0\0\0"),
        (Host::freerdp("vm"), Some(11), b"\x02\x03\x08\0\x02\0\0\0"),
        (windows.clone().script(Script::Select(16)), Some(11), b"\x02\x1F\x08\0\x10\0\0\0"),
    ];
    for (number, (host, protocols, expected)) in cases.iter().enumerate() {
        let server = Server::single(host.clone()).unwrap();
        let answer = ask(&mut connect(HERE, server.port()), *protocols).unwrap();
        assert_eq!(&answer[11..], *expected, "case {number}");
    }
}

#[test]
fn certificates_that_rustls_would_not_serve_by_itself() {
    let windows = || Host::windows("A", 20348);
    let template = || Certificate::windows("A");
    let cases = [
        (windows().key_possession(false), Some(false)),
        (windows().certificate(template().version1()), Some(true)),
        (windows().certificate(template().serial(&[0])), Some(true)),
        (windows().certificate(template().serial(&[0x80])), Some(true)),
        (windows().certificate(template().sha1()), Some(true)),
        (windows().certificate(template().key(Key::rsa1024(1))).tls_versions(TlsVersions::Only12), Some(true)),
        (windows().certificate(template().issued_by("CA", "a.example.com")), Some(true)),
        (windows().certificate(template().not_before_octets(b"never")), None),
        (windows().certificate(Certificate::bytes(b"no certificate".to_vec(), Key::rsa2048(8))), None),
        (windows().certificate(template().chain_of(60_000)), Some(true)),
    ];
    for (number, (host, possession)) in cases.into_iter().enumerate() {
        let chain = host.certificate.chain().to_vec();
        let server = Server::single(host).unwrap();
        let (answer, seen) = dialogue(HERE, server.port()).unwrap();
        assert_eq!((seen.chain, seen.possession), (chain, possession), "case {number}");
        assert!(contains(&answer, b"NTLMSSP\0\x02"), "case {number}");
    }
}

#[test]
fn small_keys_sign_in_tls_1_3_too() {
    let host = Host::windows("A", 20348).certificate(Certificate::windows("A").key(Key::rsa1024(1)));
    let server = Server::single(host.tls_versions(TlsVersions::Only13)).unwrap();
    // ring does not verify PSS below 2048 bits, so that the client cannot tell.
    assert_eq!(dialogue(HERE, server.port()).unwrap().1.possession, Some(false));
}

#[test]
fn a_chain_of_more_than_64_kilobytes_is_sent_whole() {
    let host = Host::windows("A", 20348).tls_versions(TlsVersions::Only12);
    let server = Server::single(host.certificate(Certificate::windows("A").chain_of(200_000))).unwrap();
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(11)).unwrap();
    // rustls as a client refuses more than 64 KB, so the flight is read as it stands: record headers off, then messages.
    tcp.write_all(include_bytes!("client/hello12.bin")).unwrap();
    let mut flight = Vec::new();
    while flight.len() < 200_000 {
        let mut header = [0; 5];
        tcp.read_exact(&mut header).unwrap();
        assert_eq!(header[0], 22, "a record of the handshake");
        let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        tcp.read_exact(&mut record).unwrap();
        flight.extend(record);
    }
    let length = |at: usize| u32::from_be_bytes([0, flight[at], flight[at + 1], flight[at + 2]]) as usize;
    let certificate = 4 + length(1);
    assert_eq!((flight[0], flight[certificate]), (2, 11));
    assert!(length(certificate + 1) > 200_000);
}

#[test]
fn envelopes_and_fragments() {
    let windows = || Host::windows("A", 20348);
    let told = |host: Host| {
        let server = Server::single(host).unwrap();
        dialogue(HERE, server.port()).unwrap().0
    };
    assert!(contains(&told(windows().fragmented()), b"NTLMSSP\0\x02"));
    assert_eq!(told(windows().envelope(Envelope::LongLengths))[..2], [0x30, 0x84]);
    assert!(told(windows().credssp_error(0xC000_006D)).ends_with(&[0xA4, 6, 2, 4, 0xC0, 0, 0, 0x6D]));
    assert_eq!(told(windows().ts_request(vec![0x04, 0x01, 0x00])), [4, 1, 0]);
    assert!(contains(&told(windows().ntlm_raw(b"raw".to_vec())), b"\x04\x03raw"));
    assert!(contains(&told(windows().av_fault(AvFault::TooLong)), &[3, 0, 0xFF, 0xFF]));
    assert!(!told(windows().av_fault(AvFault::Unterminated)).ends_with(&[0; 4]));
    assert!(contains(&told(windows().without_version()), &[0; 8]));
    assert!(contains(&told(Host::freerdp("vm")), &0xE288_82B7u32.to_le_bytes()));
    assert!(contains(&told(windows().domain("corp.example.com")), &utf16("A.corp.example.com")));
}

#[test]
fn scripts_before_tls() {
    let read = |script: Script| {
        let server = Server::single(Host::scripted(script)).unwrap();
        let mut tcp = connect(HERE, server.port());
        tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        tcp.write_all(&client::request(Some(11))).unwrap();
        let mut out = Vec::new();
        // What matters is what came before the silence or the end.
        tcp.take(100_000).read_to_end(&mut out).ok();
        out
    };
    assert_eq!(read(Script::Banner(b"SSH-2.0-x\r\n".to_vec())), b"SSH-2.0-x\r\n");
    assert_eq!(read(Script::EndlessBanner(b"abc".to_vec())).len(), 100_000);
    assert_eq!(read(Script::Garbage(b"?".to_vec())), b"?");
    assert_eq!(read(Script::HalfConfirm), [3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12]);
    assert_eq!(read(Script::TpktLength(0xFFFF))[..5], [3, 0, 0xFF, 0xFF, 14]);
    assert_eq!(read(Script::McsDisconnect), MCS_DISCONNECT);
    assert_eq!(read(Script::Drip(Duration::from_millis(1))).len(), 19);
    assert_eq!(read(Script::Tarpit(Duration::from_secs(9))), [3]);
    assert!(read(Script::PlainText(b"text".to_vec())).ends_with(b"text"));
}

#[test]
fn a_protocol_that_was_not_offered_goes_on_as_such() {
    for (protocol, stage) in [(PROTOCOL_SSL, Stage::Handshaken), (PROTOCOL_HYBRID, Stage::Challenged)] {
        let server = Server::single(Host::scripted(Script::Select(protocol))).unwrap();
        let mut tcp = connect(HERE, server.port());
        ask(&mut tcp, Some(0)).unwrap();
        let (mut tls, _) = secure(tcp).unwrap();
        negotiate_if(&mut tls, stage);
        drop(tls);
        let journal = server.settled(PATIENCE).host(HERE);
        assert_eq!((journal.dialogues[0].stage, journal.dialogues[0].close_notify), (stage, false));
    }
}

fn negotiate_if(tls: &mut rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>, stage: Stage) {
    if stage == Stage::Challenged {
        negotiate(tls).unwrap();
    }
}

#[test]
fn hosts_stop_where_they_are_told_to() {
    let stages =
        [Stage::Accepted, Stage::Requested, Stage::Confirmed, Stage::Hello, Stage::Handshaken, Stage::Negotiated];
    for stage in stages {
        let server = Server::single(Host::windows("A", 17763).reset_after(stage)).unwrap();
        // Depending on the moment, the reset is met while sending or while receiving.
        let error = dialogue(HERE, server.port()).unwrap_err().kind();
        assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error), "{stage:?}: {error}");
        assert_eq!(server.settled(PATIENCE).host(HERE).dialogues[0].stage, stage);

        let server = Server::single(Host::windows("A", 17763).close_after(stage)).unwrap();
        let error = dialogue(HERE, server.port()).unwrap_err().kind();
        assert_eq!(error, ErrorKind::UnexpectedEof, "{stage:?}");
        assert_eq!(server.settled(PATIENCE).host(HERE).dialogues[0].stage, stage);

        let server = Server::single(Host::windows("A", 17763).silent_after(stage)).unwrap();
        let mut tcp = connect(HERE, server.port());
        tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let told = ask(&mut tcp, Some(3)).and_then(|_| negotiate(&mut secure(tcp)?.0));
        assert_eq!(told.unwrap_err().kind(), ErrorKind::WouldBlock, "{stage:?}");
        assert_eq!(server.settled(PATIENCE).host(HERE).dialogues[0].stage, stage);
    }
}

#[test]
fn an_address_without_a_host_resets() {
    let host = Arc::new(Host::windows("A", 17763));
    let answer = move |local: SocketAddr| (local.ip() == std::net::IpAddr::from(HERE)).then(|| host.clone());
    let server = Server::start(SocketAddr::from(([0, 0, 0, 0], 0)), Arc::new(answer)).unwrap();
    dialogue(HERE, server.port()).unwrap();
    dialogue([127, 0, 0, 9], server.port()).unwrap_err();
    let journal = server.settled(PATIENCE);
    assert_eq!((journal.connections(), journal.host(HERE).connections), (2, 1));
    assert_eq!(journal.host([127, 0, 0, 9]).dialogues[0].stage, Stage::Accepted);
}

#[test]
fn the_journal_measures_overlaps_and_gaps() {
    let server = Server::single(Host::windows("A", 17763)).unwrap();
    let (one, two) = (connect(HERE, server.port()), connect(HERE, server.port()));
    server.wait_for(PATIENCE, |journal| journal.open == 2);
    drop((one, two));
    let journal = server.wait_for(PATIENCE, |journal| journal.connections() == 2 && journal.open == 0).host(HERE);
    assert_eq!((journal.connections, journal.at_once, journal.smallest_gap), (2, 2, Some(Duration::ZERO)));

    let server = Server::single(Host::windows("A", 17763)).unwrap();
    for _ in 0..2 {
        dialogue(HERE, server.port()).unwrap();
        server.settled(PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    let journal = server.settled(PATIENCE).host(HERE);
    assert_eq!(journal.at_once, 1);
    assert!(journal.smallest_gap.unwrap() >= Duration::from_millis(50));
}

#[test]
fn a_slow_host_thinks_three_times_and_notices_who_leaves() {
    let server = Server::single(Host::windows("A", 17763).delay(Duration::from_millis(60))).unwrap();
    let start = Instant::now();
    dialogue(HERE, server.port()).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(180));

    let server = Server::single(Host::windows("A", 17763).delay(Duration::from_secs(30))).unwrap();
    connect(HERE, server.port()).write_all(&client::request(Some(11))).unwrap();
    let seen = server.wait_for(PATIENCE, |journal| journal.connections() == 1 && journal.open == 0).host(HERE);
    assert_eq!((seen.dialogues[0].stage, seen.dialogues[0].ended.is_some()), (Stage::Requested, true));
}

#[test]
fn what_goes_beyond_the_challenge_is_counted() {
    let server = Server::single(Host::windows("A", 17763)).unwrap();
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(11)).unwrap();
    let (mut tls, _) = secure(tcp).unwrap();
    negotiate(&mut tls).unwrap();
    tls.write_all(b"too much").unwrap();
    drop(tls);
    let seen = server.settled(PATIENCE).host(HERE);
    assert_eq!((seen.dialogues[0].bytes_after_challenge, seen.dialogues[0].close_notify), (8, false));
}
