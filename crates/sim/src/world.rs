//! A shard, its clients and the networks between them, in virtual time.

use crate::client::{ClientOptions, SimClient};
use crate::media::Encoding;
use crate::netem::{Impairment, Netem, NetemStats};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tandem_core::{
    ClientInfo, Command, Effect, Event, Grant, Join, Joined, Limits, Reply, Resume, RoomCommand, RoomName,
    SessionCommand, SessionId, TrackSettings,
};
use tandem_media::{Protocol, Shard, ShardConfig, TxBatch};

/// Signalling takes this long each way.
const SIGNAL_DELAY: Duration = Duration::from_millis(3);
/// Things closer together than this happen in one turn of the shard, as on a busy server.
const TURN: Duration = Duration::from_micros(200);
/// Everyone is in this room.
const ROOM: &str = "sim";

/// A client of a [`World`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(usize);

struct Link {
    up: Netem,
    down: Netem,
    /// Nothing passes any more, and the client is not run.
    gone: bool,
}

enum Signal {
    ToServer(SessionId, SessionCommand),
    ToClient(SessionId, Event),
}

/// See the module.
pub struct World {
    /// Virtual time.
    pub now: Instant,
    /// The server.
    pub shard: Shard,
    start: Instant,
    server: SocketAddr,
    clients: Vec<SimClient>,
    links: Vec<Link>,
    signals: VecDeque<(Instant, Signal)>,
    batch: TxBatch,
    seed: u64,
    next_session: u64,
    addresses: u32,
    /// Writes per flush are cut to one packet: what leaves must be the same.
    pub flush_each_packet: bool,
}

impl World {
    /// An empty world. The same seed gives the same fate to the same packets.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_limits(seed, Limits::default())
    }

    /// The same with bounds of one's own.
    #[must_use]
    pub fn with_limits(seed: u64, limits: Limits) -> Self {
        let now = Instant::now();
        let server = SocketAddr::from(([192, 0, 2, 1], 7882));
        let config = ShardConfig {
            udp: vec![server],
            tcp: Vec::new(),
            certificate: Shard::certificate().expect("the crypto library works"),
            limits,
            seed,
            unix_ms: 1_700_000_000_000,
        };
        Self {
            now,
            shard: Shard::new(config, now),
            start: now,
            server,
            clients: Vec::new(),
            links: Vec::new(),
            signals: VecDeque::new(),
            batch: TxBatch::new(),
            seed,
            next_session: 1,
            addresses: 0,
            flush_each_packet: false,
        }
    }

    /// Virtual time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// Enters the room over perfect links of 5 ms each way.
    pub fn join(&mut self, identity: &str, options: ClientOptions) -> ClientId {
        self.join_with(identity, options).0
    }

    /// The same, with what the server said.
    pub fn join_with(&mut self, identity: &str, options: ClientOptions) -> (ClientId, Joined) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let room: RoomName = ROOM.parse().expect("a room name");
        let who = identity.parse::<tandem_core::Identity>().expect("an identity");
        let grant =
            Grant { identity: Some(who.clone()), room: Some(room.clone()), room_join: true, ..Grant::default() };
        let join = Join {
            session,
            room,
            identity: who,
            grant,
            client: ClientInfo::default(),
            single_pc: options.single_pc,
            auto_subscribe: options.auto_subscribe,
            auto_subscribe_data: false,
            adaptive_stream: options.adaptive_stream,
            auto_create: true,
        };
        let joined = match self.shard.apply(Command::Join(Box::new(join)), self.now) {
            Ok(Reply::Joined(joined)) => *joined,
            other => panic!("{identity} cannot join: {other:?}"),
        };
        let index = self.clients.len();
        let addresses = [self.next_address(), self.next_address()];
        let seed = self.seed.wrapping_mul(1009).wrapping_add(index as u64);
        self.clients.push(SimClient::new(identity, session, addresses, options, seed, self.now));
        let link = |direction: u64| Netem::new(Impairment::default(), seed.wrapping_mul(31).wrapping_add(direction));
        self.links.push(Link { up: link(1), down: link(2), gone: false });
        (ClientId(index), joined)
    }

    /// No two networks of a world have the same.
    fn next_address(&mut self) -> SocketAddr {
        self.addresses += 1;
        SocketAddr::from(([10, 0, (self.addresses / 250) as u8, (self.addresses % 250) as u8 + 1], 5000))
    }

    /// A client.
    #[must_use]
    pub fn client(&self, id: ClientId) -> &SimClient {
        &self.clients[id.0]
    }

    /// What a client's link has done, up and down.
    #[must_use]
    pub fn link(&self, id: ClientId) -> (NetemStats, NetemStats) {
        (self.links[id.0].up.stats(), self.links[id.0].down.stats())
    }

    /// Changes the network from a client to the server.
    pub fn impair_up(&mut self, id: ClientId, impairment: Impairment) {
        self.links[id.0].up.impairment = impairment;
    }

    /// Changes the network from the server to a client.
    pub fn impair_down(&mut self, id: ClientId, impairment: Impairment) {
        self.links[id.0].down.impairment = impairment;
    }

    /// The client's machine loses power.
    pub fn vanish(&mut self, id: ClientId) {
        self.links[id.0].gone = true;
    }

    /// Says goodbye and goes.
    pub fn leave(&mut self, id: ClientId) {
        self.say(id, SessionCommand::Leave { reason: None });
        self.vanish(id);
    }

    /// The client's network changes under it: it resumes with a new session from a new address.
    pub fn resume(&mut self, id: ClientId) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let addresses = [self.next_address(), self.next_address()];
        let client = &mut self.clients[id.0];
        let identity = client.identity.parse().expect("an identity");
        let resume = Resume { session, room: ROOM.parse().expect("a room name"), identity, participant: String::new() };
        match self.shard.apply(Command::Resume(Box::new(resume)), self.now) {
            Ok(Reply::Resumed(_)) => client.move_to(addresses, session),
            other => panic!("{} cannot resume: {other:?}", client.identity),
        }
    }

    /// The room as the server describes it to operators.
    pub fn describe(&mut self) -> String {
        let room = ROOM.parse().expect("a room name");
        match self.shard.apply(Command::Room { room, body: Box::new(RoomCommand::Debug) }, self.now) {
            Ok(Reply::Text(text)) => text,
            other => format!("{other:?}"),
        }
    }

    /// Clients whose machine runs.
    pub fn living(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.links.iter().enumerate().filter(|(_, link)| !link.gone).map(|(index, _)| ClientId(index))
    }

    /// Begins to publish a camera.
    pub fn publish_video(&mut self, id: ClientId, cid: &str, encodings: &[Encoding]) {
        let command = self.clients[id.0].publish_video(cid, encodings, self.now);
        self.say(id, command);
    }

    /// Begins to publish a microphone that speaks at `level` (-dBov).
    pub fn publish_audio(&mut self, id: ClientId, cid: &str, level: i8) {
        let command = self.clients[id.0].publish_audio(cid, level, self.now);
        self.say(id, command);
    }

    /// Stops publishing.
    pub fn unpublish(&mut self, id: ClientId, cid: &str) {
        self.clients[id.0].unpublish(cid);
    }

    /// The decoder of a client lost its way.
    pub fn request_keyframes(&mut self, id: ClientId) {
        self.clients[id.0].request_keyframes(self.now);
    }

    /// Chooses quality (0 to 2, 3 off) and pause of a subscribed video.
    pub fn settings(&mut self, id: ClientId, track: &str, quality: i32, disabled: bool) {
        let settings = TrackSettings { disabled, quality, width: 0, height: 0, fps: 0, priority: 0 };
        self.say(id, SessionCommand::Settings { tracks: vec![track.to_owned()], settings });
    }

    /// Says something through the client's signalling connection.
    pub fn say(&mut self, id: ClientId, command: SessionCommand) {
        let session = self.clients[id.0].session;
        self.signals.push_back((self.now + SIGNAL_DELAY, Signal::ToServer(session, command)));
    }

    /// Runs until `done` holds or `limit` has passed; returns whether it holds.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while self.now < end {
            if done(self) {
                return true;
            }
            self.step(end);
        }
        done(self)
    }

    /// Runs for a while.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step(end);
        }
    }

    fn next_at(&self) -> Option<Instant> {
        let living = || self.links.iter().zip(&self.clients).filter(|(link, _)| !link.gone);
        let links = living().flat_map(|(link, _)| [link.up.next_at(), link.down.next_at()]).flatten();
        let clients = living().map(|(_, client)| client.next_at());
        let signals = self.signals.front().map(|(at, _)| *at);
        links.chain(clients).chain(signals).chain(self.shard.poll_timeout()).min()
    }

    /// One turn: time goes on to what is due next, and everything due happens.
    fn step(&mut self, end: Instant) {
        let next = self.next_at().unwrap_or(end);
        self.now = next.max(self.now + TURN).min(end);
        self.run_signals();
        self.run_server();
        self.run_clients();
    }

    fn run_signals(&mut self) {
        while self.signals.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, signal)) = self.signals.pop_front() else { return };
            match signal {
                Signal::ToServer(session, command) => {
                    let body = Box::new(command);
                    self.shard.apply(Command::Session { session, body }, self.now).expect("sessions are not refused");
                }
                Signal::ToClient(session, event) => {
                    let found = self.clients.iter_mut().zip(&self.links);
                    for (client, _) in found.filter(|(c, link)| c.session == session && !link.gone) {
                        client.signal(event.clone(), self.now);
                    }
                }
            }
        }
    }

    fn run_server(&mut self) {
        let now = self.now;
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            while let Some((source, packet)) = link.up.receive(now).filter(|_| !link.gone) {
                self.shard.receive(now, Protocol::Udp, source, self.server, &packet, &mut self.batch);
                if self.flush_each_packet {
                    self.shard.flush(now, &mut self.batch);
                }
            }
        }
        self.shard.handle_timeout(now, &mut self.batch);
        self.shard.flush(now, &mut self.batch);
        let batch = std::mem::take(&mut self.batch);
        for (run, bytes) in batch.iter() {
            let Some(index) = self.clients.iter().position(|c| c.has(run.destination)) else { continue };
            if !self.links[index].gone {
                bytes.chunks(run.segment.max(1)).for_each(|packet| {
                    self.links[index].down.send(now, run.destination, packet);
                });
            }
        }
        self.batch = batch;
        self.batch.clear();
        for effect in self.shard.take_effects() {
            if let Effect::Send(session, event) = effect {
                self.signals.push_back((now + SIGNAL_DELAY, Signal::ToClient(session, event)));
            }
        }
    }

    fn run_clients(&mut self) {
        let now = self.now;
        for (client, link) in self.clients.iter_mut().zip(&mut self.links).filter(|(_, link)| !link.gone) {
            while let Some((to, packet)) = link.down.receive(now) {
                client.receive(self.server, to, &packet, now);
            }
            if client.next_at() <= now {
                client.tick(now);
            }
            while let Some(sdp) = client.next_sdp(now) {
                client.tick(now);
                self.signals.push_back((now + SIGNAL_DELAY, Signal::ToServer(client.session, sdp)));
            }
            for (from, packet) in client.take_outgoing() {
                link.up.send(now, from, &packet);
            }
        }
    }
}
