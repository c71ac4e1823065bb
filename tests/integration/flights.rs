//! Flights that no server of the simulator sends: written out by hand, one for each connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use rdprint::observe::{Observation, Stage, Status, Tls, Via};
use rdprint::probe::{Depth, Pace, Prober, Settings};
use simulator::Certificate;

use crate::support::patient;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 9);
const NAME: &str = "WIN-7K2QF0B3M1D";
/// RFC 5246, 7.2: fatal, `handshake_failure`.
const REFUSAL: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28";
const DONE: &[u8] = b"\x0e\x00\x00\x00";

fn record(message: &[u8]) -> Vec<u8> {
    [b"\x16\x03\x03", &u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn server_hello(version: u16, suite: u16) -> Vec<u8> {
    let body = [&version.to_be_bytes()[..], &[7; 32], &[0], &suite.to_be_bytes(), &[0]].concat();
    record(&[&[2, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat())
}

fn certificate(name: &str) -> Vec<u8> {
    let certificate = Certificate::windows(name);
    let der = &certificate.chain()[0];
    let length = |added: usize| u32::try_from(der.len() + added).unwrap().to_be_bytes()[1..].to_vec();
    record(&[&[11][..], &length(6), &length(3), &length(0), der].concat())
}

/// Answers one connection after the other: a Connection Confirm for SSL, then, after the hello, each piece of its flight
/// with a pause behind it. Then it waits for the client's end.
fn look(settings: Settings, flights: Vec<Vec<Vec<u8>>>) -> Observation {
    let listener = TcpListener::bind((ADDRESS, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let count = flights.len();
    let serving = thread::spawn(move || {
        for flight in flights {
            let (mut tcp, _) = listener.accept().unwrap();
            tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            read_some(&mut tcp);
            tcp.write_all(b"\x03\0\0\x13\x0E\xD0\0\0\x12\x34\0\x02\x01\x08\0\x01\0\0\0").unwrap();
            read_some(&mut tcp);
            for piece in flight {
                tcp.write_all(&piece).unwrap();
                thread::sleep(Duration::from_millis(200));
            }
            while read_some(&mut tcp) > 0 {}
        }
    });
    let prober = Prober::new(settings, Pace::per_second(NonZeroU32::new(1000).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(prober.probe(address)).unwrap();
    serving.join().unwrap_or_else(|_| panic!("there were not {count} connections: {seen:#?}"));
    seen
}

fn read_some(tcp: &mut TcpStream) -> usize {
    tcp.read(&mut [0; 2048]).unwrap_or_default()
}

fn tls(seen: &Observation) -> &Tls {
    seen.tls.as_ref().unwrap()
}

#[test]
fn facts_of_two_answers_do_not_mix() {
    let first = [server_hello(0x0303, 0xC02F), REFUSAL.to_vec()].concat();
    let second = [certificate(NAME), record(DONE)].concat();
    let seen = look(patient(), vec![vec![first], vec![second]]);
    let tls = tls(&seen);
    assert_eq!((seen.computer_name(), tls.via), (Some(NAME), Some(Via::ClearFlight)));
    assert_eq!((&tls.version, &tls.ja3s, &tls.server_random, &tls.client_hello_id), (&None, &None, &None, &None));
    assert_eq!(tls.alert.as_deref(), Some("handshake_failure"), "what ended the first stays");
}

#[test]
fn a_flight_is_the_same_in_whatever_pieces_it_comes() {
    let pieces = [server_hello(0x0301, 0x002F), certificate(NAME), record(DONE)];
    let at_once = look(patient(), vec![vec![pieces.concat()]]);
    let piecemeal = look(patient(), vec![pieces.to_vec()]);
    for seen in [&at_once, &piecemeal] {
        assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::HandshakeError), "{seen:#?}");
        assert_eq!(tls(seen).client_hello_id.as_deref(), Some("rustls-1"), "one connection was enough");
        assert_eq!(seen.computer_name(), Some(NAME));
    }
    assert_eq!((tls(&at_once), &at_once.error), (tls(&piecemeal), &piecemeal.error));
}

#[test]
fn the_lightest_touch_takes_no_flight_that_could_not_go_on() {
    let lightest = || Settings { depth: Depth::Certificate, ..patient() };
    let rest = || [certificate(NAME), record(DONE)].concat();
    let flights =
        [rest(), [server_hello(0x0303, 0x009C), rest()].concat(), [server_hello(0x0300, 0x0005), rest()].concat()];
    for flight in flights {
        let seen = look(lightest(), vec![vec![flight]]);
        assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::HandshakeError), "{seen:#?}");
        assert_eq!(seen.computer_name(), Some(NAME), "it is read all the same");
    }
}
