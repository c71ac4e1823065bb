//! Fingerprints: data that names an image, and the comparison of an observation with them.
//!
//! Pure: files are read by whoever calls [`FingerprintSet::embedded_with`] with their texts. Conditions read facts and
//! traits, never matches, so that a verdict is a function of one observation and one set.

mod class;
mod condition;
mod file;
mod matching;
mod name;
mod set;
mod traits;

pub use class::{Class, Confidence};
pub use file::{Example, Fingerprint, FingerprintError, Source, SourceFile};
pub use matching::{Evidence, Match, Side};
pub use name::declares_name;
pub use set::FingerprintSet;
pub use traits::{TRAITS, Trait, Traits, derive_traits};
