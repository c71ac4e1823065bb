//! DER as certificates and `TSRequest` need it (ITU-T X.690): values are written inside out, each a tag, a length and a body.

/// How a value is wrapped in its tag and length; the two rules are [`tlv`] and [`long_tlv`].
pub(crate) type Wrap = fn(u8, &[u8]) -> Vec<u8>;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `NULL`, the parameters of RSA algorithm identifiers.
pub(crate) const NULL: [u8; 2] = [0x05, 0x00];

/// One value with the shortest length, as DER demands.
pub(crate) fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|&&b| b == 0).count()..];
    let mut out = vec![tag];
    if body.len() < 0x80 {
        out.push(body.len().to_le_bytes()[0]);
    } else {
        out.push(0x80 | significant.len().to_le_bytes()[0]);
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(body);
    out
}

/// One value whose length always takes four bytes more than it must: BER, yet not DER, as some relays send.
pub(crate) fn long_tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    let mut out = vec![tag, 0x84];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// A `SEQUENCE` of values that are already encoded.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// A context tag `[number]`, constructed and explicit.
pub(crate) const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// A non-negative `INTEGER` from a big-endian magnitude.
pub(crate) fn unsigned(magnitude: &[u8]) -> Vec<u8> {
    let start = magnitude.iter().take_while(|&&b| b == 0).count();
    let digits = &magnitude[start..];
    let mut body = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|&first| first >= 0x80) {
        body.push(0);
    }
    body.extend_from_slice(digits);
    tlv(INTEGER, &body)
}

/// A `BIT STRING` with the given number of unused bits at its end.
pub(crate) fn bit_string(unused: u8, bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[unused], bytes].concat())
}

/// Takes one value with this tag off the front of `input`; `None` when it is another, cut off, or not in DER's shortest length.
pub(crate) fn take<'a>(tag: u8, input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (header, length) = measure(input)?;
    if input[0] != tag || input.len() < header + length {
        return None;
    }
    let body = &input[header..header + length];
    *input = &input[header + length..];
    (tlv(tag, body).len() == header + length).then_some(body)
}

/// Length of the header and of the body of the value that `input` starts with, as soon as the header is there.
pub(crate) fn measure(input: &[u8]) -> Option<(usize, usize)> {
    let &first = input.get(1)?;
    if first < 0x80 {
        return Some((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7F);
    let bytes = input.get(2..2 + count)?;
    let length = bytes.iter().try_fold(0usize, |sum, &b| Some(sum.checked_mul(256)? + usize::from(b)))?;
    Some((2 + count, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        assert_eq!(tlv(4, &[7; 3])[..2], [4, 3]);
        assert_eq!(tlv(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[7; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(long_tlv(4, &[7; 3])[..6], [4, 0x84, 0, 0, 0, 3]);
    }

    #[test]
    fn only_the_shortest_length_is_taken() {
        assert_eq!(take(4, &mut &tlv(4, &[7; 200])[..]), Some(&[7u8; 200][..]));
        assert_eq!(take(4, &mut &long_tlv(4, &[7; 3])[..]), None);
        assert_eq!(take(4, &mut &[4u8, 5, 0][..]), None);
    }

    #[test]
    fn integers_stay_positive() {
        assert_eq!(unsigned(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
        assert_eq!(unsigned(&[1, 0, 1]), [2, 3, 1, 0, 1]);
    }
}
