//! weston's RDP backend, with an ECDSA certificate where all the others have RSA.

use std::net::Ipv4Addr;

use super::process::{self, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

const NAME: &str = "weston";
const IP: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 1);

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    process::require_free(IP)?;
    let dir = sandbox.private_dir(NAME)?;
    let (certificate, key) =
        process::make_certificate(&dir, NAME, &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])?;
    let mut command = sandbox.command("weston");
    command
        .env("XDG_RUNTIME_DIR", &dir)
        .args(["--no-config", "--backend=rdp-backend.so", "--shell=kiosk-shell.so", "--socket=wayland-rig"])
        .args([format!("--address={IP}"), format!("--port={PORT}")])
        .arg(format!("--rdp-tls-cert={}", certificate.display()))
        .arg(format!("--rdp-tls-key={}", key.display()));
    let running = Running::spawn(NAME, &dir, command)?;
    Ok(vec![Server::answering((NAME, IP, certificate, running))?])
}
