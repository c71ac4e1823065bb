//! What a run covered: without it, "no findings" means nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use strum::EnumMessage;

use crate::fingerprint::{Class, Match, declares_name};
use crate::observe::{Observation, Stage, Status};
use crate::verdict::Record;

/// Why an RDP endpoint showed no name to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumMessage)]
#[serde(rename_all = "kebab-case")]
pub enum NoName {
    /// classic RDP security, which showed no name before a logon
    ClassicSecurity,
    /// refused every protocol
    Refused,
    /// broke off during the negotiation
    BrokeOff,
    /// a certificate without a common name, and no NLA
    NamelessCertificate,
    /// TLS did not come about
    NoTls,
    /// neither certificate nor NTLM held a name
    Nameless,
}

/// Counts over the endpoints of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Endpoints that were to be looked at.
    pub planned: u64,
    /// Those of them that were excluded or outside the scope.
    pub skipped: u64,
    /// Endpoints that were looked at.
    pub probed: u64,
    /// Those that accepted the connection.
    pub open: u64,
    /// Those that answered as RDP servers do.
    pub rdp: u64,
    /// Those of them that declared a name to compare.
    pub named: u64,
    /// All endpoints that were looked at, by how the dialogue ended.
    #[serde(default)]
    pub statuses: BTreeMap<Status, u64>,
    /// Endpoints that did not accept the connection, by what happened instead.
    pub not_open: BTreeMap<Status, u64>,
    /// Open endpoints that do not speak RDP, by how the dialogue ended.
    pub not_rdp: BTreeMap<Status, u64>,
    /// RDP endpoints without a name, by reason.
    pub unnamed: BTreeMap<NoName, u64>,
    /// Findings per class.
    pub findings: BTreeMap<Class, u64>,
    /// Findings per class that are supported or better.
    pub supported: BTreeMap<Class, u64>,
    /// The strongest class of all supported findings, whatever else the same host matched.
    pub strongest_supported: Option<Class>,
    /// Endpoints whose only matches are informational.
    pub informational: u64,
    /// Endpoints whose only matches of an accusing class are contradicted.
    pub contradicted: u64,
}

impl Coverage {
    /// Counts one record.
    pub fn add(&mut self, record: &Record) {
        let observation = &record.observation;
        self.probed += 1;
        *self.statuses.entry(observation.status).or_default() += 1;
        if !observation.is_open() {
            *self.not_open.entry(observation.status).or_default() += 1;
            return;
        }
        self.open += 1;
        if !observation.speaks_rdp() {
            *self.not_rdp.entry(observation.status).or_default() += 1;
            return;
        }
        self.rdp += 1;
        if declares_name(observation) {
            self.named += 1;
        } else {
            *self.unnamed.entry(reason_for_no_name(observation)).or_default() += 1;
        }
        self.add_matches(record);
    }

    /// Counts what one record matches, whatever else is known of it.
    pub fn add_matches(&mut self, record: &Record) {
        let strongest = |findings: &mut dyn Iterator<Item = &Match>| findings.map(|found| found.class).min();
        let class = strongest(&mut record.findings());
        let supported = strongest(&mut record.findings().filter(|found| found.is_supported()));
        self.strongest_supported = self.strongest_supported.into_iter().chain(supported).min();
        if let Some(class) = class {
            *self.findings.entry(class).or_default() += 1;
            *self.supported.entry(class).or_default() += u64::from(supported == Some(class));
        } else if record.matches.iter().any(|found| !found.class.is_informational()) {
            self.contradicted += 1;
        } else {
            self.informational += u64::from(!record.matches.is_empty());
        }
    }

    /// Whether a supported finding of this class or a stronger one was made.
    #[must_use]
    pub fn has_supported(&self, class: Class) -> bool {
        self.strongest_supported.is_some_and(|strongest| strongest <= class)
    }
}

fn reason_for_no_name(observation: &Observation) -> NoName {
    match (observation.stage, observation.status) {
        (Stage::X224, Status::Success) => NoName::ClassicSecurity,
        (Stage::X224, Status::ApplicationError) => NoName::Refused,
        (Stage::X224 | Stage::Connect, _) => NoName::BrokeOff,
        (Stage::Tls, Status::Success) => NoName::NamelessCertificate,
        (Stage::Tls, _) => NoName::NoTls,
        (Stage::Mcs, _) if observation.tls.is_some() => NoName::NamelessCertificate,
        (Stage::Mcs, _) => NoName::ClassicSecurity,
        (Stage::Credssp, _) => NoName::Nameless,
    }
}

/// The summary for a person, one thing a line.
impl fmt::Display for Coverage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { planned, skipped, probed, open, rdp, named, .. } = self;
        if probed + skipped < *planned {
            writeln!(out, "STOPPED EARLY: {} of {planned} endpoints were taken", probed + skipped)?;
        }
        writeln!(out, "probed {probed}, open {open}, RDP {rdp}, with a comparable name {named}")?;
        if *skipped > 0 {
            writeln!(out, "  excluded: {skipped}")?;
        }
        by_status(out, "not open", &self.not_open)?;
        by_status(out, "open, but not RDP", &self.not_rdp)?;
        for (reason, count) in &self.unnamed {
            writeln!(out, "  RDP without a name: {count} ({})", reason.get_documentation().unwrap_or_default())?;
        }
        self.findings().fmt(out)
    }
}

/// What was found, one thing a line.
pub struct Findings<'a>(&'a Coverage);

impl Coverage {
    /// What was found, told apart from what was looked at.
    #[must_use]
    pub fn findings(&self) -> Findings<'_> {
        Findings(self)
    }
}

impl fmt::Display for Findings<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Coverage { findings, supported, named, informational, contradicted, .. } = self.0;
        for (class, count) in findings {
            let supported = supported.get(class).copied().unwrap_or_default();
            writeln!(out, "findings: {count} {class}, {supported} of them supported by more than the name")?;
        }
        match (findings.is_empty(), named) {
            (true, 0) => writeln!(out, "findings: none, because nothing could be compared")?,
            (true, _) => writeln!(out, "findings: none")?,
            (false, _) => {}
        }
        if *informational > 0 {
            writeln!(out, "informational matches, no findings: {informational}")?;
        }
        if *contradicted > 0 {
            writeln!(out, "names of known images that other facts contradict, no findings: {contradicted}")?;
        }
        Ok(())
    }
}

fn by_status(out: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<Status, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    writeln!(out, "  {title}: {}", parts.join(", "))
}
