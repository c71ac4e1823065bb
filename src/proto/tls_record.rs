//! The two layers of framing in a TLS flight in clear: records (RFC 5246, 6.2.1) and the handshake messages in them (7.4),
//! which may be cut and joined in any way.
//!
//! Both take bytes as they come and hold no more than the message that is arriving.

use super::reader::Reader;

/// RFC 5246, 6.2.1: a fragment in clear has at most 2^14 octets, and is not empty.
const LONGEST_FRAGMENT: u16 = 1 << 14;
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
/// Message types of SSL 2.0 that a server may begin with: ERROR and SERVER-HELLO.
const SSLV2_MESSAGES: [u8; 2] = [0, 4];

/// `ContentType`.
pub(super) mod content {
    pub(in crate::proto) const ALERT: u8 = 21;
    pub(in crate::proto) const HANDSHAKE: u8 = 22;
    /// `change_cipher_spec` and `application_data` are 20 and 23.
    pub(super) const ALL: std::ops::RangeInclusive<u8> = 20..=23;
}

/// What comes next in a stream of records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// Nothing yet.
    NeedMore,
    /// A record begins.
    Record {
        content_type: u8,
        version: u16,
        /// Whether its length is one that the specification forbids; it is read all the same.
        has_odd_length: bool,
    },
    /// A piece of a record's fragment, never empty.
    Piece { content_type: u8, bytes: &'a [u8] },
    /// The stream begins like SSL 2.0.
    Sslv2,
    /// What stands here is no record.
    NoRecord,
}

/// The record layer.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: Vec<u8>,
    content_type: u8,
    /// Octets of the current fragment that are still to come.
    missing: usize,
    has_begun: bool,
}

impl Records {
    /// Takes bytes from the front of `bytes` up to the next event.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Next<'a> {
        let mut reader = Reader::new(bytes);
        let next = if self.missing > 0 { self.piece(&mut reader) } else { self.begin(&mut reader) };
        *bytes = reader.rest();
        next
    }

    /// Whether the stream may end here without cutting a record in two.
    pub(super) fn is_between_records(&self) -> bool {
        self.header.is_empty() && self.missing == 0
    }

    fn piece<'a>(&mut self, reader: &mut Reader<'a>) -> Next<'a> {
        let bytes = reader.at_most(self.missing);
        if bytes.is_empty() {
            return Next::NeedMore;
        }
        self.missing -= bytes.len();
        Next::Piece { content_type: self.content_type, bytes }
    }

    /// Judges the header octet by octet, so that a host that sends three wrong ones and waits is not waited for.
    fn begin<'a>(&mut self, reader: &mut Reader<'a>) -> Next<'a> {
        while let Some(octet) = reader.u8() {
            self.header.push(octet);
            match *self.header.as_slice() {
                [content_type] if content::ALL.contains(&content_type) => {}
                [_, 3] | [_, _, _] | [_, _, _, _] if self.is_record() => {}
                // SSL 2.0 marks a header of two octets by the highest bit; the third is the message's type.
                [0x80..=0xFF, ..] if !self.has_begun && self.header.len() < 3 => {}
                [0x80..=0xFF, _, kind] if !self.has_begun && SSLV2_MESSAGES.contains(&kind) => return Next::Sslv2,
                [content_type, _, _, _, _] => {
                    let mut fields = Reader::new(&self.header);
                    let (_type, version, length) = (fields.u8(), fields.u16_be(), fields.u16_be());
                    let (version, length) = (version.unwrap_or_default(), length.unwrap_or_default());
                    self.content_type = content_type;
                    self.missing = usize::from(length);
                    self.has_begun = true;
                    self.header.clear();
                    let has_odd_length = length == 0 || length > LONGEST_FRAGMENT;
                    return Next::Record { content_type, version, has_odd_length };
                }
                _ => return Next::NoRecord,
            }
        }
        debug_assert!(self.header.len() < RECORD_HEADER, "five octets are a header");
        Next::NeedMore
    }

    fn is_record(&self) -> bool {
        matches!(*self.header.as_slice(), [content_type, 3, ..] if content::ALL.contains(&content_type))
    }
}

/// A handshake message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// `msg_type`.
    pub(super) kind: u8,
    /// Header and body.
    pub(super) whole: Vec<u8>,
}

impl Message {
    pub(super) fn body(&self) -> &[u8] {
        self.whole.get(MESSAGE_HEADER..).unwrap_or_default()
    }
}

/// A message of more than the allowed length was announced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Puts handshake messages together.
#[derive(Debug, Default)]
pub(super) struct Messages {
    arriving: Vec<u8>,
}

impl Messages {
    /// Takes bytes from the front of `bytes` up to the end of one message; `None` where it needs more. Memory is taken
    /// as bytes come, never as a length announces them.
    pub(super) fn next(&mut self, bytes: &mut &[u8], longest: usize) -> Result<Option<Message>, TooLarge> {
        let mut reader = Reader::new(bytes);
        self.fill(&mut reader, MESSAGE_HEADER);
        let outcome = match self.header() {
            None => Ok(None),
            Some((_, length)) if length > longest => Err(TooLarge),
            Some((kind, length)) => {
                let total = MESSAGE_HEADER + length;
                self.fill(&mut reader, total);
                let is_whole = self.arriving.len() == total;
                Ok(is_whole.then(|| Message { kind, whole: std::mem::take(&mut self.arriving) }))
            }
        };
        *bytes = reader.rest();
        outcome
    }

    /// What has come of a message that is not whole yet.
    pub(super) fn unfinished(&mut self) -> Option<Message> {
        let (kind, _) = self.header()?;
        Some(Message { kind, whole: std::mem::take(&mut self.arriving) })
    }

    /// Whether no message is begun.
    pub(super) fn is_between_messages(&self) -> bool {
        self.arriving.is_empty()
    }

    fn fill(&mut self, reader: &mut Reader<'_>, total: usize) {
        self.arriving.extend_from_slice(reader.at_most(total.saturating_sub(self.arriving.len())));
    }

    fn header(&self) -> Option<(u8, usize)> {
        let mut header = Reader::new(&self.arriving);
        Some((header.u8()?, usize::try_from(header.u24_be()?).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &[u8]) -> Vec<String> {
        let (mut records, mut rest, mut seen) = (Records::default(), stream, Vec::new());
        loop {
            let next = records.next(&mut rest);
            seen.push(format!("{next:?}"));
            if matches!(next, Next::NeedMore | Next::Sslv2 | Next::NoRecord) {
                return seen;
            }
        }
    }

    fn last(stream: &[u8]) -> String {
        events(stream).pop().unwrap()
    }

    #[test]
    fn records_of_odd_lengths_are_named_and_read() {
        let header = |length: u16| [&[22, 3, 1][..], &length.to_be_bytes()].concat();
        assert!(events(&header(0))[0].ends_with("has_odd_length: true }"));
        assert!(events(&header(1 << 14))[0].ends_with("has_odd_length: false }"));
        assert!(events(&header((1 << 14) + 1))[0].ends_with("has_odd_length: true }"));
        let two = [header(0), header(2), vec![8, 9]].concat();
        assert_eq!(events(&two)[2..], ["Piece { content_type: 22, bytes: [8, 9] }", "NeedMore"]);
    }

    #[test]
    fn the_first_octets_tell_what_speaks() {
        for (stream, expected) in [
            (&b""[..], "NeedMore"),
            (b"SSH-2.0", "NoRecord"),
            (b"\x03\x00\x00\x0b", "NoRecord"),
            (b"\x16", "NeedMore"),
            (b"\x16\x02", "NoRecord"),
            (b"\x16\x03\x01\x00", "NeedMore"),
            (b"\x80\x03", "NeedMore"),
            (b"\x80\x03\x00\x00\x01", "Sslv2"),
            (b"\x84\x10\x04", "Sslv2"),
            (b"\x84\x10\x07", "NoRecord"),
            (b"\x15\x03\x01\x00\x00\x80\x03\x00", "NoRecord"),
        ] {
            assert_eq!(last(stream), expected, "{stream:x?}");
        }
    }

    #[test]
    fn messages_are_put_together_from_single_octets_and_taken_from_long_pieces() {
        let stream = [1, 0, 0, 2, 7, 8, 0, 0, 0, 0, 14, 0, 0, 1, 9];
        let expected: Vec<Message> = [&stream[..6], &stream[6..10], &stream[10..]]
            .map(|whole| Message { kind: whole[0], whole: whole.to_vec() })
            .into();
        for size in 1..=stream.len() {
            let (mut messages, mut found) = (Messages::default(), Vec::new());
            for mut piece in stream.chunks(size) {
                while let Some(message) = messages.next(&mut piece, 2).unwrap() {
                    found.push(message);
                }
            }
            assert!(found == expected && messages.is_between_messages(), "in pieces of {size}");
        }
        assert_eq!(Messages::default().next(&mut &stream[..], 1), Err(TooLarge));
    }
}
