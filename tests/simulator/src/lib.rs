#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a simulator in tests and benchmarks: a broken assumption of its own should stop it loudly"
)]
//! A simulated Internet of RDP hosts on loopback, for the tests, benchmarks and demo of rdprint.
//!
//! It shares no code with the scanner: X.224, TLS certificates, `CredSSP` and NTLM are written here a second time, from the
//! specifications, so that what both sides agree on is not one mistake made once.
//!
//! - [`Host`] is what one address answers: a constructor ([`Host::windows`], [`Host::freerdp`], [`Host::scripted`]) and builders
//!   for everything that can differ or go wrong. [`Certificate`] is what it presents in TLS.
//! - [`Server`] plays hosts on a listener with threads of its own; [`Journal`] is what it saw of its clients.
//! - [`population()`] has a host for every address of 127.0.0.0/8, most of them honest, and [`truth()`] tells which.
//! - [`ChildServer`] runs a simulator in another process, for benchmarks.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! let server = simulator::Server::single(simulator::Host::windows("WIN-BUNS25TD77J", 20348))?;
//! let mut client = TcpStream::connect(("127.9.8.7", server.port()))?;
//! client.write_all(b"\x03\0\0\x13\x0E\xE0\0\0\0\0\0\x01\0\x08\0\x0B\0\0\0")?;
//! let mut confirm = [0; 19];
//! client.read_exact(&mut confirm)?;
//! assert_eq!(confirm[11..], [2, 0x1F, 8, 0, 8, 0, 0, 0]);
//! drop(client);
//! let seen = server.settled(Duration::from_secs(5)).host([127, 9, 8, 7]);
//! assert_eq!(seen.dialogues[0].protocols, Some(11));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What it does not imitate: the clock in Windows' `ServerHello.random`, its session identifiers and its choice of extensions
//! where the handshake is completed (rustls writes those). [`LegacyTls`], which has them, ends with its own flight: TLS below
//! 1.2 and key exchange by RSA are never completed.

mod calendar;
mod certificate;
mod child;
mod der;
mod draw;
mod host;
mod journal;
mod key;
mod legacy;
mod mcs;
mod ntlm;
mod pace;
mod population;
mod rsa;
mod script;
mod server;
mod session;
mod tls;
mod truth;
mod tsrequest;
mod x224;
mod x509;

pub use certificate::{Certificate, WINDOWS_VALIDITY_DAYS};
pub use child::{ChildServer, Kind, NLA_NAME, Tally, VARIABLE, run_as_child_if_asked};
pub use host::{Farewell, HYBRID_REQUIRED, Host, Ntlm, Refusal, SSL_REQUIRED, Security};
pub use journal::{Dialogue, HostJournal, Journal, Stage};
pub use key::Key;
pub use legacy::{ClientHello, KeyExchange, LegacyTls, Reply, Twist};
pub use mcs::{ConnectInitial, Encryption, GccFault, Identity, Mcs, ServerData};
pub use ntlm::{AvFault, Challenge, Flags};
pub use population::{SLOW, answer, population, table};
pub use rsa::Hash;
pub use script::Script;
pub use server::{Answer, LIFETIME, Server};
pub use tls::TlsVersions;
pub use truth::{LEGACY, PANEL_A, PANEL_B, Persona, REDVDS, SHARES, Truth, truth, unknown};
pub use tsrequest::Envelope;
pub use x224::{MCS_DISCONNECT, PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX, PROTOCOL_RDP, PROTOCOL_SSL};
pub use x509::StringForm;
