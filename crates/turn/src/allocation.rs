//! One allocation: who has it, whom it may talk to, and until when.

use crate::budget::Budget;
use crate::credentials::Key;
use crate::output::{ClientId, RelayId};
use crate::server::OpenError;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_wire::stun::TransactionId;

/// How long a permission lives (RFC 8656 §9).
pub(crate) const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lives (RFC 8656 §12).
pub(crate) const CHANNEL: Duration = Duration::from_secs(600);
/// How long its number and peer may not be joined anew after that.
pub(crate) const CHANNEL_REST: Duration = Duration::from_secs(300);

/// A peer that has a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    pub(crate) number: u16,
    pub(crate) peer: SocketAddr,
    pub(crate) until: Instant,
}

/// A relayed address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relay {
    pub(crate) id: RelayId,
    pub(crate) address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) client: ClientId,
    pub(crate) user: Arc<str>,
    pub(crate) username: Arc<str>,
    pub(crate) key: Key,
    /// One, or one of each family.
    pub(crate) relays: SmallVec<[Relay; 1]>,
    pub(crate) until: Instant,
    permissions: SmallVec<[(IpAddr, Instant); 4]>,
    channels: SmallVec<[Channel; 4]>,
    pub(crate) budget: Budget,
    /// The request that made it: the same again gets the same answer.
    pub(crate) made_by: (TransactionId, Instant),
    pub(crate) lifetime: Duration,
    pub(crate) reservation: Option<[u8; 8]>,
    /// Both families were asked for, and this is why the second is not there.
    pub(crate) missing: Option<OpenError>,
}

/// Who an allocation is for.
pub(crate) struct Owner {
    pub(crate) client: ClientId,
    pub(crate) user: Arc<str>,
    pub(crate) username: Arc<str>,
    pub(crate) key: Key,
}

/// There is no room for one more.
pub(crate) struct Full;

impl Allocation {
    pub(crate) fn new(
        owner: Owner,
        relays: SmallVec<[Relay; 1]>,
        lifetime: Duration,
        id: TransactionId,
        budget: Budget,
        now: Instant,
    ) -> Self {
        Self {
            client: owner.client,
            user: owner.user,
            username: owner.username,
            key: owner.key,
            relays,
            until: now + lifetime,
            permissions: SmallVec::new(),
            channels: SmallVec::new(),
            budget,
            made_by: (id, now),
            lifetime,
            reservation: None,
            missing: None,
        }
    }

    /// The relay of a family.
    pub(crate) fn relay_for(&self, peer: IpAddr) -> Option<Relay> {
        self.relays.iter().copied().find(|relay| relay.address.is_ipv4() == peer.is_ipv4())
    }

    /// Lives on without one relay, and whom only that one reached.
    pub(crate) fn forget(&mut self, relay: Relay) {
        let other = |peer: IpAddr| peer.is_ipv4() != relay.address.is_ipv4();
        self.relays.retain(|kept| kept.id != relay.id);
        self.permissions.retain(|(ip, _)| other(*ip));
        self.channels.retain(|channel| other(channel.peer.ip()));
    }

    pub(crate) fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions.iter().any(|(permitted, until)| *permitted == ip && *until > now)
    }

    pub(crate) fn permit(&mut self, ip: IpAddr, most: usize, now: Instant) -> Result<(), Full> {
        if let Some((_, until)) = self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
            *until = now + PERMISSION;
            return Ok(());
        }
        if self.permissions.len() >= most {
            self.permissions.retain(|(_, until)| *until > now);
        }
        if self.permissions.len() >= most {
            return Err(Full);
        }
        self.permissions.push((ip, now + PERMISSION));
        Ok(())
    }

    /// Whether so many more addresses could be permitted.
    pub(crate) fn has_room_for(&self, ips: &[IpAddr], most: usize, now: Instant) -> bool {
        let live = self.permissions.iter().filter(|(_, until)| *until > now).count();
        let fresh = ips.iter().filter(|ip| !self.permits(**ip, now)).count();
        live + fresh <= most
    }

    /// The peer behind a number.
    pub(crate) fn peer_of(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        self.channels.iter().find(|channel| channel.number == number && channel.until > now).map(|channel| channel.peer)
    }

    /// The number of a peer.
    pub(crate) fn number_of(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        self.channels.iter().find(|channel| channel.peer == peer && channel.until > now).map(|channel| channel.number)
    }

    /// Whether a number and a peer may be joined: neither belongs to another, or did a moment ago.
    pub(crate) fn may_bind(&self, number: u16, peer: SocketAddr, now: Instant) -> bool {
        self.channels.iter().all(|channel| {
            let same = channel.number == number && channel.peer == peer;
            let touches = channel.number == number || channel.peer == peer;
            same || !touches || channel.until + CHANNEL_REST <= now
        })
    }

    pub(crate) fn bind(&mut self, number: u16, peer: SocketAddr, most: usize, now: Instant) -> Result<(), Full> {
        if let Some(known) = self.channels.iter_mut().find(|channel| channel.number == number && channel.peer == peer) {
            known.until = now + CHANNEL;
            return Ok(());
        }
        self.channels.retain(|channel| channel.until + CHANNEL_REST > now);
        if self.channels.len() >= most {
            return Err(Full);
        }
        self.channels.push(Channel { number, peer, until: now + CHANNEL });
        Ok(())
    }
}
