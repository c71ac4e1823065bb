//! Real RDP servers on loopback: xrdp, FreeRDP's shadow server, weston and gnome-remote-desktop; and OpenSSL's server
//! behind a front that speaks X.224.
//!
//! For tests run as root on a machine prepared by `.ci/install-real-servers`. Whatever is missing or does not come
//! up fails the test with one sentence; nothing is skipped. Each server has an address of its own in 127.0.0.0/8,
//! except gnome-remote-desktop, which binds every address and so lives in a network namespace of the rig's own:
//! [`Server::command`] runs a program where its server can be reached.
//!
//! The servers are delicate (xrdp's listen backlog is 2, gnome-remote-desktop wedges for good when connections follow
//! each other closely), and tests run in parallel: take a [`Server::turn`] before every connection.

mod expected;
mod gnome;
mod nmap;
mod openssl;
mod process;
mod sandbox;
mod shadow;
mod weston;
mod xrdp;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "the tests and the conformance table use different ones")]
pub(crate) use expected::{Expected, OldTls, expected};
use process::Running;
use sandbox::Sandbox;

/// The port of every server.
const PORT: u16 = 3389;

/// The least time between two connections to one server.
const PAUSE: Duration = Duration::from_secs(1);

/// All servers, up and answering.
pub(crate) struct Rig {
    servers: Vec<Server>,
    // The servers live as long as this value, or as long as the process, whatever ends first.
    _sandbox: Sandbox,
}

impl Rig {
    /// The rig of this process, started by the first caller while the others wait.
    ///
    /// # Panics
    ///
    /// With the same sentence for every caller when a program is missing or a server does not answer in time.
    pub(crate) fn start() -> &'static Self {
        Self::attempt().unwrap_or_else(|why| panic!("the real servers did not start: {why}"))
    }

    /// The same, or why it cannot be.
    pub(crate) fn attempt() -> Result<&'static Self, &'static String> {
        static RIG: OnceLock<Result<Rig, String>> = OnceLock::new();
        RIG.get_or_init(Self::try_start).as_ref()
    }

    /// Every server, in the order of [`expected`].
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The server of that name.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn server(&self, name: &str) -> &Server {
        self.servers.iter().find(|server| server.name == name).unwrap_or_else(|| panic!("the rig has no server {name}"))
    }

    fn try_start() -> Result<Self, String> {
        process::require_root()?;
        for program in [
            "xrdp",
            "freerdp-shadow-cli",
            "Xvfb",
            "winpr-hash",
            "weston",
            gnome::DAEMON,
            "grdctl",
            "mutter",
            "dbus-daemon",
            "nmap",
            "ip",
            "openssl",
            "unshare",
            "nsenter",
            "flock",
            "hostname",
            "timeout",
            "bash",
        ] {
            process::require(program)?;
        }
        let sandbox = Sandbox::open()?;
        let mut servers = Vec::new();
        thread::scope(|scope| {
            let inside = &sandbox;
            // The slowest first.
            let starting = [gnome::start, shadow::start, weston::start, openssl::start, xrdp::start]
                .map(|start| scope.spawn(move || start(inside)));
            for family in starting {
                servers.extend(family.join().expect("starting a server does not panic")?);
            }
            Ok::<_, String>(())
        })?;
        servers.sort_by_key(|server| expected().iter().position(|row| row.server == server.name));
        Ok(Self { servers, _sandbox: sandbox })
    }
}

/// One server of the rig.
pub(crate) struct Server {
    /// Its name here and in [`expected`]: product and security mode.
    pub(crate) name: &'static str,
    /// Where it listens; for gnome-remote-desktop inside its network namespace.
    pub(crate) address: SocketAddr,
    /// What it printed.
    pub(crate) log_path: PathBuf,
    /// The PEM file of its certificate, whether or not its security mode shows it.
    pub(crate) certificate: PathBuf,
    /// Its whole answer to the rig's own X.224 request for SSL, HYBRID and `HYBRID_EX`.
    pub(crate) confirm: Vec<u8>,
    network: Option<String>,
    last_turn: Mutex<Instant>,
}

impl Server {
    /// A server that was started, once it has answered.
    fn answering(
        (name, ip, certificate, mut running): (&'static str, Ipv4Addr, PathBuf, Running),
    ) -> Result<Self, String> {
        let address = SocketAddr::from((ip, PORT));
        let confirm = running.wait_for_answer(|| process::ask(address))?;
        Ok(Self {
            name,
            address,
            log_path: running.log_path().to_owned(),
            certificate,
            confirm,
            network: None,
            last_turn: Mutex::new(Instant::now()),
        })
    }

    /// A command that runs `program` where this server can be reached.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(network) = &self.network else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", network]).arg(program);
        command
    }

    /// Waits until nobody else talks to this server and the last connection is long enough ago.
    /// The turn ends when the value is dropped.
    pub(crate) fn turn(&self) -> Turn<'_> {
        // A test that failed during its turn says nothing about the server.
        let last = self.last_turn.lock().unwrap_or_else(PoisonError::into_inner);
        thread::sleep((*last + PAUSE).saturating_duration_since(Instant::now()));
        Turn { last }
    }

    /// What nmap's `rdp-ntlm-info` reads from this server. Takes a turn.
    pub(crate) fn nmap_ntlm(&self) -> BTreeMap<String, String> {
        let _turn = self.turn();
        nmap::ntlm_info(self.command("nmap"), self.address)
    }

    /// nmap's report on this server, in XML. Takes a turn.
    pub(crate) fn nmap_report(&self) -> String {
        let _turn = self.turn();
        nmap::report(self.command("nmap"), self.address)
    }

    /// The end of its log, for the message of a failed test.
    pub(crate) fn log_tail(&self) -> String {
        process::tail(&self.log_path)
    }
}

/// The right to connect to a [`Server`]; keep it until the connection is closed.
#[must_use = "the turn ends at once"]
pub(crate) struct Turn<'a> {
    last: MutexGuard<'a, Instant>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.last = Instant::now();
    }
}
