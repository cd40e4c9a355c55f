//! Lossy networks: what is lost is sent again, on both sides of the server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientId, ClientOptions, Encoding, Impairment, Report, SIMULCAST, World};

const SEED: u64 = 5;
/// Media flows undisturbed before the network gets bad: losses of the handshake are another test.
const SETTLE: Duration = Duration::from_secs(4);
const BAD: Duration = Duration::from_secs(15);

fn pair(seed: u64) -> (World, ClientId, ClientId) {
    let mut world = World::new(seed);
    let ana = world.join("ana", ClientOptions::default());
    let ben = world.join("ben", ClientOptions::default());
    world.publish_video(ana, "cam", &SIMULCAST);
    world.run_for(SETTLE);
    assert_eq!(world.client(ben).received(true).len(), 1);
    (world, ana, ben)
}

/// Runs the bad stretch, lets the last retransmissions arrive and judges the stretch.
fn bad_stretch(world: &mut World, ben: ClientId) -> Report {
    let from = world.now;
    world.run_for(BAD);
    let to = world.now;
    world.run_for(Duration::from_secs(1));
    world.client(ben).received(true)[0].report_between(Some(from), Some(to - Duration::from_millis(500)))
}

#[test]
fn five_percent_lost_to_the_subscriber_are_sent_again() {
    let (mut world, ana, ben) = pair(SEED);
    world.impair_down(ben, Impairment { loss: 0.05, delay: Duration::from_millis(20), ..Impairment::default() });
    let report = bad_stretch(&mut world, ben);
    let (_, down) = world.link(ben);
    println!("{report:?} {down:?}");
    assert!(down.lost * 30 > down.offered && down.lost > 100, "the network was bad: {down:?}");
    assert!(report.missing * 1000 <= report.packets, "residual loss: {report:?}");
    assert!(report.longest_freeze < Duration::from_millis(400), "{report:?}");
    assert_eq!(world.link(ana).1.lost, 0, "nobody else was touched");
}

#[test]
fn five_percent_lost_from_the_publisher_are_sent_again() {
    let (mut world, ana, ben) = pair(SEED + 1);
    world.impair_up(ana, Impairment { loss: 0.05, delay: Duration::from_millis(20), ..Impairment::default() });
    let report = bad_stretch(&mut world, ben);
    let (up, _) = world.link(ana);
    println!("{report:?} {up:?}");
    assert!(up.lost * 30 > up.offered && up.lost > 100, "the network was bad: {up:?}");
    assert!(report.missing * 1000 <= report.packets, "residual loss: {report:?}");
    assert!(report.longest_freeze < Duration::from_millis(400), "{report:?}");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[test]
fn bursts_jitter_and_reordering_both_ways() {
    let (mut world, ana, ben) = pair(SEED + 2);
    let bad = Impairment {
        burst_start: 0.003,
        burst_len: 6,
        reorder: 0.02,
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(10),
        ..Impairment::default()
    };
    world.impair_up(ana, bad);
    world.impair_down(ben, bad);
    let report = bad_stretch(&mut world, ben);
    let (up, down) = (world.link(ana).0, world.link(ben).1);
    println!("{report:?} {up:?} {down:?}");
    assert!(up.lost > 20 && up.reordered > 50 && down.lost > 20 && down.reordered > 50, "{up:?} {down:?}");
    assert!(report.missing * 1000 <= report.packets, "residual loss: {report:?}");
    assert!(report.longest_freeze < Duration::from_millis(500), "{report:?}");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[test]
fn a_large_screen_is_resent_too() {
    // The receiving engine asks for nothing more than 100 packets back: 200 ms of this.
    let (bitrate, ms) = (4_000_000, 30);
    let mut world = World::new(SEED + 4);
    let ana = world.join("ana", ClientOptions::default());
    let ben = world.join("ben", ClientOptions::default());
    world.publish_video(ana, "screen", &[Encoding { rid: "", width: 3840, height: 2160, bitrate }]);
    world.run_for(SETTLE);
    world.impair_down(ben, Impairment { loss: 0.03, delay: Duration::from_millis(ms), ..Impairment::default() });
    let report = bad_stretch(&mut world, ben);
    let lost = world.link(ben).1.lost;
    println!("{lost} lost, {report:?}");
    assert!(lost > 100, "{lost}");
    assert!(report.missing * 1000 <= report.packets, "{report:?}");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[test]
fn a_slow_downlink_hurts_nobody_else() {
    let (mut world, _, ben) = pair(SEED + 3);
    let cat = world.join("cat", ClientOptions::default());
    world.run_for(Duration::from_secs(3));
    world.impair_down(ben, Impairment { rate_bps: Some(800_000), ..Impairment::default() });
    let from = world.now;
    world.run_for(Duration::from_secs(8));
    let report = world.client(cat).received(true)[0].report_between(Some(from), None);
    assert!(world.link(ben).1.queue_dropped > 100, "{:?}", world.link(ben).1);
    assert!(report.missing == 0 && report.faults.is_empty(), "{report:?}");
    assert!(report.longest_freeze < Duration::from_millis(120), "{report:?}");
}
