//! rdprint probes IP ranges for RDP endpoints, reads certificates, machine names and TLS traits, and compares them
//! with fingerprints of cloned Windows images.
//!
//! `ARCHITECTURE.md` shows the rooms of the house; each module imports only from those below it.

// `println!` panics when its reader has gone away; `command/stdout.rs` is the way there.
#![warn(clippy::print_stdout)]

pub mod alert;
pub mod cases;
pub mod change;
pub mod command;
pub mod config;
pub mod families;
pub mod fingerprint;
pub mod given;
pub mod import;
pub mod knowledge;
pub mod observe;
pub mod output;
pub mod place;
pub mod probe;
pub mod proto;
pub mod resolve;
pub mod scan;
pub mod selftest;
pub mod silence;
pub mod store;
pub mod sweep;
pub mod target;
pub mod verdict;
pub mod visible;
