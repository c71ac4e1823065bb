//! Writes a fingerprint from observations of one family, with the examples that prove it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};
use thiserror::Error;

use super::condition::View;
use super::derive_traits;
use super::file::{Example, Origin, SourceFile, Status};
use super::matching::judge;
use super::name::declared_names;
use super::{Class, Confidence};
use crate::knowledge::{Shape, shape};
use crate::observe::{FIELDS, Observation, Value};

/// Observed examples that a draft takes over; more add nothing that these do not show.
const MOST_OBSERVED: usize = 3;
/// Certificates that a draft lists as the image's own.
const MOST_CERTIFICATES: usize = 8;
/// Facts that an example quotes: what is compared, and nothing that names the address or its owner.
const QUOTED: [&str; 7] = [
    "cert_subject_cn",
    "cert_sha256",
    "cert_not_before",
    "ntlm_netbios_computer_name",
    "ntlm_dns_computer_name",
    "ntlm_product_version",
    "key_possession",
];

/// What a draft cannot take from the observations.
#[derive(Clone, Debug, Default)]
pub struct DraftRequest {
    /// The machine name of the family; may be left out where all observations agree.
    pub computer_name: Option<String>,
    /// The draft's `id`; made from the name if left out.
    pub id: Option<String>,
    /// The class; `unnamed-clone` for a generated name and `generic` for others if left out.
    pub class: Option<Class>,
    /// Where observed examples come from, as their `source` says.
    pub source: String,
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
    /// The name cannot stand in a fingerprint.
    #[error("`{0}` is no name that a fingerprint could ask for: it has characters outside printable ASCII")]
    NotPrintable(String),
}

#[derive(Serialize)]
struct DraftToml {
    id: String,
    name: String,
    class: Class,
    status: Status,
    description: String,
    false_positives: Vec<String>,
    required: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expected: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supporting: Vec<Json>,
    examples: Vec<Example>,
    counter_examples: Vec<Example>,
}

/// A fingerprint file for the family that the observations show. It passes its own tests as it is; whoever publishes it
/// adds what is known from elsewhere.
///
/// # Errors
/// There is not exactly one name to write about.
pub fn draft<'a>(
    request: &DraftRequest,
    observations: impl IntoIterator<Item = &'a Observation>,
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
    if !label.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(DraftError::NotPrintable(name));
    }
    Ok(write(request, &name, members))
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

fn write(request: &DraftRequest, name: &str, members: &[&Observation]) -> String {
    let is_generated = matches!(shape(name), Some(Shape::Generated(_)));
    let class = request.class.unwrap_or(if is_generated { Class::UnnamedClone } else { Class::Generic });
    let builds: BTreeSet<u32> = members.iter().filter_map(|seen| seen.ntlm_build()).collect();
    let certificates = shared_certificates(members);
    let is_letter = |character: char| character.is_ascii_alphanumeric();
    let id = name.to_ascii_lowercase().replace(|character| !is_letter(character), "-");
    let addresses: BTreeSet<_> = members.iter().map(|seen| seen.ip).collect();
    let mut draft = DraftToml {
        id: request.id.clone().unwrap_or(id),
        name: name.to_owned(),
        class,
        status: Status::Experimental,
        description: format!("Seen at {} addresses that declare the name {name}.", addresses.len()),
        false_positives: vec!["Names are self-declared; a host may show this one on purpose.".to_owned()],
        required: vec![json!({ "field": "computer_name", "equals": name })],
        expected: list_condition("ntlm_build", &builds.iter().collect::<Vec<_>>()),
        supporting: list_condition("cert_sha256", &certificates),
        examples: Vec::new(),
        counter_examples: Vec::new(),
    };
    draft.examples = examples(request, name, members, &builds, &certificates);
    draft.counter_examples = near_misses(name, &builds);
    draft.settle_verdicts();
    // A struct of texts, numbers and lists always has a TOML form.
    toml::to_string_pretty(&draft).unwrap_or_default()
}

/// `equals` for one value, `one_of` for several, nothing for none.
fn list_condition<T: Serialize>(field: &str, values: &[T]) -> Vec<Json> {
    match values {
        [] => Vec::new(),
        [value] => vec![json!({ "field": field, "equals": value })],
        values => vec![json!({ "field": field, "one_of": values })],
    }
}

/// Hashes of certificates that several addresses show, those of most addresses first.
fn shared_certificates(members: &[&Observation]) -> Vec<String> {
    let mut addresses: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for seen in members {
        if let Some(hash) = seen.leaf().and_then(|leaf| leaf.sha256.as_ref()) {
            addresses.entry(hash.to_string()).or_default().insert(seen.ip);
        }
    }
    let mut shared: Vec<(String, usize)> = addresses.into_iter().map(|(hash, at)| (hash, at.len())).collect();
    shared.retain(|(_, count)| *count > 1);
    shared.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    shared.into_iter().take(MOST_CERTIFICATES).map(|(hash, _)| hash).collect()
}

fn example(why: &str, facts: impl IntoIterator<Item = (&'static str, Json)>) -> Example {
    Example {
        origin: Origin::Synthetic,
        source: None,
        confidence: None,
        also_matches: Vec::new(),
        why: why.to_owned(),
        facts: facts.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
    }
}

fn examples(
    request: &DraftRequest,
    name: &str,
    members: &[&Observation],
    builds: &BTreeSet<u32>,
    certificates: &[String],
) -> Vec<Example> {
    let mut quoted: Vec<BTreeMap<String, Json>> = Vec::new();
    for facts in members.iter().map(|seen| quote(seen)) {
        if quoted.len() < MOST_OBSERVED && !quoted.contains(&facts) {
            quoted.push(facts);
        }
    }
    let observed = quoted.into_iter().map(|facts| Example {
        origin: Origin::Observed,
        source: Some(request.source.clone()),
        facts,
        ..example("As it was seen.", [])
    });
    let name_alone =
        example("The name alone, as in data that holds nothing else.", [("ntlm_netbios_computer_name", json!(name))]);
    let with_build = builds.first().map(|build| {
        let version = ("ntlm_product_version", json!(format!("10.0.{build}")));
        example("The name with the image's build.", [("ntlm_netbios_computer_name", json!(name)), version])
    });
    let with_certificate = certificates.first().map(|hash| {
        let facts = [("cert_subject_cn", json!(name)), ("cert_sha256", json!(hash))];
        example("The name in the certificate that several machines share.", facts)
    });
    let other_stack = example(
        "The name on a server that is not Windows.",
        [
            ("ntlm_target_name", json!(name)),
            ("ntlm_netbios_computer_name", json!(name)),
            ("ntlm_netbios_domain_name", json!(name)),
            ("ntlm_dns_computer_name", json!(name)),
            ("ntlm_dns_domain_name", json!(name)),
            ("ntlm_product_version", json!("6.1.7601")),
            ("ntlm_negotiate_flags", json!(0xE288_82B7_u32)),
        ],
    );
    observed.chain([name_alone]).chain(with_build).chain(with_certificate).chain([other_stack]).collect()
}

/// The facts of an observation that an example repeats.
fn quote(seen: &Observation) -> BTreeMap<String, Json> {
    let rows = FIELDS.iter().filter(|field| QUOTED.contains(&field.name));
    let value = |value| match value {
        Value::Integer(number) => json!(number),
        other => json!(other.into_cell()),
    };
    rows.filter_map(|field| Some((field.name.to_owned(), value((field.get)(seen)?)))).collect()
}

/// Names that are nearly the family's, and an honest host of the same build.
fn near_misses(name: &str, builds: &BTreeSet<u32>) -> Vec<Example> {
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
    if let Some(build) = builds.first() {
        let version = ("ntlm_product_version", json!(format!("10.0.{build}")));
        misses.push(example("An honest host of the same build.", [named("WIN-7K2QF0B3M1D"), version]));
    }
    misses
}

impl DraftToml {
    /// Writes under each example the verdict that it gives; one that gives none shows nothing and goes.
    fn settle_verdicts(&mut self) {
        // Without verdicts the examples would be complained about, so the conditions are compiled alone.
        let bare = Self {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            class: Class::Generic,
            status: self.status,
            false_positives: Vec::new(),
            required: self.required.clone(),
            expected: self.expected.clone(),
            supporting: self.supporting.clone(),
            examples: Vec::new(),
            counter_examples: Vec::new(),
        };
        let file = SourceFile { name: "draft".to_owned(), text: toml::to_string(&bare).unwrap_or_default() };
        let Ok(compiled) = file.compile() else { return };
        for example in &mut self.examples {
            example.confidence = verdict(&compiled.conditions, example);
        }
        self.examples.retain(|example| example.confidence.is_some());
        self.counter_examples.retain(|example| verdict(&compiled.conditions, example).is_none());
    }
}

fn verdict(conditions: &super::file::Conditions, example: &Example) -> Option<Confidence> {
    let observation = Observation::from_facts(&example.facts).ok()?;
    let traits = derive_traits(&observation);
    judge(conditions, &View::of(&observation, &traits)).map(|(confidence, _)| confidence)
}
