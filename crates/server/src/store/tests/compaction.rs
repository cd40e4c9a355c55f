//! The log is replaced by what is alive.

use super::*;

fn small() -> Options {
    Options { slack_bytes: 64 * 1024, ..Options::default() }
}

#[test]
fn keeps_exactly_what_is_alive() {
    let place = Place::new();
    let hub = Hub::new(10);
    let (store, _) = hub.open(&place.file(), small()).unwrap();
    let mut sent = 0;
    for offset in 1..=3000 {
        for channel in ["a", "b", "c"] {
            while store.append(publication(channel, "one", offset, &[1; 100])).is_err() {
                std::thread::yield_now();
            }
            sent += 1;
        }
        if offset == 1000 {
            store.append(removed("c", "one", 1000)).unwrap();
            sent += 1;
        }
        if offset % 100 == 0 {
            hub.wait(sent);
        }
    }
    hub.wait(sent);
    let stats = store.stats();
    assert!(stats.snapshots >= 3, "{stats:?}");
    assert!(stats.log_bytes < 2 * 64 * 1024, "{stats:?}");
    store.close();
    let loaded = read(&place.file());
    assert!(loaded.cut.is_none());
    assert_eq!(lives_of(&loaded), hub.lives());
}

#[test]
fn what_is_forgotten_goes_from_the_disk() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), small()).unwrap();
    for offset in 1..=1000 {
        store.append(publication("gone", "one", offset, b"secret secret")).unwrap();
    }
    hub.wait(1000);
    hub.lives.lock().unwrap().clear();
    store.close();
    assert_eq!(store.stats().snapshots, 1);
    assert!(read(&place.file()).channels.is_empty());
}

#[test]
fn a_hub_that_cannot_tell_loses_nothing() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options { slack_bytes: 0, ..small() }).unwrap();
    hub.leaving.store(true, Ordering::Relaxed);
    for offset in 1..=2000 {
        store.append(publication("a", "one", offset, b"here")).unwrap();
    }
    store.close();
    assert_eq!(store.stats().snapshots, 0);
    assert_eq!(lives_of(&read(&place.file())), hub.lives());
    assert_eq!(hub.lives()["a"].publications.len(), 2000);
}

#[test]
fn the_file_is_made_smaller_at_the_end() {
    let place = Place::new();
    let hub = Hub::new(10);
    let (store, _) = hub.open(&place.file(), Options { slack_bytes: 1024 * 1024, ..small() }).unwrap();
    for offset in 1..=2000 {
        store.append(publication("a", "one", offset, &[1; 10_000])).unwrap();
    }
    hub.wait(2000);
    let largest = store.stats().file_bytes;
    store.close();
    let left = store.stats();
    assert!(largest > 4 * 1024 * 1024 && left.file_bytes <= 2 * 1024 * 1024, "{largest} {left:?}");
    // What came after the last snapshot may hold a few that are not alive any more.
    let mut lives = lives_of(&read(&place.file()));
    for life in lives.values_mut() {
        let extra = life.publications.len().saturating_sub(10);
        life.publications.drain(..extra);
    }
    assert!(lives == hub.lives(), "what is alive is there");
}

#[test]
fn goes_on_after_many_starts() {
    let place = Place::new();
    let mut all = Lives::new();
    for round in 0..10 {
        let hub = Hub::new(20);
        let (store, loaded) = hub.open(&place.file(), small()).unwrap();
        assert_eq!(lives_of(&loaded), all, "round {round}");
        for offset in round * 100 + 1..=round * 100 + 100 {
            store.append(publication("a", "one", offset, &[1; 200])).unwrap();
            store.append(publication("b", "one", offset, &[2; 10])).unwrap();
        }
        if round % 2 == 0 {
            store.close();
        }
        drop(store);
        // Nothing is forgotten in the log unless it was written anew.
        let loaded = read(&place.file());
        assert_eq!(loaded.channels[0].top, (round + 1) * 100);
        all = lives_of(&loaded);
    }
}
