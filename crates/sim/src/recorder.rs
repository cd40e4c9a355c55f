//! What a subscriber received, and whether a decoder would be content with it.

use crate::media::Vp8View;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One received packet.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Ends a frame.
    pub marker: bool,
    /// Video only.
    pub vp8: Option<Vp8View>,
}

/// Everything received on one SSRC.
#[derive(Debug, Default)]
pub struct Recorder {
    /// By extended sequence number.
    packets: BTreeMap<u64, Received>,
    /// Packets received twice.
    pub duplicates: u64,
    /// Packets that are not what the source made.
    pub broken: u64,
    /// m-section.
    pub mid: String,
    /// Carries video.
    pub video: bool,
}

/// What a recorder says about a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Packets received, each counted once.
    pub packets: u64,
    /// Sequence numbers between the first and the last that never came.
    pub missing: u64,
    /// Frames of which every packet came.
    pub frames: u64,
    /// Encodings in the order they were received.
    pub layers: Vec<u8>,
    /// Longest time between two arrivals.
    pub longest_gap: Duration,
    /// Longest time between two moments at which a frame could be shown: it is whole, and so is
    /// everything it depends on.
    pub longest_freeze: Duration,
    /// What a decoder or a jitter buffer would stumble over.
    pub faults: Vec<String>,
}

impl Recorder {
    /// An empty recorder for a stream on a section.
    #[must_use]
    pub fn new(mid: String, video: bool) -> Self {
        Self { mid, video, ..Self::default() }
    }

    /// Takes one packet in.
    pub fn push(&mut self, seq: u64, received: Received) {
        if self.packets.insert(seq, received).is_some() {
            self.duplicates += 1;
        }
    }

    /// Packets received, each counted once.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.packets.len() as u64
    }

    /// Nothing was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The first sequence number and when it came.
    #[must_use]
    pub fn first(&self) -> Option<(u64, Received)> {
        self.packets.iter().next().map(|(seq, r)| (*seq, *r))
    }

    /// When the last packet came.
    #[must_use]
    pub fn last_at(&self) -> Option<Instant> {
        self.packets.values().map(|r| r.at).max()
    }

    /// Sequence numbers between the first and the last that never came.
    #[must_use]
    pub fn missing(&self) -> Vec<u64> {
        let pairs = self.packets.keys().zip(self.packets.keys().skip(1));
        pairs.flat_map(|(a, b)| a + 1..*b).collect()
    }

    /// A received packet.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Received> {
        self.packets.get(&seq)
    }

    /// The encoding of the newest packet.
    #[must_use]
    pub fn layer(&self) -> Option<u8> {
        self.packets.values().next_back()?.vp8.map(|v| v.mark.layer)
    }

    /// Judges everything received.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report_between(None, None)
    }

    /// Judges what was received from `from` on and before `to`, with what came late of it.
    #[must_use]
    pub fn report_between(&self, from: Option<Instant>, to: Option<Instant>) -> Report {
        let inside = |r: &Received| from.is_none_or(|t| r.at >= t) && to.is_none_or(|t| r.at < t);
        let mut inside = self.packets.iter().filter(|(_, r)| inside(r)).map(|(seq, _)| *seq);
        let Some(first) = inside.next() else { return Report::default() };
        let last = inside.next_back().unwrap_or(first);
        let packets: Vec<(u64, Received)> = self.packets.range(first..=last).map(|(s, r)| (*s, *r)).collect();
        let count = packets.len() as u64;
        let mut report = Report { packets: count, missing: last - first + 1 - count, ..Report::default() };
        let mut arrivals: Vec<Instant> = packets.iter().map(|(_, r)| r.at).collect();
        arrivals.sort_unstable();
        report.longest_gap = longest(&arrivals);
        if self.video {
            judge_video(&packets, from.is_some(), &mut report);
        } else {
            judge_audio(&packets, &mut report);
        }
        report
    }
}

fn longest(instants: &[Instant]) -> Duration {
    let steps = instants.windows(2).map(|w| w[1].saturating_duration_since(w[0]));
    steps.max().unwrap_or_default()
}

fn judge_audio(packets: &[(u64, Received)], report: &mut Report) {
    for pair in packets.windows(2) {
        let ((s0, a), (s1, b)) = (pair[0], pair[1]);
        let step = b.timestamp.wrapping_sub(a.timestamp).cast_signed();
        if step <= 0 {
            report.faults.push(format!("timestamp goes from {} to {} at {s0} -> {s1}", a.timestamp, b.timestamp));
        }
    }
}

/// A frame as its packets say.
struct Frame {
    seq: u64,
    view: Vp8View,
    timestamp: u32,
    keyframe: bool,
    /// When its last packet came, if all did.
    whole_at: Option<Instant>,
}

/// `midway`: the decoder has been running before the first packet.
fn judge_video(packets: &[(u64, Received)], midway: bool, report: &mut Report) {
    let frames = frames(packets, report);
    report.frames = frames.iter().filter(|f| f.whole_at.is_some()).count() as u64;
    if !midway && frames.first().is_some_and(|f| !f.keyframe) {
        report.faults.push("does not begin with a keyframe".to_owned());
    }
    for frame in &frames {
        if report.layers.last() != Some(&frame.view.mark.layer) {
            report.layers.push(frame.view.mark.layer);
        }
    }
    for pair in frames.windows(2) {
        compare(&pair[0], &pair[1], report);
    }
    let end = packets.iter().map(|(_, r)| r.at).max();
    report.longest_freeze = longest_freeze(&frames, midway, end);
}

/// Cuts the stream into frames by timestamp.
fn frames(packets: &[(u64, Received)], report: &mut Report) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for run in packets.chunk_by(|(_, a), (_, b)| a.timestamp == b.timestamp) {
        let Some((seq, first)) = run.first().copied() else { continue };
        let Some(view) = first.vp8 else {
            report.faults.push(format!("{seq} is not a packet of the source"));
            continue;
        };
        let same = |(_, r): &(u64, Received)| {
            r.vp8.is_some_and(|v| {
                (v.mark.layer, v.mark.frame, v.picture_id) == (view.mark.layer, view.mark.frame, view.picture_id)
            })
        };
        if !run.iter().all(same) {
            report.faults.push(format!("packets of one timestamp belong to several frames at {seq}"));
        }
        let whole = run.len() == usize::from(view.mark.count) && view.mark.index == 0;
        if whole && !run.last().is_some_and(|(_, r)| r.marker) {
            report.faults.push(format!("the frame at {seq} has no marker at its end"));
        }
        let whole_at = if whole { run.iter().map(|(_, r)| r.at).max() } else { None };
        let keyframe = run.iter().any(|(_, r)| r.vp8.is_some_and(|v| v.keyframe));
        frames.push(Frame { seq, view, timestamp: first.timestamp, keyframe, whole_at });
    }
    frames
}

/// What must hold between one frame and the next in the order of sequence numbers.
fn compare(a: &Frame, b: &Frame, report: &mut Report) {
    let fault = |report: &mut Report, text: String| {
        report.faults.push(format!("{text} at {} (frame {:?} -> {:?})", b.seq, a.view.mark, b.view.mark));
    };
    if b.timestamp.wrapping_sub(a.timestamp).cast_signed() <= 0 {
        fault(report, format!("timestamp goes from {} to {}", a.timestamp, b.timestamp));
    }
    let picture = b.view.picture_id.wrapping_sub(a.view.picture_id) & 0x7fff;
    let tl0 = b.view.tl0_pic_idx.wrapping_sub(a.view.tl0_pic_idx);
    if a.view.mark.layer == b.view.mark.layer && b.view.mark.frame > a.view.mark.frame {
        // Frames that were lost on the way leave a hole of their size.
        let step = b.view.mark.frame - a.view.mark.frame;
        if (u32::from(picture), u32::from(tl0)) != (step & 0x7fff, step & 0xff) && !b.keyframe {
            fault(report, format!("picture id goes on by {picture}, TL0PICIDX by {tl0}, the source by {step}"));
        }
    } else {
        if !b.keyframe {
            fault(report, "changes encoding without a keyframe".to_owned());
        }
        if (picture, tl0) != (1, 1) && a.whole_at.is_some() && b.view.mark.index == 0 {
            fault(report, format!("picture id goes on by {picture}, TL0PICIDX by {tl0} at a change"));
        }
    }
}

/// A frame can be shown if it is whole and is a keyframe or follows a shown frame of its encoding.
/// What still arrives at the end while nothing can be shown counts, too.
fn longest_freeze(frames: &[Frame], midway: bool, end: Option<Instant>) -> Duration {
    let mut shown: Option<(u8, u32, Instant)> = None;
    let mut freeze = Duration::ZERO;
    for frame in frames {
        let Some(at) = frame.whole_at else { continue };
        let mark = frame.view.mark;
        let follows = shown.map_or(midway, |(layer, n, _)| layer == mark.layer && n + 1 == mark.frame);
        if !(frame.keyframe || follows) {
            continue;
        }
        // A frame is shown no earlier than the one before it.
        let at = shown.map_or(at, |(_, _, before)| at.max(before));
        if let Some((_, _, before)) = shown {
            freeze = freeze.max(at.saturating_duration_since(before));
        }
        shown = Some((mark.layer, mark.frame, at));
    }
    let last = shown.zip(end).map(|((_, _, at), end)| end.saturating_duration_since(at));
    freeze.max(last.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{SINGLE, VideoSource};

    fn record(skip: impl Fn(usize) -> bool) -> Report {
        let start = Instant::now();
        let mut source = VideoSource::new(&SINGLE, Duration::from_millis(33), start, 1);
        let mut recorder = Recorder::new("0".to_owned(), true);
        for (n, p) in source.poll(start + Duration::from_secs(2)).into_iter().enumerate() {
            if !skip(n) {
                let at = start + Duration::from_micros(u64::from(p.timestamp) % 1000) + Duration::from_millis(n as u64);
                let vp8 = Vp8View::parse(&p.payload);
                recorder.push(p.seq, Received { at, timestamp: p.timestamp, marker: p.marker, vp8 });
            }
        }
        recorder.report()
    }

    #[test]
    fn a_clean_stream_has_no_faults() {
        let report = record(|_| false);
        assert_eq!((report.missing, report.layers.as_slice(), report.frames), (0, [0].as_slice(), 61));
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }

    #[test]
    fn the_oracle_sees_faults() {
        let report = record(|n| n == 100);
        assert_eq!((report.missing, report.frames), (1, 60));
        assert!(report.longest_freeze > Duration::from_millis(100), "nothing can be shown after the hole");
        let report = record(|n| n < 40);
        assert!(report.faults.iter().any(|f| f.contains("keyframe")), "{:?}", report.faults);
    }
}
