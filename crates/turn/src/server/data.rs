//! Packets: from clients to peers and back. Nothing here answers an error; what may not pass is dropped.

use super::{Relays, Server};
use crate::output::{ClientId, Destination, Outputs, RelayId};
use std::net::SocketAddr;
use std::time::Instant;
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};

/// Numbers of channels: RFC 8656 §12 ends them at 0x4fff, RFC 5766 §11 at 0x7fff, and clients of
/// that time choose among all.
pub(super) const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;
/// Of channel data.
const HEADER: usize = 4;
/// Of a STUN message, and of each of its attributes.
const MESSAGE: usize = 20;
const ATTRIBUTE: usize = 4;
/// What a field of a length holds.
const LENGTH: usize = 65_535;
/// What a datagram over IPv4 holds.
const DATAGRAM: usize = 65_507;

/// Where data of a channel goes.
struct Path {
    index: usize,
    number: u16,
    relay: RelayId,
    /// Its address, for a peer that is our own.
    from: SocketAddr,
    peer: SocketAddr,
    /// The peer is a relayed address of this server.
    hairpin: Option<RelayId>,
}

impl Server {
    /// Datagrams from one client, of `segment` bytes each but for the last.
    pub fn client_run(
        &mut self,
        now: Instant,
        client: ClientId,
        bytes: &[u8],
        segment: usize,
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        let mut path: Option<Path> = None;
        for datagram in bytes.chunks(segment.max(1)) {
            match datagram.first() {
                Some(0x40..=0x7f) => self.channel_data(now, client, datagram, &mut path, outputs),
                Some(0..=3) => {
                    // A message may change what is open.
                    path = None;
                    self.message(now, client, datagram, relays, outputs);
                }
                _ => self.stats.malformed += 1,
            }
        }
    }

    fn channel_data(
        &mut self,
        now: Instant,
        client: ClientId,
        datagram: &[u8],
        path: &mut Option<Path>,
        outputs: &mut Outputs,
    ) {
        let Some((&[n0, n1, l0, l1], body)) = datagram.split_first_chunk::<HEADER>() else {
            self.stats.malformed += 1;
            return;
        };
        let (number, length) = (u16::from_be_bytes([n0, n1]), usize::from(u16::from_be_bytes([l0, l1])));
        // Some clients pad datagrams too.
        let Some(payload) = body.get(..length) else {
            self.stats.malformed += 1;
            return;
        };
        if path.as_ref().is_none_or(|path| path.number != number) {
            *path = self.path(now, client, number);
        }
        match path {
            Some(path) => self.forward_to_peer(now, path, payload, outputs),
            None => self.stats.dropped_unpermitted += 1,
        }
    }

    fn path(&mut self, now: Instant, client: ClientId, number: u16) -> Option<Path> {
        let index = self.of(client, now)?;
        let peer = self.at(index)?.peer_of(number, now)?;
        self.path_to(now, index, number, peer)
    }

    fn path_to(&mut self, now: Instant, index: usize, number: u16, peer: SocketAddr) -> Option<Path> {
        let allocation = self.at(index)?;
        if !allocation.permits(peer.ip(), now) {
            return None;
        }
        let relay = allocation.relay_for(peer.ip())?;
        let hairpin = self.relayed.get(&peer).copied();
        // A permission is for all ports of an address, and this one may be closed.
        if hairpin.is_none() {
            self.may_reach(peer).ok()?;
        }
        Some(Path { index, number, relay: relay.id, from: relay.address, peer, hairpin })
    }

    fn forward_to_peer(&mut self, now: Instant, path: &Path, payload: &[u8], outputs: &mut Outputs) {
        if !self.within(now, path.index, payload.len()) {
            return;
        }
        self.stats.packets_to_peers += 1;
        self.stats.bytes_to_peers += payload.len() as u64;
        match path.hairpin {
            Some(relay) => self.forward_to_client(now, relay, path.from, payload, outputs),
            None => outputs.push(Destination::Peer(path.relay, path.peer), &[payload]),
        }
    }

    /// Datagrams from one peer to a relay socket, of `segment` bytes each but for the last.
    pub fn relay_run(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
        bytes: &[u8],
        segment: usize,
        outputs: &mut Outputs,
    ) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        for datagram in bytes.chunks(segment.max(1)) {
            self.forward_to_client(now, relay, peer, datagram, outputs);
        }
    }

    fn forward_to_client(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
        payload: &[u8],
        outputs: &mut Outputs,
    ) {
        let index = self.relays.get(relay.0 as usize).copied().flatten();
        let open = index.and_then(|index| Some((index, self.at(index)?)));
        let Some((index, allocation)) = open.filter(|(_, a)| a.until > now && a.permits(peer.ip(), now)) else {
            self.stats.dropped_unpermitted += 1;
            return;
        };
        let (client, number) = (allocation.client, allocation.number_of(peer, now));
        if payload.len() > longest(client, number, peer) {
            self.stats.dropped_oversized += 1;
            return;
        }
        if !self.within(now, index, payload.len()) {
            return;
        }
        self.stats.packets_to_clients += 1;
        self.stats.bytes_to_clients += payload.len() as u64;
        match number {
            Some(number) => to_channel(client, number, payload, outputs),
            None => outputs.write(Destination::Client(client), |out| data_indication(peer, payload, out)),
        }
    }

    /// Takes so many bytes from the bounds of bandwidth.
    fn within(&mut self, now: Instant, index: usize, bytes: usize) -> bool {
        let (of_allocation, of_user) = (self.settings.allocation_bps, self.settings.user_bps);
        if of_allocation == 0 && of_user == 0 {
            return true;
        }
        let much = bytes as f64 * 8.0;
        let Some(allocation) = self.allocations.get_mut(index).and_then(Option::as_deref_mut) else { return false };
        let mut enough = of_allocation == 0 || allocation.budget.take(much, per_second(of_allocation), now);
        if enough
            && of_user > 0
            && let Some(user) = self.users.get_mut(&allocation.user)
        {
            enough = user.budget.take(much, per_second(of_user), now);
        }
        self.stats.dropped_bandwidth += u64::from(!enough);
        enough
    }

    /// Data for a peer without a number (RFC 8656 §11).
    pub(super) fn send_indication(
        &mut self,
        now: Instant,
        client: ClientId,
        message: &Message<'_>,
        outputs: &mut Outputs,
    ) {
        let unknown = message
            .attributes()
            .any(|a| a.must_be_understood() && !matches!(a.number, attribute::XOR_PEER_ADDRESS | attribute::DATA));
        let peer = message.address(attribute::XOR_PEER_ADDRESS).map(super::permit::canonical);
        let (Some(peer), Some(data), false) = (peer, message.get(attribute::DATA), unknown) else {
            self.stats.malformed += 1;
            return;
        };
        let path = self.of(client, now).and_then(|index| self.path_to(now, index, 0, peer));
        match path {
            Some(path) => self.forward_to_peer(now, &path, data, outputs),
            None => self.stats.dropped_unpermitted += 1,
        }
    }
}

/// A second's worth may come at once, and never less than some large packets.
pub(super) fn per_second(bps: u64) -> (f64, f64) {
    let bps = bps as f64;
    (bps, bps.max(64_000.0))
}

/// The longest payload that reaches a client whole: lengths are of 16 bits, and a datagram is no longer
/// than IP lets it be.
fn longest(client: ClientId, number: Option<u16>, peer: SocketAddr) -> usize {
    let whole = if client.is_stream() { usize::MAX } else { DATAGRAM };
    match number {
        Some(_) => (whole - HEADER).min(LENGTH),
        None => {
            let before = ATTRIBUTE + if peer.is_ipv4() { 8 } else { 20 } + ATTRIBUTE;
            // Attributes are padded to four.
            ((whole - MESSAGE).min(LENGTH) - before) & !3
        }
    }
}

fn to_channel(client: ClientId, number: u16, payload: &[u8], outputs: &mut Outputs) {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let ([n0, n1], [l0, l1]) = (number.to_be_bytes(), length.to_be_bytes());
    let pad = if client.is_stream() { payload.len().next_multiple_of(4) - payload.len() } else { 0 };
    let zeros = [0; 3];
    let padding = zeros.get(..pad).unwrap_or_default();
    outputs.push(Destination::Client(client), &[&[n0, n1, l0, l1], payload, padding]);
}

fn data_indication(peer: SocketAddr, payload: &[u8], out: &mut Vec<u8>) {
    let id = TransactionId(rand::random());
    let _ = Builder::new(out, Class::Indication, Method::Data, id)
        .address(attribute::XOR_PEER_ADDRESS, peer)
        .attribute(attribute::DATA, payload);
}
