//! A set of fingerprints: those compiled in, and those a user adds.

use std::collections::BTreeSet;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::complaint::{FingerprintError, FingerprintErrors};
use super::condition::View;
use super::definition::Fingerprint;
use super::file::SourceFile;
use super::index::Index;
use super::matching::{Match, compare};
use super::traits::Traits;
use crate::observe::{Hex, Observation, nearest};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fingerprints");

/// Fingerprints by id, with a hash that names the set.
#[derive(Debug)]
pub struct FingerprintSet {
    /// In the order of their ids.
    fingerprints: Vec<Fingerprint>,
    index: Index,
    hash: String,
}

/// A fingerprint and the file that it came from.
struct Loaded {
    fingerprint: Fingerprint,
    file: SourceFile,
    is_embedded: bool,
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
    pub fn embedded() -> Result<Self, FingerprintErrors> {
        Self::embedded_with([])
    }

    /// The project's own fingerprints and others, all or none. The examples of the others are run, since nobody else
    /// has; the tests run those of the project's own.
    ///
    /// # Errors
    /// Everything that is wrong with the others: what does not compile, repeats an id, replaces a fingerprint that is
    /// not there, or fails an example of its own.
    pub fn embedded_with(others: impl IntoIterator<Item = SourceFile>) -> Result<Self, FingerprintErrors> {
        Self::assemble(others, SourceFile::prove_examples)
    }

    /// As [`FingerprintSet::embedded_with`], without running examples.
    ///
    /// # Errors
    /// Everything in the others that does not compile, repeats an id or replaces a fingerprint that is not there.
    pub fn compiled_with(others: impl IntoIterator<Item = SourceFile>) -> Result<Self, FingerprintErrors> {
        Self::assemble(others, SourceFile::compile)
    }

    fn assemble(
        others: impl IntoIterator<Item = SourceFile>,
        read: fn(&SourceFile) -> Result<Fingerprint, FingerprintErrors>,
    ) -> Result<Self, FingerprintErrors> {
        let embedded = Self::embedded_files().map(|file| (file.compile(), file, true));
        let others = others.into_iter().map(|file| (read(&file), file, false));
        let (mut loaded, mut errors) = (Vec::new(), Vec::new());
        for (result, file, is_embedded) in embedded.chain(others) {
            match result {
                Ok(fingerprint) => loaded.push(Loaded { fingerprint, file, is_embedded }),
                Err(more) => errors.extend(more.into_vec()),
            }
        }
        errors.extend(replace_overridden(&mut loaded));
        FingerprintErrors::unless(errors, || Self::of(loaded))
    }

    fn of(loaded: Vec<Loaded>) -> Self {
        let digests = loaded.iter().map(|Loaded { file, .. }| Sha256::digest(&file.text));
        let whole = digests.fold(Sha256::new(), Sha256::chain_update);
        let fingerprints: Vec<Fingerprint> = loaded.into_iter().map(|loaded| loaded.fingerprint).collect();
        let index = Index::of(fingerprints.iter());
        Self { fingerprints, index, hash: Hex(whole.finalize().to_vec()).to_string() }
    }

    /// SHA-256 over the files' hashes in the order of their ids: equal sets have equal hashes.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// One fingerprint.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Fingerprint> {
        let position = self.fingerprints.binary_search_by(|fingerprint| fingerprint.id.as_str().cmp(id)).ok()?;
        self.fingerprints.get(position)
    }

    /// All of them, by id.
    #[must_use = "an iterator does nothing by itself"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Fingerprint> {
        self.fingerprints.iter()
    }

    /// Every fingerprint that the observation fits: strongest class first, then best confidence, then id.
    #[must_use]
    pub fn matches(&self, observation: &Observation, traits: &Traits) -> Vec<Match> {
        let view = View::of(observation, traits);
        let candidates = self.index.candidates(&view);
        let candidates = candidates.into_iter().filter_map(|position| self.fingerprints.get(position));
        let mut matches: Vec<Match> = candidates.filter_map(|fingerprint| compare(fingerprint, &view)).collect();
        matches.sort_by(|a, b| a.class.cmp(&b.class).then(b.confidence.cmp(&a.confidence)));
        matches
    }
}

/// Takes out what is overridden, brings the rest into the order of their ids, and says which ids are not in order.
fn replace_overridden(loaded: &mut Vec<Loaded>) -> Vec<FingerprintError> {
    let mut errors = Vec::new();
    let mut replaced = BTreeSet::new();
    for Loaded { fingerprint, file, .. } in loaded.iter() {
        let Some(id) = &fingerprint.overrides else { continue };
        let embedded: Vec<&str> =
            loaded.iter().filter(|other| other.is_embedded).map(|other| other.fingerprint.id.as_str()).collect();
        if !embedded.contains(&id.as_str()) {
            let hint = nearest(id, embedded).map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
            let message = format!("`overrides` names `{id}`, which is no fingerprint of rdprint{hint}");
            errors.push(file.error(fingerprint.id_offset, message));
        } else if !replaced.insert(id.clone()) {
            let message = format!("`{id}` is overridden by another file already; keep one of them");
            errors.push(file.error(fingerprint.id_offset, message));
        }
    }
    loaded.retain(|loaded| !(loaded.is_embedded && replaced.contains(&loaded.fingerprint.id)));
    // Stable, so that of two with one id the embedded one, or the one read first, keeps it.
    loaded.sort_by(|a, b| a.fingerprint.id.cmp(&b.fingerprint.id));
    for pair in loaded.windows(2) {
        let [first, second] = pair else { continue };
        let id = &second.fingerprint.id;
        if first.fingerprint.id != *id {
            continue;
        }
        let other = &first.file.name;
        let replace = format!(", or write `overrides = \"{id}\"` to replace that one");
        let replace = if first.is_embedded { replace } else { String::new() };
        let message = format!("`id` `{id}` is already taken by {other}; choose another one{replace}");
        errors.push(second.file.error(second.fingerprint.id_offset, message));
    }
    errors
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
