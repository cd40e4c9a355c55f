//! Which encodings of a video anybody watches, told to its publisher so that it stops encoding the
//! rest. More is told at once, less only when it has been so for a while.

use std::time::{Duration, Instant};

/// Less is told after being so for this long.
const SETTLE: Duration = Duration::from_secs(5);
/// Nothing is taken away in the first moments of a track, while subscribers arrive.
const GRACE: Duration = Duration::from_secs(10);

/// Watches one track.
#[derive(Debug)]
pub(crate) struct Dynacast {
    published: Instant,
    told: Option<Option<u8>>,
    lower_since: Option<(Option<u8>, Instant)>,
}

impl Dynacast {
    pub(crate) fn new(now: Instant) -> Self {
        Self { published: now, told: None, lower_since: None }
    }

    /// The highest layer wanted by anyone now (`None`: nobody watches). Returns what to tell the
    /// publisher: low, medium, high enabled.
    pub(crate) fn update(&mut self, highest: Option<u8>, now: Instant) -> Option<[bool; 3]> {
        // Until told otherwise publishers send everything.
        let told = self.told.unwrap_or(Some(2));
        if highest >= told {
            self.lower_since = None;
            if self.told == Some(highest) || (self.told.is_none() && highest == told) {
                return None;
            }
            return Some(self.tell(highest));
        }
        let since = match self.lower_since {
            Some((level, since)) if level == highest => since,
            _ => {
                self.lower_since = Some((highest, now));
                now
            }
        };
        let settled = now.saturating_duration_since(since) >= SETTLE;
        let old = now.saturating_duration_since(self.published) >= GRACE;
        (settled && old).then(|| self.tell(highest))
    }

    fn tell(&mut self, highest: Option<u8>) -> [bool; 3] {
        self.told = Some(highest);
        self.lower_since = None;
        [0u8, 1, 2].map(|layer| highest.is_some_and(|h| layer <= h))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_at_once_down_after_a_while() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut d = Dynacast::new(start);
        assert_eq!(d.update(Some(2), at(0)), None, "all enabled is the default");
        assert_eq!(d.update(Some(0), at(1)), None);
        assert_eq!(d.update(Some(0), at(9)), None, "not in the first ten seconds");
        assert_eq!(d.update(Some(0), at(10)), Some([true, false, false]));
        assert_eq!(d.update(Some(1), at(11)), Some([true, true, false]));
        assert_eq!(d.update(None, at(12)), None);
        assert_eq!(d.update(Some(0), at(16)), None, "another level starts another wait");
        assert_eq!(d.update(None, at(17)), None);
        assert_eq!(d.update(None, at(22)), Some([false; 3]));
        assert_eq!(d.update(None, at(40)), None, "told once");
        assert_eq!(d.update(Some(2), at(41)), Some([true; 3]));
    }
}
