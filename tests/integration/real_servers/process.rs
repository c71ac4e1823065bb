//! Runs programs: one-shot ones to their end, servers until they answer.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that costs a server nothing: a file, a refused connection.
const GLANCE: Duration = Duration::from_millis(50);

/// X.224 Connection Request with `RDP_NEG_REQ` for SSL, HYBRID and `HYBRID_EX` (MS-RDPBCGR 2.2.1.1).
pub(super) const CONNECTION_REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0x0B, 0, 0, 0];

/// Namespaces, and ports as the servers want them, are root's.
pub(super) fn require_root() -> Result<(), String> {
    match fs::metadata("/proc/self").map(|process| process.uid()) {
        Ok(0) => Ok(()),
        _ => Err("they need root".to_owned()),
    }
}

/// That the program exists, on the PATH or where its absolute path says.
pub(super) fn require(program: &str) -> Result<(), String> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Joining an absolute path gives that path.
    if env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    Err(format!("{program} is not installed (.ci/install-real-servers installs it)"))
}

/// That nobody listens where a server is to listen: another program's answers must not pass for the server's.
pub(super) fn require_free(ip: Ipv4Addr) -> Result<(), String> {
    match TcpListener::bind((ip, super::PORT)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{ip}:{} is not free: {error}", super::PORT)),
    }
}

/// Runs a program that ends by itself, and returns what it printed.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// A self-signed certificate and its key, `cert.pem` and `key.pem` in `dir`.
pub(super) fn make_certificate(dir: &Path, common_name: &str, key: &[&str]) -> Result<(PathBuf, PathBuf), String> {
    let (certificate_path, key_path) = (dir.join("cert.pem"), dir.join("key.pem"));
    run(Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", &format!("/CN={common_name}"), "-newkey"])
        .args(key)
        .arg("-keyout")
        .arg(&key_path)
        .arg("-out")
        .arg(&certificate_path))?;
    Ok((certificate_path, key_path))
}

/// A server that was started, with everything that it prints going to a log file.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    log_path: PathBuf,
}

impl Running {
    pub(super) fn spawn(name: &'static str, dir: &Path, mut command: Command) -> Result<Self, String> {
        let log_path = dir.join(format!("{name}.log"));
        let log = File::create(&log_path).map_err(|error| format!("cannot write {}: {error}", log_path.display()))?;
        let errors = log.try_clone().map_err(|error| format!("cannot write {}: {error}", log_path.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name, child, log_path })
    }

    pub(super) fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// Waits until `look` sees what it looks for.
    pub(super) fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look() {
                return Ok(seen);
            }
            self.still_runs()?;
            if Instant::now() >= deadline {
                return Err(self.failure(&format!("had no {what} after {} s", PATIENCE.as_secs())));
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits until the server answers an X.224 request, and returns the answer.
    /// Asks often only while nobody listens; a server that accepts and then says nothing is left alone for a while.
    pub(super) fn wait_for_answer(&mut self, ask: impl Fn() -> io::Result<Vec<u8>>) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.still_runs()?;
            if Instant::now() >= deadline {
                return Err(self.failure(&format!("did not answer after {} s ({error})", PATIENCE.as_secs())));
            }
            let refused = error.kind() == io::ErrorKind::ConnectionRefused;
            thread::sleep(if refused { GLANCE } else { super::PAUSE });
        }
    }

    fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&format!("ended by itself ({status})"))),
            Err(error) => Err(self.failure(&format!("cannot be waited for ({error})"))),
        }
    }

    fn failure(&self, what: &str) -> String {
        format!("{} {what}; the end of its log:\n{}", self.name, tail(&self.log_path))
    }
}

/// The last lines of a log.
pub(super) fn tail(log_path: &Path) -> String {
    const LINES: usize = 20;
    let bytes = fs::read(log_path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Sends [`CONNECTION_REQUEST`] and returns the whole TPKT packet that comes back.
pub(super) fn ask(address: SocketAddr) -> io::Result<Vec<u8>> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(&CONNECTION_REQUEST)?;
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet)?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if packet[0] != 3 || length < 7 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a TPKT packet: {packet:02x?}")));
    }
    packet.resize(length, 0);
    stream.read_exact(&mut packet[4..])?;
    Ok(packet)
}
