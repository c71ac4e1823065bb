//! The commands: one file each, with its flags and its run. Nothing outside this folder knows clap.

mod cases;
mod customers;
mod exit;
mod explain;
mod families;
mod fields;
mod fingerprints;
mod history;
mod matching;
mod outputs;
mod problems;
mod scan;
mod selftest;
mod signals;
mod stdout;
mod sweep;
mod targets;
mod words;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use fields::fields_page;

/// Finds clones of known Windows images among the RDP endpoints of your own ranges.
///
/// Probe only addresses that you are responsible for or are authorised to test.
#[derive(Debug, Parser)]
#[command(name = "rdprint", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Probe addresses for RDP and compare what they show with the fingerprints
    Scan(Box<scan::ScanFlags>),
    /// Compare what others gathered (Shadowserver, nmap, zgrab2, Shodan, Zeek, rdprint) with the fingerprints
    ///
    /// No packet is sent. Formats are recognised by their content; gzip and zstd are undone.
    Match(Box<matching::MatchFlags>),
    /// Make a target list for `scan -f` of what masscan, zmap, naabu or Shadowserver found
    Targets(targets::TargetsFlags),
    /// Tell records as notes: what was seen, what it resembles today, what may fairly be said
    Explain(explain::ExplainFlags),
    /// Find machines that are copies of one installation, known or not, and say how unlikely chance is
    ///
    /// Links are generated names that more machines bear than chance explains, and certificates of Windows' own form. A
    /// significant family is copied, which is not the same as bad. No packet is sent; docs/families.md is the method.
    Families(families::FamiliesFlags),
    /// List, show, check, test and draft fingerprints
    Fingerprints(fingerprints::FingerprintsFlags),
    /// Scan again and again with a memory: tell what is new, gone, changed, returned or moved, and nothing else
    ///
    /// For cron and systemd. Prints nothing where nothing is new, never runs twice at once, and goes on where it was
    /// stopped.
    Sweep(sweep::SweepFlags),
    /// Ask what the sweeps have seen: their list, one address, one fingerprint, the difference of two
    History(history::HistoryFlags),
    /// Tell customers of findings: who is to be told what, letters and reports that are right, and what became of them
    ///
    /// Works on the history that sweeps leave. A letter is written only if the endpoint was looked at again within a day
    /// and still shows the same, and only to the customer whose address it was then and is now.
    Cases(Box<cases::CasesFlags>),
    /// Find a planted clone on loopback, so that "no findings" can be believed
    ///
    /// A small server on 127.0.0.1 plays a clone of a known image, and then an honest host. Both are probed and judged
    /// as in a scan: the clone must be found, the honest host must not. Takes about a second; exits with 4 when
    /// anything differs. No packet leaves this machine.
    Selftest,
}

impl Cli {
    /// Carries the command out.
    pub fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Scan(flags) => scan::run(&flags),
            Command::Match(flags) => matching::run(&flags),
            Command::Targets(flags) => targets::run(&flags),
            Command::Explain(flags) => explain::run(&flags),
            Command::Families(flags) => families::run(&flags),
            Command::Fingerprints(flags) => fingerprints::run(&flags),
            Command::Sweep(flags) => sweep::run(&flags),
            Command::History(flags) => history::run(&flags),
            Command::Cases(flags) => cases::run(&flags),
            Command::Selftest => selftest::run(),
        }
    }
}
