//! Observations made of named facts, for the examples inside fingerprints.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use thiserror::Error;

use super::field::nearest;
use super::{Base64, Certificate, FIELDS, Observation};

/// A fact that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FactError {
    /// The name that was given.
    pub field: String,
    /// What is wrong and what to write instead; names the field.
    pub message: String,
}

impl FactError {
    fn new(field: &str, message: String) -> Self {
        Self { field: field.to_owned(), message }
    }
}

impl Observation {
    /// An observation made of named facts, as [`FIELDS`] names them. Of `cert_der` everything is taken that the certificate
    /// holds; what is given beside it goes before.
    ///
    /// # Errors
    /// The first fact that is no field, or has a value that the field cannot have.
    pub fn from_facts<'a>(facts: impl IntoIterator<Item = (&'a String, &'a Json)>) -> Result<Self, FactError> {
        let facts: Vec<(&String, &Json)> = facts.into_iter().collect();
        let mut record = empty();
        if let Some((name, der)) = facts.iter().find(|(name, _)| *name == "cert_der") {
            let certificate = certificate(der).map_err(|message| FactError::new(name, message))?;
            put(&mut record, "tls", &json!({ "certificates": [certificate] }));
        }
        for (name, value) in &facts {
            let field = FIELDS.iter().find(|field| field.name == *name).ok_or_else(|| unknown(name))?;
            put(&mut record, field.path, value);
        }
        serde_json::from_value(record).map_err(|error| culprit(&facts, &error))
    }
}

/// A record in which nothing was seen.
fn empty() -> Json {
    let nowhere = Observation::begin(IpAddr::from([127, 0, 0, 1]), 3389, Timestamp::UNIX_EPOCH);
    // A struct of texts and numbers always has a JSON form.
    serde_json::to_value(nowhere).unwrap_or_default()
}

/// Puts a value where the path says; of a list of structures the first is meant, a list of values is put in whole.
fn put(record: &mut Json, path: &str, value: &Json) {
    let mut place = record;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let is_whole = steps.peek().is_none() && value.is_array();
        let (key, is_element) = step.strip_suffix("[]").map_or((step, false), |key| (key, !is_whole));
        place = &mut place[key];
        if is_element {
            if !place.is_array() {
                *place = json!([{}]);
            }
            place = &mut place[0];
        }
    }
    place.clone_from(value);
}

fn certificate(der: &Json) -> Result<Json, String> {
    let der: Base64 =
        serde_json::from_value(der.clone()).map_err(|error| format!("`cert_der` is no base64: {error}"))?;
    let certificate = Certificate::from_der(&der.0);
    if certificate.subject.is_none() && certificate.spki_sha256.is_none() {
        return Err("`cert_der` holds no certificate; give its DER in base64".to_owned());
    }
    serde_json::to_value(certificate).map_err(|error| error.to_string())
}

fn unknown(name: &str) -> FactError {
    let near = nearest(name, FIELDS.iter().map(|field| field.name));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    FactError::new(name, format!("`{name}` is no fact{hint} (docs/fields.md lists them; traits follow from facts)"))
}

/// The first fact that is wrong by itself.
fn culprit(facts: &[(&String, &Json)], whole: &serde_json::Error) -> FactError {
    let alone = facts.iter().find_map(|(name, value)| {
        let field = FIELDS.iter().find(|field| field.name == *name)?;
        let mut record = empty();
        put(&mut record, field.path, value);
        let error = serde_json::from_value::<Observation>(record).err()?;
        let way_out = match field.name {
            "ntlm_build" => "; write `ntlm_product_version`, as in \"10.0.20348\"".to_owned(),
            _ => format!("; it is of type {}", field.kind),
        };
        Some(FactError::new(name, format!("`{name}` cannot be {value}: {error}{way_out}")))
    });
    alone.unwrap_or_else(|| FactError::new("facts", format!("the facts do not go together: {whole}")))
}
