//! The configuration file: what a site wants every run to keep to. Flags override it, except that the scope is a
//! ceiling, which flags can only narrow.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::given;
use crate::silence::complaint;

/// The file's keys; all are optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Prefixes and ranges that may be scanned.
    pub scope: Option<Vec<String>>,
    /// Prefixes and ranges that are never connected to.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Files of such, one a line.
    #[serde(default)]
    pub exclude_files: Vec<PathBuf>,
    /// Ports, as `--ports` takes them.
    pub ports: Option<String>,
    /// New connections per second.
    pub rate: Option<NonZeroU32>,
    /// Hosts in work at once.
    pub concurrency: Option<NonZeroU32>,
    /// Hosts in work at once in one /24 or /64.
    pub per_network: Option<NonZeroU32>,
    /// The identification cookie.
    pub cookie: Option<String>,
    /// Folders and files of fingerprints.
    #[serde(default)]
    pub fingerprints: Vec<PathBuf>,
}

/// What is wrong with a configuration file, with the line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display();
        let text = given::text(path)
            .map_err(|error| ConfigError(format!("configuration `{name}` cannot be read: {error}")))?;
        toml::from_str(&text).map_err(|error| ConfigError(format!("{name}:{}", complaint(&text, &error))))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let path = std::env::temp_dir().join(format!("rdprint-config-{}-{}.toml", std::process::id(), text.len()));
        fs::write(&path, text).unwrap();
        let config = Config::load(&path).map_err(|error| error.to_string());
        fs::remove_file(path).unwrap();
        config
    }

    #[test]
    fn every_key_is_optional_and_none_is_guessed() {
        assert!(load("").unwrap().scope.is_none());
        let config = load("scope = [\"10.0.0.0/8\"]\nrate = 100\n").unwrap();
        assert_eq!((config.scope.unwrap().len(), config.rate.map(NonZeroU32::get)), (1, Some(100)));
        assert!(load("rate = 0\n").unwrap_err().contains(".toml:1: "));
        assert!(load("\nscop = []\n").unwrap_err().contains(".toml:2: unknown key `scop`"));
    }
}
