//! The first exchange (MS-RDPBCGR 2.2.1.1 and 2.2.1.2): a Connection Request read strictly, a Connection Confirm written.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// `PROTOCOL_RDP`: classic RDP security.
pub const PROTOCOL_RDP: u32 = 0;
/// `PROTOCOL_SSL`: TLS alone.
pub const PROTOCOL_SSL: u32 = 1;
/// `PROTOCOL_HYBRID`: TLS and `CredSSP`.
pub const PROTOCOL_HYBRID: u32 = 2;
/// RDSTLS.
pub(crate) const PROTOCOL_RDSTLS: u32 = 4;
/// `PROTOCOL_HYBRID_EX`: as HYBRID, and the server reports the result early.
pub const PROTOCOL_HYBRID_EX: u32 = 8;

/// An MCS Disconnect Provider Ultimatum where a Connection Confirm should be.
pub const MCS_DISCONNECT: [u8; 9] = [0x03, 0x00, 0x00, 0x09, 0x02, 0xF0, 0x80, 0x21, 0x80];

/// A real request is shorter; a longer one is refused unread.
const LONGEST_REQUEST: usize = 4096;

const TYPE_RDP_NEG_REQ: u8 = 1;
const TYPE_RDP_NEG_RSP: u8 = 2;
const TYPE_RDP_NEG_FAILURE: u8 = 3;
const CORRELATION_INFO_PRESENT: u8 = 0x08;

/// What a Connection Request asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// `requestedProtocols`; `None` without an `RDP_NEG_REQ`.
    pub(crate) protocols: Option<u32>,
    /// The cookie or routing token, without its line end.
    pub(crate) cookie: Option<Vec<u8>>,
}

/// Reads one request; anything that is not exactly one is an error, so that a client's mistake shows.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet).await?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if packet[..2] != [3, 0] || !(11..=LONGEST_REQUEST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    packet.resize(length, 0);
    stream.read_exact(&mut packet[4..]).await?;
    parse_request(&packet).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse_request(packet: &[u8]) -> Option<Request> {
    let (fixed, mut rest) = packet.split_at_checked(11)?;
    // Length indicator, CR-CDT, destination reference 0; the source reference is the client's; class 0.
    if usize::from(fixed[4]) != packet.len() - 5 || fixed[5..8] != [0xE0, 0, 0] || fixed[10] != 0 {
        return None;
    }
    let mut cookie = None;
    if rest.starts_with(b"Cookie: ") {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        cookie = Some(rest[..end].to_vec());
        rest = &rest[end + 2..];
    }
    if rest.is_empty() {
        return Some(Request { protocols: None, cookie });
    }
    let (negotiation, after) = rest.split_first_chunk::<8>()?;
    let [TYPE_RDP_NEG_REQ, flags, 8, 0, a, b, c, d] = *negotiation else { return None };
    let correlation = if flags & CORRELATION_INFO_PRESENT == 0 { 0 } else { 36 };
    (after.len() == correlation).then_some(Request { protocols: Some(u32::from_le_bytes([a, b, c, d])), cookie })
}

/// A confirm with an `RDP_NEG_RSP`.
pub(crate) fn response(source: u16, flags: u8, selected: u32) -> Vec<u8> {
    confirm(source, Some((TYPE_RDP_NEG_RSP, flags, selected)))
}

/// A confirm with an `RDP_NEG_FAILURE`.
pub(crate) fn failure(source: u16, code: u32) -> Vec<u8> {
    confirm(source, Some((TYPE_RDP_NEG_FAILURE, 0, code)))
}

/// A confirm of eleven bytes, without negotiation data, as servers before Windows Vista send it.
pub(crate) fn bare(source: u16) -> Vec<u8> {
    confirm(source, None)
}

fn confirm(source: u16, negotiation: Option<(u8, u8, u32)>) -> Vec<u8> {
    let [high, low] = source.to_be_bytes();
    let mut out = vec![3, 0, 0, 11, 6, 0xD0, 0, 0, high, low, 0];
    if let Some((kind, flags, value)) = negotiation {
        out[3] += 8;
        out[4] += 8;
        out.extend([kind, flags, 8, 0]);
        out.extend(value.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_are_those_of_windows() {
        let bytes = [3, 0, 0, 0x13, 0x0E, 0xD0, 0, 0, 0x12, 0x34, 0, 2, 0x1F, 8, 0, 8, 0, 0, 0];
        assert_eq!(response(0x1234, 0x1F, PROTOCOL_HYBRID_EX), bytes);
        assert_eq!(failure(0, 5)[11..], [3, 0, 8, 0, 5, 0, 0, 0]);
        assert_eq!(bare(0x1234), [3, 0, 0, 0x0B, 6, 0xD0, 0, 0, 0x12, 0x34, 0]);
    }

    #[test]
    fn requests_are_read_strictly() {
        let plain = [3, 0, 0, 11, 6, 0xE0, 0, 0, 0, 0, 0];
        assert_eq!(parse_request(&plain), Some(Request { protocols: None, cookie: None }));
        let mut full = vec![3, 0, 0, 0, 0, 0xE0, 0, 0, 0, 7, 0];
        full.extend(b"Cookie: mstshash=a\r\n\x01\x00\x08\x00\x0B\x00\x00\x00");
        full[3] = u8::try_from(full.len()).unwrap();
        full[4] = full[3] - 5;
        let cookie = Some(b"Cookie: mstshash=a".to_vec());
        assert_eq!(parse_request(&full), Some(Request { protocols: Some(11), cookie }));
        for spoilt in [4, 5, 6, 10, 31, 33] {
            let mut packet = full.clone();
            packet[spoilt] ^= 0x40;
            assert_eq!(parse_request(&packet), None, "{spoilt}");
        }
        full.push(0);
        assert_eq!(parse_request(&full), None);
    }
}
