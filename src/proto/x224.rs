//! The X.224 connection sequence inside TPKT: MS-RDPBCGR 2.2.1.1 (request) and 2.2.1.2 (confirm), RFC 1006 (TPKT).

use std::fmt;

use super::Anomaly;
use super::reader::Reader;

/// The longest negotiation answer that is read, in bytes; real ones take 11 or 19.
pub const MAX_ANSWER: usize = 512;
/// The longest identification cookie, in characters: what a client's Connection Request leaves for a user name.
pub const MAX_COOKIE: usize = 9;

pub(super) const TPKT_VERSION: u8 = 3;
pub(super) const TPKT_HEADER: usize = 4;
const CONNECTION_REQUEST: u8 = 0xE0;
const CONNECTION_CONFIRM: u8 = 0xD0;
const DISCONNECT_REQUEST: u8 = 0x80;
pub(super) const DATA: u8 = 0xF0;
const TYPE_RDP_NEG_REQ: u8 = 1;
const TYPE_RDP_NEG_RSP: u8 = 2;
const TYPE_RDP_NEG_FAILURE: u8 = 3;
const NEGOTIATION_LENGTH: u16 = 8;
/// `DisconnectProviderUltimatum` is choice 8 of `DomainMCSPDU` (T.125); PER puts it into the upper six bits.
pub(super) const MCS_DISCONNECT: u8 = 8;

/// A set of security protocols: `requestedProtocols` and `selectedProtocol` (MS-RDPBCGR 2.2.1.1.1, 2.2.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(pub u32);

impl Protocols {
    /// Classic RDP security.
    pub const RDP: Self = Self(0);
    /// TLS.
    pub const SSL: Self = Self(1);
    /// CredSSP over TLS.
    pub const HYBRID: Self = Self(2);
    /// RDSTLS.
    pub const RDSTLS: Self = Self(4);
    /// CredSSP with the Early User Authorization Result PDU.
    pub const HYBRID_EX: Self = Self(8);
    /// RDS with Azure AD authentication.
    pub const RDSAAD: Self = Self(16);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::SSL, "ssl"),
        (Self::HYBRID, "hybrid"),
        (Self::RDSTLS, "rdstls"),
        (Self::HYBRID_EX, "hybrid_ex"),
        (Self::RDSAAD, "rdsaad"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this set holds all of `other`; classic RDP security is in every set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this is exactly one protocol that the specification names.
    #[must_use]
    pub fn is_known(self) -> bool {
        self == Self::RDP || Self::NAMES.iter().any(|(protocol, _)| *protocol == self)
    }

    /// Whether the server, having selected this, goes on with TLS.
    #[must_use]
    pub fn starts_tls(self) -> bool {
        self.is_known() && self != Self::RDP
    }

    /// Whether the server, having selected this, expects CredSSP after TLS.
    #[must_use]
    pub fn starts_credssp(self) -> bool {
        self == Self::HYBRID || self == Self::HYBRID_EX
    }
}

/// `rdp`, `ssl`, `ssl|hybrid|hybrid_ex` …; bits without a name are written as one hexadecimal number.
impl fmt::Display for Protocols {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::RDP {
            return out.write_str("rdp");
        }
        let mut unnamed = self.0;
        let mut separator = "";
        for (protocol, name) in Self::NAMES {
            if self.contains(protocol) {
                write!(out, "{separator}{name}")?;
                separator = "|";
                unnamed &= !protocol.0;
            }
        }
        if unnamed != 0 {
            write!(out, "{separator}{unnamed:#010x}")?;
        }
        Ok(())
    }
}

/// The client's first packet.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionRequest<'a> {
    /// The `mstshash` identification cookie: ASCII without line breaks, at most [`MAX_COOKIE`] characters.
    pub cookie: &'a str,
    /// What the client can speak.
    pub requested_protocols: Protocols,
}

impl ConnectionRequest<'_> {
    /// The packet's bytes: TPKT header, X.224 Connection Request, cookie, `RDP_NEG_REQ`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut tpdu = vec![CONNECTION_REQUEST, 0, 0, 0, 0, 0];
        tpdu.extend_from_slice(b"Cookie: mstshash=");
        tpdu.extend(self.cookie.bytes().filter(u8::is_ascii_graphic).take(MAX_COOKIE));
        tpdu.extend_from_slice(b"\r\n");
        tpdu.extend_from_slice(&[TYPE_RDP_NEG_REQ, 0]);
        tpdu.extend_from_slice(&NEGOTIATION_LENGTH.to_le_bytes());
        tpdu.extend_from_slice(&self.requested_protocols.0.to_le_bytes());
        // The cookie is capped, so the TPDU stays far below 255 bytes and the fallback is never taken.
        let indicator = u8::try_from(tpdu.len()).unwrap_or(u8::MAX);
        let total = u16::from(indicator) + 5;
        let mut packet = vec![TPKT_VERSION, 0];
        packet.extend_from_slice(&total.to_be_bytes());
        packet.push(indicator);
        packet.extend_from_slice(&tpdu);
        packet
    }
}

/// What the bytes received so far say about the packet that is arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// So many bytes are missing, at least, to say more.
    Incomplete(usize),
    /// The packet takes so many bytes, header included, and they are all here.
    Complete(usize),
    /// The first byte is not TPKT version 3.
    NotTpkt,
    /// The length is impossible (below 7) or beyond what the caller reads.
    BadLength(u16),
}

/// Looks for one negotiation answer, a TPKT packet of at most [`MAX_ANSWER`] bytes, at the start of `bytes`.
#[must_use]
pub fn frame(bytes: &[u8]) -> Frame {
    frame_within(bytes, MAX_ANSWER)
}

/// Looks for one TPKT packet of at most `longest` bytes at the start of `bytes`.
pub(super) fn frame_within(bytes: &[u8], longest: usize) -> Frame {
    let mut reader = Reader::new(bytes);
    match reader.u8() {
        None => return Frame::Incomplete(TPKT_HEADER),
        Some(TPKT_VERSION) => {}
        Some(_) => return Frame::NotTpkt,
    }
    let (Some(_reserved), Some(length)) = (reader.u8(), reader.u16_be()) else {
        return Frame::Incomplete(TPKT_HEADER - bytes.len());
    };
    let total = usize::from(length);
    if !(TPKT_HEADER + 3..=longest).contains(&total) {
        Frame::BadLength(length)
    } else if bytes.len() < total {
        Frame::Incomplete(total - bytes.len())
    } else {
        Frame::Complete(total)
    }
}

/// The server's answer to a Connection Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A Connection Confirm.
    Confirm {
        /// Source reference; Windows sends 0x1234.
        src_ref: u16,
        /// What it negotiates.
        negotiation: Negotiation,
    },
    /// An X.224 Disconnect Request.
    DisconnectRequest,
    /// A Data TPDU with an MCS `DisconnectProviderUltimatum`.
    McsDisconnect,
    /// Something else in TPKT.
    Unexpected,
}

/// The negotiation structure of a Connection Confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// None: a server that knows classic RDP security only.
    Absent,
    /// `RDP_NEG_RSP`.
    Response {
        /// What the server supports beside (MS-RDPBCGR 2.2.1.2.1).
        flags: u8,
        /// The protocol to go on with.
        selected: Protocols,
    },
    /// `RDP_NEG_FAILURE`.
    Failure {
        /// Reserved; kept because some servers fill it.
        flags: u8,
        /// Why; see [`failure_name`].
        code: u32,
    },
    /// A structure that is cut short or of another type.
    Malformed,
}

/// Decodes one complete TPKT packet.
#[must_use]
pub fn decode_answer(packet: &[u8]) -> (Answer, Vec<Anomaly>) {
    let mut anomalies = Vec::new();
    let answer = decode(packet, &mut anomalies).unwrap_or(Answer::Unexpected);
    if answer == Answer::Unexpected {
        anomalies.push(Anomaly::X224UnexpectedPdu);
    }
    (answer, anomalies)
}

fn decode(packet: &[u8], anomalies: &mut Vec<Anomaly>) -> Option<Answer> {
    let mut reader = Reader::new(packet);
    reader.bytes(TPKT_HEADER)?;
    let indicator = reader.u8()?;
    let code = reader.u8()? & 0xF0;
    if code == DATA {
        let _end_of_tsdu = reader.u8()?;
        let is_disconnect = reader.u8()? >> 2 == MCS_DISCONNECT;
        return is_disconnect.then_some(Answer::McsDisconnect);
    }
    if packet.len() != usize::from(indicator) + 5 {
        anomalies.push(Anomaly::X224LengthIndicator);
    }
    match code {
        DISCONNECT_REQUEST => Some(Answer::DisconnectRequest),
        CONNECTION_CONFIRM => {
            let _dst_ref = reader.u16_be()?;
            let src_ref = reader.u16_be()?;
            let _class = reader.u8()?;
            Some(Answer::Confirm { src_ref, negotiation: decode_negotiation(reader, anomalies) })
        }
        _ => None,
    }
}

fn decode_negotiation(mut reader: Reader<'_>, anomalies: &mut Vec<Anomaly>) -> Negotiation {
    if reader.is_empty() {
        return Negotiation::Absent;
    }
    let fields = (reader.u8(), reader.u8(), reader.u16_le(), reader.u32_le());
    let (Some(kind), Some(flags), Some(length), Some(value)) = fields else {
        anomalies.push(Anomaly::NegotiationMalformed);
        return Negotiation::Malformed;
    };
    if !reader.is_empty() {
        anomalies.push(Anomaly::NegotiationTrailingBytes);
    }
    if length != NEGOTIATION_LENGTH {
        anomalies.push(Anomaly::NegotiationMalformed);
    }
    match kind {
        TYPE_RDP_NEG_RSP => Negotiation::Response { flags, selected: Protocols(value) },
        TYPE_RDP_NEG_FAILURE => Negotiation::Failure { flags, code: value },
        _ => {
            anomalies.push(Anomaly::NegotiationMalformed);
            Negotiation::Malformed
        }
    }
}

/// The specification's name of a failure code (MS-RDPBCGR 2.2.1.2.2).
#[must_use]
pub fn failure_name(code: u32) -> Option<&'static str> {
    Some(match code {
        1 => "SSL_REQUIRED_BY_SERVER",
        2 => "SSL_NOT_ALLOWED_BY_SERVER",
        3 => "SSL_CERT_NOT_ON_SERVER",
        4 => "INCONSISTENT_FLAGS",
        5 => "HYBRID_REQUIRED_BY_SERVER",
        6 => "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
        _ => return None,
    })
}

/// What to offer in a second try to a server that refused with `code`, where the code names what it wants.
#[must_use]
pub fn wanted_after(code: u32) -> Option<Protocols> {
    match code {
        1 | 6 => Some(Protocols::SSL),
        2 | 3 => Some(Protocols::RDP),
        5 => Some(Protocols::SSL.and(Protocols::HYBRID)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "x224_tests.rs"]
mod tests;
