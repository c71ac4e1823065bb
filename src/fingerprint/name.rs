//! A machine's name, as its certificate and its NTLM challenge declare it.

use crate::observe::{Certificate, Observation, first_label};

/// NetBIOS computer names are cut after this many characters (MS-NBTE; NetBIOS names have 16 bytes, one a suffix).
pub(super) const NETBIOS_LENGTH: usize = 15;

/// One declared name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeclaredName<'a> {
    /// The field that declares it.
    pub(super) field: &'static str,
    /// As declared, without the blanks around it.
    pub(super) value: &'a str,
    /// First label: what two declarations of one machine share.
    pub(super) label: &'a str,
    /// Whether the label may be the beginning of a longer name.
    pub(super) may_be_cut: bool,
}

/// The names that a host declares for itself. A NetBIOS name that was cut is left out where the NTLM DNS name holds the
/// whole one, because only the whole one is the machine's.
pub(super) fn declared_names(observation: &Observation) -> Vec<DeclaredName<'_>> {
    let ntlm = observation.ntlm.as_ref();
    let certificate = observation.leaf().and_then(Certificate::machine_name);
    let dns = ntlm.and_then(|ntlm| ntlm.dns_computer_name.as_ref());
    let netbios = ntlm.and_then(|ntlm| ntlm.netbios_computer_name.as_ref());
    let whole = dns.and_then(|value| declared("ntlm_dns_computer_name", value));
    let mut cut = netbios.and_then(|value| declared("ntlm_netbios_computer_name", value));
    if let Some(cut) = &mut cut {
        cut.may_be_cut = cut.label.chars().count() == NETBIOS_LENGTH;
    }
    let is_continued = |cut: &DeclaredName<'_>, whole: &DeclaredName<'_>| {
        cut.may_be_cut && whole.label.len() > cut.label.len() && begins_with(whole.label, cut.label)
    };
    if cut.as_ref().zip(whole.as_ref()).is_some_and(|(cut, whole)| is_continued(cut, whole)) {
        cut = None;
    }
    let certificate = certificate.and_then(|value| declared("cert_subject_cn", value));
    certificate.into_iter().chain(cut).chain(whole).collect()
}

/// The name that NTLM declares with most weight: the whole DNS name before the NetBIOS name, which may be cut.
pub(super) fn declared_by_ntlm<'n>(names: &'n [DeclaredName<'n>]) -> Option<&'n DeclaredName<'n>> {
    // The order of `declared_names` puts the DNS name last.
    names.iter().rfind(|name| name.field.starts_with("ntlm_"))
}

/// A declaration worth comparing.
fn declared<'a>(field: &'static str, value: &'a str) -> Option<DeclaredName<'a>> {
    let value = value.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    first_label(value).map(|label| DeclaredName { field, value, label, may_be_cut: false })
}

/// Only ASCII letters are folded, as in DNS (RFC 4343): Unicode's folding would make a Kelvin sign a K.
fn begins_with(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Whether the host declares any name at all that fingerprints could be compared with.
#[must_use]
pub fn declares_name(observation: &Observation) -> bool {
    !declared_names(observation).is_empty()
}

impl DeclaredName<'_> {
    /// Whether this is the machine called `wanted`.
    pub(super) fn is(&self, wanted: &str) -> bool {
        self.label.eq_ignore_ascii_case(wanted) || self.may_be_cut && begins_with(wanted, self.label)
    }

    /// Whether the machine's name begins with `prefix`.
    pub(super) fn begins_with(&self, prefix: &str) -> bool {
        begins_with(self.label, prefix) || self.may_be_cut && begins_with(prefix, self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(facts: serde_json::Value) -> Observation {
        let facts: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_value(facts).unwrap();
        Observation::from_facts(&facts).unwrap()
    }

    #[test]
    fn case_and_suffix_do_not_count() {
        let seen = super::tests::seen(json!({ "cert_subject_cn": "Win-Buns25TD77J.example.com" }));
        let names = declared_names(&seen);
        assert!(names[0].is("win-buns25td77j"));
        assert!(!names[0].is("win-buns25td77"));
    }

    #[test]
    fn an_endpoint_of_local_rpc_names_its_machine() {
        let seen = super::tests::seen(json!({ "cert_subject_cn": "ncalrpc:WIN-BUNS25TD77J" }));
        assert!(declared_names(&seen)[0].is("win-buns25td77j"));
        assert_eq!(seen.computer_name(), Some("WIN-BUNS25TD77J"));
        assert_eq!(declared_names(&super::tests::seen(json!({ "cert_subject_cn": "ncalrpc:" }))), []);
    }

    #[test]
    fn a_cut_netbios_name_gives_way_to_the_whole_one() {
        let seen = super::tests::seen(json!({
            "ntlm_netbios_computer_name": "COPY-OF-VM-WIN2",
            "ntlm_dns_computer_name": "Copy-of-VM-win2022-base"
        }));
        let names = declared_names(&seen);
        assert_eq!(names.iter().map(|name| name.field).collect::<Vec<_>>(), ["ntlm_dns_computer_name"]);
    }

    #[test]
    fn look_alikes_and_longer_certificate_names_change_nothing() {
        let seen = super::tests::seen(json!({ "cert_subject_cn": "WIN-J\u{212A}328LDDJ61" }));
        let kelvin = declared_names(&seen);
        assert!(!kelvin[0].is("win-jk328lddj61"));
        // Only NTLM's own DNS name shows that its NetBIOS name was cut; a certificate may be anybody's.
        let seen = super::tests::seen(
            json!({ "ntlm_netbios_computer_name": "WIN-BUNS25TD77J", "cert_subject_cn": "WIN-BUNS25TD77J-2" }),
        );
        let names = declared_names(&seen);
        assert!(names.iter().any(|name| name.is("win-buns25td77j")));
    }

    #[test]
    fn a_cut_netbios_name_alone_may_be_any_continuation() {
        let seen = super::tests::seen(json!({ "ntlm_netbios_computer_name": "COPY-OF-VM-WIN2" }));
        let names = declared_names(&seen);
        assert!(names[0].is("copy-of-vm-win2022-base"));
        assert!(!names[0].is("copy-of-vm-linux"));
    }

    #[test]
    fn empty_names_are_no_names() {
        assert_eq!(declared_names(&seen(json!({ "ntlm_netbios_computer_name": "\0", "cert_subject_cn": ".x" }))), []);
        assert_eq!(
            declared_names(&seen(json!({ "ntlm_netbios_computer_name": "", "cert_subject_cn": "*.example.com" }))),
            []
        );
    }
}
