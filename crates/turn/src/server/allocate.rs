//! Making, refreshing and ending allocations (RFC 8656 §7 and §8).

use super::answer::{Asked, Failure};
use super::data::per_second;
use super::places::Holder;
use super::request::Caller;
use super::{Due, OpenError, Relays, Server, Want};
use crate::allocation::{Allocation, Owner, Relay};
use crate::budget::Budget;
use crate::credentials::Key;
use crate::output::{Outputs, RelayId};
use smallvec::{SmallVec, smallvec};
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
pub(super) enum Wish {
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
    missing: Option<OpenError>,
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
                self.allocated(asked, index, outputs);
            } else {
                self.fail(asked, Some(&caller.key), Failure::MISMATCH, outputs);
            };
        }
        // What is over but not yet collected holds places, one of this client perhaps.
        self.on_timeout(now, relays);
        let holder = Holder::of(asked, &caller);
        let granted = wish(message).and_then(|wish| {
            self.has_quota(&holder, &wish)?;
            self.open(now, &holder, &wish, relays)
        });
        match granted {
            Ok(granted) => {
                let index = self.keep(now, asked, message, caller, granted);
                self.allocated(asked, index, outputs);
            }
            Err(failure) => self.fail(asked, Some(&caller.key), failure, outputs),
        }
    }

    fn open(
        &mut self,
        now: Instant,
        holder: &Holder,
        wish: &Wish,
        relays: &mut impl Relays,
    ) -> Result<Granted, Failure> {
        let relay = |(id, address): (RelayId, SocketAddr)| Relay { id, address };
        match wish {
            Wish::One(want) => {
                let opened = relays.open(*want).map_err(failure_of)?;
                let reservation = opened.pair.map(|pair| self.reserve(now, holder, relay(pair)));
                Ok(Granted { relays: smallvec![relay(opened.relay)], reservation, missing: None })
            }
            Wish::Both => {
                let want = |ipv6| Want { ipv6, even: false, pair: false };
                let mut all: SmallVec<[Relay; 1]> =
                    smallvec![relay(relays.open(want(false)).map_err(failure_of)?.relay)];
                let second = relays.open(want(true));
                all.extend(second.as_ref().ok().map(|opened| relay(opened.relay)));
                Ok(Granted { relays: all, reservation: None, missing: second.err() })
            }
            Wish::Reserved(token) => {
                let kept = self.claim(token).ok_or(Failure::CAPACITY)?;
                Ok(Granted { relays: smallvec![kept], reservation: None, missing: None })
            }
        }
    }

    fn keep(&mut self, now: Instant, asked: &Asked, message: &Message<'_>, caller: Caller, granted: Granted) -> usize {
        let lifetime = self.lifetime(message).max(self.settings.lifetime);
        let budget = Budget::full(per_second(self.settings.allocation_bps).1, now);
        self.take_place(&Holder::of(asked, &caller), now);
        let owner = Owner { client: asked.client, user: caller.user, username: caller.username, key: caller.key };
        let mut allocation = Allocation::new(owner, granted.relays, lifetime, asked.id, budget, now);
        allocation.reservation = granted.reservation;
        allocation.missing = granted.missing;
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
        self.timers.insert((allocation.until, Due::Allocation(index)));
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

    fn allocated(&self, asked: &Asked, index: usize, outputs: &mut Outputs) {
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
            match allocation.missing.map(failure_of) {
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
        let family = message.get(attribute::REQUESTED_ADDRESS_FAMILY).map(|value| value.first().copied());
        let named = family.map(|family| self.relay_of(index, family));
        if matches!(named, Some(None)) {
            return self.fail(asked, Some(key), Failure::PEER_FAMILY, outputs);
        }
        let lifetime = match self.lifetime(message) {
            Duration::ZERO => Duration::ZERO,
            lifetime => lifetime.max(self.settings.lifetime),
        };
        match (lifetime, named.flatten()) {
            (Duration::ZERO, Some(relay)) => self.end_one(index, relay, relays),
            (Duration::ZERO, None) => self.end(index, relays),
            (lifetime, _) => self.live_until(index, now + lifetime),
        }
        asked.answer(Class::Success, Some(key), outputs, |builder| {
            builder.attribute(attribute::LIFETIME, &seconds(lifetime))
        });
    }

    fn relay_of(&self, index: usize, family: Option<u8>) -> Option<Relay> {
        self.at(index)?.relays.iter().copied().find(|relay| family_of(relay.address) == family)
    }

    /// Ends the relay of one family (RFC 8656 §8.1), and the allocation with its last one.
    fn end_one(&mut self, index: usize, relay: Relay, relays: &mut impl Relays) {
        match self.at_mut(index) {
            Some(allocation) if allocation.relays.len() > 1 => {
                allocation.forget(relay);
                self.close(relay, relays);
            }
            _ => self.end(index, relays),
        }
    }

    fn live_until(&mut self, index: usize, until: Instant) {
        let Some(allocation) = self.at_mut(index) else { return };
        let before = std::mem::replace(&mut allocation.until, until);
        self.timers.remove(&(before, Due::Allocation(index)));
        self.timers.insert((until, Due::Allocation(index)));
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
