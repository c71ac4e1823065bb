//! What is wrong with fingerprint files, by file and line.

use std::fmt;

use serde::Serialize;

/// What is wrong with a fingerprint file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FingerprintError {
    /// The file.
    pub file: String,
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong and what to write instead; names the key.
    pub message: String,
}

impl std::error::Error for FingerprintError {}

impl fmt::Display for FingerprintError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All that is wrong with some files, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintErrors(Vec<FingerprintError>);

impl FingerprintErrors {
    /// At least one.
    pub(super) fn of(errors: Vec<FingerprintError>) -> Self {
        Self(errors)
    }

    /// The value if nothing is wrong.
    pub(super) fn unless<T>(errors: Vec<FingerprintError>, value: impl FnOnce() -> T) -> Result<T, Self> {
        if errors.is_empty() { Ok(value()) } else { Err(Self(errors)) }
    }

    /// Each of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<FingerprintError> {
        self.0
    }
}

impl std::error::Error for FingerprintErrors {}

/// The first, and how many more there are.
impl fmt::Display for FingerprintErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.split_first() else { return Ok(()) };
        write!(out, "{first}")?;
        if others.is_empty() {
            return Ok(());
        }
        write!(out, " (and {} more; `rdprint fingerprints check` lists them)", others.len())
    }
}
