//! The steps in their order, under one deadline.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio::time::Instant;

use super::channel::Channel;
#[cfg(feature = "legacy-tls")]
use super::legacy_tls;
use super::negotiation::{self, Agreed};
use super::wire::{ConnectError, Fault, Wire};
use super::{Depth, LocalFault, Prober, clear_flight, credssp, mcs};
use crate::observe::{Certificate, Observation, Stage, Status};
use crate::proto::mcs::ConnectInitial;
use crate::proto::x224::Protocols;

/// What the first Connection Request offers; a Windows host with NLA chooses CredSSP from it.
const OFFER: Protocols = Protocols::SSL.and(Protocols::HYBRID).and(Protocols::HYBRID_EX);

/// A timer that fires so much too late says that this machine did not run.
const OWN_STALL: Duration = Duration::from_millis(500);

pub(super) async fn run(prober: &Prober, endpoint: SocketAddr) -> Result<Observation, LocalFault> {
    let seen = Observation::begin(endpoint.ip(), endpoint.port(), to_millisecond(Timestamp::now()));
    let deadline = Instant::now() + prober.settings.deadline;
    let mut dialogue = Dialogue { prober, endpoint, deadline, seen };
    let ended = dialogue.speak().await?;
    let mut seen = dialogue.seen;
    match ended {
        Err(Fault { local: Some(fault), .. }) => return Err(fault),
        Ok(()) => seen.status = Status::Success,
        Err(Fault { status, error, anomaly, local: None }) => {
            seen.status = status;
            seen.error = Some(error);
            seen.note(anomaly);
        }
    }
    Ok(seen)
}

/// More digits would only promise a precision that a busy scanner does not have.
fn to_millisecond(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}

/// The two ways to speak with a host that refuses modern TLS.
#[derive(Clone, Copy)]
enum OldTls {
    /// A whole handshake.
    #[cfg(feature = "legacy-tls")]
    Handshake,
    /// Its first flight, read in clear.
    FlightInClear,
}

struct Dialogue<'a> {
    prober: &'a Prober,
    endpoint: SocketAddr,
    deadline: Instant,
    seen: Observation,
}

impl Dialogue<'_> {
    async fn speak(&mut self) -> Result<Result<(), Fault>, LocalFault> {
        let mut wire = match self.connect().await? {
            Ok(wire) => wire,
            Err(fault) => {
                // A connection that was closed has been open.
                if fault.status == Status::ConnectionClosed {
                    self.seen.stage = Stage::X224;
                }
                return Ok(Err(fault));
            }
        };
        self.seen.stage = Stage::X224;
        let mut offer = OFFER;
        let agreed = match self.negotiate(&mut wire, offer).await {
            Ok(Agreed::AskAgainFor(wanted)) => {
                wire.close().await;
                self.seen.x224_first = self.seen.x224.take();
                offer = wanted;
                match self.ask_again(wanted).await? {
                    Ok((second, agreed)) => {
                        wire = second;
                        agreed
                    }
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            Ok(Agreed::On(protocol)) => protocol,
            Err(fault) => {
                wire.close().await;
                return Ok(Err(fault));
            }
        };
        let ended = if agreed.starts_tls() {
            self.speak_tls(&mut wire, agreed).await
        } else {
            self.speak_mcs(Channel::Clear(&mut wire), agreed).await
        };
        wire.close().await;
        match ended {
            Err(fault) if self.is_refused_by_modern_tls(&fault) => {
                // Rare, and not to be carried about by every dialogue.
                Box::pin(self.speak_old_tls(offer, fault)).await
            }
            ended => Ok(ended),
        }
    }

    async fn connect(&mut self) -> Result<Result<Wire, Fault>, LocalFault> {
        let start = Instant::now();
        let limit = self.time_left().min(self.prober.settings.connect_timeout);
        match Wire::connect(self.endpoint, limit).await {
            Ok(wire) => {
                self.seen.rtt_us = u64::try_from(start.elapsed().as_micros()).ok();
                Ok(Ok(wire))
            }
            Err(ConnectError::Host(fault)) => Ok(Err(fault)),
            Err(ConnectError::Local(fault)) => Err(fault),
        }
    }

    async fn negotiate(&mut self, wire: &mut Wire, offer: Protocols) -> Result<Agreed, Fault> {
        let mut exchange = negotiation::Exchange::offering(offer);
        let prober = self.prober;
        let cookie = prober.settings.cookie.as_str();
        let result = self.within_step(exchange.run(wire, cookie)).await;
        self.seen.x224 = Some(exchange.facts);
        self.seen.note(exchange.anomalies);
        result
    }

    /// The second try, which offers what the server asked for.
    async fn ask_again(&mut self, wanted: Protocols) -> Result<Result<(Wire, Protocols), Fault>, LocalFault> {
        let mut wire = match self.connect_again().await? {
            Ok(wire) => wire,
            Err(fault) => return Ok(Err(fault)),
        };
        match self.negotiate(&mut wire, wanted).await {
            Ok(Agreed::On(protocol)) => Ok(Ok((wire, protocol))),
            Ok(Agreed::AskAgainFor(other)) => {
                wire.close().await;
                let error = format!("the server was offered {wanted} as it asked, and then asked for {other}");
                Ok(Err(Fault::new(Status::ApplicationError, error)))
            }
            Err(fault) => {
                wire.close().await;
                Ok(Err(fault))
            }
        }
    }

    /// Another connection, not at once and at the allowed pace.
    async fn connect_again(&mut self) -> Result<Result<Wire, Fault>, LocalFault> {
        let pause = self.prober.settings.pause;
        if self.time_left() > pause {
            tokio::time::sleep(pause).await;
        } else {
            return Ok(Err(Fault::new(Status::IoTimeout, "the time allowed ended before another connection")));
        }
        let waiting = Instant::now();
        self.prober.pace.admit().await;
        self.deadline += waiting.elapsed();
        let rtt_us = self.seen.rtt_us;
        let connected = self.connect().await?;
        // The first connection's time is kept: it was measured on a host that had not spoken with us.
        self.seen.rtt_us = rtt_us.or(self.seen.rtt_us);
        Ok(connected.map_err(|fault| {
            let error = format!("another connection: {}", fault.error);
            Fault { error, ..fault }
        }))
    }

    async fn speak_tls(&mut self, wire: &mut Wire, agreed: Protocols) -> Result<(), Fault> {
        self.seen.stage = Stage::Tls;
        let mut session = self.prober.tls.session(self.endpoint.ip(), self.prober.settings.depth)?;
        let mut result = self.within_step(session.handshake(wire)).await;
        let (tls, anomalies) = session.facts();
        self.seen.tls = Some(tls);
        self.seen.note(anomalies);
        if result.is_ok() {
            if !self.is_enough() {
                result = self.speak_in_tls(Channel::Tls(&mut session, wire), agreed).await;
                if let Some(tls) = &mut self.seen.tls {
                    tls.alert = tls.alert.take().or_else(|| session.alert().cloned());
                }
            }
            // A host that has stopped reading must not hold us; the goodbye is a courtesy.
            let _courtesy = self
                .within_step(async {
                    session.close(wire).await;
                    Ok(())
                })
                .await;
        }
        result
    }

    async fn speak_in_tls(&mut self, mut channel: Channel<'_>, agreed: Protocols) -> Result<(), Fault> {
        if agreed == Protocols::SSL {
            return self.speak_mcs(channel, agreed).await;
        }
        if !agreed.starts_credssp() {
            return Ok(());
        }
        self.seen.stage = Stage::Credssp;
        let mut exchange = credssp::Exchange::default();
        let sent = self.within_step(exchange.run(&mut channel)).await;
        let read = exchange.read_into(&mut self.seen);
        // What broke the exchange off explains more than what is then missing from it.
        sent.and(read)
    }

    /// The last step with a host without NLA, which answers it before any logon.
    async fn speak_mcs(&mut self, mut channel: Channel<'_>, agreed: Protocols) -> Result<(), Fault> {
        self.seen.stage = Stage::Mcs;
        let prober = self.prober;
        let request = ConnectInitial { client_name: prober.settings.cookie.as_str(), selected: agreed };
        let mut exchange = mcs::Exchange::default();
        let sent = self.within_step(exchange.run(&mut channel, request)).await;
        let read = exchange.read_into(&mut self.seen);
        sent.and(read)
    }

    /// Whether the host has said what the depth asks for.
    fn is_enough(&self) -> bool {
        self.prober.settings.depth == Depth::Certificate && self.seen.leaf().is_some_and(Certificate::names_a_machine)
    }

    /// Whether the host refused what a modern TLS library offers and has not shown its certificate. Schannel refuses by an
    /// alert, a reset or a close.
    fn is_refused_by_modern_tls(&self, fault: &Fault) -> bool {
        let is_refusal = matches!(fault.status, Status::HandshakeError | Status::ConnectionClosed);
        self.seen.stage == Stage::Tls && is_refusal && fault.local.is_none() && self.seen.leaf().is_none()
    }

    /// What can still be had of a host that refused modern TLS: with OpenSSL built in the whole dialogue, otherwise, or where
    /// that fails too, what it shows in clear. Then the handshake has failed all the same, and `failed` stays the result.
    async fn speak_old_tls(&mut self, offer: Protocols, failed: Fault) -> Result<Result<(), Fault>, LocalFault> {
        #[cfg(feature = "legacy-tls")]
        let failed = match self.once_more(offer, OldTls::Handshake).await? {
            Err(fault) if self.is_refused_by_modern_tls(&fault) => failed.followed_by(&fault),
            Err(fault) if self.seen.stage == Stage::Tls => return Ok(Err(self.after_all(failed, &fault))),
            ended => return Ok(ended),
        };
        Ok(Err(match self.once_more(offer, OldTls::FlightInClear).await? {
            Err(fault) => self.after_all(failed, &fault),
            Ok(()) => failed,
        }))
    }

    /// What is to be told of a handshake that failed twice: both reasons, unless the chain came all the same.
    fn after_all(&self, failed: Fault, later: &Fault) -> Fault {
        if self.seen.leaf().is_none() { failed.followed_by(later) } else { failed }
    }

    /// Speaks old TLS on another connection.
    async fn once_more(&mut self, offer: Protocols, way: OldTls) -> Result<Result<(), Fault>, LocalFault> {
        let mut wire = match self.connect_again().await? {
            Ok(wire) => wire,
            Err(fault) => return Ok(Err(fault)),
        };
        let ended = match (self.agree_on_tls(&mut wire, offer).await, way) {
            #[cfg(feature = "legacy-tls")]
            (Ok(agreed), OldTls::Handshake) => self.speak_legacy_tls(&mut wire, agreed).await,
            (Ok(_), OldTls::FlightInClear) => self.read_in_clear(&mut wire).await,
            (Err(fault), _) => Err(fault),
        };
        wire.close().await;
        match ended {
            Err(Fault { local: Some(local), .. }) => Err(local),
            ended => {
                self.seen.note(ended.as_ref().err().and_then(|fault| fault.anomaly));
                Ok(ended)
            }
        }
    }

    async fn agree_on_tls(&mut self, wire: &mut Wire, offer: Protocols) -> Result<Protocols, Fault> {
        let mut exchange = negotiation::Exchange::offering(offer);
        let prober = self.prober;
        let agreed = self.within_step(exchange.run(wire, prober.settings.cookie.as_str())).await?;
        let before = self.seen.x224.as_ref().and_then(|x224| x224.selected_protocol.as_ref());
        match agreed {
            // What is read is added to the record of the first answer, and must belong to it.
            Agreed::On(protocol) if before == exchange.facts.selected_protocol.as_ref() => Ok(protocol),
            _ => Err(Fault::new(Status::ProtocolError, "the server does not select the same protocol again")),
        }
    }

    /// Sends a hello that offers everything old and reads the flight that answers it, which completes no handshake.
    async fn read_in_clear(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let mut exchange = clear_flight::Exchange::new()?;
        let read = self.within_step(exchange.run(wire)).await;
        exchange.read_into(&mut self.seen);
        read
    }

    #[cfg(feature = "legacy-tls")]
    async fn speak_legacy_tls(&mut self, wire: &mut Wire, agreed: Protocols) -> Result<(), Fault> {
        let mut session = legacy_tls::Session::new()?;
        let result = self.within_step(session.handshake(wire)).await;
        session.read_into(&mut self.seen);
        result?;
        let result = if self.is_enough() {
            Ok(())
        } else {
            self.speak_in_tls(Channel::LegacyTls(&mut session, wire), agreed).await
        };
        let _courtesy = self
            .within_step(async {
                session.close(wire).await;
                Ok(())
            })
            .await;
        result
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs a step under its time limit.
    ///
    /// A step that is late although its timer was later still was held up by this machine, which was suspended or
    /// overloaded. That time is not the host's: the deadline moves, and the step goes on.
    async fn within_step<T>(&mut self, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let mut step = pin!(step);
        loop {
            let (start, limit) = (Instant::now(), self.time_left().min(self.prober.settings.step_timeout));
            if let Ok(result) = tokio::time::timeout(limit, &mut step).await {
                return result;
            }
            if start.elapsed() < limit + OWN_STALL {
                return Err(Fault::new(Status::IoTimeout, "no complete answer in the time allowed"));
            }
            self.deadline += start.elapsed();
        }
    }
}
