#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What the comparison with fingerprints costs, by the size of the set: `cargo bench --bench matching`.
//!
//! Observations of a full dialogue (certificate of Windows' form, NTLM names) are compared on one core: once with their
//! traits at hand, once with all that a verdict takes, traits included. One in a hundred bears the name of a fingerprint.
//! The sets hold rdprint's own fingerprints and generated ones, each of which asks for a name of its own and a build. The
//! machine's noise is the same for all sets, so the ratio to the first row is the figure to look at.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rdprint::fingerprint::{FingerprintSet, SourceFile, Traits, derive_traits};
use rdprint::observe::{Certificate, KeyPossession, Ntlm, Observation, Tls};
use simulator::Certificate as Recipe;

const OBSERVATIONS: usize = 2_000;
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const SIZES: [usize; 4] = [0, 100, 1_000, 10_000];

fn main() {
    let observations: Vec<Observation> = (0..OBSERVATIONS).map(observation).collect();
    let traits: Vec<Traits> = observations.iter().map(derive_traits).collect();
    println!("fingerprints   compared/s  relative     judged/s  relative  matches  loaded in ms");
    let mut first = None;
    for size in SIZES {
        let start = Instant::now();
        let set = FingerprintSet::compiled_with((0..size).map(fingerprint)).expect("generated files are correct");
        let loaded = start.elapsed().as_millis();
        let known: Vec<(&Observation, &Traits)> = observations.iter().zip(&traits).collect();
        let matches: usize = known.iter().map(|(seen, traits)| set.matches(seen, traits).len()).sum();
        let compared = rate(&known, |(seen, traits)| set.matches(seen, traits).len());
        let judged = rate(&known, |(seen, _)| set.matches(seen, &derive_traits(seen)).len());
        let (compared_first, judged_first) = *first.get_or_insert((compared, judged));
        println!(
            "{:>12} {compared:>12.0} {:>9.2} {judged:>12.0} {:>9.2} {matches:>8} {loaded:>13}",
            set.iter().len(),
            compared / compared_first,
            judged / judged_first
        );
    }
}

/// How many of the items `work` gets through in a second, over and over.
fn rate<T>(items: &[T], work: impl Fn(&T) -> usize) -> f64 {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < LONG_ENOUGH {
        for item in items {
            black_box(work(black_box(item)));
            done += 1;
        }
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

/// Eleven symbols, different for each number.
fn suffix(number: usize) -> String {
    const SYMBOLS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let mut state = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut symbol = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        char::from(SYMBOLS[(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 59) as usize])
    };
    (0..11).map(|_| symbol()).collect()
}

fn fingerprint(number: usize) -> SourceFile {
    let name = suffix(number);
    let text = format!(
        "id = \"generated-{number}\"\nname = \"Generated\"\nclass = \"generic\"\nstatus = \"experimental\"\ndescription = \"One \
         of many.\"\n[[required]]\nfield = \"computer_name\"\nequals = \"WIN-{name}\"\n[[expected]]\nfield = \
         \"ntlm_build\"\nequals = 17763\n"
    );
    SourceFile { name: format!("generated-{number}.toml"), text }
}

/// A full dialogue's worth of facts; every hundredth has a name that a generated fingerprint asks for.
fn observation(number: usize) -> Observation {
    let family = if number.is_multiple_of(100) { number / 100 } else { number + 1_000_000 };
    let name = format!("WIN-{}", suffix(family));
    let mut seen = Observation::begin([127, 0, 0, 1].into(), 3389, jiff::Timestamp::UNIX_EPOCH);
    let mut tls = Tls { version: Some("TLSv1.2".to_owned()), ..Tls::default() };
    tls.key_possession = KeyPossession::Proven;
    // Signing takes a while, so a few recipes are shared; their bytes are as good as any.
    tls.certificates = vec![Certificate::from_der(Recipe::windows(&format!("WIN-{}", suffix(number % 20))).der())];
    tls.certificates[0].subject_cn = Some(name.clone());
    seen.tls = Some(tls);
    seen.ntlm = Some(Ntlm {
        target_name: Some(name.clone()),
        netbios_computer_name: Some(name.clone()),
        netbios_domain_name: Some(name.clone()),
        dns_computer_name: Some(name.clone()),
        dns_domain_name: Some(name),
        product_version: Some("10.0.17763".to_owned()),
        clock_skew_ms: Some(120),
        negotiate_flags: Some(0xE28A_8215),
        ..Ntlm::default()
    });
    seen
}
