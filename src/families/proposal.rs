//! Fingerprints for families that nobody has described yet.

use serde_json::json;

use super::family::{Family, Link, LinkKind, Quote, Verdict};
use crate::fingerprint::{Class, DraftError, DraftRequest, FingerprintSet, draft, draft_by_certificates};
use crate::knowledge::{Shape, shape};
use crate::observe::Observation;

/// A draft: class `unnamed-clone`, status experimental.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The fingerprint's id.
    pub id: String,
    /// The TOML file.
    pub text: String,
}

/// Certificates that a draft takes over.
const MOST_CERTIFICATES: usize = 10;

/// Drafts for a family that is significant, that no fingerprint of `set` knows and that is not declared as the operator's
/// own: one for each of its generated names, or one by its certificates if it has none. Each passes its own proof. Two
/// families may propose one name, which is then drafted alike.
///
/// # Errors
/// A draft that would not: the family's marks do not make a fingerprint.
pub fn propose(family: &Family, source: &str, set: &FingerprintSet) -> Result<Vec<Proposal>, DraftError> {
    if !family.significant || !family.known_as.is_empty() || family.own_image {
        return Ok(Vec::new());
    }
    let is_telling = |kind| move |link: &&Link| link.kind == kind && link.verdict == Verdict::Clones;
    let certificates = family.links.iter().filter(is_telling(LinkKind::Certificate)).map(|link| link.value.clone());
    // Feeds without hashes name certificates by their serial numbers, which anybody can write into another one.
    let certificates: Vec<String> = certificates.filter(|value| value.len() == 64).take(MOST_CERTIFICATES).collect();
    let request = |name: Option<&str>| DraftRequest {
        computer_name: name.map(str::to_owned),
        id: None,
        class: Class::UnnamedClone,
        source: source.to_owned(),
        description: Some(format!(
            "{} machines or more, on {} addresses, appear to be copies of one Windows installation. Found by rdprint \
             families; no report about it is known.",
            family.machines_at_least, family.addresses
        )),
        certificates: certificates.clone(),
    };
    let mut names: Vec<&str> =
        family.links.iter().filter(is_telling(LinkKind::Name)).map(|link| link.value.as_str()).collect();
    if names.is_empty() {
        let foremost = family.names.first().map(|foremost| foremost.name.as_str());
        // Where the certificate proves the copies, a generated name is the image's, and it outlives the certificate.
        names.extend(foremost.filter(|name| matches!(shape(name), Some(Shape::Generated(_)))));
        if names.is_empty() {
            let request = DraftRequest { id: Some(family.id.clone()), ..request(foremost) };
            let text = draft_by_certificates(&request, set)?;
            return Ok(vec![Proposal { id: family.id.clone(), text }]);
        }
    }
    let draft_of = |name: &str| {
        let members: Vec<Observation> =
            family.quotes.iter().filter(|quote| quote.name == name).filter_map(observation).collect();
        let id = name.to_ascii_lowercase();
        let request = DraftRequest { id: Some(id.clone()), ..request(Some(name)) };
        Ok(Proposal { text: draft(&request, &members, set)?, id })
    };
    names.into_iter().map(draft_of).collect()
}

/// What was seen, as far as drafts quote it.
fn observation(quote: &Quote) -> Option<Observation> {
    let Quote { name, declared, version } = quote;
    let rows = [
        ("cert_subject_cn", declared.certificate),
        ("ntlm_netbios_computer_name", declared.netbios),
        ("ntlm_dns_computer_name", declared.dns),
    ];
    let names =
        rows.into_iter().filter(|(_, is_declared)| *is_declared).map(|(field, _)| (field.to_owned(), json!(name)));
    let version = version.iter().map(|version| ("ntlm_product_version".to_owned(), json!(version)));
    let facts: Vec<(String, serde_json::Value)> = names.chain(version).collect();
    Observation::from_facts(facts.iter().map(|(field, value)| (field, value))).ok()
}
