//! `rdprint sweep` and `rdprint history` from outside, on a small world whose population changes.

mod alerts;
mod cases;
mod changes;
mod looks;
mod owed;
mod settings;
mod stops;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use simulator::{Certificate, Farewell, Host, Key, Server, Stage};

use crate::support::{Folder, Ran, rdprint, run};

/// Seconds since 1970 of the day on which the certificates of these tests were made.
const MADE: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

/// Hosts by the last number of their address; where there is none the connection is reset.
type Population = Arc<Mutex<BTreeMap<u8, Arc<Host>>>>;

/// A /24 on loopback, settings for sweeps of it, and a folder for all they leave.
struct World {
    server: Server,
    population: Population,
    folder: Folder,
    network: u8,
}

impl World {
    /// Empty; `network` is the third number of its addresses, one for each test.
    fn new(network: u8) -> Self {
        let population = Population::default();
        let hosts = population.clone();
        let choose = move |local: SocketAddr| match local.ip() {
            IpAddr::V4(ip) => hosts.lock().unwrap().get(&ip.octets()[3]).cloned(),
            IpAddr::V6(_) => None,
        };
        let server = Server::start("0.0.0.0:0".parse().unwrap(), Arc::new(choose)).unwrap();
        let world = Self { server, population, folder: Folder::new(), network };
        world.settings("");
        world
    }

    /// Writes the settings: those that every test has, and these; tables come last. What comes back is the file.
    fn settings(&self, more: &str) -> String {
        let (network, port) = (self.network, self.server.port());
        let text = format!(
            "history = \"history.db\"\ntargets = [\"127.67.{network}.0/26\"]\nports = \"{port}\"\n\
             exclude_files = [\"exclude.txt\"]\noutputs = [\"last.csv\", \"last.jsonl\"]\n{more}\n"
        );
        if !PathBuf::from(self.folder.path("exclude.txt")).exists() {
            self.folder.write("exclude.txt", "# nobody yet\n");
        }
        self.folder.write("sweep.toml", &text)
    }

    fn set(&self, last: u8, host: Host) {
        self.population.lock().unwrap().insert(last, Arc::new(host));
    }

    fn remove(&self, last: u8) -> Option<Arc<Host>> {
        self.population.lock().unwrap().remove(&last)
    }

    fn arguments<'a>(config: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["sweep", "--config", config], more].concat()
    }

    fn sweep(&self, more: &[&str]) -> Ran {
        run(&Self::arguments(&self.folder.path("sweep.toml"), more))
    }

    /// A sweep that must come to its end, with what it printed.
    #[track_caller]
    fn complete(&self) -> String {
        let ran = self.sweep(&["--accept-losses"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        ran.stdout
    }

    fn history(&self, arguments: &[&str]) -> Ran {
        run(&[&["history", "--history", &self.folder.path("history.db")], arguments].concat())
    }

    /// The changes that `history diff` tells: kind and last number of the address.
    fn diff(&self, first: &str, second: &str) -> Vec<(String, String)> {
        let ran = self.history(&["diff", first, second, "--json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let change = |line: &str| {
            let change: Value = serde_json::from_str(line).unwrap();
            let endpoint = change["endpoint"].as_str().unwrap();
            let (ip, _port) = endpoint.rsplit_once(':').unwrap();
            let aspects = change["aspects"].as_array().into_iter().flatten();
            let words: Vec<&str> =
                [&change["kind"]].into_iter().chain(aspects).map(|word| word.as_str().unwrap()).collect();
            (words.join(" "), ip.rsplit_once('.').unwrap().1.to_owned())
        };
        ran.stdout.lines().map(change).collect()
    }

    /// What the last sweep exported, by last number of the address.
    fn exported(&self) -> BTreeMap<String, Value> {
        let text = std::fs::read_to_string(self.folder.path("last.jsonl")).unwrap();
        text.lines()
            .map(|line| {
                let record: Value = serde_json::from_str(line).unwrap();
                (record["ip"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned(), record)
            })
            .collect()
    }
}

/// A host of its own: own name, own key.
fn plain(number: u8) -> Host {
    named(&format!("SRV-{number:03}"), number)
}

fn named(name: &str, key: u8) -> Host {
    let certificate = Certificate::windows(name).key(Key::rsa2048(u32::from(key))).not_before(MADE);
    Host::windows(name, 20348).certificate(certificate)
}

/// A clone of the image of `RedVDS`; with its own key, as after the image's certificate ran out.
fn clone(key: u8) -> Host {
    named("WIN-BUNS25TD77J", key)
}
