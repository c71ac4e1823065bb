//! What is to be scanned: addresses and ports, read from notation into merged ranges.

mod endpoints;
mod notation;
mod order;
mod ports;
mod ranges;
mod scope;

pub use endpoints::{Endpoints, TooMany};
pub use notation::{Target, TargetError, parse, parse_any, parse_exact, parse_target};
pub use order::Order;
pub use ports::{PortError, parse_ports};
pub use ranges::{Addresses, Range};
pub use scope::Scope;
