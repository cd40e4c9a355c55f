//! Rates: how many of something per second, and how many at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A full table is looked through for quiet sources at most this often.
const SWEEP: Duration = Duration::from_secs(1);

/// Fills with `rate` a second up to `most`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: f64,
    counted: Instant,
}

impl Budget {
    pub(crate) fn full(most: f64, now: Instant) -> Self {
        Self { left: most, counted: now }
    }

    /// Takes so much, if it is there.
    pub(crate) fn take(&mut self, much: f64, (rate, most): (f64, f64), now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.counted).as_secs_f64() * rate;
        self.left = (self.left + earned).min(most);
        self.counted = now;
        let enough = self.left >= much;
        if enough {
            self.left -= much;
        }
        enough
    }
}

/// Budgets by source address. Bounded: when the table is full, sources that have been quiet are
/// forgotten, and if all are busy, new ones share one budget. Whoever makes up addresses finds it full
/// with every packet, so the table is swept once in a while.
#[derive(Debug)]
pub(crate) struct Sources {
    all: HashMap<IpAddr, Budget>,
    rest: Budget,
    rate: (f64, f64),
    most: usize,
    swept: Option<Instant>,
}

impl Sources {
    /// With `rate` (a second, at once) for each of at most `most` sources.
    pub(crate) fn new(rate: (f64, f64), most: usize, now: Instant) -> Self {
        Self { all: HashMap::new(), rest: Budget::full(rate.1, now), rate, most, swept: None }
    }

    pub(crate) fn take(&mut self, ip: IpAddr, now: Instant) -> bool {
        let key = source_of(ip);
        if !self.all.contains_key(&key) && self.all.len() >= self.most {
            self.sweep(now);
        }
        if !self.all.contains_key(&key) && self.all.len() >= self.most {
            return self.rest.take(1.0, self.rate, now);
        }
        self.all.entry(key).or_insert(Budget::full(self.rate.1, now)).take(1.0, self.rate, now)
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let quiet = Duration::from_secs_f64(self.rate.1 / self.rate.0.max(0.001));
        self.all.retain(|_, budget| now.saturating_duration_since(budget.counted) < quiet);
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)] // a test begins at some time
    use super::*;

    #[test]
    fn sources_are_bounded_and_each_has_its_own_rate() {
        let start = Instant::now();
        let mut sources = Sources::new((10.0, 5.0), 100, start);
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!((0..9).filter(|_| sources.take(ip(1), start)).count(), 5);
        assert!(sources.take(ip(2), start));
        for n in 0..10_000 {
            sources.take(ip(n), start);
        }
        assert_eq!(sources.all.len(), 100);
        assert!(!sources.take(ip(20_000), start), "the rest shares one");
        assert!(sources.take(ip(20_000), start + Duration::from_secs(1)));
        assert_eq!(sources.all.len(), 1);
    }

    #[test]
    fn a_full_table_is_swept_once_a_second() {
        let start = Instant::now();
        let after = |millis: u64| start + Duration::from_millis(millis);
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        let mut sources = Sources::new((10.0, 5.0), 100, start);
        for n in 0..101 {
            sources.take(ip(n), start);
        }
        sources.take(ip(200), after(999));
        assert_eq!(sources.all.len(), 100, "all are quiet by now, but nobody looked");
        sources.take(ip(200), after(1000));
        assert_eq!(sources.all.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let start = Instant::now();
        let mut sources = Sources::new((1.0, 1.0), 100, start);
        assert!(sources.take("2001:db9::1".parse().unwrap_or(IpAddr::from([0; 16])), start));
        assert!(!sources.take("2001:db9::2".parse().unwrap_or(IpAddr::from([0; 16])), start));
    }
}
