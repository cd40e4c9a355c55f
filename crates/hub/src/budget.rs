//! How often somebody may do something.

use std::time::{Duration, Instant};

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many.
    pub count: u32,
    /// In this time.
    pub per: Duration,
}

/// What is left of a [`Rate`]: it fills evenly, and holds [`Rate::count`] when full, as it is at first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    left: f64,
    counted: Option<Instant>,
}

impl Budget {
    /// Takes one, if there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }

    /// Whether nothing is missing: such a budget need not be kept.
    pub fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.left >= f64::from(rate.count)
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let most = f64::from(rate.count);
        let since = self.counted.map(|at| now.saturating_duration_since(at));
        let earned = since.map_or(most, |since| since.as_secs_f64() / rate.per.as_secs_f64().max(0.001) * most);
        self.left = (self.left + earned).min(most);
        self.counted = Some(now);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)] // a test begins at some time
    use super::*;

    #[test]
    fn a_budget_fills_evenly_and_not_beyond() {
        let rate = Rate { count: 4, per: Duration::from_secs(2) };
        let (mut budget, start) = (Budget::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!((0..4).all(|_| budget.take(rate, at(0))) && !budget.take(rate, at(0)));
        assert!(!budget.is_full(rate, at(400)) && !budget.take(rate, at(400)));
        assert!(budget.take(rate, at(500)) && !budget.take(rate, at(500)));
        assert!(budget.is_full(rate, at(3000)));
        assert!((0..4).all(|_| budget.take(rate, at(60_000))) && !budget.take(rate, at(60_000)));
    }
}
