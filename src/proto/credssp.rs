//! `TSRequest`, the envelope of CredSSP (MS-CSSP 2.2.1).

use super::Anomaly;
use super::der::{self, Element, INTEGER, OCTET_STRING, SEQUENCE, write};

/// The protocol version that rdprint announces; the highest that the specification knows.
pub const VERSION: u8 = 6;
/// The longest `TSRequest` that is read, in bytes. An NTLM CHALLENGE takes a few hundred.
pub const MAX_LENGTH: usize = 32 * 1024;
/// How many tokens of `negoTokens` are looked at; every server sends one.
const MAX_TOKENS: usize = 8;

/// A `TSRequest` that carries one token and nothing else.
#[must_use]
pub fn encode(token: &[u8]) -> Vec<u8> {
    let version = write(der::context(0), &write(INTEGER, &[VERSION]));
    let octets = write(der::context(0), &write(OCTET_STRING, token));
    let nego_tokens = write(der::context(1), &write(SEQUENCE, &write(SEQUENCE, &octets)));
    write(SEQUENCE, &[version, nego_tokens].concat())
}

/// What a server's `TSRequest` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TsRequest<'a> {
    /// `version`.
    pub version: Option<u32>,
    /// `negoTokens`.
    pub tokens: Vec<&'a [u8]>,
    /// `errorCode`: an NTSTATUS, from version 3 on.
    pub error_code: Option<u32>,
}

/// Decodes a `TSRequest`. Without the outer SEQUENCE there is nothing to keep and the answer is `None`; anything
/// broken further in ends the reading with an anomaly.
#[must_use]
pub fn decode(mut bytes: &[u8]) -> Option<(TsRequest<'_>, Vec<Anomaly>)> {
    let mut anomalies = Vec::new();
    let mut request = TsRequest::default();
    let outer = der::read_tagged(&mut bytes, SEQUENCE)?;
    note_length(&outer, &mut anomalies);
    let mut fields = outer.content;
    while !fields.is_empty() {
        let understood = der::read(&mut fields).and_then(|field| {
            note_length(&field, &mut anomalies);
            decode_field(&field, &mut request, &mut anomalies)
        });
        if understood.is_none() {
            anomalies.push(Anomaly::TsRequestMalformed);
            break;
        }
    }
    anomalies.dedup();
    Some((request, anomalies))
}

fn decode_field<'a>(field: &Element<'a>, request: &mut TsRequest<'a>, anomalies: &mut Vec<Anomaly>) -> Option<()> {
    const VERSION_FIELD: u8 = der::context(0);
    const NEGO_TOKENS_FIELD: u8 = der::context(1);
    const ERROR_CODE_FIELD: u8 = der::context(4);
    let mut inner = field.content;
    match field.tag {
        VERSION_FIELD => request.version = Some(unsigned(&der::read_tagged(&mut inner, INTEGER)?)?),
        ERROR_CODE_FIELD => request.error_code = Some(unsigned(&der::read_tagged(&mut inner, INTEGER)?)?),
        NEGO_TOKENS_FIELD => {
            let list = der::read_tagged(&mut inner, SEQUENCE)?;
            note_length(&list, anomalies);
            let mut items = list.content;
            while !items.is_empty() && request.tokens.len() < MAX_TOKENS {
                let item = der::read_tagged(&mut items, SEQUENCE)?;
                let mut explicit = item.content;
                let explicit = der::read_tagged(&mut explicit, der::context(0))?;
                let mut octets = explicit.content;
                let token = der::read_tagged(&mut octets, OCTET_STRING)?;
                for element in [&item, &explicit, &token] {
                    note_length(element, anomalies);
                }
                request.tokens.push(token.content);
            }
        }
        // authInfo, pubKeyAuth and clientNonce belong to a logon, which never takes place.
        _ => {}
    }
    Some(())
}

fn note_length(element: &Element<'_>, anomalies: &mut Vec<Anomaly>) {
    if !element.minimal && !anomalies.contains(&Anomaly::DerLengthNotMinimal) {
        anomalies.push(Anomaly::DerLengthNotMinimal);
    }
}

/// An INTEGER of up to 32 bits, read as unsigned: NTSTATUS codes are sent both as negative numbers in four octets
/// and as positive ones in five.
fn unsigned(integer: &Element<'_>) -> Option<u32> {
    let octets = integer.content;
    let octets = if octets.len() == 5 { octets.strip_prefix(&[0])? } else { octets };
    if octets.is_empty() || octets.len() > 4 {
        return None;
    }
    Some(octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
}

#[cfg(test)]
#[path = "credssp_tests.rs"]
mod tests;
