//! All peer connections of a shard: who a datagram belongs to, whose time has come, who has
//! something to send.

mod config;
mod peer;

pub(crate) use config::PeerConfig;
pub(crate) use peer::{DataLabel, OfferPlan, OfferedMedia, Outgoing, Peer, PeerEvent, Vp8Ids};

use crate::TxBatch;
pub(crate) use crate::keys::TransportKey;
use crate::keys::{ParticipantKey, RoomKey};
use slotmap::SlotMap;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::Instant;
use tandem_core::PcTarget;

/// Addresses one connection may be known by (network changes, IPv4 and IPv6, TCP); the oldest goes.
const MAX_ADDRESSES: usize = 8;

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) room: RoomKey,
    pub(crate) participant: ParticipantKey,
    pub(crate) target: PcTarget,
}

struct Transport {
    peer: Peer,
    owner: Owner,
    addresses: SmallVec<[SocketAddr; 2]>,
    ufrag: String,
    /// When it wants to be called.
    deadline: Instant,
    /// The entry in the heap that stands for it; earlier than or equal to `deadline`.
    scheduled: Option<Instant>,
    dirty: bool,
}

/// The set of connections. Every lookup is a hash or an index; nothing scans.
#[derive(Default)]
pub(crate) struct Transports {
    map: SlotMap<TransportKey, Transport>,
    by_address: HashMap<SocketAddr, TransportKey>,
    by_ufrag: HashMap<String, TransportKey>,
    timers: BinaryHeap<Reverse<(Instant, TransportKey)>>,
    dirty: Vec<TransportKey>,
    closed: Vec<TransportKey>,
}

impl Transports {
    pub(crate) fn insert(&mut self, mut peer: Peer, owner: Owner, now: Instant) -> TransportKey {
        let ufrag = peer.local_ufrag();
        let key = self.map.insert(Transport {
            peer,
            owner,
            addresses: SmallVec::new(),
            ufrag: ufrag.clone(),
            deadline: now,
            scheduled: None,
            dirty: false,
        });
        self.by_ufrag.insert(ufrag, key);
        self.mark(key);
        key
    }

    fn remove(&mut self, key: TransportKey) {
        if let Some(transport) = self.map.remove(key) {
            self.by_ufrag.remove(&transport.ufrag);
            for address in transport.addresses {
                if self.by_address.get(&address) == Some(&key) {
                    self.by_address.remove(&address);
                }
            }
        }
    }

    /// Removes a connection once its goodbye has been flushed.
    pub(crate) fn remove_after_flush(&mut self, key: TransportKey) {
        self.closed.push(key);
    }

    pub(crate) fn remove_closed(&mut self) {
        for key in std::mem::take(&mut self.closed) {
            self.remove(key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn owner(&self, key: TransportKey) -> Option<Owner> {
        self.map.get(key).map(|t| t.owner)
    }

    /// The connection itself, to be changed; it will be drained at the next flush.
    pub(crate) fn peer_mut(&mut self, key: TransportKey) -> Option<&mut Peer> {
        self.mark(key);
        self.map.get_mut(key).map(|t| &mut t.peer)
    }

    /// The connection itself, to be looked at.
    pub(crate) fn peer(&self, key: TransportKey) -> Option<&Peer> {
        self.map.get(key).map(|t| &t.peer)
    }

    /// Sends one packet on a connection. The hot path of the house.
    pub(crate) fn write(&mut self, key: TransportKey, packet: &Outgoing<'_>) -> bool {
        let Some(transport) = self.map.get_mut(key) else { return false };
        if !transport.peer.write(packet) {
            return false;
        }
        if !transport.dirty {
            transport.dirty = true;
            self.dirty.push(key);
        }
        true
    }

    /// It has something to say at the next flush.
    pub(crate) fn mark(&mut self, key: TransportKey) {
        if let Some(transport) = self.map.get_mut(key)
            && !transport.dirty
        {
            transport.dirty = true;
            self.dirty.push(key);
        }
    }

    /// Call after an SDP exchange: an ICE restart changes the user fragment.
    pub(crate) fn refresh_ufrag(&mut self, key: TransportKey) {
        if let Some(transport) = self.map.get_mut(key) {
            let ufrag = transport.peer.local_ufrag();
            if ufrag != transport.ufrag {
                self.by_ufrag.remove(&transport.ufrag);
                self.by_ufrag.insert(ufrag.clone(), key);
                transport.ufrag = ufrag;
            }
        }
    }

    /// Whose datagram this is: by the address it came from, else by the user fragment in a STUN
    /// request, which also teaches the address.
    pub(crate) fn route(&mut self, source: SocketAddr, data: &[u8]) -> Option<TransportKey> {
        if tandem_wire::stun::is_stun(data)
            && let Some(ufrag) = tandem_wire::stun::local_ufrag(data)
        {
            let key = *self.by_ufrag.get(ufrag)?;
            if self.by_address.get(&source) != Some(&key) {
                self.learn(key, source);
            }
            return Some(key);
        }
        self.by_address.get(&source).copied()
    }

    fn learn(&mut self, key: TransportKey, source: SocketAddr) {
        let Some(transport) = self.map.get_mut(key) else { return };
        if transport.addresses.len() >= MAX_ADDRESSES {
            let oldest = transport.addresses.remove(0);
            self.by_address.remove(&oldest);
        }
        transport.addresses.push(source);
        if let Some(before) = self.by_address.insert(source, key)
            && let Some(other) = self.map.get_mut(before)
            && before != key
        {
            other.addresses.retain(|a| *a != source);
        }
    }

    /// The next connection whose time has come, if any. Each is returned once per deadline.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TransportKey> {
        while let Some(Reverse((at, key))) = self.timers.peek().copied() {
            if at > now {
                return None;
            }
            self.timers.pop();
            let Some(transport) = self.map.get_mut(key) else { continue };
            if transport.scheduled != Some(at) {
                continue;
            }
            transport.scheduled = None;
            if transport.deadline > now {
                self.schedule(key);
                continue;
            }
            return Some(key);
        }
        None
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Puts a heap entry for the connection unless an earlier one stands there already.
    fn schedule(&mut self, key: TransportKey) {
        let Some(transport) = self.map.get_mut(key) else { return };
        if transport.scheduled.is_none_or(|at| transport.deadline < at) {
            transport.scheduled = Some(transport.deadline);
            self.timers.push(Reverse((transport.deadline, key)));
        }
    }

    /// Takes the connections marked since the last call.
    pub(crate) fn take_dirty(&mut self, into: &mut Vec<TransportKey>) {
        into.append(&mut self.dirty);
    }

    /// Lets one connection put out what it has. With `tick` it is told the time first, which is
    /// what releases packets written since.
    pub(crate) fn drain(
        &mut self,
        key: TransportKey,
        tick: bool,
        now: Instant,
        out: &mut TxBatch,
        events: &mut Vec<(TransportKey, PeerEvent)>,
    ) {
        let Some(transport) = self.map.get_mut(key) else { return };
        transport.dirty = false;
        transport.deadline = transport.peer.drain(tick, now, out, |event| events.push((key, event)));
        self.schedule(key);
    }

    /// Hands a datagram to a connection; its answers come with the next drain.
    pub(crate) fn receive(
        &mut self,
        key: TransportKey,
        now: Instant,
        protocol: str0m::net::Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        data: &[u8],
    ) {
        if let Some(transport) = self.map.get_mut(key) {
            transport.peer.receive(now, protocol, source, destination, data);
        }
    }
}
