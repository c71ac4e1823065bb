//! Excludes that may change while a run goes on.

use crate::target::Addresses;

/// What is never connected to, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excludes {
    /// These addresses.
    Known(Addresses),
    /// A list cannot be read at the moment. Nobody new is asked until it can, since they may stand in it.
    Unknown,
}
