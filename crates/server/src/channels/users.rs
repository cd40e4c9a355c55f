//! Users of this node: how many connections each has, and how often each does things.

use crate::config::channels::UserRates;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tandem_hub::budget::Budget;
use tandem_hub::code::{Disconnect, ErrorCode};

/// All of them. Somebody without a name is nobody in particular: bounds of users do not apply.
pub(super) struct Users {
    all: Mutex<HashMap<Arc<str>, User>>,
    limit: usize,
    rates: UserRates,
}

#[derive(Default)]
struct User {
    connections: u32,
    connects: Budget,
    commands: Budget,
    publications: Budget,
}

/// What is bounded by rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A command of any kind.
    Command,
    /// A publication.
    Publication,
}

/// Why somebody does not come in.
#[derive(Debug)]
pub enum Entry {
    /// It may.
    Open,
    /// Not now.
    Later(ErrorCode),
    /// Not with one more connection.
    Full(Disconnect),
}

impl Users {
    /// With at most `limit` connections each, 0 for no bound.
    pub(super) fn new(limit: usize, rates: UserRates) -> Self {
        Self { all: Mutex::default(), limit, rates }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, User>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection, if the user may have one more.
    pub(super) fn enter(&self, name: &Arc<str>, now: Instant) -> Entry {
        let mut all = self.lock();
        let user = all.entry(Arc::clone(name)).or_default();
        if !name.is_empty() {
            if self.limit > 0 && user.connections as usize >= self.limit {
                return Entry::Full(Disconnect::CONNECTION_LIMIT);
            }
            if self.rates.connects.is_some_and(|rate| !user.connects.take(rate, now)) {
                return Entry::Later(ErrorCode::TOO_MANY_REQUESTS);
            }
        }
        user.connections += 1;
        Entry::Open
    }

    /// A connection is gone.
    pub(super) fn leave(&self, name: &str) {
        let mut all = self.lock();
        let Some(user) = all.get_mut(name) else { return };
        user.connections = user.connections.saturating_sub(1);
        // Where rates hold, leaving and coming back must not refill what was spent.
        let forgettable = user.connections == 0 && !self.has_rates();
        if forgettable {
            all.remove(name);
        }
    }

    /// Takes one from the user's budget, where there is a bound.
    pub(super) fn may(&self, name: &str, deed: Deed, now: Instant) -> bool {
        let rate = match deed {
            Deed::Command => self.rates.commands,
            Deed::Publication => self.rates.publications,
        };
        let Some(rate) = rate.filter(|_| !name.is_empty()) else { return true };
        let mut all = self.lock();
        let Some(user) = all.get_mut(name) else { return true };
        match deed {
            Deed::Command => user.commands.take(rate, now),
            Deed::Publication => user.publications.take(rate, now),
        }
    }

    /// Forgets users who are away and have spent nothing.
    pub(super) fn sweep(&self, now: Instant) {
        if !self.has_rates() {
            return;
        }
        let UserRates { connects, commands, publications } = self.rates;
        let full = |budget: &mut Budget, rate| Option::is_none_or(rate, |rate| budget.is_full(rate, now));
        self.lock().retain(|_, user| {
            user.connections > 0
                || !(full(&mut user.connects, connects)
                    && full(&mut user.commands, commands)
                    && full(&mut user.publications, publications))
        });
    }

    /// Connections, and different users with a name.
    pub(super) fn population(&self) -> (u64, u64) {
        let all = self.lock();
        let here = all.iter().filter(|(_, user)| user.connections > 0);
        let named = here.clone().filter(|(name, _)| !name.is_empty()).count();
        (here.map(|(_, user)| u64::from(user.connections)).sum(), named as u64)
    }

    fn has_rates(&self) -> bool {
        self.rates.connects.is_some() || self.rates.commands.is_some() || self.rates.publications.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tandem_hub::budget::Rate;

    #[test]
    fn leaving_and_coming_back_refills_nothing() {
        let rate = Some(Rate { count: 2, per: Duration::from_secs(10) });
        let users = Users::new(0, UserRates { connects: rate, commands: rate, publications: None });
        let (ana, nobody): (Arc<str>, Arc<str>) = ("ana".into(), "".into());
        let start = Instant::now();
        for _ in 0..2 {
            assert!(matches!(users.enter(&ana, start), Entry::Open));
            assert!(users.may("ana", Deed::Command, start));
            assert!(users.may("ana", Deed::Publication, start), "no bound");
            users.leave("ana");
        }
        users.sweep(start);
        assert!(matches!(users.enter(&ana, start), Entry::Later(_)) && !users.may("ana", Deed::Command, start));
        assert!((0..9).all(|_| matches!(users.enter(&nobody, start), Entry::Open)));
        assert_eq!(users.population(), (9, 0));
        users.sweep(start + Duration::from_secs(10));
        assert_eq!(users.lock().len(), 1, "who is away and owes nothing is forgotten");
    }

    #[test]
    fn each_has_as_many_connections_as_it_may() {
        let users = Users::new(1, UserRates::default());
        let ana: Arc<str> = "ana".into();
        assert!(matches!(users.enter(&ana, Instant::now()), Entry::Open));
        assert!(matches!(users.enter(&ana, Instant::now()), Entry::Full(_)));
        users.leave("ana");
        assert!(users.lock().is_empty());
    }
}
