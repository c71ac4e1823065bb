//! Three weeks of a hoster in a minute: `cargo run --release --example weeks`.
//!
//! A simulated /24 on loopback is swept three times by `rdprint sweep`, and its population changes in between: machines come,
//! go, move, are renamed, renew their certificates, and one address is let to another customer. `rdprint history` then says
//! what changed, and `rdprint cases` writes letters. The commands are those of the program, run within this one; what they
//! leave behind lies in `rdprint-weeks/` in the current folder.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use clap::Parser;
use jiff::{Timestamp, Unit};
use rdprint::command::{Cli, Exit};
use simulator::{Certificate, Host, Key, Server};

const FOLDER: &str = "rdprint-weeks";
/// Seconds since 1970 of the day on which the simulated machines made their certificates, and of their renewal.
const MADE: i64 = 1_785_000_000;
const RENEWED: i64 = MADE + 130 * 86_400;

fn main() -> Result<(), Box<dyn Error>> {
    if Path::new(FOLDER).exists() {
        return Err(format!("`{FOLDER}` is there already, of an earlier run; remove it or go elsewhere").into());
    }
    fs::create_dir(FOLDER)?;
    let week = Arc::new(AtomicUsize::new(1));
    let server = Server::start("0.0.0.0:0".parse()?, population(week.clone()))?;
    let port = server.port();
    fs::write(file("sweep.toml"), settings(port))?;

    println!("A hoster's 127.78.0.0/24, simulated on loopback; its settings are {}.", file("sweep.toml"));
    say("Week 1: the first sweep tells every finding");
    rdprint(&["sweep", "--config", &file("sweep.toml")])?;
    say("The same again: nothing changed, so nothing is said");
    rdprint(&["sweep", "--config", &file("sweep.toml")])?;

    week.store(2, Ordering::Relaxed);
    say("Week 2: one clone is new, one has moved; what else happened is no news");
    rdprint(&["sweep", "--config", &file("sweep.toml")])?;
    say("All that happened");
    rdprint(&["history", "--history", &file("history.db"), "diff", "2", "3"])?;

    // Customers hold an address from one moment on, up to another: from now on 127.78.0.130 is DELTA's.
    sleep(Duration::from_secs(1));
    let let_at = Timestamp::now().round(Unit::Second)?;
    let customers = file("customers.csv");
    fs::write(&customers, customers_file(None))?;
    say("Cases: whose those are");
    rdprint(&["cases", "--config", &file("sweep.toml"), "--customers", &customers, "list"])?;
    sleep(Duration::from_secs(2));

    week.store(3, Ordering::Relaxed);
    fs::write(&customers, customers_file(Some(let_at)))?;
    say("Week 3: a clone is gone for the first time, which may be a hitch; 127.78.0.130 was let to DELTA");
    rdprint(&["sweep", "--config", &file("sweep.toml")])?;
    let cases = ["cases", "--config", &file("sweep.toml"), "--customers", &customers];
    say("Looking again before anything is written: one connection each");
    rdprint(&[&cases[..], &["recheck", "--open"]].concat())?;
    say("Letters, but only those that are right");
    let letters = file("letters");
    let write = ["write", &letters, "--org", "Example Hosting", "--contact", "abuse@example.net"];
    rdprint(&[&cases[..], &write].concat())?;
    println!("\nEach customer has a folder in {letters}: a letter as text and HTML, and an XARF report.");
    Ok(())
}

fn say(title: &str) {
    println!("\n== {title}");
}

/// Runs a command of the program and shows it as one would type it.
fn rdprint(arguments: &[&str]) -> Result<Exit, Box<dyn Error>> {
    let typed =
        |argument: &&str| if argument.contains(' ') { format!("\"{argument}\"") } else { (*argument).to_owned() };
    println!("$ rdprint {}", arguments.iter().map(typed).collect::<Vec<_>>().join(" "));
    let exit =
        Cli::try_parse_from(["rdprint"].iter().chain(arguments))?.run().map_err(|failure| failure.to_string())?;
    println!("[exit code {}]", exit.code());
    Ok(exit)
}

fn file(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn settings(port: u16) -> String {
    // Everybody is on loopback, so that nobody minds the rate.
    format!(
        "history = \"history.db\"\nscope = [\"127.78.0.0/24\"]\nports = \"{port}\"\noutputs = [\"last-sweep.csv\"]\n\
         [limits]\nper_network = 128\n"
    )
}

/// The customers; 127.78.0.130 is GAMMA's until `let_at`, and DELTA's from then on.
fn customers_file(let_at: Option<Timestamp>) -> String {
    let rows = "prefix,customer_id,contact,language,notes,valid_from,valid_to\n\
         127.78.0.0/26,ALPHA,it@alpha.example,en,,,\n\
         127.78.0.64/26,BETA,it@beta.example,fr,,,\n";
    match let_at {
        None => format!("{rows}127.78.0.130,GAMMA,it@gamma.example,de,,,\n"),
        Some(at) => format!(
            "{rows}127.78.0.130,GAMMA,it@gamma.example,de,,,{at}\n127.78.0.130,DELTA,it@delta.example,de,,{at},\n"
        ),
    }
}

/// Who lives at which address in which week; hosts are made once, so that their keys stay.
fn population(week: Arc<AtomicUsize>) -> simulator::Answer {
    let weeks: Vec<HashMap<u8, Arc<Host>>> = (1..=3).map(hosts).collect();
    let weeks = Mutex::new(weeks);
    Arc::new(move |local: SocketAddr| {
        let last = match local.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => return None,
        };
        let weeks = weeks.lock().ok()?;
        weeks.get(week.load(Ordering::Relaxed) - 1)?.get(&last).cloned()
    })
}

fn hosts(week: u32) -> HashMap<u8, Arc<Host>> {
    let honest = |number: u8| (number, machine(&format!("SRV-{number:03}"), number, MADE));
    let clone = |last: u8, key: u8| (last, machine("WIN-BUNS25TD77J", key, MADE));
    let mut hosts: HashMap<u8, Host> = (1..=40).map(honest).collect();
    hosts.extend([clone(20, 20), clone(70, 70), clone(130, 130)]);
    if week >= 2 {
        hosts.remove(&3);
        hosts.remove(&70);
        hosts.extend([
            // A renewal, a new name, a new machine, a new clone, and the clone of .70 with its key at .80.
            (1, machine("SRV-001", 101, RENEWED)),
            (2, machine("MAIL-002", 2, MADE)),
            honest(41),
            clone(60, 60),
            clone(80, 70),
        ]);
    }
    if week >= 3 {
        hosts.remove(&60);
    }
    hosts.into_iter().map(|(last, host)| (last, Arc::new(host))).collect()
}

fn machine(name: &str, key: u8, made: i64) -> Host {
    let certificate = Certificate::windows(name).key(Key::rsa2048(u32::from(key))).not_before(made);
    Host::windows(name, 20348).certificate(certificate)
}
