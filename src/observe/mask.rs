//! What changes at every look at the same machine, and must be left out before two looks are compared.
//!
//! Every row of [`FIELDS`](super::FIELDS) is named in exactly one of the two lists here; a test holds that, so that a new
//! field cannot be forgotten.

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::{Hex, Observation};

/// Fields whose values say nothing about whether the machine is as it was, each with the reason.
pub static MASKED: &[(&str, &str)] = &[
    ("schema_version", "it is ours"),
    ("seen_at", "it is the time of the look"),
    ("source", "it is ours"),
    ("scanner", "it is ours"),
    ("rtt_us", "it is the network's"),
    ("tls_server_random", "it is random"),
    ("tls_server_hello", "it holds the random and the session's identifier; what else it says stands in other fields"),
    ("mcs_server_random", "it is random"),
    ("ntlm_system_time", "it is the time of the look, by the host's clock"),
    ("ntlm_clock_skew_ms", "clocks drift, and midpoints are estimates"),
];

/// Fields that are the same at the next look if nothing has changed. Of `ntlm_raw` and `mcs_raw` what passes is left out.
pub static COMPARED: &[&str] = &[
    "ip",
    "port",
    "computer_name",
    "status",
    "stage",
    "error",
    "anomalies",
    "x224_requested_protocols",
    "x224_answer",
    "x224_selected_protocol",
    "x224_failure_code",
    "x224_flags",
    "x224_src_ref",
    "x224_raw",
    "x224_first_requested_protocols",
    "x224_first_answer",
    "x224_first_selected_protocol",
    "x224_first_failure_code",
    "x224_first_flags",
    "x224_first_src_ref",
    "x224_first_raw",
    "tls_version",
    "tls_cipher_suite",
    "tls_key_exchange_group",
    "tls_dh_bits",
    "tls_via",
    "tls_client_hello_id",
    "tls_ja3s",
    "tls_extensions",
    "tls_server_random_is_clock",
    "tls_alert",
    "key_possession",
    "cert_source",
    "cert_sha256",
    "cert_sha1",
    "cert_md5",
    "cert_spki_sha256",
    "cert_version",
    "cert_subject",
    "cert_issuer",
    "cert_subject_cn",
    "cert_issuer_cn",
    "cert_serial_number",
    "cert_not_before",
    "cert_not_after",
    "cert_signature_algorithm",
    "cert_public_key_algorithm",
    "cert_public_key_bits",
    "cert_subject_alternative_names",
    "cert_key_usage",
    "cert_extended_key_usage",
    "cert_self_signed",
    "cert_parse_error",
    "cert_der",
    "credssp_version",
    "credssp_error_code",
    "credssp_raw",
    "ntlm_target_name",
    "ntlm_netbios_computer_name",
    "ntlm_netbios_domain_name",
    "ntlm_dns_computer_name",
    "ntlm_dns_domain_name",
    "ntlm_dns_tree_name",
    "ntlm_product_version",
    "ntlm_build",
    "ntlm_negotiate_flags",
    "ntlm_raw",
    "mcs_result",
    "mcs_disconnect_reason",
    "mcs_server_version",
    "mcs_client_requested_protocols",
    "mcs_early_capability_flags",
    "mcs_encryption_method",
    "mcs_encryption_level",
    "mcs_certificate_kind",
    "mcs_raw",
];

/// Messages that are compared in part, by their path: of the CHALLENGE all but the challenge and the time, of the Connect
/// Response all but the server's random.
const PARTLY: [&str; 2] = [NTLM_RAW, MCS_RAW];
const NTLM_RAW: &str = "ntlm.raw";
const MCS_RAW: &str = "mcs.raw";
/// Paths that an observation cannot be without.
const NEVER_ABSENT: [&str; 4] = ["schema_version", "seen_at", "source", "scanner"];

/// The values of one look that another look at the same machine would show differently: path in the JSON → value.
pub type Passing = Map<String, Json>;

impl Observation {
    /// SHA-256 over all that is compared: two looks with equal hashes showed the same.
    #[must_use]
    pub fn likeness(&self) -> Hex {
        let mut record = self.as_json();
        for path in masked_paths() {
            take(&mut record, path);
        }
        if let Some(Hex(mut raw)) = self.ntlm.as_ref().and_then(|ntlm| ntlm.raw.clone()) {
            blank_challenge(&mut raw);
            put(&mut record, NTLM_RAW, Json::String(Hex(raw).to_string()));
        }
        if let Some(mcs) = &self.mcs
            && let (Some(Hex(raw)), Some(Hex(random))) = (&mcs.raw, &mcs.server_random)
        {
            put(&mut record, MCS_RAW, Json::String(Hex(without(raw, random)).to_string()));
        }
        // Maps of serde_json are in the order of their keys, so equal values are equal texts.
        Hex(Sha256::digest(record.to_string()).to_vec())
    }

    /// What is not compared, to be kept where a look must be told exactly.
    #[must_use]
    pub fn passing(&self) -> Passing {
        let mut record = self.as_json();
        let paths = masked_paths().chain(PARTLY);
        paths.filter_map(|path| Some((path.to_owned(), take(&mut record, path)?))).collect()
    }

    /// This observation as it was at another look that showed the same: with `passing` in place of its own passing
    /// values. What `passing` lacks is absent, since it is not known.
    #[must_use]
    pub fn at_another_look(&self, passing: &Passing) -> Self {
        let mut record = self.as_json();
        for path in masked_paths().chain(PARTLY) {
            match passing.get(path) {
                Some(value) => put(&mut record, path, value.clone()),
                None if NEVER_ABSENT.contains(&path) => {}
                None => drop(take(&mut record, path)),
            }
        }
        // Only a value of a wrong type could fail, and then the look that is known whole is told.
        serde_json::from_value(record).unwrap_or_else(|_| self.clone())
    }

    fn as_json(&self) -> Json {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn masked_paths() -> impl Iterator<Item = &'static str> {
    let is_masked = |name: &str| MASKED.iter().any(|(masked, _)| *masked == name);
    super::FIELDS.iter().filter(move |field| is_masked(field.name)).map(|field| field.path)
}

fn take(record: &mut Json, path: &str) -> Option<Json> {
    let (place, key) = parent(record, path)?;
    place.remove(key)
}

/// Puts a value where its structure is; what belongs to a structure that is not there is nowhere.
fn put(record: &mut Json, path: &str, value: Json) {
    if let Some((place, key)) = parent(record, path) {
        place.insert(key.to_owned(), value);
    }
}

fn parent<'a, 'p>(record: &'a mut Json, path: &'p str) -> Option<(&'a mut Map<String, Json>, &'p str)> {
    let (folder, key) = path.rsplit_once('.').unwrap_or(("", path));
    let place =
        folder.split('.').filter(|step| !step.is_empty()).try_fold(record, |place, step| place.get_mut(step))?;
    Some((place.as_object_mut()?, key))
}

/// The message without every place in which this passage stands.
fn without(message: &[u8], passage: &[u8]) -> Vec<u8> {
    let (mut rest, mut left) = (message, Vec::with_capacity(message.len()));
    while let Some((first, others)) = rest.split_first() {
        if !passage.is_empty() && rest.starts_with(passage) {
            rest = rest.get(passage.len()..).unwrap_or_default();
        } else {
            left.push(*first);
            rest = others;
        }
    }
    left
}

/// Overwrites with zeros what an NTLM CHALLENGE (MS-NLMP 2.2.1.2) has anew each time: `ServerChallenge`, and the value of
/// `MsvAvTimestamp` in the target information. Lengths that lie end the search.
fn blank_challenge(raw: &mut [u8]) {
    const SERVER_CHALLENGE: std::ops::Range<usize> = 24..32;
    const TARGET_INFO_FIELDS: usize = 40;
    const TIMESTAMP: u16 = 7;
    if let Some(challenge) = raw.get_mut(SERVER_CHALLENGE) {
        challenge.fill(0);
    }
    let number = |raw: &[u8], at: usize| {
        let octets = raw.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(u16::from_le_bytes(octets))
    };
    let Some(low) = number(raw, TARGET_INFO_FIELDS + 4) else { return };
    let Some(high) = number(raw, TARGET_INFO_FIELDS + 6) else { return };
    let mut at = usize::from(low) | usize::from(high) << 16;
    while let (Some(id), Some(length)) = (number(raw, at), number(raw, at.saturating_add(2))) {
        let value = at + 4..at + 4 + usize::from(length);
        at = value.end;
        match (id, raw.get_mut(value)) {
            (TIMESTAMP, Some(time)) => time.fill(0),
            (0, _) | (_, None) => return,
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
