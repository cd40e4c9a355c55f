//! A room: one plain struct on one thread, with everything that happens in it.
//!
//! The files below split it by noun: who is in ([`participant`]), what is published ([`track`]),
//! who receives what ([`subscription`]), and by verb: entering and leaving ([`membership`]),
//! publishing ([`publish`]), agreeing on SDP ([`negotiate`]), moving packets ([`forward`]), data
//! ([`data`], [`data_track`]), what administrators ask ([`admin`]) and what time brings ([`tick`]).

mod admin;
mod data;
mod data_track;
mod forward;
mod membership;
mod metadata;
mod negotiate;
mod participant;
mod publish;
mod subscription;
mod tick;
mod track;

use crate::keys::TransportKey;
pub(crate) use crate::keys::{ParticipantKey, RoomKey, SubscriptionKey, TrackKey};
use crate::speaker::SpeakerDetector;
use crate::transport::{PeerConfig, Transports};
use participant::Participant;
use slotmap::SlotMap;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use subscription::Subscription;
use tandem_core::{
    Effect, Event, Identity, LeaveAction, LeaveReason, Limits, Notice, ParticipantInfo, RoomInfo, RoomName,
    RoomOptions, SessionId, SidGenerator,
};
use track::Track;

/// What a room borrows from its shard for one step.
pub(crate) struct Ctx<'a> {
    pub(crate) now: Instant,
    /// Milliseconds since 1970 at `now`.
    pub(crate) unix_ms: u64,
    /// Microseconds since the shard started, at `now`.
    pub(crate) uptime_us: u64,
    pub(crate) room: RoomKey,
    pub(crate) transports: &'a mut Transports,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) sids: &'a mut SidGenerator,
    pub(crate) limits: &'a Limits,
    pub(crate) peers: &'a PeerConfig,
    pub(crate) sessions: &'a mut HashMap<SessionId, (RoomKey, ParticipantKey)>,
}

impl Ctx<'_> {
    pub(crate) fn send(&mut self, session: Option<SessionId>, event: Event) {
        if let Some(session) = session {
            self.effects.push(Effect::Send(session, event));
        }
    }

    /// The last event of a session.
    pub(crate) fn end_session(&mut self, session: Option<SessionId>, reason: LeaveReason, action: LeaveAction) {
        if let Some(session) = session {
            self.effects.push(Effect::Send(session, Event::Leave { reason, action }));
            self.effects.push(Effect::Close(session));
            self.sessions.remove(&session);
        }
    }

    pub(crate) fn unix_us(&self) -> u64 {
        self.unix_ms.saturating_mul(1000)
    }
}

/// See the module.
pub(crate) struct Room {
    pub(crate) info: RoomInfo,
    participants: SlotMap<ParticipantKey, Participant>,
    by_identity: BTreeMap<Identity, ParticipantKey>,
    tracks: SlotMap<TrackKey, Track>,
    subscriptions: SlotMap<SubscriptionKey, Subscription>,
    /// Which track and layer an incoming stream is. Rebuilt lazily after every negotiation.
    streams: HashMap<(TransportKey, u32), (TrackKey, u8)>,
    speakers: SpeakerDetector,
    reliable: VecDeque<data::Kept>,
    reliable_bytes: usize,
    nonces: VecDeque<(Instant, Vec<u8>)>,
    /// Participants that left lately, told to whoever resumes.
    left: VecDeque<(Instant, ParticipantInfo)>,
    /// When the room became empty; `None` while somebody is in.
    empty_since: Option<Instant>,
    ever_joined: bool,
    sif_trailer: Vec<u8>,
    counts_told: Instant,
    counts_dirty: bool,
    speakers_at: Instant,
    quality_at: Instant,
    /// Test clients that asked to be reached over TCP only.
    tcp_only: BTreeSet<Identity>,
    pub(crate) closed: bool,
}

impl Room {
    pub(crate) fn new(name: RoomName, options: &RoomOptions, ctx: &mut Ctx<'_>) -> Self {
        let pick = |asked: u32, default: std::time::Duration| {
            if asked == 0 { u32::try_from(default.as_secs()).unwrap_or(u32::MAX) } else { asked }
        };
        let info = RoomInfo {
            sid: ctx.sids.sid("RM_"),
            name,
            empty_timeout_s: pick(options.empty_timeout_s, ctx.limits.empty_timeout),
            departure_timeout_s: pick(options.departure_timeout_s, ctx.limits.departure_timeout),
            max_participants: if options.max_participants == 0 {
                ctx.limits.participants_per_room
            } else {
                options.max_participants
            },
            created_at_ms: ctx.unix_ms,
            metadata: options.metadata.clone(),
            num_participants: 0,
            num_publishers: 0,
            active_recording: false,
        };
        ctx.effects.push(Effect::Notice(Box::new(Notice::RoomStarted(info.clone()))));
        let trailer = (0..2).flat_map(|_| ctx.sids.next_u64().to_be_bytes()).collect();
        Self {
            info,
            participants: SlotMap::with_key(),
            by_identity: BTreeMap::new(),
            tracks: SlotMap::with_key(),
            subscriptions: SlotMap::with_key(),
            streams: HashMap::new(),
            speakers: SpeakerDetector::default(),
            reliable: VecDeque::new(),
            reliable_bytes: 0,
            nonces: VecDeque::new(),
            left: VecDeque::new(),
            empty_since: Some(ctx.now),
            ever_joined: false,
            sif_trailer: trailer,
            counts_told: ctx.now,
            counts_dirty: false,
            speakers_at: ctx.now,
            quality_at: ctx.now,
            tcp_only: BTreeSet::new(),
            closed: false,
        }
    }

    pub(crate) fn participant_count(&self) -> usize {
        self.participants.len()
    }

    pub(crate) fn track_count(&self) -> usize {
        self.tracks.len()
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    fn session_of(&self, key: ParticipantKey) -> Option<SessionId> {
        self.participants.get(key).and_then(|p| p.session)
    }

    fn find_track(&self, sid: &str) -> Option<TrackKey> {
        // Rooms hold tens of tracks and clients name them rarely; an index would cost more than it saves.
        self.tracks.iter().find(|(_, t)| t.info.sid.as_str() == sid).map(|(key, _)| key)
    }

    /// A participant as others see it, tracks included.
    fn snapshot(&self, key: ParticipantKey) -> Option<ParticipantInfo> {
        let p = self.participants.get(key)?;
        let mut info = p.info.clone();
        info.tracks = p.tracks.iter().filter_map(|t| self.tracks.get(*t)).map(|t| t.info.clone()).collect();
        info.is_publisher = !info.tracks.is_empty();
        info.data_tracks = p.data_tracks.iter().map(|t| t.info.clone()).collect();
        Some(info)
    }

    /// Everyone that `viewer` may see, `viewer` itself left out.
    fn others(&self, viewer: ParticipantKey) -> Vec<ParticipantInfo> {
        self.participants
            .iter()
            .filter(|(key, p)| *key != viewer && !p.info.permissions.hidden)
            .filter_map(|(key, _)| self.snapshot(key))
            .collect()
    }

    /// Tells everyone that a participant changed; the participant itself only if `include_self`.
    fn announce(&mut self, key: ParticipantKey, include_self: bool, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        p.info.version += 1;
        let hidden = p.info.permissions.hidden;
        let Some(info) = self.snapshot(key) else { return };
        let news = Arc::new(vec![info]);
        for (other, p) in &self.participants {
            let wanted = if other == key { include_self } else { !hidden };
            if wanted {
                ctx.send(p.session, Event::Participants(Arc::clone(&news)));
            }
        }
    }

    /// Tells everyone; for room-wide news.
    fn broadcast(&self, event: &Event, ctx: &mut Ctx<'_>) {
        for p in self.participants.values() {
            ctx.send(p.session, event.clone());
        }
    }

    fn recount(&mut self) {
        let counted = |p: &&Participant| !p.info.permissions.hidden && p.info.kind.keeps_room_open();
        let present = self.participants.values().filter(counted).count();
        let publishing = self.participants.values().filter(counted).filter(|p| !p.tracks.is_empty()).count();
        let recording = self.participants.values().any(|p| p.info.permissions.recorder);
        let to_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let now = (to_u32(present), to_u32(publishing), recording);
        if now != (self.info.num_participants, self.info.num_publishers, self.info.active_recording) {
            (self.info.num_participants, self.info.num_publishers, self.info.active_recording) = now;
            self.counts_dirty = true;
        }
    }

    /// The whole room as indented text, for operators.
    fn describe(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let _ = writeln!(out, "room {} {} {:?}", self.info.sid, self.info.name, self.info);
        for (key, p) in &self.participants {
            let _ = writeln!(
                out,
                "  {} {} {:?} {:?} session={:?}",
                p.info.sid, p.info.identity, p.info.state, p.client, p.session
            );
            for track in p.tracks.iter().filter_map(|t| self.tracks.get(*t)) {
                let _ = writeln!(out, "    publishes {}", track.describe());
            }
            for s in self.subscriptions.values().filter(|s| s.subscriber == key) {
                let sid = self.tracks.get(s.track).map(|t| t.info.sid.as_str()).unwrap_or_default();
                let _ = writeln!(out, "    receives {sid} {}", s.describe());
            }
        }
        out
    }
}
