//! What carries a step of the dialogue: the bare connection or TLS over it.

#[cfg(feature = "legacy-tls")]
use super::legacy_tls;
use super::tls::Session;
use super::wire::{CHUNK, Fault, Wire};

/// The way to the host and back.
pub(super) enum Channel<'a> {
    /// The TCP connection.
    Clear(&'a mut Wire),
    /// TLS over it.
    Tls(&'a mut Session, &'a mut Wire),
    /// TLS as old hosts speak it.
    #[cfg(feature = "legacy-tls")]
    LegacyTls(&'a mut legacy_tls::Session, &'a mut Wire),
}

impl Channel<'_> {
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Clear(wire) => wire.write(message).await,
            Self::Tls(session, wire) => session.send(wire, message).await,
            #[cfg(feature = "legacy-tls")]
            Self::LegacyTls(session, wire) => session.send(wire, message).await,
        }
    }

    /// Waits for data and appends it to `buffer`, at most up to `limit` bytes in all. Returns `false` when the host has
    /// closed and nothing more will come.
    pub(super) async fn receive(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<bool, Fault> {
        match self {
            Self::Clear(wire) => {
                let room = limit.saturating_sub(buffer.len()).min(CHUNK);
                let count = wire
                    .read(room, |bytes| {
                        buffer.extend_from_slice(bytes);
                        bytes.len()
                    })
                    .await?;
                Ok(count > 0)
            }
            Self::Tls(session, wire) => session.receive(wire, buffer, limit).await,
            #[cfg(feature = "legacy-tls")]
            Self::LegacyTls(session, wire) => session.receive(wire, buffer, limit).await,
        }
    }
}
