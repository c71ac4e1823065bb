//! The first exchange of classic RDP security, which a server answers before any logon: MCS Connect Initial
//! (MS-RDPBCGR 2.2.1.3, T.125) and MCS Connect Response (2.2.1.4). The GCC data that they carry is in [`gcc`].

use super::Anomaly;
use super::der::{self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE};
use super::gcc::{self, ServerData};
use super::reader::Reader;
use super::x224::{self, DATA, Frame, MCS_DISCONNECT, Protocols, TPKT_HEADER, TPKT_VERSION};

/// The longest answer that is read, in bytes: what TPKT can announce. Chains of classic RDP take a few KiB.
pub const MAX_ANSWER: usize = 0xFFFF;

/// `[APPLICATION 101]` and `[APPLICATION 102]`: a high tag number, in two octets. `der` knows tags of one octet, so the
/// first is written and read apart.
const APPLICATION: u8 = 0x7F;
const CONNECT_INITIAL: u8 = 101;
const CONNECT_RESPONSE: u8 = 102;

/// `DomainParameters` (T.125, 7): target, minimum and maximum, as MS-RDPBCGR 2.2.1.3 has them: channels, users, tokens,
/// priorities, throughput, height, size of a PDU, version.
const DOMAIN_PARAMETERS: [[u16; 8]; 3] =
    [[34, 2, 0, 1, 0, 1, 0xFFFF, 2], [1, 1, 1, 1, 0, 1, 0x420, 2], [0xFFFF, 0xFC17, 0xFFFF, 1, 0, 1, 0xFFFF, 2]];

/// An MCS Connect Initial.
#[derive(Clone, Copy, Debug)]
pub struct ConnectInitial<'a> {
    /// `clientName`, of which 15 UTF-16 units are sent; it stands in the server's log.
    pub client_name: &'a str,
    /// `serverSelectedProtocol`: what the Connection Confirm selected, which servers compare.
    pub selected: Protocols,
}

impl ConnectInitial<'_> {
    /// The packet's bytes: TPKT header, X.224 Data, MCS, GCC.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let selector = der::write(OCTET_STRING, &[1]);
        let upward = der::write(BOOLEAN, &[0xFF]);
        let parameters = DOMAIN_PARAMETERS.map(|values| der::write(SEQUENCE, &values.map(integer).concat())).concat();
        let user_data = der::write(OCTET_STRING, &gcc::conference_create_request(self.client_name, self.selected));
        let content = [&selector[..], &selector, &upward, &parameters, &user_data].concat();
        let tpdu = [&[2, DATA, 0x80, APPLICATION][..], &der::write(CONNECT_INITIAL, &content)].concat();
        // The name is cut, so the packet has about 400 bytes and the fallback is never taken.
        let total = u16::try_from(TPKT_HEADER + tpdu.len()).unwrap_or(u16::MAX);
        [&[TPKT_VERSION, 0][..], &total.to_be_bytes(), &tpdu].concat()
    }
}

/// A non-negative INTEGER in the fewest octets.
fn integer(value: u16) -> Vec<u8> {
    let [high, low] = value.to_be_bytes();
    match (high, low) {
        (0, 0..0x80) => der::write(INTEGER, &[low]),
        (0..0x80, _) => der::write(INTEGER, &[high, low]),
        _ => der::write(INTEGER, &[0, high, low]),
    }
}

/// Looks for one answer at the start of `bytes`.
#[must_use]
pub fn frame(bytes: &[u8]) -> Frame {
    x224::frame_within(bytes, MAX_ANSWER)
}

/// The server's answer to an MCS Connect Initial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An MCS Connect Response.
    ConnectResponse(Box<ConnectResponse>),
    /// An MCS `DisconnectProviderUltimatum`.
    Disconnect {
        /// `Reason` (T.125, 7): 0 domain disconnected, 1 provider initiated, 2 token purged, 3 user requested, 4
        /// channel purged.
        reason: Option<u8>,
    },
    /// Something else in TPKT.
    Unexpected,
}

/// An MCS Connect Response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectResponse {
    /// `result` (T.125, 7): 0 is success.
    pub result: Option<u8>,
    /// The data blocks of the GCC Conference Create Response.
    pub server_data: ServerData,
}

/// Decodes one complete TPKT packet.
#[must_use]
pub fn decode_answer(packet: &[u8]) -> (Answer, Vec<Anomaly>) {
    let mut anomalies = Vec::new();
    let answer = decode(packet, &mut anomalies).unwrap_or(Answer::Unexpected);
    if answer == Answer::Unexpected {
        anomalies.push(Anomaly::McsUnexpectedPdu);
    }
    anomalies.sort_unstable();
    anomalies.dedup();
    (answer, anomalies)
}

fn decode(packet: &[u8], anomalies: &mut Vec<Anomaly>) -> Option<Answer> {
    let mut reader = Reader::new(packet);
    reader.bytes(TPKT_HEADER)?;
    let _length_indicator = reader.u8()?;
    if reader.u8()? & 0xF0 != DATA {
        return None;
    }
    let _end_of_tsdu = reader.u8()?;
    let mut message = reader.rest();
    let first = reader.u8()?;
    if first >> 2 == MCS_DISCONNECT {
        // PER: two bits of the reason end the first octet, one begins the second.
        let reason = reader.u8().map(|second| (first & 0b11) << 1 | second >> 7);
        return Some(Answer::Disconnect { reason });
    }
    message = message.strip_prefix(&[APPLICATION])?;
    let (content, is_length_true) = der::read_cut(&mut message, CONNECT_RESPONSE)?;
    let mut response = ConnectResponse::default();
    let is_whole = decode_response(content, &mut response, anomalies).unwrap_or_default();
    if !is_whole || !is_length_true {
        anomalies.push(Anomaly::McsMalformed);
    }
    Some(Answer::ConnectResponse(Box::new(response)))
}

/// Whether the user data was reached and has the length that it says.
fn decode_response(mut content: &[u8], response: &mut ConnectResponse, anomalies: &mut Vec<Anomaly>) -> Option<bool> {
    let result = der::read_tagged(&mut content, ENUMERATED)?.content;
    response.result = Some(*result.last()?);
    if result.len() > 1 {
        anomalies.push(Anomaly::McsMalformed);
    }
    let _called_connect_id = der::read_tagged(&mut content, INTEGER)?;
    let _domain_parameters = der::read_tagged(&mut content, SEQUENCE)?;
    let (user_data, is_length_true) = der::read_cut(&mut content, OCTET_STRING)?;
    response.server_data = gcc::decode_create_response(user_data, anomalies);
    // Core data is the one block that every server sends which accepts (MS-RDPBCGR 2.2.1.4).
    if response.result == Some(0) && response.server_data.core.is_none() {
        anomalies.push(Anomaly::GccMalformed);
    }
    Some(is_length_true)
}

#[cfg(test)]
#[path = "mcs_tests.rs"]
mod tests;
