//! One connection, from accept to end.

use std::io;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::host::{Farewell, Host, Ntlm, Security};
use crate::journal::{Entry, Stage};
use crate::legacy::{self, Outcome};
use crate::mcs::{self, Encryption, Mcs};
use crate::pace::{drip, tarpit, think};
use crate::script::{Script, speaks_first};
use crate::x224::{self, PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX, PROTOCOL_RDP, PROTOCOL_RDSTLS, PROTOCOL_SSL};
use crate::{ntlm, tsrequest};

/// How long what a client still sends is read after the host closed: closing over unread bytes would reset the connection.
const AFTER_CLOSE: Duration = Duration::from_secs(2);

/// A connection, in clear or in TLS.
trait Wire: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Plays `host` to the client. An error is the end of the dialogue, whoever ended it.
pub(crate) async fn converse(mut tcp: TcpStream, host: &Host, entry: &Entry) -> io::Result<()> {
    reach(Stage::Accepted, &mut tcp, host, entry).await?;
    if let Some(script) = &host.script
        && speaks_first(script, &mut tcp).await?
    {
        return read_clear(&mut tcp, entry).await;
    }
    if host.script == Some(Script::TlsAtOnce) {
        let mut tls = TlsAcceptor::from(host.config()).accept(tcp).await?;
        reach(Stage::Handshaken, &mut tls, host, entry).await?;
        return read_to_the_end(&mut tls, entry).await;
    }
    let request = x224::read_request(&mut tcp).await?;
    entry.note(|dialogue| {
        dialogue.protocols = request.protocols;
        dialogue.cookie.clone_from(&request.cookie);
    });
    reach(Stage::Requested, &mut tcp, host, entry).await?;
    think(&tcp, host.delay).await?;
    let selected = confirm(&mut tcp, host, request.protocols, entry).await?;
    reach(Stage::Confirmed, &mut tcp, host, entry).await?;
    if let Some(Script::PlainText(bytes)) = &host.script {
        tcp.write_all(bytes).await?;
        return read_clear(&mut tcp, entry).await;
    }
    if ![PROTOCOL_SSL, PROTOCOL_HYBRID, PROTOCOL_RDSTLS, PROTOCOL_HYBRID_EX].contains(&selected) {
        if selected == PROTOCOL_RDP {
            connect(&mut tcp, host, request.protocols, selected, entry).await?;
        }
        return read_clear(&mut tcp, entry).await;
    }
    if tcp.peek(&mut [0]).await? == 0 {
        return Ok(());
    }
    reach(Stage::Hello, &mut tcp, host, entry).await?;
    think(&tcp, host.delay).await?;
    if let Some(legacy) = &host.legacy {
        return match legacy::speak(&mut tcp, host, legacy, entry).await? {
            Outcome::Waits => read_clear(&mut tcp, entry).await,
            Outcome::Closes => Err(close(Stage::Hello, &mut tcp, entry).await),
            Outcome::Resets => tcp.set_zero_linger(),
        };
    }
    let mut tls = TlsAcceptor::from(host.config()).accept(tcp).await?;
    reach(Stage::Handshaken, &mut tls, host, entry).await?;
    if [PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX].contains(&selected) {
        challenge(&mut tls, host, entry).await?;
    } else {
        connect(&mut tls, host, request.protocols, selected, entry).await?;
    }
    read_to_the_end(&mut tls, entry).await
}

/// Answers the request and tells which protocol was selected. Answers that end the dialogue are errors.
async fn confirm(tcp: &mut TcpStream, host: &Host, requested: Option<u32>, entry: &Entry) -> io::Result<u32> {
    let source = host.source_reference;
    let (selected, answer) = match (host.select(requested), host.security, &host.script) {
        (_, _, Some(Script::Select(protocol))) => {
            (*protocol, x224::response(source, host.negotiation_flags, *protocol))
        }
        (Ok(protocol), Security::Classic { bare: true }, _) => (protocol, x224::bare(source)),
        (Ok(protocol), ..) => (protocol, x224::response(source, host.negotiation_flags, protocol)),
        (Err(code), _, None) => {
            tcp.write_all(&x224::failure(source, code)).await?;
            return Err(close(Stage::Confirmed, tcp, entry).await);
        }
        // A host with a script plays it whatever was asked.
        (Err(_), ..) => (PROTOCOL_HYBRID, x224::response(source, host.negotiation_flags, PROTOCOL_HYBRID)),
    };
    match &host.script {
        Some(Script::Garbage(bytes)) => tcp.write_all(bytes).await?,
        Some(Script::TpktLength(length)) => {
            let lie = [&[3, 0], &length.to_be_bytes()[..], &answer[4..]].concat();
            tcp.write_all(&lie).await?;
        }
        Some(Script::HalfConfirm) => {
            tcp.write_all(&answer[..9]).await?;
            return Err(close(Stage::Confirmed, tcp, entry).await);
        }
        Some(Script::McsDisconnect) => {
            tcp.write_all(&x224::MCS_DISCONNECT).await?;
            return Err(close(Stage::Confirmed, tcp, entry).await);
        }
        Some(Script::Drip(interval)) => {
            drip(tcp, &answer, *interval).await?;
            return Ok(selected);
        }
        Some(Script::Tarpit(interval)) => tarpit(tcp, *interval).await?,
        _ => {
            tcp.write_all(&answer).await?;
            return Ok(selected);
        }
    }
    entry.note(|dialogue| dialogue.stage = Stage::Confirmed);
    read_clear(tcp, entry).await?;
    Err(over())
}

/// Reads the client's NEGOTIATE and answers it.
async fn challenge(tls: &mut TlsStream<TcpStream>, host: &Host, entry: &Entry) -> io::Result<()> {
    let Some(request) = tsrequest::read(tls).await? else {
        entry.note(|dialogue| dialogue.close_notify = true);
        return Err(over());
    };
    let token = tsrequest::token(&request).ok_or_else(over)?;
    let asked = ntlm::negotiate_flags(token).ok_or_else(over)?;
    entry.note(|dialogue| dialogue.negotiate = Some(token.to_vec()));
    reach(Stage::Negotiated, tls, host, entry).await?;
    think(tls.tcp(), host.delay).await?;
    let message = match &host.ntlm {
        Ntlm::Challenge(challenge) => {
            let mut random = [0; 8];
            SystemRandom::new().fill(&mut random).unwrap();
            challenge.encode(asked, random)
        }
        Ntlm::Raw(bytes) => bytes.clone(),
    };
    let answer = host.envelope.wrap(&message);
    if let Some(trailer) = &host.trailer {
        let mut segment = Vec::new();
        let (tcp, connection) = tls.get_mut();
        io::Write::write_all(&mut connection.writer(), &answer)?;
        while connection.wants_write() {
            connection.write_tls(&mut segment)?;
        }
        segment.extend_from_slice(trailer);
        tcp.write_all(&segment).await?;
        return reach(Stage::Challenged, tls, host, entry).await;
    }
    // A flush per piece makes a TLS record of each.
    for piece in answer.chunks(if host.fragmented { 1 } else { answer.len().max(1) }) {
        tls.write_all(piece).await?;
        tls.flush().await?;
    }
    reach(Stage::Challenged, tls, host, entry).await
}

/// Reads the client's Connect Initial, if it sends one, and answers it.
async fn connect(
    wire: &mut impl Wire,
    host: &Host,
    requested: Option<u32>,
    selected: u32,
    entry: &Entry,
) -> io::Result<()> {
    let Some(initial) = mcs::read_initial(wire).await? else { return Ok(()) };
    let is_true = initial.selected == Some(selected);
    let stage = if selected == PROTOCOL_RDP { Stage::Confirmed } else { Stage::Handshaken };
    entry.note(|dialogue| dialogue.connect_initial = Some(initial));
    think(wire.tcp(), host.delay).await?;
    if !is_true {
        // Windows ends a connection whose client tells another protocol than was selected (MS-RDPBCGR 3.3.5.3.3).
        return Err(close(stage, wire, entry).await);
    }
    let answer = match &host.mcs {
        Mcs::Response(data) => {
            let mut data = data.clone();
            if selected == PROTOCOL_RDP {
                data.encryption.get_or_insert_with(|| Encryption::proprietary(host.certificate.signing_key()));
            }
            mcs::response(&data, requested.unwrap_or_default())
        }
        Mcs::Raw(bytes) => bytes.clone(),
        Mcs::Silence => {
            while wire.read(&mut [0; 4096]).await? > 0 {}
            return Err(over());
        }
        Mcs::Close => return Err(close(stage, wire, entry).await),
        Mcs::Reset => {
            wire.tcp().set_zero_linger()?;
            return Err(over());
        }
    };
    wire.write_all(&answer).await?;
    wire.flush().await?;
    entry.note(|dialogue| dialogue.connect_answered = true);
    Ok(())
}

/// Writes the stage down and stops here if that is the host's way.
async fn reach(stage: Stage, wire: &mut impl Wire, host: &Host, entry: &Entry) -> io::Result<()> {
    entry.note(|dialogue| dialogue.stage = stage);
    let farewell = match host.ending {
        Some((last, farewell)) if last == stage => farewell,
        _ => return Ok(()),
    };
    match farewell {
        Farewell::Close => return Err(close(stage, wire, entry).await),
        Farewell::Reset => wire.tcp().set_zero_linger()?,
        Farewell::Silence => while wire.read(&mut [0; 4096]).await? > 0 {},
    }
    Err(over())
}

/// Closes in good order: the end is written, and what the client still sends is read.
async fn close(stage: Stage, wire: &mut impl Wire, entry: &Entry) -> io::Error {
    entry.note(|dialogue| dialogue.stage = stage);
    let rest = async {
        wire.shutdown().await?;
        entry.end();
        while wire.read(&mut [0; 4096]).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    timeout(AFTER_CLOSE, rest).await.ok();
    over()
}

/// Counts what comes in clear until the client closes.
async fn read_clear(tcp: &mut TcpStream, entry: &Entry) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match tcp.read(&mut buffer).await? {
            0 => return Ok(()),
            count => entry.note(|dialogue| {
                if dialogue.connect_answered {
                    dialogue.bytes_after_connect += count as u64;
                } else {
                    dialogue.clear_bytes += count as u64;
                }
            }),
        }
    }
}

/// Counts what comes in TLS until the client closes.
async fn read_to_the_end(tls: &mut TlsStream<TcpStream>, entry: &Entry) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        // The end of TCP without a close_notify is an error here.
        match tls.read(&mut buffer).await? {
            0 => break,
            count => entry.note(|dialogue| {
                if dialogue.stage == Stage::Challenged {
                    dialogue.bytes_after_challenge += count as u64;
                }
                if dialogue.connect_answered {
                    dialogue.bytes_after_connect += count as u64;
                }
            }),
        }
    }
    entry.note(|dialogue| dialogue.close_notify = true);
    entry.end();
    timeout(AFTER_CLOSE, tls.shutdown()).await.ok();
    Ok(())
}

fn over() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
