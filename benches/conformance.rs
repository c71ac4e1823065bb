#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a measurement: whatever goes wrong should stop it loudly"
)]
//! What rdprint and nmap each get from every behaviour that is known of RDP servers:
//! `cargo bench --bench conformance -- --write` makes `docs/conformance.md`, as root and in about ten minutes;
//! without `--write` the page is printed.
//!
//! Each row is one host: a simulated one on a loopback address of its own, or a real server of the rig that the integration
//! tests start. rdprint looks first, nmap at least a second later, and each has a time limit. Where the real servers cannot be
//! started, their rows say so.

#[path = "conformance/looks.rs"]
mod looks;
#[path = "conformance/page.rs"]
mod page;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/integration/real_servers/mod.rs"]
mod real_servers;
#[path = "conformance/rows.rs"]
mod rows;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

use looks::{Look, Truth};
use real_servers::{Rig, expected};
use simulator::Server;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conformance.md");
/// Hosts that are looked at side by side; most of the time is spent waiting for those that say nothing.
const SIDE_BY_SIDE: usize = 8;
/// Between the two programs.
const PAUSE: Duration = Duration::from_millis(1100);

/// A behaviour and what both programs got from it.
pub(crate) struct Row {
    pub(crate) behaviour: String,
    /// What rdprint and nmap got, or why nobody looked.
    pub(crate) looks: Result<[Look; 2], String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let is_asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !is_asked("--bench") {
        println!("nothing is looked at without --bench");
        return ExitCode::SUCCESS;
    }
    if let Err(error) = looks::version("nmap", "--version") {
        eprintln!("nmap cannot be run, and half of the table is its own: {error}");
        return ExitCode::FAILURE;
    }
    let mut sections: Vec<(&str, Vec<Row>)> =
        rows::sections().into_iter().map(|(title, hosts)| (title, simulated(hosts))).collect();
    let (real, missing) = match Rig::attempt() {
        Ok(rig) => (real(rig), None),
        Err(why) => {
            eprintln!("NOT RUN: the real servers did not start: {why}");
            let not_run = |row: &real_servers::Expected| Row {
                behaviour: rows::real(row.server).to_owned(),
                looks: Err("not run".to_owned()),
            };
            (expected().iter().map(not_run).collect(), Some(why.clone()))
        }
    };
    sections.insert(0, ("Real servers", real));
    let page = page::write(&sections, missing.as_deref());
    if !is_asked("--write") {
        println!("{page}");
    } else if missing.is_some() {
        eprintln!("docs/conformance.md is left as it is: it shows full runs only");
        return ExitCode::FAILURE;
    } else {
        fs::write(PAGE, page).unwrap();
        println!("wrote {PAGE}");
    }
    ExitCode::SUCCESS
}

/// Looks at simulated hosts, a few at a time.
fn simulated(hosts: Vec<rows::Simulated>) -> Vec<Row> {
    let count = hosts.len();
    let todo: Mutex<VecDeque<(usize, rows::Simulated)>> = Mutex::new(hosts.into_iter().enumerate().collect());
    let done: Mutex<Vec<Option<Row>>> = Mutex::new((0..count).map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    // The guard must not outlive this line: the others wait for it.
                    let next = todo.lock().unwrap().pop_front();
                    let Some((number, simulated)) = next else { break };
                    let row = simulated_row(u8::try_from(number).unwrap(), simulated);
                    done.lock().unwrap()[number] = Some(row);
                }
            });
        }
    });
    done.into_inner().unwrap().into_iter().map(Option::unwrap).collect()
}

fn simulated_row(number: u8, (behaviour, host): rows::Simulated) -> Row {
    let truth = Truth { certificate: Some(host.certificate.der().to_vec()) };
    let server = Server::single(host).unwrap();
    let ip = Ipv4Addr::new(127, 66, 8, number + 1);
    let rdprint = looks::rdprint(looks::program(), ip, server.port(), &truth);
    thread::sleep(PAUSE);
    let nmap = looks::nmap(|| std::process::Command::new("timeout"), ip, server.port(), &truth, true);
    let connections = server.journal().host(ip).connections;
    eprintln!("{behaviour}: {rdprint:?} {nmap:?}, {connections} connections");
    Row { behaviour: behaviour.to_owned(), looks: Ok([rdprint, nmap]) }
}

/// Looks at the real servers, one after another: they are delicate.
fn real(rig: &Rig) -> Vec<Row> {
    let look = |row: &real_servers::Expected| {
        let server = rig.server(row.server);
        let truth = Truth { certificate: looks::der_of_pem(&fs::read_to_string(&server.certificate).unwrap()) };
        let std::net::IpAddr::V4(ip) = server.address.ip() else { unreachable!("the rig is on 127.x") };
        let port = server.address.port();
        let rdprint = {
            let _turn = server.turn();
            looks::rdprint(server.command(looks::program().get_program()), ip, port, &truth)
        };
        // gnome-remote-desktop never recovers from the many quick connections of rdp-enum-encryption.
        let _turn = server.turn();
        let nmap = looks::nmap(|| server.command("timeout"), ip, port, &truth, row.server != "gnome");
        let behaviour = rows::real(row.server).to_owned();
        eprintln!("{behaviour}: {rdprint:?} {nmap:?}");
        Row { behaviour, looks: Ok([rdprint, nmap]) }
    };
    expected().iter().map(look).collect()
}
