//! A record told as a note: for a colleague, and fit to be quoted to a customer.

use std::fmt::{self, Write as _};

use jiff::SignedDuration;
use strum::EnumMessage;

use super::Record;
use crate::fingerprint::{Confidence, Fingerprint, FingerprintSet, Match, declares_name};
use crate::knowledge::{Form, build, rdp_certificate_form};
use crate::observe::{CertificateKind, KeyPossession, Mcs, Observation, Status, Tls, Via, X224Answer};
use crate::proto::x224::failure_name;
use crate::visible::visible;

/// What was seen at the endpoint, what it resembles today, and how far that can be trusted. Foreign text in it is
/// made visible, so that no host can add lines of its own.
///
/// The observation is judged anew with `fingerprints`; matches of the stored verdict that these do not know are named.
#[must_use]
pub fn explain(stored: &Record, fingerprints: &FingerprintSet) -> String {
    let mut note = String::new();
    let record = Record::judge(stored.observation.clone(), fingerprints);
    let unknown = stored.matches.iter().filter(|found| fingerprints.get(&found.fingerprint_id).is_none()).collect();
    // Writing into a String cannot fail.
    let _infallible = write_note(&mut note, &record, unknown, fingerprints);
    note
}

fn write_note(note: &mut String, record: &Record, unknown: Vec<&Match>, fingerprints: &FingerprintSet) -> fmt::Result {
    let observation = &record.observation;
    writeln!(note, "{}", std::net::SocketAddr::new(observation.ip, observation.port))?;
    let (scanner, source) = (visible(&observation.scanner), visible(&observation.source));
    writeln!(note, "  Seen {:.0} by {scanner} (source: {source}).", observation.seen_at)?;
    writeln!(note, "  Only what the host shows before any logon was read; no logon was tried.")?;
    writeln!(note, "\n  What it showed")?;
    write_dialogue(note, observation)?;
    write_names(note, observation)?;
    write_certificate(note, observation)?;
    for (name, value) in &record.traits {
        writeln!(note, "    Trait {name}: {value}")?;
    }
    if !observation.anomalies.is_empty() {
        let words: Vec<&str> = observation.anomalies.iter().map(|anomaly| <&str>::from(*anomaly)).collect();
        writeln!(note, "    Oddities: {}", words.join(", "))?;
    }
    writeln!(note, "\n  What it resembles")?;
    if record.matches.is_empty() {
        let nothing = if declares_name(observation) {
            "No known image. That is no statement about the host's owner or use."
        } else {
            "Nothing could be compared: the host showed no name."
        };
        writeln!(note, "    {nothing}")?;
    }
    let known: Vec<(&Match, &Fingerprint)> =
        record.matches.iter().filter_map(|found| Some((found, fingerprints.get(&found.fingerprint_id)?))).collect();
    for (found, fingerprint) in &known {
        write_match(note, found, fingerprint)?;
    }
    for Match { fingerprint_id, class, confidence, .. } in unknown {
        let id = visible(fingerprint_id);
        writeln!(note, "    The record also holds a match of {id} ({class}, {confidence}), which is not among the")?;
        writeln!(note, "    fingerprints at hand; name its file with --fingerprints.")?;
    }
    // The customer is told one thing: that of the strongest class which nothing contradicts.
    let told = known.iter().find(|(found, _)| found.confidence > Confidence::Contradicted).or(known.first());
    if let Some((found, fingerprint)) = told {
        write_wording(note, found.confidence, fingerprint)?;
    }
    if !known.is_empty() {
        writeln!(note, "\n  For the abuse desk only")?;
    }
    for (_, fingerprint) in &known {
        write_background(note, fingerprint)?;
    }
    writeln!(note, "\n  Compared with fingerprint set {:.16}…", record.fingerprint_set)
}

fn write_dialogue(note: &mut String, observation: &Observation) -> fmt::Result {
    let Observation { status, stage, .. } = observation;
    match (status, &observation.error) {
        (Status::Success, _) => {
            writeln!(note, "    Dialogue: complete; its last step without a logon was {stage}")?;
        }
        (_, Some(error)) => writeln!(note, "    Dialogue: ended at {stage} with {status}: {}", visible(error))?,
        (_, None) => writeln!(note, "    Dialogue: ended at {stage} with {status}")?,
    }
    for (label, answer) in [("First answer", &observation.x224_first), ("Security protocol", &observation.x224)] {
        let Some(answer) = answer else { continue };
        if let Some(code) = answer.failure_code {
            let name = failure_name(code).unwrap_or("a code that the specification does not name");
            writeln!(note, "    {label}: refused with {code}, {name}")?;
        } else if let Some(selected) = &answer.selected_protocol {
            writeln!(note, "    {label}: {}", visible(selected))?;
        } else if answer.answer == Some(X224Answer::Reported) {
            writeln!(note, "    {label}: RDP, says the source; it does not tell which was selected")?;
        } else if let Some(kind) = answer.answer {
            writeln!(note, "    {label}: none selected ({kind})")?;
        }
    }
    if let Some(tls) = &observation.tls {
        write_tls(note, tls)?;
    }
    observation.mcs.as_ref().map_or(Ok(()), |mcs| write_mcs(note, mcs))
}

fn write_tls(note: &mut String, tls: &Tls) -> fmt::Result {
    if let (Some(version), Some(suite)) = (&tls.version, &tls.cipher_suite) {
        let read = if tls.via == Some(Via::ClearFlight) { "; read in clear, no handshake was completed" } else { "" };
        writeln!(note, "    TLS: {}, {}{read}", visible(version), visible(suite))?;
    }
    let possession = match tls.key_possession {
        KeyPossession::Proven => "the host holds the certificate's private key",
        KeyPossession::Failed => {
            "the host does NOT hold the certificate's private key: it shows somebody else's certificate"
        }
        KeyPossession::Unsupported => "not verifiable here (the key or algorithm is outside what rdprint checks)",
        KeyPossession::NotTested => "not tested",
    };
    writeln!(note, "    Key: {possession}")
}

fn write_mcs(note: &mut String, mcs: &Mcs) -> fmt::Result {
    if let (Some(method), Some(level)) = (&mcs.encryption_method, &mcs.encryption_level) {
        writeln!(note, "    RDP's own encryption: {}, level {}", visible(method), visible(level))?;
    }
    if mcs.certificate_kind == Some(CertificateKind::Proprietary) {
        let bits = mcs.certificates.first().and_then(|key| key.public_key_bits);
        let bits = bits.map_or_else(String::new, |bits| format!(" of {bits} bits"));
        writeln!(note, "    Certificate: proprietary, a bare key{bits} without a name")?;
    }
    Ok(())
}

fn write_names(note: &mut String, observation: &Observation) -> fmt::Result {
    let Some(ntlm) = &observation.ntlm else { return Ok(()) };
    let names = [
        ("computer (NetBIOS)", &ntlm.netbios_computer_name),
        ("computer (DNS)", &ntlm.dns_computer_name),
        ("domain (DNS)", &ntlm.dns_domain_name),
        ("forest (DNS)", &ntlm.dns_tree_name),
    ];
    for (label, name) in names {
        if let Some(name) = name {
            writeln!(note, "    NTLM {label}: {}", visible(name))?;
        }
    }
    // The version is self-declared, and one build may belong to a server and a client product.
    if let Some(version) = &ntlm.product_version {
        let products = observation.ntlm_build().and_then(build).map_or_else(String::new, |build| format!(" ({build})"));
        writeln!(note, "    NTLM version, as declared: {}{products}", visible(version))?;
    }
    match (ntlm.system_time, ntlm.clock_skew_ms) {
        (Some(time), Some(skew)) => {
            let direction = if skew < 0 { "behind" } else { "ahead of" };
            let difference = SignedDuration::from_millis(skew).abs();
            writeln!(note, "    Host's clock: {time:.0}, {difference:#} {direction} ours")
        }
        (Some(time), None) => writeln!(note, "    Host's clock: {time:.0}"),
        _ => Ok(()),
    }
}

fn write_certificate(note: &mut String, observation: &Observation) -> fmt::Result {
    let Some(leaf) = observation.leaf() else { return Ok(()) };
    if let (None, Some(name)) = (&leaf.subject, &leaf.subject_cn) {
        writeln!(note, "    Certificate: common name {}", visible(name))?;
    }
    if let Some(subject) = &leaf.subject {
        let issued = match leaf.self_signed {
            Some(true) => "self-issued".to_owned(),
            _ => format!("issued by {}", visible(leaf.issuer.as_deref().unwrap_or("an issuer that cannot be read"))),
        };
        writeln!(note, "    Certificate: {}, {issued}", visible(subject))?;
    }
    if let (Some(from), Some(to)) = (leaf.not_before, leaf.not_after) {
        writeln!(note, "    Valid: {from:.0} to {to:.0}")?;
    }
    if let Some(Form::No(difference)) = leaf.der.as_ref().map(|der| rdp_certificate_form(&der.0)) {
        writeln!(note, "    Not Windows' own certificate, though it looks like one: {}", difference.sentence())?;
    }
    if let Some(hash) = &leaf.sha256 {
        writeln!(note, "    SHA-256: {hash}")?;
    }
    leaf.parse_error.as_ref().map_or(Ok(()), |error| writeln!(note, "    Certificate parts that {}", visible(error)))
}

fn write_match(note: &mut String, found: &Match, fingerprint: &Fingerprint) -> fmt::Result {
    let Match { fingerprint_id, class, confidence, evidence } = found;
    let name = visible(&fingerprint.name);
    if *confidence == Confidence::Contradicted {
        let mark = if fingerprint.requires_name() { "the name agrees" } else { "what is asked for agrees" };
        writeln!(note, "    No copy of {name}, as far as can be seen: {mark}, other facts do not.")?;
        writeln!(note, "    (fingerprint {fingerprint_id}, contradicted)")?;
    } else {
        writeln!(note, "    {name} (fingerprint {fingerprint_id}, class {class}, {confidence})")?;
        writeln!(note, "      {confidence}: {}", confidence.get_documentation().unwrap_or_default())?;
    }
    for piece in evidence {
        let facts = piece.facts_as_text();
        writeln!(note, "      {} {}: {}", piece.side, visible(&piece.condition), visible(&facts))?;
    }
    writeln!(note, "      What that image is: {}", visible(&fingerprint.description))
}

fn write_wording(note: &mut String, confidence: Confidence, fingerprint: &Fingerprint) -> fmt::Result {
    let wording = fingerprint.fair_wording();
    let wording = visible(&wording);
    writeln!(note, "\n  What may fairly be said to the customer")?;
    match confidence {
        Confidence::Contradicted => writeln!(
            note,
            "    Nothing on this ground. What the host shows is known from elsewhere, and can be declared by anyone; what \
             else it shows speaks against a copy."
        ),
        Confidence::Weak if fingerprint.requires_name() => {
            writeln!(
                note,
                "    The only sign is a name, which any host can declare; nothing else bears it out. {wording}"
            )
        }
        Confidence::Weak => writeln!(note, "    There is one sign, and nothing else bears it out. {wording}"),
        Confidence::Supported | Confidence::Strong => writeln!(note, "    {wording}"),
    }
}

fn write_background(note: &mut String, fingerprint: &Fingerprint) -> fmt::Result {
    let name = visible(&fingerprint.name);
    for caution in &fingerprint.false_positives {
        writeln!(note, "    Caution ({name}): {}", visible(caution))?;
    }
    for source in &fingerprint.sources {
        writeln!(note, "    Source ({name}): {}", visible(&source.citation()))?;
    }
    Ok(())
}
