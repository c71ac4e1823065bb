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

/// The names that a host declares for itself. A NetBIOS name that was cut is left out where another field holds the
/// whole name, because only the whole one is the machine's.
pub(super) fn declared_names(observation: &Observation) -> Vec<DeclaredName> {
    let ntlm = observation.ntlm.as_ref();
    let leaf = observation.leaf();
    let declared = [
        ("cert_subject_cn", leaf.and_then(|leaf| leaf.subject_cn.as_ref()), false),
        ("ntlm_netbios_computer_name", ntlm.and_then(|ntlm| ntlm.netbios_computer_name.as_ref()), true),
        ("ntlm_dns_computer_name", ntlm.and_then(|ntlm| ntlm.dns_computer_name.as_ref()), false),
    ];
    let mut names: Vec<DeclaredName> = declared
        .into_iter()
        .filter_map(|(field, value, is_netbios)| {
            let value = value?.trim();
            let label = value.split('.').next().unwrap_or_default().to_lowercase();
            let may_be_cut = is_netbios && label.chars().count() == NETBIOS_LENGTH;
            (!label.is_empty()).then(|| DeclaredName { field, value: value.to_owned(), label, may_be_cut })
        })
        .collect();
    let whole: Vec<String> = names.iter().filter(|name| !name.may_be_cut).map(|name| name.label.clone()).collect();
    names.retain(|name| {
        let is_continued = |longer: &String| longer.len() > name.label.len() && longer.starts_with(&name.label);
        !(name.may_be_cut && whole.iter().any(is_continued))
    });
    names
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
    fn a_cut_netbios_name_alone_may_be_any_continuation() {
        let names = names(json!({ "ntlm_netbios_computer_name": "COPY-OF-VM-WIN2" }));
        assert!(names[0].is("copy-of-vm-win2022-base"));
        assert!(!names[0].is("copy-of-vm-linux"));
    }

    #[test]
    fn empty_names_are_no_names() {
        assert_eq!(names(json!({ "ntlm_netbios_computer_name": "", "cert_subject_cn": ".x" })), []);
    }
}
