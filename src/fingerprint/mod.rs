//! Fingerprints: data that names an image, and the comparison of an observation with them.
//!
//! Pure: files are read by whoever calls [`FingerprintSet::embedded_with`] with their texts. Conditions read facts and
//! traits, never matches, so that a verdict is a function of one observation and one set.

mod class;
mod compile;
mod condition;
mod draft;
mod file;
mod index;
mod literal;
mod marks;
mod matching;
mod name;
mod operator;
mod period;
mod proof;
mod set;
mod subject;
mod traits;

pub use class::{Class, Confidence};
pub use draft::{DraftError, DraftRequest, draft};
pub use file::{Example, Fingerprint, FingerprintError, FingerprintErrors, Origin, Source, SourceFile, Status, Text};
pub use matching::{Evidence, Match, Side};
pub use name::declares_name;
pub use set::FingerprintSet;
pub use traits::{TRAITS, Trait, Traits, derive_traits};
