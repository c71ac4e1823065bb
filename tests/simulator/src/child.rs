//! The simulator in a process of its own, so that its work is not counted as the scanner's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::host::Host;
use crate::population;
use crate::script::Script;
use crate::server::{Answer, Server};

/// The environment variable that asks a process to be a simulator: `LISTEN;SEED;KIND`.
pub const VARIABLE: &str = "RDPRINT_SIMULATOR";

/// The name that every host of [`Kind::Nla`] and [`Kind::Tls`] has, on build 20348.
pub const NLA_NAME: &str = "WIN-5E7N1MK0RDP";

/// How long a child may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a child plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`crate::population()`].
    Population,
    /// One and the same Windows host with NLA at every address, which thinks so long before each answer.
    Nla {
        /// See [`Host::delay`].
        delay: Duration,
    },
    /// The certificate and the TLS of that host, without anything of RDP around them: [`Script::TlsAtOnce`].
    Tls,
}

impl Kind {
    fn answer(self, seed: u64) -> Answer {
        match self {
            Self::Population => population::answer(seed),
            Self::Nla { delay } => everywhere(Host::windows(NLA_NAME, 20348).delay(delay)),
            Self::Tls => everywhere(Host::windows(NLA_NAME, 20348).script(Script::TlsAtOnce)),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Population => "population".to_owned(),
            Self::Nla { delay } => format!("nla:{}", delay.as_millis()),
            Self::Tls => "tls".to_owned(),
        }
    }
}

fn everywhere(host: Host) -> Answer {
    let host = Arc::new(host);
    Arc::new(move |_| Some(host.clone()))
}

impl FromStr for Kind {
    type Err = io::Error;

    /// `population`, `tls`, `nla` or `nla:MILLISECONDS`.
    fn from_str(text: &str) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("no kind of simulator: {text}"));
        match text.split_once(':').unwrap_or((text, "0")) {
            ("population", "0") => Ok(Self::Population),
            ("tls", "0") => Ok(Self::Tls),
            ("nla", delay) => {
                let delay = delay.parse().map_err(|_| invalid())?;
                Ok(Self::Nla { delay: Duration::from_millis(delay) })
            }
            _ => Err(invalid()),
        }
    }
}

/// Becomes the simulator and never returns, where [`VARIABLE`] is set; does nothing otherwise. Call it first thing in `main`.
///
/// It prints one line, `ready ADDRESS:PORT`, and serves until its standard input ends. In a test binary with the usual harness,
/// which has no `main` of its own, call it from a test named `simulator_child` at the root of the file instead:
/// [`ChildServer::spawn`] asks for exactly that test.
pub fn run_as_child_if_asked() {
    let Some(order) = env::var_os(VARIABLE) else { return };
    let outcome = order.to_str().ok_or_else(|| io::Error::other("not text")).and_then(run);
    if let Err(error) = outcome {
        // The parent reads this in place of the ready line.
        println!("failed {error}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

fn run(order: &str) -> io::Result<()> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{what} in {VARIABLE}={order}"));
    let [listen, seed, kind] = order.split(';').collect::<Vec<_>>()[..] else {
        return Err(invalid("not three fields"));
    };
    let listen = listen.parse().map_err(|_| invalid("no address"))?;
    let seed = seed.parse().map_err(|_| invalid("no seed"))?;
    // Thousands of slow connections at once need more than the usual 1024 files.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let server = Server::start(listen, kind.parse::<Kind>()?.answer(seed))?;
    let mut out = io::stdout().lock();
    writeln!(out, "\nready {}", server.local_addr())?;
    out.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A simulator in a child process: this very program, started again with [`VARIABLE`] set.
#[derive(Debug)]
pub struct ChildServer {
    child: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
}

impl ChildServer {
    /// Starts one on a free port of every loopback address and waits until it is ready.
    pub fn spawn(seed: u64, kind: Kind) -> io::Result<Self> {
        Self::spawn_at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), seed, kind)
    }

    /// Starts one on this address.
    pub fn spawn_at(listen: SocketAddr, seed: u64, kind: Kind) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            // For the harness of a test binary; a program that calls run_as_child_if_asked first never reads them.
            .args(["simulator_child", "--exact", "--nocapture"])
            .env(VARIABLE, format!("{listen};{seed};{}", kind.text()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().unwrap();
        // From here on, a failure drops the child in an orderly way.
        let mut server = Self { child, stdin, address: listen };
        server.address = ready(BufReader::new(stdout))?;
        Ok(server)
    }

    /// Where it listens: 0.0.0.0 and the port that answers at every address of 127.0.0.0/8.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The number of its process, for measurements of it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// The address of the ready line. A test harness prints lines of its own before it.
fn ready(stdout: impl BufRead) -> io::Result<SocketAddr> {
    for line in stdout.lines() {
        let line = line?;
        if let Some(address) = line.strip_prefix("ready ") {
            return address.parse().map_err(io::Error::other);
        }
        if line.starts_with("failed ") {
            return Err(io::Error::other(line));
        }
    }
    Err(io::Error::other("the child ended without a ready line: is run_as_child_if_asked called?"))
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
