//! The NTLM CHALLENGE (MS-NLMP 2.2.1.2) and the little of the NEGOTIATE that it depends on.

use crate::calendar::filetime;

/// `NTLMSSP_NEGOTIATE_UNICODE`.
pub(crate) const UNICODE: u32 = 0x1;
/// `NTLM_NEGOTIATE_OEM`.
pub(crate) const OEM: u32 = 0x2;
/// `NTLMSSP_TARGET_TYPE_DOMAIN`.
pub(crate) const TARGET_TYPE_DOMAIN: u32 = 0x1_0000;
/// `NTLMSSP_TARGET_TYPE_SERVER`.
pub(crate) const TARGET_TYPE_SERVER: u32 = 0x2_0000;
/// `NTLMSSP_NEGOTIATE_TARGET_INFO`.
pub(crate) const TARGET_INFO: u32 = 0x80_0000;
/// `NTLMSSP_NEGOTIATE_VERSION`.
pub(crate) const VERSION: u32 = 0x200_0000;

/// What a workgroup Windows grants to a client that asks for everything.
const WINDOWS_FLAGS: u32 = 0xE28A_8235;
/// Flags that a server grants only where the client asked: sign, seal, always sign, extended session security, identify,
/// version, 128 bits, key exchange, 56 bits.
const ON_REQUEST: u32 = 0xE218_8030;

/// The flags of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flags {
    /// As Windows: these, without those that must be asked for and were not.
    Negotiated(u32),
    /// As FreeRDP: the client's own and these.
    Echoed(u32),
    /// These, whatever was asked.
    Fixed(u32),
}

/// What may be wrong with the list of AV pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvFault {
    /// One pair says that it is 65,535 bytes long.
    TooLong,
    /// The list ends without `MsvAvEOL`.
    Unterminated,
    /// The names hold half a surrogate pair.
    InvalidUtf16,
    /// The names have an odd number of bytes.
    OddLength,
}

/// The fields of a challenge. The server challenge itself is random and the time is that of sending.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// See [`Flags`].
    pub flags: Flags,
    /// Major, minor, build; sent when the flags hold VERSION.
    pub version: (u8, u8, u16),
    /// `TargetName`.
    pub target: String,
    /// `MsvAvNbComputerName`.
    pub nb_computer: String,
    /// `MsvAvNbDomainName`.
    pub nb_domain: String,
    /// `MsvAvDnsComputerName`.
    pub dns_computer: String,
    /// `MsvAvDnsDomainName`.
    pub dns_domain: String,
    /// `MsvAvDnsTreeName`; `None` leaves the pair out, as workgroup hosts do.
    pub dns_tree: Option<String>,
    /// How far the host's clock is ahead, in milliseconds; `None` leaves `MsvAvTimestamp` out.
    pub skew_ms: Option<i64>,
    /// What is wrong with the AV pairs, if anything.
    pub fault: Option<AvFault>,
}

impl Challenge {
    /// A workgroup Windows of this name and build: every domain name is the computer's, the clock is right.
    #[must_use]
    pub fn windows(name: &str, build: u16) -> Self {
        let netbios = netbios(name);
        let (major, minor) = match build {
            ..6000 => (5, 2),
            6000..7600 => (6, 0),
            7600..9200 => (6, 1),
            9200..9600 => (6, 2),
            9600..10_000 => (6, 3),
            _ => (10, 0),
        };
        Self {
            flags: Flags::Negotiated(WINDOWS_FLAGS),
            version: (major, minor, build),
            target: netbios.clone(),
            nb_computer: netbios.clone(),
            nb_domain: netbios,
            dns_computer: name.to_owned(),
            dns_domain: name.to_owned(),
            dns_tree: None,
            skew_ms: Some(0),
            fault: None,
        }
    }

    /// The same host as a member of a domain, which is also its tree.
    #[must_use]
    pub fn domain(mut self, dns_domain: &str) -> Self {
        let label = self.dns_computer.split('.').next().unwrap_or_default();
        self.dns_computer = format!("{label}.{dns_domain}");
        self.nb_domain = netbios(dns_domain);
        self.target.clone_from(&self.nb_domain);
        dns_domain.clone_into(&mut self.dns_domain);
        self.dns_tree = Some(dns_domain.to_owned());
        if let Flags::Negotiated(flags) = &mut self.flags {
            *flags = *flags & !TARGET_TYPE_SERVER | TARGET_TYPE_DOMAIN;
        }
        self
    }

    /// The message for a client that sent these flags.
    pub(crate) fn encode(&self, asked: u32, server_challenge: [u8; 8]) -> Vec<u8> {
        let flags = self.answer(asked);
        let target = if flags & UNICODE == 0 { self.target.clone().into_bytes() } else { utf16(&self.target) };
        let info = self.pairs();
        let mut out = b"NTLMSSP\0\x02\0\0\0".to_vec();
        out.extend(field(target.len(), 56));
        out.extend(flags.to_le_bytes());
        out.extend(server_challenge);
        out.extend([0; 8]);
        out.extend(field(info.len(), 56 + target.len()));
        let (major, minor, build) = self.version;
        let [low, high] = build.to_le_bytes();
        let version = [major, minor, low, high, 0, 0, 0, 15];
        out.extend(if flags & VERSION == 0 { [0; 8] } else { version });
        out.extend(target);
        out.extend(info);
        out
    }

    fn answer(&self, asked: u32) -> u32 {
        match self.flags {
            Flags::Negotiated(flags) => {
                let flags = flags & (asked | !ON_REQUEST);
                if asked & (UNICODE | OEM) == OEM { flags & !UNICODE | OEM } else { flags }
            }
            Flags::Echoed(flags) => asked | flags,
            Flags::Fixed(flags) => flags,
        }
    }

    /// `TargetInfo` (MS-NLMP 2.2.2.1), in the order of Windows.
    fn pairs(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let names = [(2, &self.nb_domain), (1, &self.nb_computer), (4, &self.dns_domain), (3, &self.dns_computer)];
        for (id, name) in names.into_iter().chain(self.dns_tree.iter().map(|tree| (5, tree))) {
            let mut value = utf16(name);
            match self.fault {
                Some(AvFault::InvalidUtf16) => value.extend([0x00, 0xD8]),
                Some(AvFault::OddLength) => value.push(0x41),
                _ => {}
            }
            out.extend(pair(id, &value));
        }
        if let Some(skew) = self.skew_ms {
            out.extend(pair(7, &filetime(skew).to_le_bytes()));
        }
        match self.fault {
            Some(AvFault::TooLong) => out.extend([3, 0, 0xFF, 0xFF, 0x41, 0]),
            Some(AvFault::Unterminated) => return out,
            _ => {}
        }
        out.extend([0; 4]);
        out
    }
}

/// The flags of a client's NEGOTIATE, or `None` when this is not one (MS-NLMP 2.2.1.1).
pub(crate) fn negotiate_flags(message: &[u8]) -> Option<u32> {
    let (head, rest) = message.split_at_checked(12)?;
    let flags = rest.first_chunk::<4>()?;
    (head == b"NTLMSSP\0\x01\0\0\0" && message.len() >= 32).then_some(u32::from_le_bytes(*flags))
}

/// A NetBIOS name: the first label in upper case, cut at 15.
pub(crate) fn netbios(dns: &str) -> String {
    dns.split('.').next().unwrap_or_default().to_uppercase().chars().take(15).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Length, allocated length and offset of a value in the payload.
fn field(length: usize, offset: usize) -> Vec<u8> {
    let length = u16::try_from(length).unwrap().to_le_bytes();
    [&length[..], &length, &u32::try_from(offset).unwrap().to_le_bytes()].concat()
}

fn pair(id: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&id.to_le_bytes()[..], &length.to_le_bytes(), value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u32 = 0xE208_82B7;

    fn u16_at(bytes: &[u8], at: usize) -> usize {
        usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
    }

    #[test]
    fn fields_stand_where_the_specification_puts_them() {
        let message = Challenge::windows("WIN-BUNS25TD77J", 20348).encode(ALL, *b"12345678");
        assert_eq!(message[..12], *b"NTLMSSP\0\x02\0\0\0");
        assert_eq!((u16_at(&message, 12), u16_at(&message, 16)), (30, 56));
        assert_eq!(message[20..24], 0xE28A_8235u32.to_le_bytes());
        assert_eq!(message[24..32], *b"12345678");
        assert_eq!((u16_at(&message, 40), u16_at(&message, 44)), (message.len() - 86, 86));
        assert_eq!(message[48..56], [10, 0, 0x7C, 0x4F, 0, 0, 0, 15]);
        assert_eq!(message[56..86], utf16("WIN-BUNS25TD77J"));
        let mut ids = Vec::new();
        let mut at = 86;
        while at < message.len() {
            ids.push(u16_at(&message, at));
            at += 4 + u16_at(&message, at + 2);
        }
        assert_eq!(ids, [2, 1, 4, 3, 7, 0]);
    }

    #[test]
    fn a_version_is_told_to_those_who_ask() {
        let message = Challenge::windows("A", 20348).encode(ALL & !VERSION, [0; 8]);
        assert_eq!(message[48..56], [0; 8]);
        assert_eq!(message[20..24], 0xE08A_8235u32.to_le_bytes());
    }

    #[test]
    fn members_name_their_domain() {
        let challenge = Challenge::windows("Srv-a-very-long-name", 17763).domain("corp.example.net");
        assert_eq!(challenge.dns_computer, "Srv-a-very-long-name.corp.example.net");
        assert_eq!((&*challenge.nb_computer, &*challenge.target), ("SRV-A-VERY-LONG", "CORP"));
        assert_eq!(challenge.answer(ALL), 0xE289_8235);
    }

    #[test]
    fn freerdp_echoes() {
        let mut challenge = Challenge::windows("A", 7601);
        challenge.flags = Flags::Echoed(TARGET_INFO);
        assert_eq!(challenge.answer(ALL), 0xE288_82B7);
    }

    #[test]
    fn oem_names_are_single_bytes() {
        let message = Challenge::windows("AB", 20348).encode(ALL & !UNICODE, [0; 8]);
        assert_eq!((u16_at(&message, 12), &message[56..58]), (2, &b"AB"[..]));
    }
}
