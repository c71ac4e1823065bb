//! The first two NTLM messages: NEGOTIATE (MS-NLMP 2.2.1.1), which rdprint sends, and CHALLENGE (2.2.1.2), which it
//! reads. The third, AUTHENTICATE, has no type here, so that no logon can be attempted.

use std::fmt;

use super::Anomaly;
use super::reader::Reader;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
const NEGOTIATE_TYPE: u32 = 1;
const CHALLENGE_TYPE: u32 = 2;
/// The fixed part of a CHALLENGE with its VERSION structure; without it the payload starts at 48.
const CHALLENGE_HEADER_WITH_VERSION: u32 = 56;
/// More AV pairs than this are not read; the specification knows eleven kinds.
const MAX_AV_PAIRS: usize = 64;

/// `NegotiateFlags` bits (MS-NLMP 2.2.2.5) that rdprint reads or sends.
pub mod flags {
    /// `NTLMSSP_NEGOTIATE_UNICODE`: names are UTF-16LE.
    pub const UNICODE: u32 = 0x0000_0001;
    /// `NTLMSSP_TARGET_TYPE_DOMAIN`.
    pub const TARGET_TYPE_DOMAIN: u32 = 0x0001_0000;
    /// `NTLMSSP_TARGET_TYPE_SERVER`.
    pub const TARGET_TYPE_SERVER: u32 = 0x0002_0000;
    /// `NTLMSSP_NEGOTIATE_VERSION`: the VERSION structure is filled.
    pub const VERSION: u32 = 0x0200_0000;
    /// What [`negotiate`](super::negotiate) asks for: Unicode, OEM, target, signing, sealing, NTLM, always sign,
    /// extended session security, version, 128 bit, key exchange, 56 bit, as Windows clients do.
    pub const REQUESTED: u32 = 0xE208_82B7;
}

/// The NEGOTIATE message: no domain, no workstation, the version of a Windows 10 client.
#[must_use]
pub fn negotiate() -> [u8; 40] {
    let mut message = [0; 40];
    let fields: [&[u8]; 5] = [
        SIGNATURE,
        &NEGOTIATE_TYPE.to_le_bytes(),
        &flags::REQUESTED.to_le_bytes(),
        // Domain and workstation: empty, so both length-offset fields stay zero.
        &[0; 16],
        // Version 10.0.17763, NTLM revision 15.
        &[10, 0, 0x63, 0x45, 0, 0, 0, 15],
    ];
    for (target, source) in message.iter_mut().zip(fields.concat()) {
        *target = source;
    }
    message
}

/// The VERSION structure (MS-NLMP 2.2.2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// `ProductMajorVersion`.
    pub major: u8,
    /// `ProductMinorVersion`.
    pub minor: u8,
    /// `ProductBuild`.
    pub build: u16,
    /// `NTLMRevisionCurrent`; 15 on every Windows since Server 2003.
    pub revision: u8,
}

/// `10.0.20348`, as nmap prints it.
impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// A CHALLENGE message. Names are `None` where they were not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `NegotiateFlags`.
    pub flags: u32,
    /// `ServerChallenge`.
    pub server_challenge: [u8; 8],
    /// `TargetName`.
    pub target_name: Option<String>,
    /// `Version`, where the flag says that it is filled.
    pub version: Option<Version>,
    /// `MsvAvNbComputerName`.
    pub netbios_computer_name: Option<String>,
    /// `MsvAvNbDomainName`.
    pub netbios_domain_name: Option<String>,
    /// `MsvAvDnsComputerName`.
    pub dns_computer_name: Option<String>,
    /// `MsvAvDnsDomainName`.
    pub dns_domain_name: Option<String>,
    /// `MsvAvDnsTreeName`.
    pub dns_tree_name: Option<String>,
    /// `MsvAvTimestamp`: a FILETIME, 100 ns since 1601-01-01 UTC.
    pub timestamp: Option<u64>,
}

/// Finds the CHALLENGE in a CredSSP token: bare, as it was asked for, or inside another envelope.
///
/// Returns the message's bytes and whether it was wrapped; `None` where there is none.
#[must_use]
pub fn find_challenge(token: &[u8]) -> Option<(&[u8], bool)> {
    let mut head = Vec::from(SIGNATURE);
    head.extend_from_slice(&CHALLENGE_TYPE.to_le_bytes());
    let start = token.windows(head.len()).position(|window| window == head)?;
    Some((token.get(start..)?, start > 0))
}

/// Decodes a CHALLENGE that begins with its signature. `None` where it ends before the server challenge.
#[must_use]
pub fn decode_challenge(message: &[u8]) -> Option<(Challenge, Vec<Anomaly>)> {
    let mut anomalies = Vec::new();
    let mut reader = Reader::new(message);
    if reader.array()? != *SIGNATURE || reader.u32_le()? != CHALLENGE_TYPE {
        return None;
    }
    let target_name = Location::read(&mut reader)?;
    let flags = reader.u32_le()?;
    let server_challenge = reader.array()?;
    let mut challenge = Challenge { flags, server_challenge, ..Challenge::default() };

    if let Some(bytes) = target_name.of(message, &mut anomalies) {
        let text = if flags & flags::UNICODE == 0 { oem(bytes, &mut anomalies) } else { utf16(bytes, &mut anomalies) };
        challenge.target_name = Some(text);
    }
    // Old servers end here: TargetInfo and Version came with later Windows versions.
    let _reserved = reader.bytes(8);
    if let Some(target_info) = Location::read(&mut reader) {
        if let Some(list) = target_info.of(message, &mut anomalies) {
            decode_av_pairs(list, &mut challenge, &mut anomalies);
        }
        let payload_starts_after =
            |location: &Location| location.length == 0 || location.offset >= CHALLENGE_HEADER_WITH_VERSION;
        if flags & flags::VERSION != 0 && payload_starts_after(&target_name) && payload_starts_after(&target_info) {
            challenge.version = decode_version(&mut reader);
        }
    }
    anomalies.sort_unstable();
    anomalies.dedup();
    Some((challenge, anomalies))
}

fn decode_version(reader: &mut Reader<'_>) -> Option<Version> {
    let (major, minor, build) = (reader.u8()?, reader.u8()?, reader.u16_le()?);
    let [.., revision] = reader.array::<4>()?;
    Some(Version { major, minor, build, revision })
}

/// Length and offset of a field of the payload.
struct Location {
    length: u16,
    offset: u32,
}

impl Location {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.u16_le()?;
        let _allocated = reader.u16_le()?;
        Some(Self { length, offset: reader.u32_le()? })
    }

    /// The field's bytes. A field that reaches past the end is cut there, since what was sent is still evidence.
    fn of<'a>(&self, message: &'a [u8], anomalies: &mut Vec<Anomaly>) -> Option<&'a [u8]> {
        if self.length == 0 {
            return None;
        }
        let tail = usize::try_from(self.offset).ok().and_then(|offset| message.get(offset..));
        let field = tail.and_then(|tail| tail.get(..usize::from(self.length)));
        if field.is_none() {
            anomalies.push(Anomaly::NtlmFieldOutOfBounds);
        }
        field.or(tail).filter(|bytes| !bytes.is_empty())
    }
}

fn decode_av_pairs(list: &[u8], challenge: &mut Challenge, anomalies: &mut Vec<Anomaly>) {
    const END_OF_LIST: u16 = 0;
    const TIMESTAMP: u16 = 7;
    let mut reader = Reader::new(list);
    for _ in 0..MAX_AV_PAIRS {
        let (Some(id), Some(length)) = (reader.u16_le(), reader.u16_le()) else { break };
        if id == END_OF_LIST {
            return;
        }
        let Some(value) = reader.bytes(usize::from(length)) else {
            anomalies.push(Anomaly::NtlmAvOverlong);
            keep_av_pair(id, reader.rest(), challenge, anomalies);
            return;
        };
        if id == TIMESTAMP {
            match challenge.timestamp {
                None => challenge.timestamp = value.try_into().ok().map(u64::from_le_bytes),
                Some(_) => anomalies.push(Anomaly::NtlmAvRepeated),
            }
        } else {
            keep_av_pair(id, value, challenge, anomalies);
        }
    }
    anomalies.push(Anomaly::NtlmAvUnterminated);
}

fn keep_av_pair(id: u16, value: &[u8], challenge: &mut Challenge, anomalies: &mut Vec<Anomaly>) {
    let slot = match id {
        1 => &mut challenge.netbios_computer_name,
        2 => &mut challenge.netbios_domain_name,
        3 => &mut challenge.dns_computer_name,
        4 => &mut challenge.dns_domain_name,
        5 => &mut challenge.dns_tree_name,
        // Flags, SingleHost, TargetName and ChannelBindings say nothing about the machine; the raw bytes keep them.
        _ => return,
    };
    if slot.is_some() {
        anomalies.push(Anomaly::NtlmAvRepeated);
        return;
    }
    *slot = Some(utf16(value, anomalies));
}

fn utf16(bytes: &[u8], anomalies: &mut Vec<Anomaly>) -> String {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut broken = !odd.is_empty();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let text = char::decode_utf16(units)
        .map(|unit| {
            unit.unwrap_or_else(|_lone_surrogate| {
                broken = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    if broken {
        anomalies.push(Anomaly::NtlmNameNotUtf16);
    }
    text
}

/// Text in the server's OEM code page, which the message does not name: ASCII is certain, the rest is not.
fn oem(bytes: &[u8], anomalies: &mut Vec<Anomaly>) -> String {
    if !bytes.is_ascii() {
        anomalies.push(Anomaly::NtlmNameNotAscii);
    }
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
#[path = "ntlm_tests.rs"]
mod tests;
