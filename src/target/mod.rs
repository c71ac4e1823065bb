//! What is to be scanned: addresses and ports, read from notation into merged ranges.

mod notation;
mod ports;
mod ranges;

pub use notation::{TargetError, parse};
pub use ports::{PortError, parse_ports};
pub use ranges::{Addresses, Range};
