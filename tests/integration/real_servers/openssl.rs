//! OpenSSL's server with what no RDP server lets one choose, behind a front of our own that speaks X.224: it answers each
//! Connection Request by selecting SSL and then only carries bytes.

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::process::{self, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

/// Where OpenSSL listens, on the address of its front.
const BEHIND: u16 = 4433;
/// The longest life of a connection.
const LIFETIME: Duration = Duration::from_secs(30);
/// X.224 Connection Confirm that selects SSL (MS-RDPBCGR 2.2.1.2), with no flags. Its source reference is neither that of
/// Windows nor that of FreeRDP.
const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xD0, 0, 0, 0, 1, 0, 2, 0, 8, 0, 1, 0, 0, 0];

/// Name, last number of the address, kind of key, further arguments for its certificate, and the server's own.
type Case = (&'static str, u8, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
const CASES: [Case; 7] = [
    ("openssl-cbc", 1, &["rsa:2048"], &[], &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"]),
    ("openssl-dhe", 2, &["rsa:2048"], &[], &["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"]),
    ("openssl-rsa1024", 3, &["rsa:1024"], &[], &["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"]),
    ("openssl-sha1", 4, &["rsa:2048"], &["-sha1"], &["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"]),
    ("openssl-ecdsa-cbc", 5, P256, &[], &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"]),
    ("openssl-tls10-dhe", 6, &["rsa:2048"], &[], &["-tls1", "-cipher", "DHE-RSA-AES256-SHA:@SECLEVEL=0"]),
    // Everything old at once, as an image from 2005 has it.
    ("openssl-tls10-rsa1024-sha1", 7, &["rsa:1024"], &["-sha1"], &["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"]),
];

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    CASES.into_iter().map(|case| start_one(sandbox, case)).collect()
}

fn start_one(sandbox: &Sandbox, (name, last, key, signing, options): Case) -> Result<Server, String> {
    let ip = Ipv4Addr::new(127, 0, 5, last);
    let (front, behind) = (SocketAddr::from((ip, PORT)), SocketAddr::from((ip, BEHIND)));
    let dir = sandbox.dir(name)?;
    let (certificate, key) = process::make_certificate(&dir, name, &[key, signing].concat())?;
    let mut command = sandbox.command("openssl");
    command
        .args(["s_server", "-quiet", "-accept", &behind.to_string(), "-cert"])
        .arg(&certificate)
        .arg("-key")
        .arg(&key)
        .args(options);
    process::require_free(ip)?;
    let listener = TcpListener::bind(front).map_err(|error| format!("{front} cannot be listened on: {error}"))?;
    let mut running = Running::spawn(name, &dir, command)?;
    // A connection without a hello harms it as little as a closed one.
    running.wait_for("listener", || TcpStream::connect(behind).ok())?;
    thread::Builder::new()
        .name(format!("front of {name}"))
        .spawn(move || {
            // One at a time: s_server takes no second one either.
            for client in listener.incoming().flatten() {
                // A connection that breaks off is the client's affair or OpenSSL's.
                let _ended = carry(client, behind);
            }
        })
        .map_err(|error| format!("no thread for the front of {name}: {error}"))?;
    Server::answering((name, ip, certificate, running))
}

/// Answers the Connection Request and then carries bytes both ways until both sides have closed.
fn carry(mut client: TcpStream, behind: SocketAddr) -> io::Result<()> {
    client.set_read_timeout(Some(LIFETIME))?;
    let mut header = [0; 4];
    client.read_exact(&mut header)?;
    let rest = usize::from(u16::from_be_bytes([header[2], header[3]])).saturating_sub(header.len());
    client.read_exact(&mut vec![0; rest])?;
    client.write_all(&CONFIRM)?;
    let server = TcpStream::connect(behind)?;
    server.set_read_timeout(Some(LIFETIME))?;
    thread::scope(|scope| {
        scope.spawn(|| copy(&client, &server));
        copy(&server, &client);
    });
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    // Whatever ends one direction ends the connection: neither side waits for a half of it.
    let _ended = io::copy(&mut from, &mut to);
    let _gone_already = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
