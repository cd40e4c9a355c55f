//! Who speaks: levels of single packets made into few, calm changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tandem_core::{Sid, Speaker};

/// Levels at or below this count as speech; dBov without its sign, 0 loud to 127 silent (RFC 6464).
const ACTIVE_LEVEL: u8 = 35;
const SILENT_LEVEL: u8 = 127;
/// Share of the time that has to be speech.
const MIN_PERCENT: u128 = 40;
/// New levels weigh 2 / (n + 1) against what was heard in the n intervals before.
const SMOOTH_INTERVALS: f64 = 2.0;
/// Levels are told in eighths, so that changes are rare.
const STEPS: f64 = 8.0;
/// One packet speaks for no more time than this: after a pause there is a longer gap before it.
const LONGEST_PACKET: Duration = Duration::from_millis(60);
const USUAL_PACKET: Duration = Duration::from_millis(20);

/// Listens to all participants of a room.
#[derive(Debug, Default)]
pub(crate) struct SpeakerDetector {
    voices: BTreeMap<Sid, Voice>,
    polled: Option<Instant>,
}

#[derive(Debug)]
struct Voice {
    last: Option<Instant>,
    speech: Duration,
    loudest: u8,
    smoothed: f64,
    /// Eighths told last, 0 for not active.
    told: u8,
}

impl Voice {
    fn new() -> Self {
        Self { last: None, speech: Duration::ZERO, loudest: SILENT_LEVEL, smoothed: 0.0, told: 0 }
    }

    /// Closes an interval and returns the level in eighths, 0 if not active.
    fn judge(&mut self, interval: Duration) -> u8 {
        let interval = interval.max(Duration::from_millis(1));
        if self.speech.as_nanos() * 100 >= interval.as_nanos() * MIN_PERCENT {
            let share = (self.speech.as_secs_f64() / interval.as_secs_f64()).min(1.0);
            // Speech with pauses is quieter than its loudest moment.
            let level = linear(f64::from(self.loudest)) * share;
            self.smoothed += (level - self.smoothed) * 2.0 / (SMOOTH_INTERVALS + 1.0);
        } else {
            self.smoothed = 0.0;
        }
        (self.speech, self.loudest) = (Duration::ZERO, SILENT_LEVEL);
        if self.smoothed >= linear(f64::from(ACTIVE_LEVEL)) { eighths(self.smoothed) } else { 0 }
    }
}

/// Amplitude 0.0 to 1.0.
fn linear(level: f64) -> f64 {
    10f64.powf(-level / 20.0)
}

fn eighths(level: f64) -> u8 {
    let steps = (level.clamp(0.0, 1.0) * STEPS).ceil();
    (1..=8).rev().find(|step| f64::from(*step) <= steps).unwrap_or(1)
}

impl SpeakerDetector {
    /// One audio packet of a participant with its level, 0 (loud) to 127 (silent).
    pub(crate) fn observe(&mut self, participant: &Sid, level: u8, now: Instant) {
        if !self.voices.contains_key(participant) {
            self.voices.insert(participant.clone(), Voice::new());
        }
        let Some(voice) = self.voices.get_mut(participant) else { return };
        let since = voice.last.map_or(USUAL_PACKET, |last| now.saturating_duration_since(last));
        voice.last = Some(now);
        if level <= ACTIVE_LEVEL {
            voice.speech += since.min(LONGEST_PACKET);
            voice.loudest = voice.loudest.min(level);
        }
    }

    /// Judges the time since the last call, which should be 400 ms: who began, who stopped, whose
    /// level changed. Loudest first.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Speaker> {
        let interval = self.polled.map_or(Duration::from_millis(400), |at| now.saturating_duration_since(at));
        self.polled = Some(now);
        let mut changes = Vec::new();
        for (participant, voice) in &mut self.voices {
            let level = voice.judge(interval);
            if level != voice.told {
                voice.told = level;
                let (active, level) = (level > 0, f32::from(level) / 8.0);
                changes.push(Speaker { participant: participant.clone(), level, active });
            }
        }
        changes.sort_by(|a, b| b.level.total_cmp(&a.level));
        changes
    }

    /// Forgets what was heard of a participant since the last poll and before, for one who muted:
    /// the next poll tells that it stopped.
    pub(crate) fn silence(&mut self, participant: &Sid) {
        if let Some(voice) = self.voices.get_mut(participant) {
            *voice = Voice { told: voice.told, ..Voice::new() };
        }
    }

    /// The participant left; nothing is told of it any more.
    pub(crate) fn remove(&mut self, participant: &Sid) {
        self.voices.remove(participant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Talk {
        detector: SpeakerDetector,
        now: Instant,
    }

    impl Talk {
        fn new() -> Self {
            #[expect(clippy::disallowed_methods, reason = "any instant will do")]
            let now = Instant::now();
            Self { detector: SpeakerDetector::default(), now }
        }

        /// One interval in which each participant sends a packet per 20 ms: `speech` of twenty at
        /// `level`, the others silent.
        fn interval(&mut self, voices: &[(&str, u8, u32)]) -> Vec<(String, f32, bool)> {
            for packet in 0..20 {
                self.now += Duration::from_millis(20);
                for (name, level, speech) in voices {
                    let level = if packet < *speech { *level } else { 127 };
                    self.detector.observe(&Sid::from(*name), level, self.now);
                }
            }
            let changes = self.detector.poll(self.now);
            changes.into_iter().map(|c| (c.participant.to_string(), c.level, c.active)).collect()
        }
    }

    fn change(name: &str, level: f32) -> (String, f32, bool) {
        (name.to_owned(), level, level > 0.0)
    }

    #[test]
    fn begins_settles_and_stops() {
        let mut talk = Talk::new();
        assert_eq!(talk.interval(&[("ana", 127, 20)]), []);
        assert_eq!(talk.interval(&[("ana", 0, 20)]), [change("ana", 0.75)], "two thirds, in eighths, upwards");
        assert_eq!(talk.interval(&[("ana", 0, 20)]), [change("ana", 1.0)]);
        assert_eq!(talk.interval(&[("ana", 0, 20)]), [], "nothing changed");
        assert_eq!(talk.interval(&[("ana", 127, 0)]), [change("ana", 0.0)]);
        assert_eq!(talk.interval(&[("ana", 127, 0)]), []);
    }

    #[test]
    fn coughs_and_whispers_are_not_speech() {
        let mut talk = Talk::new();
        assert_eq!(talk.interval(&[("cough", 0, 7), ("whisper", 36, 20)]), []);
        assert_eq!(
            talk.interval(&[("cough", 0, 8), ("whisper", 30, 20)]),
            [change("cough", 0.375), change("whisper", 0.125)]
        );
    }

    #[test]
    fn loudest_first() {
        let mut talk = Talk::new();
        let changes = talk.interval(&[("a", 20, 20), ("b", 0, 20), ("c", 6, 20)]);
        assert_eq!(changes.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
    }

    #[test]
    fn muting_and_leaving() {
        let mut talk = Talk::new();
        talk.interval(&[("ana", 0, 20), ("ben", 0, 20)]);
        talk.detector.silence(&Sid::from("ana"));
        talk.detector.remove(&Sid::from("ben"));
        assert_eq!(talk.interval(&[]), [change("ana", 0.0)]);
    }

    #[test]
    fn long_and_rare_packets() {
        let mut talk = Talk::new();
        for _ in 0..6 {
            talk.now += Duration::from_millis(60);
            talk.detector.observe(&Sid::from("ana"), 0, talk.now);
        }
        assert_eq!(talk.detector.poll(talk.now).len(), 1, "packets of 60 ms");
        talk.now += Duration::from_secs(10);
        talk.detector.observe(&Sid::from("ana"), 0, talk.now);
        talk.now += Duration::from_millis(400);
        assert_eq!(talk.detector.poll(talk.now).iter().filter(|s| s.active).count(), 0, "a single one");
    }
}
