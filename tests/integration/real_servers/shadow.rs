//! FreeRDP's shadow server: real CredSSP and NTLM, in every security mode that it has.
//!
//! Each instance has a host name of its own, which becomes every name in its NTLM challenge and the subject of the
//! certificate that it makes for itself, and a home of its own, where it keeps that certificate.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use super::process::{self, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

/// Name, address, host name, security mode (none: it negotiates).
const SERVERS: [(&str, Ipv4Addr, &str, Option<&str>); 6] = [
    ("shadow-nla", Ipv4Addr::new(127, 0, 1, 1), "LAB-NLA", Some("nla")),
    ("shadow-tls", Ipv4Addr::new(127, 0, 1, 2), "LAB-TLS", Some("tls")),
    ("shadow-rdp", Ipv4Addr::new(127, 0, 1, 3), "LAB-RDP", Some("rdp")),
    ("shadow-negotiate", Ipv4Addr::new(127, 0, 1, 4), "LAB-NEGO", None),
    ("shadow-ext", Ipv4Addr::new(127, 0, 1, 5), "LAB-EXT", Some("ext")),
    // A generated name such as Windows gives to a machine that nobody named.
    ("shadow-nla-clone", Ipv4Addr::new(127, 0, 1, 6), "WIN-BUNS25TD77J", Some("nla")),
];

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    let dir = sandbox.dir("shadow")?;
    let display = start_display(sandbox, &dir)?;
    let sam_path = dir.join("sam");
    let sam =
        process::run(Command::new("winpr-hash").args(["-u", "labuser", "-p", "labpass", "-d", "LABDOM", "-f", "sam"]))?;
    fs::write(&sam_path, sam).map_err(|error| format!("cannot write {}: {error}", sam_path.display()))?;

    let mut started = Vec::new();
    for (name, ip, hostname, security) in SERVERS {
        process::require_free(ip)?;
        let home = sandbox.dir(name)?;
        let mut command = sandbox.command_on_host(hostname, "freerdp-shadow-cli");
        command
            .env("DISPLAY", &display)
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .args([format!("/port:{PORT}"), format!("/bind-address:{ip}")])
            .args(security.map(|mode| format!("/sec:{mode}")));
        if security == Some("nla") {
            command.arg("+auth").arg(format!("/sam-file:{}", sam_path.display()));
        }
        let certificate = home.join(".config/freerdp/shadow/shadow.crt");
        started.push((name, ip, certificate, Running::spawn(name, &home, command)?));
    }
    started.into_iter().map(Server::answering).collect()
}

/// Starts the X display that the servers share and returns its name; Xvfb picks a free number and prints it.
fn start_display(sandbox: &Sandbox, dir: &Path) -> Result<String, String> {
    let mut command = sandbox.command("Xvfb");
    // Without -noreset it starts anew when its last client leaves, and refuses others meanwhile.
    command.args(["-displayfd", "1", "-noreset", "-screen", "0", "640x480x24", "-nolisten", "tcp"]);
    let mut xvfb = Running::spawn("Xvfb", dir, command)?;
    let log_path = xvfb.log_path().to_owned();
    let number = xvfb.wait_for("display number", || {
        let printed = fs::read_to_string(&log_path).ok()?;
        let whole_lines = printed.rsplit_once('\n')?.0;
        whole_lines.lines().find_map(|line| line.trim().parse::<u32>().ok())
    })?;
    Ok(format!(":{number}"))
}
