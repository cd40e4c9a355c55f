//! The least a WebSocket broadcast costs on this machine: one thread, no tokens, no channels, no
//! bounds. Every binary message goes to all other connections. With `--gather`, messages found in
//! one read go out together, one call per connection; without, each costs a call of its own.
//! A yardstick for benchmarks, not a server.

use clap::Parser;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

const LISTENER: Token = Token(0);

#[derive(Parser)]
struct Options {
    /// Port on 127.0.0.1; 0 takes a free one, which is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write messages of one read together.
    #[arg(long)]
    gather: bool,
}

struct Conn {
    stream: TcpStream,
    open: bool,
    buffer: Vec<u8>,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(([127, 0, 0, 1], options.port).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{{\"ready\":true,\"port\":{}}}", listener.local_addr()?.port());
    let mut conns: BTreeMap<usize, Conn> = BTreeMap::new();
    let (mut next, mut events, mut piece) = (1, Events::with_capacity(1024), vec![0; 64 * 1024]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                    conns.insert(next, Conn { stream, open: false, buffer: Vec::new() });
                    next += 1;
                }
                continue;
            }
            let id = event.token().0;
            let Some(conn) = conns.get_mut(&id) else { continue };
            let gone = loop {
                match conn.stream.read(&mut piece) {
                    Ok(0) => break true,
                    Ok(n) => conn.buffer.extend_from_slice(&piece[..n]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                    Err(_) => break true,
                }
            };
            if gone {
                conns.remove(&id);
                continue;
            }
            if !conn.open {
                if conn.buffer.windows(4).any(|window| window == b"\r\n\r\n") {
                    let accept = accept_key(&conn.buffer);
                    let head = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: {accept}\r\n\r\n"
                    );
                    conn.stream.write_all(head.as_bytes())?;
                    conn.open = true;
                    conn.buffer.clear();
                }
                continue;
            }
            let frames = messages(&mut conn.buffer);
            let frames = if options.gather { vec![frames.concat()] } else { frames };
            for frame in frames.iter().filter(|frame| !frame.is_empty()) {
                for (_, other) in conns.iter_mut().filter(|(other, conn)| **other != id && conn.open) {
                    // A full socket loses it: this is a yardstick.
                    let _ = other.stream.write(frame);
                }
            }
        }
    }
}

/// Whole binary messages at the front of the buffer, as frames for others.
fn messages(buffer: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(frame) = buffer.get(at..).filter(|rest| rest.len() >= 6) {
        let (header, length) = match frame[1] & 0x7f {
            126 if frame.len() >= 8 => (4, usize::from(u16::from_be_bytes([frame[2], frame[3]]))),
            126 | 127 => break,
            short => (2, usize::from(short)),
        };
        if frame.len() < header + 4 + length {
            break;
        }
        if frame[0] & 0x0f == 2 {
            let mut out = vec![0x82];
            if length < 126 {
                out.push(length as u8);
            } else {
                out.push(126);
                out.extend((length as u16).to_be_bytes());
            }
            let mask: [u8; 4] = frame[header..header + 4].try_into().unwrap_or_default();
            let payload = &frame[header + 4..header + 4 + length];
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            found.push(out);
        }
        at += header + 4 + length;
    }
    buffer.drain(..at);
    found
}

fn accept_key(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let key = text.lines().find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:"));
    let key = key.and_then(|line| line.split_once(':')).map(|(_, key)| key.trim());
    let offer = tandem_wire::websocket::Offer { key, version: Some("13"), ..Default::default() };
    tandem_wire::websocket::handshake(&offer).map(|accepted| accepted.accept).unwrap_or_default()
}
