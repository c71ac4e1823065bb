//! Families: machines that share what should be unique to one installation, how unlikely chance is, and the story of the
//! image. `docs/families.md` is the method; this is its code.
//!
//! Pure: fill a [`Population`] with what was [`Seen`], in any order, and ask for its [`families`](Population::families).
//!
//! ```
//! use rdprint::families::{Declared, Population, Role, Seen, Settings};
//! let mut population = Population::new();
//! population.add(&Seen {
//!     ip: [192, 0, 2, 1].into(),
//!     port: 3389,
//!     seen_at: "2026-01-14T12:00:00Z".parse().ok(),
//!     name: Some("WIN-7K2QF0B3M1D"),
//!     declared: Declared::default(),
//!     product_version: None,
//!     system_time: None,
//!     clock_skew_ms: None,
//!     certificate: None,
//!     role: Role::Machine,
//!     known_as: Vec::new(),
//! });
//! assert!(population.families(&Settings::default()).families.is_empty());
//! ```

mod apart;
mod certificates;
mod chance;
mod family;
mod fields;
mod find;
mod links;
mod names;
mod naming;
mod own;
mod population;
mod proposal;
mod seen;
mod story;
mod window;
mod words;

pub use chance::{FALSE_FAMILIES, SEED_NAMES, ln_expected_sets, significant_size};
pub use family::{
    BuildCount, CertificateStory, Chance, FAMILY_SCHEMA_VERSION, Family, Growth, KnownAs, Link, LinkKind, Member,
    NameCount, PrefixCount, Reason, Share, SharedCertificate, Verdict,
};
pub use fields::{FAMILY_FIELDS, FamilyField};
pub use find::{Findings, Settings, WindowCount};
pub use names::Drawers;
pub use naming::Drawn;
pub use own::{OwnImageError, OwnImages};
pub use population::{Intake, Population};
pub use proposal::{Proposal, propose};
pub use seen::{Declared, OwnCertificate, Role, Seen};
pub use words::scientific;

#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod tests;
