//! What is known about Windows, as data with its sources: how names are made, what the RDP certificate looks like,
//! which products a build belongs to.
//!
//! Pure, and apart from fingerprints: nothing here names a family. Traits and explanations are derived from it.

mod certificate;
mod letters;
mod names;
mod page;
mod windows;
mod words;

pub use certificate::{Difference, Form, VALIDITY as RDP_CERTIFICATE_VALIDITY, is_rdp_serial, rdp_certificate_form};
pub use names::{Flaw, GENERATORS, Generator, Shape, shape};
pub use page::windows_page;
pub use windows::{
    Build, Finding, ShownAs, Standing, build, builds, has_faulty_names, server_hello_clock, signature_algorithms,
    x224_flags,
};
