//! Asks a STUN server how we look from there: over UDP, TCP and TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Time for one answer, and how often UDP is tried.
const PATIENCE: Duration = Duration::from_millis(700);
const TRIES: usize = 3;
const CONNECT: Duration = Duration::from_secs(4);

fn request(id: TransactionId) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = Builder::new(&mut bytes, Class::Request, Method::Binding, id).fingerprint();
    bytes
}

fn mapped(bytes: &[u8], id: TransactionId) -> Option<SocketAddr> {
    let message = Message::parse(bytes).ok().filter(|message| message.id == id && message.class == Class::Success)?;
    message.address(attribute::XOR_MAPPED_ADDRESS)
}

pub(super) async fn udp(server: SocketAddr) -> io::Result<SocketAddr> {
    let any: SocketAddr =
        if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let id = TransactionId(rand::random());
    let mut buffer = [0; 512];
    for _ in 0..TRIES {
        socket.send(&request(id)).await?;
        if let Ok(received) = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await
            && let Some(address) = mapped(buffer.get(..received?).unwrap_or_default(), id)
        {
            return Ok(address);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

pub(super) async fn tcp(server: SocketAddr) -> io::Result<SocketAddr> {
    let stream =
        tokio::time::timeout(CONNECT, TcpStream::connect(server)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    over(stream).await
}

async fn over(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<SocketAddr> {
    let id = TransactionId(rand::random());
    let answer = async {
        stream.write_all(&request(id)).await?;
        let mut header = [0; 20];
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])).min(1024);
        let mut message = header.to_vec();
        message.resize(20 + length, 0);
        stream.read_exact(message.get_mut(20..).unwrap_or_default()).await?;
        mapped(&message, id).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    };
    tokio::time::timeout(CONNECT, answer).await.map_err(|_| io::ErrorKind::TimedOut)?
}
