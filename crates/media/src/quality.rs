//! How good a connection is, as one number people understand.

use std::time::Duration;

/// `ConnectionQuality` of LiveKit. There is a fourth, lost, which makes clients reconnect; what is
/// measured here never says that.
const POOR: i32 = 0;
const GOOD: i32 = 1;
const EXCELLENT: i32 = 2;

/// Points lost per percent of packets lost.
const LOSS_WEIGHT: f32 = 8.0;
/// One-way delay that nobody notices in conversation, milliseconds (ITU-T G.114).
const EASY_DELAY_MS: f32 = 160.0;

/// What was measured since the last judgement. A muted or idle connection has no loss and keeps
/// what was known of its delay.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// 0.0 to 1.0.
    pub(crate) loss: f32,
    /// Round trip.
    pub(crate) rtt: Option<Duration>,
    /// Interarrival jitter.
    pub(crate) jitter: Option<Duration>,
}

/// Quality (0 poor, 1 good, 2 excellent) and opinion score (1.0 to 4.5), after the E-model of
/// ITU-T G.107: points are taken off a hundred for delay and loss.
pub(crate) fn score(measured: &Measured) -> (i32, f32) {
    let loss_percent = if measured.loss.is_finite() { measured.loss.clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    let ms = |time: Option<Duration>| time.unwrap_or_default().as_secs_f32() * 1000.0;
    // A jitter buffer holds about twice the jitter.
    let delay = ms(measured.rtt) / 2.0 + ms(measured.jitter) * 2.0;
    let for_delay = if delay <= EASY_DELAY_MS { delay / 40.0 } else { (delay - 120.0) / 10.0 };
    let points = (100.0 - for_delay - loss_percent * LOSS_WEIGHT).clamp(0.0, 100.0);
    let quality = match points {
        p if p > 80.0 => EXCELLENT,
        p if p > 40.0 => GOOD,
        _ => POOR,
    };
    (quality, opinion(points))
}

fn opinion(points: f32) -> f32 {
    let curve = 1.0 + 0.035 * points + points * (points - 60.0) * (100.0 - points) * 7e-6;
    curve.clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements() {
        let table = [
            (0.0, 0, 0, EXCELLENT),
            (0.02, 50, 5, EXCELLENT),
            (0.03, 50, 5, GOOD),
            (0.0, 300, 20, EXCELLENT),
            (0.0, 800, 20, GOOD),
            (0.07, 100, 5, GOOD),
            (0.10, 20, 0, POOR),
            (1.0, 5_000, 1_000, POOR),
            (f32::NAN, 20, 0, EXCELLENT),
        ];
        for (loss, rtt, jitter, want) in table {
            let ms = |ms| Some(Duration::from_millis(ms));
            let (quality, score) = score(&Measured { loss, rtt: ms(rtt), jitter: ms(jitter) });
            assert_eq!(quality, want, "{loss} lost, {rtt} ms, {jitter} ms");
            assert!((1.0..=4.5).contains(&score), "{score}");
        }
        assert_eq!(score(&Measured::default()), (EXCELLENT, 4.5));
    }

    #[test]
    fn worse_is_never_better() {
        let scores: Vec<f32> =
            (0..100u8).map(|i| score(&Measured { loss: f32::from(i) / 100.0, ..Measured::default() }).1).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
}
