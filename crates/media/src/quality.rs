//! How good a connection is, in the three steps that clients show.

use std::time::Duration;

/// What was measured of a connection since the last judgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Worst loss of any stream, 0.0 to 1.0.
    pub(crate) loss: f32,
    pub(crate) rtt: Option<Duration>,
}

const POOR: i32 = 0;
const GOOD: i32 = 1;
const EXCELLENT: i32 = 2;

/// Step (LiveKit `ConnectionQuality`) and a score from 1.0 to 4.5.
///
/// A much simplified E-model (ITU-T G.107): loss costs 2.5 points of a hundred per percent, delay
/// above 150 ms one point per 15 ms. "Lost" is never said: silence is usually a muted track, and
/// browsers answer "lost" with a full reconnect.
pub(crate) fn score(measured: &Measured) -> (i32, f32) {
    let rtt_ms = measured.rtt.map_or(0.0, |rtt| rtt.as_secs_f32() * 1000.0);
    let points = 100.0 - measured.loss.clamp(0.0, 1.0) * 250.0 - ((rtt_ms - 150.0) / 15.0).max(0.0);
    let step = if points > 80.0 {
        EXCELLENT
    } else if points > 40.0 {
        GOOD
    } else {
        POOR
    };
    (step, (1.0 + points.clamp(0.0, 100.0) * 0.035).min(4.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        let at = |loss: f32, rtt| score(&Measured { loss, rtt: Some(Duration::from_millis(rtt)) }).0;
        assert_eq!((at(0.0, 20), at(0.1, 20), at(0.3, 20)), (EXCELLENT, GOOD, POOR));
        assert_eq!(at(0.0, 600), GOOD);
    }
}
