//! DER (X.690): reading, tolerant of lengths that are longer than they need to be, and the little writing there is.

use super::reader::Reader;

/// Tag of INTEGER.
pub const INTEGER: u8 = 0x02;
/// Tag of BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Tag of OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Tag of ENUMERATED.
pub const ENUMERATED: u8 = 0x0A;
/// Tag of BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Tag of SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// Tag of the constructed context-specific element `[number]`.
#[must_use]
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// One element: tag, length, content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// The whole element, header included.
    pub whole: &'a [u8],
    /// Whether the length was written in the fewest octets, as DER demands.
    pub minimal: bool,
}

/// Reads the element at the front of `bytes` and moves past it. `None` where the header is no DER, or the content
/// is longer than what is there; `bytes` then stays where it was.
#[must_use]
pub fn read<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let Header { tag, own, content, minimal } = header(bytes)??;
    let (whole, rest) = bytes.split_at_checked(own.checked_add(content)?)?;
    *bytes = rest;
    Some(Element { tag, content: whole.get(own..)?, whole, minimal })
}

/// Reads the element at the front if it has `tag`; otherwise leaves `bytes` alone.
#[must_use]
pub fn read_tagged<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    let mut ahead = *bytes;
    let element = read(&mut ahead).filter(|element| element.tag == tag)?;
    *bytes = ahead;
    Some(element)
}

/// Reads the content of the element at the front if it has `tag`, for messages whose end is known from the frame around
/// them: content that promises more than is there is cut at the end. Returns it and whether its length was true.
#[must_use]
pub fn read_cut<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<(&'a [u8], bool)> {
    let header = header(bytes)??;
    let mut reader = Reader::new(bytes);
    reader.bytes(header.own)?;
    let content = reader.at_most(header.content);
    if header.tag != tag {
        return None;
    }
    *bytes = reader.rest();
    Some((content, content.len() == header.content))
}

/// How many bytes the element at the front of `bytes` takes in all, header included.
///
/// `Some(None)`: more bytes are needed to say. `None`: this is no DER header of a definite length below 4 GiB.
#[must_use]
pub fn total_length(bytes: &[u8]) -> Option<Option<usize>> {
    Some(match header(bytes)? {
        Some(Header { own, content, .. }) => Some(own.checked_add(content)?),
        None => None,
    })
}

/// An element with the shortest length that fits. Everything written here stays far below 64 KiB.
#[must_use]
pub fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut bytes = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    bytes.extend_from_slice(content);
    bytes
}

struct Header {
    tag: u8,
    /// Octets that tag and length take.
    own: usize,
    /// Octets that the content takes.
    content: usize,
    minimal: bool,
}

/// `Some(None)` asks for more bytes, `None` is no DER.
#[expect(clippy::option_option, reason = "the two kinds of nothing are what a caller must tell apart")]
fn header(bytes: &[u8]) -> Option<Option<Header>> {
    let mut reader = Reader::new(bytes);
    let Some(tag) = reader.u8() else { return Some(None) };
    // Tag numbers above 30 continue in further octets; nothing in TSRequest or X.509 uses them.
    if tag & 0x1F == 0x1F {
        return None;
    }
    let Some(first) = reader.u8() else { return Some(None) };
    if first < 0x80 {
        return Some(Some(Header { tag, own: 2, content: usize::from(first), minimal: true }));
    }
    let count = usize::from(first & 0x7F);
    // 0x80 is BER's indefinite length; more than four octets would be beyond 4 GiB.
    if count == 0 || count > 4 {
        return None;
    }
    let Some(octets) = reader.bytes(count) else { return Some(None) };
    let content = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
    let minimal = content >= 0x80 && octets.first() != Some(&0);
    Some(Some(Header { tag, own: 2 + count, content, minimal }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_long_and_padded_lengths() {
        let mut bytes: &[u8] = &[0x04, 0x02, 1, 2, 0x04, 0x81, 0x01, 7, 0x04, 0x82, 0x00, 0x80];
        let short = read(&mut bytes).unwrap();
        assert_eq!((short.content, short.minimal), (&[1, 2][..], true));
        let padded = read(&mut bytes).unwrap();
        assert_eq!((padded.content, padded.minimal), (&[7][..], false));
        assert_eq!(read(&mut bytes), None, "128 bytes are promised and none is there");
        assert_eq!(bytes.len(), 4, "a failed read moves nothing");
    }

    #[test]
    fn what_is_written_is_read_in_the_fewest_octets() {
        for (length, header) in [(0, 2), (0x7F, 2), (0x80, 3), (0xFF, 3), (0x100, 4), (0xFFFF, 4)] {
            let written = write(SEQUENCE, &vec![7; length]);
            let element = read(&mut written.as_slice()).unwrap();
            assert_eq!((element.content.len(), element.minimal, written.len()), (length, true, header + length));
        }
    }

    #[test]
    fn a_cut_element_keeps_what_is_there() {
        let mut bytes: &[u8] = &[0x04, 0x02, 1, 2, 0x04, 0x05, 3];
        assert_eq!(read_cut(&mut bytes, SEQUENCE), None, "another tag moves nothing");
        assert_eq!(read_cut(&mut bytes, OCTET_STRING), Some((&[1, 2][..], true)));
        assert_eq!(read_cut(&mut bytes, OCTET_STRING), Some((&[3][..], false)));
        assert_eq!(read_cut(&mut bytes, OCTET_STRING), None);
    }

    #[test]
    fn total_length_tells_more_from_never() {
        assert_eq!(total_length(&[]), Some(None));
        assert_eq!(total_length(&[0x30]), Some(None));
        assert_eq!(total_length(&[0x30, 0x82, 0x01]), Some(None));
        assert_eq!(total_length(&[0x30, 0x82, 0x01, 0x00]), Some(Some(260)));
        assert_eq!(total_length(&[0x30, 0x80]), None, "indefinite length");
        assert_eq!(total_length(&[0x30, 0x85]), None, "five length octets");
        assert_eq!(total_length(&[0x1F]), None, "high tag number");
    }
}
