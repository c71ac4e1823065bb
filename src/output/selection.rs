//! Which records are written.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::verdict::Record;

/// Each takes all that the one before it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Selection {
    /// Those that match a fingerprint, contradicted matches included.
    Matched,
    /// Those that speak RDP, and what matched: others' data may not say why they took a host for RDP.
    Rdp,
    /// Those that accepted the connection.
    Open,
    /// All.
    All,
}

impl Selection {
    /// Whether the record is one of these.
    #[must_use]
    pub fn takes(self, record: &Record) -> bool {
        match self {
            Self::Matched => !record.matches.is_empty(),
            Self::Rdp => record.observation.speaks_rdp() || Self::Matched.takes(record),
            Self::Open => record.observation.is_open(),
            Self::All => true,
        }
    }
}
