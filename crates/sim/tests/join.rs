//! Join, publish, subscribe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;
use tandem_sim::{ClientOptions, SIMULCAST, World};

const SEED: u64 = 11;

#[test]
fn two_people_see_and_hear_each_other() {
    meet(ClientOptions::default(), ClientOptions::default());
}

#[test]
fn over_two_connections_each() {
    meet(ClientOptions::two_connections(), ClientOptions::two_connections());
}

#[test]
fn over_one_connection_and_two() {
    meet(ClientOptions::default(), ClientOptions::two_connections());
}

fn meet(of_ana: ClientOptions, of_ben: ClientOptions) {
    let mut world = World::new(SEED);
    let ana = world.join("ana", of_ana);
    let ben = world.join("ben", of_ben);
    for id in [ana, ben] {
        world.publish_audio(id, "mic", 30);
        world.publish_video(id, "cam", &SIMULCAST);
    }
    world.run_for(Duration::from_secs(6));
    for id in [ana, ben] {
        let client = world.client(id);
        let (audio, video) = (client.received(false), client.received(true));
        assert_eq!((audio.len(), video.len()), (1, 1), "{}", client.identity);
        let (audio, video) = (audio[0].report(), video[0].report());
        println!("{}: audio {audio:?} video {video:?}", client.identity);
        assert!(audio.packets > 200 && audio.missing == 0 && audio.faults.is_empty(), "{audio:?}");
        assert!(video.frames > 120 && video.missing == 0 && video.faults.is_empty(), "{video:?}");
        assert_eq!(video.layers.last(), Some(&2), "the highest encoding is reached");
        assert!(video.longest_freeze < Duration::from_millis(120), "{video:?}");
        assert!(audio.longest_gap < Duration::from_millis(40), "{audio:?}");
    }
}
