//! Changes of encoding: on keyframes only, and with numbers that go on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientId, ClientOptions, Impairment, Report, SIMULCAST, World};

const SEED: u64 = 21;

fn settled(seed: u64, dynacast: bool) -> (World, ClientId, ClientId, String) {
    let mut world = World::new(seed);
    let ana = world.join("ana", ClientOptions { dynacast, ..ClientOptions::default() });
    let ben = world.join("ben", ClientOptions::default());
    world.publish_video(ana, "cam", &SIMULCAST);
    world.run_for(Duration::from_secs(4));
    let track = world.client(ana).published_sid("cam").unwrap().to_owned();
    assert_eq!(layer(&world, ben), Some(2));
    (world, ana, ben, track)
}

fn layer(world: &World, id: ClientId) -> Option<u8> {
    world.client(id).received(true).last().and_then(|r| r.layer())
}

/// Asks for one quality after the other; each must arrive soon, and the stream must stay whole.
fn through(world: &mut World, ben: ClientId, track: &str, qualities: &[i32], within: Duration) -> Report {
    for quality in qualities {
        world.settings(ben, track, *quality, false);
        let wanted = Some(*quality as u8);
        assert!(world.run_until(within, |w| layer(w, ben) == wanted), "quality {quality} does not come");
        world.run_for(Duration::from_secs(2));
        assert_eq!(layer(world, ben), wanted, "it stays");
    }
    let received = world.client(ben).received(true);
    assert_eq!(received.len(), 1, "one stream");
    received[0].report()
}

#[test]
fn down_and_up_without_a_freeze() {
    let (mut world, _, ben, track) = settled(SEED, false);
    let report = through(&mut world, ben, &track, &[0, 2, 1, 0, 1, 2], Duration::from_secs(1));
    println!("{report:?}");
    assert!(report.layers.ends_with(&[2, 0, 2, 1, 0, 1, 2]), "{:?}", report.layers);
    assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    assert!(report.longest_freeze < Duration::from_millis(120), "{report:?}");
}

#[test]
fn with_an_encoding_that_must_be_started_first() {
    let (mut world, ana, ben, track) = settled(SEED + 1, true);
    let report = through(&mut world, ben, &track, &[0], Duration::from_secs(2));
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    // Nobody watches the large encodings now: the publisher is told after a while.
    world.run_for(Duration::from_secs(10));
    let before = world.link(ana).0;
    world.run_for(Duration::from_secs(2));
    let packets = world.link(ana).0.offered - before.offered;
    assert!(packets < 150, "only the smallest is sent, not {packets} packets in two seconds");
    let report = through(&mut world, ben, &track, &[2], Duration::from_secs(2));
    println!("{report:?}");
    assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    assert!(report.longest_freeze < Duration::from_millis(200), "{report:?}");
}

#[test]
fn on_a_lossy_network() {
    let (mut world, ana, ben, track) = settled(SEED + 2, false);
    let bad = Impairment { loss: 0.03, reorder: 0.01, delay: Duration::from_millis(20), ..Impairment::default() };
    world.impair_up(ana, bad);
    world.impair_down(ben, bad);
    let report = through(&mut world, ben, &track, &[0, 2, 1, 2], Duration::from_secs(2));
    println!("{report:?}");
    assert!(world.link(ana).0.lost > 50 && world.link(ben).1.lost > 20);
    assert!(report.faults.is_empty(), "{report:?}");
    assert!(report.missing * 500 <= report.packets, "{report:?}");
    assert!(report.longest_freeze < Duration::from_millis(600), "{report:?}");
}

#[test]
fn paused_and_resumed() {
    let (mut world, ana, ben, track) = settled(SEED + 3, false);
    let cat = world.join("cat", ClientOptions::default());
    world.run_for(Duration::from_secs(3));
    world.settings(ben, &track, 2, true);
    world.run_for(Duration::from_millis(100));
    let stopped = world.client(ben).received(true)[0].len();
    let from = world.now;
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.client(ben).received(true)[0].len(), stopped, "paused means nothing at all");
    world.settings(ben, &track, 2, false);
    world.run_for(Duration::from_secs(2));
    let report = world.client(ben).received(true)[0].report();
    println!("{report:?}");
    assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    assert!(report.packets > stopped + 200);
    let other = world.client(cat).received(true)[0].report_between(Some(from), None);
    assert!(other.missing == 0 && other.longest_freeze < Duration::from_millis(120), "bystander: {other:?}");
    assert_eq!(world.link(ana).0.lost, 0);
}
