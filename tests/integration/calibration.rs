//! Families found where chance makes them, as often as it should: a small part of `cargo bench --bench families`.

#[path = "../../benches/families/chance.rs"]
#[allow(clippy::cast_precision_loss, reason = "counts are small")]
mod chance;

use std::collections::BTreeMap;

use chance::{Draws, drawn, interval, names, some_name_reaches};
use rdprint::families::{Drawn, Population, Seen, Settings, significant_size};
use rdprint::fingerprint::FingerprintSet;
use rdprint::knowledge::GENERATORS;
use rdprint::observe::Observation;
use rdprint::verdict::Record;
use serde_json::json;

/// Names that are drawn from; fewer than in the benchmark, so that a test has them soon.
const NAMES: u64 = 1 << 12;

/// A record as a feed without DER gives it: name, version, and a certificate of its own that tells the machine apart.
fn record(number: u32, name: &str, set: &FingerprintSet) -> Record {
    let facts = BTreeMap::from([
        ("ip".to_owned(), json!(format!("10.0.{}.{}", number >> 8, number & 0xFF))),
        ("seen_at".to_owned(), json!("2026-11-01T00:00:00Z")),
        ("ntlm_dns_computer_name".to_owned(), json!(name)),
        ("ntlm_product_version".to_owned(), json!("10.0.19041")),
        ("cert_subject_cn".to_owned(), json!(name)),
        ("cert_issuer_cn".to_owned(), json!(name)),
        ("cert_sha256".to_owned(), json!(format!("{number:064x}"))),
        ("cert_serial_number".to_owned(), json!(format!("1{number:013x}8040{:014x}", 0))),
        ("cert_not_before".to_owned(), json!("2026-06-01T00:00:00Z")),
        ("cert_not_after".to_owned(), json!("2026-12-01T00:00:00Z")),
    ]);
    Record::judge(Observation::from_facts(&facts).unwrap(), set)
}

#[test]
fn chance_makes_families_as_often_as_it_should_and_planted_ones_are_found() {
    let names = names(usize::try_from(NAMES).unwrap());
    let generator = GENERATORS.iter().find(|generator| generator.name == "DESKTOP").unwrap();
    let set = FingerprintSet::embedded().unwrap();
    let mut draws = Draws(11);
    // E(2) is 0.0088 and E(3) is 0.0098.
    for (machines, size, populations) in [(9, 2, 400), (101, 3, 100)] {
        assert_eq!(significant_size(machines.into(), NAMES, 0.01), Some(size.into()));
        let chance = some_name_reaches(size, machines, NAMES);
        assert!(chance < 0.01);
        let (low, high) = interval(populations - populations / 10, chance);
        let (mut false_ones, mut found) = (0, 0);
        for round in 0..populations {
            // Every tenth population has a family planted.
            let planted = round.is_multiple_of(10).then(|| &names[usize::try_from(draws.high(12)).unwrap()]);
            let mut population = Population::drawn_by(vec![Drawn { generator, possible_names: NAMES }]);
            for number in 0..machines {
                let name = &names[usize::try_from(draws.high(12)).unwrap()];
                let name = planted.filter(|_| number < size).unwrap_or(name);
                population.add(&Seen::of(&record(number, name, &set)));
            }
            let families = population.families(&Settings::default()).families;
            let is_significant = |name: Option<&String>| {
                families.iter().any(|one| one.significant && name.is_none_or(|name| one.names[0].name == *name))
            };
            match planted {
                Some(planted) => found += u32::from(is_significant(Some(planted))),
                None => false_ones += u32::from(is_significant(None)),
            }
        }
        assert!((low..=high).contains(&false_ones), "n {machines}: {false_ones} is not within {low} to {high}");
        assert_eq!(found, populations / 10);
    }
}

/// The yardstick itself, by counting every population.
#[test]
fn the_exact_probability_is_what_enumeration_finds() {
    for size in 2..=4 {
        let all = 4_u32.pow(6);
        let reaching = (0..all).filter(|population| {
            let mut counts = [0; 4];
            (0..6).for_each(|place| counts[usize::try_from(population / 4_u32.pow(place) % 4).unwrap()] += 1);
            counts.iter().any(|count| *count >= size)
        });
        let share = f64::from(u32::try_from(reaching.count()).unwrap()) / f64::from(all);
        assert!((some_name_reaches(size, 6, 4) - share).abs() < 1e-12, "{size}");
    }
    assert_eq!(interval(10, 0.5), (1, 9));
    assert_eq!(drawn("WIN", 3, 31), "WIN-V00");
}
