//! What the log says, at start.

use super::{Kind, LOG, Record, log};
use bytes::Bytes;
use redb::{Database, ReadableTable};
use std::collections::{BTreeMap, VecDeque};
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
    pub(super) next_entry: u64,
    pub(super) log_bytes: u64,
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
    /// Offset, time and payload, oldest first.
    pub publications: VecDeque<(u64, u64, Bytes)>,
}

/// Reads the whole log. The first bad record and everything behind it is removed from the file.
pub(super) fn replay(database: &Database) -> Result<Loaded, redb::Error> {
    let writing = database.begin_write()?;
    let mut channels: BTreeMap<Arc<str>, LoadedChannel> = BTreeMap::new();
    let mut loaded = Loaded::default();
    {
        let mut table = writing.open_table(LOG)?;
        let mut bad = None;
        for entry in table.iter()? {
            let (number, value) = match entry {
                Ok((number, value)) => (number.value(), value),
                Err(error) => {
                    bad = Some((loaded.next_entry, error.to_string()));
                    break;
                }
            };
            loaded.log_bytes += value.value().len() as u64;
            loaded.next_entry = number + 1;
            if !log::read(value.value(), |record| apply(&mut channels, record)) {
                bad = Some((number, "a checksum differs".to_owned()));
                break;
            }
        }
        if let Some((number, why)) = bad {
            let last = table.last()?.map_or(number, |(last, _)| last.value());
            let lost = last.saturating_sub(number) + 1;
            table.retain(|entry, _| entry < number)?;
            loaded.next_entry = number;
            loaded.cut =
                Some(format!("the history on disk is damaged ({why}): the last {lost} groups of it were cut off"));
        }
    }
    writing.commit()?;
    loaded.channels = channels.into_values().collect();
    Ok(loaded)
}

fn apply(channels: &mut BTreeMap<Arc<str>, LoadedChannel>, record: Record) {
    let channel = channels.entry(Arc::clone(&record.channel)).or_insert_with(|| LoadedChannel {
        name: record.channel,
        epoch: Arc::clone(&record.epoch),
        top: 0,
        publications: VecDeque::new(),
    });
    if *channel.epoch != *record.epoch {
        channel.epoch = record.epoch;
        channel.top = 0;
        channel.publications.clear();
    }
    channel.top = channel.top.max(record.offset);
    match record.kind {
        Kind::Publication(payload) => {
            channel.publications.push_back((record.offset, record.time_ms, payload));
            if channel.publications.len() > KEPT_PER_CHANNEL {
                channel.publications.pop_front();
            }
        }
        Kind::Removed => channel.publications.retain(|(offset, _, _)| *offset > record.offset),
        Kind::Meta => {}
    }
}
