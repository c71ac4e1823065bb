//! What a server saw of its clients, for assertions about how a scanner behaves.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::legacy::ClientHello;
use crate::mcs::ConnectInitial;

/// Dialogues kept per address; later ones are only counted, so that a benchmark of one address does not fill the memory.
const KEPT: usize = 4096;

/// How far a dialogue got, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The connection was accepted.
    Accepted,
    /// A well-formed X.224 Connection Request came.
    Requested,
    /// It was answered, with whatever the host answers.
    Confirmed,
    /// The first bytes of TLS came: the `ClientHello` is there and unanswered.
    Hello,
    /// TLS is complete.
    Handshaken,
    /// A well-formed `TSRequest` with an NTLM NEGOTIATE came.
    Negotiated,
    /// It was answered, with whatever the host answers.
    Challenged,
}

/// One connection as the server saw it.
#[derive(Debug, Clone)]
pub struct Dialogue {
    /// How far it got.
    pub stage: Stage,
    /// `requestedProtocols`; `None` before the request, and where it has no `RDP_NEG_REQ`.
    pub protocols: Option<u32>,
    /// The cookie of the request, without its line end.
    pub cookie: Option<Vec<u8>>,
    /// The client's NTLM NEGOTIATE.
    pub negotiate: Option<Vec<u8>>,
    /// The client's hello, where the host speaks its TLS by hand.
    pub hello: Option<ClientHello>,
    /// Whether a flight answered it.
    pub flight: bool,
    /// The client's MCS Connect Initial.
    pub connect_initial: Option<ConnectInitial>,
    /// Whether it was answered, with whatever the host answers.
    pub connect_answered: bool,
    /// Bytes that came after that answer; alerts of TLS do not count.
    pub bytes_after_connect: u64,
    /// Bytes that came outside TLS after the request was answered, where no TLS was begun; after a flight that was written by
    /// hand, what followed it.
    pub clear_bytes: u64,
    /// Application data, decrypted, that came after the challenge was sent; alerts do not count.
    pub bytes_after_challenge: u64,
    /// Whether the client ended TLS with a `close_notify`.
    pub close_notify: bool,
    /// When it was accepted.
    pub started: Instant,
    /// When the client's close was seen, or the server closed; `None` while it lasts.
    pub ended: Option<Instant>,
}

/// All connections to one address.
#[derive(Debug, Clone, Default)]
pub struct HostJournal {
    /// How many there were.
    pub connections: usize,
    /// How many lasted at one time, at most.
    pub at_once: usize,
    /// The shortest time from the end of one to the start of the next; zero where they overlapped, `None` for a single one.
    pub smallest_gap: Option<Duration>,
    /// The first 4096, in the order in which they were accepted.
    pub dialogues: Vec<Dialogue>,
}

/// A snapshot of everything that a server saw.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// By the address that the client connected to.
    pub hosts: BTreeMap<IpAddr, HostJournal>,
    /// Connections that still last.
    pub open: usize,
}

impl Journal {
    /// What was seen at one address; nothing, if no connection came.
    #[must_use]
    pub fn host(&self, address: impl Into<IpAddr>) -> HostJournal {
        self.hosts.get(&address.into()).cloned().unwrap_or_default()
    }

    /// Connections to all addresses.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.hosts.values().map(|host| host.connections).sum()
    }

    /// The greatest number of simultaneous connections that any one address saw.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.hosts.values().map(|host| host.at_once).max().unwrap_or(0)
    }

    /// The smallest gap that any one address saw.
    #[must_use]
    pub fn smallest_gap(&self) -> Option<Duration> {
        self.hosts.values().filter_map(|host| host.smallest_gap).min()
    }

    /// All dialogues with their addresses.
    pub fn dialogues(&self) -> impl Iterator<Item = (IpAddr, &Dialogue)> {
        self.hosts.iter().flat_map(|(&address, host)| host.dialogues.iter().map(move |dialogue| (address, dialogue)))
    }
}

/// The journal while it is being written.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pages: Mutex<HashMap<IpAddr, Page>>,
}

#[derive(Debug, Default)]
struct Page {
    connections: usize,
    open: usize,
    at_once: usize,
    last_end: Option<Instant>,
    smallest_gap: Option<Duration>,
    dialogues: Vec<Arc<Mutex<Dialogue>>>,
}

/// The line of one connection in the ledger. Dropping it ends the connection there.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    address: IpAddr,
    dialogue: Arc<Mutex<Dialogue>>,
}

impl Ledger {
    /// Enters a connection that was just accepted.
    pub(crate) fn open(self: &Arc<Self>, address: IpAddr) -> Entry {
        let started = Instant::now();
        let dialogue = Arc::new(Mutex::new(Dialogue {
            stage: Stage::Accepted,
            protocols: None,
            cookie: None,
            negotiate: None,
            hello: None,
            flight: false,
            connect_initial: None,
            connect_answered: false,
            bytes_after_connect: 0,
            clear_bytes: 0,
            bytes_after_challenge: 0,
            close_notify: false,
            started,
            ended: None,
        }));
        let mut pages = self.pages.lock().unwrap();
        let page = pages.entry(address).or_default();
        if page.connections > 0 {
            let since = page.last_end.filter(|_| page.open == 0).map_or(Duration::ZERO, |end| started - end);
            page.smallest_gap = Some(page.smallest_gap.map_or(since, |gap| gap.min(since)));
        }
        page.connections += 1;
        page.open += 1;
        page.at_once = page.at_once.max(page.open);
        if page.dialogues.len() < KEPT {
            page.dialogues.push(dialogue.clone());
        }
        Entry { ledger: self.clone(), address, dialogue }
    }

    pub(crate) fn snapshot(&self) -> Journal {
        let pages = self.pages.lock().unwrap();
        let hosts = pages.iter().map(|(&address, page)| {
            let dialogues = page.dialogues.iter().map(|dialogue| dialogue.lock().unwrap().clone()).collect();
            let Page { connections, at_once, smallest_gap, .. } = *page;
            (address, HostJournal { connections, at_once, smallest_gap, dialogues })
        });
        Journal { hosts: hosts.collect(), open: pages.values().map(|page| page.open).sum() }
    }

    /// Connections that last.
    pub(crate) fn open_connections(&self) -> usize {
        self.pages.lock().unwrap().values().map(|page| page.open).sum()
    }
}

impl Entry {
    /// Changes what is written about the connection.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Dialogue)) {
        change(&mut self.dialogue.lock().unwrap());
    }

    /// The connection is over, by whichever side; only the first call counts.
    pub(crate) fn end(&self) {
        let mut pages = self.ledger.pages.lock().unwrap();
        let mut dialogue = self.dialogue.lock().unwrap();
        if dialogue.ended.is_some() {
            return;
        }
        let now = Instant::now();
        dialogue.ended = Some(now);
        let page = pages.entry(self.address).or_default();
        page.open -= 1;
        page.last_end = Some(now);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.end();
    }
}
