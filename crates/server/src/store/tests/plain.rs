//! What goes in comes back.

use super::*;

#[test]
fn comes_back_as_it_was() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, loaded) = hub.open(&place.file(), Options::default()).unwrap();
    assert!(loaded.channels.is_empty() && loaded.cut.is_none());
    for offset in 1..=100 {
        store.append(publication("a", "one", offset, format!("a{offset}").as_bytes())).unwrap();
        store.append(publication("b:\u{1f600}", "two", offset, &[0; 300])).unwrap();
    }
    store.append(removed("a", "one", 40)).unwrap();
    store.append(meta("empty", "three", 12)).unwrap();
    store.append(publication("again", "four", 1, b"old")).unwrap();
    store.append(publication("again", "five", 1, b"new")).unwrap();
    store.append(removed("again", "four", 1)).unwrap();
    hub.wait(205);
    let before = hub.lives();
    drop(store);

    let (_store, loaded) = hub.open(&place.file(), Options::default()).unwrap();
    assert!(loaded.cut.is_none());
    let mut after = lives_of(&loaded);
    assert_eq!(after["a"].publications.front(), Some(&(41, 1041, Bytes::from_static(b"a41"))));
    assert_eq!((after["a"].top, after["a"].publications.len()), (100, 60));
    assert_eq!((&*after["again"].epoch, after["again"].publications.len()), ("five", 1), "that was an earlier life");
    assert_eq!((after["empty"].top, after["empty"].publications.len()), (12, 0));
    // The small hub takes the late removal for a new life; the channel is compared above.
    after.remove("again");
    assert!(after.iter().all(|(name, life)| before.get(name) == Some(life)));
    assert_eq!(
        loaded.channels.iter().map(|channel| &*channel.name).collect::<Vec<_>>(),
        ["a", "again", "b:\u{1f600}", "empty"]
    );
}

#[test]
fn close_writes_what_waits_and_refuses_the_rest() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options::default()).unwrap();
    for offset in 1..=5000 {
        store.append(publication("a", "one", offset, b"x")).unwrap();
    }
    store.close();
    hub.wait(5000);
    assert_eq!(store.append(publication("a", "one", 5001, b"x")), Err(Full));
    store.close();
    assert_eq!(read(&place.file()).channels[0].publications.len(), 5000);
}

#[test]
fn a_lone_record_does_not_wait() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options::default()).unwrap();
    for offset in 1..=20 {
        store.append(publication("a", "one", offset, b"x")).unwrap();
        hub.wait(offset);
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.records, stats.queued, stats.queued_bytes, stats.failures), (20, 20, 0, 0, 0));
    assert!(stats.last_commit > Duration::ZERO && stats.commit_time >= stats.last_commit);
    assert!(stats.log_bytes > 20 * 30 && stats.file_bytes > stats.log_bytes);
}

#[test]
fn large_records_and_long_names() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options::default()).unwrap();
    let (name, payload) = ("n".repeat(70_000), vec![7; 3 * 1024 * 1024]);
    for offset in 1..=5 {
        store.append(publication(&name, "one", offset, &payload)).unwrap();
        store.append(publication("small", "one", offset, b"x")).unwrap();
    }
    hub.wait(10);
    drop(store);
    assert_eq!(lives_of(&read(&place.file())), hub.lives());
}

#[test]
fn the_queue_is_bounded_and_never_blocks() {
    let place = Place::new();
    let (entered, gate) = (Arc::new(Condvar::new()), Arc::new(Mutex::new(false)));
    let done = {
        let (entered, gate) = (Arc::clone(&entered), Arc::clone(&gate));
        Box::new(move |_| drop(entered.wait_while(gate.lock().unwrap(), |open| !*open).unwrap()))
    };
    let options = Options { queue_records: 10, queue_bytes: 1000, ..Options::default() };
    let (store, _) = Store::open(&place.file(), options, done, Box::new(|_| true)).unwrap();
    // The first one is committed, and its thread is then held up.
    store.append(publication("a", "one", 1, b"x")).unwrap();
    while store.stats().commits == 0 {
        std::thread::yield_now();
    }
    for offset in 2..=11 {
        store.append(publication("a", "one", offset, b"x")).unwrap();
    }
    let began = Instant::now();
    assert_eq!(store.append(publication("a", "one", 12, b"x")), Err(Full));
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(store.stats().queued, 10);
    *gate.lock().unwrap() = true;
    entered.notify_all();
    while store.stats().queued > 0 {
        std::thread::yield_now();
    }
    assert_eq!(store.append(publication("a", "one", 12, &[0; 1000])), Err(Full), "more bytes than ever fit");
    store.append(publication("a", "one", 12, &[0; 900])).unwrap();
}

#[test]
fn two_at_once_are_refused() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (store, _) = hub.open(&place.file(), Options::default()).unwrap();
    let error = Hub::new(0).open(&place.file(), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::Taken(_)), "{error}");
    assert!(error.to_string().contains("--data"), "{error}");
    assert_eq!(place.others(), Vec::<PathBuf>::new());
    store.append(publication("a", "one", 1, b"x")).unwrap();
    hub.wait(1);
    drop(store);
    assert_eq!(read(&place.file()).channels.len(), 1);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    let error = Hub::new(0).open(&place.0.join("no/such/file"), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(Hub::new(0).open(&place.0, Options::default()).is_err());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        drop(Hub::new(0).open(&place.file(), Options::default()).unwrap());
        assert_eq!(std::fs::metadata(place.file()).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn the_owner_may_go_away_on_the_writers_thread() {
    let place = Place::new();
    let held: Arc<Mutex<Option<Store>>> = Arc::default();
    let (sender, receiver) = std::sync::mpsc::channel();
    let done = {
        let held = Arc::clone(&held);
        Box::new(move |_| {
            drop(held.lock().unwrap().take());
            let _ = sender.send(());
        })
    };
    let (store, _) = Store::open(&place.file(), Options::default(), done, Box::new(|_| true)).unwrap();
    let mut owner = held.lock().unwrap();
    store.append(publication("a", "one", 1, b"x")).unwrap();
    *owner = Some(store);
    drop(owner);
    receiver.recv_timeout(Duration::from_secs(10)).unwrap();
}
