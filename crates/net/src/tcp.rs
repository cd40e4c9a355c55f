//! ICE over TCP (RFC 6544, passive): for clients whose network lets no UDP through.
//!
//! A task per connection frames packets (RFC 4571: two bytes of length, then the packet) between
//! the socket and the shard that owns the room. Which shard that is, the first STUN message tells.

use crate::mailbox::{Mail, ShardHandle, Shards, TcpPath};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tandem_wire::rfc4571;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Connections at once; more are closed at once.
const CONNECTIONS: usize = 4096;
/// Packets waiting for one slow client; more are dropped, as UDP would.
const QUEUE: usize = 256;
/// A client that says nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);

/// Listens and serves until the process ends. Returns the port.
///
/// # Errors
/// The port is taken or the address is not ours.
pub async fn listen(bind: IpAddr, port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((bind, port))
        .await
        .map_err(|e| io::Error::new(e.kind(), format!("cannot use TCP port {port} on {bind}: {e}")))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves connections of a listener made by [`listen`].
pub async fn serve(listener: TcpListener, shards: Shards) {
    let slots = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let Ok(slot) = std::sync::Arc::clone(&slots).try_acquire_owned() else { continue };
        let shards = shards.clone();
        tokio::spawn(async move {
            // An error ends this client's path only; it will try another.
            let _ = connection(stream, remote, &shards).await;
            drop(slot);
        });
    }
}

async fn connection(mut stream: TcpStream, remote: SocketAddr, shards: &Shards) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut decoder = rfc4571::Decoder::new();
    let mut buffer = BytesMut::with_capacity(4096);
    let (sender, mut outbox) = mpsc::channel::<Bytes>(QUEUE);
    let (mut reader, mut writer) = stream.split();
    let path = TcpPath { remote, local, outbox: sender };
    // Every shard learns of the path: user fragments do not name their shard, and all but one
    // will drop what they do not know.
    let handles: Vec<ShardHandle> = shards.all().cloned().collect();
    for handle in &handles {
        let _ = handle.send(Mail::TcpOpen(path.clone()));
    }
    drop(path);
    let read = async {
        loop {
            buffer.clear();
            let got = tokio::time::timeout(IDLE, reader.read_buf(&mut buffer)).await;
            if got.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Ok::<(), io::Error>(());
            }
            decoder.push(&buffer).map_err(|_| io::ErrorKind::InvalidData)?;
            while let Some(packet) = decoder.next_packet() {
                for handle in &handles {
                    let _ = handle.send(Mail::TcpData { remote, data: packet.clone() });
                }
            }
        }
    };
    let write = async {
        while let Some(packet) = outbox.recv().await {
            let Ok(length) = u16::try_from(packet.len()) else { continue };
            let mut frame = Vec::with_capacity(packet.len() + 2);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&packet);
            writer.write_all(&frame).await?;
        }
        Ok::<(), io::Error>(())
    };
    let ended = tokio::select! { ended = read => ended, ended = write => ended };
    for handle in &handles {
        let _ = handle.send(Mail::TcpClosed { remote });
    }
    ended
}
