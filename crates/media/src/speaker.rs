//! Who speaks, from the audio levels that publishers put on their packets (RFC 6464).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tandem_core::{Sid, Speaker};

/// Louder than this (in -dBov, 0 loudest) counts as speech.
const ACTIVE_LEVEL: u8 = 35;
/// Share of an interval that must be speech, percent.
const MIN_PERCENT: u32 = 40;
/// Audio per packet.
const PACKET_MS: u32 = 20;
/// Exponential smoothing over two intervals: 2 / (n + 1).
const SMOOTHING: f32 = 2.0 / 3.0;
/// Levels are told in eighths, so that news is rare.
const STEPS: f32 = 8.0;

#[derive(Debug, Default)]
struct Voice {
    loud: u32,
    sum: u32,
    level: f32,
    told: f32,
}

/// Watches everyone in a room.
#[derive(Debug, Default)]
pub(crate) struct SpeakerDetector {
    voices: BTreeMap<Sid, Voice>,
    polled: Option<Instant>,
}

impl SpeakerDetector {
    /// One packet's level in -dBov, 0 to 127.
    pub(crate) fn observe(&mut self, participant: &Sid, level: u8) {
        if level > ACTIVE_LEVEL {
            return;
        }
        // Only those who speak have an entry, so silence costs nothing.
        let voice = match self.voices.get_mut(participant) {
            Some(voice) => voice,
            None => self.voices.entry(participant.clone()).or_default(),
        };
        voice.loud += 1;
        voice.sum += u32::from(level);
    }

    /// Somebody's audio ended; the next poll says so.
    pub(crate) fn silence(&mut self, participant: &Sid) {
        if let Some(voice) = self.voices.get_mut(participant) {
            voice.loud = 0;
            voice.sum = 0;
            voice.level = 0.0;
        }
    }

    /// Somebody left.
    pub(crate) fn remove(&mut self, participant: &Sid) {
        self.voices.remove(participant);
    }

    /// What changed since the last call, loudest first. Call about every 400 ms.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Speaker> {
        let interval = self.polled.map_or(Duration::from_millis(400), |at| now.saturating_duration_since(at));
        self.polled = Some(now);
        let interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX).max(1);
        let mut changes = Vec::new();
        for (sid, voice) in &mut self.voices {
            let spoken = voice.loud.saturating_mul(PACKET_MS).saturating_mul(100) / interval_ms >= MIN_PERCENT;
            let target = if spoken { linear(voice.sum / voice.loud.max(1)) } else { 0.0 };
            voice.level += (target - voice.level) * SMOOTHING;
            let quantised = (voice.level * STEPS).ceil() / STEPS;
            let level = if voice.level < 0.5 / STEPS && !spoken { 0.0 } else { quantised };
            if (level - voice.told).abs() > f32::EPSILON {
                voice.told = level;
                changes.push(Speaker { participant: sid.clone(), level, active: level > 0.0 });
            }
            (voice.loud, voice.sum) = (0, 0);
        }
        self.voices.retain(|_, v| v.told > 0.0 || v.level > 0.01);
        changes.sort_by(|a, b| b.level.total_cmp(&a.level));
        changes
    }
}

/// -dBov to 0.0…1.0. Speech lies between -35 and -5; the scale is stretched so that it fills it.
fn linear(level: u32) -> f32 {
    let db = f32::from(u8::try_from(level).unwrap_or(127));
    10f32.powf(-db / 20.0).mul_add(3.0, 0.05).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_told_once_and_its_end_too() {
        let mut d = SpeakerDetector::default();
        let ana = Sid::from("PA_ana");
        let start = Instant::now();
        let at = |i: u64| start + Duration::from_millis(400 * i);
        d.poll(at(0));
        let mut told = Vec::new();
        for i in 1..6 {
            for _ in 0..20 {
                d.observe(&ana, 20);
            }
            told.extend(d.poll(at(i)));
        }
        assert!(told.iter().all(|s| s.active) && !told.is_empty() && told.len() <= 3, "{told:?}");
        let mut ended = Vec::new();
        for i in 6..16 {
            d.observe(&ana, 90);
            ended.extend(d.poll(at(i)));
        }
        assert_eq!(ended.last().map(|s| (s.active, s.level)), Some((false, 0.0)));
        assert!(d.poll(at(20)).is_empty());
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut d = SpeakerDetector::default();
        let start = Instant::now();
        d.poll(start);
        d.observe(&Sid::from("PA_x"), 5);
        assert!(d.poll(start + Duration::from_millis(400)).is_empty());
    }
}
