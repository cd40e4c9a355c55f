//! Nobody stays still: joins, leaves, tracks up and down, lost networks, in an order that follows
//! from the seed. When it is quiet again everybody receives everything, and nothing is left over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_core::SidGenerator;
use tandem_sim::{ClientId, ClientOptions, Impairment, SIMULCAST, SINGLE, World};

const ACTIONS: u32 = 60;
const PEOPLE: usize = 6;
/// Long enough for every timer that puts things right.
const QUIET: Duration = Duration::from_secs(12);

struct Churn {
    world: World,
    dice: SidGenerator,
    next: u32,
    tracks: BTreeMap<ClientId, Vec<String>>,
}

impl Churn {
    fn roll(&mut self, sides: u64) -> usize {
        (self.dice.next_u64() % sides) as usize
    }

    fn someone(&mut self) -> Option<ClientId> {
        let living: Vec<ClientId> = self.world.living().collect();
        let index = self.roll(living.len().max(1) as u64);
        living.get(index).copied()
    }

    fn act(&mut self) {
        self.next += 1;
        let name = format!("n{}", self.next);
        let choice = self.roll(10);
        let people = self.world.living().count();
        if people < 2 || (choice < 2 && people < PEOPLE) {
            self.world.join(&name, ClientOptions::default());
            return;
        }
        let Some(who) = self.someone() else { return };
        let own = self.tracks.entry(who).or_default();
        match choice {
            0..=4 if own.len() < 3 => {
                own.push(name.clone());
                match choice % 3 {
                    0 => self.world.publish_audio(who, &name, 30),
                    1 => self.world.publish_video(who, &name, &SINGLE),
                    _ => self.world.publish_video(who, &name, &SIMULCAST),
                }
            }
            5 | 6 if !own.is_empty() => {
                let cid = own.remove(0);
                self.world.unpublish(who, &cid);
            }
            7 if people > 2 => self.world.leave(who),
            8 => self.world.impair_down(who, Impairment::losing(0.05)),
            9 if self.world.client(who).is_connected() => self.world.resume(who),
            _ => self.world.request_keyframes(who),
        }
    }
}

#[test]
fn everybody_receives_everything_in_the_end_4() {
    everybody_receives_everything_in_the_end(4);
}

#[test]
fn everybody_receives_everything_in_the_end_6() {
    everybody_receives_everything_in_the_end(6);
}

#[test]
fn everybody_receives_everything_in_the_end_8() {
    everybody_receives_everything_in_the_end(8);
}

#[test]
fn everybody_receives_everything_in_the_end_11() {
    everybody_receives_everything_in_the_end(11);
}

fn everybody_receives_everything_in_the_end(seed: u64) {
    let mut churn = Churn { world: World::new(seed), dice: SidGenerator::new(seed), next: 0, tracks: BTreeMap::new() };
    for _ in 0..ACTIONS {
        churn.act();
        let pause = churn.roll(700);
        churn.world.run_for(Duration::from_millis(pause as u64));
    }
    let mut world = churn.world;
    let living: Vec<ClientId> = world.living().collect();
    living.iter().for_each(|id| world.impair_down(*id, Impairment::default()));
    world.run_for(QUIET);

    let published: BTreeMap<ClientId, BTreeSet<String>> =
        living.iter().map(|id| (*id, world.client(*id).published().map(str::to_owned).collect())).collect();
    let mut subscriptions = 0;
    for id in &living {
        let client = world.client(*id);
        let others = published.iter().filter(|(other, _)| *other != id).flat_map(|(_, tracks)| tracks);
        let expected: BTreeSet<&str> = others.map(String::as_str).collect();
        let carried: BTreeSet<&str> = client.mids.values().map(String::as_str).collect();
        assert_eq!(carried, expected, "seed {seed}: what {} receives", client.identity);
        subscriptions += expected.len() as u64;
        for (mid, track) in &client.mids {
            let last = client.last_media(mid);
            let fresh = last.is_some_and(|at| world.now - at < Duration::from_millis(200));
            assert!(fresh, "seed {seed}: {} receives nothing of {track} on {mid}, last {last:?}", client.identity);
        }
    }
    // Where the network lost nothing, no stream had a flaw in all that time.
    for id in living.iter().filter(|id| world.link(**id).1.lost == 0) {
        for recorder in world.client(*id).recorders.values() {
            let report = recorder.report();
            assert!(report.faults.is_empty(), "seed {seed}: {}: {report:?}", world.client(*id).identity);
        }
    }
    let stats = world.shard.stats();
    let tracks = published.values().map(|t| t.len() as u64).sum::<u64>();
    println!("seed {seed}: {stats:?}");
    let counts = (stats.participants, stats.transports, stats.tracks, stats.subscriptions);
    assert_eq!(counts, (living.len() as u64, living.len() as u64, tracks, subscriptions), "seed {seed}");
    assert!(tracks > 0, "seed {seed} tests nothing");
}
