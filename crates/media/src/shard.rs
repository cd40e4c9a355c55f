//! A shard: the rooms of one thread and the connections of everyone in them.

mod events;

use crate::TxBatch;
use crate::room::{Ctx, ParticipantKey, Room, RoomKey};
use crate::transport::{PeerConfig, PeerEvent, TransportKey, Transports};
use slotmap::SlotMap;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;
use str0m::net::Protocol;
use tandem_core::{
    Code, Command, Effect, LeaveAction, LeaveReason, Limits, Reject, Reply, RoomCommand, RoomInfo, RoomName,
    RoomOptions, SessionId, SidGenerator,
};

/// Rooms are given the time this often.
const TICK: Duration = Duration::from_millis(100);

/// How a shard is set up.
pub struct ShardConfig {
    /// Where clients reach this shard over UDP; put into SDP as ICE candidates.
    pub udp: Vec<SocketAddr>,
    /// Where clients reach the node over TCP.
    pub tcp: Vec<SocketAddr>,
    /// The node's DTLS certificate.
    pub certificate: DtlsCert,
    /// Bounds.
    pub limits: Limits,
    /// Seeds ids; from the system's randomness, or a constant in simulation.
    pub seed: u64,
    /// Milliseconds since 1970 at `now` of [`Shard::new`].
    pub unix_ms: u64,
}

/// Counters of a shard, as values; copied out about once a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Rooms now.
    pub rooms: u64,
    /// Participants now.
    pub participants: u64,
    /// Tracks now.
    pub tracks: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// Peer connections now.
    pub transports: u64,
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// RTP packets received and opened.
    pub packets_in: u64,
    /// Datagrams from nobody we know.
    pub dropped_unknown: u64,
    /// Data channel messages received.
    pub data_in: u64,
}

/// See the module.
pub struct Shard {
    peers: PeerConfig,
    limits: Limits,
    rooms: SlotMap<RoomKey, Room>,
    by_name: BTreeMap<RoomName, RoomKey>,
    sessions: HashMap<SessionId, (RoomKey, ParticipantKey)>,
    transports: Transports,
    effects: Vec<Effect>,
    sids: SidGenerator,
    start: Instant,
    start_unix_ms: u64,
    next_tick: Instant,
    draining: bool,
    stats: ShardStats,
    dirty: Vec<TransportKey>,
    events: Vec<(TransportKey, PeerEvent)>,
}

/// Borrows everything a room needs from the shard, and the room itself.
macro_rules! with_room {
    ($shard:expr, $key:expr, $now:expr, |$room:ident, $ctx:ident| $body:expr) => {{
        let unix_ms = $shard.unix_ms($now);
        let uptime_us = $shard.uptime_us($now);
        match $shard.rooms.get_mut($key) {
            Some($room) => {
                #[allow(unused_mut)]
                let mut $ctx = Ctx {
                    now: $now,
                    unix_ms,
                    uptime_us,
                    room: $key,
                    transports: &mut $shard.transports,
                    effects: &mut $shard.effects,
                    sids: &mut $shard.sids,
                    limits: &$shard.limits,
                    peers: &$shard.peers,
                    sessions: &mut $shard.sessions,
                };
                Some($body)
            }
            None => None,
        }
    }};
}
use with_room;

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(config: ShardConfig, now: Instant) -> Self {
        let peers = PeerConfig {
            certificate: config.certificate,
            udp: config.udp,
            tcp: config.tcp,
            max_message_bytes: u32::try_from(config.limits.data_packet_bytes).unwrap_or(u32::MAX),
            data_buffered_bytes: config.limits.data_buffered_bytes,
        };
        Self {
            peers,
            limits: config.limits,
            rooms: SlotMap::with_key(),
            by_name: BTreeMap::new(),
            sessions: HashMap::new(),
            transports: Transports::default(),
            effects: Vec::new(),
            sids: SidGenerator::new(config.seed),
            start: now,
            start_unix_ms: config.unix_ms,
            next_tick: now + TICK,
            draining: false,
            stats: ShardStats::default(),
            dirty: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A fresh DTLS certificate, for [`ShardConfig::certificate`].
    ///
    /// # Errors
    /// When the cryptography library has no randomness.
    pub fn certificate() -> Result<DtlsCert, Reject> {
        let provider = str0m::crypto::from_feature_flags();
        let made = provider.dtls_provider.generate_certificate();
        made.ok_or_else(|| Reject::new(Code::Internal, "cannot make a DTLS certificate"))
    }

    fn uptime_us(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    fn unix_ms(&self, now: Instant) -> u64 {
        self.start_unix_ms + self.uptime_us(now) / 1000
    }

    /// Does what a door or a service asks.
    ///
    /// # Errors
    /// Whatever the room says: see [`Code`].
    pub fn apply(&mut self, command: Command, now: Instant) -> Result<Reply, Reject> {
        match command {
            Command::Join(join) => {
                if self.draining {
                    return Err(Reject::new(Code::Draining, "the node is shutting down; join again in a moment"));
                }
                let options = join.grant.room_options.clone().unwrap_or_default();
                let room = self.open_room(&join.room, join.auto_create.then_some(options), now)?;
                let joined = with_room!(self, room, now, |r, ctx| r.join(*join, &mut ctx));
                joined.unwrap_or_else(|| Err(missing_room())).map(|j| Reply::Joined(Box::new(j)))
            }
            Command::Resume(resume) => {
                let room = self.by_name.get(&resume.room).copied().ok_or_else(missing_room)?;
                let resumed = with_room!(self, room, now, |r, ctx| r.resume(&resume, &mut ctx));
                resumed.unwrap_or_else(|| Err(missing_room())).map(|r| Reply::Resumed(Box::new(r)))
            }
            Command::Session { session, body } => {
                if let Some((room, participant)) = self.sessions.get(&session).copied() {
                    with_room!(self, room, now, |r, ctx| r.apply(participant, session, *body, &mut ctx));
                    self.forget_if_closed(room);
                }
                Ok(Reply::Done)
            }
            Command::Room { room, body } => self.administer(&room, *body, now),
            Command::ListRooms { names } => Ok(Reply::Rooms(self.list(&names))),
            Command::Drain => {
                self.drain(now);
                Ok(Reply::Done)
            }
        }
    }

    fn list(&self, names: &[RoomName]) -> Vec<RoomInfo> {
        let wanted = |room: &&Room| names.is_empty() || names.contains(&room.info.name);
        self.by_name.values().filter_map(|k| self.rooms.get(*k)).filter(wanted).map(|r| r.info.clone()).collect()
    }

    fn open_room(&mut self, name: &RoomName, create: Option<RoomOptions>, now: Instant) -> Result<RoomKey, Reject> {
        if let Some(key) = self.by_name.get(name) {
            return Ok(*key);
        }
        let options = create.ok_or_else(missing_room)?;
        let (unix_ms, uptime_us) = (self.unix_ms(now), self.uptime_us(now));
        let Self { rooms, transports, effects, sids, limits, peers, sessions, .. } = self;
        let key = rooms.insert_with_key(|room| {
            let mut ctx = Ctx { now, unix_ms, uptime_us, room, transports, effects, sids, limits, peers, sessions };
            Room::new(name.clone(), &options, &mut ctx)
        });
        self.by_name.insert(name.clone(), key);
        Ok(key)
    }

    fn administer(&mut self, name: &RoomName, command: RoomCommand, now: Instant) -> Result<Reply, Reject> {
        let create = match &command {
            RoomCommand::Create(options) => Some(options.clone()),
            _ => None,
        };
        let key = self.open_room(name, create, now)?;
        let done = with_room!(self, key, now, |r, ctx| r.administer(command, &mut ctx));
        self.forget_if_closed(key);
        done.unwrap_or_else(|| Err(missing_room()))
    }

    fn drain(&mut self, now: Instant) {
        self.draining = true;
        let rooms: Vec<RoomKey> = self.rooms.keys().collect();
        for key in rooms {
            with_room!(self, key, now, |r, ctx| {
                r.close(LeaveReason::ServerShutdown, LeaveAction::Reconnect, &mut ctx);
            });
            self.forget_if_closed(key);
        }
    }

    fn forget_if_closed(&mut self, key: RoomKey) {
        if self.rooms.get(key).is_some_and(|r| r.closed)
            && let Some(room) = self.rooms.remove(key)
            && self.by_name.get(&room.info.name) == Some(&key)
        {
            self.by_name.remove(&room.info.name);
        }
    }

    /// Takes one datagram (or one ICE-TCP packet). What it causes leaves with [`Shard::flush`].
    pub fn receive(
        &mut self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        data: &[u8],
        out: &mut TxBatch,
    ) {
        self.stats.datagrams_in += 1;
        self.stats.bytes_in += data.len() as u64;
        let Some(key) = self.transports.route(source, data) else {
            self.stats.dropped_unknown += 1;
            return;
        };
        self.transports.receive(key, now, protocol, source, destination, data);
        if is_rtcp(data) {
            // Reports cause nothing urgent: one drain at the flush does for all of them.
            self.transports.mark(key);
        } else {
            self.drain_one(key, false, now, out);
        }
    }

    /// Lets one connection speak and acts on what it says.
    fn drain_one(&mut self, key: TransportKey, tick: bool, now: Instant, out: &mut TxBatch) {
        let mut events = std::mem::take(&mut self.events);
        self.transports.drain(key, tick, now, out, &mut events);
        for (key, event) in events.drain(..) {
            self.handle_event(key, event, now);
        }
        self.events = events;
    }

    /// Fires what is due: connections' timers and, ten times a second, the rooms.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut TxBatch) {
        while let Some(key) = self.transports.pop_due(now) {
            self.drain_one(key, true, now, out);
        }
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            let rooms: Vec<RoomKey> = self.rooms.keys().collect();
            for key in rooms {
                with_room!(self, key, now, |r, ctx| r.tick(&mut ctx));
                self.forget_if_closed(key);
            }
        }
    }

    /// Puts everything that wants to leave into `out`: one drain per connection that was written
    /// to. Then asks for negotiations that became necessary.
    pub fn flush(&mut self, now: Instant, out: &mut TxBatch) {
        let rooms: Vec<RoomKey> =
            self.rooms.iter().filter(|(_, r)| r.wants_negotiation()).map(|(key, _)| key).collect();
        for key in rooms {
            with_room!(self, key, now, |r, ctx| r.negotiate(&mut ctx));
        }
        while self.transports.has_dirty() {
            let mut dirty = std::mem::take(&mut self.dirty);
            self.transports.take_dirty(&mut dirty);
            for key in dirty.drain(..) {
                self.drain_one(key, true, now, out);
            }
            self.dirty = dirty;
        }
        self.transports.remove_closed();
    }

    /// When [`Shard::handle_timeout`] wants to be called, if anything waits.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let tick = (!self.rooms.is_empty()).then_some(self.next_tick);
        match (self.transports.next_deadline(), tick) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What is to be told to sessions and services since the last call, in order.
    pub fn take_effects(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.effects.drain(..)
    }

    /// Counters now.
    #[must_use]
    pub fn stats(&self) -> ShardStats {
        let sum = |f: fn(&Room) -> usize| self.rooms.values().map(f).sum::<usize>() as u64;
        ShardStats {
            rooms: self.rooms.len() as u64,
            participants: sum(Room::participant_count),
            tracks: sum(Room::track_count),
            subscriptions: sum(Room::subscription_count),
            transports: self.transports.len() as u64,
            ..self.stats
        }
    }
}

/// RTP version 2 with a payload type of the range that RTCP uses on a shared port (RFC 5761 section 4).
fn is_rtcp(data: &[u8]) -> bool {
    matches!(data, [first, second, ..] if first >> 6 == 2 && (192..=223).contains(second))
}

fn missing_room() -> Reject {
    Reject::new(Code::RoomNotFound, "requested room does not exist")
}
