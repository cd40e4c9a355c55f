//! PeerJS: everybody has an id, and messages name the id they are for. What is for somebody who is
//! not there waits a moment.

use super::{Effect, SocketId};
use crate::budget::{Budget, Rate};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_wire::peerjs::{self, Frame, Kind};

/// Longest message, bytes.
const FRAME_BYTES: usize = 64 * 1024;
/// Messages of one connection: fifty a second, two hundred at once; more are dropped.
const RATE: Rate = Rate { count: 200, per: Duration::from_secs(4) };
/// What may wait for somebody who is not there; beyond that the oldest expires.
const QUEUE_MESSAGES: usize = 64;
const QUEUE_BYTES: usize = 256 * 1024;
/// Somebody may wait for so many at once, and so many may be waited for; beyond that messages expire at once.
const AWAITED_BY_ONE: usize = 64;
const AWAITED: usize = 10_000;
/// How long the old holder of an id has to show that it lives.
const PROBE: Duration = Duration::from_secs(2);

/// What happens when somebody wants an id that another has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// The other is asked whether it is still there.
    #[default]
    Probe,
    /// The other keeps it.
    Reject,
}

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct DeskOptions {
    /// Who says nothing for so long is gone.
    pub alive_timeout: Duration,
    /// How long messages wait for somebody.
    pub expire_timeout: Duration,
    /// Peers at once; 0 for no bound.
    pub concurrent_limit: usize,
    /// See [`Conflict`].
    pub conflict: Conflict,
}

impl Default for DeskOptions {
    fn default() -> Self {
        Self {
            alive_timeout: Duration::from_secs(60),
            expire_timeout: Duration::from_secs(5),
            concurrent_limit: 0,
            conflict: Conflict::Probe,
        }
    }
}

/// Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub struct Seen {
    pub peers: u64,
    pub forwarded: u64,
    pub queued: u64,
    pub expired: u64,
    pub dropped: u64,
    pub taken_over: u64,
    pub refused: u64,
}

struct Peer {
    socket: SocketId,
    token: String,
    seen: Instant,
    budget: Budget,
    /// Somebody else wants the id.
    claim: Option<Claim>,
    /// Whom it has letters for that wait.
    awaits: BTreeSet<Arc<str>>,
}

struct Claim {
    socket: SocketId,
    token: String,
    until: Instant,
}

struct Letter {
    src: Arc<str>,
    text: Bytes,
    until: Instant,
}

/// See the module.
pub struct Desk {
    options: DeskOptions,
    peers: BTreeMap<Arc<str>, Peer>,
    sockets: HashMap<SocketId, Arc<str>>,
    /// Letters by whom they are for.
    waiting: BTreeMap<Arc<str>, VecDeque<Letter>>,
    seen: Seen,
}

impl Desk {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(options: DeskOptions) -> Self {
        Self {
            options,
            peers: BTreeMap::new(),
            sockets: HashMap::new(),
            waiting: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Counters.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { peers: self.peers.len() as u64, ..self.seen }
    }

    /// Everybody's ids, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.peers.keys().cloned().collect()
    }

    /// The same as texts, for a list.
    #[must_use]
    pub fn ids_as_text(&self) -> Vec<String> {
        self.ids().iter().map(ToString::to_string).collect()
    }

    /// Somebody wants an id. With `proved` it has shown that the id is its own.
    pub fn connect(
        &mut self,
        now: Instant,
        socket: SocketId,
        (id, token): (&str, &str),
        proved: bool,
        effects: &mut Vec<Effect>,
    ) {
        if !peerjs::is_id(id) {
            return self.refuse(socket, peerjs::error("The id must be letters and digits"), "invalid id", effects);
        }
        let Some(peer) = self.peers.get_mut(id) else {
            let limit = self.options.concurrent_limit;
            if limit > 0 && self.peers.len() >= limit {
                let why = peerjs::error("Server has reached its concurrent user limit");
                return self.refuse(socket, why, "full", effects);
            }
            return self.seat(now, id.into(), (socket, token.to_owned()), effects);
        };
        let same = proved || (!token.is_empty() && peer.token == token);
        if same {
            return self.take_over(now, id, (socket, token.to_owned()), effects);
        }
        if self.options.conflict == Conflict::Reject || peer.claim.is_some() {
            return self.refuse(socket, peerjs::id_taken(), "id taken", effects);
        }
        peer.claim = Some(Claim { socket, token: token.to_owned(), until: now + PROBE });
        effects.push(Effect::Probe(peer.socket));
    }

    fn refuse(&mut self, socket: SocketId, text: String, why: &'static str, effects: &mut Vec<Effect>) {
        self.seen.refused += 1;
        effects.push(Effect::Send(socket, text.into()));
        effects.push(Effect::Close(socket, why));
    }

    fn seat(&mut self, now: Instant, id: Arc<str>, (socket, token): (SocketId, String), effects: &mut Vec<Effect>) {
        self.sockets.insert(socket, Arc::clone(&id));
        let peer = Peer { socket, token, seen: now, budget: Budget::default(), claim: None, awaits: BTreeSet::new() };
        self.peers.insert(Arc::clone(&id), peer);
        effects.push(Effect::Send(socket, Bytes::from_static(peerjs::OPEN.as_bytes())));
        let letters = self.waiting.remove(&id).into_iter().flatten();
        effects.extend(letters.map(|letter| Effect::Send(socket, letter.text)));
    }

    /// The id changes hands: the old connection ends, whoever else wanted it is refused.
    fn take_over(&mut self, now: Instant, id: &str, new: (SocketId, String), effects: &mut Vec<Effect>) {
        let Some((id, old)) = self.peers.remove_entry(id) else { return };
        self.sockets.remove(&old.socket);
        self.seen.taken_over += 1;
        effects.push(Effect::Close(old.socket, "taken over"));
        if let Some(claim) = old.claim.filter(|claim| claim.socket != new.0) {
            self.refuse(claim.socket, peerjs::id_taken(), "id taken", effects);
        }
        self.seat(now, id, new, effects);
    }

    /// The holder of an id lives.
    pub fn pong(&mut self, now: Instant, socket: SocketId, effects: &mut Vec<Effect>) {
        let Some(peer) = self.sockets.get(&socket).and_then(|id| self.peers.get_mut(id)) else { return };
        peer.seen = now;
        if let Some(claim) = peer.claim.take() {
            self.refuse(claim.socket, peerjs::id_taken(), "id taken", effects);
        }
    }

    /// A connection is gone.
    pub fn closed(&mut self, now: Instant, socket: SocketId, effects: &mut Vec<Effect>) {
        let Some(id) = self.sockets.remove(&socket) else {
            let claimed = self.peers.values_mut().find(|peer| peer.claim.as_ref().is_some_and(|c| c.socket == socket));
            if let Some(peer) = claimed {
                peer.claim = None;
            }
            return;
        };
        let peer = self.peers.remove(&id);
        if let Some(claim) = peer.and_then(|peer| peer.claim) {
            self.seat(now, id, (claim.socket, claim.token), effects);
        }
    }

    /// A message of a client.
    pub fn frame(&mut self, now: Instant, socket: SocketId, text: &str, effects: &mut Vec<Effect>) {
        let Some(id) = self.sockets.get(&socket).cloned() else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.seen = now;
        if !peer.budget.take(RATE, now) {
            self.seen.dropped += 1;
            return;
        }
        // Whoever speaks need not be asked.
        if let Some(claim) = peer.claim.take() {
            self.refuse(claim.socket, peerjs::id_taken(), "id taken", effects);
        }
        if text.len() > FRAME_BYTES {
            let why = peerjs::error(&format!("A message may have {FRAME_BYTES} bytes; this one has {}", text.len()));
            self.seen.dropped += 1;
            effects.push(Effect::Send(socket, why.into()));
            return;
        }
        let Ok(frame) = Frame::parse(text) else {
            self.seen.dropped += 1;
            effects.push(Effect::Send(socket, peerjs::error("Invalid message").into()));
            return;
        };
        match (frame.kind, &frame.dst) {
            (Some(Kind::Heartbeat), _) => {}
            // Says that it goes; its socket will close.
            (Some(Kind::Leave), None) => {}
            (Some(kind), Some(dst)) => self.forward(now, &id, kind, dst, &frame, effects),
            _ => self.seen.dropped += 1,
        }
    }

    fn forward(
        &mut self,
        now: Instant,
        src: &Arc<str>,
        kind: Kind,
        dst: &str,
        frame: &Frame<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let text = Bytes::from(frame.forwarded(kind, src, dst));
        if let Some(peer) = self.peers.get(dst) {
            self.seen.forwarded += 1;
            effects.push(Effect::Send(peer.socket, text));
        } else if matches!(kind, Kind::Leave | Kind::Expire) || !peerjs::is_id(dst) {
            self.seen.dropped += 1;
        } else {
            self.keep(dst, Letter { src: Arc::clone(src), text, until: now + self.options.expire_timeout }, effects);
        }
    }

    fn keep(&mut self, dst: &str, letter: Letter, effects: &mut Vec<Effect>) {
        let full = !self.waiting.contains_key(dst) && self.waiting.len() >= AWAITED;
        let Some(sender) = self.peers.get_mut(&letter.src) else { return };
        let known = sender.awaits.contains(dst);
        if full || (!known && sender.awaits.len() >= AWAITED_BY_ONE) {
            return self.expire(dst, &letter.src, effects);
        }
        if !known {
            sender.awaits.insert(dst.into());
        }
        self.seen.queued += 1;
        let queue = self.waiting.entry(dst.into()).or_default();
        queue.push_back(letter);
        let bytes = |queue: &VecDeque<Letter>| queue.iter().map(|letter| letter.text.len()).sum::<usize>();
        let mut lost = Vec::new();
        while queue.len() > QUEUE_MESSAGES || (queue.len() > 1 && bytes(queue) > QUEUE_BYTES) {
            lost.extend(queue.pop_front().map(|letter| letter.src));
        }
        for src in lost {
            self.expire(dst, &src, effects);
        }
    }

    fn expire(&mut self, missing: &str, sender: &str, effects: &mut Vec<Effect>) {
        self.seen.expired += 1;
        if let Some(peer) = self.peers.get(sender) {
            effects.push(Effect::Send(peer.socket, peerjs::expire(missing, sender).into()));
        }
    }

    /// Looks after everything that has its time; call it a few times a second.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.expire_letters(now, effects);
        for peer in self.peers.values_mut() {
            peer.awaits.retain(|dst| self.waiting.contains_key(dst));
        }
        self.end_probes(now, effects);
        let silent = |peer: &&Peer| now.saturating_duration_since(peer.seen) > self.options.alive_timeout;
        let gone: Vec<SocketId> = self.peers.values().filter(silent).map(|peer| peer.socket).collect();
        for socket in gone {
            effects.push(Effect::Close(socket, "silent"));
            self.closed(now, socket, effects);
        }
    }

    /// Each sender hears once that somebody is not there, and nothing of it is delivered later.
    fn expire_letters(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let mut expired: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        self.waiting.retain(|dst, queue| {
            let over: BTreeSet<Arc<str>> =
                queue.iter().filter(|l| l.until <= now).map(|l| Arc::clone(&l.src)).collect();
            queue.retain(|letter| !over.contains(&letter.src));
            expired.extend(over.into_iter().map(|src| (Arc::clone(dst), src)));
            !queue.is_empty()
        });
        for (dst, src) in expired {
            self.expire(&dst, &src, effects);
        }
    }

    fn end_probes(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let late = |peer: &Peer| peer.claim.as_ref().is_some_and(|claim| claim.until <= now);
        let ids: Vec<Arc<str>> =
            self.peers.iter().filter(|(_, peer)| late(peer)).map(|(id, _)| Arc::clone(id)).collect();
        for id in ids {
            let claim = self.peers.get_mut(&id).and_then(|peer| peer.claim.take());
            if let Some(claim) = claim {
                self.take_over(now, &id, (claim.socket, claim.token), effects);
            }
        }
    }
}

#[cfg(test)]
mod tests;
