//! Many packets are written to a connection before it is drained once. The engine's documentation
//! asks for a drain after each; this guards that nothing depends on it when the engine changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientOptions, Encoding, Impairment, Report, World};

const SEED: u64 = 41;
/// 60 packets in a frame, 240 in a keyframe: far more than one turn usually brings.
const HUGE: [Encoding; 1] = [Encoding { rid: "", width: 3840, height: 2160, bitrate: 16_000_000 }];

fn run(flush_each_packet: bool, down: Impairment) -> (Vec<Report>, u64) {
    let mut world = World::new(SEED);
    world.flush_each_packet = flush_each_packet;
    let ana = world.join("ana", ClientOptions::default());
    let others: Vec<_> = (0..3).map(|n| world.join(&format!("s{n}"), ClientOptions::default())).collect();
    world.publish_video(ana, "cam", &HUGE);
    world.publish_audio(ana, "mic", 20);
    world.run_for(Duration::from_secs(2));
    others.iter().for_each(|id| world.impair_down(*id, down));
    world.run_for(Duration::from_secs(3));
    let lost = others.iter().map(|id| world.link(*id).1.lost).sum();
    let reports = others.iter().flat_map(|id| world.client(*id).recorders.values().map(|r| r.report())).collect();
    (reports, lost)
}

#[test]
fn many_writes_and_one_drain_lose_nothing() {
    let (batched, _) = run(false, Impairment::default());
    let (single, _) = run(true, Impairment::default());
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
    let (reports, lost) = run(false, Impairment::losing(0.02));
    assert!(lost > 100, "{lost}");
    for report in reports.iter().filter(|r| r.frames > 0) {
        println!("{report:?}");
        assert!(report.missing * 500 <= report.packets, "{report:?}");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}
