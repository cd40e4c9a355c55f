#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A packet of a 30 fps source whose numbers start at odd places.
fn packet(layer: u8, seq: u64, frame: u32) -> PacketIn {
    let vp8 = Vp8 {
        picture_id: Some(u16::try_from((u32::from(layer) * 5_000 + 32_760 + frame) & 0x7fff).unwrap()),
        long_picture_id: true,
        tl0_pic_idx: Some((frame / 4 + u32::from(layer) * 60) as u8),
        key_idx: Some(7),
        ..Vp8::default()
    };
    PacketIn {
        layer,
        start: false,
        seq: seq + 40_000 * u64::from(layer),
        ts: (u32::MAX - 9_000).wrapping_add(frame * 3_000 + u32::from(layer) * 123_456),
        clock_rate: 90_000,
        arrival_us: u64::from(frame) * 33_333,
        report: None,
        vp8: Some(vp8),
        drop: false,
    }
}

#[test]
fn a_whole_stream_passes_with_its_own_distances() {
    let mut rewrite = Rewrite::new();
    let first = rewrite.apply(&packet(0, 70_000, 0)).unwrap();
    assert!(first.seq < FIRST);
    for frame in 1..100 {
        let plan = rewrite.apply(&packet(0, 70_000 + u64::from(frame), frame)).unwrap();
        assert_eq!((plan.seq, plan.ts.wrapping_sub(first.ts)), (first.seq + u64::from(frame), frame * 3_000));
        let ids = (plan.picture_id.unwrap().wrapping_sub(first.picture_id.unwrap()) & 0x7fff, plan.key_idx);
        assert_eq!(ids, (u16::try_from(frame).unwrap(), Some(7)));
    }
}

#[test]
fn lost_packets_keep_their_number_and_late_ones_get_it() {
    let mut rewrite = Rewrite::new();
    let base = rewrite.apply(&packet(0, 100, 0)).unwrap().seq;
    assert_eq!(rewrite.apply(&packet(0, 103, 3)).unwrap().seq, base + 3);
    assert_eq!(rewrite.apply(&packet(0, 101, 1)).unwrap().seq, base + 1);
    assert_eq!(rewrite.apply(&packet(0, 99, 0)), None, "before we began");
}

#[test]
fn left_out_frames_close_up() {
    let mut rewrite = Rewrite::new();
    let first = rewrite.apply(&packet(0, 100, 0)).unwrap();
    let out = |rewrite: &mut Rewrite, seq, frame| rewrite.apply(&PacketIn { drop: true, ..packet(0, seq, frame) });
    assert_eq!(out(&mut rewrite, 101, 1), None);
    assert_eq!(rewrite.apply(&packet(0, 102, 1)), None, "the rest of a frame left out");
    let second = rewrite.apply(&packet(0, 103, 2)).unwrap();
    assert_eq!(second.seq, first.seq + 1);
    assert_eq!(second.picture_id.unwrap(), (first.picture_id.unwrap() + 1) & 0x7fff);
    assert!(out(&mut rewrite, 104, 2).is_some(), "the rest of a frame begun");
    assert_eq!(rewrite.apply(&packet(0, 101, 1)), None, "again, late");
}

#[test]
fn a_change_of_layer_is_seamless() {
    let mut rewrite = Rewrite::new();
    let mut last = rewrite.apply(&packet(0, 100, 0)).unwrap();
    for (layer, seq, frame) in [(1, 5, 3), (2, 900, 6), (0, 200, 9), (0, 201, 10)] {
        let plan = rewrite.apply(&packet(layer, seq, frame)).unwrap();
        let frames = if seq == 201 { 1 } else { 3 };
        let passed = plan.ts.wrapping_sub(last.ts);
        assert!(passed.abs_diff(frames * 3_000) <= 1, "{passed} ticks for {frames} frames");
        assert_eq!(plan.seq, last.seq + 1);
        assert_eq!(plan.picture_id.unwrap(), (last.picture_id.unwrap() + 1) & 0x7fff);
        last = plan;
    }
    assert_eq!(rewrite.apply(&packet(0, 199, 8)), None, "older than the change");
}

#[test]
fn a_pause_leaves_no_gap_but_takes_its_time() {
    let mut rewrite = Rewrite::new();
    let before = rewrite.apply(&packet(0, 100, 0)).unwrap();
    let after = rewrite.apply(&PacketIn { start: true, ..packet(0, 1_000, 300) }).unwrap();
    assert_eq!(after.seq, before.seq + 1);
    assert!(after.ts.wrapping_sub(before.ts).abs_diff(900_000) < 90);
    assert_eq!(rewrite.apply(&packet(0, 999, 299)), None);
}

#[test]
fn jumps_are_cut_to_what_srtp_bears() {
    let mut rewrite = Rewrite::new();
    let before = rewrite.apply(&packet(0, 100, 0)).unwrap();
    let after = rewrite.apply(&packet(0, 1_000_000, 1)).unwrap();
    assert_eq!(after.seq, before.seq + MAX_STEP);
    assert_eq!(rewrite.apply(&packet(0, 1_000_001, 2)).unwrap().seq, after.seq + 1);
    assert_eq!(rewrite.apply(&packet(0, 999_999, 0)), None);
}

#[test]
fn nothing_begins_with_a_frame_left_out() {
    let mut rewrite = Rewrite::new();
    assert_eq!(rewrite.apply(&PacketIn { drop: true, ..packet(0, 100, 0) }), None);
    assert!(rewrite.apply(&packet(0, 101, 1)).is_some());
}

#[test]
fn short_picture_ids_stay_short() {
    let mut rewrite = Rewrite::new();
    let short = |id| Some(Vp8 { picture_id: Some(id), ..Vp8::default() });
    rewrite.apply(&PacketIn { vp8: short(127), ..packet(0, 1, 0) }).unwrap();
    let plan = rewrite.apply(&PacketIn { vp8: short(50), ..packet(1, 1, 1) }).unwrap();
    assert_eq!((plan.picture_id, plan.tl0_pic_idx, plan.key_idx), (Some(0), None, None));
}

/// Remembers everything, and so says what each number should be.
#[derive(Default)]
struct Model {
    first: u64,
    highest: u64,
    left_out: BTreeMap<u64, u32>,
    frame: (u32, bool),
}

impl Model {
    /// Offset of the packet's number and of its picture from those of the first packet.
    fn apply(&mut self, seq: u64, frame: u32, drop: bool) -> Option<(u64, u32)> {
        if self.left_out.is_empty() && self.highest == 0 {
            if drop {
                return None;
            }
            (self.first, self.highest, self.frame) = (seq, seq, (frame, false));
        } else if seq > self.highest {
            self.highest = seq;
            if self.frame.0 != frame {
                self.frame = (frame, drop);
            }
            if self.frame.1 {
                self.left_out.insert(seq, frame);
                return None;
            }
        } else if seq < self.first || drop || self.left_out.contains_key(&seq) || self.frame == (frame, true) {
            return None;
        }
        let packets = self.left_out.range(..seq).count() as u64;
        let frames: BTreeSet<u32> = self.left_out.range(..seq).map(|(_, f)| *f).collect();
        Some((seq - self.first - packets, frame - frames.len() as u32))
    }
}

/// Frames of one to four packets, every other one droppable; some packets lost, some late.
fn arrivals() -> impl Strategy<Value = Vec<(u64, u32, bool)>> {
    let frame = (1u64..5, any::<bool>());
    let fate = prop_oneof![8 => Just(0u64), 1 => Just(u64::MAX), 1 => 1u64..12];
    (prop::collection::vec(frame, 1..80), prop::collection::vec(fate, 320)).prop_map(|(frames, fates)| {
        let mut order = Vec::new();
        let mut seq = 1_000;
        for (index, (packets, low)) in (0u32..).zip(frames) {
            for _ in 0..packets {
                order.push((seq, index, low && index % 2 == 1));
                seq += 1;
            }
        }
        let mut order: Vec<_> = order.into_iter().zip(fates).filter(|(_, fate)| *fate != u64::MAX).collect();
        order.sort_by_key(|((seq, ..), delay)| (seq + delay, *seq));
        order.into_iter().map(|(packet, _)| packet).collect()
    })
}

proptest! {
    #[test]
    fn agrees_with_the_model(arrivals in arrivals()) {
        let mut rewrite = Rewrite::new();
        let mut model = Model::default();
        let mut base = None;
        let mut written = BTreeSet::new();
        for (seq, frame, drop) in arrivals {
            let got = rewrite.apply(&PacketIn { drop, ..packet(0, seq, frame) });
            let want = model.apply(seq, frame, drop);
            prop_assert_eq!(got.is_some(), want.is_some(), "packet {} of frame {}", seq, frame);
            let (Some(got), Some((offset, picture))) = (got, want) else { continue };
            let (seq_base, picture_base) = *base.get_or_insert((got.seq, got.picture_id.unwrap().wrapping_sub(picture as u16)));
            prop_assert_eq!(got.seq - seq_base, offset);
            prop_assert_eq!(got.picture_id.unwrap().wrapping_sub(picture_base) & 0x7fff, picture as u16);
            prop_assert_eq!(got.ts, packet(0, seq, frame).ts);
            prop_assert!(written.insert(got.seq), "number {} twice", got.seq);
        }
    }

    #[test]
    fn changes_never_jump(steps in prop::collection::vec((0u8..3, 1u32..20, any::<bool>()), 1..60)) {
        let mut rewrite = Rewrite::new();
        let mut last: Option<HeaderPlan> = None;
        let mut frame = 0;
        for (layer, frames, start) in steps {
            for i in 0..frames {
                let input = PacketIn { start: start && i == 0, ..packet(layer, u64::from(frame), frame) };
                let plan = rewrite.apply(&input).unwrap();
                if let Some(last) = last {
                    prop_assert_eq!(plan.seq, last.seq + 1);
                    prop_assert!(plan.ts.wrapping_sub(last.ts).abs_diff(3_000) <= 1);
                    prop_assert_eq!(plan.picture_id.unwrap(), (last.picture_id.unwrap() + 1) & 0x7fff);
                }
                last = Some(plan);
                frame += 1;
            }
        }
    }
}
