//! One listener that answers for every loopback address.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::host::Host;
use crate::journal::{Journal, Ledger};
use crate::session;

/// Who answers at a local address; `None` where the connection is reset at once.
pub type Answer = Arc<dyn Fn(SocketAddr) -> Option<Arc<Host>> + Send + Sync>;

/// The longest life of a connection.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Connections that the kernel completes before they are accepted.
const BACKLOG: u32 = 16_384;

/// A running server with threads of its own. Dropping it ends every connection and waits for the threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `listen` (port 0 for a free one; 0.0.0.0 for the whole of 127.0.0.0/8) and answers as `answer` says.
    ///
    /// Connections to and from addresses that are not loopback are reset: a listener on 0.0.0.0 must not play Windows to a network.
    pub fn start(listen: SocketAddr, answer: Answer) -> io::Result<Self> {
        let ledger = Arc::new(Ledger::default());
        let (stop, stopped) = oneshot::channel();
        let (report, started) = mpsc::channel();
        let thread = thread::Builder::new().name("simulator".into()).spawn({
            let ledger = ledger.clone();
            move || run(listen, answer, ledger, stopped, &report)
        })?;
        // A thread that ends without a word has panicked, and its message is on stderr.
        let address = started.recv().map_err(|_| io::Error::other("the simulator's thread ended"))??;
        Ok(Self { address, ledger, stop: Some(stop), thread: Some(thread) })
    }

    /// One host at every address, on a free port.
    pub fn single(host: Host) -> io::Result<Self> {
        let host = Arc::new(host);
        Self::start(SocketAddr::from(([0, 0, 0, 0], 0)), Arc::new(move |_| Some(host.clone())))
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it saw so far. A client's close takes a moment to be seen: see [`Server::settled`].
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.ledger.snapshot()
    }

    /// What it saw once no connection lasts any more, or when `patience` ends.
    ///
    /// A connection that its client gave up before it was accepted is not there yet: [`Server::wait_for`] can wait for it.
    #[allow(clippy::must_use_candidate, reason = "waiting alone is a use")]
    pub fn settled(&self, patience: Duration) -> Journal {
        self.poll(patience, || self.ledger.open_connections() == 0)
    }

    /// What it saw once that satisfies `enough`, or when `patience` ends.
    #[allow(clippy::must_use_candidate, reason = "waiting alone is a use")]
    pub fn wait_for(&self, patience: Duration, enough: impl Fn(&Journal) -> bool) -> Journal {
        self.poll(patience, || enough(&self.journal()))
    }

    fn poll(&self, patience: Duration, done: impl Fn() -> bool) -> Journal {
        let end = Instant::now() + patience;
        while !done() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        self.journal()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn run(
    listen: SocketAddr,
    answer: Answer,
    ledger: Arc<Ledger>,
    stopped: oneshot::Receiver<()>,
    report: &mpsc::Sender<io::Result<SocketAddr>>,
) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(report.send(Err(error))),
    };
    runtime.block_on(async {
        let listener = match bind(listen) {
            Ok(listener) => listener,
            Err(error) => return drop(report.send(Err(error))),
        };
        report.send(listener.local_addr()).ok();
        tokio::select! {
            () = accept(listener, answer, ledger) => {}
            _ = stopped => {}
        }
    });
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, answer: Answer, ledger: Arc<Ledger>) {
    loop {
        let Ok((tcp, peer)) = listener.accept().await else {
            // No more file descriptors: connections that end will free some.
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        let Ok(local) = tcp.local_addr() else { continue };
        let entry = ledger.open(local.ip());
        let answer = answer.clone();
        tokio::spawn(async move {
            let host = if local.ip().is_loopback() && peer.ip().is_loopback() { answer(local) } else { None };
            match host {
                Some(host) => {
                    timeout(LIFETIME, serve(tcp, &host, &entry)).await.ok();
                }
                None => drop(tcp.set_zero_linger()),
            }
            entry.end();
        });
    }
}

async fn serve(tcp: TcpStream, host: &Host, entry: &crate::journal::Entry) {
    tcp.set_nodelay(true).ok();
    // Every error is the end of a dialogue, and the journal holds how far it got.
    session::converse(tcp, host, entry).await.ok();
}
