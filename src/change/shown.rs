//! What of an observation is compared between sweeps, and how it can differ.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Class, Confidence, Match};
use crate::observe::{Certificate, CertificateSource, Hex, KeyPossession, Observation};

/// What an endpoint showed, as far as news are made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What the machine calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The third part of the NTLM version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<u32>,
    /// The certificate that it presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ShownCertificate>,
}

/// The parts of a certificate that tell a renewal from another machine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCertificate {
    /// SHA-256 of the whole.
    pub sha256: String,
    /// SHA-256 of the public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the endpoint proved in that look that it holds the key. Anybody can present a certificate that is public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_proven: bool,
    /// Whose it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who it says issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The validity's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The validity's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// What a host was judged to be, in short: its strongest finding, or else its strongest match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The fingerprint.
    pub fingerprint_id: String,
    /// Its class.
    pub class: Class,
    /// How well it is borne out.
    pub confidence: Confidence,
}

/// In what an endpoint can differ between two sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Aspect {
    /// The machine's name.
    Name,
    /// The NTLM build.
    Build,
    /// The certificate, in a way that is no plain renewal.
    Certificate,
    /// The certificate, renewed when its time had come; nothing else of name and build differs.
    Renewal,
    /// The verdict, because the host shows something else.
    Verdict,
    /// The verdict, because the fingerprints are others.
    VerdictByFingerprints,
}

impl Shown {
    /// What the observation shows of it.
    #[must_use]
    pub fn of(observation: &Observation) -> Self {
        Self {
            name: observation.computer_name().map(ToOwned::to_owned),
            build: observation.ntlm_build(),
            certificate: observation.leaf_with_source().and_then(|(leaf, source)| {
                let possession = observation.tls.as_ref().map(|tls| tls.key_possession);
                let key_proven = source == CertificateSource::Tls && possession == Some(KeyPossession::Proven);
                ShownCertificate::of(leaf, key_proven)
            }),
        }
    }

    /// The public key of what was presented, proven or not.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.certificate.as_ref()?.key.as_deref()
    }

    /// The public key that was proven, which no two machines share unless they are copies.
    pub(super) fn proven_key(&self) -> Option<&str> {
        self.certificate.as_ref().filter(|certificate| certificate.key_proven)?.key.as_deref()
    }

    /// Whether this look, which broke off, leaves what an earlier one showed as it was: it shows less, and nothing that both
    /// show tells another machine. `name` is what the machine called itself, if it came so far; a certificate's is no word of
    /// its own.
    #[must_use]
    pub fn rests_on(&self, before: &Self, name: Option<&str>) -> bool {
        let lacks = |now: bool, then: bool| then && !now;
        let is_proven = |shown: &Self| shown.proven_key().is_some();
        let shows_less = lacks(self.name.is_some(), before.name.is_some())
            || lacks(self.build.is_some(), before.build.is_some())
            || lacks(self.certificate.is_some(), before.certificate.is_some())
            || lacks(is_proven(self), is_proven(before));
        let is_other_name = matches!((&before.name, name), (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b));
        let is_other_build = matches!((before.build, self.build), (Some(a), Some(b)) if a != b);
        let is_other_key = match (&before.certificate, &self.certificate) {
            (Some(old), Some(new)) if old.key.is_some() && new.key.is_some() => old.key != new.key,
            (Some(old), Some(new)) => old.sha256 != new.sha256,
            _ => false,
        };
        shows_less && !is_other_name && !is_other_build && !is_other_key
    }

    /// In what `self` differs from what was shown before. What either does not show is no difference.
    pub(super) fn differs_from(&self, before: &Self) -> Vec<Aspect> {
        let is_other_name = matches!((&before.name, &self.name), (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b));
        let is_other_build = matches!((before.build, self.build), (Some(a), Some(b)) if a != b);
        let mut aspects = Vec::new();
        aspects.extend(is_other_name.then_some(Aspect::Name));
        aspects.extend(is_other_build.then_some(Aspect::Build));
        if let (Some(old), Some(new)) = (&before.certificate, &self.certificate)
            && old.sha256 != new.sha256
        {
            let is_renewal = aspects.is_empty() && new.renews(old);
            aspects.push(if is_renewal { Aspect::Renewal } else { Aspect::Certificate });
        }
        aspects
    }
}

impl ShownCertificate {
    fn of(certificate: &Certificate, key_proven: bool) -> Option<Self> {
        let text = |hash: &Option<Hex>| hash.as_ref().map(ToString::to_string);
        Some(Self {
            sha256: text(&certificate.sha256)?,
            key: text(&certificate.spki_sha256),
            key_proven,
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        })
    }

    /// Whether it looks like the successor of `old`: same subject and issuer, and made when the old one had lived two
    /// thirds of its time. Windows renews its own at their end, other programs some weeks before.
    fn renews(&self, old: &Self) -> bool {
        let (Some(begin), Some(end), Some(new)) = (old.not_before, old.not_after, self.not_before) else {
            return false;
        };
        let (begin, end, new) = (begin.as_second(), end.as_second(), new.as_second());
        let is_due = new - begin >= (end - begin) / 3 * 2 && new > begin;
        old.subject == self.subject && old.issuer == self.issuer && is_due
    }
}

impl Verdict {
    /// That of these matches, which stand strongest first.
    #[must_use]
    pub fn of(matches: &[Match]) -> Option<Self> {
        let counts = matches.iter().find(|found| found.is_finding()).or(matches.first())?;
        let Match { fingerprint_id, class, confidence, .. } = counts;
        Some(Self { fingerprint_id: fingerprint_id.clone(), class: *class, confidence: *confidence })
    }

    /// Whether it accuses, and nothing contradicts it.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        !self.class.is_informational() && self.confidence > Confidence::Contradicted
    }

    /// Whether it is a finding that more than a name bears out: only such ones are alerted.
    #[must_use]
    pub fn is_supported_finding(&self) -> bool {
        self.is_finding() && self.confidence >= Confidence::Supported
    }
}
