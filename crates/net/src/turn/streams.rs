//! Clients over TCP and TLS. Who does not read loses packets, as over UDP, and holds up nobody.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections at once; more are closed at once.
const MOST: usize = 20_000;
/// Bytes that may wait for a client; packets beyond it are dropped.
const WAITING: usize = 256 * 1024;
/// With answers, which are not dropped; a client that lets more wait is closed.
const WAITING_MOST: usize = 512 * 1024;
/// Without an allocation a connection lives this long.
const IDLE: Duration = Duration::from_secs(30);
/// Bits of an id that name the slot.
const SLOT_BITS: u32 = 24;
/// Bytes given to TLS at once.
const RECORD: usize = 16 * 1024;

/// A connection.
struct Stream {
    id: u64,
    io: TcpStream,
    tls: Option<Box<ServerConnection>>,
    address: SocketAddr,
    opened: Instant,
    out: Vec<u8>,
    /// What of `out` has been written.
    written: usize,
}

/// All connections.
pub(super) struct Streams {
    registry: Registry,
    first_token: usize,
    slots: Vec<Option<Stream>>,
    free: Vec<usize>,
    next: u64,
}

/// What reading came to.
pub(super) enum Came {
    /// Bytes are in the buffer, so many; more may wait.
    Bytes(usize),
    /// Nothing more now.
    Nothing,
    /// The connection is over.
    End,
}

impl Streams {
    pub(super) fn new(registry: Registry, first_token: usize) -> Self {
        Self { registry, first_token, slots: Vec::new(), free: Vec::new(), next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// Takes a connection; its id and address.
    pub(super) fn add(
        &mut self,
        mut io: TcpStream,
        address: SocketAddr,
        tls: Option<&Arc<ServerConfig>>,
        now: Instant,
    ) -> Option<(u64, SocketAddr)> {
        if self.slots.len() - self.free.len() >= MOST {
            return None;
        }
        let _ = io.set_nodelay(true);
        let tls = match tls {
            Some(config) => Some(Box::new(ServerConnection::new(Arc::clone(config)).ok()?)),
            None => None,
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let token = Token(self.first_token + place);
        if self.registry.register(&mut io, token, Interest::READABLE | Interest::WRITABLE).is_err() {
            self.free.push(place);
            return None;
        }
        self.next += 1;
        let id = self.next << SLOT_BITS | place as u64;
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let stream = Stream { id, io, tls, address, opened: now, out: Vec::new(), written: 0 };
        *self.slots.get_mut(place)? = Some(stream);
        Some((id, address))
    }

    /// The connection of a slot.
    pub(super) fn who(&self, place: usize) -> Option<(u64, SocketAddr)> {
        self.slots.get(place)?.as_ref().map(|stream| (stream.id, stream.address))
    }

    fn get(&mut self, id: u64) -> Option<&mut Stream> {
        let place = usize::try_from(id & ((1 << SLOT_BITS) - 1)).ok()?;
        self.slots.get_mut(place)?.as_mut().filter(|stream| stream.id == id)
    }

    pub(super) fn read(&mut self, id: u64, buffer: &mut [u8]) -> Came {
        let Some(stream) = self.get(id) else { return Came::End };
        match stream.read(buffer) {
            Ok(0) => Came::End,
            Ok(count) => Came::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Came::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Came::Bytes(0),
            Err(_) => Came::End,
        }
    }

    /// Sends, now or when the client reads. `false`: the connection is over.
    pub(super) fn send(&mut self, id: u64, bytes: &[u8]) -> bool {
        let Some(stream) = self.get(id) else { return true };
        let waiting = stream.out.len() - stream.written;
        let is_packet = matches!(bytes, [0x40..=0x7f, ..] | [0x00, 0x17, ..]);
        if waiting + bytes.len() > if is_packet { WAITING } else { WAITING_MOST } {
            return is_packet;
        }
        stream.out.extend_from_slice(bytes);
        stream.flush().is_ok()
    }

    /// The client may take more. `false`: the connection is over.
    pub(super) fn writable(&mut self, id: u64) -> bool {
        self.get(id).is_none_or(|stream| stream.flush().is_ok())
    }

    /// Takes a connection away; its address.
    pub(super) fn remove(&mut self, id: u64) -> Option<SocketAddr> {
        let place = usize::try_from(id & ((1 << SLOT_BITS) - 1)).ok()?;
        let mut stream = self.slots.get_mut(place)?.take_if(|stream| stream.id == id)?;
        let _ = stream.flush();
        let _ = self.registry.deregister(&mut stream.io);
        self.free.push(place);
        Some(stream.address)
    }

    /// Connections that have had time to allocate.
    pub(super) fn old(&self, now: Instant) -> Vec<(u64, SocketAddr)> {
        let old = |stream: &&Stream| now.saturating_duration_since(stream.opened) > IDLE;
        self.slots.iter().flatten().filter(old).map(|stream| (stream.id, stream.address)).collect()
    }
}

impl Stream {
    /// `Interrupted`: what came held nothing of the client; more may wait.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = self.tls.as_mut() else { return self.io.read(buffer) };
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if tls.read_tls(&mut self.io)? == 0 {
            return Ok(0);
        }
        let processed = tls.process_new_packets().map_err(io::Error::other);
        // Answers of the handshake, and the alert that says what was wrong.
        self.flush()?;
        processed?;
        Err(io::ErrorKind::Interrupted.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        loop {
            if let Some(tls) = self.tls.as_mut() {
                while tls.wants_write() {
                    match tls.write_tls(&mut self.io) {
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
                if tls.is_handshaking() {
                    return Ok(());
                }
            }
            let rest = self.out.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.out.clear();
                self.written = 0;
                return Ok(());
            }
            let written = match self.tls.as_mut() {
                Some(tls) => tls.writer().write(rest.get(..RECORD).unwrap_or(rest)),
                None => self.io.write(rest),
            };
            match written {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        // What was written need not be kept for long.
        if self.written > WAITING / 2 {
            self.out.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}
