//! The simulator as a child process. Without the usual harness, because the child is this program started again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod client;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use simulator::{Certificate, ChildServer, Kind, NLA_NAME, Persona, Tally, truth};

fn main() {
    simulator::run_as_child_if_asked();
    one_host_at_every_address();
    tls_without_rdp();
    old_hosts_and_what_they_saw();
    the_population_is_that_of_the_seed();
}

fn one_host_at_every_address() {
    let delay = Duration::from_millis(30);
    let child = ChildServer::spawn(1, Kind::Nla { delay }).unwrap();
    let pid = child.pid();
    for last in [1, 2] {
        let start = Instant::now();
        let (answer, _) = client::dialogue([127, 5, 5, last], child.port()).unwrap();
        assert!(contains(&answer, NLA_NAME));
        assert!(start.elapsed() >= 3 * delay);
    }
    drop(child);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the child ended and was waited for");
}

fn tls_without_rdp() {
    let child = ChildServer::spawn(1, Kind::Tls).unwrap();
    let (_, seen) = client::secure(client::connect([127, 5, 6, 1], child.port())).unwrap();
    assert_eq!(seen.chain, Certificate::windows(NLA_NAME).chain());
    assert_eq!(seen.possession, Some(true));
}

fn old_hosts_and_what_they_saw() {
    for (kind, number) in [(Kind::Legacy, 40), (Kind::Deaf, 40)] {
        let child = ChildServer::spawn(1, kind).unwrap();
        for _ in 0..2 {
            let mut tcp = client::connect([127, 5, 7, 1], child.port());
            client::ask(&mut tcp, Some(11)).unwrap();
            tcp.write_all(include_bytes!("client/hello12.bin")).unwrap();
            let mut answer = Vec::new();
            tcp.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, [21, 3, 1, 0, 2, 2, number]);
            std::thread::sleep(Duration::from_millis(100));
        }
        let Tally { connections, addresses, at_once, smallest_gap } = child.finish().unwrap();
        assert_eq!((connections, addresses, at_once), (2, 1, 1));
        assert!(smallest_gap.unwrap() >= Duration::from_millis(90), "{smallest_gap:?}");
    }
}

fn the_population_is_that_of_the_seed() {
    let child = ChildServer::spawn(7, Kind::Population).unwrap();
    let mut met = 0;
    for truth in (1..=60).map(|last| truth(7, Ipv4Addr::new(127, 6, 0, last))) {
        let outcome = client::dialogue(truth.address.octets(), child.port());
        match truth.persona {
            Persona::Closed => assert!(outcome.is_err(), "{truth:?}"),
            Persona::Generated | Persona::Human | Persona::Member | Persona::PanelA => {
                let (answer, seen) = outcome.unwrap();
                assert!(contains(&answer, &truth.name.unwrap()));
                assert!(contains(&answer, &truth.dns.unwrap()));
                assert_eq!(seen.chain, truth.certificate.unwrap().chain());
                assert_eq!(seen.possession, Some(true));
                met += 1;
            }
            // Slow and hostile ones take their time; they have tests of their own.
            _ => {}
        }
    }
    assert!(met > 15, "{met}");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.windows(text.len()).any(|window| window == text)
}
