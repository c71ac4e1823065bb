//! What is to be scanned: addresses and ports, read from notation into merged ranges.

mod endpoints;
mod notation;
mod order;
mod ports;
mod ranges;

pub use endpoints::{Endpoints, TooMany};
pub use notation::{TargetError, parse};
pub use order::Order;
pub use ports::{PortError, parse_ports};
pub use ranges::{Addresses, Range};
