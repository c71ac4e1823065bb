//! The record that a scan writes of itself, beside its first output.

use std::io::Write as _;
use std::path::Path;
use std::{env, io};

use jiff::Timestamp;
use serde::Serialize;

use crate::scan::{Coverage, Identity};
use crate::sweep::file::replace;
use crate::visible::pretty_json;

/// The contents of `NAME.meta.json`.
#[derive(Debug, Serialize)]
pub(super) struct Meta<'a> {
    /// The program with its version.
    pub(super) scanner: &'static str,
    /// The command line as given.
    pub(super) arguments: Vec<String>,
    /// What `--i-am-authorised` said.
    pub(super) authorisation: Option<&'a str>,
    /// SHA-256 of the fingerprints.
    pub(super) fingerprint_set: &'a str,
    /// Targets, seed, shard.
    pub(super) identity: Identity,
    /// When this part of the run began and ended.
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    /// Whether it went on with an earlier one.
    pub(super) is_resumed: bool,
    /// Whether all targets are done.
    pub(super) is_complete: bool,
    /// The exit code.
    pub(super) exit_code: u8,
    /// What was covered, counts per status among it.
    pub(super) coverage: &'a Coverage,
}

/// The command line, readable whatever bytes it held.
pub(super) fn arguments() -> Vec<String> {
    env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

impl Meta<'_> {
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = pretty_json(self)?;
        text.push('\n');
        // In one step, so that nobody ever reads half of it.
        replace(path, |mut file| file.write_all(text.as_bytes()))
    }
}
