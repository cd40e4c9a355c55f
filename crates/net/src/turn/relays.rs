//! Relay sockets: one per allocation and family, on a free port of a range.

use super::socket::Datagrams;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use tandem_turn::{OpenError, Opened, RelayId, Relays, Want};

/// Ports tried before none is free.
const TRIES: usize = 64;

/// Where relay sockets of a family are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// They bind here.
    pub(super) bind: IpAddr,
    /// Peers reach them here.
    pub(super) told: IpAddr,
}

/// All relay sockets.
pub(super) struct RelaySockets {
    pub(super) registry: Registry,
    /// Tokens of relay sockets begin here.
    pub(super) first_token: usize,
    pub(super) v4: Option<Place>,
    pub(super) v6: Option<Place>,
    pub(super) ports: RangeInclusive<u16>,
    pub(super) open: Vec<Option<Datagrams>>,
    pub(super) free: Vec<usize>,
    /// Closed since the last flush: what still waits to leave by them may not leave by another.
    pub(super) closed: Vec<usize>,
}

impl RelaySockets {
    pub(super) fn get(&self, relay: RelayId) -> Option<&Datagrams> {
        self.open.get(relay.0 as usize)?.as_ref()
    }

    /// Nothing waits to be sent any more: numbers of closed sockets may be used again.
    pub(super) fn reuse(&mut self) {
        self.free.append(&mut self.closed);
    }

    fn keep(&mut self, socket: Datagrams, told: SocketAddr) -> Option<(RelayId, SocketAddr)> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        let token = Token(self.first_token + place);
        if self.registry.register(&mut SourceFd(&socket.fd()), token, Interest::READABLE).is_err() {
            self.free.push(place);
            return None;
        }
        let id = RelayId(u32::try_from(place).ok()?);
        *self.open.get_mut(place)? = Some(socket);
        Some((id, told))
    }

    fn random_port(&self, even: bool) -> u16 {
        let (low, high) = (*self.ports.start(), *self.ports.end());
        let port = rand::random_range(low..=high.max(low));
        if even { port & !1 } else { port }
    }

    fn try_open(&mut self, want: Want, place: Place, port: u16) -> Option<Opened> {
        let bound = |port| Datagrams::bind(SocketAddr::new(place.bind, port), 0).ok();
        let fits = |port: &u16| self.ports.contains(port);
        let first = bound(Some(port).filter(fits)?)?;
        let second = match want.pair {
            true => Some((bound(port.checked_add(1).filter(fits)?)?, port + 1)),
            false => None,
        };
        let relay = self.keep(first, SocketAddr::new(place.told, port))?;
        let pair = second.and_then(|(socket, port)| self.keep(socket, SocketAddr::new(place.told, port)));
        Some(Opened { relay, pair })
    }
}

impl Relays for RelaySockets {
    fn open(&mut self, want: Want) -> Result<Opened, OpenError> {
        let place = if want.ipv6 { self.v6 } else { self.v4 }.ok_or(OpenError::Family)?;
        for _ in 0..TRIES {
            let port = self.random_port(want.even || want.pair);
            if let Some(opened) = self.try_open(want, place, port) {
                return Ok(opened);
            }
        }
        Err(OpenError::Ports)
    }

    fn close(&mut self, relay: RelayId) {
        let place = relay.0 as usize;
        if let Some(socket) = self.open.get_mut(place).and_then(Option::take) {
            let _ = self.registry.deregister(&mut SourceFd(&socket.fd()));
            self.closed.push(place);
        }
    }
}
