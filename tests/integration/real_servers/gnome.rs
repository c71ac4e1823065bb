//! gnome-remote-desktop, headless, with its compositor and session bus.
//!
//! There is no pipewire: it would carry the screen's pictures, and tests stop before a session exists.
//! It listens on every address, so it runs in a network namespace that holds nothing but loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use super::process::{self, CONNECTION_REQUEST, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

pub(super) const DAEMON: &str = "/usr/libexec/gnome-remote-desktop-daemon";

const NAME: &str = "gnome";
const IP: Ipv4Addr = Ipv4Addr::new(127, 0, 4, 1);
const HOSTNAME: &str = "LAB-GNOME";

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    let network = sandbox.make_network()?;
    let dir = sandbox.private_dir(NAME)?;
    let (certificate, key) = process::make_certificate(&dir, NAME, &["rsa:2048"])?;
    let bus_path = dir.join("bus");
    let bus_address = format!("unix:path={}", bus_path.display());
    let session = |program: &str| {
        let mut command = sandbox.command_on_network(&network, HOSTNAME, program);
        command
            .env("HOME", &dir)
            .env("XDG_RUNTIME_DIR", &dir)
            .env("DBUS_SESSION_BUS_ADDRESS", &bus_address)
            // No dconf daemon: settings in a file under HOME.
            .env("GSETTINGS_BACKEND", "keyfile");
        command
    };

    let mut command = session("dbus-daemon");
    command.args(["--session", "--nofork", "--nopidfile", &format!("--address={bus_address}")]);
    Running::spawn("dbus-daemon", &dir, command)?.wait_for("bus", || bus_path.exists().then_some(()))?;

    let mut command = session("mutter");
    command.args(["--headless", "--wayland", "--no-x11", "--virtual-monitor", "640x480"]);
    let mut mutter = Running::spawn("mutter", &dir, command)?;

    let (certificate_arg, key_arg) = (certificate.display().to_string(), key.display().to_string());
    for settings in [
        &["set-tls-cert", &certificate_arg][..],
        &["set-tls-key", &key_arg],
        &["set-credentials", "labuser", "labpass"],
        &["enable"],
    ] {
        let mut grdctl = session("timeout");
        process::run(grdctl.args(["10", "grdctl", "--headless", "rdp"]).args(settings))?;
    }

    // The daemon waits for mutter by itself, but would wait for good for one that has died.
    mutter.wait_for("Wayland socket", || dir.join("wayland-0").exists().then_some(()))?;
    let mut command = session(DAEMON);
    command.args(["--headless", "--rdp-port", &PORT.to_string()]);
    let mut daemon = Running::spawn(NAME, &dir, command)?;
    let address = SocketAddr::from((IP, PORT));
    let confirm = daemon.wait_for_answer(|| ask(&network, address))?;
    Ok(vec![Server {
        name: NAME,
        address,
        log_path: daemon.log_path().to_owned(),
        certificate,
        confirm,
        network: Some(network),
        last_turn: Mutex::new(Instant::now()),
    }])
}

/// As [`process::ask`], inside the network namespace, which this process cannot enter.
fn ask(network: &str, address: SocketAddr) -> io::Result<Vec<u8>> {
    const SCRIPT: &str = r#"exec 3<>"/dev/tcp/$1/$2" && printf "$3" >&3 && timeout 5 head --bytes=19 <&3"#;
    let request: String =
        CONNECTION_REQUEST.iter().flat_map(|byte| [r"\x".to_owned(), format!("{byte:02x}")]).collect();
    let output = Command::new("ip")
        .args(["netns", "exec", network, "bash", "-c", SCRIPT, "ask"])
        .args([&address.ip().to_string(), &address.port().to_string(), &request])
        .output()?;
    if output.stdout.len() == 19 {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let refused = complaint.contains("Connection refused");
    let kind = if refused { io::ErrorKind::ConnectionRefused } else { io::ErrorKind::UnexpectedEof };
    Err(io::Error::new(kind, complaint))
}
