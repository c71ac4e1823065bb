//! The flight from `ServerHello` to `ServerHelloDone` (RFC 5246 7.3), and what hostile hosts send in its place.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{
    ALERT, ClientHello, KeyExchange, LegacyTls, Outcome, Twist, key_exchange, record, vector8, vector16, vector24,
};
use crate::calendar::now;
use crate::host::Host;

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const HELLO_REQUEST: u8 = 0;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;

const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const RENEGOTIATION_INFO: u16 = 0xFF01;

/// `unrecognized_name`, as a warning.
const WARNING: [u8; 2] = [1, 112];
/// The greatest length that a handshake message can announce, 16 MB.
const HUGE: usize = 0x00FF_FFFF;

pub(super) async fn send(
    tcp: &mut TcpStream,
    host: &Host,
    tls: &LegacyTls,
    hello: &ClientHello,
) -> io::Result<Outcome> {
    match tls.twist {
        Some(Twist::Sslv2) => tcp.write_all(&sslv2(host.certificate.der())).await?,
        Some(Twist::Tls13) => tcp.write_all(&tls13(hello)).await?,
        Some(Twist::EmptyRecords) => return flood(tcp, &record(HANDSHAKE, tls.version, &[])).await,
        Some(Twist::EndlessWarnings) => return flood(tcp, &record(ALERT, tls.version, &WARNING)).await,
        Some(Twist::HugeCertificate) => huge(tcp, tls, hello).await?,
        Some(Twist::BreakOff(octets)) => {
            let flight = whole(host, tls, hello);
            tcp.write_all(&flight[..flight.len() - octets]).await?;
            return Ok(Outcome::Closes);
        }
        _ => tcp.write_all(&whole(host, tls, hello)).await?,
    }
    Ok(Outcome::Waits)
}

/// The flight in its records.
fn whole(host: &Host, tls: &LegacyTls, hello: &ClientHello) -> Vec<u8> {
    let random = random(tls);
    let list: Vec<u8> = host.certificate.chain().iter().flat_map(|der| vector24(der)).collect();
    let mut messages =
        vec![message(SERVER_HELLO, &server_hello(tls, hello, &random)), message(CERTIFICATE, &vector24(&list))];
    let parameters = match tls.key_exchange {
        KeyExchange::Rsa => None,
        KeyExchange::Dhe => Some(key_exchange::integers()),
        KeyExchange::Ecdhe => Some(key_exchange::curve()),
    };
    if let Some(parameters) = parameters {
        let key = host.handshake_key().ready();
        let body = key_exchange::signed(&parameters, tls.version, &hello.random, &random, &key);
        messages.push(message(SERVER_KEY_EXCHANGE, &body));
    }
    if tls.twist != Some(Twist::Unfinished) {
        messages.push(message(SERVER_HELLO_DONE, &[]));
    }
    match tls.twist {
        Some(Twist::Warnings) => messages
            .iter()
            .flat_map(|message| [record(ALERT, tls.version, &WARNING), records(tls, message)].concat())
            .collect(),
        Some(Twist::HelloRequests) => messages
            .iter()
            .flat_map(|part| records(tls, &[message(HELLO_REQUEST, &[]), part.clone()].concat()))
            .collect(),
        // Windows sends all messages in one record.
        _ => records(tls, &messages.concat()),
    }
}

fn records(tls: &LegacyTls, messages: &[u8]) -> Vec<u8> {
    messages.chunks(tls.fragment).flat_map(|fragment| record(HANDSHAKE, tls.version, fragment)).collect()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector24(body)].concat()
}

fn random(tls: &LegacyTls) -> [u8; 32] {
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).unwrap();
    // The clock, or a time that nobody's clock shows, so that chance never passes for one.
    let seconds = if tls.clock { u32::try_from(now()).unwrap() } else { 0xE000_0000 | u32::from(random[0]) };
    random[..4].copy_from_slice(&seconds.to_be_bytes());
    if let Some(Twist::Downgrade(last)) = tls.twist {
        random[24..31].copy_from_slice(b"DOWNGRD");
        random[31] = last;
    }
    random
}

fn server_hello(tls: &LegacyTls, hello: &ClientHello, random: &[u8; 32]) -> Vec<u8> {
    let mut session = [0; 32];
    SystemRandom::new().fill(&mut session).unwrap();
    let mut extensions = Vec::new();
    // TLS 1.2 hosts know the extended master secret, and all but SSL 3.0 the renegotiation info; neither is said unasked.
    if tls.version >= super::TLS12 && hello.extensions.contains(&EXTENDED_MASTER_SECRET) {
        extensions.extend(extension(EXTENDED_MASTER_SECRET, &[]));
    }
    if tls.version > 0x0300 && hello.extensions.contains(&RENEGOTIATION_INFO) {
        extensions.extend(extension(RENEGOTIATION_INFO, &[0]));
    }
    let extensions = if extensions.is_empty() { Vec::new() } else { vector16(&extensions) };
    hello_body(tls.version, random, &session, tls.suite, &extensions)
}

fn hello_body(version: u16, random: &[u8; 32], session: &[u8], suite: u16, extensions: &[u8]) -> Vec<u8> {
    [&version.to_be_bytes()[..], random, &vector8(session), &suite.to_be_bytes(), &[0], extensions].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(content)].concat()
}

/// A `ServerHello` of TLS 1.3 (RFC 8446 4.1.3) to a client that offered nothing of the kind, and a record behind it.
fn tls13(hello: &ClientHello) -> Vec<u8> {
    let share = [&[0, 29][..], &vector16(&[9; 32])].concat();
    let extensions = [extension(SUPPORTED_VERSIONS, &[3, 4]), extension(KEY_SHARE, &share)].concat();
    let body = hello_body(super::TLS12, &hello.random, &[], 0x1301, &vector16(&extensions));
    let encrypted = record(APPLICATION_DATA, super::TLS12, &[0xA5; 512]);
    [record(HANDSHAKE, super::TLS12, &message(SERVER_HELLO, &body)), encrypted].concat()
}

/// `SERVER-HELLO` of SSL 2.0: no session hit, one X.509 certificate, `SSL_CK_RC4_128_WITH_MD5`, a connection identifier.
fn sslv2(der: &[u8]) -> Vec<u8> {
    let lengths = [der.len(), 3, 16].map(|length| u16::try_from(length).unwrap().to_be_bytes());
    let body = [&[4, 0, 1, 0, 2][..], lengths.as_flattened(), der, &[1, 0, 0x80], &[0x5C; 16]].concat();
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[0x80 | high, low][..], &body].concat()
}

/// A true `ServerHello`, then a Certificate message of 16 MB: one certificate that never ends.
async fn huge(tcp: &mut TcpStream, tls: &LegacyTls, hello: &ClientHello) -> io::Result<()> {
    let start = message(SERVER_HELLO, &server_hello(tls, hello, &random(tls)));
    tcp.write_all(&records(tls, &start)).await?;
    let mut fragment = [&[CERTIFICATE, 0xFF, 0xFF, 0xFF][..], &[0xFF, 0xFF, 0xFC], &[0xFF, 0xFF, 0xF9]].concat();
    fragment.resize(1 << 14, 0x30);
    let mut left = 4 + HUGE;
    while left > 0 {
        let length = left.min(fragment.len());
        tcp.write_all(&record(HANDSHAKE, tls.version, &fragment[..length])).await?;
        fragment.fill(0x30);
        left -= length;
    }
    Ok(())
}

/// The same bytes until the client has enough.
async fn flood(tcp: &mut TcpStream, bytes: &[u8]) -> io::Result<Outcome> {
    let much = bytes.repeat(16_384 / bytes.len());
    loop {
        tcp.write_all(&much).await?;
    }
}
