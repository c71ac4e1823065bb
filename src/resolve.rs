//! Names of targets, resolved before the scan; everything found is then checked against the scope like any address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};

/// A name with what it stands for, or why that is not known.
pub type Resolved = (String, Result<Vec<IpAddr>, String>);

/// Looks names up one after another: at the server given, otherwise at those of the system.
///
/// # Errors
/// The resolver cannot be set up; a name that is not found is no error of the whole.
pub fn resolve(names: &[String], server: Option<SocketAddr>) -> io::Result<Vec<Resolved>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let resolver = resolver(server).map_err(io::Error::other)?;
        let mut found = Vec::new();
        for name in names {
            // A name with its root dot is never continued by the search list of this machine.
            let lookup = resolver.lookup_ip(format!("{}.", name.trim_end_matches('.'))).await;
            let addresses = lookup.map(|answer| answer.iter().collect()).map_err(|error| error.to_string());
            found.push((name.clone(), addresses));
        }
        Ok(found)
    })
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, String> {
    let builder = match server {
        None => Resolver::builder_tokio().map_err(|error| error.to_string())?,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let name_server = NameServerConfig::new(server.ip(), true, connections.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.build().map_err(|error| error.to_string())
}
