//! `rdprint fingerprints`: what rdprint compares with, and the tools for whoever writes more of it.

mod check;
mod list;
mod load;
mod new;
mod show;

use clap::{Args, Subcommand};

use super::{Exit, Failure, stdout};

pub(super) use load::load;

#[derive(Debug, Args)]
pub(super) struct FingerprintsFlags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the fingerprints, strongest class first
    List(list::ListFlags),
    /// Show one fingerprint: what it is, who reported it, what it asks
    Show(show::ShowFlags),
    /// Check that a scan would load the files: they compile, and their examples give their verdicts
    ///
    /// Names the mistakes by file, line and key; a wrong type or an unknown key ends the reading of its file. Exits with 2
    /// where anything is wrong.
    Check(check::CheckFlags),
    /// Prove fingerprints: run their examples, take each condition away in turn, hold them against all others
    ///
    /// Every example must give its verdict and no counter-example may match; of both there must be two. Without any one
    /// of its conditions an example must fail. No other fingerprint may match an example that does not say so. Without
    /// PATH, the fingerprints of rdprint itself are proven. Exits with 2 where anything is wrong.
    Test(check::TestFlags),
    /// Draft a fingerprint from records of one family
    New(new::NewFlags),
}

pub(super) fn run(flags: &FingerprintsFlags) -> Result<Exit, Failure> {
    match &flags.command {
        Command::List(flags) => list::run(flags),
        Command::Show(flags) => show::run(flags),
        Command::Check(flags) => check::check(flags),
        Command::Test(flags) => check::test(flags),
        Command::New(flags) => new::run(flags),
    }
}

/// Writes a whole answer.
fn print(text: &str) -> Result<Exit, Failure> {
    stdout::print(text).map(|()| Exit::Done)
}

/// The same as JSON, one line.
fn print_json(value: &serde_json::Value) -> Result<Exit, Failure> {
    print(&format!("{value}\n"))
}
