//! Hosts of old seen from outside: flights in clear, and MCS Connect Responses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(missing_docs, reason = "a test")]

#[allow(dead_code, reason = "no CredSSP here")]
mod client;
#[path = "client/old.rs"]
mod old;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::{ask, connect, secure};
use md5::Digest;
use num_bigint::BigUint;
use old::{RANDOM, connect_initial, hello};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use simulator::{
    Certificate, Encryption, GccFault, Host, Key, LegacyTls, Mcs, Reply, Server, ServerData, Stage, Twist,
};
use x509_parser::prelude::{FromDer, X509Certificate};

const HERE: [u8; 4] = [127, 3, 2, 2];
const PATIENCE: Duration = Duration::from_secs(5);
/// What every old host here knows one of.
const OLD_SUITES: [u16; 7] = [0xC027, 0xC014, 0x0039, 0x009D, 0x002F, 0x0005, 0x1301];
const DONE: [u8; 4] = [14, 0, 0, 0];

fn host(legacy: LegacyTls) -> Host {
    Host::windows("OLDSERVER", 7601).without_nla().legacy(legacy)
}

/// Sends a hello and reads all records until the host says nothing more: their headers, and what is in them.
fn flight(server: &Server, version: u16, suites: &[u16]) -> (Vec<[u8; 5]>, Vec<u8>) {
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(1)).unwrap();
    tcp.write_all(&hello(version, suites)).unwrap();
    let (mut headers, mut content) = (Vec::new(), Vec::new());
    while !content.ends_with(&DONE) {
        let mut header = [0; 5];
        if tcp.read_exact(&mut header).is_err() {
            break;
        }
        let start = content.len();
        content.resize(start + usize::from(u16::from_be_bytes([header[3], header[4]])), 0);
        tcp.read_exact(&mut content[start..]).unwrap();
        headers.push(header);
    }
    (headers, content)
}

/// Handshake messages, each with its type.
fn messages(mut content: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let length = u32::from_be_bytes([0, content[1], content[2], content[3]]) as usize;
        found.push((content[0], &content[4..4 + length]));
        content = &content[4 + length..];
    }
    found
}

#[test]
fn each_old_version_answers_with_a_flight_of_its_own() {
    let cases: [(LegacyTls, u16, &[u8]); 6] = [
        (LegacyTls::sslv3(), 0x0300, &[2, 11, 14]),
        (LegacyTls::tls10_rsa(), 0x0301, &[2, 11, 14]),
        (LegacyTls::tls10_dhe(), 0x0301, &[2, 11, 12, 14]),
        (LegacyTls::tls11(), 0x0302, &[2, 11, 12, 14]),
        (LegacyTls::tls12_rsa(), 0x0303, &[2, 11, 14]),
        (LegacyTls::tls12_ecdhe(), 0x0303, &[2, 11, 12, 14]),
    ];
    for (legacy, version, kinds) in cases {
        let suite = legacy.suite;
        let host = host(legacy.clone());
        let der = host.certificate.der().to_vec();
        let server = Server::single(host).unwrap();
        let (headers, content) = flight(&server, 0x0303, &OLD_SUITES);
        assert_eq!((headers.len(), headers[0][0]), (1, 22), "{legacy:?}");
        assert_eq!(headers[0][1..3], version.to_be_bytes());
        let messages = messages(&content);
        assert_eq!(messages.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), kinds, "{legacy:?}");
        let server_hello = messages[0].1;
        assert_eq!(server_hello[..2], version.to_be_bytes());
        assert_eq!(
            (server_hello[34], &server_hello[67..70]),
            (32, &[suite.to_be_bytes()[0], suite.to_be_bytes()[1], 0][..])
        );
        let extensions: &[u8] = match version {
            0x0300 => &[],
            0x0303 => &[0, 9, 0, 23, 0, 0, 0xFF, 1, 0, 1, 0],
            _ => &[0, 5, 0xFF, 1, 0, 1, 0],
        };
        assert_eq!(&server_hello[70..], extensions);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let clock = u64::from(u32::from_be_bytes(server_hello[2..6].try_into().unwrap()));
        assert!(now.abs_diff(clock) < 10, "{clock}");
        let length = der.len();
        assert_eq!(messages[1].1.len(), length + 6);
        assert_eq!(messages[1].1[6..], der);
        let seen = server.settled(PATIENCE).host(HERE).dialogues[0].clone();
        assert_eq!((seen.stage, seen.flight, seen.clear_bytes), (Stage::Hello, true, 0));
        assert_eq!(seen.hello.unwrap().suites, OLD_SUITES);
    }
    let server = Server::single(host(LegacyTls::tls10_rsa().without_clock())).unwrap();
    let (_, content) = flight(&server, 0x0303, &OLD_SUITES);
    assert_eq!(content[6] >> 5, 7, "a time after the year 2088");
}

#[test]
fn signatures_are_those_of_the_certificate_or_of_another() {
    for legacy in [LegacyTls::tls10_dhe(), LegacyTls::tls11(), LegacyTls::tls12_ecdhe()] {
        for owner in [true, false] {
            let host = host(legacy.clone()).key_possession(owner);
            let key = host.certificate.signing_key();
            let der = host.certificate.der().to_vec();
            let server = Server::single(host).unwrap();
            let (_, content) = flight(&server, 0x0303, &OLD_SUITES);
            let messages = messages(&content);
            let (random, body) = (&messages[0].1[2..34], messages[2].1);
            let modern = legacy.version == 0x0303;
            // Two octets of length before 256 octets of signature, and the algorithm before that in TLS 1.2.
            let end = body.len() - 258 - if modern { 2 } else { 0 };
            let (parameters, signature) = (&body[..end], &body[body.len() - 256..]);
            let signed = [&RANDOM[..], random, parameters].concat();
            let holds = if modern {
                assert_eq!(body[end..end + 4], [4, 1, 1, 0]);
                let (_, parsed) = X509Certificate::from_der(&der).unwrap();
                let public = parsed.public_key().subject_public_key.data.clone();
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(&signed, signature).is_ok()
            } else {
                let hashes =
                    [md5::Md5::digest(&signed).as_slice(), digest(&SHA1_FOR_LEGACY_USE_ONLY, &signed).as_ref()]
                        .concat();
                let modulus = BigUint::from_bytes_be(&key.modulus());
                let opened =
                    BigUint::from_bytes_be(signature).modpow(&BigUint::from(65_537u32), &modulus).to_bytes_be();
                // 00 01 FF … FF 00, whose first octet a number does not show.
                let padding = [&[1][..], &[0xFF; 217], &[0]].concat();
                opened == [padding, hashes].concat()
            };
            assert_eq!(holds, owner, "{legacy:?}");
        }
    }
}

#[test]
fn a_hello_without_their_suites_is_turned_away_as_each_host_does() {
    let offer = |reply: Reply| {
        let server = Server::single(host(LegacyTls::tls10_rsa().reply(reply))).unwrap();
        let mut tcp = connect(HERE, server.port());
        ask(&mut tcp, Some(1)).unwrap();
        tcp.write_all(&hello(0x0303, &[0x1301, 0xC02F])).unwrap();
        let mut answer = Vec::new();
        let end = tcp.read_to_end(&mut answer).map_err(|error| error.kind());
        let seen = server.settled(PATIENCE).host(HERE).dialogues[0].clone();
        assert!(!seen.flight);
        (answer, end.map(|_| ()))
    };
    assert_eq!(offer(Reply::Alert(40)), (b"\x15\x03\x01\0\x02\x02\x28".to_vec(), Ok(())));
    assert_eq!(offer(Reply::Close), (vec![], Ok(())));
    assert_eq!(offer(Reply::Reset), (vec![], Err(ErrorKind::ConnectionReset)));
    // A version that is too high for the client is refused as well, but a host that answers anything answers that too.
    let server = Server::single(host(LegacyTls::tls12_rsa())).unwrap();
    assert_eq!(flight(&server, 0x0302, &OLD_SUITES).1, [2, 40]);
    let server = Server::single(host(LegacyTls::tls12_rsa().reply(Reply::Flight))).unwrap();
    assert!(flight(&server, 0x0302, &[0x1301]).1.ends_with(&DONE));
}

#[test]
fn twisted_flights() {
    let of = |twist: Twist| {
        let server = Server::single(host(LegacyTls::tls12_ecdhe().twist(twist))).unwrap();
        flight(&server, 0x0303, &OLD_SUITES)
    };
    let (headers, content) = of(Twist::Warnings);
    assert_eq!(headers.iter().map(|header| header[0]).collect::<Vec<_>>(), [21, 22, 21, 22, 21, 22, 21, 22]);
    assert_eq!(content[..2], [1, 112]);
    let (headers, content) = of(Twist::HelloRequests);
    assert_eq!(headers.len(), 4);
    assert_eq!(messages(&content).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0, 2, 0, 11, 0, 12, 0, 14]);
    let (_, content) = of(Twist::Downgrade(0));
    assert_eq!(content[30..38], *b"DOWNGRD\0");
    let mut cut = Vec::new();
    let server = Server::single(host(LegacyTls::tls12_rsa().twist(Twist::BreakOff(9)))).unwrap();
    begin(&server).read_to_end(&mut cut).unwrap();
    assert_eq!(usize::from(u16::from_be_bytes([cut[3], cut[4]])), cut.len() - 5 + 9);

    let server = Server::single(host(LegacyTls::tls12_ecdhe().fragment(1))).unwrap();
    let (headers, content) = flight(&server, 0x0303, &OLD_SUITES);
    assert_eq!((headers.len(), content.ends_with(&DONE)), (content.len(), true));

    let (headers, content) = of_silent(Twist::Unfinished);
    assert_eq!((headers, messages(&content).last().unwrap().0), (1, 12));
    let (headers, content) = of_silent(Twist::Tls13);
    assert_eq!((headers, content.ends_with(&[0xA5; 512])), (2, true));
}

/// The number of records, and what is in them, of a host that then stays silent.
fn of_silent(twist: Twist) -> (usize, Vec<u8>) {
    let server = Server::single(host(LegacyTls::tls12_ecdhe().twist(twist))).unwrap();
    let mut tcp = begin(&server);
    tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let (mut records, mut content, mut header) = (0, Vec::new(), [0; 5]);
    while tcp.read_exact(&mut header).is_ok() {
        let mut fragment = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        tcp.read_exact(&mut fragment).unwrap();
        content.extend(fragment);
        records += 1;
    }
    (records, content)
}

/// A connection on which the wide hello was sent.
fn begin(server: &Server) -> TcpStream {
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(1)).unwrap();
    tcp.write_all(&hello(0x0303, &OLD_SUITES)).unwrap();
    tcp
}

#[test]
fn floods_last_as_long_as_they_are_read() {
    for twist in [Twist::HugeCertificate, Twist::EmptyRecords, Twist::EndlessWarnings] {
        let server = Server::single(host(LegacyTls::tls12_ecdhe().twist(twist))).unwrap();
        let mut tcp = begin(&server);
        let mut much = vec![0; 8 << 20];
        tcp.read_exact(&mut much).unwrap();
        if twist == Twist::HugeCertificate {
            let certificate = 5 + 4 + 2 + 32 + 33 + 2 + 1 + 11;
            assert_eq!(much[certificate + 5..certificate + 9], [11, 0xFF, 0xFF, 0xFF]);
        }
        let closed = Instant::now();
        drop(tcp);
        server.settled(PATIENCE);
        assert!(closed.elapsed() < PATIENCE, "{twist:?} goes on after its client has gone");
    }
    let server = Server::single(host(LegacyTls::tls12_rsa().twist(Twist::Sslv2))).unwrap();
    let mut start = [0; 5];
    begin(&server).read_exact(&mut start).unwrap();
    assert_eq!((start[0] >> 7, &start[2..]), (1, &[4, 0, 1][..]));
}

/// One TPKT packet.
fn packet(stream: &mut impl Read) -> Vec<u8> {
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet).unwrap();
    packet.resize(usize::from(u16::from_be_bytes([packet[2], packet[3]])), 0);
    stream.read_exact(&mut packet[4..]).unwrap();
    packet
}

/// Where `part` begins in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}

#[test]
fn a_classic_host_answers_with_its_key_and_hears_nothing_more() {
    for bare in [true, false] {
        let host = Host::windows("XP", 7601).classic(bare);
        let mut modulus = host.certificate.signing_key().modulus();
        modulus.reverse();
        let server = Server::single(host).unwrap();
        let mut tcp = connect(HERE, server.port());
        ask(&mut tcp, Some(11)).unwrap();
        tcp.write_all(&connect_initial(0)).unwrap();
        let answer = packet(&mut tcp);
        let key = find(&answer, b"RSA1\x08\x01\0\0\0\x08\0\0\xFF\0\0\0\x01\0\x01\0").unwrap();
        assert_eq!(answer[key + 20..key + 276], modulus);
        // Core data repeats what the Connection Request asked for.
        assert!(find(&answer, b"\x01\x0C\x10\0\x04\0\x08\0\x0B\0\0\0\x03\0\0\0").is_some());
        assert!(find(&answer, b"\x02\0\0\0\x02\0\0\0\x20\0\0\0").is_some(), "128 bits, client compatible");
        drop(tcp);
        let seen = server.settled(PATIENCE).host(HERE).dialogues[0].clone();
        let initial = seen.connect_initial.unwrap();
        assert_eq!(
            (initial.client_name.as_str(), initial.selected, initial.encryption_methods),
            ("tst", Some(0), 0x1B)
        );
        assert!(seen.connect_answered);
        assert_eq!((seen.bytes_after_connect, seen.clear_bytes), (0, 0));
    }
}

#[test]
fn a_chain_of_classic_rdp_ends_with_the_hosts_own_certificate() {
    let certificate = Certificate::windows("terminal.example.com").issued_by("Licence CA", "terminal.example.com");
    let chain = certificate.chain().to_vec();
    let server =
        Server::single(Host::windows("TS", 3790).classic(true).encryption(Encryption::x509(certificate))).unwrap();
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(0)).unwrap();
    tcp.write_all(&connect_initial(0)).unwrap();
    let answer = packet(&mut tcp);
    let (own, root) = (find(&answer, &chain[0]).unwrap(), find(&answer, &chain[1]).unwrap());
    assert!(root < own);
    assert_eq!(answer[root - 12..root - 4], [2, 0, 0, 0x80, 2, 0, 0, 0]);
    assert_eq!(answer[own + chain[0].len()..], [0; 16]);
}

#[test]
fn a_host_without_nla_answers_in_tls_and_counts_what_follows() {
    let server = Server::single(Host::windows("A", 20348).without_nla()).unwrap();
    let mut tcp = connect(HERE, server.port());
    ask(&mut tcp, Some(11)).unwrap();
    let (mut tls, _) = secure(tcp).unwrap();
    tls.write_all(&connect_initial(1)).unwrap();
    let answer = packet(&mut tls);
    assert!(answer.ends_with(&[2, 0x0C, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "no encryption below TLS");
    tls.write_all(b"too much").unwrap();
    tls.conn.send_close_notify();
    tls.conn.complete_io(&mut tls.sock).unwrap();
    drop(tls);
    let seen = server.settled(PATIENCE).host(HERE).dialogues[0].clone();
    assert_eq!((seen.stage, seen.connect_answered, seen.close_notify), (Stage::Handshaken, true, true));
    assert_eq!((seen.bytes_after_connect, seen.connect_initial.unwrap().selected), (8, Some(1)));
}

#[test]
fn connect_initials_can_be_refused_garbled_and_ignored() {
    let classic = || Host::windows("XP", 7601).classic(true);
    let answer = |host: Host, selected: u32| {
        let server = Server::single(host).unwrap();
        let mut tcp = connect(HERE, server.port());
        ask(&mut tcp, Some(0)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        tcp.write_all(&connect_initial(selected)).unwrap();
        let mut answer = Vec::new();
        let end = tcp.read_to_end(&mut answer).map(|_| ()).map_err(|error| error.kind());
        (answer, end)
    };
    assert_eq!(answer(classic().mcs(Mcs::Close), 0), (vec![], Ok(())));
    assert_eq!(answer(classic(), 1), (vec![], Ok(())), "the client tells another protocol than was selected");
    assert_eq!(answer(classic().mcs(Mcs::Reset), 0), (vec![], Err(ErrorKind::ConnectionReset)));
    assert_eq!(answer(classic().mcs(Mcs::Silence), 0), (vec![], Err(ErrorKind::WouldBlock)));
    assert_eq!(answer(classic().mcs(Mcs::Raw(b"what".to_vec())), 0).0, b"what");
    let honest = answer(classic(), 0).0;
    for fault in [
        GccFault::BlockTooLong,
        GccFault::BlockTooShort,
        GccFault::RandomTooLong,
        GccFault::CertificateTooLong,
        GccFault::UserDataTooLong,
        GccFault::EndlessChain,
        GccFault::KeyTooLong,
    ] {
        let lying = answer(classic().mcs(Mcs::Response(ServerData::windows(7601).fault(fault))), 0).0;
        assert_eq!(lying.len(), honest.len(), "{fault:?}");
        let security = find(&honest, b"\x02\x0C").unwrap();
        // All else but random and signature is the same.
        let changed = (0..security + 28).filter(|&place| lying[place] != honest[place]);
        let key = (security + 52..security + 90).filter(|&place| lying[place] != honest[place]);
        assert!(
            (1..=8)
                .contains(&changed.chain(key).filter(|place| !(security + 20..security + 52).contains(place)).count()),
            "{fault:?}"
        );
    }
    let small = answer(classic().encryption(Encryption::proprietary(Key::rsa1024(1))), 0).0;
    assert_eq!(small.len(), honest.len() - 128);
}
