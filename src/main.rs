//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use rdprint::command::Cli;
use rdprint::visible::visible;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            // It may quote a line of somebody else's file; of several lines only the first looks like one of ours.
            for (position, line) in failure.to_string().lines().enumerate() {
                let before = if position == 0 { "rdprint: " } else { "  " };
                eprintln!("{before}{}", visible(line));
            }
            ExitCode::from(failure.exit.code())
        }
    }
}
