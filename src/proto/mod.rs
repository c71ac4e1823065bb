//! The wire formats of the dialogue, without I/O: bytes in, values out.
//!
//! Every decoder takes what a host sent and returns what could be understood together with the [`Anomaly`]s met on
//! the way; none panics, none allocates more than it was given. Nothing that follows the NTLM CHALLENGE can be
//! encoded here: the type does not exist.

mod anomaly;
pub mod credssp;
pub mod der;
pub mod gcc;
pub mod mcs;
pub mod ntlm;
pub mod rdp_certificate;
mod reader;
pub mod server_hello;
pub mod server_key_exchange;
pub mod service;
pub mod tls_flight;
pub mod tls_hello;
pub mod tls_names;
mod tls_record;
pub mod x224;
pub mod x509;

pub use anomaly::Anomaly;
