//! A disk that refuses.

use super::*;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;

/// A file that fails while it is told to.
#[derive(Debug)]
struct Faulty {
    file: FileBackend,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    write: AtomicBool,
    sync: AtomicBool,
    opened: AtomicU64,
}

fn fail(on: &AtomicBool) -> io::Result<()> {
    if on.load(Ordering::Relaxed) { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
}

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        fail(&self.switch.sync)?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        fail(&self.switch.write)?;
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

fn faulty(path: &Path) -> (Opener, Arc<Switch>) {
    let (path, switch) = (path.to_owned(), Arc::new(Switch::default()));
    let shared = Arc::clone(&switch);
    let opener = move || {
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let file = FileBackend::new(file)?;
        file::builder().create_with_backend(Faulty { file, switch: Arc::clone(&shared) })
    };
    (Box::new(opener), switch)
}

/// What failed, and what a start finds, must not overlap, and everything committed is there.
fn compare(place: &Place, hub: &Hub) {
    let loaded = read(&place.file());
    assert!(loaded.cut.is_none(), "{:?}", loaded.cut);
    assert_eq!(lives_of(&loaded), hub.lives());
}

#[test]
fn goes_on_when_the_disk_does() {
    for sync in [false, true] {
        let place = Place::new();
        let hub = Hub::new(0);
        let (opener, switch) = faulty(&place.file());
        let (store, _) = hub.open_by(opener, &place.file(), Options::default()).unwrap();
        let on = if sync { &switch.sync } else { &switch.write };
        for offset in 1..=100 {
            // Time between failures: the file is opened anew once a second at most when that fails.
            on.store(offset % 10 == 5, Ordering::Relaxed);
            store.append(publication("a", "one", offset, &[offset as u8; 2000])).unwrap();
            hub.wait(offset);
            if offset % 10 == 5 {
                on.store(false, Ordering::Relaxed);
            }
        }
        let failed: Vec<u64> = hub.failed.lock().unwrap().iter().map(|(record, _)| record.offset).collect();
        assert_eq!(failed, (0..10).map(|ten| ten * 10 + 5).collect::<Vec<_>>());
        let why = hub.failed.lock().unwrap()[0].1.clone();
        assert!(why.contains("channels.redb"), "{why}");
        let stats = store.stats();
        assert_eq!((stats.failures, stats.records, stats.queued), (10, 90, 0), "{stats:?}");
        assert_eq!(switch.opened.load(Ordering::Relaxed), 11);
        drop(store);
        compare(&place, &hub);
        assert_eq!(hub.lives()["a"].publications.len(), 90);
    }
}

#[test]
fn a_disk_that_stays_full_fails_fast_and_comes_back() {
    let place = Place::new();
    let hub = Hub::new(0);
    let (opener, switch) = faulty(&place.file());
    let (store, _) = hub.open_by(opener, &place.file(), Options::default()).unwrap();
    store.append(publication("a", "one", 1, b"before")).unwrap();
    hub.wait(1);
    switch.write.store(true, Ordering::Relaxed);
    for offset in 2..=200 {
        store.append(publication("a", "one", offset, b"refused")).unwrap();
        hub.wait(offset);
    }
    assert_eq!(hub.failed.lock().unwrap().len(), 199);
    assert!(switch.opened.load(Ordering::Relaxed) < 20, "it is not opened anew for every group");
    switch.write.store(false, Ordering::Relaxed);
    // It is tried again after a while, and then everything is taken.
    let mut offset = 200;
    while hub.lives()["a"].publications.len() < 2 {
        offset += 1;
        store.append(publication("a", "one", offset, b"after")).unwrap();
        hub.wait(offset);
    }
    drop(store);
    compare(&place, &hub);
    assert_eq!(hub.lives()["a"].publications.len(), 2);
}

#[test]
fn a_snapshot_that_fails_loses_nothing() {
    for sync in [false, true] {
        let place = Place::new();
        let hub = Hub::new(50);
        let (opener, switch) = faulty(&place.file());
        let options = Options { slack_bytes: 20_000, reopen_every: Duration::ZERO, ..Options::default() };
        let (store, _) = hub.open_by(opener, &place.file(), options).unwrap();
        let gave = Arc::new(AtomicBool::new(false));
        let (failing, given) = (Arc::clone(&switch), Arc::clone(&gave));
        *hub.gave.lock().unwrap() = Some(Box::new(move || {
            if sync { &failing.sync } else { &failing.write }.store(true, Ordering::Relaxed);
            given.store(true, Ordering::Relaxed);
        }));
        let mut offset = 0;
        let mut one = || {
            offset += 1;
            store.append(publication("a", "one", offset, &[offset as u8; 100])).unwrap();
            hub.wait(offset);
        };
        for round in 1..=2 {
            // The disk fails on after the snapshot, so the file cannot be opened for the next group.
            while hub.failed.lock().unwrap().len() < round {
                one();
            }
            assert!(gave.swap(false, Ordering::Relaxed));
            switch.write.store(false, Ordering::Relaxed);
            switch.sync.store(false, Ordering::Relaxed);
            (0..10).for_each(|_| one());
        }
        assert_eq!(hub.failed.lock().unwrap().len(), 2);
        assert_eq!(store.stats().snapshots, 0);
        drop(store);
        let loaded = read(&place.file());
        assert!(loaded.cut.is_none(), "{:?}", loaded.cut);
        let (kept, life) = (&loaded.channels[0].publications, &hub.lives()["a"]);
        assert_eq!(loaded.channels[0].top, life.top);
        assert!(kept.iter().rev().zip(life.publications.iter().rev()).all(|(one, other)| one == other));
        assert!(kept.len() >= life.publications.len());
        let failed = hub.failed.lock().unwrap();
        assert!(kept.iter().all(|(offset, _, _)| failed.iter().all(|(record, _)| record.offset != *offset)));
    }
}
