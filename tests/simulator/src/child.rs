//! The simulator in a process of its own, so that its work is not counted as the scanner's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::host::Host;
use crate::legacy::LegacyTls;
use crate::population;
use crate::script::Script;
use crate::server::{Answer, Server};

/// The environment variable that asks a process to be a simulator: `LISTEN;SEED;KIND`.
pub const VARIABLE: &str = "RDPRINT_SIMULATOR";

/// The name that every host of [`Kind::Nla`], [`Kind::Tls`] and the old kinds has.
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
    /// A host of that name and certificate at every address which speaks TLS 1.0 and RSA key exchange alone.
    Legacy,
    /// The same, but for a cipher suite that nobody offers: it turns everyone away, every time.
    Deaf,
    /// The certificate and the TLS of that host, without anything of RDP around them: [`Script::TlsAtOnce`].
    Tls,
}

impl Kind {
    fn answer(self, seed: u64) -> Answer {
        match self {
            Self::Population => population::answer(seed),
            Self::Nla { delay } => everywhere(Host::windows(NLA_NAME, 20348).delay(delay)),
            Self::Legacy => everywhere(Host::windows(NLA_NAME, 20348).legacy(LegacyTls::tls10_rsa())),
            Self::Deaf => {
                let deaf = LegacyTls { suite: 0x0000, ..LegacyTls::tls10_rsa() };
                everywhere(Host::windows(NLA_NAME, 20348).legacy(deaf))
            }
            Self::Tls => everywhere(Host::windows(NLA_NAME, 20348).script(Script::TlsAtOnce)),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Population => "population".to_owned(),
            Self::Nla { delay } => format!("nla:{}", delay.as_millis()),
            Self::Legacy => "legacy".to_owned(),
            Self::Deaf => "deaf".to_owned(),
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

    /// `population`, `tls`, `legacy`, `deaf`, `nla` or `nla:MILLISECONDS`.
    fn from_str(text: &str) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("no kind of simulator: {text}"));
        match text.split_once(':').unwrap_or((text, "0")) {
            ("population", "0") => Ok(Self::Population),
            ("tls", "0") => Ok(Self::Tls),
            ("legacy", "0") => Ok(Self::Legacy),
            ("deaf", "0") => Ok(Self::Deaf),
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
/// It prints one line, `ready ADDRESS:PORT`, serves until its standard input ends, and then prints what it saw. In a test binary with the usual harness,
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
    let journal = server.settled(PATIENCE);
    let gap = journal.smallest_gap().map_or(0, |gap| gap.as_millis());
    // A parent that only dropped its end does not read this.
    writeln!(out, "saw {} {} {} {gap}", journal.connections(), journal.hosts.len(), journal.at_once()).ok();
    Ok(())
}

/// What a child saw of its clients in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Connections to all addresses.
    pub connections: usize,
    /// Addresses that were connected to.
    pub addresses: usize,
    /// The greatest number of simultaneous connections that any one address saw.
    pub at_once: usize,
    /// The shortest time between two connections to one address; `None` where no address saw two.
    pub smallest_gap: Option<Duration>,
}

/// A simulator in a child process: this very program, started again with [`VARIABLE`] set.
#[derive(Debug)]
pub struct ChildServer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
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
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // From here on, a failure drops the child in an orderly way.
        let mut server = Self { child, stdin, stdout: None, address: listen };
        server.address = ready(&mut stdout)?;
        server.stdout = Some(stdout);
        Ok(server)
    }

    /// Ends the child and returns what it saw.
    pub fn finish(mut self) -> io::Result<Tally> {
        drop(self.stdin.take());
        let stdout = self.stdout.take().ok_or_else(|| io::Error::other("the child is not ready"))?;
        for line in stdout.lines() {
            let line = line?;
            let Some(numbers) = line.strip_prefix("saw ") else { continue };
            let numbers: Result<Vec<usize>, _> = numbers.split(' ').map(str::parse).collect();
            let [connections, addresses, at_once, gap] = numbers.map_err(io::Error::other)?[..] else { break };
            let gap = Duration::from_millis(u64::try_from(gap).map_err(io::Error::other)?);
            let smallest_gap = (connections > addresses).then_some(gap);
            return Ok(Tally { connections, addresses, at_once, smallest_gap });
        }
        Err(io::Error::other("the child ended without saying what it saw"))
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
