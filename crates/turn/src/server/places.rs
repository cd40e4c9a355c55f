//! Places: what counts against the quotas. An allocation takes one, and so does a port that is kept
//! for whoever brings its token, because it is a socket as well.

use super::allocate::Wish;
use super::answer::{Asked, Failure};
use super::data::per_second;
use super::request::Caller;
use super::{Due, RESERVATION, Relays, Server, User};
use crate::allocation::Relay;
use crate::budget::Budget;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Whom a place is counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) user: Arc<str>,
    pub(super) ip: IpAddr,
}

impl Holder {
    pub(super) fn of(asked: &Asked, caller: &Caller) -> Self {
        Self { user: Arc::clone(&caller.user), ip: asked.client.address().ip() }
    }
}

/// A port kept for whoever brings the token.
pub(super) struct Reservation {
    relay: Relay,
    holder: Holder,
    until: Instant,
}

impl Server {
    /// Whether there are places for what is wished.
    pub(super) fn has_quota(&self, holder: &Holder, wish: &Wish) -> Result<(), Failure> {
        let wanted: u32 = match wish {
            Wish::One(want) if want.pair => 2,
            _ => 1,
        };
        // A kept port has its place already, and gives it to whoever claims it.
        let kept = match wish {
            Wish::Reserved(token) => self.reservations.get(token),
            _ => None,
        };
        let of_all = self.clients.len() + self.reservations.len() - usize::from(kept.is_some());
        if self.draining || of_all + wanted as usize > self.settings.total_quota as usize {
            return Err(Failure::CAPACITY);
        }
        let of_user = self.users.get(&holder.user).map_or(0, |user| user.places)
            - u32::from(kept.is_some_and(|kept| kept.holder.user == holder.user));
        let of_ip = self.addresses.get(&holder.ip).copied().unwrap_or_default()
            - u32::from(kept.is_some_and(|kept| kept.holder.ip == holder.ip));
        if of_user + wanted > self.settings.user_quota || of_ip + wanted > self.settings.ip_quota {
            return Err(Failure::QUOTA);
        }
        Ok(())
    }

    pub(super) fn take_place(&mut self, holder: &Holder, now: Instant) {
        let budget = Budget::full(per_second(self.settings.user_bps).1, now);
        self.users.entry(Arc::clone(&holder.user)).or_insert(User { places: 0, budget }).places += 1;
        *self.addresses.entry(holder.ip).or_default() += 1;
    }

    pub(super) fn leave_place(&mut self, holder: &Holder) {
        if let Some(user) = self.users.get_mut(&holder.user) {
            user.places -= 1;
            if user.places == 0 {
                self.users.remove(&holder.user);
            }
        }
        if let Some(count) = self.addresses.get_mut(&holder.ip) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&holder.ip);
            }
        }
    }

    /// Keeps the second port of a pair for whoever brings the token.
    pub(super) fn reserve(&mut self, now: Instant, holder: &Holder, relay: Relay) -> [u8; 8] {
        let (token, until) = (rand::random(), now + RESERVATION);
        self.take_place(holder, now);
        self.reservations.insert(token, Reservation { relay, holder: holder.clone(), until });
        self.timers.insert((until, Due::Reservation(token)));
        token
    }

    /// The port behind a token. It is good once.
    pub(super) fn claim(&mut self, token: &[u8; 8]) -> Option<Relay> {
        let kept = self.reservations.remove(token)?;
        self.timers.remove(&(kept.until, Due::Reservation(*token)));
        self.leave_place(&kept.holder);
        Some(kept.relay)
    }

    /// Closes a port that nobody claimed.
    pub(super) fn forget_reservation(&mut self, token: &[u8; 8], relays: &mut impl Relays) {
        if let Some(relay) = self.claim(token) {
            relays.close(relay.id);
        }
    }
}
