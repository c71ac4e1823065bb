//! Builds of Windows and what their machines show over RDP, as data: `windows.toml`.
//!
//! A build gives no edition, and often not even whether it is a server: all products that carry it are kept. NTLM shows the
//! base build of a machine whose feature update was only switched on (MS-NLMP 2.2.2.10), so a base build stands for those too.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use strum::{Display, EnumMessage, VariantArray};

static KNOWLEDGE: LazyLock<Knowledge> =
    // A test proves that the file parses; should it not, nothing is known, and no scan dies of it.
    LazyLock::new(|| toml::from_str(include_str!("windows.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knowledge {
    builds: Vec<Build>,
    pub(super) template: Vec<TemplateRow>,
    pub(super) signature_algorithms: Vec<Finding<Vec<String>>>,
    pub(super) x224_flags: Vec<Finding<u8>>,
    pub(super) server_hello_clock: Vec<Finding<bool>>,
    pub(super) faulty_names: Vec<Finding<bool>>,
    pub(super) sources: Vec<Source>,
}

/// How well a statement is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Display, EnumMessage, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Standing {
    /// The sources say so.
    Published,
    /// Counted on real machines.
    Measured,
    /// Reasoning, not yet tested.
    Inferred,
}

/// A build of Windows. Its text is its products: `Windows Server 2019 or Windows 10 version 1809`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The build number.
    pub number: u32,
    /// Major and minor version that belong to it: `10.0`.
    pub version: String,
    /// The build that NTLM shows in place of this one.
    pub shown_as: Option<ShownAs>,
    /// How well the products are known.
    pub standing: Standing,
    /// The names of the sources for the products.
    pub sources: Vec<String>,
    /// What else must be known.
    pub note: Option<String>,
    products: Vec<String>,
}

/// The base build that NTLM shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownAs {
    /// Its number.
    pub build: u32,
    /// How well this is known.
    pub standing: Standing,
}

impl Build {
    /// Every product that shows this build, servers and clients, those with this base build among them.
    pub fn products(&self) -> impl Iterator<Item = &'static str> + use<> {
        let number = self.number;
        let shows = move |build: &&Build| {
            build.number == number || build.shown_as.is_some_and(|shown_as| shown_as.build == number)
        };
        builds().iter().filter(shows).flat_map(|build| build.products.iter().map(String::as_str))
    }
}

/// The products in words; versions of one product follow each other: `Windows 10 version 1903, 1909 or Windows Server …`.
impl fmt::Display for Build {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const VERSION: &str = " version ";
        let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
        for product in self.products() {
            let (family, version) = product.split_once(VERSION).unwrap_or((product, ""));
            match families.iter_mut().find(|(known, _)| *known == family) {
                Some((_, versions)) => versions.push(version),
                None => families.push((family, vec![version])),
            }
        }
        for (position, (family, versions)) in families.iter().enumerate() {
            let separator = if position == 0 { "" } else { " or " };
            write!(out, "{separator}{family}")?;
            if versions.iter().any(|version| !version.is_empty()) {
                write!(out, "{VERSION}{}", versions.join(", "))?;
            }
        }
        Ok(())
    }
}

/// What was found on some builds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding<T> {
    /// What was found.
    pub value: T,
    /// How well it is known.
    pub standing: Standing,
    /// How many machines were counted, where that is known.
    pub samples: Option<u32>,
    /// The names of its sources.
    pub sources: Vec<String>,
    /// What else must be known.
    pub note: Option<String>,
    /// Spans of builds, first and last.
    pub(super) builds: Vec<(u32, u32)>,
}

/// One part of the template of Windows' own RDP certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateRow {
    pub(super) part: String,
    pub(super) value: String,
    pub(super) standing: Standing,
    pub(super) samples: Option<u32>,
    pub(super) sources: Vec<String>,
    pub(super) note: Option<String>,
}

/// Where something is written, or how it was counted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) url: Option<String>,
}

pub(super) fn knowledge() -> &'static Knowledge {
    &KNOWLEDGE
}

/// All builds, oldest first.
#[must_use]
pub fn builds() -> &'static [Build] {
    &KNOWLEDGE.builds
}

/// The build of this number, if it is known.
#[must_use]
pub fn build(number: u32) -> Option<&'static Build> {
    builds().iter().find(|build| build.number == number)
}

/// How machines of this build sign their own RDP certificate: registered names, as `signature_algorithm` holds them.
#[must_use]
pub fn signature_algorithms(build: u32) -> Option<&'static Finding<Vec<String>>> {
    on_build(&KNOWLEDGE.signature_algorithms, build)
}

/// The flags of `RDP_NEG_RSP` (MS-RDPBCGR 2.2.1.2.1) that machines of this build send.
#[must_use]
pub fn x224_flags(build: u32) -> Option<&'static Finding<u8>> {
    on_build(&KNOWLEDGE.x224_flags, build)
}

/// Whether machines of this build put their clock into the first four bytes of `ServerHello.random` (RFC 5246, 7.4.1.2).
#[must_use]
pub fn server_hello_clock(build: u32) -> Option<&'static Finding<bool>> {
    on_build(&KNOWLEDGE.server_hello_clock, build)
}

/// Whether the setup of this build could give the same "random" name to several machines.
#[must_use]
pub fn has_faulty_names(build: u32) -> bool {
    on_build(&KNOWLEDGE.faulty_names, build).is_some_and(|finding| finding.value)
}

fn on_build<T>(findings: &[Finding<T>], build: u32) -> Option<&Finding<T>> {
    findings.iter().find(|finding| finding.builds.iter().any(|(first, last)| (*first..=*last).contains(&build)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(number: u32) -> String {
        build(number).unwrap().to_string()
    }

    #[test]
    fn the_file_parses_and_is_in_order() {
        let parsed: Knowledge = toml::from_str(include_str!("windows.toml")).unwrap();
        assert!(parsed.builds.is_sorted_by_key(|build| build.number));
        assert_eq!(parsed.builds.iter().map(|build| build.number).collect::<BTreeSet<_>>().len(), parsed.builds.len());
        assert!(parsed.builds.iter().all(|build| !build.products.is_empty()));
        let bases = parsed.builds.iter().filter_map(|build| build.shown_as);
        assert!(bases.into_iter().all(|base| build(base.build).is_some_and(|base| base.shown_as.is_none())));
    }

    #[test]
    fn every_row_has_sources_and_every_source_a_row() {
        let Knowledge { builds, template, signature_algorithms, x224_flags, server_hello_clock, faulty_names, sources } =
            knowledge();
        let mut named: BTreeSet<&str> = BTreeSet::new();
        let lists = (builds.iter().map(|row| &row.sources))
            .chain(template.iter().map(|row| &row.sources))
            .chain(signature_algorithms.iter().map(|row| &row.sources))
            .chain(x224_flags.iter().map(|row| &row.sources))
            .chain(server_hello_clock.iter().map(|row| &row.sources))
            .chain(faulty_names.iter().map(|row| &row.sources));
        for list in lists {
            assert!(!list.is_empty());
            named.extend(list.iter().map(String::as_str));
        }
        assert_eq!(named, sources.iter().map(|source| source.id.as_str()).collect());
    }

    #[test]
    fn products_keep_their_ambiguity() {
        assert_eq!(text(17763), "Windows Server 2019 or Windows 10 version 1809");
        assert_eq!(text(14393), "Windows Server 2016 or Windows 10 version 1607");
        assert_eq!(text(20348), "Windows Server 2022");
        assert_eq!(text(9600), "Windows Server 2012 R2 or Windows 8.1");
        assert!(build(31337).is_none());
    }

    #[test]
    fn a_base_build_stands_for_what_was_switched_on() {
        assert_eq!(text(19041), "Windows 10 version 2004, 20H2, 21H1, 21H2, 22H2 or Windows Server version 2004, 20H2");
        assert_eq!(text(22621), "Windows 11 version 22H2, 23H2");
        assert_eq!(text(26100), "Windows Server 2025 or Windows 11 version 24H2, 25H2");
        assert_eq!(text(19045), "Windows 10 version 22H2");
        assert_eq!(build(18362).unwrap().products().count(), 4);
    }

    #[test]
    fn findings_hold_for_their_builds_only() {
        let flags = |number| x224_flags(number).map(|finding| finding.value);
        assert_eq!(
            [17763, 19041, 20348, 22621, 26100].map(flags),
            [Some(0x1F), Some(0x1F), None, Some(0x3F), Some(0x3F)]
        );
        let clock = |number| server_hello_clock(number).map(|finding| finding.value);
        assert_eq!(
            [7601, 20348, 22000, 22621, 25398, 26100].map(clock),
            [Some(true), Some(true), Some(true), Some(false), None, Some(false)]
        );
        let algorithms = |number| signature_algorithms(number).map_or(0, |finding| finding.value.len());
        assert_eq!([6000, 6001, 7601, 9200, 9600, 10240, 10586, 14393].map(algorithms), [0, 1, 1, 0, 2, 1, 0, 1]);
        assert_eq!([3790, 6000, 6003, 7600].map(has_faulty_names), [false, true, true, false]);
    }

    #[test]
    fn signature_algorithms_are_named_as_records_name_them() {
        let certificate = simulator::Certificate::windows("A");
        for (certificate, build) in [(certificate.clone(), 20348), (certificate.sha1(), 7601)] {
            let seen = crate::observe::Certificate::from_der(certificate.der()).signature_algorithm;
            assert_eq!(seen.as_slice(), signature_algorithms(build).unwrap().value);
        }
    }
}
