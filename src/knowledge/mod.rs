//! What is known about Windows, as data with its sources: how names are made, what the RDP certificate looks like,
//! which products a build belongs to.
//!
//! Pure, and apart from fingerprints: nothing here names a family. Traits and explanations are derived from it.

mod certificate;
mod letters;
pub mod names;
mod words;

pub use certificate::{Difference, Form, rdp_certificate_form};
