//! What a scanned host sees of rdprint: an introduction, no logon, one connection at a time, a clean end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use simulator::{Host, Server, Stage};

use crate::support::{PATIENCE, run};

/// A second, less what a busy machine may take to let the server notice a close.
const NOTICED_SECOND: Duration = Duration::from_millis(900);

#[test]
fn the_dialogue_ends_at_the_challenge_and_hosts_are_called_on_one_at_a_time() {
    let hosts = [
        Arc::new(Host::windows("WIN-7K2QF0B3M1D", 20348)),
        Arc::new(Host::windows("SRV-01", 17763).refusing_unless(5, 3)),
        Arc::new(Host::freerdp("LAB")),
    ];
    let answer = hosts.clone();
    let listen = "0.0.0.0:0".parse().unwrap();
    let servers: Vec<Server> = (0..2)
        .map(|_| {
            let hosts = answer.clone();
            let choose = move |local: std::net::SocketAddr| match local.ip() {
                IpAddr::V4(ip) => Some(hosts[usize::from(ip.octets()[3]) % hosts.len()].clone()),
                IpAddr::V6(_) => None,
            };
            Server::start(listen, Arc::new(choose)).unwrap()
        })
        .collect();
    let ports = format!("{},{}", servers[0].port(), servers[1].port());
    let ran = run(&["scan", "127.66.1.0/27", "-p", &ports, "--format", "jsonl"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 64), "{ran:?}");

    let mut spans: std::collections::BTreeMap<IpAddr, Vec<_>> = std::collections::BTreeMap::new();
    for server in &servers {
        let journal = server.settled(PATIENCE);
        assert_eq!((journal.at_once(), journal.hosts.len()), (1, 32));
        for (ip, dialogue) in journal.dialogues() {
            assert_eq!(dialogue.cookie.as_deref(), Some(b"Cookie: mstshash=rdprint".as_slice()));
            assert_eq!(dialogue.bytes_after_challenge, 0, "{dialogue:?}");
            if dialogue.stage == Stage::Challenged {
                assert!(dialogue.close_notify, "{dialogue:?}");
                let negotiate = dialogue.negotiate.as_ref().unwrap();
                assert_eq!((negotiate.len(), &negotiate[16..32]), (40, [0; 16].as_slice()), "no name of ours");
            }
            spans.entry(ip).or_default().push((dialogue.started, dialogue.ended.unwrap()));
        }
    }
    // Over both ports of a host together, not only over each: never two at once, and a second between two.
    for (ip, mut spans) in spans {
        spans.sort();
        assert!(spans.len() >= 2);
        for pair in spans.windows(2) {
            let gap = pair[1].0.checked_duration_since(pair[0].1);
            assert!(gap.is_some_and(|gap| gap >= NOTICED_SECOND), "{ip}: {gap:?}");
        }
    }
}
