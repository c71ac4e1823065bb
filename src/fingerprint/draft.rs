//! Writes a fingerprint from observations of one family, with the examples that prove it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};
use thiserror::Error;

use super::complaint::FingerprintErrors;
use super::condition::View;
use super::definition::{Conditions, Example, Origin, Status};
use super::derive_traits;
use super::file::SourceFile;
use super::matching::judge;
use super::name::declared_names;
use super::set::FingerprintSet;
use super::text::Text;
use super::{Class, Confidence};
use crate::observe::Observation;
use crate::visible::is_hidden;

/// Observed examples that a draft takes over; more add nothing that these do not show.
const MOST_OBSERVED: usize = 3;

/// What a draft cannot take from the observations.
#[derive(Clone, Debug)]
pub struct DraftRequest {
    /// The machine name of the family; may be left out where all observations agree.
    pub computer_name: Option<String>,
    /// The draft's `id`; made from the name if left out.
    pub id: Option<String>,
    /// What a match shall mean.
    pub class: Class,
    /// Where observed examples come from, as their `source` says.
    pub source: String,
    /// What the draft's description says; how many addresses declare the name, if left out.
    pub description: Option<String>,
    /// SHA-256 of certificates that are the image's own, in hexadecimal: known to be on several machines.
    pub certificates: Vec<String>,
}

/// Why no draft can be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// No observation declares a name, or none the one that was asked for.
    #[error("no record declares {0}")]
    NoName(String),
    /// Several families at once.
    #[error("the records declare several names ({0}); choose one with --name")]
    SeveralNames(String),
    /// What was asked for does not come to a fingerprint that proves itself.
    #[error("what was asked for makes no fingerprint that proves itself: {0}")]
    Unproven(FingerprintErrors),
}

#[derive(Serialize)]
struct DraftToml<'a> {
    id: &'a str,
    name: &'a str,
    class: Class,
    status: Status,
    description: String,
    false_positives: [&'static str; 1],
    required: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expected: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supporting: Vec<Json>,
    examples: &'a [Example],
    counter_examples: &'a [Example],
}

/// A fingerprint file for the family that the observations show, which passes its own proof beside `set`. Whoever
/// publishes it adds what is known from elsewhere.
///
/// Only what is compared is quoted: neither addresses nor the domains of owners. Of certificates only those are that the
/// request names as the image's own: whether one on several addresses is that or belongs to one machine with several
/// addresses, records alone do not tell.
///
/// # Errors
/// There is not exactly one name to write about, or the draft would not pass its proof.
pub fn draft<'a>(
    request: &DraftRequest,
    observations: impl IntoIterator<Item = &'a Observation>,
    set: &FingerprintSet,
) -> Result<String, DraftError> {
    let mut families: BTreeMap<String, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        let labels: BTreeSet<String> =
            declared_names(observation).into_iter().map(|name| name.label.to_ascii_lowercase()).collect();
        for label in labels {
            families.entry(label).or_default().push(observation);
        }
    }
    let label = match &request.computer_name {
        Some(name) => name.split('.').next().unwrap_or_default().to_ascii_lowercase(),
        None => only_name(&families)?,
    };
    let name = label.to_ascii_uppercase();
    let Some(members) = families.get(&label) else { return Err(DraftError::NoName(format!("the name {name}"))) };
    prove(write(request, &name, members, set))
}

/// A fingerprint file for the image that owns the certificates of the request, whatever its machines are called. The
/// request's name, if there is one, only makes up examples.
///
/// # Errors
/// The request names no certificate, or the draft would not pass its proof.
pub fn draft_by_certificates(request: &DraftRequest, set: &FingerprintSet) -> Result<String, DraftError> {
    let Some(first) = request.certificates.first() else { return Err(DraftError::NoName("a certificate".to_owned())) };
    let required = asked("cert_sha256", &request.certificates);
    let shown = || ("cert_sha256", json!(first));
    let visible = request.computer_name.as_ref().filter(|name| !name.contains(is_hidden));
    let named = || visible.map(|name| ("cert_subject_cn", json!(name)));
    let changed: String = first.chars().rev().collect();
    let observed = Example {
        origin: Origin::Observed,
        source: Some(request.source.clone()),
        ..example("The certificate as it was seen on several machines.", [shown()])
    };
    let mut examples = vec![
        observed,
        example("The certificate under any name.", [shown(), ("cert_subject_cn", json!("ANY-OTHER"))]),
        example("The certificate with the image's name.", [shown()].into_iter().chain(named())),
    ];
    examples.truncate(if visible.is_some() { 3 } else { 2 });
    let mut counter_examples = vec![
        example(
            "Another certificate with the same name.",
            [("cert_sha256", json!(changed))].into_iter().chain(named()),
        ),
        example(
            "The name alone, in whatever certificate.",
            [("cert_subject_cn", json!("ANY-OTHER"))].into_iter().chain(named()),
        ),
    ];
    if let Some(conditions) = conditions(std::slice::from_ref(&required), &[], &[]) {
        settle(&mut examples, &mut counter_examples, &conditions, set);
    }
    let id = request.id.clone().unwrap_or_else(|| format!("certificate-{}", first.get(..16).unwrap_or(first)));
    let name = visible.cloned().unwrap_or_else(|| id.clone());
    let draft = DraftToml {
        id: &id,
        name: &name,
        class: request.class,
        status: Status::Experimental,
        description: request
            .description
            .clone()
            .unwrap_or_else(|| format!("Machines that show the certificate {first}.")),
        false_positives: ["A certificate can be copied together with its key, or be shown by a relay."],
        required: vec![required],
        expected: Vec::new(),
        supporting: Vec::new(),
        examples: &examples,
        counter_examples: &counter_examples,
    };
    prove(toml::to_string_pretty(&draft).unwrap_or_default())
}

/// A condition that one of the values satisfies.
fn asked(field: &str, values: &[String]) -> Json {
    match values {
        [value] => json!({ "field": field, "equals": value }),
        _ => json!({ "field": field, "one_of": values }),
    }
}

fn prove(text: String) -> Result<String, DraftError> {
    let file = SourceFile { name: "draft".to_owned(), text };
    let proof = FingerprintSet::embedded_with([file.clone()]).and_then(|set| file.prove(&set));
    proof.map(|_proven| file.text).map_err(DraftError::Unproven)
}

fn only_name(families: &BTreeMap<String, Vec<&Observation>>) -> Result<String, DraftError> {
    let mut by_size: Vec<(&String, usize)> = families.iter().map(|(label, members)| (label, members.len())).collect();
    by_size.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    match by_size[..] {
        [] => Err(DraftError::NoName("a name".to_owned())),
        [(label, _)] => Ok(label.clone()),
        _ => {
            let most = by_size.iter().take(5).map(|(label, size)| format!("{} × {size}", label.to_ascii_uppercase()));
            let more = if by_size.len() > 5 { ", …" } else { "" };
            Err(DraftError::SeveralNames(most.collect::<Vec<_>>().join(", ") + more))
        }
    }
}

fn write(request: &DraftRequest, name: &str, members: &[&Observation], set: &FingerprintSet) -> String {
    let required = json!({ "field": "computer_name", "equals": name });
    // What contradicts the name by itself is no member of the family, only somebody who bears its name.
    let by_name = conditions(std::slice::from_ref(&required), &[], &[]);
    let is_member =
        |seen: &Observation| by_name.as_ref().and_then(|asked| verdict(asked, seen)) > Some(Confidence::Contradicted);
    let members: Vec<&Observation> = members.iter().copied().filter(|seen| is_member(seen)).collect();
    let versions: BTreeMap<u32, &str> = members.iter().filter_map(|seen| version(seen)).collect();
    let builds: Vec<&u32> = versions.keys().collect();
    let expected = match builds[..] {
        [] => Vec::new(),
        [build] => vec![json!({ "field": "ntlm_build", "equals": build })],
        _ => vec![json!({ "field": "ntlm_build", "one_of": builds })],
    };
    let addresses: BTreeSet<_> = members.iter().map(|seen| seen.ip).collect();
    let supporting: Vec<Json> =
        request.certificates.first().map(|_| asked("cert_sha256", &request.certificates)).into_iter().collect();
    let asked = conditions(std::slice::from_ref(&required), &expected, &supporting);
    let observed = observed(request, &members);
    let (mut examples, mut counter_examples) = (observed, near_misses(name, &versions));
    examples.extend(made_up(name, &versions));
    examples.extend(request.certificates.first().map(|own| {
        let facts = [("ntlm_netbios_computer_name", json!(name)), ("cert_sha256", json!(own))];
        example("The name with a certificate of the image's own.", facts)
    }));
    if let Some(asked) = &asked {
        settle(&mut examples, &mut counter_examples, asked, set);
    }
    let default_id: String =
        name.to_ascii_lowercase().replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    let taken = if set.get(&default_id).is_some() { format!("{default_id}-draft") } else { default_id };
    let draft = DraftToml {
        id: request.id.as_deref().unwrap_or(&taken),
        name,
        class: request.class,
        status: Status::Experimental,
        description: request
            .description
            .clone()
            .unwrap_or_else(|| format!("Addresses seen that declare the name {name}: {}.", addresses.len())),
        false_positives: ["Names are self-declared; a host may show this one on purpose."],
        required: vec![required],
        expected,
        supporting,
        examples: &examples,
        counter_examples: &counter_examples,
    };
    // A struct of texts, numbers and lists always has a TOML form.
    toml::to_string_pretty(&draft).unwrap_or_default()
}

/// The NTLM version by its build.
fn version(seen: &Observation) -> Option<(u32, &str)> {
    let version = seen.ntlm.as_ref()?.product_version.as_deref()?;
    (!version.contains(is_hidden)).then_some((seen.ntlm_build()?, version))
}

/// The conditions compiled on their own; none if the name cannot be asked for.
fn conditions(required: &[Json], expected: &[Json], supporting: &[Json]) -> Option<Conditions> {
    let draft = DraftToml {
        id: "draft",
        name: "draft",
        class: Class::Generic,
        status: Status::Experimental,
        description: "draft".to_owned(),
        false_positives: ["none"],
        required: required.to_vec(),
        expected: expected.to_vec(),
        supporting: supporting.to_vec(),
        examples: &[],
        counter_examples: &[],
    };
    let file = SourceFile { name: "draft".to_owned(), text: toml::to_string(&draft).ok()? };
    file.compile().ok().map(|fingerprint| fingerprint.conditions)
}

fn verdict(conditions: &Conditions, seen: &Observation) -> Option<Confidence> {
    let traits = derive_traits(seen);
    judge(conditions, &View::of(seen, &traits)).map(|(confidence, _)| confidence)
}

fn example(why: &str, facts: impl IntoIterator<Item = (&'static str, Json)>) -> Example {
    Example {
        origin: Origin::Synthetic,
        source: None,
        confidence: None,
        also_matches: Vec::new(),
        why: Text::ours(why),
        facts: facts.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
    }
}

/// The names and versions of members, each kind once.
fn observed(request: &DraftRequest, members: &[&Observation]) -> Vec<Example> {
    let mut kinds: Vec<BTreeMap<String, Json>> = Vec::new();
    for facts in members.iter().map(|seen| quote(seen)) {
        if kinds.len() < MOST_OBSERVED && !kinds.contains(&facts) {
            kinds.push(facts);
        }
    }
    let quoted = |facts| Example {
        origin: Origin::Observed,
        source: Some(request.source.clone()),
        facts,
        ..example("Names and version as they were seen, without domains.", [])
    };
    kinds.into_iter().map(quoted).collect()
}

/// The names, without domains, and the version. What nobody can see is left out: the draft is read on a terminal.
fn quote(seen: &Observation) -> BTreeMap<String, Json> {
    let names = declared_names(seen).into_iter().map(|name| (name.field, name.label));
    let version = version(seen).map(|(_, version)| ("ntlm_product_version", version));
    let visible = names.chain(version).filter(|(_, text)| !text.contains(is_hidden));
    visible.map(|(field, text)| (field.to_owned(), json!(text))).collect()
}

fn made_up(name: &str, versions: &BTreeMap<u32, &str>) -> Vec<Example> {
    let named = || ("ntlm_netbios_computer_name", json!(name));
    let alone = example("The name alone, as in data that holds nothing else.", [named()]);
    let with_version =
        |version| example("The name with a build of the image.", [named(), ("ntlm_product_version", json!(version))]);
    let other_stack = example(
        "The name on a server that is not Windows.",
        [
            ("ntlm_target_name", json!(name)),
            named(),
            ("ntlm_netbios_domain_name", json!(name)),
            ("ntlm_dns_computer_name", json!(name)),
            ("ntlm_dns_domain_name", json!(name)),
            ("ntlm_product_version", json!("6.1.7601")),
            ("ntlm_negotiate_flags", json!(0xE288_82B7_u32)),
        ],
    );
    let with_version = versions.values().next().copied().map(with_version);
    [alone].into_iter().chain(with_version).chain([other_stack]).collect()
}

/// Names that are nearly the family's, and an honest host of the same build.
fn near_misses(name: &str, versions: &BTreeMap<u32, &str>) -> Vec<Example> {
    let (head, last) = name.char_indices().next_back().map_or((name, '0'), |(end, last)| (name.split_at(end).0, last));
    let changed = format!("{head}{}", if last == '0' { '1' } else { '0' });
    let named = |name: &str| ("ntlm_dns_computer_name", json!(name));
    let mut misses = vec![
        example("The last character differs.", [named(&changed)]),
        example("A character follows.", [named(&format!("{name}0"))]),
    ];
    if !head.is_empty() {
        misses.push(example("The last character is missing.", [named(head)]));
    }
    if let Some(version) = versions.values().next() {
        let facts = [named("WIN-7K2QF0B3M1D"), ("ntlm_product_version", json!(version))];
        misses.push(example("An honest host of the same build.", facts));
    }
    misses
}

/// Writes under each example the verdict that it gives, and who else matches it; what shows nothing goes.
fn settle(examples: &mut Vec<Example>, counter_examples: &mut Vec<Example>, asked: &Conditions, set: &FingerprintSet) {
    let observation = |example: &Example| Observation::from_facts(&example.facts).ok();
    for example in examples.iter_mut() {
        let Some(seen) = observation(example) else { continue };
        example.confidence = verdict(asked, &seen);
        let others = set.matches(&seen, &derive_traits(&seen));
        example.also_matches = others.into_iter().map(|found| found.fingerprint_id).collect();
    }
    examples.retain(|example| example.confidence.is_some());
    counter_examples.retain(|example| observation(example).is_some_and(|seen| verdict(asked, &seen).is_none()));
}
