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

    /// Chooses quality and pause of everything somebody receives.
    fn choose(&mut self, who: ClientId) {
        let tracks: Vec<String> = self.world.client(who).mids.values().cloned().collect();
        for track in tracks {
            let (quality, disabled) = (self.roll(4) as i32, self.roll(4) == 0);
            self.world.settings(who, &track, quality, disabled);
        }
    }

    fn act(&mut self) {
        self.next += 1;
        let name = format!("n{}", self.next);
        let choice = self.roll(10);
        let people = self.world.living().count();
        if people < 2 || (choice < 2 && people < PEOPLE) {
            let single_pc = self.roll(3) > 0;
            self.world.join(&name, ClientOptions { single_pc, ..ClientOptions::default() });
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
            8 if self.roll(2) == 0 => self.world.impair_down(who, Impairment::losing(0.05)),
            8 => self.choose(who),
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

/// A hunt: `SIM_SEEDS=100-140 make sim ARGS="--run-ignored all churn"`.
#[test]
#[ignore = "takes as long as one lets it"]
fn everybody_receives_everything_in_the_end_for_many_seeds() {
    let range = std::env::var("SIM_SEEDS").unwrap_or_else(|_| "100-110".to_owned());
    let (first, last) = range.split_once('-').expect("first-last");
    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
    (first..=last).for_each(everybody_receives_everything_in_the_end);
}

fn everybody_receives_everything_in_the_end(seed: u64) {
    let mut churn = Churn { world: World::new(seed), dice: SidGenerator::new(seed), next: 0, tracks: BTreeMap::new() };
    // Some worlds are so hasty that exchanges overlap.
    let haste = if seed.is_multiple_of(2) { 700 } else { 60 };
    for _ in 0..ACTIONS {
        churn.act();
        let pause = churn.roll(haste);
        churn.world.run_for(Duration::from_millis(pause as u64));
    }
    let mut world = churn.world;
    let living: Vec<ClientId> = world.living().collect();
    for id in &living {
        world.impair_down(*id, Impairment::default());
    }
    world.run_for(QUIET);
    for id in &living {
        let tracks: Vec<String> = world.client(*id).mids.values().cloned().collect();
        tracks.iter().for_each(|track| world.settings(*id, track, 2, false));
    }
    world.run_for(Duration::from_secs(3));

    let published: BTreeMap<ClientId, BTreeSet<String>> =
        living.iter().map(|id| (*id, world.client(*id).published().map(str::to_owned).collect())).collect();
    let mut subscriptions = 0;
    // Shown when an assertion fails.
    println!("{}", world.describe());
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
    let undisturbed = |id: &&ClientId| world.link(**id).1.lost == 0 && !world.client(**id).has_moved;
    for id in living.iter().filter(undisturbed) {
        for recorder in world.client(*id).recorders.values() {
            let report = recorder.report();
            assert!(report.faults.is_empty(), "seed {seed}: {}: {report:?}", world.client(*id).identity);
        }
    }
    let stats = world.shard.stats();
    let tracks = published.values().map(|t| t.len() as u64).sum::<u64>();
    println!("seed {seed}: {stats:?}");
    let people = living.len() as u64;
    let connections = living.iter().map(|id| world.client(*id).connections()).sum::<u64>();
    let counts = (stats.participants, stats.transports, stats.tracks, stats.subscriptions);
    assert_eq!(counts, (people, connections, tracks, subscriptions), "seed {seed}");
}
