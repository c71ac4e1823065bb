//! `rdprint targets`: what other scanners found open, as a list for `scan -f`.

use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::problems::Problems;
use super::{Exit, Failure, stdout};
use crate::import::{Item, Listed, read_targets};
use crate::target::parse_ports;

#[derive(Debug, Args)]
pub(super) struct TargetsFlags {
    /// Lists of masscan (-oL, -oJ), zmap (CSV), naabu (lines or JSON) or Shadowserver (CSV), gzip and zstd undone;
    /// `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// Only endpoints on these ports, like 3389,3390; addresses without a port are listed all the same
    #[arg(short, long)]
    ports: Option<String>,

    /// Stop with exit code 2 at the first line that cannot be read
    #[arg(long)]
    strict: bool,
}

/// Writes one target a line, in the order of the files; a scan asks each only once, however often it is listed.
pub(super) fn run(flags: &TargetsFlags) -> Result<Exit, Failure> {
    let ports = flags.ports.as_deref().map(parse_ports).transpose().map_err(Failure::usage)?;
    let mut problems = Problems::new(flags.strict);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    for path in &flags.files {
        let mut take = |item: Item<'_>| match item {
            Item::Target(Listed::Endpoint(endpoint))
                if ports.as_ref().is_some_and(|ports| !ports.contains(&endpoint.port())) =>
            {
                ControlFlow::Continue(())
            }
            Item::Target(target) => {
                written = writeln!(out, "{target}");
                if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            Item::Problem(problem) => problems.add(problem),
            _ => ControlFlow::Continue(()),
        };
        if read_targets(path, &mut take).map_err(Failure::usage)?.is_break() {
            break;
        }
    }
    stdout::judge(written.and_then(|()| out.flush()))?;
    problems.finish()
}
