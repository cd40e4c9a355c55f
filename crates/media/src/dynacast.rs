//! Telling a publisher which of its encodings anybody watches, without making it flicker.

use std::time::{Duration, Instant};
use tandem_core::Quality;

/// Less is asked for only after it was enough for so long: viewers come back, and an encoder that
/// starts costs a keyframe.
const DOWN_AFTER: Duration = Duration::from_secs(5);
/// A new track keeps all its encodings for so long: its viewers are just arriving.
const SETTLE: Duration = Duration::from_secs(10);

/// What the publisher of one track was told.
#[derive(Debug)]
pub(crate) struct Dynacast {
    published: Instant,
    /// Publishers send everything until told otherwise.
    told: Option<Quality>,
    /// Something lower that is enough, and since when.
    lower: Option<(Option<Quality>, Instant)>,
}

impl Dynacast {
    /// A track published now.
    pub(crate) fn new(now: Instant) -> Self {
        Self { published: now, told: Some(Quality::High), lower: None }
    }

    /// The highest quality anybody watches, `None` if nobody does; to be called whenever it may
    /// have changed, and now and then. Returns `[low, medium, high]` when the publisher has to be
    /// told.
    pub(crate) fn update(&mut self, highest: Option<Quality>, now: Instant) -> Option<[bool; 3]> {
        if highest >= self.told {
            self.lower = None;
            return (highest > self.told).then(|| self.tell(highest));
        }
        let since = match self.lower {
            Some((quality, since)) if quality == highest => since,
            _ => now,
        };
        self.lower = Some((highest, since));
        let stable = now.saturating_duration_since(since) >= DOWN_AFTER;
        let settled = now.saturating_duration_since(self.published) >= SETTLE;
        (stable && settled).then(|| self.tell(highest))
    }

    fn tell(&mut self, highest: Option<Quality>) -> [bool; 3] {
        self.told = highest;
        self.lower = None;
        [Quality::Low, Quality::Medium, Quality::High].map(|quality| Some(quality) <= highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Quality::{High, Low, Medium};

    #[test]
    fn up_at_once_down_when_sure() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut dynacast = Dynacast::new(start);
        let nobody = Some([false; 3]);
        let table = [
            (0, None, None, "a new track"),
            (9_900, None, None, "still settling"),
            (10_000, None, nobody, "nobody for ten seconds"),
            (10_100, Some(Low), Some([true, false, false]), "up at once"),
            (10_200, Some(High), Some([true; 3]), "up again"),
            (11_000, Some(Medium), None, "less"),
            (15_900, Some(Medium), None, "not for long enough"),
            (15_950, Some(High), None, "back again"),
            (16_000, Some(Medium), None, "counts from here"),
            (20_000, Some(Low), None, "even less: counts anew"),
            (24_900, Some(Low), None, "not yet"),
            (25_000, Some(Low), Some([true, false, false]), "five seconds of low"),
            (90_000, Some(Low), None, "told once"),
        ];
        for (ms, highest, want, name) in table {
            assert_eq!(dynacast.update(highest, at(ms)), want, "{name}");
        }
    }
}
