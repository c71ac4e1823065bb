//! A client's `ClientHello` (RFC 5246 7.4.1.2), read strictly, so that a client's mistake shows.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// RFC 5246 6.2.1: the longest record in clear.
const LONGEST_RECORD: usize = 1 << 14;

const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;

/// What a client offered, number by number and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// `client_version`: the highest that it offers, or 0x0303 where [`ClientHello::supported_versions`] say more.
    pub version: u16,
    /// `random`.
    pub random: [u8; 32],
    /// `cipher_suites`.
    pub suites: Vec<u16>,
    /// `extension_type` of each extension.
    pub extensions: Vec<u16>,
    /// `supported_groups`.
    pub groups: Vec<u16>,
    /// `signature_algorithms`.
    pub signature_algorithms: Vec<u16>,
    /// `supported_versions`; empty where the extension is not there.
    pub supported_versions: Vec<u16>,
}

/// Reads one hello in one record; anything else is an error.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<ClientHello> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if header[0] != HANDSHAKE || header[1] != 3 || length > LONGEST_RECORD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    parse(&message).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(message: &[u8]) -> Option<ClientHello> {
    let (&[kind, high, middle, low], mut body) = message.split_first_chunk::<4>()?;
    if kind != CLIENT_HELLO || u32::from_be_bytes([0, high, middle, low]) as usize != body.len() {
        return None;
    }
    let version = u16::from_be_bytes(*take(&mut body)?);
    let random = *take(&mut body)?;
    let _session = vector8(&mut body)?;
    let suites = numbers(vector16(&mut body)?)?;
    // Compression may be offered, but null has to be.
    if !vector8(&mut body)?.contains(&0) {
        return None;
    }
    let mut hello = ClientHello { version, random, suites, ..ClientHello::default() };
    if body.is_empty() {
        return Some(hello);
    }
    let mut extensions = vector16(&mut body)?;
    while !extensions.is_empty() {
        let kind = u16::from_be_bytes(*take(&mut extensions)?);
        let mut content = vector16(&mut extensions)?;
        hello.extensions.push(kind);
        match kind {
            SUPPORTED_GROUPS => hello.groups = numbers(vector16(&mut content)?)?,
            SIGNATURE_ALGORITHMS => hello.signature_algorithms = numbers(vector16(&mut content)?)?,
            SUPPORTED_VERSIONS => hello.supported_versions = numbers(vector8(&mut content)?)?,
            _ => content = &[],
        }
        if !content.is_empty() {
            return None;
        }
    }
    body.is_empty().then_some(hello)
}

fn take<'a, const N: usize>(input: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(taken)
}

fn vector8<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(take::<1>(input)?[0]);
    split(input, length)
}

fn vector16<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_be_bytes(*take(input)?));
    split(input, length)
}

fn split<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(taken)
}

fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One suite, one group, one signature algorithm and TLS 1.3 and 1.2 as versions.
    const HELLO: &[u8] = b"\x01\0\0\x48\x03\x03AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x02\x00\x2F\x01\x00\
        \x00\x1D\x00\x0A\x00\x04\x00\x02\x00\x17\x00\x0D\x00\x04\x00\x02\x04\x01\x00\x2B\x00\x05\x04\x03\x04\x03\x03\
        \x00\x17\x00\x00";

    #[test]
    fn a_hello_is_taken_apart() {
        let hello = parse(HELLO).unwrap();
        assert_eq!((hello.version, hello.random, hello.suites), (0x0303, [b'A'; 32], vec![0x2F]));
        assert_eq!(hello.extensions, [10, 13, 43, 23]);
        assert_eq!((hello.groups, hello.signature_algorithms), (vec![23], vec![0x0401]));
        assert_eq!(hello.supported_versions, [0x0304, 0x0303]);
        let bare = [b"\x01\0\0\x29".as_slice(), &HELLO[4..45]].concat();
        assert_eq!(parse(&bare).unwrap().extensions, []);
    }

    #[test]
    fn a_hello_that_is_cut_or_does_not_count_right_is_refused() {
        for end in 0..HELLO.len() {
            assert_eq!(parse(&HELLO[..end]), None, "cut at {end}");
            let mut counted = HELLO[..end].to_vec();
            if let Some(length) = counted.get_mut(3) {
                *length = u8::try_from(end - 4).unwrap();
            }
            // Without extensions it is whole.
            assert_eq!(parse(&counted).is_some(), end == 45, "cut at {end}");
        }
        for place in [3, 38, 40, 43, 44, 46, 50, 52] {
            let mut changed = HELLO.to_vec();
            changed[place] ^= 1;
            assert_eq!(parse(&changed), None, "{place}");
        }
    }
}
