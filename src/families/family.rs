//! The record of a family: a public promise, described row by row in [`FAMILY_FIELDS`](super::FAMILY_FIELDS).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use strum::{Display, EnumMessage, IntoStaticStr, VariantArray};

use super::seen::Declared;
use crate::fingerprint::Class;

/// The version of the record's shape; raised when a field changes its meaning or goes.
pub const FAMILY_SCHEMA_VERSION: u32 = 1;

/// Machines that share what should be unique to one installation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Family {
    /// [`FAMILY_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What names it, the same in every run that finds it.
    pub id: String,
    /// What the shared marks come from.
    pub verdict: Verdict,
    /// Whether it is beyond doubt that there are copies.
    pub significant: bool,
    /// What the verdict rests on.
    pub reasons: Vec<Reason>,
    /// The reasons in words, with their numbers.
    pub why: String,
    /// What may fairly be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    /// Whether it was declared as the operator's own image.
    pub own_image: bool,
    /// Fingerprints that know it.
    pub known_as: Vec<KnownAs>,
    /// Machines that were told apart in one window, where there were most.
    pub machines_at_least: u64,
    /// Addresses with ports.
    pub endpoints: u64,
    /// Addresses.
    pub addresses: u64,
    /// Networks: /24 of IPv4, /48 of IPv6.
    pub networks: u64,
    /// The fullest networks.
    pub prefixes: Vec<PrefixCount>,
    /// The names that it bears, most frequent first.
    pub names: Vec<NameCount>,
    /// The versions that it shows.
    pub builds: Vec<BuildCount>,
    /// The quarter hours by which all clocks that were read are off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtc_offset: Option<String>,
    /// What links it.
    pub links: Vec<Link>,
    /// How many more links there are than `links` holds.
    pub links_omitted: u64,
    /// When its certificates were made.
    pub certificates: CertificateStory,
    /// The first look with a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// How it grew.
    pub growth: Vec<Growth>,
    /// Its endpoints, in the order of their addresses.
    pub members: Vec<Member>,
    /// How many more endpoints there are than `members` holds.
    pub members_omitted: u64,
    /// How names were declared, for drafts.
    #[serde(skip)]
    pub(super) quotes: Vec<Quote>,
}

/// What shared marks come from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, IntoStaticStr, EnumMessage, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Verdict {
    /// Several machines are copies of one installation.
    Clones,
    /// Nothing decides between several machines and one.
    Undecided,
    /// Relays, a network address translation or a load balancer may show one machine at several endpoints.
    RelayOrNat,
    /// One machine had these addresses, in turn or at once.
    SameMachine,
}

/// What a verdict rests on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, IntoStaticStr, EnumMessage, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Reason {
    /// More machines bear one generated name than chance explains.
    NameBeyondChance,
    /// A certificate was still shown after another one, on another endpoint, had been made and had settled.
    CertificatesOverlap,
    /// Clocks differed by more than two seconds within one hour.
    ClocksDiffer,
    /// One certificate was shown in three or more networks within 24 hours, and nothing looked like a relay.
    SeveralNetworks,
    /// Something that is no Windows machine, or does not hold the key, shows the certificate too.
    RelaySeen,
    /// All endpoints are ports of one address.
    OneAddress,
    /// No two endpoints were seen within 24 hours: one machine may have had them in turn.
    AddressesInTurn,
    /// All endpoints showed the same clock, which is off as no other clock is.
    OneClock,
    /// Enough endpoints show the name, but too few are shown to be different machines.
    TooFewToldApart,
    /// Nothing tells one machine from several.
    NothingTellsApart,
}

/// A fingerprint that knows the family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownAs {
    /// Its id.
    pub fingerprint_id: String,
    /// Its class.
    pub class: Class,
    /// On how many endpoints it matched without contradiction.
    pub endpoints: u64,
}

/// A network and how many of the family's addresses lie in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrefixCount {
    /// In CIDR notation.
    pub prefix: String,
    /// Addresses.
    pub addresses: u64,
}

/// A name and how many endpoints bear it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameCount {
    /// The first label, in upper case.
    pub name: String,
    /// Endpoints.
    pub endpoints: u64,
}

/// An NTLM version and how many endpoints show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildCount {
    /// As in `ntlm_product_version`.
    pub version: String,
    /// Endpoints.
    pub endpoints: u64,
}

/// One thing that links machines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// What kind of thing.
    pub kind: LinkKind,
    /// The name, or the certificate: SHA-256 of the DER, else its serial number, else `spki:` and the SHA-256 of its key.
    pub value: String,
    /// Which parts of certificates were the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Endpoints that show it.
    pub endpoints: u64,
    /// Machines among them that were told apart in one window, where there were most.
    pub machines_at_least: u64,
    /// What it comes from.
    pub verdict: Verdict,
    /// Whether it makes the family significant.
    pub significant: bool,
    /// What that rests on.
    pub reasons: Vec<Reason>,
    /// For a name: how likely chance is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<Chance>,
}

/// Kinds of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LinkKind {
    /// A generated name.
    Name,
    /// A certificate of Windows' own form.
    Certificate,
}

/// Parts of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Share {
    /// All of it.
    Der,
    /// The public key.
    Key,
    /// The serial number.
    Serial,
}

/// How likely chance is, assuming a uniform generator; the formulas are in docs/families.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chance {
    /// The generator's prefix.
    pub generator: String,
    /// The window: machines seen after this …
    pub window_from: Timestamp,
    /// … up to and including this.
    pub window_to: Timestamp,
    /// `n`: endpoints with a name of this generator that were not shown to be one machine.
    pub endpoints: u64,
    /// `k`: machines with this name that were told apart.
    pub machines: u64,
    /// `K`: names that the generator can draw.
    pub possible_names: u64,
    /// `E(k)`: expected number of sets of `k` machines with one name.
    pub expected: f64,
    /// Its decimal logarithm, which never becomes zero.
    pub log10_expected: f64,
    /// `E(k)` if the generator were seeded with 32 bits only.
    pub expected_if_32_bits: f64,
    /// Its decimal logarithm.
    pub log10_expected_if_32_bits: f64,
    /// What `E(k)` must not exceed.
    pub level: f64,
    /// The fewest machines that are significant at this `n`; 0 where no number is.
    pub significant_size: u64,
    /// What all of this assumes.
    pub assumption: &'static str,
}

/// When certificates were made: Windows dates a certificate 24 hours before its making.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CertificateStory {
    /// Those that several endpoints show.
    pub shared: Vec<SharedCertificate>,
    /// How many more there are.
    pub shared_omitted: u64,
    /// How many certificates one endpoint only shows.
    pub own: u64,
    /// When the earliest of these was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_made_first: Option<Timestamp>,
    /// The one in the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_made_median: Option<Timestamp>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_made_last: Option<Timestamp>,
    /// How many of these were made in the week after a shared certificate ended, as those of clones are that were running
    /// then.
    pub own_made_at_shared_end: u64,
}

/// A certificate that several endpoints show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SharedCertificate {
    /// SHA-256 of the DER, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The serial number, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// When it was made: start of validity and 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// Endpoints that show it.
    pub endpoints: u64,
}

/// What one window showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// The window: seen after this …
    pub from: Timestamp,
    /// … up to and including this.
    pub to: Timestamp,
    /// Endpoints that were seen.
    pub endpoints: u64,
    /// Endpoints that were never seen before.
    pub new_endpoints: u64,
    /// Machines that were told apart.
    pub machines_at_least: u64,
}

/// One endpoint, as it was seen last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Its address.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its NTLM version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The first look with a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// When the machine made a certificate of its own: it has been running since then at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_since_at_least: Option<Timestamp>,
}

/// One way in which a name was declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quote {
    pub(super) name: String,
    pub(super) declared: Declared,
    pub(super) version: Option<String>,
}
