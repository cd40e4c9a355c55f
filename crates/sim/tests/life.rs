//! People come back, and people vanish.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_core::{Event, SessionCommand};
use tandem_sim::{ClientId, ClientOptions, SIMULCAST, World};

const SEED: u64 = 31;

/// The sections of a client that carry a track now.
fn carried(world: &World, id: ClientId) -> Vec<(String, String)> {
    world.client(id).mids.iter().map(|(mid, track)| (mid.clone(), track.clone())).collect()
}

#[test]
fn a_publisher_that_restarts_takes_the_same_section() {
    let mut world = World::new(SEED);
    let ana = world.join("ana", ClientOptions::default());
    let ben = world.join("ben", ClientOptions::default());
    world.publish_video(ana, "cam", &SIMULCAST);
    world.run_for(Duration::from_secs(3));
    let before = carried(&world, ben);
    assert_eq!(before.len(), 1);

    // The page is reloaded: no goodbye, and the same identity joins again.
    world.vanish(ana);
    world.run_for(Duration::from_millis(500));
    let back = world.join("ana", ClientOptions::default());
    world.publish_video(back, "cam", &SIMULCAST);
    let began = world.now;
    let sees = |w: &World| w.client(ben).received(true).iter().any(|r| r.first().is_some_and(|(_, p)| p.at > began));
    assert!(world.run_until(Duration::from_secs(3), sees), "ben sees ana again");
    world.run_for(Duration::from_secs(3));

    let after = carried(&world, ben);
    assert_eq!(after.len(), 1, "one section is in use, not two: {after:?}");
    assert_eq!(after[0].0, before[0].0, "and it is the same");
    assert_ne!(after[0].1, before[0].1, "with the new track");
    for recorder in world.client(ben).received(true) {
        let report = recorder.report();
        println!("{report:?}");
        assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    }
    assert_eq!(world.shard.stats().participants, 2);
    assert_eq!(world.shard.stats().subscriptions, 1);
}

#[test]
fn a_track_published_again_on_the_same_connection() {
    publish_again(ClientOptions::default());
}

#[test]
fn a_track_published_again_over_two_connections() {
    publish_again(ClientOptions::two_connections());
}

fn publish_again(options: ClientOptions) {
    let mut world = World::new(SEED + 1);
    let ana = world.join("ana", options);
    let ben = world.join("ben", options);
    for round in 0..4 {
        let cid = format!("cam{round}");
        world.publish_video(ana, &cid, &SIMULCAST);
        world.publish_audio(ana, &format!("mic{round}"), 20);
        let began = world.now;
        world.run_for(Duration::from_secs(2));
        let fresh = |video| {
            let all = world.client(ben).received(video);
            all.iter().filter(|r| r.first().is_some_and(|(_, p)| p.at > began)).count()
        };
        assert_eq!((fresh(true), fresh(false)), (1, 1), "round {round}");
        assert_eq!(carried(&world, ben).len(), 2, "round {round}");
        world.unpublish(ana, &cid);
        world.unpublish(ana, &format!("mic{round}"));
        world.run_for(Duration::from_secs(1));
        assert!(carried(&world, ben).is_empty(), "round {round}");
    }
    for recorder in world.client(ben).recorders.values() {
        let report = recorder.report();
        assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
    }
}

#[test]
fn more_tracks_than_sections() {
    let mut world = World::new(SEED + 2);
    let one_or_two = |n| ClientOptions { single_pc: n % 2 == 0, ..ClientOptions::default() };
    let publishers: Vec<ClientId> = (0..5).map(|n| world.join(&format!("p{n}"), one_or_two(n))).collect();
    for id in &publishers {
        world.publish_video(*id, "cam", &SIMULCAST);
        world.publish_audio(*id, "mic", 40);
    }
    let late = world.join("late", ClientOptions::default());
    world.run_for(Duration::from_secs(5));
    for id in publishers.iter().chain([&late]) {
        let expected = if *id == late { 5 } else { 4 };
        let (audio, video) = (world.client(*id).received(false), world.client(*id).received(true));
        assert_eq!((audio.len(), video.len()), (expected, expected), "{}", world.client(*id).identity);
        for recorder in audio.iter().chain(&video) {
            let report = recorder.report();
            assert_eq!((report.missing, report.faults.len()), (0, 0), "{report:?}");
        }
    }
}

#[test]
fn a_subscriber_that_vanishes_is_removed_and_nobody_notices() {
    let mut world = World::new(SEED + 3);
    let ana = world.join("ana", ClientOptions::default());
    let ben = world.join("ben", ClientOptions::default());
    let cat = world.join("cat", ClientOptions::default());
    world.publish_video(ana, "cam", &SIMULCAST);
    world.run_for(Duration::from_secs(4));
    assert_eq!(world.shard.stats().participants, 3);

    world.vanish(ben);
    let from = world.now;
    // Its door notices first, as the signalling connection stops answering.
    world.run_for(Duration::from_secs(10));
    world.say(ben, SessionCommand::SignalLost);
    let gone = |w: &World| w.shard.stats().participants == 2;
    assert!(world.run_until(Duration::from_secs(60), gone), "ben is removed");
    println!("removed after {:?}", world.now - from);
    world.run_for(Duration::from_secs(1));
    let stats = world.shard.stats();
    assert_eq!((stats.transports, stats.subscriptions, stats.tracks), (2, 1, 1), "nothing of it is left: {stats:?}");
    let seen = world.client(cat).received(true)[0].report_between(Some(from), None);
    assert!(seen.missing == 0 && seen.faults.is_empty(), "{seen:?}");
    assert!(seen.longest_freeze < Duration::from_millis(120), "{seen:?}");
    let told = world.client(cat).events.iter().any(|(at, e)| match e {
        Event::Participants(changed) => *at > from && changed.iter().any(|p| p.identity.as_str() == "ben"),
        _ => false,
    });
    assert!(told, "the others learn that it left");
}

#[test]
fn everybody_vanishes_and_the_room_closes() {
    let mut world = World::new(SEED + 4);
    let all: Vec<ClientId> = (0..3).map(|n| world.join(&format!("p{n}"), ClientOptions::default())).collect();
    all.iter().for_each(|id| world.publish_audio(*id, "mic", 30));
    world.run_for(Duration::from_secs(2));
    for id in &all {
        world.vanish(*id);
        world.say(*id, SessionCommand::SignalLost);
    }
    let empty = |w: &World| w.shard.stats().rooms == 0;
    assert!(world.run_until(Duration::from_secs(120), empty), "{:?}", world.shard.stats());
    let stats = world.shard.stats();
    assert_eq!((stats.transports, stats.participants, stats.subscriptions), (0, 0, 0));
    assert_eq!(world.shard.poll_timeout(), None, "an empty shard sleeps");
}
