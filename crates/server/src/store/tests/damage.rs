//! Files that are not what was written.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A file with a few hundred commits of two channels; `crashed` as it is while a store has it open.
fn written(place: &Place, crashed: bool) -> (Vec<u8>, Lives) {
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options::default()).unwrap();
    for offset in 1..=150 {
        store.append(publication("a", "one", offset, format!("payload of a {offset}").as_bytes())).unwrap();
        hub.wait(offset * 2 - 1);
        store.append(publication("b", "one", offset, &[offset as u8; 700])).unwrap();
        hub.wait(offset * 2);
    }
    let copy = std::fs::read(place.file()).unwrap();
    drop(store);
    let bytes = if crashed { copy } else { std::fs::read(place.file()).unwrap() };
    std::fs::remove_file(place.file()).unwrap();
    (bytes, hub.lives())
}

/// Opens what `bytes` are; whatever is in it must be a beginning of what was written. Returns how
/// many publications there are.
fn check(place: &Place, bytes: &[u8], truth: &Lives, what: &str) -> (usize, Option<String>) {
    std::fs::write(place.file(), bytes).unwrap();
    let loaded = read(&place.file());
    for channel in &loaded.channels {
        let life = &truth[&channel.name];
        assert_eq!(channel.epoch, life.epoch, "{what}");
        let here = channel.publications.iter();
        assert!(here.zip(&life.publications).all(|(one, other)| one == other), "{what}");
        assert_eq!(channel.top, channel.publications.len() as u64, "{what}");
    }
    let (a, b) = (top(&loaded, "a"), top(&loaded, "b"));
    assert!(a == b || a == b + 1, "{what}: order is kept across channels, {a} {b}");
    std::fs::remove_file(place.file()).unwrap();
    (loaded.publications(), loaded.cut)
}

fn top(loaded: &Loaded, name: &str) -> u64 {
    loaded.channels.iter().find(|channel| &*channel.name == name).map_or(0, |channel| channel.top)
}

#[test]
fn any_flipped_byte() {
    for crashed in [false, true] {
        let place = Place::new();
        let (bytes, truth) = written(&place, crashed);
        assert_eq!(check(&place, &bytes, &truth, "undamaged"), (300, None));
        let mut rng = StdRng::seed_from_u64(7);
        let (mut cuts, mut kept) = (0, 0);
        for round in 0..200 {
            let mut bad = bytes.clone();
            // The head of the file, then anywhere.
            let at = if round < 60 { round * 5 } else { rng.random_range(0..bad.len()) };
            bad[at] ^= 1 << rng.random_range(0..8);
            let (count, cut) = check(&place, &bad, &truth, &format!("byte {at}, crashed {crashed}"));
            cuts += u32::from(cut.is_some());
            kept += u64::from(cut.is_some()) * count as u64;
            // The last commit hangs on bytes at the beginning of the file that redb believes.
            assert!(cut.is_some() || count >= 298, "byte {at}, crashed {crashed}: {count} without a word");
        }
        assert!(cuts > 20, "{cuts}");
        assert!(kept / u64::from(cuts) > 100, "most of the log survives: {} of 300", kept / u64::from(cuts));
    }
}

#[test]
fn any_length() {
    for crashed in [false, true] {
        let place = Place::new();
        let (bytes, truth) = written(&place, crashed);
        let mut rng = StdRng::seed_from_u64(8);
        let lengths = [1, 100, 320, 4096, 5000, bytes.len() - 1, bytes.len() - 4096];
        for length in lengths.into_iter().chain((0..30).map(|_| rng.random_range(1..bytes.len()))) {
            let (count, cut) = check(&place, &bytes[..length], &truth, &format!("{length} bytes, crashed {crashed}"));
            assert!(cut.is_some() || count >= 298, "{length} bytes, crashed {crashed}: {count} without a word");
        }
    }
}

#[test]
fn a_bad_record_near_the_end_takes_only_what_follows() {
    for crashed in [false, true] {
        let place = Place::new();
        let (mut bytes, truth) = written(&place, crashed);
        // The payloads are masked, so look for the entries: every copy of the last ten.
        let wanted = |head: &log::Head| head.number >= 290;
        let places: Vec<usize> =
            (0..bytes.len()).filter(|at| log::Head::read(&bytes[*at..]).as_ref().is_some_and(wanted)).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at + log::HEAD + 20] ^= 0x40;
        }
        let (count, cut) = check(&place, &bytes, &truth, "the tail");
        assert_eq!(count, 290, "{cut:?}");
        let cut = cut.unwrap();
        assert!(cut.contains("290 publications") && cut.contains(".corrupt-"), "{cut}");
        let aside = place.others();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(std::fs::read(&aside[0]).unwrap(), bytes, "the damaged file is kept as it is");
    }
}

#[test]
fn garbage_is_put_aside() {
    let place = Place::new();
    let mut garbage = vec![0; 100_000];
    StdRng::seed_from_u64(9).fill(&mut garbage[..]);
    for bytes in [garbage, vec![0; 5000], b"not a database".to_vec()] {
        assert_eq!(check(&place, &bytes, &Lives::new(), "garbage").0, 0);
    }
    assert_eq!(place.others().len(), 3);
    std::fs::write(place.file(), b"").unwrap();
    assert!(read(&place.file()).cut.is_none(), "an empty file is a new one");
}

#[test]
fn another_redb_file_is_put_aside() {
    let place = Place::new();
    let other = file::create(&place.file()).unwrap();
    let writing = other.begin_write().unwrap();
    writing.open_table(redb::TableDefinition::<&str, &str>::new("log")).unwrap().insert("a", "b").unwrap();
    writing.commit().unwrap();
    drop(other);
    let loaded = read(&place.file());
    assert!(loaded.cut.is_some() && loaded.channels.is_empty());
    assert_eq!(place.others().len(), 1);
}

#[test]
fn the_cut_is_remembered_until_new_epochs_are_on_the_disk() {
    let place = Place::new();
    let (mut bytes, _) = written(&place, true);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(place.file(), &bytes).unwrap();
    // Started and killed before anything was published: the epochs in the file are still the old ones.
    let first = read(&place.file());
    let second = read(&place.file());
    assert!(first.cut.is_some());
    assert_eq!(first.cut, second.cut);
    assert_eq!(lives_of(&first), lives_of(&second));

    let hub = Hub::new(0);
    let (store, loaded) = hub.open(&place.file(), Options::default()).unwrap();
    assert!(loaded.cut.is_some());
    for life in hub.lives.lock().unwrap().values_mut() {
        life.epoch = "renewed".into();
    }
    let top = loaded.channels[0].top;
    store.append(publication("a", "renewed", top + 1, b"first of the new epoch")).unwrap();
    hub.wait(1);
    assert_eq!(store.stats().snapshots, 1);
    drop(store);
    let third = read(&place.file());
    assert_eq!(third.cut, None);
    assert!(third.channels.iter().all(|channel| &*channel.epoch == "renewed"));
    assert_eq!(third.publications(), first.publications() + 1, "and nothing that was kept is lost by it");
    assert_eq!(place.others().len(), 1);
}

#[test]
fn an_older_log_in_the_file_is_not_taken_for_the_newest() {
    let place = Place::new();
    let hub = Hub::new(5);
    let (store, _) = hub.open(&place.file(), Options { slack_bytes: 20_000, ..Options::default() }).unwrap();
    for offset in 1..=1000 {
        store.append(publication("a", "one", offset, &[3; 100])).unwrap();
        hub.wait(offset);
    }
    assert!(store.stats().snapshots > 3);
    let mut bytes = std::fs::read(place.file()).unwrap();
    drop(store);
    std::fs::remove_file(place.file()).unwrap();
    // The magic number of redb: the index is of no use.
    bytes[0] ^= 0xff;
    std::fs::write(place.file(), &bytes).unwrap();
    let loaded = read(&place.file());
    assert!(loaded.cut.is_some());
    let (channel, life) = (&loaded.channels[0], &hub.lives()["a"]);
    assert_eq!(channel.top, life.top);
    assert!(channel.publications.iter().rev().zip(life.publications.iter().rev()).all(|(one, other)| one == other));
}
