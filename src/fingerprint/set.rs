//! A set of fingerprints: those compiled in, and those a user adds.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::condition::View;
use super::file::{Fingerprint, FingerprintError, SourceFile};
use super::matching::{Match, compare};
use super::traits::Traits;
use crate::observe::{Hex, Observation};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fingerprints");

/// Fingerprints by id, with a hash that names the set.
#[derive(Debug)]
pub struct FingerprintSet {
    fingerprints: BTreeMap<String, Fingerprint>,
    hash: String,
}

impl FingerprintSet {
    /// The project's own files, as they stand in `fingerprints/`.
    pub fn embedded_files() -> impl Iterator<Item = SourceFile> {
        let folders = EMBEDDED.dirs().flat_map(Dir::files);
        folders.filter_map(|file| {
            let name = format!("fingerprints/{}", file.path().display());
            Some(SourceFile { name, text: file.contents_utf8()?.to_owned() })
        })
    }

    /// The project's own fingerprints.
    pub fn embedded() -> Result<Self, FingerprintError> {
        Self::embedded_with([])
    }

    /// The project's own fingerprints and others, all or none. The examples of the others are run, since nobody else
    /// has; the tests run those of the project's own.
    ///
    /// # Errors
    /// The first file that does not compile, repeats an id, or fails an example of its own.
    pub fn embedded_with(others: impl IntoIterator<Item = SourceFile>) -> Result<Self, FingerprintError> {
        let embedded = Self::embedded_files().map(|file| (file.compile(), file));
        Self::of(embedded.chain(others.into_iter().map(|file| (file.prove(), file))))
    }

    fn of(
        files: impl Iterator<Item = (Result<Fingerprint, FingerprintError>, SourceFile)>,
    ) -> Result<Self, FingerprintError> {
        let mut fingerprints = BTreeMap::new();
        let mut digests = BTreeMap::new();
        for (fingerprint, file) in files {
            let fingerprint = fingerprint?;
            let id = fingerprint.id.clone();
            digests.insert(id.clone(), Sha256::digest(&file.text));
            if fingerprints.insert(id.clone(), fingerprint).is_some() {
                let message = format!("`id` `{id}` is already taken by another fingerprint; choose another one");
                return Err(FingerprintError { file: file.name, line: 1, message });
            }
        }
        let whole = digests.values().fold(Sha256::new(), Sha256::chain_update);
        Ok(Self { fingerprints, hash: Hex(whole.finalize().to_vec()).to_string() })
    }

    /// SHA-256 over the files' hashes in the order of their ids: equal sets have equal hashes.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// One fingerprint.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Fingerprint> {
        self.fingerprints.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Fingerprint> {
        self.fingerprints.values()
    }

    /// Every fingerprint that the observation fits: strongest class first, then best confidence, then id.
    #[must_use]
    pub fn matches(&self, observation: &Observation, traits: &Traits) -> Vec<Match> {
        let view = View::of(observation, traits);
        let mut matches: Vec<Match> = self.iter().filter_map(|fingerprint| compare(fingerprint, &view)).collect();
        matches.sort_by(|a, b| a.class.cmp(&b.class).then(b.confidence.cmp(&a.confidence)));
        matches
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
