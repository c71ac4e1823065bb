//! xrdp, once for each of its three security layers, and once for each old TLS that it can be told to speak.

use std::fs;
use std::net::Ipv4Addr;

use super::process::{self, Running};
use super::sandbox::Sandbox;
use super::{PORT, Server};

/// Name, address, security layer, and where they are not the usual ones: `ssl_protocols` and `tls_ciphers`.
type Case = (&'static str, Ipv4Addr, &'static str, Option<(&'static str, &'static str)>);

const SERVERS: [Case; 6] = [
    ("xrdp-negotiate", Ipv4Addr::new(127, 0, 0, 2), "negotiate", None),
    ("xrdp-tls", Ipv4Addr::new(127, 0, 0, 3), "tls", None),
    ("xrdp-rdp", Ipv4Addr::new(127, 0, 0, 4), "rdp", None),
    // As Windows 7 and Server 2008 R2 speak it; OpenSSL does so only on its lowest level of security.
    ("xrdp-tls10", Ipv4Addr::new(127, 0, 0, 5), "tls", Some(("TLSv1", "AES128-SHA:AES256-SHA:@SECLEVEL=0"))),
    ("xrdp-tls11", Ipv4Addr::new(127, 0, 0, 6), "tls", Some(("TLSv1, TLSv1.1", "ALL:@SECLEVEL=0"))),
    ("xrdp-tls12-rsa", Ipv4Addr::new(127, 0, 0, 7), "tls", Some(("TLSv1.2", "AES256-GCM-SHA384"))),
];

pub(super) fn start(sandbox: &Sandbox) -> Result<Vec<Server>, String> {
    let mut started = Vec::new();
    for (name, ip, security_layer, old) in SERVERS {
        process::require_free(ip)?;
        let dir = sandbox.dir(name)?;
        let (certificate, key) = process::make_certificate(&dir, name, &["rsa:2048"])?;
        let (protocols, ciphers) = match old {
            None => ("TLSv1.2, TLSv1.3", String::new()),
            Some((protocols, ciphers)) => (protocols, format!("tls_ciphers={ciphers}\n")),
        };
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
             ssl_protocols={protocols}\n\
             {ciphers}\
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
