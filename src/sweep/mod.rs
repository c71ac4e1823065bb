//! Sweeps: scans with a memory, for years and without a person looking.

pub mod canary;
pub mod deliver;
pub mod excludes;
pub mod file;
pub mod lock;
pub mod news;
pub mod recorder;
pub mod settings;
pub mod window;
