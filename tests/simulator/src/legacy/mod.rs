//! Hosts that a modern TLS library cannot speak to: SSL 3.0 and TLS 1.0 to 1.2 with suites that went out of use, as far as a
//! server speaks in clear, written by hand.
//!
//! The flight is real: certificate, numbers of the key exchange, signature. The handshake cannot be completed, because nobody
//! who looks at such hosts here wants to.

mod flight;
mod hello;
mod key_exchange;

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

pub use hello::ClientHello;

use crate::host::Host;
use crate::journal::Entry;

pub(crate) const TLS12: u16 = 0x0303;
const ALERT: u8 = 21;
const FATAL: u8 = 2;

/// How a host exchanges keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyExchange {
    /// RSA: the client encrypts to the certificate's key, and the host signs nothing.
    Rsa,
    /// Signed Diffie-Hellman over integers, of 1024 bits.
    Dhe,
    /// Signed Diffie-Hellman over secp256r1.
    Ecdhe,
}

/// What a host does with a hello that it finds nothing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A fatal alert with this description; 40 is `handshake_failure`, 70 is `protocol_version`.
    Alert(u8),
    /// A reset, as Schannel does.
    Reset,
    /// A close.
    Close,
    /// Its flight all the same, whatever was offered.
    Flight,
}

/// What is wrong with a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Twist {
    /// A warning, `unrecognized_name`, before each message.
    Warnings,
    /// A `HelloRequest` before each message.
    HelloRequests,
    /// A `SERVER-HELLO` of SSL 2.0 with the certificate in it.
    Sslv2,
    /// A `ServerHello` for TLS 1.3, and a record that is encrypted.
    Tls13,
    /// `DOWNGRD` and this octet at the end of the random (RFC 8446 4.1.3).
    Downgrade(u8),
    /// A Certificate message of 16 MB, all of which is sent to whoever reads it.
    HugeCertificate,
    /// Records without content, again and again.
    EmptyRecords,
    /// Warnings again and again.
    EndlessWarnings,
    /// The flight without its last so many octets, and a close.
    BreakOff(usize),
    /// No `ServerHelloDone`, and silence.
    Unfinished,
}

/// The TLS of a host. Take a constructor and change what differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LegacyTls {
    /// The only version that it speaks: 0x0300 for SSL 3.0 to 0x0303 for TLS 1.2.
    pub version: u16,
    /// The only cipher suite that it speaks.
    pub suite: u16,
    /// How that suite exchanges keys.
    pub key_exchange: KeyExchange,
    /// What a hello without version or suite gets.
    pub reply: Reply,
    /// Whether its random begins with the clock, as Windows' does up to build 20348.
    pub clock: bool,
    /// The longest fragment of a record.
    pub fragment: usize,
    /// What is wrong with it.
    pub twist: Option<Twist>,
}

impl LegacyTls {
    /// TLS 1.0 and RSA key exchange, as Windows Server 2003 to 2008 R2.
    #[must_use]
    pub const fn tls10_rsa() -> Self {
        Self::new(0x0301, 0x002F, KeyExchange::Rsa)
    }

    /// TLS 1.0 and DHE, signed over MD5 and SHA-1.
    #[must_use]
    pub const fn tls10_dhe() -> Self {
        Self::new(0x0301, 0x0039, KeyExchange::Dhe)
    }

    /// TLS 1.1 and ECDHE, signed over MD5 and SHA-1.
    #[must_use]
    pub const fn tls11() -> Self {
        Self::new(0x0302, 0xC014, KeyExchange::Ecdhe)
    }

    /// TLS 1.2 and RSA key exchange only.
    #[must_use]
    pub const fn tls12_rsa() -> Self {
        Self::new(TLS12, 0x009D, KeyExchange::Rsa)
    }

    /// TLS 1.2 and ECDHE with CBC, signed with SHA-256, as Windows 8 and Server 2012 without their later suites.
    #[must_use]
    pub const fn tls12_ecdhe() -> Self {
        Self::new(TLS12, 0xC027, KeyExchange::Ecdhe)
    }

    /// SSL 3.0 with RC4: no extensions.
    #[must_use]
    pub const fn sslv3() -> Self {
        Self::new(0x0300, 0x0005, KeyExchange::Rsa)
    }

    const fn new(version: u16, suite: u16, key_exchange: KeyExchange) -> Self {
        Self { version, suite, key_exchange, reply: Reply::Alert(40), clock: true, fragment: 1 << 14, twist: None }
    }

    /// What a hello without version or suite gets.
    #[must_use]
    pub const fn reply(self, reply: Reply) -> Self {
        Self { reply, ..self }
    }

    /// A random that is all chance.
    #[must_use]
    pub const fn without_clock(self) -> Self {
        Self { clock: false, ..self }
    }

    /// Records of at most so many octets.
    #[must_use]
    pub const fn fragment(self, fragment: usize) -> Self {
        Self { fragment, ..self }
    }

    /// Something wrong with the flight.
    #[must_use]
    pub const fn twist(self, twist: Twist) -> Self {
        Self { twist: Some(twist), ..self }
    }

    /// Whether this hello offers what the host speaks. A host this old knows nothing of `supported_versions`.
    fn finds_itself_in(&self, hello: &ClientHello) -> bool {
        let is_curve_offered = self.key_exchange != KeyExchange::Ecdhe || hello.groups.contains(&key_exchange::GROUP);
        let is_signature_offered = self.version < TLS12
            || self.key_exchange == KeyExchange::Rsa
            || hello.signature_algorithms.contains(&key_exchange::SIGNATURE_ALGORITHM);
        hello.version >= self.version && hello.suites.contains(&self.suite) && is_curve_offered && is_signature_offered
    }
}

/// How the speaking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The host waits for the client.
    Waits,
    /// The host closes.
    Closes,
    /// The host resets.
    Resets,
}

/// Reads the client's hello and answers it.
pub(crate) async fn speak(tcp: &mut TcpStream, host: &Host, tls: &LegacyTls, entry: &Entry) -> io::Result<Outcome> {
    let hello = hello::read(tcp).await?;
    entry.note(|dialogue| dialogue.hello = Some(hello.clone()));
    if !tls.finds_itself_in(&hello) {
        match tls.reply {
            Reply::Alert(description) => {
                tcp.write_all(&record(ALERT, tls.version, &[FATAL, description])).await?;
                return Ok(Outcome::Closes);
            }
            Reply::Reset => return Ok(Outcome::Resets),
            Reply::Close => return Ok(Outcome::Closes),
            Reply::Flight => {}
        }
    }
    entry.note(|dialogue| dialogue.flight = true);
    let outcome = flight::send(tcp, host, tls, &hello).await?;
    Ok(outcome)
}

/// One record.
fn record(content_type: u8, version: u16, fragment: &[u8]) -> Vec<u8> {
    [&[content_type][..], &version.to_be_bytes(), &vector16(fragment)].concat()
}

fn vector8(content: &[u8]) -> Vec<u8> {
    [&[u8::try_from(content.len()).unwrap()], content].concat()
}

fn vector16(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

fn vector24(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[1..], content].concat()
}
