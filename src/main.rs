//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use rdprint::command::Cli;
use rdprint::visible::visible;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            // The sentence may quote a line of somebody else's file.
            eprintln!("rdprint: {}", visible(&failure.to_string()));
            ExitCode::from(failure.exit.code())
        }
    }
}
