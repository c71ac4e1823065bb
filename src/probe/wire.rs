//! The TCP connection: opened at the allowed pace, read in bounded pieces, closed cleanly.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::LocalFault;
use crate::observe::Status;
use crate::proto::Anomaly;

/// No host may send more than this over one connection: the largest handshake message that rustls accepts is 64 KiB,
/// a chain takes one and the rest of the dialogue little.
const MAX_RECEIVED: usize = 256 * 1024;
/// How much is read at once, at most.
pub(super) const CHUNK: usize = 8 * 1024;

/// Why the dialogue ended before its end: a fact about the host.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: Status,
    pub(super) error: String,
    pub(super) anomaly: Option<Anomaly>,
    /// Set where this machine is to blame; then nothing of the fault is the host's.
    pub(super) local: Option<LocalFault>,
}

impl Fault {
    pub(super) fn new(status: Status, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), anomaly: None, local: None }
    }

    pub(super) fn with(mut self, anomaly: Anomaly) -> Self {
        self.anomaly = Some(anomaly);
        self
    }

    /// The same fault, with what became of another try.
    pub(super) fn followed_by(mut self, later: &Self) -> Self {
        self.error = format!("{}; asked again: {}", self.error, later.error);
        self
    }

    /// A fault of the network, in the middle of the dialogue.
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            _ if is_local(&error) => {
                Self { local: Some(LocalFault(error)), ..Self::new(Status::UnknownError, "this machine is exhausted") }
            }
            ErrorKind::ConnectionReset => Self::new(Status::ConnectionClosed, "the host reset the connection"),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::NotConnected => Self::closed(),
            ErrorKind::TimedOut => Self::new(Status::IoTimeout, "the connection went dead"),
            _ => Self::new(Status::UnknownError, error.to_string()),
        }
    }

    pub(super) fn closed() -> Self {
        Self::new(Status::ConnectionClosed, "the host closed the connection")
    }
}

/// How an attempt to connect can fail.
pub(super) enum ConnectError {
    Host(Fault),
    Local(LocalFault),
}

/// An established connection. Where it is dropped without a [`Wire::close`], somebody wants the dialogue to end at once.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    received: usize,
    is_closed: bool,
}

impl Wire {
    pub(super) async fn connect(endpoint: SocketAddr, limit: Duration) -> Result<Self, ConnectError> {
        let stream = match tokio::time::timeout(limit, TcpStream::connect(endpoint)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(ConnectError::from_io(error)),
            Err(_elapsed) => {
                let error = format!("no answer to the connection request within {limit:?}");
                return Err(ConnectError::Host(Fault::new(Status::ConnectionTimeout, error)));
            }
        };
        // Every write is a whole message, so waiting for more would only cost a round trip. Failure costs no more.
        let _best_effort = stream.set_nodelay(true);
        Ok(Self { stream, received: 0, is_closed: false })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await.map_err(Fault::from_io)
    }

    /// Waits for bytes, at most `limit`, and hands them to `consume`. Zero bytes mean that the host closed its side.
    pub(super) async fn read<T>(&mut self, limit: usize, consume: impl FnOnce(&[u8]) -> T) -> Result<T, Fault> {
        let mut consume = Some(consume);
        loop {
            self.stream.readable().await.map_err(Fault::from_io)?;
            if let Some(result) = self.read_now(limit, &mut consume)? {
                return Ok(result);
            }
        }
    }

    /// What has already come, at most `limit` bytes.
    pub(super) fn read_what_is_there(&mut self, limit: usize) -> Vec<u8> {
        // A fault here only means that nothing more has come.
        self.read_now(limit, &mut Some(<[u8]>::to_vec)).ok().flatten().unwrap_or_default()
    }

    /// The buffer lives only as long as this call, so that thousands of waiting dialogues do not hold one each.
    fn read_now<T>(&mut self, limit: usize, consume: &mut Option<impl FnOnce(&[u8]) -> T>) -> Result<Option<T>, Fault> {
        let mut buffer = [0; CHUNK];
        let window = buffer.get_mut(..limit.min(CHUNK)).unwrap_or_default();
        match self.stream.try_read(window) {
            Ok(count) => {
                self.received += count;
                if self.received > MAX_RECEIVED {
                    let error = format!("the host sent more than {MAX_RECEIVED} bytes");
                    return Err(Fault::new(Status::ProtocolError, error).with(Anomaly::TooManyBytes));
                }
                Ok(consume.take().map(|consume| consume(window.get(..count).unwrap_or_default())))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Fault::from_io(error)),
        }
    }

    /// Ends the connection with a FIN. The host may have gone before us, which is no longer of interest.
    pub(super) async fn close(mut self) {
        let _gone = self.stream.shutdown().await;
        self.is_closed = true;
    }
}

impl Drop for Wire {
    /// A dialogue that is broken off (its host was excluded in the middle, say) ends with a RST. After a FIN the system
    /// would go on for minutes in our name: say it again to a host that does not confirm it, and answer what still comes.
    fn drop(&mut self) {
        if !self.is_closed {
            // What failed before is no longer of interest.
            let _gone = self.stream.set_zero_linger();
        }
    }
}

impl ConnectError {
    fn from_io(error: io::Error) -> Self {
        if is_local(&error) {
            return Self::Local(LocalFault(error));
        }
        let fault = match error.kind() {
            ErrorKind::ConnectionRefused => Fault::new(Status::ConnectionRefused, "the port is closed"),
            ErrorKind::ConnectionReset => {
                // A SYN that is refused gives ECONNREFUSED; this error comes only after the connection was established.
                Fault::new(Status::ConnectionClosed, "the host reset the connection at once")
            }
            ErrorKind::TimedOut => Fault::new(Status::ConnectionTimeout, "no answer to the connection request"),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Fault::new(Status::HostUnreachable, error.to_string())
            }
            _ => Fault::new(Status::UnknownError, error.to_string()),
        };
        Self::Host(fault)
    }
}

/// Whether the error says that this machine is exhausted: no files (EMFILE 24, ENFILE 23), no ephemeral port or no
/// address (EADDRNOTAVAIL), no memory or buffers (ENOMEM 12, ENOBUFS 105 on Linux).
fn is_local(error: &io::Error) -> bool {
    const EXHAUSTED: [i32; 4] = [12, 23, 24, 105];
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory)
        || cfg!(unix) && error.raw_os_error().is_some_and(|number| EXHAUSTED.contains(&number))
}
