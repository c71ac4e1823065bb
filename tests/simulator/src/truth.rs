//! What the population has at each address, before anyone scans it.

use std::net::Ipv4Addr;

use crate::calendar::{DAY, today};
use crate::certificate::Certificate;
use crate::draw::{below, choose, draw, generated};
use crate::key::Key;
use crate::legacy::{LegacyTls, Reply};
use crate::ntlm::netbios;

/// What kind of host an address has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Persona {
    /// No RDP: the connection is reset at once.
    Closed,
    /// Honest, with a name that Windows Setup made up: `WIN-` and 11 symbols, or `DESKTOP-` and 7.
    Generated,
    /// Honest, with a name that a person typed; such names repeat.
    Human,
    /// Honest, a member of a domain.
    Member,
    /// Honest, without NLA: the certificate alone names it.
    WithoutNla,
    /// Honest and old: RDP's own security, with a bare key or, one in four, a certificate that a licence server gave it.
    Classic,
    /// Honest and slow: it thinks for [`crate::SLOW`] before each answer.
    Slow,
    /// A clone of the `RedVDS` image that serves the image's own certificate.
    RedVdsImage,
    /// A clone of the `RedVDS` image that made its own certificate after the image's ran out.
    RedVdsOwn,
    /// A clone of a hosting panel's template on build 17763.
    PanelA,
    /// A clone of a hosting panel's template on build 14393.
    PanelB,
    /// A clone of an image that nobody reported, with the image's certificate.
    UnknownImage,
    /// The same with a third image, and with clocks that are synchronised.
    UnknownSynchronised,
    /// A clone of another image that nobody reported, each with its own certificate and the clock of one wrong time zone.
    UnknownOwn,
    /// A FreeRDP server.
    FreeRdp,
    /// A FreeRDP server that was given the name of the `RedVDS` image.
    FreeRdpRenamed,
    /// One honest machine with several addresses: all of this persona in one /24 are the same one.
    MultiHomed,
    /// Honest and old: TLS of a version or with a suite that modern clients do not offer, so that it turns them away: see
    /// [`LEGACY`].
    LegacyTls,
    /// Accepts and says nothing.
    Silent,
    /// Resets the connection when the request comes.
    Resetting,
    /// Plays one of two dozen tricks before TLS, in the flight of an old TLS, or in MCS.
    Hostile,
}

/// How many of 1000 addresses have each persona.
pub const SHARES: [(Persona, u64); 21] = [
    (Persona::Closed, 380),
    (Persona::Generated, 220),
    (Persona::Human, 90),
    (Persona::Member, 90),
    (Persona::WithoutNla, 40),
    (Persona::Classic, 20),
    (Persona::Slow, 8),
    (Persona::RedVdsImage, 12),
    (Persona::RedVdsOwn, 18),
    (Persona::PanelA, 25),
    (Persona::PanelB, 15),
    (Persona::UnknownImage, 5),
    (Persona::UnknownSynchronised, 5),
    (Persona::UnknownOwn, 10),
    (Persona::FreeRdp, 10),
    (Persona::FreeRdpRenamed, 1),
    (Persona::MultiHomed, 12),
    (Persona::LegacyTls, 8),
    (Persona::Silent, 10),
    (Persona::Resetting, 8),
    (Persona::Hostile, 13),
];

/// The kinds of [`Persona::LegacyTls`], equally many of each.
pub const LEGACY: [LegacyTls; 6] = [
    LegacyTls::tls10_rsa(),
    LegacyTls::tls10_dhe().reply(Reply::Alert(70)),
    LegacyTls::tls11().reply(Reply::Close),
    LegacyTls::tls12_rsa().reply(Reply::Reset),
    LegacyTls::tls12_ecdhe().without_clock(),
    LegacyTls::sslv3().reply(Reply::Close),
];

/// The computer name of the `RedVDS` image, on build 20348.
pub const REDVDS: &str = "WIN-BUNS25TD77J";
/// The computer name of [`Persona::PanelA`].
pub const PANEL_A: &str = "WIN-LIVFRVQFMKO";
/// The computer name of [`Persona::PanelB`].
pub const PANEL_B: &str = "WIN-J9D866ESIJ2";

/// Keys of images; those of single hosts have numbers below 65,536.
const IMAGE_KEYS: u32 = 70_000;
/// Keys of machines with several addresses.
const HOME_KEYS: u32 = 70_100;
/// The clock of [`Persona::UnknownOwn`] is three hours behind: a real-time clock read in the wrong zone.
const WRONG_ZONE_MS: i64 = -3 * 3_600_000;

const SERVER_BUILDS: [u16; 5] = [14393, 17763, 17763, 20348, 26100];
const CLIENT_BUILDS: [u16; 3] = [19041, 22621, 26100];
const HUMAN_NAMES: [&str; 16] = [
    "DC01",
    "SERVER",
    "SRV-01",
    "FILESERVER",
    "WIN-EASY",
    "DESKTOP-LSANCHES",
    "Terminal",
    "APP01",
    "SQL01",
    "WEB",
    "backup",
    "OFFICE-PC",
    "KASSE2",
    "RDS01",
    "WIN-SERVICES",
    "Server2019",
];
const DOMAINS: [&str; 6] =
    ["corp.example.com", "ad.example.net", "example.org", "praxis.example", "internal.example.com", "lab.example.net"];

/// What there is to see at an address, for whoever completes the dialogue.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The address.
    pub address: Ipv4Addr,
    /// What kind of host it has.
    pub persona: Persona,
    /// The NetBIOS computer name; without NLA, what it would be by the certificate.
    pub name: Option<String>,
    /// The DNS computer name, as it was typed: a bare name in a workgroup, a qualified one in a domain.
    pub dns: Option<String>,
    /// The DNS domain of a member.
    pub domain: Option<String>,
    /// The build that NTLM announces.
    pub build: Option<u16>,
    /// How far its clock is ahead, in milliseconds, where NTLM tells it.
    pub skew_ms: Option<i64>,
    /// The certificate that it presents, in TLS or in MCS.
    pub certificate: Option<Certificate>,
    /// Its TLS, where that is of old.
    pub legacy: Option<LegacyTls>,
}

/// What the population of this seed has at `address`. The same in every process, but for the days in certificates: they
/// count from the day on which the process first made one.
#[must_use]
pub fn truth(seed: u64, address: Ipv4Addr) -> Truth {
    let persona = persona(below(1000, draw(seed, address, "persona")));
    let draw = |purpose| draw(seed, address, purpose);
    let mut truth = Truth {
        address,
        persona,
        name: None,
        dns: None,
        domain: None,
        build: None,
        skew_ms: None,
        certificate: None,
        legacy: None,
    };
    let own_key = Key::rsa2048(own_key(seed, address));
    // Made between 1 and 150 days ago, and valid from a day before that.
    let age = 1 + i64::try_from(below(150, draw("age"))).unwrap();
    let second = i64::try_from(below(86_400, draw("second"))).unwrap();
    let own = |name: &str| Certificate::windows(name).key(own_key).not_before(today() - (age + 1) * DAY + second);
    match persona {
        Persona::Closed | Persona::Silent | Persona::Resetting | Persona::Hostile => {}
        Persona::Classic if draw("licence") % 4 > 0 => {}
        Persona::Classic => {
            let name = format!("ts{}.example.net", generated(seed, address, 5).to_lowercase());
            truth.show(&name, own(&name).issued_by("Licence CA", &name));
        }
        Persona::LegacyTls => {
            let name = format!("WIN-{}", generated(seed, address, 11));
            truth.show(&name, own(&name).sha1());
            truth.legacy = Some(choose(&LEGACY, draw("legacy")).clone());
        }
        Persona::MultiHomed => {
            let name = format!("WIN-{}", generated(!seed, home(address), 11));
            let key = Key::rsa2048(HOME_KEYS + (home(address).to_bits() >> 8 & 0xFFFF) % 60_000);
            let certificate = Certificate::windows(&name).key(key).not_before(today() - 31 * DAY);
            truth.clone_of(&name, 20348, certificate);
        }
        Persona::Generated | Persona::WithoutNla | Persona::Slow => {
            let server = draw("server") % 4 > 0;
            let name = if server {
                truth.build = Some(*choose(&SERVER_BUILDS, draw("build")));
                format!("WIN-{}", generated(seed, address, 11))
            } else {
                truth.build = Some(*choose(&CLIENT_BUILDS, draw("build")));
                format!("DESKTOP-{}", generated(seed, address, 7))
            };
            truth.show(&name, own(&name));
        }
        Persona::Human | Persona::Member => {
            let name = (*choose(&HUMAN_NAMES, draw("name"))).to_owned();
            truth.build = Some(*choose(&SERVER_BUILDS, draw("build")));
            truth.domain = (persona == Persona::Member).then(|| (*choose(&DOMAINS, draw("domain"))).to_owned());
            let dns = truth.domain.as_ref().map_or_else(|| name.clone(), |domain| format!("{name}.{domain}"));
            truth.show(&dns, own(&dns));
        }
        Persona::RedVdsImage => truth.image(REDVDS, 20348, 0),
        Persona::UnknownImage => truth.image(&unknown(seed, 1), 20348, 1),
        Persona::UnknownSynchronised => truth.image(&unknown(seed, 3), 20348, 2),
        // The image's certificate ran out 100 days ago, and every clone that ran then made its own within six hours.
        Persona::RedVdsOwn => truth.clone_of(REDVDS, 20348, own(REDVDS).not_before(today() - 101 * DAY + second / 4)),
        Persona::UnknownOwn => {
            let name = unknown(seed, 2);
            truth.clone_of(&name, 17763, own(&name));
        }
        Persona::PanelA => truth.clone_of(PANEL_A, 17763, own(PANEL_A)),
        Persona::PanelB => truth.clone_of(PANEL_B, 14393, own(PANEL_B)),
        Persona::FreeRdp | Persona::FreeRdpRenamed => {
            let renamed = persona == Persona::FreeRdpRenamed;
            let name = if renamed { REDVDS.to_owned() } else { format!("VM{}", generated(seed, address, 7)) };
            truth.clone_of(&name, 7601, Certificate::openssl(&name).key(own_key));
        }
    }
    if persona == Persona::WithoutNla {
        truth.build = None;
    }
    if truth.build.is_some() {
        // Two machines whose clocks nobody sets differ by more than two seconds, most of the time.
        let clock =
            if persona == Persona::MultiHomed { crate::draw::draw(seed, home(address), "clock") } else { draw("skew") };
        let drift = i64::try_from(below(120_001, clock)).unwrap() - 60_000;
        truth.skew_ms = Some(match persona {
            Persona::RedVdsImage | Persona::RedVdsOwn | Persona::UnknownImage => drift,
            Persona::UnknownOwn => WRONG_ZONE_MS + drift / 30,
            Persona::UnknownSynchronised => 0,
            _ => drift / 60,
        });
    }
    truth
}

/// The network of a machine with several addresses.
fn home(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & !0xFF)
}

impl Truth {
    fn image(&mut self, name: &str, build: u16, image: u32) {
        let certificate =
            Certificate::windows(name).key(Key::rsa2048(IMAGE_KEYS + image)).not_before(today() - 61 * DAY);
        self.clone_of(name, build, certificate);
    }

    fn clone_of(&mut self, name: &str, build: u16, certificate: Certificate) {
        self.build = Some(build);
        self.show(name, certificate);
    }

    fn show(&mut self, dns: &str, certificate: Certificate) {
        self.name = Some(netbios(dns));
        self.dns = Some(dns.to_owned());
        self.certificate = Some(certificate);
    }
}

/// The computer name of an image that nobody reported: 1 for [`Persona::UnknownImage`], 2 for [`Persona::UnknownOwn`],
/// 3 for [`Persona::UnknownSynchronised`].
#[must_use]
pub fn unknown(seed: u64, family: u32) -> String {
    format!("WIN-{}", generated(!seed, Ipv4Addr::from_bits(family), 11))
}

fn persona(mut number: u64) -> Persona {
    for (persona, share) in SHARES {
        if number < share {
            return persona;
        }
        number -= share;
    }
    Persona::Closed
}

/// A key number that no other address of the same /16 has.
pub(crate) fn own_key(seed: u64, address: Ipv4Addr) -> u32 {
    let [_, _, high, low] = address.octets();
    let place = u16::from_be_bytes([high, low]);
    let shift = draw(seed, Ipv4Addr::UNSPECIFIED, "keys").to_le_bytes();
    u32::from(place.wrapping_mul(0x9E37).wrapping_add(u16::from_le_bytes([shift[0], shift[1]])))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn addresses() -> impl Iterator<Item = Ipv4Addr> {
        (0..65_536).map(|low| Ipv4Addr::from_bits(0x7F02_0000 + low))
    }

    #[test]
    fn shares_are_kept() {
        assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<u64>(), 1000);
        let mut counts: HashMap<Persona, f64> = HashMap::new();
        for address in addresses() {
            *counts.entry(persona(below(1000, draw(3, address, "persona")))).or_default() += 1.0;
        }
        for (persona, share) in SHARES {
            let expected = f64::from(u32::try_from(share).unwrap()) * 65.536;
            let off = (counts[&persona] - expected).abs();
            assert!(off < 5.0 * expected.sqrt(), "{persona:?}: {} of {expected}", counts[&persona]);
        }
    }

    #[test]
    fn honest_generated_names_and_keys_are_distinct() {
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        for address in addresses().take(4096) {
            let truth = truth(3, address);
            if let (Persona::Generated, Some(certificate)) = (truth.persona, &truth.certificate) {
                assert!(names.insert(truth.name), "{address}");
                assert!(keys.insert(certificate.signing_key()), "{address}");
            }
        }
        assert!(names.len() > 700);
        assert_eq!(addresses().map(|address| own_key(3, address)).collect::<HashSet<_>>().len(), 65_536);
    }

    #[test]
    fn images_share_a_certificate_and_the_others_do_not() {
        let mut serials: HashMap<Persona, Vec<Vec<u8>>> = HashMap::new();
        for truth in addresses().take(8192).map(|address| truth(3, address)) {
            if let Some(certificate) = truth.certificate {
                serials.entry(truth.persona).or_default().push(certificate.serial_octets().unwrap().to_vec());
            }
        }
        let distinct = |persona| serials[&persona].iter().collect::<HashSet<_>>().len();
        assert_eq!((distinct(Persona::RedVdsImage), distinct(Persona::UnknownImage)), (1, 1));
        for persona in [Persona::RedVdsOwn, Persona::UnknownOwn, Persona::PanelA] {
            assert_eq!(distinct(persona), serials[&persona].len());
        }
    }
    #[test]
    fn old_hosts_of_every_kind_have_a_certificate_of_their_own() {
        let old: Vec<Truth> =
            addresses().map(|address| truth(3, address)).filter(|truth| truth.persona == Persona::LegacyTls).collect();
        for kind in LEGACY {
            assert!(old.iter().any(|truth| truth.legacy.as_ref() == Some(&kind)), "{kind:?}");
        }
        let serials = old.iter().map(|truth| truth.certificate.as_ref().unwrap().serial_octets().unwrap().to_vec());
        assert_eq!(serials.collect::<HashSet<_>>().len(), old.len());
        let licensed = addresses().map(|address| truth(3, address)).filter(|truth| truth.persona == Persona::Classic);
        assert!(licensed.map(|truth| truth.certificate.is_some()).collect::<HashSet<_>>().len() == 2);
    }
}
