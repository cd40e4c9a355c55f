use super::*;
use proptest::prelude::*;

fn packet(layer: u8, seq: u64, ts: u32, arrival_ms: u64) -> PacketIn {
    PacketIn { layer, seq, ts, clock_rate: 90_000, arrival_us: arrival_ms * 1000, report: None, vp8: None, drop: false }
}

fn with_vp8(mut p: PacketIn, picture: u16, tl0: u8) -> PacketIn {
    p.vp8 = Some(Vp8 {
        picture_id: Some(picture),
        long_picture_id: true,
        tl0_pic_idx: Some(tl0),
        temporal_id: Some(0),
        layer_sync: false,
        key_idx: None,
        start: true,
        keyframe: false,
    });
    p
}

#[test]
fn contiguous_stays_contiguous_and_loss_stays_loss() {
    let mut r = Rewrite::new();
    let seqs: Vec<u64> =
        [70_000u64, 70_001, 70_004].iter().map(|s| r.apply(&packet(0, *s, 0, 0)).unwrap().seq).collect();
    assert_eq!(seqs, [1000, 1001, 1004]);
    assert_eq!(r.apply(&packet(0, 70_003, 0, 0)).unwrap().seq, 1003, "a late packet finds its place");
    assert_eq!(r.apply(&packet(0, 69_999, 0, 0)), None, "from before the start");
}

#[test]
fn dropping_closes_the_numbers() {
    let mut r = Rewrite::new();
    r.apply(&packet(0, 10, 0, 0));
    for seq in [11, 12] {
        assert_eq!(r.apply(&PacketIn { drop: true, ..packet(0, seq, 0, 0) }), None);
    }
    assert_eq!(r.apply(&packet(0, 13, 0, 0)).unwrap().seq, 1001);
    assert_eq!(r.apply(&packet(0, 10, 0, 0)).unwrap().seq, 1000, "the old offset holds for old packets");
}

#[test]
fn a_switch_continues_sequence_and_time() {
    let mut r = Rewrite::new();
    r.apply(&packet(0, 5, 90_000, 1000));
    let plan = r.apply(&packet(2, 900_000, 1234, 1033)).unwrap();
    assert_eq!((plan.seq, plan.ts), (1001, 90_000 + 33 * 90));
    // A packet of the old layer, late: it is not of this source any more. The switch decides that.
    assert_eq!(r.apply(&packet(2, 899_999, 1234, 1034)), None);
}

#[test]
fn sender_reports_align_layers_better_than_arrival() {
    let mut r = Rewrite::new();
    r.apply(&PacketIn { report: Some((0, 5_000_000)), ..packet(0, 5, 90_000, 1000) });
    // The new layer's frame is 40 ms younger by the sender's clock, whatever the network did.
    let plan = r.apply(&PacketIn { report: Some((500_000, 6_040_000)), ..packet(1, 77, 500_000, 1100) }).unwrap();
    assert_eq!(plan.ts, 90_000 + 3600);
}

#[test]
fn picture_ids_count_on_across_switch_and_drop() {
    let mut r = Rewrite::new();
    let a = r.apply(&with_vp8(packet(0, 1, 0, 0), 32_767, 255)).unwrap();
    assert_eq!((a.picture_id, a.tl0_pic_idx), (Some(32_767), Some(255)));
    let b = r.apply(&with_vp8(packet(1, 50, 0, 33), 7, 3)).unwrap();
    assert_eq!((b.picture_id, b.tl0_pic_idx), (Some(0), Some(0)), "wrapped and continued");
    let dropped = with_vp8(packet(1, 51, 0, 66), 8, 3);
    assert_eq!(r.apply(&PacketIn { drop: true, ..dropped }), None);
    let c = r.apply(&with_vp8(packet(1, 52, 0, 99), 9, 4)).unwrap();
    assert_eq!((c.picture_id, c.tl0_pic_idx), (Some(1), Some(1)));
}

#[test]
fn another_track_on_the_same_stream_goes_on_counting() {
    let mut r = Rewrite::new();
    r.apply(&packet(0, 5, 90_000, 1000));
    r.reset_source();
    assert_eq!(r.apply(&packet(0, 4, 10, 2000)).unwrap().seq, 1001);
}

proptest! {
    /// Against the simplest model: number what is kept, in input order, one after the other.
    #[test]
    fn matches_the_model(drops in prop::collection::vec(any::<bool>(), 1..200), start in 0u64..1_000_000) {
        let mut r = Rewrite::new();
        let mut expected = FIRST_SEQ;
        let mut started = false;
        for (i, drop) in drops.into_iter().enumerate() {
            let drop = drop && started;
            started = true;
            let plan = r.apply(&PacketIn { drop, ..packet(0, start + i as u64, 0, 0) });
            if drop {
                prop_assert!(plan.is_none());
            } else {
                prop_assert_eq!(plan.map(|p| p.seq), Some(expected));
                expected += 1;
            }
        }
    }

    /// Loss and reordering never give two inputs one number, and keep input order.
    #[test]
    fn numbers_are_unique(mut seqs in prop::collection::vec(0u64..300, 1..200), layers in prop::collection::vec(0u8..3, 1..4)) {
        seqs.sort_unstable();
        seqs.dedup();
        for i in (0..seqs.len().saturating_sub(3)).step_by(7) {
            seqs.swap(i, i + 2);
        }
        let mut r = Rewrite::new();
        let mut seen = std::collections::HashSet::new();
        for layer in layers {
            for seq in &seqs {
                if let Some(plan) = r.apply(&packet(layer, *seq, 0, 0)) {
                    prop_assert!(seen.insert(plan.seq), "{} twice", plan.seq);
                }
            }
            r.reset_source();
        }
    }
}
