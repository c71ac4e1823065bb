//! Flights as servers send them, cut, split, changed and lying.

use super::*;

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn server_hello(version: u16, suite: u16, extensions: &[u8]) -> Vec<u8> {
    let body = [&version.to_be_bytes()[..], &[0x11; 32], &[2, 5, 5], &suite.to_be_bytes(), &[0], extensions].concat();
    message(kind::SERVER_HELLO, &body)
}

fn vector24(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[1..], content].concat()
}

fn certificate(chain: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = chain.iter().flat_map(|der| vector24(der)).collect();
    message(kind::CERTIFICATE, &vector24(&list))
}

/// Messages in records of at most `size` octets.
fn records(version: u16, messages: &[Vec<u8>], size: usize) -> Vec<u8> {
    let record = |fragment: &[u8]| {
        let length = u16::try_from(fragment.len()).unwrap();
        [&[content::HANDSHAKE][..], &version.to_be_bytes(), &length.to_be_bytes(), fragment].concat()
    };
    messages.concat().chunks(size).flat_map(record).collect()
}

const LEAF: [u8; 20] = [0xAA; 20];
const ISSUER: [u8; 9] = [0xBB; 9];

/// TLS 1.2 as Schannel speaks it: everything in one record.
fn ecdhe() -> Vec<Vec<u8>> {
    let exchange = [&[3, 0, 23, 5, 4, 1, 2, 3, 4, 4, 1, 0, 3][..], b"sig"].concat();
    vec![
        server_hello(0x0303, 0xC030, &[0, 9, 0, 23, 0, 0, 0xFF, 1, 0, 1, 0]),
        certificate(&[&LEAF, &ISSUER]),
        message(kind::SERVER_KEY_EXCHANGE, &exchange),
        message(kind::SERVER_HELLO_DONE, &[]),
    ]
}

/// TLS 1.0 with RSA key exchange, as Windows 7 speaks it.
fn rsa() -> Vec<Vec<u8>> {
    vec![server_hello(0x0301, 0x002F, &[]), certificate(&[&LEAF]), message(kind::SERVER_HELLO_DONE, &[])]
}

/// TLS 1.1 over integers, with everything that a flight may hold.
fn dhe() -> Vec<Vec<u8>> {
    let exchange = [0, 2, 0x80, 1, 0, 1, 2, 0, 1, 7, 0, 2, 8, 9];
    vec![
        server_hello(0x0302, 0x0033, &[0, 5, 0xFF, 1, 0, 1, 0]),
        certificate(&[&LEAF]),
        message(kind::CERTIFICATE_STATUS, &[1, 0, 0, 0]),
        message(kind::SERVER_KEY_EXCHANGE, &exchange),
        message(kind::CERTIFICATE_REQUEST, &[1, 1, 0, 0]),
        message(kind::SERVER_HELLO_DONE, &[]),
    ]
}

fn goldens() -> [Vec<u8>; 4] {
    [
        records(0x0303, &ecdhe(), 1 << 14),
        records(0x0301, &rsa(), 30),
        records(0x0302, &dhe(), 7),
        records(0x0300, &[server_hello(0x0300, 0x0005, &[]), rsa()[1..].concat()], 1 << 14),
    ]
}

fn read(pieces: &[&[u8]]) -> (State, Flight) {
    let mut reader = FlightReader::new();
    for piece in pieces {
        reader.feed(piece);
    }
    (reader.state(), reader.finish())
}

fn end_of(stream: &[u8]) -> (State, Vec<Anomaly>) {
    let (state, flight) = read(&[stream]);
    (state, flight.anomalies)
}

#[test]
fn a_flight_over_elliptic_curves_is_read_in_full() {
    let (state, flight) = read(&[&goldens()[0]]);
    assert_eq!((state, flight.anomalies.as_slice()), (State::Done, &[][..]));
    let hello = flight.server_hello.unwrap();
    assert_eq!((hello.version, hello.cipher_suite, hello.raw), (0x0303, 0xC030, ecdhe()[0].clone()));
    assert_eq!(flight.certificates, [LEAF.to_vec(), ISSUER.to_vec()]);
    let exchange = flight.server_key_exchange.unwrap();
    assert_eq!(exchange.parameters, Parameters::NamedCurve { group: 23, point: vec![4, 1, 2, 3, 4] });
    assert_eq!((exchange.signature_algorithm, exchange.signature), (Some(0x0401), Some(b"sig".to_vec())));
    assert_eq!((flight.record_version, flight.certificate_requested, flight.alerts), (Some(0x0303), false, vec![]));
}

#[test]
fn a_flight_without_a_server_key_exchange_is_whole() {
    let (state, flight) = read(&[&goldens()[1]]);
    assert_eq!((state, flight.anomalies.as_slice()), (State::Done, &[][..]));
    assert_eq!((flight.server_hello.unwrap().version, flight.server_key_exchange), (0x0301, None));
    let (state, flight) = read(&[&goldens()[3]]);
    assert_eq!((state, flight.anomalies.as_slice()), (State::Done, &[][..]));
    assert_eq!((flight.server_hello.unwrap().version, flight.certificates), (0x0300, vec![LEAF.to_vec()]));
}

#[test]
fn everything_that_a_flight_may_hold_is_noticed() {
    let (state, flight) = read(&[&goldens()[2]]);
    // The status was not asked for.
    assert_eq!((state, flight.anomalies), (State::Done, vec![Anomaly::TlsNotOffered]));
    assert!(flight.certificate_requested);
    let exchange = flight.server_key_exchange.unwrap();
    let expected = Parameters::DiffieHellman { prime_bits: 16, generator_bits: 2, public_bits: 3 };
    assert_eq!((exchange.parameters, exchange.signature), (expected, Some(vec![8, 9])));
}

#[test]
fn pieces_of_any_size_give_the_same_flight() {
    for golden in goldens() {
        let whole = read(&[&golden]);
        for split in 0..=golden.len() {
            let (head, tail) = golden.split_at(split);
            assert_eq!(read(&[head, tail]), whole, "split at {split}");
        }
        assert_eq!(read(&golden.chunks(1).collect::<Vec<_>>()), whole);
    }
}

#[test]
fn records_of_any_size_give_the_same_flight() {
    let whole = read(&[&records(0x0303, &ecdhe(), 1 << 14)]);
    for size in 1..ecdhe().concat().len() {
        assert_eq!(read(&[&records(0x0303, &ecdhe(), size)]), whole, "records of {size}");
    }
}

/// What `early` has understood must stand in `late` as well, which goes on with other bytes.
fn assert_keeps(early: &Flight, late: &Flight, context: &str) {
    if early.server_hello.is_some() {
        assert_eq!(early.server_hello, late.server_hello, "{context}");
    }
    assert!(late.certificates.starts_with(&early.certificates), "{context}");
    if early.server_key_exchange.is_some() {
        assert_eq!(early.server_key_exchange, late.server_key_exchange, "{context}");
    }
    assert!(late.alerts.starts_with(&early.alerts), "{context}");
    assert!(late.certificate_requested >= early.certificate_requested, "{context}");
}

#[test]
fn every_truncation_keeps_what_was_whole() {
    for golden in goldens() {
        let (_, whole) = read(&[&golden]);
        let mut kept = Flight::default();
        for end in 0..golden.len() {
            let (state, flight) = read(&[&golden[..end]]);
            assert_eq!(state, State::NeedMore, "cut at {end}");
            assert_keeps(&kept, &flight, "a longer cut");
            assert_keeps(&flight, &whole, "the whole");
            kept = flight;
        }
    }
    // The leaf is there as soon as its last octet is, although its message goes on.
    let golden = goldens()[0].clone();
    let leaf_end = golden.windows(20).position(|window| window == LEAF).unwrap() + 20;
    assert_eq!(read(&[&golden[..leaf_end - 1]]).1.certificates.len(), 0);
    let (_, flight) = read(&[&golden[..leaf_end]]);
    assert_eq!((flight.certificates, flight.anomalies), (vec![LEAF.to_vec()], vec![Anomaly::TruncatedAnswer]));
}

#[test]
fn every_one_byte_change_keeps_what_stood_before_it() {
    for golden in goldens() {
        for position in 0..golden.len() {
            let (_, before) = read(&[&golden[..position]]);
            for value in 0..=u8::MAX {
                let mut bytes = golden.clone();
                bytes[position] = value;
                let (_, changed) = read(&[&bytes]);
                assert_keeps(&before, &changed, &format!("byte {position} = {value:#x}"));
            }
        }
    }
}

/// A generator with a fixed seed (xorshift), so that a failure can be seen again.
struct Chance(u64);

impl Chance {
    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn random_changes_are_read_alike_in_one_piece_and_in_many() {
    let mut chance = Chance(0x5EED_F116_4711);
    for _ in 0..20_000 {
        let mut bytes = goldens()[chance.below(4)].clone();
        for _ in 0..=chance.below(6) {
            let position = chance.below(bytes.len());
            match chance.below(4) {
                0 => drop(bytes.remove(position)),
                1 => bytes.insert(position, chance.octet()),
                2 => bytes[position] ^= 1 << chance.below(8),
                _ => bytes[position] = chance.octet(),
            }
        }
        let size = 1 + chance.below(40);
        assert_eq!(read(&bytes.chunks(size).collect::<Vec<_>>()), read(&[&bytes]), "{bytes:x?} in {size}");
    }
}

/// An alert in a record of its own.
fn alert(level: u8, description: u8) -> Vec<u8> {
    vec![content::ALERT, 3, 1, 0, 2, level, description]
}

#[test]
fn warnings_and_hello_requests_are_passed_over() {
    let hello_request = message(kind::HELLO_REQUEST, &[]);
    let mut stream = alert(1, 112);
    for message in ecdhe() {
        // In the middle of a message too, which TLS 1.2 does not forbid.
        let (head, tail) = message.split_at(3);
        stream.extend(records(0x0303, &[hello_request.clone(), head.to_vec()], 1 << 14));
        stream.extend(alert(1, 100));
        stream.extend(records(0x0303, &[tail.to_vec()], 1 << 14));
    }
    let (state, flight) = read(&[&stream]);
    assert_eq!((state, flight.alerts.len(), flight.anomalies), (State::Done, 5, vec![]));
    assert_eq!((flight.certificates.len(), flight.server_key_exchange.is_some()), (2, true));
}

#[test]
fn an_alert_that_ends_the_flight_costs_nothing_that_came_before() {
    let hello = records(0x0301, &rsa()[..2], 1 << 14);
    for (level, description, anomaly) in [(2, 40, None), (1, 0, None), (7, 40, Some(Anomaly::TlsMalformed))] {
        let (state, flight) = read(&[&[hello.clone(), alert(level, description), goldens()[0].clone()].concat()]);
        assert_eq!(state, State::Ended(Ending::Alert(Alert { level, description })));
        assert_eq!((flight.certificates.len(), flight.alerts.len()), (1, 1));
        assert_eq!(flight.anomalies, Vec::from_iter(anomaly));
    }
    // In two records of one octet each.
    let halves = [21, 3, 0, 0, 1, 2, 21, 3, 0, 0, 1, 70];
    let (state, flight) = read(&[&halves]);
    assert_eq!(state, State::Ended(Ending::Alert(Alert { level: 2, description: 70 })));
    assert_eq!(flight.record_version, Some(0x0300), "an SSL 3.0 server shows its version here alone");
}

#[test]
fn a_flood_of_alerts_is_kept_in_part() {
    let (state, flight) = read(&[&alert(1, 90).repeat(1000)]);
    assert_eq!((state, flight.alerts.len()), (State::NeedMore, MAX_ALERTS));
}

#[test]
fn what_is_not_tls_1_2_or_older_is_told_apart() {
    let ended = |stream: &[u8]| end_of(stream);
    assert_eq!(ended(b"\x80\x03\x00\x00\x01"), (State::Ended(Ending::Sslv2), vec![Anomaly::Sslv2Answer]));
    assert_eq!(ended(b"SSH-2.0-OpenSSH_9.2"), (State::Ended(Ending::NotTls), vec![Anomaly::NotTls]));
    assert_eq!(ended(b"\x03\x00\x00\x09\x02\xf0\x80\x21\x80"), (State::Ended(Ending::NotTls), vec![Anomaly::NotTls]));
    assert_eq!(ended(b""), (State::NeedMore, vec![]));
    let garbage_behind = [records(0x0301, &rsa()[..2], 1 << 14), b"garbage".to_vec()].concat();
    assert_eq!(ended(&garbage_behind), (State::Ended(Ending::Malformed), vec![Anomaly::TlsMalformed]));
    for content_type in [20, 23] {
        let resumed = [records(0x0301, &rsa()[..1], 1 << 14), vec![content_type, 3, 1, 0, 1, 1]].concat();
        assert_eq!(ended(&resumed), (State::Ended(Ending::Encrypted), vec![Anomaly::TlsUnexpectedMessage]));
    }
}

#[test]
fn tls13_is_recognised_and_a_downgrade_is_no_anomaly() {
    let hello = server_hello(0x0303, 0x1301, &[0, 6, 0, 43, 0, 2, 3, 4]);
    let stream = [records(0x0303, &[hello], 1 << 14), vec![20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 9]].concat();
    let (state, flight) = read(&[&stream]);
    assert_eq!((state, flight.anomalies), (State::Ended(Ending::Encrypted), vec![Anomaly::TlsNotOffered]));
    assert_eq!(flight.server_hello.unwrap().selected_version(), 0x0304);

    let mut messages = rsa();
    messages[0][30..38].copy_from_slice(b"DOWNGRD\x00");
    let (state, flight) = read(&[&records(0x0301, &messages, 1 << 14)]);
    assert_eq!((state, flight.anomalies), (State::Done, vec![]));
    assert!(flight.server_hello.unwrap().downgrade().is_some());
}

#[test]
fn a_certificate_message_of_16_megabytes_is_refused_at_its_header() {
    let huge = [kind::CERTIFICATE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC];
    let stream = records(0x0303, &[ecdhe()[0].clone(), huge.to_vec()], 1 << 14);
    let (state, flight) = read(&[&stream]);
    assert_eq!((state, flight.anomalies), (State::Ended(Ending::TooLong), vec![Anomaly::TlsMessageTooLarge]));
    assert!(flight.server_hello.is_some());
    // The length by itself is allowed; the bytes that would fill it are too many.
    let large = [kind::CERTIFICATE, 2, 0, 0, 1, 0xFF, 0xFD, 0, 0, 2, 7, 7].to_vec();
    let stream =
        [records(0x0303, &[ecdhe()[0].clone(), large], 1 << 14), records(0x0303, &[vec![0; MAX_LENGTH]], 1 << 14)]
            .concat();
    let (state, flight) = read(&[&stream]);
    assert_eq!(state, State::Ended(Ending::TooLong));
    assert_eq!(flight.anomalies, [Anomaly::TooManyBytes, Anomaly::ChainTooLong]);
    assert_eq!((flight.certificates.len(), flight.certificates[0].as_slice()), (MAX_CHAIN, &[7, 7][..]));
}

#[test]
fn an_endless_row_of_empty_messages_ends() {
    let nothing = records(0x0303, &[vec![0; MAX_LENGTH * 2]], 1 << 14);
    let started = std::time::Instant::now();
    for size in [1, 1000, nothing.len()] {
        let (state, flight) = read(&nothing.chunks(size).collect::<Vec<_>>());
        assert_eq!((state, flight.anomalies), (State::Ended(Ending::TooLong), vec![Anomaly::TooManyBytes]));
    }
    let empty_records = [22, 3, 3, 0, 0].repeat(100_000);
    assert_eq!(end_of(&empty_records).1, [Anomaly::TlsRecordLength, Anomaly::TooManyBytes]);
    assert!(started.elapsed().as_secs() < 20, "the work must grow with the bytes, not with their square");
}

#[test]
fn a_chain_is_kept_up_to_its_sixteenth_certificate() {
    let chain: Vec<Vec<u8>> = (0..17).map(|number| vec![number; 3]).collect();
    let borrowed: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let flight = |chain: &[&[u8]]| {
        read(&[&records(0x0303, &[ecdhe()[0].clone(), certificate(chain), ecdhe()[3].clone()], 1 << 14)])
    };
    let (state, at_most) = flight(&borrowed[..16]);
    assert_eq!((state, at_most.certificates.len(), at_most.anomalies), (State::Done, 16, vec![]));
    let (state, cut) = flight(&borrowed);
    assert_eq!((state, cut.certificates.len(), cut.anomalies), (State::Done, 16, vec![Anomaly::ChainTooLong]));
    let (state, none) = flight(&[]);
    assert_eq!((state, none.certificates.len(), none.anomalies), (State::Done, 0, vec![]));
}

#[test]
fn messages_twice_or_out_of_order_do_not_replace_the_first() {
    let [hello, chain, exchange, done] = <[Vec<u8>; 4]>::try_from(ecdhe()).unwrap();
    let other = [server_hello(0x0301, 0x0005, &[]), certificate(&[b"other"])].concat();
    let twice = records(0x0303, &[hello.clone(), chain.clone(), other, exchange.clone(), done.clone()], 1 << 14);
    let (state, flight) = read(&[&twice]);
    assert_eq!((state, flight.anomalies), (State::Done, vec![Anomaly::TlsUnexpectedMessage]));
    assert_eq!((flight.server_hello.unwrap().raw, flight.certificates.len()), (hello.clone(), 2));

    let headless = records(0x0303, &[chain, hello, exchange, done], 1 << 14);
    let (state, flight) = read(&[&headless]);
    assert_eq!((state, flight.anomalies), (State::Done, vec![Anomaly::TlsUnexpectedMessage]));
    assert_eq!((flight.certificates.len(), flight.server_key_exchange.is_some()), (2, true), "order costs no fact");

    let unknown = records(0x0303, &[message(99, &[1]), message(kind::SERVER_HELLO_DONE, &[])], 1 << 14);
    assert_eq!(end_of(&unknown), (State::Done, vec![Anomaly::TlsUnexpectedMessage]));
}

#[test]
fn answers_that_were_not_offered_are_named() {
    let with = |messages: &[Vec<u8>]| end_of(&records(0x0303, messages, 1 << 14)).1;
    for hello in [
        server_hello(0x0303, 0x0001, &[]),
        server_hello(0x0303, 0x002F, &[0, 4, 0, 35, 0, 0]),
        server_hello(0x7F1C, 0x002F, &[]),
    ] {
        assert_eq!(with(&[hello]), [Anomaly::TlsNotOffered]);
    }
    let mut other_group = ecdhe();
    other_group[2][6] = 99;
    assert_eq!(with(&other_group), [Anomaly::TlsNotOffered]);
    let mut other_signature = ecdhe();
    other_signature[2][13] = 9;
    assert_eq!(with(&other_signature), [Anomaly::TlsNotOffered]);
}
