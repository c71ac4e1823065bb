//! A machine's name, as its certificate and its NTLM challenge declare it.

use crate::observe::Observation;

/// NetBIOS computer names are cut after this many characters (MS-NBTE; NetBIOS names have 16 bytes, one a suffix).
const NETBIOS_LENGTH: usize = 15;

/// One declared name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeclaredName {
    /// The field that declares it.
    pub(super) field: &'static str,
    /// As declared.
    pub(super) value: String,
    /// First label, in lower case: what two declarations of one machine share.
    pub(super) label: String,
    /// Whether the label may be the beginning of a longer name.
    pub(super) may_be_cut: bool,
}

/// The names that a host declares for itself. A NetBIOS name that was cut is left out where the NTLM DNS name holds the
/// whole one, because only the whole one is the machine's.
pub(super) fn declared_names(observation: &Observation) -> Vec<DeclaredName> {
    let ntlm = observation.ntlm.as_ref();
    let certificate = observation.leaf().and_then(|leaf| leaf.subject_cn.as_ref());
    let dns = ntlm.and_then(|ntlm| ntlm.dns_computer_name.as_ref());
    let netbios = ntlm.and_then(|ntlm| ntlm.netbios_computer_name.as_ref());
    let whole = dns.and_then(|value| declared("ntlm_dns_computer_name", value));
    let mut cut = netbios.and_then(|value| declared("ntlm_netbios_computer_name", value));
    if let Some(cut) = &mut cut {
        cut.may_be_cut = cut.label.chars().count() == NETBIOS_LENGTH;
    }
    let is_continued = |cut: &DeclaredName, whole: &DeclaredName| {
        cut.may_be_cut && whole.label.len() > cut.label.len() && whole.label.starts_with(&cut.label)
    };
    if cut.as_ref().zip(whole.as_ref()).is_some_and(|(cut, whole)| is_continued(cut, whole)) {
        cut = None;
    }
    let certificate = certificate.and_then(|value| declared("cert_subject_cn", value));
    certificate.into_iter().chain(cut).chain(whole).collect()
}

/// A declaration worth comparing. A wildcard names no machine. Only ASCII letters are folded, as in DNS (RFC 4343):
/// Unicode's folding would make a Kelvin sign a K.
fn declared(field: &'static str, value: &str) -> Option<DeclaredName> {
    let value = value.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    let label = value.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let names_a_machine = !label.is_empty() && !label.contains('*');
    names_a_machine.then(|| DeclaredName { field, value: value.to_owned(), label, may_be_cut: false })
}

/// Whether the host declares any name at all that fingerprints could be compared with.
#[must_use]
pub fn declares_name(observation: &Observation) -> bool {
    !declared_names(observation).is_empty()
}

impl DeclaredName {
    /// Whether this is the machine called `wanted`, given in lower case.
    pub(super) fn is(&self, wanted: &str) -> bool {
        self.label == wanted || self.may_be_cut && wanted.starts_with(&self.label)
    }

    /// Whether the machine's name begins with `prefix`, given in lower case.
    pub(super) fn begins_with(&self, prefix: &str) -> bool {
        self.label.starts_with(prefix) || self.may_be_cut && prefix.starts_with(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(facts: serde_json::Value) -> Vec<DeclaredName> {
        let facts: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_value(facts).unwrap();
        declared_names(&Observation::from_facts(&facts).unwrap())
    }

    #[test]
    fn case_and_suffix_do_not_count() {
        let names = names(json!({ "cert_subject_cn": "Win-Buns25TD77J.example.com" }));
        assert!(names[0].is("win-buns25td77j"));
        assert!(!names[0].is("win-buns25td77"));
    }

    #[test]
    fn a_cut_netbios_name_gives_way_to_the_whole_one() {
        let names = names(json!({
            "ntlm_netbios_computer_name": "COPY-OF-VM-WIN2",
            "ntlm_dns_computer_name": "Copy-of-VM-win2022-base"
        }));
        assert_eq!(names.iter().map(|name| name.field).collect::<Vec<_>>(), ["ntlm_dns_computer_name"]);
    }

    #[test]
    fn look_alikes_and_longer_certificate_names_change_nothing() {
        let kelvin = names(json!({ "cert_subject_cn": "WIN-J\u{212A}328LDDJ61" }));
        assert!(!kelvin[0].is("win-jk328lddj61"));
        // Only NTLM's own DNS name shows that its NetBIOS name was cut; a certificate may be anybody's.
        let names =
            names(json!({ "ntlm_netbios_computer_name": "WIN-BUNS25TD77J", "cert_subject_cn": "WIN-BUNS25TD77J-2" }));
        assert!(names.iter().any(|name| name.is("win-buns25td77j")));
    }

    #[test]
    fn a_cut_netbios_name_alone_may_be_any_continuation() {
        let names = names(json!({ "ntlm_netbios_computer_name": "COPY-OF-VM-WIN2" }));
        assert!(names[0].is("copy-of-vm-win2022-base"));
        assert!(!names[0].is("copy-of-vm-linux"));
    }

    #[test]
    fn empty_names_are_no_names() {
        assert_eq!(names(json!({ "ntlm_netbios_computer_name": "\0", "cert_subject_cn": ".x" })), []);
        assert_eq!(names(json!({ "ntlm_netbios_computer_name": "", "cert_subject_cn": "*.example.com" })), []);
    }
}
