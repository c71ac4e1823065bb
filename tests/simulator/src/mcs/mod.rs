//! The second exchange of hosts without NLA: an MCS Connect Initial read strictly, an MCS Connect Response written
//! (MS-RDPBCGR 2.2.1.3 and 2.2.1.4; T.125).

mod data;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

pub use data::{Encryption, GccFault, Identity, ServerData};

use crate::der::{self, INTEGER, OCTET_STRING, SEQUENCE};

const BOOLEAN: u8 = 0x01;
const ENUMERATED: u8 = 0x0A;
/// `[APPLICATION 101]` and `[APPLICATION 102]`, whose numbers take an octet of their own.
const CONNECT_INITIAL: [u8; 2] = [0x7F, 101];
const CONNECT_RESPONSE: [u8; 2] = [0x7F, 102];
/// X.224 Data: two octets follow, and this is the last part.
const DATA: [u8; 3] = [2, 0xF0, 0x80];

/// How a host answers a Connect Initial.
#[derive(Debug, Clone)]
pub enum Mcs {
    /// With a Connect Response.
    Response(ServerData),
    /// With these bytes.
    Raw(Vec<u8>),
    /// Not at all; the connection stays.
    Silence,
    /// With a close.
    Close,
    /// With a reset.
    Reset,
}

/// What a Connect Initial says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectInitial {
    /// `clientName` of the core data.
    pub client_name: String,
    /// `serverSelectedProtocol` of the core data, where it is that long.
    pub selected: Option<u32>,
    /// `encryptionMethods` of the security data.
    pub encryption_methods: u32,
}

/// Reads one packet; `None` where the client ends first. Anything that is not exactly one Connect Initial is an error.
pub(crate) async fn read_initial(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<ConnectInitial>> {
    let mut packet = vec![0; 4];
    if stream.read(&mut packet[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut packet[1..]).await?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if packet[..2] != [3, 0] || length < 12 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    packet.resize(length, 0);
    stream.read_exact(&mut packet[4..]).await?;
    parse_initial(&packet[4..]).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse_initial(tpdu: &[u8]) -> Option<ConnectInitial> {
    let mut message = tpdu.strip_prefix(&DATA)?.strip_prefix(&CONNECT_INITIAL[..1])?;
    let mut content = take(CONNECT_INITIAL[1], &mut message)?;
    let _selectors = (take(OCTET_STRING, &mut content)?, take(OCTET_STRING, &mut content)?);
    let _upward = take(BOOLEAN, &mut content)?;
    for _ in 0..3 {
        let mut parameters = take(SEQUENCE, &mut content)?;
        for _ in 0..8 {
            take(INTEGER, &mut parameters)?;
        }
        if !parameters.is_empty() {
            return None;
        }
    }
    let user_data = take(OCTET_STRING, &mut content)?;
    (message.is_empty() && content.is_empty()).then_some(())?;
    data::parse_create_request(user_data)
}

/// One value in BER: MCS does not ask for the shortest lengths.
fn take<'a>(tag: u8, input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (header, length) = der::measure(input)?;
    let (value, rest) = input.split_at_checked(header.checked_add(length)?)?;
    *input = rest;
    (value[0] == tag).then_some(&value[header..])
}

/// A Connect Response in its packet, with the lengths in their long forms, as Windows writes them.
pub(crate) fn response(data: &ServerData, requested: u32) -> Vec<u8> {
    let user_data = data::create_response(data, requested);
    // maxChannelIds to protocolVersion (MS-RDPBCGR 4.1.4).
    let parameters = [34, 3, 0, 1, 0, 1, 0xFFF8, 2].map(|number: u32| der::unsigned(&number.to_be_bytes())).concat();
    let content = [
        &[ENUMERATED, 1, data.result][..],
        &der::unsigned(&[0]),
        &der::tlv(SEQUENCE, &parameters),
        &long(OCTET_STRING, &user_data),
    ]
    .concat();
    let message = [&CONNECT_RESPONSE[..1], &long(CONNECT_RESPONSE[1], &content)].concat();
    packet(&[&DATA[..], &message].concat())
}

/// TPKT around a TPDU.
fn packet(tpdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + tpdu.len()).unwrap();
    [&[3, 0][..], &length.to_be_bytes(), tpdu].concat()
}

fn long(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low][..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[test]
    fn the_response_is_laid_out_as_in_the_specification() {
        let data = ServerData::windows(17763).encryption(Encryption::proprietary(Key::rsa1024(0)));
        let bytes = response(&data, 0);
        assert_eq!(bytes.len(), usize::from(u16::from_be_bytes([bytes[2], bytes[3]])));
        assert_eq!(bytes[4..9], [2, 0xF0, 0x80, 0x7F, 0x66]);
        assert_eq!(bytes[12..46], *b"\x0A\x01\x00\x02\x01\x00\x30\x1A\x02\x01\x22\x02\x01\x03\x02\x01\x00\x02\x01\x01\x02\x01\x00\x02\x01\x01\x02\x03\x00\xFF\xF8\x02\x01\x02");
        assert_eq!(bytes[46..48], [4, 0x82]);
        let user_data = &bytes[50..];
        assert_eq!(user_data.len(), usize::from(u16::from_be_bytes([bytes[48], bytes[49]])));
        assert_eq!(user_data[..21], *b"\0\x05\0\x14\x7C\0\x01\x2A\x14\x76\x0A\x01\x01\0\x01\xC0\0McDn");
        // Two octets of PER length, then the blocks.
        assert_eq!(user_data[23..27], [0x01, 0x0C, 16, 0]);
    }

    #[test]
    fn what_is_no_connect_initial_is_refused() {
        assert_eq!(parse_initial(b""), None);
        assert_eq!(parse_initial(&[2, 0xF0, 0x80, 0x7F, 0x65, 0]), None);
        assert_eq!(parse_initial(&[2, 0xF0, 0x80, 0x21, 0x80]), None);
    }
}
