//! The commands: one file each, with its flags and its run. Nothing outside this folder knows clap.

mod exit;
mod explain;
mod fields;
mod fingerprints;
mod scan;
mod signals;
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
    /// Tell records as notes: what was seen, what it resembles today, what may fairly be said
    Explain(explain::ExplainFlags),
}

impl Cli {
    /// Carries the command out.
    pub fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Scan(flags) => scan::run(&flags),
            Command::Explain(flags) => explain::run(&flags),
        }
    }
}
