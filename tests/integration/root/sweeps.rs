//! What sweeps promise of packets, counted by the kernel where they leave: in a namespace of the test's own, each
//! destination has a counter.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Namespace;
use crate::support::{Folder, PATIENCE, Ran};

/// Every address of 127.66.92.0/25 has a host on this port, which is nobody else's in a namespace.
const PORT: u16 = 3389;
/// From this last number of the address on hosts accept, ignore what they are told, and stall.
const STALLING: u8 = 96;
/// From this one on the test can make the network lose what they answer.
const LOST: u8 = 112;
/// What is excluded in the middle of a sweep: those that stall, and others.
const EXCLUDED: u8 = 64;
/// A stalling host says one octet so often: often enough for the dialogue to live, so seldom that an answer of ours to it
/// comes after an exclude must hold.
const SILENCE: Duration = Duration::from_secs(7);
/// Within this time after it was written an exclude holds.
const HOLDS: Duration = Duration::from_secs(5);

const RULES: &str = "table inet count {
    set asked { type ipv4_addr; size 65535; flags dynamic; }
    set lost { type ipv4_addr; flags interval; }
    chain out {
        type filter hook output priority 0;
        ip daddr 127.66.92.0/24 add @asked { ip daddr counter }
    }
    chain in {
        type filter hook input priority 0;
        ip saddr @lost drop
    }
}";

/// A process in a namespace that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _best_effort = (self.0.kill(), self.0.wait());
    }
}

/// A /25 of hosts in a namespace, and settings for sweeps of it.
struct Counted {
    namespace: Namespace,
    folder: Folder,
}

impl Counted {
    fn new(settings: &str) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let counted = Self { namespace, folder };
        counted.inside("ip", &["link", "set", "lo", "up"]);
        counted.inside("nft", &["-f", &counted.folder.write("rules.nft", RULES)]);
        counted.folder.write("exclude.txt", "");
        let text = format!(
            "history = \"history.db\"\ntargets = [\"127.66.92.0/25\"]\nports = \"{PORT}\"\nexclude_files = [\"exclude.txt\"]\n\
             {settings}\nper_network = 128\nmax_duration = \"60s\"\n"
        );
        counted.folder.write("sweep.toml", &text);
        counted
    }

    fn inside(&self, program: &str, arguments: &[&str]) -> String {
        let ran = self.namespace.run(program, arguments);
        assert_eq!(ran.code, Some(0), "{program} {arguments:?}: {ran:?}");
        ran.stdout
    }

    /// The hosts: this very program, started again in the namespace. They end when their standard input does.
    fn hosts(&self) -> Running {
        let program = std::env::current_exe().unwrap();
        let mut hosts = self.namespace.command(program.to_str().unwrap());
        hosts.args(["root::sweeps::hosts_of_a_namespace", "--exact", "--ignored", "--nocapture"]);
        let mut hosts = Running(hosts.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(hosts.0.stdout.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"), "the hosts did not come up");
        hosts
    }

    fn sweep(&self) -> Running {
        let mut sweep = self.namespace.command(env!("CARGO_BIN_EXE_rdprint"));
        sweep.args(["sweep", "--config", &self.folder.path("sweep.toml")]).stdin(Stdio::null());
        Running(sweep.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// How many packets went to each address, by its last number.
    fn packets(&self) -> BTreeMap<u8, u64> {
        let json: Value =
            serde_json::from_str(&self.inside("nft", &["-j", "list", "set", "inet", "count", "asked"])).unwrap();
        let sets = json["nftables"].as_array().unwrap();
        let elements = sets.iter().filter_map(|entry| entry["set"]["elem"].as_array()).flatten();
        let read = |element: &Value| {
            let IpAddr::V4(ip) = element["elem"]["val"].as_str()?.parse().ok()? else { return None };
            Some((ip.octets()[3], element["elem"]["counter"]["packets"].as_u64()?))
        };
        elements.map(|element| read(element).unwrap_or_else(|| panic!("{element}"))).collect()
    }

    /// The counters as soon as they satisfy `enough`.
    #[track_caller]
    fn packets_when(&self, what: &str, enough: impl Fn(&BTreeMap<u8, u64>) -> bool) -> BTreeMap<u8, u64> {
        let deadline = Instant::now() + PATIENCE * 2;
        loop {
            let packets = self.packets();
            if enough(&packets) {
                return packets;
            }
            assert!(Instant::now() < deadline, "{what}: {packets:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn ended(mut sweep: Running) -> Ran {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    sweep.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    sweep.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Ran { code: sweep.0.wait().unwrap().code(), stdout, stderr }
}

fn wait_until(time: Instant) {
    thread::sleep(time.saturating_duration_since(Instant::now()));
}

#[test]
#[ignore = "these are the hosts of the tests below, which start them in their namespaces"]
fn hosts_of_a_namespace() {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let IpAddr::V4(ip) = stream.local_addr().unwrap().ip() else { continue };
            if ip.octets()[3] >= STALLING {
                thread::spawn(|| stall(stream));
            }
        }
    });
    println!("\nready");
    io::stdin().lock().read_to_end(&mut Vec::new()).unwrap();
}

/// A confirm, one octet after the other, whether or not anybody still listens.
fn stall(mut stream: TcpStream) {
    for octet in [3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0] {
        thread::sleep(SILENCE);
        if stream.write_all(&[octet]).is_err() {
            break;
        }
    }
}

#[test]
fn while_canaries_are_silent_not_one_packet_goes_to_a_target() {
    // The canary is a host of the same /24, so that its packets are counted too.
    let world = Counted::new("canary = [\"127.66.92.200:3389\"]\n[limits]\nrate = 100\nconnect_timeout = \"500ms\"");
    world.inside("nft", &["add", "element", "inet", "count", "lost", "{ 127.66.92.200 }"]);
    let hosts = world.hosts();
    let silent = ended(world.sweep());
    assert_eq!((silent.code, silent.stdout.as_str()), (Some(6), ""), "{silent:?}");
    assert!(silent.stderr.contains("canary 127.66.92.200:3389 did not answer 3 times"), "{silent:?}");
    let packets = world.packets();
    assert_eq!(packets.keys().collect::<Vec<_>>(), [&200], "{packets:?}");
    assert!(packets[&200] >= 3, "{packets:?}");
    // The counters do count: once it answers, the same sweep goes on.
    drop(hosts);
    world.inside("nft", &["flush", "set", "inet", "count", "lost"]);
    let config = world.folder.path("sweep.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("92.200:3389", "92.20:3389");
    std::fs::write(&config, text.replace("rate = 100", "rate = 100\nstep_timeout = \"1s\"")).unwrap();
    let _hosts = world.hosts();
    let answered = ended(world.sweep());
    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert_eq!(world.packets().len(), 129);
}

#[test]
fn an_address_that_is_excluded_in_mid_sweep_gets_no_packet_five_seconds_later() {
    let world = Counted::new("[limits]\nrate = 6\nstep_timeout = \"60s\"\ntimeout = \"90s\"");
    let _hosts = world.hosts();
    let sweep = world.sweep();
    // A connection that stands and has carried our request: three packets at least.
    let in_work =
        |packets: &BTreeMap<u8, u64>, of: std::ops::Range<u8>| packets.range(of).any(|(_, count)| *count >= 3);
    let before =
        world.packets_when("no host stalls", |packets| in_work(packets, STALLING..LOST) && in_work(packets, LOST..128));
    // Of some of them nothing arrives any more, not even that they heard our goodbye.
    world.inside("nft", &["add", "element", "inet", "count", "lost", "{ 127.66.92.112/28 }"]);
    world.folder.write("exclude.txt", "127.66.92.64/26\n");
    let written = Instant::now();
    wait_until(written + HOLDS);
    let held = world.packets();
    let ran = ended(sweep);
    // Hosts that stalled speak twice more.
    wait_until(written + SILENCE * 2 + Duration::from_secs(1));
    let last = world.packets();
    let excluded = |packets: &BTreeMap<u8, u64>| packets.clone().split_off(&EXCLUDED);
    assert_eq!(excluded(&held), excluded(&last), "before the exclude {before:?}");
    assert!(excluded(&last).len() < 60, "most of them were still to be asked: {last:?}");
    let asked = |packets: &BTreeMap<u8, u64>| packets.range(..EXCLUDED).count();
    assert!(asked(&held) < 64, "the sweep was over too early to show anything: {held:?}");
    assert_eq!((ran.code, asked(&last)), (Some(0), 64), "{ran:?}");
}

#[test]
fn a_canary_that_is_excluded_is_left_alone_like_any_other_host() {
    let settings = "canary = [\"127.66.92.100:3389\"]\n[limits]\nrate = 100\nstep_timeout = \"60s\"\ntimeout = \"90s\"";
    let world = Counted::new(settings);
    let _hosts = world.hosts();
    let sweep = world.sweep();
    // It stalls, and before it has answered nobody else is asked.
    world.packets_when("the canary is not asked", |packets| packets.get(&100).is_some_and(|count| *count >= 3));
    world.folder.write("exclude.txt", "127.66.92.96/27\n");
    let written = Instant::now();
    wait_until(written + HOLDS);
    let held = world.packets();
    let ran = ended(sweep);
    wait_until(written + SILENCE * 2 + Duration::from_secs(1));
    let last = world.packets();
    assert_eq!((ran.code, last.len()), (Some(0), 97), "{ran:?}");
    assert_eq!(held[&100], last[&100]);
}

#[test]
fn while_a_list_of_excludes_is_invalid_no_packet_goes_to_a_new_target() {
    let world = Counted::new("[limits]\nrate = 10\nstep_timeout = \"1s\"");
    let _hosts = world.hosts();
    let sweep = world.sweep();
    world.packets_when("nobody is asked", |packets| packets.len() >= 8);
    world.folder.write("exclude.txt", "127.66.92.0/300\n");
    let written = Instant::now();
    wait_until(written + HOLDS);
    let held: BTreeSet<u8> = world.packets().into_keys().collect();
    wait_until(written + HOLDS * 2);
    assert_eq!(world.packets().into_keys().collect::<BTreeSet<_>>(), held);
    assert!(held.len() < 100, "the sweep was over too early to show anything: {held:?}");
    world.folder.write("exclude.txt", "127.66.92.0/30\n");
    let ran = ended(sweep);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let asked: BTreeSet<u8> = world.packets().into_keys().collect();
    let rest: BTreeSet<u8> = (4..128).collect();
    assert_eq!(asked, held.union(&rest).copied().collect());
}
