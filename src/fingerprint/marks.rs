//! Marks of implementations that are not Windows, and of hosts that only pretend.

use crate::observe::{Anomaly, Ntlm, Observation, X224};
use crate::proto::ntlm::flags;

/// What the host runs in place of Windows, where its answers give that away.
pub(super) fn non_windows_stack(observation: &Observation) -> Option<&'static str> {
    let by_ntlm = observation.ntlm.as_ref().and_then(ntlm_stack);
    by_ntlm.or_else(|| x224_stack(observation))
}

fn ntlm_stack(ntlm: &Ntlm) -> Option<&'static str> {
    match ntlm.product_version.as_deref()? {
        "6.1.7601" if !has_target_type(ntlm)? && all_names_equal(ntlm)? => Some("freerdp"),
        "10.0.17763" if all_names_empty(ntlm) => Some("ironrdp"),
        "6.2.3790" => Some("pyrdp"),
        "6.1.0" => Some("samba"),
        _ => None,
    }
}

/// Windows answers every Connection Request with the source reference 0x1234; servers that copy this still tell
/// themselves apart where they combine it with what no Windows has.
fn x224_stack(observation: &Observation) -> Option<&'static str> {
    /// `EXTENDED_CLIENT_DATA_SUPPORTED` alone (MS-RDPBCGR 2.2.1.2.1): Windows 7 and Server 2008 R2.
    const FLAGS_OF_WINDOWS_7: u8 = 0x01;
    const WINDOWS_SOURCE_REFERENCE: u16 = 0x1234;
    let answers = || [&observation.x224, &observation.x224_first].into_iter().flatten();
    if answers().any(|answer| answer.src_ref == Some(0)) {
        return Some("freerdp");
    }
    let is_of_windows_7 =
        |answer: &X224| answer.src_ref == Some(WINDOWS_SOURCE_REFERENCE) && answer.flags == Some(FLAGS_OF_WINDOWS_7);
    let has_tls_1_3 = observation.tls.as_ref()?.version.as_deref()? == "TLSv1.3";
    (has_tls_1_3 && answers().any(is_of_windows_7)).then_some("xrdp")
}

fn has_target_type(ntlm: &Ntlm) -> Option<bool> {
    Some(ntlm.negotiate_flags? & (flags::TARGET_TYPE_DOMAIN | flags::TARGET_TYPE_SERVER) != 0)
}

/// Whether target, NetBIOS and DNS names are all sent and all the same text, domain names included.
fn all_names_equal(ntlm: &Ntlm) -> Option<bool> {
    let name = ntlm.target_name.as_ref()?;
    let others = [
        ntlm.netbios_computer_name.as_ref()?,
        ntlm.netbios_domain_name.as_ref()?,
        ntlm.dns_computer_name.as_ref()?,
        ntlm.dns_domain_name.as_ref()?,
    ];
    Some(others.iter().all(|other| other.eq_ignore_ascii_case(name)))
}

/// Whether names are sent and are all empty.
fn all_names_empty(ntlm: &Ntlm) -> bool {
    let names = [&ntlm.netbios_computer_name, &ntlm.dns_computer_name, &ntlm.netbios_domain_name];
    names.iter().any(|name| name.is_some()) && names.iter().all(|name| name.as_ref().is_none_or(String::is_empty))
}

/// Challenges that should be random and are known to be sent by tools: the example of MS-NLMP 4.2.1, the default of
/// tools that capture credentials, and none at all.
const FIXED_CHALLENGES: [[u8; 8]; 3] =
    [[0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88], [0; 8]];

/// What the host does that Windows never does.
pub(super) fn honeypot_like(observation: &Observation) -> Option<String> {
    let has = |anomaly| observation.anomalies.contains(&anomaly);
    let serial = observation.leaf().and_then(|leaf| leaf.serial_number.as_ref());
    let signs = [
        ("protocol-not-offered", has(Anomaly::ProtocolNotOffered)),
        ("no-tls", has(Anomaly::NotTls)),
        ("fixed-challenge", server_challenge(observation).is_some_and(|sent| FIXED_CHALLENGES.contains(&sent))),
        ("serial-zero", serial.is_some_and(|serial| !serial.0.is_empty() && serial.0.iter().all(|octet| *octet == 0))),
    ];
    let words: Vec<&str> = signs.into_iter().filter(|(_, is_shown)| *is_shown).map(|(word, _)| word).collect();
    (!words.is_empty()).then(|| words.join("+"))
}

/// `ServerChallenge` of the kept CHALLENGE (MS-NLMP 2.2.1.2: 8 bytes from the 24th).
fn server_challenge(observation: &Observation) -> Option<[u8; 8]> {
    observation.ntlm.as_ref()?.raw.as_ref()?.0.get(24..32)?.try_into().ok()
}
