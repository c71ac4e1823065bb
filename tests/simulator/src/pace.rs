//! Waiting without missing that the client has gone: what the journal says about the end of a connection must be right for
//! slow hosts too.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How often a waiting host looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(20);

/// Waits so long, or until the client is gone.
pub(crate) async fn think(tcp: &TcpStream, delay: Duration) -> io::Result<()> {
    if delay.is_zero() {
        return Ok(());
    }
    let gone = async {
        while !tcp.ready(Interest::READABLE).await?.is_read_closed() {
            sleep(LOOK).await;
        }
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        () = sleep(delay) => Ok(()),
        gone = gone => Err(gone.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into())),
    }
}

/// Sends `bytes` one at a time.
pub(crate) async fn drip(tcp: &mut TcpStream, bytes: &[u8], interval: Duration) -> io::Result<()> {
    for byte in bytes {
        tcp.write_all(&[*byte]).await?;
        think(tcp, interval).await?;
    }
    Ok(())
}

/// A confirm that never ends, one byte at a time.
pub(crate) async fn tarpit(tcp: &mut TcpStream, interval: Duration) -> io::Result<()> {
    drip(tcp, &[3, 0, 0xFF, 0xFF, 0xFE, 0xD0, 0, 0, 0x12, 0x34, 0], interval).await?;
    drip(tcp, &vec![0; 0xFFFF - 11], interval).await
}
