//! Traits: what can be concluded from one observation alone, before any fingerprint is asked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::marks::{honeypot_like, non_windows_stack};
use super::name::{declared_by_ntlm, declared_names};
use crate::knowledge::{Flaw, Form, Shape, build, rdp_certificate_form, shape};
use crate::observe::{KeyPossession, Observation};

/// Name → value; a trait that does not apply is absent.
pub type Traits = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// One row of the closed list of traits.
pub struct Trait {
    /// Its name in records, CSV cells and conditions.
    pub name: &'static str,
    /// What it means, and its values.
    pub doc: &'static str,
    /// What it rests on.
    pub source: &'static str,
    /// Honest hosts that show it too, or that look like it and do not.
    pub honest: &'static str,
    /// The words that its value is one of; none where values are open.
    pub words: &'static [&'static str],
    /// Whether the value is several words, joined by `+`.
    pub(super) is_list: bool,
    /// How a value speaks against every fingerprint, since all describe Windows.
    pub(super) weight: fn(&str) -> Weight,
    derive: fn(&Basis<'_>) -> Option<Cow<'static, str>>,
}

/// How much a trait speaks against a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Not at all.
    Nothing,
    /// An honest administrator can cause it: what else supports the match then counts for nothing.
    Lowers,
    /// No Windows shows it.
    Contradicts,
}

/// What traits are derived from: the observation, and what several of them ask about it.
struct Basis<'a> {
    observation: &'a Observation,
    /// The form of the leaf certificate, where its DER is at hand.
    certificate: Option<Form>,
    /// The shape of the name that the machine gives itself.
    name: Option<Shape>,
}

impl<'a> Basis<'a> {
    fn of(observation: &'a Observation) -> Self {
        let der = observation.leaf().and_then(|leaf| leaf.der.as_ref());
        let label = observation.computer_name().and_then(|name| name.split('.').next());
        Self { observation, certificate: der.map(|der| rdp_certificate_form(&der.0)), name: label.and_then(shape) }
    }
}

pub(super) const WINDOWS_RDP_CERTIFICATE: &str = "windows_rdp_certificate";
pub(super) const NAMES_DISAGREE: &str = "names_disagree";
pub(super) const BUILD_UNKNOWN: &str = "build_unknown";

/// Every trait there is.
pub static TRAITS: &[Trait] = &[
    Trait {
        name: WINDOWS_RDP_CERTIFICATE,
        doc: "Whether the leaf certificate is, byte for byte, what Windows makes for its own RDP listener. `yes`; `no`: it \
              claims that form (self-signed, one common name, no alternative names, serverAuth only) and breaks it; \
              `not_applicable`: it does not claim it. Absent where no DER is at hand: nothing follows from that.",
        source: "Template rebuilt from 87 of 87 certificates of builds 6001 to 26100 (docs/windows.md).",
        honest: "`not_applicable` for a gateway with a wildcard certificate and a domain member with one of its own \
                 authority; a common name with an underscore is BMPString or UTF8String and still `yes`. `no` also for an \
                 administrator's self-signed certificate of the same outline, so it only lowers a match.",
        words: &["yes", "no", "not_applicable"],
        is_list: false,
        weight: |value| if value == "no" { Weight::Lowers } else { Weight::Nothing },
        derive: |basis| Some(Cow::Borrowed(basis.certificate?.into())),
    },
    Trait {
        name: NAMES_DISAGREE,
        doc: "`yes`: the certificate is Windows' own and names another machine than the NTLM challenge does. Such a \
              certificate supports nothing.",
        source: "Common name and NTLM name agree on 566 of 566 hosts.",
        honest: "A machine that was renamed and has not restarted its RDP service; a relay in front of an honest host.",
        words: &["yes"],
        is_list: false,
        weight: |_| Weight::Nothing,
        derive: names_disagree,
    },
    Trait {
        name: "generated_name",
        doc: "The machine's name was made by Windows Setup or a cloud's: the generator's prefix, as in `WIN` or `DESKTOP`. \
              Names of that form which people chose (`WIN-SQLSERVER01`) do not count.",
        source: "Alphabet and lengths as measured on 88 server and 604 other names (docs/windows.md).",
        honest: "Most Windows servers that nobody renamed; alone it says nothing.",
        words: &["WIN", "DESKTOP", "LAPTOP", "EC2AMAZ", "MININT"],
        is_list: false,
        weight: |_| Weight::Nothing,
        derive: |basis| match basis.name? {
            Shape::Generated(generator) => Some(Cow::Borrowed(generator.name)),
            _ => None,
        },
    },
    Trait {
        name: "unusual_generated_name",
        doc: "The name looks generated and is not quite: `letter` (W to Z, which generators do not use) or `length`. It was \
              typed, copied wrongly, or is very old.",
        source: "W to Z stand in none of 88 server names; exceptions are systems of the age of Vista (docs/windows.md).",
        honest: "Windows Vista and Server 2008 (NT 6.0), and people who chose such a name.",
        words: &["letter", "length"],
        is_list: false,
        weight: |_| Weight::Nothing,
        derive: |basis| match basis.name? {
            Shape::Unusual(_, Flaw::Letter) => Some(Cow::Borrowed("letter")),
            Shape::Unusual(_, Flaw::Length) => Some(Cow::Borrowed("length")),
            _ => None,
        },
    },
    Trait {
        name: "non_windows_stack",
        doc: "What the host sends bears the marks of another implementation than Windows. `freerdp` (and those built on it: \
              GNOME, weston): NTLM version 6.1.7601 without a target type flag and with all names equal, or a source \
              reference of 0 in the Connection Confirm; `ironrdp`: NTLM 10.0.17763 with empty names; `xrdp`: TLS 1.3 \
              with the flags of Windows 7; `pyrdp`: NTLM 6.2.3790; `samba`: NTLM 6.1 with build 0.",
        source: "Seen on those servers; Windows sets a target type whenever it is asked for one (MS-NLMP 2.2.2.5) and \
                 answers with source reference 0x1234 (9 of 9 recordings; MS-RDPBCGR 4.1.2).",
        honest: "Linux desktops and servers: another stack is no fault, it only cannot be a copy of a Windows image.",
        words: &["freerdp", "ironrdp", "pyrdp", "samba", "xrdp"],
        is_list: false,
        weight: |_| Weight::Contradicts,
        derive: |basis| non_windows_stack(basis.observation).map(Cow::Borrowed),
    },
    Trait {
        name: "honeypot_like",
        doc: "The host does what Windows never does; several words are joined by `+`. `protocol-not-offered`: it selects a \
              protocol that was not offered; `no-tls`: it selects TLS and sends something else; `fixed-challenge`: its NTLM \
              challenge is one that tools are known to send always; `serial-zero`: its certificate has serial number 0.",
        source: "Seen on honeypots and relays; fixed challenges: MS-NLMP 4.2.1 and the defaults of capture tools.",
        honest: "A broken middlebox in front of an honest host; an administrator's certificate made with serial 0. \
                 It is no verdict on the host, it only lowers matches.",
        words: &["protocol-not-offered", "no-tls", "fixed-challenge", "serial-zero"],
        is_list: true,
        weight: |value| if value == "serial-zero" { Weight::Lowers } else { Weight::Contradicts },
        derive: |basis| honeypot_like(basis.observation).map(Cow::Owned),
    },
    Trait {
        name: "rtc_offset",
        doc: "The host's clock is off by a multiple of a quarter hour, within ten seconds, as when a real-time clock is read \
              in the wrong time zone: `+03:00` is three hours ahead. All copies of an image share it.",
        source: "Own probes only, by `ntlm_clock_skew_ms`; inferred from how Windows reads the clock.",
        honest: "Any machine whose hypervisor keeps its clock in local time.",
        words: &[],
        is_list: false,
        weight: |_| Weight::Nothing,
        derive: |basis| rtc_offset(basis.observation.ntlm.as_ref()?.clock_skew_ms?).map(Cow::Owned),
    },
    Trait {
        name: BUILD_UNKNOWN,
        doc: "The NTLM version is none that docs/windows.md lists, build and all: the version.",
        source: "Public release histories (docs/windows.md).",
        honest: "Previews and builds younger than this version of rdprint.",
        words: &[],
        is_list: false,
        weight: |_| Weight::Nothing,
        derive: |basis| {
            let number = basis.observation.ntlm_build()?;
            let version = basis.observation.ntlm.as_ref()?.product_version.as_ref()?;
            let is_listed = build(number).is_some_and(|build| *version == format!("{}.{number}", build.version));
            (!is_listed).then(|| Cow::Owned(version.clone()))
        },
    },
    Trait {
        name: "key_not_possessed",
        doc: "`yes`: the handshake signature does not fit the certificate, so the certificate is somebody else's: a \
              relay or a host that copies what it saw.",
        source: "RFC 8446, 4.4.3, and RFC 5246, 7.4.3: whoever holds the key can sign.",
        honest: "A relay in front of an honest host.",
        words: &["yes"],
        is_list: false,
        weight: |_| Weight::Contradicts,
        derive: |basis| {
            let failed = basis.observation.tls.as_ref()?.key_possession == KeyPossession::Failed;
            failed.then_some(Cow::Borrowed("yes"))
        },
    },
];

/// The traits of one observation.
#[must_use]
pub fn derive_traits(observation: &Observation) -> Traits {
    let basis = Basis::of(observation);
    TRAITS.iter().filter_map(|row| Some((Cow::Borrowed(row.name), (row.derive)(&basis)?))).collect()
}

/// Names can only be held against each other where the certificate is the machine's own.
fn names_disagree(basis: &Basis<'_>) -> Option<Cow<'static, str>> {
    if !matches!(basis.certificate, Some(Form::Yes)) {
        return None;
    }
    let names = declared_names(basis.observation);
    let certificate = names.iter().find(|name| name.field == "cert_subject_cn")?;
    let ntlm = declared_by_ntlm(&names)?;
    (!ntlm.is(certificate.label)).then_some(Cow::Borrowed("yes"))
}

/// A skew that a wrong time zone explains, as hours and minutes.
#[must_use]
pub fn rtc_offset(skew_ms: i64) -> Option<String> {
    const QUARTER_HOUR_MS: i64 = 15 * 60 * 1000;
    const TOLERANCE_MS: i64 = 10_000;
    /// Zones reach from -12:00 to +14:00, so two of them are at most this far apart.
    const MOST_QUARTERS: i64 = 26 * 4;
    let quarters = skew_ms.checked_add(QUARTER_HOUR_MS / 2)?.div_euclid(QUARTER_HOUR_MS);
    if quarters == 0 || quarters.abs() > MOST_QUARTERS || (skew_ms - quarters * QUARTER_HOUR_MS).abs() > TOLERANCE_MS {
        return None;
    }
    let (sign, size) = (if quarters < 0 { '-' } else { '+' }, quarters.abs());
    Some(format!("{sign}{:02}:{:02}", size / 4, size % 4 * 15))
}

#[cfg(test)]
#[path = "traits_tests.rs"]
mod tests;
