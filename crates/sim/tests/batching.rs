//! Many packets are written to a connection before it is drained once. The engine's documentation
//! asks for a drain after each; this guards that nothing depends on it when the engine changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientOptions, Encoding, Impairment, Report, World};

const SEED: u64 = 41;
/// 60 packets in a frame, 240 in a keyframe: far more than one turn usually brings.
const HUGE: u32 = 16_000_000;
/// 16 packets in a frame: the receiving engine asks for nothing more than 100 packets back.
const LARGE: u32 = 4_000_000;

fn run(bitrate: u32, flush_each_packet: bool, down: Impairment) -> (Vec<Report>, u64) {
    let mut world = World::new(SEED);
    world.flush_each_packet = flush_each_packet;
    let ana = world.join("ana", ClientOptions::default());
    let others: Vec<_> = (0..3).map(|n| world.join(&format!("s{n}"), ClientOptions::default())).collect();
    world.publish_video(ana, "cam", &[Encoding { rid: "", width: 3840, height: 2160, bitrate }]);
    world.publish_audio(ana, "mic", 20);
    world.run_for(Duration::from_secs(2));
    others.iter().for_each(|id| world.impair_down(*id, down));
    world.run_for(Duration::from_secs(3));
    // The last retransmissions may arrive.
    others.iter().for_each(|id| world.impair_down(*id, Impairment::default()));
    world.run_for(Duration::from_millis(500));
    let lost = others.iter().map(|id| world.link(*id).1.lost).sum();
    let reports = others.iter().flat_map(|id| world.client(*id).recorders.values().map(|r| r.report())).collect();
    (reports, lost)
}

#[test]
fn many_writes_and_one_drain_lose_nothing() {
    let (batched, _) = run(HUGE, false, Impairment::default());
    let (single, _) = run(HUGE, true, Impairment::default());
    assert_eq!(batched.len(), 6);
    for report in batched.iter().chain(&single) {
        assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    }
    let packets = |reports: &[Report]| reports.iter().map(|r| r.packets).sum::<u64>();
    println!("batched {} single {}", packets(&batched), packets(&single));
    assert!(packets(&batched) > 3 * 60 * 30 * 4);
    let difference = packets(&batched).abs_diff(packets(&single));
    assert!(difference * 50 < packets(&single), "the same either way but for the moment media begins");
}

#[test]
fn what_is_lost_of_a_batch_is_sent_again() {
    let (reports, lost) = run(LARGE, false, Impairment::losing(0.03));
    assert!(lost > 100, "{lost}");
    for report in reports.iter().filter(|r| r.frames > 0) {
        println!("{report:?}");
        assert!(report.missing * 1000 <= report.packets, "{report:?}");
        // A packet whose every retransmission is lost, too, is a freeze until the next keyframe.
        assert!(report.missing > 0 || report.longest_freeze < Duration::from_millis(300), "{report:?}");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}
