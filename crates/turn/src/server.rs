//! The server: who has which allocation, and what every datagram leads to.

mod allocate;
mod answer;
mod data;
mod permit;
mod places;
mod request;

use crate::allocation::{Allocation, Relay};
use crate::budget::{Budget, Sources};
use crate::credentials::{Accounts, Nonces};
use crate::output::{ClientId, Outputs, RelayId};
use crate::settings::Settings;
use crate::stats::Stats;
use crate::stream::Framer;
use foldhash::fast::RandomState;
use places::{Holder, Reservation};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sources whose rates are remembered.
const SOURCES: usize = 4096;
/// How long the port beside an even one is kept (RFC 8656 §7.2).
const RESERVATION: Duration = Duration::from_secs(30);

/// What kind of relay socket is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// An IPv6 address.
    pub ipv6: bool,
    /// An even port.
    pub even: bool,
    /// The port after it, too.
    pub pair: bool,
}

/// Relay sockets that were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The socket, and the address peers reach it at.
    pub relay: (RelayId, SocketAddr),
    /// The one beside it.
    pub pair: Option<(RelayId, SocketAddr)>,
}

/// Why there is no relay socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The node has no address of that family.
    Family,
    /// No port is free.
    Ports,
}

/// Opens and closes relay sockets: the shell.
pub trait Relays {
    /// Opens one, or two side by side.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn open(&mut self, want: Want) -> Result<Opened, OpenError>;
    /// Closes one. Its number may be used again.
    fn close(&mut self, relay: RelayId);
}

/// What ends when nobody refreshes or claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Allocation(usize),
    Reservation([u8; 8]),
}

/// Somebody who relays.
struct User {
    places: u32,
    budget: Budget,
}

/// See the module.
pub struct Server {
    settings: Settings,
    accounts: Accounts,
    nonces: Nonces,
    /// When the server was made, on both clocks.
    epoch: (Instant, u64),
    allocations: Vec<Option<Box<Allocation>>>,
    free: Vec<usize>,
    // What every packet is looked up in: a faster hash than the usual one, with a random seed too.
    clients: HashMap<ClientId, usize, RandomState>,
    /// Allocations by relay socket.
    relays: Vec<Option<usize>>,
    /// Our own relayed addresses: what goes there stays in the process.
    relayed: HashMap<SocketAddr, RelayId, RandomState>,
    /// Addresses of this node that may be reached whatever the policy says.
    own: HashSet<SocketAddr, RandomState>,
    /// Addresses of this node: nothing else on them may be reached.
    here: HashSet<IpAddr, RandomState>,
    users: HashMap<Arc<str>, User>,
    addresses: HashMap<IpAddr, u32>,
    reservations: HashMap<[u8; 8], Reservation>,
    streams: HashMap<u64, Framer>,
    /// One for each allocation and reservation there is, and no other.
    timers: BTreeSet<(Instant, Due)>,
    unauthorized: Sources,
    bindings: Sources,
    draining: bool,
    stats: Stats,
}

impl Server {
    /// A server that begins at `now`, which is `now_unix` seconds after 1970. `secret` is 32 random bytes.
    #[must_use]
    pub fn new(settings: Settings, secret: &[u8; 32], now: Instant, now_unix: u64) -> Self {
        let accounts = Accounts {
            realm: settings.realm.clone(),
            secrets: settings.secrets.clone(),
            users: settings.users.clone(),
        };
        Self {
            accounts,
            nonces: Nonces::new(secret, settings.nonce_lifetime.as_secs()),
            epoch: (now, now_unix),
            allocations: Vec::new(),
            free: Vec::new(),
            clients: HashMap::default(),
            relays: Vec::new(),
            relayed: HashMap::default(),
            own: HashSet::default(),
            here: HashSet::default(),
            users: HashMap::new(),
            addresses: HashMap::new(),
            reservations: HashMap::new(),
            streams: HashMap::new(),
            timers: BTreeSet::new(),
            unauthorized: Sources::new(settings.unauthorized_rate, SOURCES, now),
            bindings: Sources::new(settings.binding_rate, SOURCES, now),
            draining: false,
            stats: Stats::default(),
            settings,
        }
    }

    /// Addresses of this node that relays may reach: its own media ports.
    pub fn allow_own(&mut self, own: impl IntoIterator<Item = SocketAddr>) {
        self.own.extend(own);
    }

    /// Addresses this node has or is reached at. What listens there trusts its own machine, so relays
    /// reach only what is open on them: other relays, and what [`allow_own`](Self::allow_own) names.
    pub fn is_at(&mut self, here: impl IntoIterator<Item = IpAddr>) {
        self.here.extend(here.into_iter().map(|ip| ip.to_canonical()));
    }

    /// No new allocations; those there are live on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.allocations = self.clients.len() as u64;
        stats
    }

    /// Whether a client has an allocation.
    #[must_use]
    pub fn has_allocation(&self, client: ClientId) -> bool {
        self.clients.contains_key(&client)
    }

    /// A connection began.
    pub fn stream_opened(&mut self, id: u64) {
        self.streams.insert(id, Framer::default());
    }

    /// A connection is gone, and with it its allocation.
    pub fn stream_closed(&mut self, id: u64, address: SocketAddr, relays: &mut impl Relays) {
        self.streams.remove(&id);
        if let Some(index) = self.clients.get(&ClientId::Stream { id, address }).copied() {
            self.end(index, relays);
        }
    }

    /// Bytes of a connection, cut anywhere.
    pub fn stream_data(
        &mut self,
        now: Instant,
        (id, address): (u64, SocketAddr),
        bytes: &[u8],
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        let Some(mut framer) = self.streams.remove(&id) else { return };
        let client = ClientId::Stream { id, address };
        let fed = framer.feed(bytes, |message| self.client_run(now, client, message, message.len(), relays, outputs));
        match fed {
            Ok(()) => {
                self.streams.insert(id, framer);
            }
            Err(_) => {
                self.stats.malformed += 1;
                outputs.close(id);
            }
        }
    }

    /// When [`on_timeout`](Self::on_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Ends what nobody refreshed.
    pub fn on_timeout(&mut self, now: Instant, relays: &mut impl Relays) {
        while let Some((_, due)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            match due {
                Due::Allocation(index) => self.end(index, relays),
                Due::Reservation(token) => self.forget_reservation(&token, relays),
            }
        }
    }

    fn now_unix(&self, now: Instant) -> u64 {
        self.epoch.1 + now.saturating_duration_since(self.epoch.0).as_secs()
    }

    fn at(&self, index: usize) -> Option<&Allocation> {
        self.allocations.get(index)?.as_deref()
    }

    fn at_mut(&mut self, index: usize) -> Option<&mut Allocation> {
        self.allocations.get_mut(index)?.as_deref_mut()
    }

    fn of(&self, client: ClientId, now: Instant) -> Option<usize> {
        let index = *self.clients.get(&client)?;
        self.at(index).filter(|allocation| allocation.until > now).map(|_| index)
    }

    /// Ends an allocation, and the reservation it made.
    fn end(&mut self, index: usize, relays: &mut impl Relays) {
        let Some(allocation) = self.allocations.get_mut(index).and_then(Option::take) else { return };
        self.free.push(index);
        self.timers.remove(&(allocation.until, Due::Allocation(index)));
        self.clients.remove(&allocation.client);
        for relay in &allocation.relays {
            self.close(*relay, relays);
        }
        if let Some(token) = &allocation.reservation {
            self.forget_reservation(token, relays);
        }
        self.leave_place(&Holder { ip: allocation.client.address().ip(), user: allocation.user });
    }

    fn close(&mut self, relay: Relay, relays: &mut impl Relays) {
        self.relayed.remove(&relay.address);
        if let Some(slot) = self.relays.get_mut(relay.id.0 as usize) {
            *slot = None;
        }
        relays.close(relay.id);
    }
}
