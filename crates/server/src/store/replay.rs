//! What the log says, at start.

use super::file::{self, LOG, Ledger, Trouble};
use super::log::{Head, NONE, Seen, SeenKind, unpack};
use super::{Kind, Record};
use bytes::Bytes;
use redb::{Database, ReadableTable};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Publications of one channel that are kept while reading; older ones would be dropped anyway.
const KEPT_PER_CHANNEL: usize = 1_000_000;

/// Everything that was on the disk.
#[derive(Debug, Default)]
pub struct Loaded {
    /// By name.
    pub channels: Vec<LoadedChannel>,
    /// Something was damaged and is gone: one sentence. Acknowledged publications may be among
    /// it, so every channel must begin a new epoch.
    pub cut: Option<String>,
}

/// A channel that was on the disk.
#[derive(Debug)]
pub struct LoadedChannel {
    /// Its name.
    pub name: Arc<str>,
    /// Its life.
    pub epoch: Arc<str>,
    /// Offset of its newest publication.
    pub top: u64,
    /// Offset, time in milliseconds since 1970 and payload; offsets rise.
    pub publications: VecDeque<(u64, u64, Bytes)>,
}

/// Channels as records make them.
#[derive(Debug, Default)]
pub(super) struct Histories {
    channels: HashMap<Arc<str>, LoadedChannel>,
}

impl Histories {
    /// What the next record of the log changes.
    pub(super) fn apply(&mut self, seen: Seen<'_>) {
        if !self.channels.contains_key(seen.channel) {
            let name: Arc<str> = seen.channel.into();
            let channel = LoadedChannel {
                name: Arc::clone(&name),
                epoch: seen.epoch.into(),
                top: 0,
                publications: VecDeque::new(),
            };
            self.channels.insert(name, channel);
        }
        let Some(channel) = self.channels.get_mut(seen.channel) else { return };
        if *channel.epoch != *seen.epoch {
            if matches!(seen.kind, SeenKind::Removed) {
                // Of an earlier life, which took what it removes with it.
                return;
            }
            channel.epoch = seen.epoch.into();
            channel.top = 0;
            channel.publications.clear();
        }
        channel.top = channel.top.max(seen.offset);
        let publications = &mut channel.publications;
        match seen.kind {
            SeenKind::Publication(payload) => {
                while publications.back().is_some_and(|(offset, _, _)| *offset >= seen.offset) {
                    publications.pop_back();
                }
                publications.push_back((seen.offset, seen.time_ms, Bytes::copy_from_slice(payload)));
                if publications.len() > KEPT_PER_CHANNEL {
                    publications.pop_front();
                }
            }
            SeenKind::Removed => publications.retain(|(offset, _, _)| *offset > seen.offset),
            SeenKind::Meta => {}
        }
    }

    pub(super) fn into_loaded(self, cut: Option<String>) -> Loaded {
        let mut channels: Vec<_> = self.channels.into_values().collect();
        channels.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Loaded { channels, cut }
    }
}

impl Loaded {
    /// As records that would make the same.
    pub(super) fn give(&self, each: &mut dyn FnMut(Record)) {
        for LoadedChannel { name, epoch, top, publications } in &self.channels {
            let mut record = |offset, time_ms, kind| {
                each(Record { channel: Arc::clone(name), epoch: Arc::clone(epoch), offset, time_ms, kind });
            };
            for (offset, time_ms, payload) in publications {
                record(*offset, *time_ms, Kind::Publication(payload.clone()));
            }
            record(*top, 0, Kind::Meta);
        }
    }

    pub(super) fn publications(&self) -> usize {
        self.channels.iter().map(|channel| channel.publications.len()).sum()
    }
}

/// Reads the whole log.
pub(super) fn replay(database: &Database, path: &Path) -> Result<(Loaded, Ledger), Trouble> {
    let mut histories = Histories::default();
    let read = read(database, &mut histories).map_err(|error| Trouble::of(&error, path))?;
    let (ledger, cut) = read.map_err(Trouble::Damaged)?;
    Ok((histories.into_loaded(cut), ledger))
}

type Read = Result<(Ledger, Option<String>), String>;

fn read(database: &Database, histories: &mut Histories) -> Result<Read, redb::Error> {
    let writing = database.begin_write()?;
    let (alive, cut) = file::facts(&writing)?;
    let mut ledger = Ledger { alive, ..Ledger::EMPTY };
    {
        let table = writing.open_table(LOG)?;
        let mut buffer = Vec::new();
        for entry in table.iter()? {
            let (number, value) = entry?;
            buffer.clear();
            buffer.extend_from_slice(value.value());
            if let Err(why) = next(number.value(), &mut buffer, &mut ledger, histories) {
                return Ok(Err(why));
            }
        }
    }
    writing.commit()?;
    Ok(Ok((ledger, cut)))
}

fn next(number: u64, entry: &mut [u8], ledger: &mut Ledger, histories: &mut Histories) -> Result<(), String> {
    let Some(head) = Head::read(entry) else { return Err(format!("entry {number} has a wrong head")) };
    let first = if ledger.first == NONE { number } else { ledger.first };
    if head.number != number || head.previous != ledger.last || head.first != first {
        return Err(format!("an entry before {number} is missing"));
    }
    if !unpack(&head, entry, |seen| histories.apply(seen)) {
        return Err(format!("a record in entry {number} has a wrong checksum"));
    }
    *ledger =
        Ledger { first, last: number, next: number + 1, bytes: ledger.bytes + entry.len() as u64, alive: ledger.alive };
    Ok(())
}
