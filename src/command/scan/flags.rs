//! The flags of `rdprint scan`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{Args, ValueHint};
use jiff::SignedDuration;

use super::super::outputs::OutputFlags;
use super::super::words::{accusing_class, word};
use crate::fingerprint::Class;
use crate::output::Selection;
use crate::probe::Depth;
use crate::scan::Shard;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[expect(clippy::doc_markdown, reason = "the text is what --help prints")]
pub(in crate::command) struct ScanFlags {
    /// Addresses (192.0.2.7), prefixes (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9, 192.0.2.1-9), endpoints
    /// (192.0.2.7:3390, [2001:db8::7]:3390); without any, the whole scope
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,

    /// Read targets from FILE, one a line, `#` begins a comment; `-` is standard input
    #[arg(short = 'f', long = "targets", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) target_files: Vec<PathBuf>,

    /// Resolve names among the targets (NAME, NAME:PORT); each address found must lie in the scope
    #[arg(long)]
    pub(super) resolve: bool,

    /// Resolve them at this name server instead of the system's
    #[arg(long, value_name = "ADDR:PORT", requires = "resolve")]
    pub(super) resolver: Option<SocketAddr>,

    /// Ports to probe on each host, like 3389,3390,13380-13400 [default: 3389]
    #[arg(short, long)]
    pub(super) ports: Option<String>,

    /// Never connect to these addresses, prefixes or ranges, whatever else is said
    #[arg(long, value_name = "TARGET")]
    pub(super) exclude: Vec<String>,

    /// Read excludes from FILE, one a line
    #[arg(long = "exclude-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) exclude_files: Vec<PathBuf>,

    /// What you are authorised to scan, as prefixes or ranges; everything but loopback needs it
    #[arg(long, value_name = "PREFIX", help_heading = "Scope and order")]
    pub(super) scope: Vec<String>,

    /// Read the scope from FILE, one prefix a line
    #[arg(long = "scope-file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Scope and order")]
    pub(super) scope_files: Vec<PathBuf>,

    /// Why you may scan a scope wider than a /8 (IPv6: /32); recorded with the results
    #[arg(long, value_name = "TEXT", help_heading = "Scope and order")]
    pub(super) i_am_authorised: Option<String>,

    /// Read scope, excludes, ports and limits from FILE; flags override it, but the scope they only narrow
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Scope and order")]
    pub(super) config: Option<PathBuf>,

    /// Number that decides the order of targets; otherwise one is drawn and told in the metadata
    #[arg(long, value_name = "NUMBER", help_heading = "Scope and order")]
    pub(super) seed: Option<u64>,

    /// Take only the I-th of N shares of the targets (the others go to runs with the same seed), like 2/5
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = "Scope and order")]
    pub(super) shard: Option<Shard>,

    /// Take at most the first NUMBER targets of the order, excluded ones counted
    #[arg(long, value_name = "NUMBER", help_heading = "Scope and order")]
    pub(super) max_targets: Option<u64>,

    /// Say what would be done, and send nothing
    #[arg(long, help_heading = "Scope and order")]
    pub(super) dry_run: bool,

    /// Go on with a stopped run: FILE is what it left, all else is said as it was said then
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Scope and order")]
    pub(super) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(super) output: OutputFlags,

    /// Which records to write: matched a fingerprint, spoke RDP, accepted the connection, or all
    #[arg(long, default_value = "rdp", value_parser = word::<Selection>(), help_heading = "Output")]
    pub(super) write: Selection,

    /// List every field with its type and meaning, and exit
    #[arg(long, help_heading = "Output")]
    pub(super) list_fields: bool,

    /// One line of progress a minute on standard error, where it is no terminal
    #[arg(long, help_heading = "Output")]
    pub(super) status: bool,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) fingerprints: Vec<PathBuf>,

    /// Exit with 1 if a finding of CLASS or a stronger one has more than its name to support it
    #[arg(long, value_name = "CLASS", value_parser = accusing_class())]
    pub(super) fail_on: Option<Class>,

    /// How far to go: `certificate` stops as soon as a certificate names the host, `full` goes to the NTLM challenge
    #[arg(long, default_value = "full", value_parser = word::<Depth>())]
    pub(super) depth: Depth,

    /// New connections per second [default: 500]
    #[arg(long, value_parser = positive(), help_heading = "Limits")]
    pub(super) rate: Option<NonZeroU32>,

    /// Hosts in work at once [default: 2000]
    #[arg(long, value_parser = positive(), help_heading = "Limits")]
    pub(super) concurrency: Option<NonZeroU32>,

    /// Hosts in work at once in one /24 (IPv6: /64) [default: 16]
    #[arg(long, value_parser = positive(), help_heading = "Limits")]
    pub(super) per_network: Option<NonZeroU32>,

    /// Time for a connection to be established, like 3s, 500ms or 3
    #[arg(long, default_value = "3s", value_parser = duration, help_heading = "Limits")]
    pub(super) connect_timeout: Duration,

    /// Time for each further step of the dialogue
    #[arg(long, default_value = "5s", value_parser = duration, help_heading = "Limits")]
    pub(super) step_timeout: Duration,

    /// Time for the whole dialogue with an endpoint
    #[arg(long, default_value = "15s", value_parser = duration, help_heading = "Limits")]
    pub(super) timeout: Duration,

    /// Time for the whole run; what is then not done can be resumed
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Limits")]
    pub(super) max_duration: Option<Duration>,

    /// Identification cookie (mstshash) that hosts may log: at most 9 ASCII characters [default: rdprint]
    #[arg(long, value_name = "NAME")]
    pub(super) cookie: Option<String>,
}

/// A number from 1 on.
fn positive() -> impl TypedValueParser<Value = NonZeroU32> {
    clap::value_parser!(u32).range(1..).map(|number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
}

/// `2/5`.
fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match numbers {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index: index - 1, count }),
        _ => Err(format!("`{text}` is no share; write I/N with I from 1 to N, like 2/5")),
    }
}

/// Nothing here is worth waiting for longer.
const A_WEEK: Duration = Duration::from_secs(7 * 86_400);

/// `3s`, `500ms`, `1m30s`, or a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .or_else(|| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok())
        .filter(|duration| !duration.is_zero() && *duration <= A_WEEK)
        .ok_or_else(|| format!("`{text}` is no time between zero and a week; write it like 3s or 500ms"))
}
