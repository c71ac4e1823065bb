#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly, and figures are for people"
)]
//! Whether families are what they claim to be, and what finding them costs: `cargo bench --bench families`.
//!
//! Parts may be named: `cargo bench --bench families -- calibration chance growth command`.
//!
//! - `calibration`: 10,000 populations for each of several sizes, of names drawn from 2^20: the share in which chance makes a
//!   family, beside the exact probability; and planted families of the least significant size, all of which must be found.
//! - `chance`: ten million machines with names of `DESKTOP-`: the pairs that chance makes, and that none is reported.
//! - `growth`: time and memory from 10^5 to 10^7 records, each size in a process of its own.
//! - `command`: `rdprint families` on a file.

#[path = "families/chance.rs"]
mod chance;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Instant;

use chance::{Draws, drawn, interval, names, some_name_reaches};
use jiff::Timestamp;
use rdprint::families::{Declared, Drawn, OwnCertificate, Population, Role, Seen, Settings, significant_size};
use rdprint::knowledge::GENERATORS;

/// When the populations were seen.
const NOW: i64 = 1_790_000_000;
const DAY: i64 = 24 * 3600;
const POPULATIONS: u32 = 10_000;
/// Names that the calibration draws from.
const NAMES: u64 = 1 << 20;
const SIZES: [u32; 7] = [144, 145, 1_000, 2_000, 3_000, 4_040, 5_000];
const PLANTED: u32 = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [part, size] = arguments.as_slice()
        && part == "grown"
    {
        grow(size.parse().expect("a number"));
        return;
    }
    let is_asked = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let mut is_good = true;
    if is_asked("calibration") {
        is_good &= calibrate();
    }
    if is_asked("chance") {
        is_good &= ten_million_names();
    }
    if is_asked("growth") {
        growth();
    }
    if is_asked("command") {
        command();
    }
    if !is_good {
        std::process::exit(1);
    }
}

/// One machine with a certificate of its own, which tells it apart from all others.
fn machine(number: u32, name: &str, seen_at: i64) -> Seen<'_> {
    let mut identity = [0; 32];
    identity[..4].copy_from_slice(&number.to_be_bytes());
    let serial = identity.first_chunk().copied();
    let certificate =
        OwnCertificate { sha256: Some(identity), key: Some(identity), serial, not_before: NOW - 100 * DAY };
    Seen {
        ip: IpAddr::from(Ipv4Addr::from(0x0A00_0000_u32.wrapping_add(number))),
        port: 3389,
        seen_at: Timestamp::from_second(seen_at).ok(),
        name: Some(name),
        declared: Declared { certificate: true, netbios: true, dns: true },
        product_version: Some("10.0.19041"),
        system_time: None,
        clock_skew_ms: None,
        certificate: Some(certificate),
        role: Role::Machine,
        known_as: Vec::new(),
    }
}

fn calibrate() -> bool {
    let start = Instant::now();
    let names = names(usize::try_from(NAMES).expect("small"));
    let desktop = GENERATORS.iter().find(|generator| generator.name == "DESKTOP").expect("it is known");
    let nothing = || Population::drawn_by(vec![Drawn { generator: desktop, possible_names: NAMES }]);
    let mut draws = Draws(0x2026_1122);
    let mut is_good = true;
    println!("calibration: {POPULATIONS} populations of n machines, names drawn from 2^20, one generator, level 0.01");
    println!("     n   k  exact probability  expected in  found in    99 % interval  planted  found");
    for machines in SIZES {
        let size = significant_size(machines.into(), NAMES, 0.01).expect("there is one");
        let size = u32::try_from(size).expect("small");
        let exact = some_name_reaches(size, machines, NAMES);
        let (low, high) = interval(POPULATIONS, exact);
        let mut false_ones = 0;
        for _ in 0..POPULATIONS {
            let mut population = nothing();
            for number in 0..machines {
                let name = &names[usize::try_from(draws.high(20)).expect("small")];
                population.add(&machine(number, name, NOW));
            }
            let families = population.families(&Settings::default()).families;
            false_ones += u32::from(families.iter().any(|family| family.significant));
        }
        let mut found = 0;
        for _ in 0..PLANTED {
            let mut population = nothing();
            let planted = &names[usize::try_from(draws.high(20)).expect("small")];
            for number in 0..machines {
                let name = &names[usize::try_from(draws.high(20)).expect("small")];
                population.add(&machine(number, if number < size { planted } else { name }, NOW));
            }
            let families = population.families(&Settings::default()).families;
            found += u32::from(families.iter().any(|one| one.significant && one.id == planted.to_ascii_lowercase()));
        }
        let is_within = (low..=high).contains(&false_ones) && found == PLANTED && exact <= 0.01;
        is_good &= is_within;
        println!(
            "{machines:>6} {size:>3} {exact:>18.6} {:>12.2} {false_ones:>9} {low:>9} to {high:>3} {PLANTED:>8} {found:>6}{}",
            exact * f64::from(POPULATIONS),
            if is_within { "" } else { "  NOT AS IT SHOULD BE" }
        );
    }
    println!("  {:.0} s", start.elapsed().as_secs_f64());
    is_good
}

fn ten_million_names() -> bool {
    const MACHINES: u32 = 10_000_000;
    let start = Instant::now();
    let (mut population, mut draws) = (Population::new(), Draws(0x5EED));
    let mut numbers: Vec<u64> = Vec::new();
    for number in 0..MACHINES {
        let suffix = draws.high(35);
        numbers.push(suffix);
        population.add(&machine(number, &drawn("DESKTOP", 7, suffix), NOW - i64::from(number % 600_000)));
    }
    numbers.sort_unstable();
    let pairs = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let findings = population.families(&Settings::default());
    let reported = findings.families.len();
    println!(
        "\nchance: {MACHINES} machines with names of DESKTOP-: equal neighbours {pairs}, expected 1455; families {reported}"
    );
    println!("  {:?}", findings.windows[0].generators);
    println!("  {:.0} s, peak {:.0} MB", start.elapsed().as_secs_f64(), peak_megabytes());
    reported == 0
}

fn growth() {
    println!("\ngrowth: 1 record an endpoint; 10 % belong to families, a tenth of these to one");
    println!("   records  families  taken in s  found in s  µs/record  peak MB  bytes/record");
    for size in [100_000_u32, 1_000_000, 10_000_000] {
        let own = std::env::current_exe().expect("it runs");
        let output = Command::new(own).args(["grown", &size.to_string()]).output().expect("it runs again");
        assert!(output.status.success(), "{output:?}");
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What the record `number` of `size` shows: its name, and whose certificate.
fn member(number: u32, size: u32) -> (String, u32) {
    let mut draws = Draws(u64::from(number) + 0x9E37_79B9_7F4A_7C15);
    draws.bits();
    match number % 100 {
        // One family with one certificate, which holds a hundredth of everything.
        0 => (drawn("WIN", 11, 0x4_1234_5678_9ABC), u32::MAX),
        // Families of ten, each machine with a certificate of its own.
        1..10 => (drawn("WIN", 11, Draws(u64::from(number % (size / 110).max(1)) + 7).high(55)), number),
        10..20 => (format!("SRV-{number}"), number),
        20..30 => (drawn("DESKTOP", 7, draws.high(35)), number),
        _ => (drawn("WIN", 11, draws.high(55)), number),
    }
}

fn grow(size: u32) {
    let before = peak_megabytes();
    let start = Instant::now();
    let mut population = Population::new();
    for number in 0..size {
        let (name, certificate) = member(number, size);
        let time = NOW - i64::from(number.wrapping_mul(2_654_435_761) % 2_592_000);
        let mut seen = machine(number, &name, time);
        if certificate == u32::MAX {
            seen.certificate = machine(certificate, "", 0).certificate;
        }
        population.add(&seen);
    }
    let taken_in = start.elapsed().as_secs_f64();
    let findings = population.families(&Settings { window_seconds: 31 * DAY, ..Settings::default() });
    let all = start.elapsed().as_secs_f64();
    let families = findings.families.iter().filter(|family| family.significant).count();
    let (peak, size) = (peak_megabytes() - before, f64::from(size));
    println!(
        "{size:>10} {families:>9} {taken_in:>11.2} {:>11.2} {:>10.2} {peak:>8.0} {:>13.0}",
        all - taken_in,
        all * 1e6 / size,
        peak * 1e6 / size
    );
}

fn command() {
    const RECORDS: u32 = 300_000;
    let path = std::env::temp_dir().join(format!("rdprint-families-{}.jsonl", std::process::id()));
    let mut out = BufWriter::new(File::create(&path).expect("the temporary folder is there"));
    for number in 0..RECORDS {
        let (name, certificate) = member(number, RECORDS);
        let hash = format!("{certificate:08x}{:056x}", 0);
        let ip = Ipv4Addr::from(0x0A00_0000 + number);
        writeln!(
            out,
            "{{\"schema_version\":1,\"seen_at\":\"2026-10-01T00:00:00Z\",\"source\":\"scan\",\"scanner\":\"bench\",\"ip\":\"{ip}\",\
             \"port\":3389,\"status\":\"success\",\"stage\":\"credssp\",\"tls\":{{\"version\":\"TLSv1.2\",\"key_possession\":\
             \"proven\",\"certificates\":[{{\"sha256\":\"{hash}\",\"subject_cn\":\"{name}\",\"issuer_cn\":\"{name}\",\"serial_number\":\
             \"1{}8040{}\",\"not_before\":\"2026-06-01T00:00:00Z\",\"not_after\":\"2026-12-01T00:00:00Z\"}}]}},\"ntlm\":{{\
             \"netbios_computer_name\":\"{name}\",\"dns_computer_name\":\"{name}\",\"product_version\":\"10.0.20348\"}}}}",
            &hash[..13],
            &hash[..14]
        )
        .expect("the disk has room");
    }
    out.flush().expect("the disk has room");
    let bytes = std::fs::metadata(&path).expect("it is there").len();
    let start = Instant::now();
    let run = Command::new(env!("CARGO_BIN_EXE_rdprint")).arg("families").arg(&path).output().expect("it runs");
    let seconds = start.elapsed().as_secs_f64();
    assert!(run.status.success(), "{run:?}");
    let families = String::from_utf8_lossy(&run.stdout).lines().count();
    println!(
        "\ncommand: rdprint families on {RECORDS} records, {bytes} bytes: {families} families, {seconds:.1} s, {:.1} µs a record",
        seconds * 1e6 / f64::from(RECORDS)
    );
    print!("{}", String::from_utf8_lossy(&run.stderr));
    std::fs::remove_file(&path).expect("it is there");
}

/// The most memory that this process has had.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let fields: HashMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
    let kilobytes = fields["VmHWM"].trim().trim_end_matches(" kB");
    kilobytes.parse::<f64>().expect("a number") * 1024.0 / 1e6
}
