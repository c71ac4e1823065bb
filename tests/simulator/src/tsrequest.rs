//! `TSRequest` (MS-CSSP 2.2.1), the envelope of NTLM messages inside TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::der::{self, INTEGER, OCTET_STRING, SEQUENCE, Wrap, context, take};

/// The version that current Windows names.
const VERSION: u8 = 6;

/// A client's NTLM NEGOTIATE is a few dozen bytes; what is longer than this is refused.
const LONGEST: usize = 16 * 1024;

/// How the answer to the client's `TSRequest` is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// DER, as Windows writes it.
    Der,
    /// Every length in four bytes more than it needs: BER, as some relays write it.
    LongLengths,
    /// No NTLM message at all but this NTSTATUS as `errorCode`.
    ErrorCode(u32),
    /// Any bytes in place of the `TSRequest`.
    Raw(Vec<u8>),
}

impl Envelope {
    /// The bytes to send for this NTLM message.
    pub(crate) fn wrap(&self, token: &[u8]) -> Vec<u8> {
        match self {
            Self::Der => request(der::tlv, token),
            Self::LongLengths => request(der::long_tlv, token),
            Self::ErrorCode(status) => {
                let code = der::tlv(context(4), &der::tlv(INTEGER, &status.to_be_bytes()));
                der::sequence(&[&der::tlv(context(0), &der::unsigned(&[VERSION])), &code])
            }
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

fn request(wrap: Wrap, token: &[u8]) -> Vec<u8> {
    let version = wrap(context(0), &wrap(INTEGER, &[VERSION]));
    let item = wrap(SEQUENCE, &wrap(context(0), &wrap(OCTET_STRING, token)));
    let tokens = wrap(context(1), &wrap(SEQUENCE, &item));
    wrap(SEQUENCE, &[version, tokens].concat())
}

/// Reads one `TSRequest` as it stands, of whatever content, from as many reads as it takes; `None` where the client ends first.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        let wanted = match der::measure(&bytes) {
            Some((header, length)) if header + length <= LONGEST && bytes[0] == SEQUENCE => header + length,
            None if bytes.len() < 8 => bytes.len() + 1,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        if bytes.len() == wanted {
            return Ok(Some(bytes));
        }
        let have = bytes.len();
        bytes.resize(wanted, 0);
        let count = stream.read(&mut bytes[have..]).await?;
        bytes.truncate(have + count);
        if count == 0 {
            return Ok(None);
        }
    }
}

/// The one `negoToken` of a client's first `TSRequest`, or `None` when it is not exactly one.
pub(crate) fn token(mut bytes: &[u8]) -> Option<&[u8]> {
    let mut fields = take(SEQUENCE, &mut bytes)?;
    let mut version = take(context(0), &mut fields)?;
    let number = take(INTEGER, &mut version)?;
    let mut tokens = take(context(1), &mut fields)?;
    let mut list = take(SEQUENCE, &mut tokens)?;
    let mut item = take(SEQUENCE, &mut list)?;
    let mut field = take(context(0), &mut item)?;
    let token = take(OCTET_STRING, &mut field)?;
    // Nothing may follow anywhere: pubKeyAuth or authInfo in a first request would be a client that goes too far.
    let rest = [bytes, fields, version, tokens, list, item, field];
    (rest.iter().all(|rest| rest.is_empty()) && number.len() == 1).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes() {
        assert_eq!(
            Envelope::Der.wrap(b"abc"),
            *b"\x30\x12\xA0\x03\x02\x01\x06\xA1\x0B\x30\x09\x30\x07\xA0\x05\x04\x03abc"
        );
        assert_eq!(
            Envelope::ErrorCode(0xC000_006D).wrap(b""),
            *b"\x30\x0D\xA0\x03\x02\x01\x06\xA4\x06\x02\x04\xC0\x00\x00\x6D"
        );
        assert_eq!(Envelope::LongLengths.wrap(b"abc")[..6], [0x30, 0x84, 0, 0, 0, 46]);
    }

    #[test]
    fn a_first_request_carries_one_token_and_nothing_else() {
        let wrapped = Envelope::Der.wrap(b"abc");
        assert_eq!(token(&wrapped), Some(&b"abc"[..]));
        assert_eq!(token(&[&wrapped[..], b"x"].concat()), None);
        assert_eq!(token(&Envelope::LongLengths.wrap(b"abc")), None);
        assert_eq!(token(&Envelope::ErrorCode(1).wrap(b"")), None);
    }
}
