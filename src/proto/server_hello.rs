//! ServerHello (RFC 5246, 7.4.1.3; RFC 8446, 4.1.3) and what can be told from it: JA3S, clock, downgrade.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::Anomaly;
use super::reader::Reader;

const SUPPORTED_VERSIONS: u16 = 43;
/// RFC 5246, 7.4.1.2: a session identifier has at most 32 octets.
const LONGEST_SESSION_ID: usize = 32;
/// SHA-256 of "HelloRetryRequest", which stands for the random of such a message (RFC 8446, 4.1.3).
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
/// How far `gmt_unix_time` may be from our clock and still be called one, in seconds. A random number falls into two
/// days out of 2^32 seconds once in 25,000 hosts; clocks that were set in local time are off by up to 14 hours.
const CLOCK_TOLERANCE: u64 = 24 * 60 * 60;

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// `server_version`; 0x0303 in TLS 1.3 too, see [`selected_version`](Self::selected_version).
    pub version: u16,
    /// `random`.
    pub random: [u8; 32],
    /// `session_id`.
    pub session_id: Vec<u8>,
    /// `cipher_suite`.
    pub cipher_suite: u16,
    /// `compression_method`.
    pub compression_method: u8,
    /// `extensions`, in the server's order.
    pub extensions: Vec<Extension>,
    /// Whether the list of extensions is all that it says, so that a fingerprint can be made of it.
    pub is_whole: bool,
    /// The whole handshake message as it was sent, header included.
    pub raw: Vec<u8>,
}

/// One extension, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// `extension_type`.
    pub kind: u16,
    /// `extension_data`.
    pub data: Vec<u8>,
}

/// What a server says, in the last octets of its random, that it could have spoken (RFC 8446, 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downgrade {
    /// It knows TLS 1.3 and negotiated TLS 1.2.
    ToTls12,
    /// It knows TLS 1.2 or newer and negotiated TLS 1.1 or older.
    ToTls11OrOlder,
}

/// A JA3S fingerprint: version, cipher suite and extensions of a ServerHello. It depends on the ClientHello that was
/// answered, so only those under the same [`ID`](super::tls_hello::ID) compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ja3s {
    /// `771,49200,23-65281`: decimal numbers in the order of the message.
    pub text: String,
    /// MD5 of the text, in lower-case hexadecimal.
    pub md5: String,
}

impl ServerHello {
    /// Decodes a handshake message, header included. `None` where it ends before the compression method; what is
    /// broken behind that is cut off with an anomaly.
    #[must_use]
    pub fn decode(message: &[u8]) -> Option<(Self, Vec<Anomaly>)> {
        let mut anomalies = Vec::new();
        let mut reader = Reader::new(message);
        reader.bytes(4)?;
        let version = reader.u16_be()?;
        let random = reader.array()?;
        let session_id_length = usize::from(reader.u8()?);
        let session_id = reader.bytes(session_id_length)?.to_vec();
        let cipher_suite = reader.u16_be()?;
        let compression_method = reader.u8()?;
        let mut extensions = Vec::new();
        let is_whole = decode_extensions(&mut reader, &mut extensions).is_some() && reader.is_empty();
        if !is_whole || session_id_length > LONGEST_SESSION_ID {
            anomalies.push(Anomaly::TlsMalformed);
        }
        let raw = message.to_vec();
        let hello = Self { version, random, session_id, cipher_suite, compression_method, extensions, is_whole, raw };
        Some((hello, anomalies))
    }

    /// The negotiated version: that of `supported_versions` where it is there, else `server_version`.
    #[must_use]
    pub fn selected_version(&self) -> u16 {
        let selected = self.extensions.iter().find(|extension| extension.kind == SUPPORTED_VERSIONS);
        selected.and_then(|extension| Reader::new(&extension.data).u16_be()).unwrap_or(self.version)
    }

    /// Whether everything that follows is encrypted: TLS 1.3, or its demand for another ClientHello.
    #[must_use]
    pub fn is_tls13(&self) -> bool {
        self.selected_version() > 0x0303 || self.random == HELLO_RETRY_REQUEST
    }

    /// `gmt_unix_time`, if the random begins with one: seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn gmt_unix_time(&self) -> u32 {
        Reader::new(&self.random).u32_be().unwrap_or_default()
    }

    /// Whether the random begins with the clock (RFC 5246, 7.4.1.2) rather than with chance. `now` is the Unix time
    /// of the answer, by our clock or by the one that the same host showed elsewhere.
    #[must_use]
    pub fn carries_clock(&self, now: i64) -> bool {
        now.abs_diff(i64::from(self.gmt_unix_time())) <= CLOCK_TOLERANCE
    }

    /// The downgrade marker of a server that knows a newer version.
    #[must_use]
    pub fn downgrade(&self) -> Option<Downgrade> {
        match self.random.last_chunk::<8>()? {
            b"DOWNGRD\x01" => Some(Downgrade::ToTls12),
            b"DOWNGRD\x00" => Some(Downgrade::ToTls11OrOlder),
            _ => None,
        }
    }

    /// JA3S (Salesforce); of a list of extensions that breaks off there is none.
    #[must_use]
    pub fn ja3s(&self) -> Option<Ja3s> {
        if !self.is_whole {
            return None;
        }
        let mut text = format!("{},{},", self.version, self.cipher_suite);
        for (position, extension) in self.extensions.iter().enumerate() {
            let separator = if position == 0 { "" } else { "-" };
            // Writing to a String cannot fail.
            let _infallible = write!(text, "{separator}{}", extension.kind);
        }
        let md5 = data_encoding::HEXLOWER.encode(&Md5::digest(&text));
        Some(Ja3s { text, md5 })
    }
}

fn decode_extensions(reader: &mut Reader<'_>, extensions: &mut Vec<Extension>) -> Option<()> {
    // Servers before RFC 3546 end here.
    if reader.is_empty() {
        return Some(());
    }
    let length = usize::from(reader.u16_be()?);
    let is_short = reader.rest().len() < length;
    let mut list = Reader::new(reader.at_most(length));
    while !list.is_empty() {
        let kind = list.u16_be()?;
        let length = usize::from(list.u16_be()?);
        extensions.push(Extension { kind, data: list.bytes(length)?.to_vec() });
    }
    (!is_short).then_some(())
}

#[cfg(test)]
#[path = "server_hello_tests.rs"]
mod tests;
