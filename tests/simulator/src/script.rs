//! What hostile and broken hosts do before TLS.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What a host does instead of a negotiation. It waits for the client's request first, unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// These bytes at once, before any request, then silence: SSH, SMTP and other services that speak first.
    Banner(Vec<u8>),
    /// These bytes at once and again and again, as fast as they are read.
    EndlessBanner(Vec<u8>),
    /// These bytes in place of the confirm, then silence.
    Garbage(Vec<u8>),
    /// The first nine bytes of the confirm, then the connection closes.
    HalfConfirm,
    /// The confirm with this length in its TPKT header, too long or too short, then silence.
    TpktLength(u16),
    /// The confirm one byte at a time; whoever waits for all of it gets the rest of the dialogue.
    Drip(Duration),
    /// A confirm that claims 65,535 bytes and comes one byte at a time.
    Tarpit(Duration),
    /// [`crate::x224::MCS_DISCONNECT`] in place of the confirm, then the connection closes.
    McsDisconnect,
    /// A confirm that selects this protocol, offered or not; the dialogue goes on as for that protocol.
    Select(u32),
    /// The confirm as usual, then these bytes in place of TLS.
    PlainText(Vec<u8>),
    /// TLS at once, without any request before it and without `CredSSP` in it: not RDP, but the part of it that costs most.
    TlsAtOnce,
}

/// What is sent at once on a new connection; `false` where the script waits for the request.
pub(crate) async fn speaks_first(script: &Script, tcp: &mut TcpStream) -> io::Result<bool> {
    match script {
        Script::Banner(bytes) => tcp.write_all(bytes).await?,
        Script::EndlessBanner(bytes) if !bytes.is_empty() => {
            // Whole segments, so that the client's reading is the bottleneck and not the calls here.
            let much = bytes.repeat(16_384usize.div_ceil(bytes.len()));
            loop {
                tcp.write_all(&much).await?;
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
