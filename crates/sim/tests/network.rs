//! Connections that come up, move and get crowded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientId, ClientOptions, Impairment, SIMULCAST, World};

const SEED: u64 = 51;

#[test]
fn a_handshake_on_a_bad_network() {
    let mut slowest = Duration::ZERO;
    for seed in 0..12 {
        let mut world = World::new(SEED + seed);
        let ana = world.join("ana", ClientOptions::default());
        let bad = Impairment { loss: 0.1, delay: Duration::from_millis(40), ..Impairment::default() };
        world.impair_up(ana, bad);
        world.impair_down(ana, bad);
        let began = world.now;
        assert!(world.run_until(Duration::from_secs(20), |w| w.client(ana).is_connected()), "seed {seed}");
        slowest = slowest.max(world.now - began);
    }
    println!("slowest of twelve: {slowest:?}");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}

#[test]
fn a_quick_handshake_on_a_good_one() {
    let mut world = World::new(SEED);
    let ana = world.join("ana", ClientOptions::default());
    let began = world.now;
    assert!(world.run_until(Duration::from_secs(5), |w| w.client(ana).is_connected()));
    let took = world.now - began;
    println!("connected after {took:?} with 10 ms of round trip");
    assert!(took < Duration::from_millis(150), "{took:?}");
}

#[test]
fn a_network_that_changes_keeps_the_streams() {
    moving(ClientOptions::default());
}

#[test]
fn a_network_that_changes_keeps_the_streams_of_two_connections() {
    moving(ClientOptions::two_connections());
}

fn moving(options: ClientOptions) {
    let mut world = World::new(SEED + 100);
    let ana = world.join("ana", options);
    let ben = world.join("ben", options);
    for id in [ana, ben] {
        world.publish_video(id, "cam", &SIMULCAST);
    }
    world.run_for(Duration::from_secs(4));
    for id in [ana, ben] {
        let moved = world.now;
        world.resume(id);
        world.run_for(Duration::from_secs(4));
        for viewer in [ana, ben] {
            let streams = world.client(viewer).received(true);
            assert_eq!(streams.len(), 1, "the same stream goes on");
            let report = streams[0].report_between(Some(moved), None);
            println!("{report:?}");
            assert!(report.frames > 80, "{report:?}");
            assert!(report.longest_freeze < Duration::from_secs(1), "{report:?}");
            assert!(report.faults.is_empty(), "{:?}", report.faults);
        }
    }
}

/// Tracks come up while somebody's network changes, a little before, meanwhile, a little after: an
/// exchange may be lost half way, and none may be lost for good.
#[test]
fn tracks_that_come_up_while_a_network_changes() {
    for options in [ClientOptions::default(), ClientOptions::two_connections()] {
        for milliseconds in (0..70).step_by(5) {
            let mut world = World::new(SEED + 300 + milliseconds);
            let ana = world.join("ana", ClientOptions::default());
            let ben = world.join("ben", options);
            world.publish_audio(ana, "mic", 30);
            world.run_for(Duration::from_secs(2));
            world.publish_video(ana, "cam", &SIMULCAST);
            world.run_for(Duration::from_millis(milliseconds));
            world.resume(ben);
            world.publish_video(ana, "screen", &SIMULCAST);
            world.run_for(Duration::from_secs(6));
            let client = world.client(ben);
            assert_eq!(client.mids.len(), 3, "{options:?} {milliseconds} ms");
            for (mid, track) in &client.mids {
                let fresh = client.last_media(mid).is_some_and(|at| world.now - at < Duration::from_millis(200));
                assert!(fresh, "{options:?} {milliseconds} ms: nothing of {track} on {mid}");
            }
        }
    }
}

#[test]
fn a_crowd_that_asks_for_keyframes_gets_few() {
    let mut world = World::new(SEED + 200);
    let ana = world.join("ana", ClientOptions::default());
    let crowd: Vec<ClientId> = (0..8).map(|n| world.join(&format!("s{n}"), ClientOptions::default())).collect();
    world.publish_video(ana, "cam", &SIMULCAST);
    world.run_for(Duration::from_secs(4));
    let before = world.client(ana).keyframe_requests();
    for _ in 0..50 {
        crowd.iter().for_each(|id| world.request_keyframes(*id));
        world.run_for(Duration::from_millis(100));
    }
    let asked = world.client(ana).keyframe_requests() - before;
    println!("400 wishes in five seconds, {asked} requests");
    assert!((5..=12).contains(&asked), "one each half second, not {asked}");
}
