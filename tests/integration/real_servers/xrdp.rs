//! xrdp, once for each of its three security layers.

use std::fs;
use std::net::Ipv4Addr;

use super::process::{self, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

const SERVERS: [(&str, Ipv4Addr, &str); 3] = [
    ("xrdp-negotiate", Ipv4Addr::new(127, 0, 0, 2), "negotiate"),
    ("xrdp-tls", Ipv4Addr::new(127, 0, 0, 3), "tls"),
    ("xrdp-rdp", Ipv4Addr::new(127, 0, 0, 4), "rdp"),
];

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    let mut started = Vec::new();
    for (name, ip, security_layer) in SERVERS {
        process::require_free(ip)?;
        let dir = sandbox.dir(name)?;
        let (certificate, key) = process::make_certificate(&dir, name, &["rsa:2048"])?;
        let ini = format!(
            "[Globals]\n\
             ini_version=1\n\
             fork=true\n\
             port=tcp://{ip}:{PORT}\n\
             tcp_nodelay=true\n\
             security_layer={security_layer}\n\
             crypt_level=high\n\
             certificate={certificate}\n\
             key_file={key}\n\
             ssl_protocols=TLSv1.2, TLSv1.3\n\
             \n\
             [Logging]\n\
             LogFile={log}\n\
             LogLevel=INFO\n\
             EnableSyslog=false\n",
            certificate = certificate.display(),
            key = key.display(),
            // xrdp prints the same; the file is named only to keep it out of /var/log.
            log = dir.join("own.log").display(),
        );
        let ini_path = dir.join("xrdp.ini");
        fs::write(&ini_path, ini).map_err(|error| format!("cannot write {}: {error}", ini_path.display()))?;
        let mut command = sandbox.command("xrdp");
        command.args(["--nodaemon", "--config"]).arg(&ini_path);
        started.push((name, ip, certificate, Running::spawn(name, &dir, command)?));
    }
    started.into_iter().map(Server::answering).collect()
}
