//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use rdprint::command::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            eprintln!("rdprint: {failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}
