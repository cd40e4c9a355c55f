//! The thread's loop.

use super::Command;
use super::again::Again;
use super::relays::RelaySockets;
use super::socket::{Buffers, Datagrams, Expect, Outgoing, Sender};
use super::streams::{Came, Streams};
use mio::net::TcpListener;
use mio::{Events, Poll, Token};
use rustls::ServerConfig;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tandem_turn::{ClientId, Destination, Outputs, RelayId, Run, Server, Stats};

pub(super) const WAKER: Token = Token(0);
/// Tokens of listeners begin here, those of relay sockets follow.
pub(super) const FIXED_TOKENS: usize = 1;
/// Tokens of streams begin here.
pub(super) const STREAMS: usize = 1 << 32;
/// Receives from one socket before others have their turn.
const TURN: usize = 8;
/// Runs that wait for others before all are sent: many go with one call, and none waits for long.
const RUNS: usize = 64;
/// Bytes of them.
const BYTES: usize = 256 * 1024;
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
    pub(super) sender: Sender,
    /// What is read of a stream.
    pub(super) bytes: Vec<u8>,
    pub(super) outputs: Outputs,
    /// Datagrams the kernel did not take.
    pub(super) refused: u64,
    pub(super) first_accepting: usize,
    pub(super) first_relay: usize,
    pub(super) again: Again,
    pub(super) swept: Instant,
    pub(super) told: Instant,
    /// Something may have been counted since.
    pub(super) untold: bool,
}

impl Loop {
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = if self.again.is_empty() { self.wait() } else { Some(Duration::ZERO) };
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return;
            }
            let now = Instant::now();
            self.untold |= !events.is_empty();
            for token in self.again.take() {
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
            self.flush();
            self.server.on_timeout(now, &mut self.relays);
            self.sweep(now);
            if !self.obey(now) {
                return;
            }
        }
    }

    /// Until something is due; `None`: nothing is. A relay without work does not wake up.
    fn wait(&self) -> Option<Duration> {
        let due = self.server.poll_timeout();
        let sweep = (!self.streams.is_empty()).then(|| self.swept + SWEEP);
        let tell = self.untold.then(|| self.told + TELL);
        let next = [due, sweep, tell].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
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
            let (count, more) = socket.receive(&mut self.buffers, Expect::Many);
            let listener = u16::try_from(place).unwrap_or_default();
            for (address, bytes, stride) in self.buffers.runs(count) {
                let client = ClientId::Udp { listener, address };
                self.server.client_run(now, client, bytes, stride, &mut self.relays, &mut self.outputs);
            }
            self.flush_if_much();
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
            let (count, more) = socket.receive(&mut self.buffers, Expect::Few);
            for (peer, bytes, stride) in self.buffers.runs(count) {
                self.server.relay_run(now, relay, peer, bytes, stride, &mut self.outputs);
            }
            self.flush_if_much();
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

    fn flush_if_much(&mut self) {
        if self.outputs.runs().len() >= RUNS || self.outputs.bytes() >= BYTES {
            self.flush();
        }
    }

    /// Sends everything that is to be sent: what leaves by one socket and stands together, together.
    fn flush(&mut self) {
        let mut over: SmallVec<[u64; 4]> = SmallVec::new();
        for group in self.outputs.runs().chunk_by(|a, b| door(a) == door(b)) {
            let runs = group.iter().map(|run| (run, self.outputs.of(run)));
            match group.first().map(door) {
                Some(Door::Stream(id)) => {
                    let taken = runs.fold(true, |taken, (_, bytes)| self.streams.send(id, bytes) && taken);
                    over.extend((!taken).then_some(id));
                }
                Some(Door::Listener(place)) => {
                    self.refused += send(self.udp.get(usize::from(place)), runs, &mut self.sender);
                }
                Some(Door::Relay(relay)) => self.refused += send(self.relays.get(relay), runs, &mut self.sender),
                None => {}
            }
        }
        over.extend_from_slice(self.outputs.closed());
        self.outputs.clear();
        for id in over {
            self.end(id);
        }
        self.relays.reuse();
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
        if self.untold && now.saturating_duration_since(self.told) >= TELL {
            (self.told, self.untold) = (now, false);
            let mut stats = self.server.stats();
            stats.dropped_by_kernel = self.refused;
            *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
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

/// What a run leaves by.
#[derive(PartialEq, Eq)]
enum Door {
    Listener(u16),
    Relay(RelayId),
    Stream(u64),
}

fn door(run: &Run) -> Door {
    match run.to {
        Destination::Peer(relay, _) => Door::Relay(relay),
        Destination::Client(ClientId::Udp { listener, .. }) => Door::Listener(listener),
        Destination::Client(ClientId::Stream { id, .. }) => Door::Stream(id),
    }
}

/// Sends runs by a socket, if it is still there; says how many datagrams were not taken.
fn send<'a>(
    socket: Option<&Datagrams>,
    runs: impl ExactSizeIterator<Item = (&'a Run, &'a [u8])>,
    sender: &mut Sender,
) -> u64 {
    let outgoing = |(run, bytes): (&'a Run, &'a [u8])| Outgoing { to: address(run), segment: run.segment, bytes };
    socket.map_or(0, |socket| socket.send(runs.map(outgoing), sender))
}

fn address(run: &Run) -> SocketAddr {
    match run.to {
        Destination::Peer(_, peer) => peer,
        Destination::Client(client) => client.address(),
    }
}
