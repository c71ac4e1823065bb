#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What a file of customers costs, by its rows: `cargo bench --bench customers`.
//!
//! Of four rows three are IPv4 prefixes of /24 to /32 and one is an IPv6 /48; every third customer has one prefix, the others
//! share a hundred thousand; every fifth row has a period. The file is read from memory, as `rdprint cases` reads it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use jiff::Timestamp;
use rdprint::cases::Customers;

const LOOKUPS: u32 = 1_000_000;

fn main() {
    println!("     rows  file in MB  loaded in s  memory in MB  lookups/s");
    for rows in [20_000, 200_000, 2_000_000] {
        let file = file(rows);
        let before = resident();
        let start = Instant::now();
        let customers = Customers::read("customers.csv", file.as_bytes()).expect("generated rows are correct");
        let loaded = start.elapsed().as_secs_f64();
        let memory = resident().saturating_sub(before);
        assert_eq!(customers.len(), rows as usize);
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("it is a time");
        let start = Instant::now();
        let mut owned = 0_u32;
        for number in 0..LOOKUPS {
            let address = IpAddr::from(Ipv4Addr::from(number.wrapping_mul(2_654_435_761)));
            owned += u32::from(black_box(customers.owner(address, now)).is_some());
        }
        let rate = f64::from(LOOKUPS) / start.elapsed().as_secs_f64();
        assert!(owned > 0, "some address is somebody's");
        println!("{rows:>9} {:>11.1} {loaded:>12.2} {memory:>13} {rate:>10.0}", file.len() as f64 / 1e6);
    }
}

fn file(rows: u32) -> String {
    let mut text = "prefix,customer_id,contact,language,notes,valid_from,valid_to\n".to_owned();
    for row in 0..rows {
        let customer = if row % 3 == 0 { row } else { row % 100_000 };
        let place = row / 4;
        let prefix = match row % 4 {
            0 => format!("{}/24", Ipv4Addr::from(0x1000_0000 + (place << 8))),
            1 => format!("{}/28", Ipv4Addr::from(0x1000_0000 + (place << 8) + 16)),
            2 => format!("{}", Ipv4Addr::from(0x1000_0000 + (place << 8) + 17)),
            _ => format!("2001:{:x}:{:x}::/48", 0xdb8 + (place >> 16), place & 0xFFFF),
        };
        let period = if row % 5 == 0 { "2024-01-01,2027-12-31" } else { "," };
        // Writing into a String cannot fail.
        let _infallible = writeln!(
            text,
            "{prefix},K-{customer},noc-{customer}@customer.example,de,\"rack {place}, row {row}\",{period}"
        );
    }
    text
}

/// Megabytes of this process in memory, as Linux counts them; zero elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1000
}
