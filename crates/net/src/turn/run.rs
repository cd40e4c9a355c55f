//! The thread's loop.

use super::Command;
use super::relays::RelaySockets;
use super::socket::{Buffers, Datagrams};
use super::streams::{Came, Streams};
use mio::net::TcpListener;
use mio::{Events, Poll, Token};
use rustls::ServerConfig;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tandem_turn::{ClientId, Destination, Outputs, RelayId, Server, Stats};

pub(super) const WAKER: Token = Token(0);
/// Tokens of listeners begin here, those of relay sockets follow.
pub(super) const FIXED_TOKENS: usize = 1;
/// Tokens of streams begin here.
pub(super) const STREAMS: usize = 1 << 32;
/// Receives from one socket before others have their turn.
const TURN: usize = 8;
/// How often connections without an allocation are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// How often counters are made known.
const TELL: Duration = Duration::from_millis(200);

/// A socket that takes connections.
pub(super) struct Accepting {
    pub(super) io: TcpListener,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// See the module.
pub(super) struct Loop {
    pub(super) poll: Poll,
    pub(super) server: Server,
    pub(super) udp: Vec<Datagrams>,
    pub(super) accepting: Vec<Accepting>,
    pub(super) relays: RelaySockets,
    pub(super) streams: Streams,
    pub(super) commands: Receiver<Command>,
    pub(super) stats: Arc<Mutex<Stats>>,
    pub(super) buffers: Buffers,
    /// What is read of a stream.
    pub(super) bytes: Vec<u8>,
    pub(super) outputs: Outputs,
    pub(super) first_accepting: usize,
    pub(super) first_relay: usize,
    /// Sockets that may have more: the system does not tell twice.
    pub(super) again: Vec<Token>,
    pub(super) swept: Instant,
    pub(super) told: Instant,
}

impl Loop {
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = if self.again.is_empty() { self.wait() } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return;
            }
            let now = Instant::now();
            for token in std::mem::take(&mut self.again) {
                self.readable(now, token);
            }
            for event in &events {
                if event.is_writable() && event.token().0 >= STREAMS {
                    self.writable(event.token());
                }
                if event.is_readable() || event.is_error() {
                    self.readable(now, event.token());
                }
            }
            self.server.on_timeout(now, &mut self.relays);
            self.sweep(now);
            if !self.obey(now) {
                return;
            }
        }
    }

    /// Until something is due.
    fn wait(&self) -> Duration {
        let due = self.server.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
        due.unwrap_or(SWEEP).min(TELL)
    }

    fn readable(&mut self, now: Instant, Token(token): Token) {
        let more = match token {
            token if token >= STREAMS => self.stream(now, token - STREAMS),
            token if token >= self.first_relay => self.relay(now, token - self.first_relay),
            token if token >= self.first_accepting => self.accept(now, token - self.first_accepting),
            token if token >= FIXED_TOKENS => self.listener(now, token - FIXED_TOKENS),
            _ => false,
        };
        if more {
            self.again.push(Token(token));
        }
    }

    /// Datagrams of clients.
    fn listener(&mut self, now: Instant, place: usize) -> bool {
        for _ in 0..TURN {
            let Some(socket) = self.udp.get(place) else { return false };
            let (count, more) = socket.receive(&mut self.buffers);
            let listener = u16::try_from(place).unwrap_or_default();
            for (address, bytes, stride) in self.buffers.runs(count) {
                let client = ClientId::Udp { listener, address };
                self.server.client_run(now, client, bytes, stride, &mut self.relays, &mut self.outputs);
            }
            self.flush();
            if !more {
                return false;
            }
        }
        true
    }

    /// Datagrams of peers.
    fn relay(&mut self, now: Instant, place: usize) -> bool {
        let relay = RelayId(u32::try_from(place).unwrap_or(u32::MAX));
        for _ in 0..TURN {
            let Some(socket) = self.relays.get(relay) else { return false };
            let (count, more) = socket.receive(&mut self.buffers);
            for (peer, bytes, stride) in self.buffers.runs(count) {
                self.server.relay_run(now, relay, peer, bytes, stride, &mut self.outputs);
            }
            self.flush();
            if !more {
                return false;
            }
        }
        true
    }

    fn accept(&mut self, now: Instant, place: usize) -> bool {
        for _ in 0..TURN {
            let Some(accepting) = self.accepting.get(place) else { return false };
            match accepting.io.accept() {
                Ok((io, address)) => {
                    if let Some((id, _)) = self.streams.add(io, address, accepting.tls.as_ref(), now) {
                        self.server.stream_opened(id);
                    }
                }
                // Gone before it was accepted.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn stream(&mut self, now: Instant, place: usize) -> bool {
        let Some((id, address)) = self.streams.who(place) else { return false };
        for _ in 0..TURN {
            match self.streams.read(id, &mut self.bytes) {
                Came::Bytes(count) => {
                    let bytes = self.bytes.get(..count).unwrap_or_default();
                    self.server.stream_data(now, (id, address), bytes, &mut self.relays, &mut self.outputs);
                    self.flush();
                }
                Came::Nothing => return false,
                Came::End => {
                    self.end(id);
                    return false;
                }
            }
        }
        true
    }

    fn writable(&mut self, Token(token): Token) {
        let Some((id, _)) = self.streams.who(token - STREAMS) else { return };
        if !self.streams.writable(id) {
            self.end(id);
        }
    }

    fn end(&mut self, id: u64) {
        if let Some(address) = self.streams.remove(id) {
            self.server.stream_closed(id, address, &mut self.relays);
        }
    }

    /// Sends everything that is to be sent.
    fn flush(&mut self) {
        let mut over: Vec<u64> = Vec::new();
        for (run, bytes) in self.outputs.iter() {
            match run.to {
                Destination::Peer(relay, peer) => {
                    if let Some(socket) = self.relays.get(relay) {
                        socket.send(peer, run.segment, bytes);
                    }
                }
                Destination::Client(ClientId::Udp { listener, address }) => {
                    if let Some(socket) = self.udp.get(usize::from(listener)) {
                        socket.send(address, run.segment, bytes);
                    }
                }
                Destination::Client(ClientId::Stream { id, .. }) => {
                    if !self.streams.send(id, bytes) {
                        over.push(id);
                    }
                }
            }
        }
        over.extend(self.outputs.closed());
        self.outputs.clear();
        for id in over {
            self.end(id);
        }
    }

    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        for (id, address) in self.streams.old(now) {
            if !self.server.has_allocation(ClientId::Stream { id, address }) {
                self.end(id);
            }
        }
    }

    /// Does what the rest of the node asks. `false`: there is nobody any more.
    fn obey(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.told) >= TELL {
            self.told = now;
            *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = self.server.stats();
        }
        loop {
            match self.commands.try_recv() {
                Ok(Command::Drain) => self.server.drain(),
                Err(std::sync::mpsc::TryRecvError::Empty) => return true,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }
}
