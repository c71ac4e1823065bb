//! The hosts of the population, made from its [`truth()`].

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::certificate::Certificate;
use crate::draw::{choose, draw};
use crate::host::Host;
use crate::journal::Stage;
use crate::key::Key;
use crate::legacy::{LegacyTls, Reply, Twist};
use crate::mcs::{Encryption, GccFault, Mcs, ServerData};
use crate::script::Script;
use crate::server::Answer;
use crate::truth::{Persona, Truth, own_key, truth};
use crate::x224::PROTOCOL_SSL;

/// How long a host of [`Persona::Slow`] thinks before each answer.
pub const SLOW: Duration = Duration::from_millis(1200);

/// Hosts kept by [`answer`] with their keys ready; the oldest goes first.
const CACHED: usize = 4096;

/// The host at `address`, or `None` where there is none. Made anew at each call: a server should take [`answer`].
#[must_use]
pub fn population(seed: u64, address: Ipv4Addr) -> Option<Arc<Host>> {
    host(seed, truth(seed, address)).map(Arc::new)
}

/// The population for [`crate::Server::start`], which keeps the hosts it made lately.
#[must_use]
pub fn answer(seed: u64) -> Answer {
    let cache = Mutex::new(Cache::default());
    Arc::new(move |local| {
        let IpAddr::V4(address) = local.ip() else { return None };
        if let Some(host) = cache.lock().unwrap().hosts.get(&address) {
            return Some(host.clone());
        }
        let host = population(seed, address)?;
        cache.lock().unwrap().insert(address, host.clone());
        Some(host)
    })
}

/// The truth about these addresses as tab-separated values with a header line; what there is not is empty.
#[must_use]
pub fn table(seed: u64, addresses: impl IntoIterator<Item = Ipv4Addr>) -> String {
    let mut out = String::from("address\tpersona\tname\tdns\tdomain\tbuild\tskew_ms\tserial\n");
    for address in addresses {
        let Truth { persona, name, dns, domain, build, skew_ms, certificate, .. } = truth(seed, address);
        let dns = dns.unwrap_or_default();
        let name = name.unwrap_or_default();
        let domain = domain.unwrap_or_default();
        let build = build.map(|build| build.to_string()).unwrap_or_default();
        let skew = skew_ms.map(|skew| skew.to_string()).unwrap_or_default();
        write!(out, "{address}\t{persona:?}\t{name}\t{dns}\t{domain}\t{build}\t{skew}\t").unwrap();
        for octet in certificate.iter().filter_map(|certificate| certificate.serial_octets()).flatten() {
            write!(out, "{octet:02x}").unwrap();
        }
        out.push('\n');
    }
    out
}

fn host(seed: u64, truth: Truth) -> Option<Host> {
    let Truth { address, persona, dns, domain, build, skew_ms, certificate, legacy, .. } = truth;
    let dns = dns.unwrap_or_default();
    let name = dns.split('.').next().unwrap_or_default();
    let plain = || Host::windows(name, build.unwrap_or(17763));
    let mut host = match persona {
        Persona::Closed => return None,
        Persona::Classic => {
            let classic = Host::windows(name, 3790).classic(draw(seed, address, "bare").is_multiple_of(2));
            let own_key = Key::rsa2048(own_key(seed, address));
            classic.encryption(certificate.clone().map_or_else(|| Encryption::proprietary(own_key), Encryption::x509))
        }
        Persona::Silent => Host::silent(),
        Persona::Resetting => plain().reset_after(Stage::Requested),
        Persona::LegacyTls => Host::windows(name, 7601).legacy(legacy?),
        Persona::Hostile => trick(draw(seed, address, "trick")),
        Persona::FreeRdp | Persona::FreeRdpRenamed => Host::freerdp(name),
        Persona::WithoutNla => plain().without_nla(),
        Persona::Slow => plain().delay(SLOW),
        Persona::Member => plain().domain(&domain.unwrap_or_default()),
        _ => plain(),
    };
    if let Some(certificate) = certificate {
        host = host.certificate(certificate);
    }
    Some(match skew_ms {
        Some(skew) => host.ntlm_skew(skew),
        None => host,
    })
}

/// One of the tricks of hostile hosts, none of which names a computer.
fn trick(number: u64) -> Host {
    let slowly = Duration::from_secs(1);
    let scripts = [
        Script::Banner(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        Script::Banner(b"220 mail.example.net ESMTP\r\n".to_vec()),
        Script::EndlessBanner(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Script::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Script::Garbage(vec![0xFF; 64]),
        Script::HalfConfirm,
        Script::TpktLength(0xFFFF),
        Script::TpktLength(5),
        Script::Tarpit(slowly),
        Script::McsDisconnect,
        Script::Select(0xDEAD_BEEF),
        Script::PlainText(vec![0, 1, 0, 4, 0, 1, 0, 0, 0, 5, 0x2E]),
        Script::Drip(slowly),
        Script::Select(PROTOCOL_SSL | 2),
    ];
    let nameless = || Host::windows("WIN-SCRIPTEDHOST", 20348);
    // What stands for its certificate names nobody, and nothing is signed.
    let twisted = |twist: Twist| {
        let tls = LegacyTls::tls12_rsa().reply(Reply::Flight).twist(twist);
        nameless().certificate(Certificate::bytes(b"no certificate".to_vec(), Key::rsa2048(0))).legacy(tls)
    };
    let lying = |fault: GccFault| nameless().classic(true).mcs(Mcs::Response(ServerData::windows(7601).fault(fault)));
    let tricks: Vec<Host> = [
        twisted(Twist::Warnings),
        twisted(Twist::HelloRequests),
        twisted(Twist::Sslv2),
        twisted(Twist::Tls13),
        twisted(Twist::Downgrade(0)),
        twisted(Twist::HugeCertificate),
        twisted(Twist::EmptyRecords),
        twisted(Twist::EndlessWarnings),
        twisted(Twist::BreakOff(40)),
        twisted(Twist::Unfinished),
        lying(GccFault::BlockTooLong),
        lying(GccFault::EndlessChain),
        nameless().classic(true).mcs(Mcs::Silence),
        nameless().classic(false).mcs(Mcs::Raw(vec![0xFF; 64])),
    ]
    .into_iter()
    .chain(scripts.map(Host::scripted))
    .collect();
    choose(&tricks, number).clone()
}

#[derive(Default)]
struct Cache {
    hosts: HashMap<Ipv4Addr, Arc<Host>>,
    order: VecDeque<Ipv4Addr>,
}

impl Cache {
    fn insert(&mut self, address: Ipv4Addr, host: Arc<Host>) {
        if self.hosts.insert(address, host).is_none() {
            self.order.push_back(address);
        }
        if self.order.len() > CACHED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hosts.remove(&oldest);
        }
    }
}
