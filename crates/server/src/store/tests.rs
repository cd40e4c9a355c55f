//! The store from outside: a file, a small hub that remembers what was committed, and accidents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compaction;
mod crash;
mod damage;
mod faults;
mod format;
mod plain;

use super::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

/// A directory of its own, gone with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tandem-store-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("channels.redb")
    }

    /// Other files than the store's own.
    fn others(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| *path != self.file()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Life {
    epoch: Arc<str>,
    top: u64,
    publications: VecDeque<(u64, u64, Bytes)>,
}

type Lives = BTreeMap<Arc<str>, Life>;

/// What the store is the memory of.
#[derive(Default)]
struct Hub {
    lives: Mutex<Lives>,
    failed: Mutex<Vec<(Record, String)>>,
    count: Mutex<u64>,
    changed: Condvar,
    /// Publications kept of each channel; 0 for all.
    keep: usize,
    /// Does not know what is alive.
    leaving: AtomicBool,
    /// Called at the end of every snapshot it gives.
    gave: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Hub {
    fn new(keep: usize) -> Arc<Self> {
        Arc::new(Self { keep, ..Self::default() })
    }

    fn committed(&self, committed: Committed) {
        let count = match committed {
            Committed::Done(records) => {
                let mut lives = self.lives.lock().unwrap();
                records.iter().for_each(|record| remember(&mut lives, record, self.keep));
                records.len()
            }
            Committed::Failed(records, why) => {
                let count = records.len();
                self.failed.lock().unwrap().extend(records.into_iter().map(|record| (record, why.clone())));
                count
            }
        };
        *self.count.lock().unwrap() += count as u64;
        self.changed.notify_all();
    }

    /// Until so many records came back, committed or not.
    fn wait(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut now = self.count.lock().unwrap();
        while *now < count {
            assert!(Instant::now() < deadline, "{now} of {count} records came back");
            now = self.changed.wait_timeout(now, Duration::from_secs(1)).unwrap().0;
        }
    }

    fn give(&self, each: &mut dyn FnMut(Record)) -> bool {
        if self.leaving.load(Ordering::Relaxed) {
            return false;
        }
        for (name, life) in self.lives.lock().unwrap().iter() {
            for (offset, time_ms, payload) in &life.publications {
                each(Record { time_ms: *time_ms, ..publication(name, &life.epoch, *offset, payload) });
            }
            each(meta(name, &life.epoch, life.top));
        }
        if let Some(gave) = &*self.gave.lock().unwrap() {
            gave();
        }
        true
    }

    fn open(self: &Arc<Self>, path: &Path, options: Options) -> Result<(Store, Loaded), StoreError> {
        self.open_by(file::opener(path), path, options)
    }

    fn open_by(self: &Arc<Self>, opener: Opener, path: &Path, options: Options) -> Result<(Store, Loaded), StoreError> {
        let (done, snapshot) = (Arc::clone(self), Arc::clone(self));
        let done = Box::new(move |committed| done.committed(committed));
        let snapshot = Box::new(move |each: &mut dyn FnMut(Record)| snapshot.give(each));
        let (store, loaded) = Store::open_by(opener, path, options, done, snapshot)?;
        *self.lives.lock().unwrap() = lives_of(&loaded);
        Ok((store, loaded))
    }

    fn lives(&self) -> Lives {
        self.lives.lock().unwrap().clone()
    }
}

fn remember(lives: &mut Lives, record: &Record, keep: usize) {
    let life = lives.entry(Arc::clone(&record.channel)).or_insert_with(|| Life {
        epoch: Arc::clone(&record.epoch),
        top: 0,
        publications: VecDeque::new(),
    });
    if life.epoch != record.epoch {
        *life = Life { epoch: Arc::clone(&record.epoch), top: 0, publications: VecDeque::new() };
    }
    life.top = record.offset.max(life.top);
    match &record.kind {
        Kind::Publication(payload) => {
            life.publications.push_back((record.offset, record.time_ms, payload.clone()));
            while keep > 0 && life.publications.len() > keep {
                life.publications.pop_front();
            }
        }
        Kind::Removed => life.publications.retain(|(offset, _, _)| *offset > record.offset),
        Kind::Meta => {}
    }
}

fn lives_of(loaded: &Loaded) -> Lives {
    let life = |channel: &LoadedChannel| {
        let LoadedChannel { name, epoch, top, publications } = channel;
        let life = Life { epoch: Arc::clone(epoch), top: *top, publications: publications.clone() };
        (Arc::clone(name), life)
    };
    loaded.channels.iter().map(life).collect()
}

fn publication(channel: &str, epoch: &str, offset: u64, payload: &[u8]) -> Record {
    let kind = Kind::Publication(Bytes::copy_from_slice(payload));
    Record { channel: channel.into(), epoch: epoch.into(), offset, time_ms: 1000 + offset, kind }
}

fn meta(channel: &str, epoch: &str, offset: u64) -> Record {
    Record { channel: channel.into(), epoch: epoch.into(), offset, time_ms: 0, kind: Kind::Meta }
}

fn removed(channel: &str, epoch: &str, offset: u64) -> Record {
    Record { kind: Kind::Removed, ..meta(channel, epoch, offset) }
}

/// Opens, reads and closes without tidying.
fn read(path: &Path) -> Loaded {
    let hub = Hub::new(0);
    hub.leaving.store(true, Ordering::Relaxed);
    hub.open(path, Options::default()).unwrap().1
}
