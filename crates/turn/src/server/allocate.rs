//! Making, refreshing and ending allocations (RFC 8656 §7 and §8).

use super::answer::{Asked, Failure};
use super::data::per_second;
use super::request::Caller;
use super::{OpenError, RESERVATION, Relays, Reservation, Server, User, Want};
use crate::allocation::{Allocation, Owner, Relay};
use crate::budget::Budget;
use crate::credentials::Key;
use crate::output::{Outputs, RelayId};
use smallvec::{SmallVec, smallvec};
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tandem_wire::stun::{Class, Message, attribute};

/// The same request again within this time gets the same answer.
const RETRANSMISSION: Duration = Duration::from_secs(40);
/// The protocol number of UDP.
const UDP: u8 = 17;
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Which relays a request wants.
enum Wish {
    One(Want),
    /// One of each family; the second may be missing.
    Both,
    Reserved([u8; 8]),
}

/// Relays that were opened for a request.
struct Granted {
    relays: SmallVec<[Relay; 1]>,
    reservation: Option<[u8; 8]>,
    /// The second family of two is not there, for this reason.
    missing: Option<Failure>,
}

impl Server {
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        asked: &Asked,
        message: &Message<'_>,
        caller: Caller,
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        if let Some(index) = self.of(asked.client, now) {
            let again = self.at(index).is_some_and(|allocation| {
                allocation.made_by.0 == asked.id
                    && now.saturating_duration_since(allocation.made_by.1) <= RETRANSMISSION
            });
            return if again {
                self.allocated(asked, index, None, outputs);
            } else {
                self.fail(asked, Some(&caller.key), Failure::MISMATCH, outputs);
            };
        }
        // One that is over but not yet collected.
        if let Some(old) = self.clients.get(&asked.client).copied() {
            self.end(old, relays);
        }
        let granted = wish(message).and_then(|wish| {
            self.has_quota(asked, &caller)?;
            self.open(now, &wish, relays)
        });
        match granted {
            Ok(granted) => {
                let missing = granted.missing;
                let index = self.keep(now, asked, message, caller, granted);
                self.allocated(asked, index, missing, outputs);
            }
            Err(failure) => self.fail(asked, Some(&caller.key), failure, outputs),
        }
    }

    fn has_quota(&self, asked: &Asked, caller: &Caller) -> Result<(), Failure> {
        if self.draining || self.clients.len() >= self.settings.total_quota as usize {
            return Err(Failure::CAPACITY);
        }
        let of_user = self.users.get(&caller.user).map_or(0, |user| user.allocations);
        let of_ip = self.addresses.get(&asked.client.address().ip()).copied().unwrap_or_default();
        if of_user >= self.settings.user_quota || of_ip >= self.settings.ip_quota {
            return Err(Failure::QUOTA);
        }
        Ok(())
    }

    fn open(&mut self, now: Instant, wish: &Wish, relays: &mut impl Relays) -> Result<Granted, Failure> {
        let relay = |(id, address): (RelayId, SocketAddr)| Relay { id, address };
        match wish {
            Wish::One(want) => {
                let opened = relays.open(*want).map_err(failure_of)?;
                let reservation = opened.pair.map(|pair| self.reserve(now, pair));
                Ok(Granted { relays: smallvec![relay(opened.relay)], reservation, missing: None })
            }
            Wish::Both => {
                let want = |ipv6| Want { ipv6, even: false, pair: false };
                let mut all: SmallVec<[Relay; 1]> =
                    smallvec![relay(relays.open(want(false)).map_err(failure_of)?.relay)];
                let second = relays.open(want(true)).map_err(failure_of);
                all.extend(second.as_ref().ok().map(|opened| relay(opened.relay)));
                Ok(Granted { relays: all, reservation: None, missing: second.err() })
            }
            Wish::Reserved(token) => {
                let kept = self.reservations.remove(token).ok_or(Failure::CAPACITY)?;
                if kept.until <= now {
                    relays.close(kept.relay.0);
                    return Err(Failure::CAPACITY);
                }
                Ok(Granted { relays: smallvec![relay(kept.relay)], reservation: None, missing: None })
            }
        }
    }

    /// Keeps the second port of a pair for whoever brings the token.
    fn reserve(&mut self, now: Instant, relay: (RelayId, SocketAddr)) -> [u8; 8] {
        let (token, until) = (rand::random(), now + RESERVATION);
        self.reservations.insert(token, Reservation { relay, until });
        // No allocation has this index: the timer only looks at reservations.
        self.timers.push(Reverse((until, usize::MAX)));
        token
    }

    fn keep(&mut self, now: Instant, asked: &Asked, message: &Message<'_>, caller: Caller, granted: Granted) -> usize {
        let lifetime = self.lifetime(message).max(self.settings.lifetime);
        let budget = Budget::full(per_second(self.settings.allocation_bps).1, now);
        let user_budget = Budget::full(per_second(self.settings.user_bps).1, now);
        let user = self.users.entry(caller.user.clone()).or_insert(User { allocations: 0, budget: user_budget });
        user.allocations += 1;
        *self.addresses.entry(asked.client.address().ip()).or_default() += 1;
        let owner = Owner { client: asked.client, user: caller.user, username: caller.username, key: caller.key };
        let mut allocation = Allocation::new(owner, granted.relays, lifetime, asked.id, budget, now);
        allocation.reservation = granted.reservation;
        let index = self.free.pop().unwrap_or_else(|| {
            self.allocations.push(None);
            self.allocations.len() - 1
        });
        for relay in &allocation.relays {
            let place = relay.id.0 as usize;
            if self.relays.len() <= place {
                self.relays.resize(place + 1, None);
            }
            if let Some(slot) = self.relays.get_mut(place) {
                *slot = Some(index);
            }
            self.relayed.insert(relay.address, relay.id);
        }
        self.clients.insert(asked.client, index);
        self.timers.push(Reverse((allocation.until, index)));
        if let Some(slot) = self.allocations.get_mut(index) {
            *slot = Some(Box::new(allocation));
        }
        self.stats.allocations_made += 1;
        index
    }

    /// What the request wants, within bounds.
    fn lifetime(&self, message: &Message<'_>) -> Duration {
        let wanted = message.number(attribute::LIFETIME).map(|seconds| Duration::from_secs(seconds.into()));
        wanted.unwrap_or(self.settings.lifetime).min(self.settings.max_lifetime)
    }

    fn allocated(&self, asked: &Asked, index: usize, missing: Option<Failure>, outputs: &mut Outputs) {
        let Some(allocation) = self.at(index) else { return };
        let mapped = super::permit::canonical(asked.client.address());
        asked.answer(Class::Success, Some(&allocation.key), outputs, |mut builder| {
            for relay in &allocation.relays {
                builder = builder.address(attribute::XOR_RELAYED_ADDRESS, relay.address);
            }
            builder = builder
                .attribute(attribute::LIFETIME, &seconds(allocation.lifetime))
                .address(attribute::XOR_MAPPED_ADDRESS, mapped);
            if let Some(token) = &allocation.reservation {
                builder = builder.attribute(attribute::RESERVATION_TOKEN, token);
            }
            match missing {
                Some(Failure(code, reason)) => {
                    builder.attribute(attribute::ADDRESS_ERROR_CODE, &address_error(code, reason))
                }
                None => builder,
            }
        });
    }

    pub(super) fn refresh(
        &mut self,
        now: Instant,
        asked: &Asked,
        message: &Message<'_>,
        (index, key): (usize, &Key),
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        if let Some(family) = message.get(attribute::REQUESTED_ADDRESS_FAMILY) {
            let ours = self
                .at(index)
                .is_some_and(|a| a.relays.iter().any(|r| family_of(r.address) == family.first().copied()));
            if !ours {
                return self.fail(asked, Some(key), Failure::PEER_FAMILY, outputs);
            }
        }
        let lifetime = match self.lifetime(message) {
            Duration::ZERO => Duration::ZERO,
            lifetime => lifetime.max(self.settings.lifetime),
        };
        if lifetime.is_zero() {
            self.end(index, relays);
        } else if let Some(allocation) = self.at_mut(index) {
            allocation.until = now + lifetime;
        }
        asked.answer(Class::Success, Some(key), outputs, |builder| {
            builder.attribute(attribute::LIFETIME, &seconds(lifetime))
        });
    }
}

fn wish(message: &Message<'_>) -> Result<Wish, Failure> {
    let transport = message.get(attribute::REQUESTED_TRANSPORT).ok_or(Failure::BAD_REQUEST)?;
    if transport.first() != Some(&UDP) {
        return Err(Failure::TRANSPORT);
    }
    let family = message.get(attribute::REQUESTED_ADDRESS_FAMILY).map(|value| value.first().copied());
    let even = message.get(attribute::EVEN_PORT).map(|value| value.first().is_some_and(|bits| bits & 0x80 != 0));
    let token = message.get(attribute::RESERVATION_TOKEN);
    let both = message.get(attribute::ADDITIONAL_ADDRESS_FAMILY).map(|value| value.first().copied());
    if let Some(token) = token {
        let token = token.try_into().map_err(|_| Failure::BAD_REQUEST)?;
        return if family.is_some() || even.is_some() || both.is_some() {
            Err(Failure::BAD_REQUEST)
        } else {
            Ok(Wish::Reserved(token))
        };
    }
    if let Some(additional) = both {
        // Only IPv6 can be asked for beside IPv4.
        let fits = additional == Some(IPV6) && family.is_none() && even.is_none();
        return if fits { Ok(Wish::Both) } else { Err(Failure::BAD_REQUEST) };
    }
    let ipv6 = match family {
        None | Some(Some(IPV4)) => false,
        Some(Some(IPV6)) => true,
        Some(_) => return Err(Failure::FAMILY),
    };
    Ok(Wish::One(Want { ipv6, even: even.is_some(), pair: even == Some(true) }))
}

fn failure_of(error: OpenError) -> Failure {
    match error {
        OpenError::Family => Failure::FAMILY,
        OpenError::Ports => Failure::CAPACITY,
    }
}

fn family_of(address: SocketAddr) -> Option<u8> {
    Some(if address.is_ipv4() { IPV4 } else { IPV6 })
}

fn seconds(duration: Duration) -> [u8; 4] {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).to_be_bytes()
}

/// ADDRESS-ERROR-CODE (RFC 8656 §18.12), of IPv6.
fn address_error(code: u16, reason: &str) -> Vec<u8> {
    let digits = |n: u16| u8::try_from(n).unwrap_or_default();
    let mut value = vec![IPV6, 0, digits(code / 100), digits(code % 100)];
    value.extend_from_slice(reason.as_bytes());
    value
}
