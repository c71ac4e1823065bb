//! Targets that answer: as many slow ones at once as may be, and 100,000 addresses with what is true of each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use simulator::{ChildServer, KeyExchange, Kind, Persona, Reply, Truth, truth};

use crate::process::{cpu_time, measure};
use crate::{Folder, met, rdprint};

const SEED: u64 = 1;
const ADDRESSES: u32 = 100_000;
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 128, 0, 0);
/// What two cores sustain beside other work: half of the addresses make a full handshake, with a certificate and a key of
/// their own, which costs the server three milliseconds each and the client half of one.
const RATE: u32 = 500;
/// Hosts that think so long before each of their three answers, so many a second: more than the 2,000 that are in work at
/// once.
const THOUGHT: Duration = Duration::from_millis(1200);
const THOUGHTFUL_RATE: u32 = 700;
const THOUGHTFUL: u32 = 6_000;
/// Peak memory, in megabytes.
const GOAL: f64 = 100.0;
/// Differences that are printed.
const SHOWN: usize = 10;

/// Takes all the places that there are for hosts in work.
pub(crate) fn with_every_place_taken(folder: &Folder) {
    println!(
        "\nSlow hosts: scan --rate {THOUGHTFUL_RATE} --per-network 256 --seed 1, {THOUGHTFUL} hosts that take 3.6 s each"
    );
    let server = ChildServer::spawn(SEED, Kind::Nla { delay: THOUGHT }).unwrap();
    let last = Ipv4Addr::from(u32::from(FIRST) + THOUGHTFUL - 1);
    let run = measure(
        rdprint()
            .args(["scan", &format!("{FIRST}-{last}"), "--ports", &server.port().to_string()])
            .args(["--rate", &THOUGHTFUL_RATE.to_string(), "--per-network", "256", "--seed", "1", "-o"])
            .arg(folder.file("slow.jsonl")),
    );
    let named = &folder.coverage_of("slow.jsonl")["named"];
    let (peak, seconds) = (run.peak_megabytes(), run.wall.as_secs_f64());
    println!("  peak {peak:.1} MB with 2000 hosts in work at once; goal: under {GOAL} MB, {}", met(peak < GOAL));
    println!("  {seconds:.1} s; {named} of {THOUGHTFUL} hosts showed their name");
}

/// Whether every record says what the simulator knows.
pub(crate) fn tells_the_truth(folder: &Folder) -> bool {
    println!("\nThe population: scan --rate {RATE} --per-network 64 --write all --seed 1, {ADDRESSES} addresses");
    // From now on, the days in certificates count from the same day here and in the server.
    drop(truth(SEED, FIRST));
    let server = ChildServer::spawn(SEED, Kind::Population).unwrap();
    let file = folder.file("population.jsonl");
    let last = Ipv4Addr::from(u32::from(FIRST) + ADDRESSES - 1);
    let run = measure(
        rdprint()
            .args(["scan", &format!("{FIRST}-{last}"), "--ports", &server.port().to_string()])
            .args(["--rate", &RATE.to_string(), "--per-network", "64", "--write", "all", "--seed", "1", "-o"])
            .arg(&file),
    );
    let (peak, seconds) = (run.peak_megabytes(), run.wall.as_secs_f64());
    println!("  peak {peak:.1} MB; goal: under {GOAL} MB, {}", met(peak < GOAL));
    println!(
        "  {seconds:.1} s, {:.0} connections/s; CPU {:.1} s of rdprint, {:.1} s of the server",
        f64::from(ADDRESSES) / seconds,
        run.cpu.as_secs_f64(),
        cpu_time(server.pid()).as_secs_f64()
    );
    drop(server);
    let megabytes = fs::metadata(&file).unwrap().len() / 1_000_000;
    println!("  {megabytes} MB of records; comparing each with the truth");
    let mut comparison = Comparison::default();
    for line in BufReader::new(File::open(&file).unwrap()).lines() {
        comparison.add(&serde_json::from_str(&line.unwrap()).unwrap());
    }
    comparison.conclude()
}

/// Records beside the truth.
#[derive(Default)]
struct Comparison {
    /// How often each address was found.
    found: BTreeMap<Ipv4Addr, u32>,
    /// Records of each persona that agree, and all.
    personas: BTreeMap<Persona, (u32, u32)>,
    /// What is wrong, however busy the machine was.
    wrong: Vec<String>,
    /// Records of hosts that answer, and were too slow.
    late: Vec<String>,
}

impl Comparison {
    fn add(&mut self, record: &Value) {
        let address: Ipv4Addr = text(&record["ip"]).parse().unwrap();
        *self.found.entry(address).or_default() += 1;
        let truth = truth(SEED, address);
        let different: Vec<String> = facts(record, &truth)
            .into_iter()
            .filter(|(_, found, expected)| found != expected)
            .map(|(field, found, expected)| format!("{field} is {found:?}, not {expected:?}"))
            .collect();
        let (agreeing, all) = self.personas.entry(truth.persona).or_default();
        *all += 1;
        if different.is_empty() {
            *agreeing += 1;
        } else {
            let [stage, status, error] = ["stage", "status", "error"].map(|field| text(&record[field]));
            let all = different.join("; ");
            let line = format!("{address}, {:?}: {all} (stage {stage}, {status}, {error:?})", truth.persona);
            let is_late = ["connection-timeout", "io-timeout"].contains(&status.as_str());
            if is_late { self.late.push(line) } else { self.wrong.push(line) }
        }
    }

    fn conclude(mut self) -> bool {
        for (persona, (agreeing, all)) in &self.personas {
            let mark = if agreeing == all { "" } else { "   DIFFERENT" };
            println!("  {:<15} {agreeing:>6} of {all:>6} records agree{mark}", format!("{persona:?}"));
        }
        let first = u32::from(FIRST);
        for address in (first..first + ADDRESSES).map(Ipv4Addr::from) {
            let times = self.found.remove(&address).unwrap_or_default();
            if times != 1 {
                self.wrong.push(format!("{address} has {times} records"));
            }
        }
        self.wrong.extend(self.found.keys().map(|address| format!("{address} is no target")));
        let (wrong, late) = (self.wrong.len(), self.late.len());
        if wrong + late == 0 {
            println!("  each address has one record, and every record agrees with the truth");
            return true;
        }
        println!(
            "  {wrong} records are WRONG, {late} hosts were TOO LATE (the machine is overloaded), of which the first:"
        );
        for difference in self.wrong.iter().chain(&self.late).take(SHOWN) {
            println!("    {difference}");
        }
        false
    }
}

/// Field by field: its name, what the record says, and what is true.
fn facts(record: &Value, truth: &Truth) -> Vec<(&'static str, String, String)> {
    // Without NLA the certificate alone speaks, and no build is announced.
    let by_ntlm = |name: &Option<String>| truth.build.and(name.clone()).unwrap_or_default();
    let certificate = truth.certificate.as_ref();
    let [in_tls, in_mcs] = ["tls", "mcs"].map(|step| &record[step]["certificates"][0]);
    let (ntlm, leaf) = (&record["ntlm"], if in_tls.is_null() { in_mcs } else { in_tls });
    let matches: Vec<String> = record["matches"].as_array().unwrap().iter().map(as_verdict).collect();
    let build = text(&ntlm["product_version"]).rsplit('.').next().unwrap_or_default().to_owned();
    let serial = certificate.and_then(|certificate| certificate.serial_octets()).map(hex).unwrap_or_default();
    let common_name = certificate.and_then(|certificate| certificate.common_name()).unwrap_or_default().to_owned();
    let shown_possession = record["tls"]["key_possession"].as_str().unwrap_or("not-tested").to_owned();
    let mut facts = vec![
        ("verdict", matches.join(", "), verdict(truth.persona).to_owned()),
        ("ntlm.netbios_computer_name", text(&ntlm["netbios_computer_name"]), by_ntlm(&truth.name)),
        ("ntlm.dns_computer_name", text(&ntlm["dns_computer_name"]), by_ntlm(&truth.dns)),
        ("the build", build, truth.build.map(|build| build.to_string()).unwrap_or_default()),
        ("tls.key_possession", shown_possession, possession(truth).to_owned()),
        ("the certificate's subject_cn", text(&leaf["subject_cn"]), common_name),
        ("the certificate's serial_number", text(&leaf["serial_number"]), serial),
    ];
    // A workgroup has no domain, and Windows then repeats the computer's name there.
    if truth.domain.is_some() {
        facts.push(("ntlm.dns_domain_name", text(&ntlm["dns_domain_name"]), by_ntlm(&truth.domain)));
    }
    if let Some(expected) = status(truth) {
        facts.push(("status", text(&record["status"]), expected.to_owned()));
    }
    facts
}

/// Fingerprint, class and confidence of the one match that a host has, or nothing. The names that the population makes up for
/// all others are none that a fingerprint holds.
fn verdict(persona: Persona) -> &'static str {
    match persona {
        Persona::RedVdsImage | Persona::RedVdsOwn => "redvds criminal-image strong",
        Persona::FreeRdpRenamed => "redvds criminal-image contradicted",
        Persona::PanelA => "vmmanager-livfrvqfmko panel-template strong",
        Persona::PanelB => "vmmanager-j9d866esij2 panel-template strong",
        _ => "",
    }
}

fn as_verdict(found: &Value) -> String {
    ["fingerprint_id", "class", "confidence"].map(|field| text(&found[field])).join(" ")
}

/// Whether the host can prove its key: by its signature over a key exchange, if ring can check that.
fn possession(truth: &Truth) -> &'static str {
    match (&truth.legacy, truth.persona) {
        (_, Persona::Classic) => "not-tested",
        (None, _) => truth.certificate.as_ref().map_or("not-tested", |_| "proven"),
        (Some(tls), _) if tls.key_exchange == KeyExchange::Rsa => "not-tested",
        (Some(tls), _) if tls.version < 0x0303 => "unsupported",
        (Some(_), _) => "proven",
    }
}

/// How the dialogue ends; the tricks of hostile hosts end in many ways.
fn status(truth: &Truth) -> Option<&'static str> {
    if let Some(tls) = &truth.legacy {
        return Some(if matches!(tls.reply, Reply::Alert(_)) { "handshake-error" } else { "connection-closed" });
    }
    match truth.persona {
        Persona::Hostile => None,
        Persona::Closed | Persona::Resetting => Some("connection-closed"),
        Persona::Silent => Some("io-timeout"),
        _ => Some("success"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hex(octets: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(octets)
}
