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
