//! The one integration test binary: the library and the program against simulated and real hosts, all on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod calibration;
mod cli;
mod corpus;
mod dialogue;
mod families;
mod fingerprints;
mod flights;
mod guest;
mod hostile;
mod import;
mod legacy;
mod letters;
mod matching;
mod output;
mod ranges;
mod record;
mod selftest;
mod stall;
mod structure;
mod support;
mod sweep;

#[cfg(feature = "legacy-tls")]
mod legacy_tls;

#[cfg(feature = "real-servers")]
mod real;
#[cfg(feature = "real-servers")]
mod real_servers;
#[cfg(feature = "real-servers")]
mod root;
