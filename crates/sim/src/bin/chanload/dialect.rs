//! What each server wants to hear before it delivers, and how one publishes to it.

use crate::Target;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Begins every message body; what follows is its time in nanoseconds.
pub(crate) const MARK: [u8; 8] = *b"\x02tandem\x03";
/// A server must answer within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server speaks inside WebSocket frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// Nothing: every message goes to all others.
    Raw,
    /// Text protocol of NATS.
    Nats,
    /// MQTT 3.1.1, quality of service 0.
    Mqtt,
    /// Centrifuge, protobuf.
    Centrifuge,
}

/// A masked client frame; the mask is zero, which is as good as any other.
pub(crate) fn frame(opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match body.len() {
        n if n < 126 => frame.push(0x80 | n as u8),
        n if n < 65_536 => {
            frame.push(0x80 | 126);
            frame.extend((n as u16).to_be_bytes());
        }
        n => {
            frame.push(0x80 | 127);
            frame.extend((n as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(body);
    frame
}

pub(crate) fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A protobuf field of bytes; empty ones are left out.
pub(crate) fn field(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    if !value.is_empty() {
        out.push(number << 3 | 2);
        varint(out, value.len() as u64);
        out.extend(value);
    }
}

/// A protobuf field of a number; zero is left out.
pub(crate) fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        varint(out, u64::from(field) << 3);
        varint(out, value);
    }
}

/// A Centrifuge command with its length before it.
pub(crate) fn command(id: u64, request: u8, body: &[u8]) -> Vec<u8> {
    let mut inner = vec![1 << 3];
    varint(&mut inner, id);
    inner.push(request << 3 | 2);
    varint(&mut inner, body.len() as u64);
    inner.extend(body);
    let mut out = Vec::new();
    varint(&mut out, inner.len() as u64);
    out.extend(inner);
    out
}

/// A message body of `size` bytes that carries the present time.
pub(crate) fn message(size: usize) -> Vec<u8> {
    let mut body = vec![b'a'; size.max(16)];
    body[..8].copy_from_slice(&MARK);
    body[8..16].copy_from_slice(&crate::process::now_ns().to_le_bytes());
    body
}

impl Target {
    /// Connects and upgrades.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.addr).await?;
        stream.set_nodelay(true)?;
        let protocol = match self.dialect {
            Dialect::Mqtt => "Sec-WebSocket-Protocol: mqtt\r\n",
            Dialect::Centrifuge => "Sec-WebSocket-Protocol: centrifuge-protobuf\r\n",
            _ => "",
        };
        let (path, addr) = (&self.path, &self.addr);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        // What comes behind the head is a greeting nobody needs.
        let mut head = Vec::with_capacity(512);
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            let n = timeout(PATIENCE, stream.read_buf(&mut head)).await.map_err(|_| late())??;
            if n == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(stream)
    }

    /// Says who it is, and subscribes if it is to listen.
    pub(crate) async fn enter(&self, stream: &mut TcpStream, id: usize, listen: bool) -> io::Result<()> {
        match self.dialect {
            Dialect::Raw => Ok(()),
            Dialect::Nats => {
                let hello = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nPING\r\n";
                stream.write_all(&frame(2, hello)).await?;
                if listen {
                    stream.write_all(&frame(2, format!("SUB {} 1\r\nPING\r\n", self.channel).as_bytes())).await?;
                }
                self.heard(stream).await
            }
            Dialect::Mqtt => {
                let client = format!("c{id}");
                let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
                body.extend((client.len() as u16).to_be_bytes());
                body.extend(client.as_bytes());
                stream.write_all(&frame(2, &mqtt(0x10, &body))).await?;
                self.heard(stream).await?;
                if listen {
                    let mut body = vec![0, 1];
                    body.extend((self.channel.len() as u16).to_be_bytes());
                    body.extend(self.channel.as_bytes());
                    body.push(0);
                    stream.write_all(&frame(2, &mqtt(0x82, &body))).await?;
                    self.heard(stream).await?;
                }
                Ok(())
            }
            Dialect::Centrifuge => {
                let mut connect = Vec::new();
                field(&mut connect, 1, self.token.as_bytes());
                stream.write_all(&frame(2, &command(1, 4, &connect))).await?;
                self.heard(stream).await?;
                if listen {
                    let mut subscribe = Vec::new();
                    field(&mut subscribe, 1, self.channel.as_bytes());
                    stream.write_all(&frame(2, &command(2, 5, &subscribe))).await?;
                    self.heard(stream).await?;
                }
                Ok(())
            }
        }
    }

    async fn heard(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut answer = [0; 1024];
        let n = timeout(PATIENCE, stream.read(&mut answer)).await.map_err(|_| late())??;
        if n == 0 || answer[0] & 0x0f == 8 {
            return Err(io::Error::other("the server closed the connection"));
        }
        Ok(())
    }

    /// One publication as a frame.
    pub(crate) fn publication(&self, id: u64, body: &[u8]) -> Vec<u8> {
        match self.dialect {
            Dialect::Raw => frame(2, body),
            Dialect::Nats => {
                let mut text = format!("PUB {} {}\r\n", self.channel, body.len()).into_bytes();
                text.extend(body);
                text.extend(b"\r\n");
                frame(2, &text)
            }
            Dialect::Mqtt => {
                let mut packet = Vec::new();
                packet.extend((self.channel.len() as u16).to_be_bytes());
                packet.extend(self.channel.as_bytes());
                packet.extend(body);
                frame(2, &mqtt(0x30, &packet))
            }
            Dialect::Centrifuge => {
                let mut publish = Vec::new();
                field(&mut publish, 1, self.channel.as_bytes());
                field(&mut publish, 2, body);
                frame(2, &command(id, 7, &publish))
            }
        }
    }
}

fn mqtt(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    varint(&mut packet, body.len() as u64);
    packet.extend(body);
    packet
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server did not answer")
}
