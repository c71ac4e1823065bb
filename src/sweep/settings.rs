//! `sweep.toml`: what a site's sweeps are, with every default filled in.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use strum::{Display, EnumString, IntoStaticStr};
use thiserror::Error;

use super::window::Window;
use crate::fingerprint::Class;
use crate::given;
use crate::scan::Limits;
use crate::silence::complaint;

/// What is wrong with a file of settings, with the line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// The file's keys. Written again, they say what a sweep really does: defaults filled in, paths from the root.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The file that remembers.
    pub history: PathBuf,
    /// What may be scanned.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Files of such.
    #[serde(default)]
    pub scope_files: Vec<PathBuf>,
    /// Why a scope wider than a /8 may be scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorised: Option<String>,
    /// What is scanned; the whole scope if nothing is named.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Files of such.
    #[serde(default)]
    pub target_files: Vec<PathBuf>,
    /// What is never connected to.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Files of such, read again while a sweep goes on.
    #[serde(default)]
    pub exclude_files: Vec<PathBuf>,
    /// Ports, as `scan --ports` takes them.
    #[serde(default = "default_ports")]
    pub ports: String,
    /// Folders and files of fingerprints beside those of rdprint.
    #[serde(default)]
    pub fingerprints: Vec<PathBuf>,
    /// How many times in a row an endpoint is missed until it is gone.
    #[serde(default = "two")]
    pub misses: NonZeroU32,
    /// When hosts may be probed, like `22:00-06:00`; at any time if none is named.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// The time zone of `windows`, by its IANA name; the machine's own otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// For how long an unfinished sweep may be gone on with.
    #[serde(default = "a_week")]
    pub resume_within: Time,
    /// Endpoints that must answer before and during a sweep.
    #[serde(default)]
    pub canary: Vec<SocketAddr>,
    /// How often they are asked.
    #[serde(default = "a_minute")]
    pub canary_every: Time,
    /// What is news.
    #[serde(default)]
    pub news: NewsOf,
    /// Exit with 1 if the news hold a finding of this class or a stronger one that more than a name bears out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Class>,
    /// What is not to be alerted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppress: Option<PathBuf>,
    /// Whose addresses there are; needed by rules that name a customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers: Option<PathBuf>,
    /// A file that is written every minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<PathBuf>,
    /// Files (.csv, .jsonl) with everything that the last complete sweep saw.
    #[serde(default)]
    pub outputs: Vec<PathBuf>,
    /// The pace and the patience.
    #[serde(default)]
    pub limits: LimitSettings,
    /// Who is told.
    #[serde(default)]
    pub alerts: AlertSettings,
}

/// What is news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Display, EnumString, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NewsOf {
    /// Changes of endpoints that are or were findings.
    #[default]
    Findings,
    /// Every change, but for plain renewals and endpoints whose matches only inform.
    All,
}

/// `[limits]`; see the flags of `scan` of the same names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    rate: NonZeroU32,
    concurrency: NonZeroU32,
    per_network: NonZeroU32,
    connect_timeout: Time,
    step_timeout: Time,
    timeout: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duration: Option<Time>,
    cookie: String,
}

/// `[alerts]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// A program and its arguments; the alert is JSON on its standard input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// An address that the alert's JSON is posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// How long either may take.
    pub timeout: Time,
    /// How long all deliveries of one run may take; what is left then goes out with the next run.
    pub max_duration: Time,
    /// How often one run tries to deliver an alert; what is left is tried again by later runs.
    #[serde(deserialize_with = "tries")]
    pub tries: NonZeroU32,
}

/// Ten years: nobody waits longer, and no clock reckons with much more.
const LONGEST_TIME: Duration = Duration::from_secs(3653 * 86_400);

/// A time like `3s`, `500ms`, `1h30m` or `7d`, of ten years at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

fn default_ports() -> String {
    "3389".to_owned()
}

fn two() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(1)
}

fn a_week() -> Time {
    Time(Duration::from_secs(7 * 86_400))
}

fn a_minute() -> Time {
    Time(Duration::from_secs(60))
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            rate: limits.rate,
            concurrency: limits.concurrency,
            per_network: limits.per_network,
            connect_timeout: Time(limits.connect_timeout),
            step_timeout: Time(limits.step_timeout),
            timeout: Time(limits.timeout),
            max_duration: None,
            cookie: "rdprint".to_owned(),
        }
    }
}

impl Default for AlertSettings {
    fn default() -> Self {
        let tries = two().saturating_add(2);
        let (timeout, max_duration) = (Time(Duration::from_secs(30)), Time(Duration::from_secs(300)));
        Self { command: Vec::new(), webhook: None, timeout, max_duration, tries }
    }
}

impl Settings {
    /// Reads a file. Paths in it begin at the file's own folder.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let name = path.display();
        let text =
            given::text(path).map_err(|error| SettingsError(format!("settings `{name}` cannot be read: {error}")))?;
        let mut settings: Self =
            toml::from_str(&text).map_err(|error| SettingsError(format!("{name}:{}", complaint(&text, &error))))?;
        let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
        settings.begin_at(&folder.unwrap_or_default());
        Ok(settings)
    }

    fn begin_at(&mut self, folder: &Path) {
        let Self {
            history,
            scope_files,
            target_files,
            exclude_files,
            fingerprints,
            suppress,
            customers,
            heartbeat,
            outputs,
            ..
        } = self;
        let lists = [scope_files, target_files, exclude_files, fingerprints, outputs];
        let all = lists.into_iter().flatten().chain([history]).chain(suppress).chain(customers).chain(heartbeat);
        for path in all {
            *path = folder.join(&path);
        }
    }

    /// The limits, but for what the windows leave.
    pub fn limits(&self) -> Result<Limits, String> {
        let LimitSettings {
            rate,
            concurrency,
            per_network,
            connect_timeout,
            step_timeout,
            timeout,
            max_duration,
            cookie,
        } = &self.limits;
        Ok(Limits {
            rate: *rate,
            concurrency: *concurrency,
            per_network: *per_network,
            connect_timeout: connect_timeout.0,
            step_timeout: step_timeout.0,
            timeout: timeout.0,
            max_duration: max_duration.map(|time| time.0),
            cookie: cookie.parse().map_err(|error| format!("`cookie` in [limits]: {error}"))?,
            ..Limits::default()
        })
    }
}

/// More tries would only hold up the next sweep.
const MOST_TRIES: u32 = 20;

fn tries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let tries = u32::deserialize(deserializer)?;
    let possible = NonZeroU32::new(tries).filter(|_| tries <= MOST_TRIES);
    possible.ok_or_else(|| {
        D::Error::custom(format!(
            "`tries` is 1 to {MOST_TRIES}; later runs try again what is left, however often it takes"
        ))
    })
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let days =
            text.strip_suffix('d').filter(|days| !days.is_empty() && days.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds =
            days.map(|days| days.parse().ok().and_then(|days: u64| days.checked_mul(86_400)).unwrap_or(u64::MAX));
        let duration = seconds
            .map(Duration::from_secs)
            .or_else(|| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok())
            .filter(|duration| !duration.is_zero());
        let wrong = |what: &str| {
            D::Error::custom(format!("`{}` is {what}; write it like 3s, 500ms, 1h30m or 7d", text.escape_debug()))
        };
        match duration {
            None => Err(wrong("no time")),
            Some(duration) if duration > LONGEST_TIME => Err(wrong("longer than ten years")),
            Some(duration) => Ok(Self(duration)),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() == 0 && seconds.is_multiple_of(86_400) {
            return serializer.collect_str(&format_args!("{}d", seconds / 86_400));
        }
        let time = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        serializer.collect_str(&format_args!("{time:#}"))
    }
}
