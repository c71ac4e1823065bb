//! Fingerprints: data that names an image, and the comparison of an observation with them.
//!
//! Pure: files are read by whoever calls [`FingerprintSet::embedded_with`] with their texts. Conditions read facts and
//! traits, never matches, so that a verdict is a function of one observation and one set.

mod class;
mod compile;
mod complaint;
mod condition;
mod definition;
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
mod text;
mod traits;

pub use class::{Class, Confidence};
pub use complaint::{FingerprintError, FingerprintErrors};
pub use definition::{Example, Fingerprint, Origin, Source, Status};
pub use draft::{DraftError, DraftRequest, draft, draft_by_certificates};
pub use file::SourceFile;
pub use matching::{Evidence, Match, Side};
pub use name::declares_name;
pub use set::FingerprintSet;
pub use text::{Text, WebAddress, words};
pub use traits::{TRAITS, Trait, Traits, derive_traits, rtc_offset};
