//! Channel history on disk: a log in one `redb` file, written in groups.
//!
//! Memory holds the histories; the log is what brings them back after a restart, and the gate for
//! acknowledgements: a publication counts when the commit that holds it is on the disk. One thread
//! takes everything that waits as one entry of the log and commits it; while it does, the next
//! group gathers. When the log has grown to twice what is alive, it is written anew.
//!
//! ```text
//! append ─▶ queue (bounded) ─▶ writer thread: one entry, one commit ─▶ done(records)
//! open   ─▶ replay: entry by entry, record by record, each with its checksum; cut at the first bad
//! ```

mod log;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use replay::{Loaded, LoadedChannel};
pub use writer::StoreStats;

use bytes::Bytes;
use redb::{Database, DatabaseError, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use writer::Writer;

/// Groups of records by number.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// One thing to remember about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The channel.
    pub channel: Arc<str>,
    /// Its present life.
    pub epoch: Arc<str>,
    /// Of the publication, or the newest one.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// What.
    pub kind: Kind,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A publication, in whatever form the caller has.
    Publication(Bytes),
    /// Publications up to the offset were removed.
    Removed,
    /// The channel's position alone.
    Meta,
}

/// Bounds.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Records that may wait.
    pub queue_records: usize,
    /// Their bytes.
    pub queue_bytes: usize,
    /// The log is written anew when it is twice what was alive and this much more.
    pub slack_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue_records: 262_144, queue_bytes: 64 * 1024 * 1024, slack_bytes: 64 * 1024 * 1024 }
    }
}

/// What became of records.
#[derive(Debug)]
pub enum Committed {
    /// They are on the disk, in this order.
    Done(Vec<Record>),
    /// They are not, and why.
    Failed(Vec<Record>, String),
}

/// More waits already than there may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk has more to do than it can")]
pub struct Full;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file.
    #[error("another tandem uses {0}; stop it, or give this one its own --data directory")]
    Taken(PathBuf),
    /// It cannot be read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl StoreError {
    /// Of an input or output error.
    #[must_use]
    pub fn of_io(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), error: error.to_string() }
    }
}

/// Called with what became of each group, on the writer's thread.
pub type OnCommit = Box<dyn Fn(Committed) + Send>;
/// Gives everything that is alive, channel by channel, to the function it is given.
pub type Snapshot = Box<dyn Fn(&mut dyn FnMut(Record)) + Send>;

/// The store.
pub struct Store {
    writer: Writer,
}

impl Store {
    /// Opens or makes the file, reads everything in it, and starts the writer.
    ///
    /// # Errors
    /// See [`StoreError`]. A damaged file is no error: its good part is read, and
    /// [`Loaded::cut`] says what was not.
    pub fn open(
        path: &Path,
        options: Options,
        done: OnCommit,
        snapshot: Snapshot,
    ) -> Result<(Self, Loaded), StoreError> {
        let (database, moved) = open_or_begin(path)?;
        let mut loaded = replay::replay(&database).map_err(|error| StoreError::of_io(path, &error))?;
        if moved.is_some() {
            loaded.cut = moved;
        }
        let next = loaded.next_entry;
        let writer = Writer::start(database, path, options, (next, loaded.log_bytes), done, snapshot)
            .map_err(|error| StoreError::of_io(path, &error))?;
        Ok((Self { writer }, loaded))
    }

    /// Queues a record. Never waits.
    ///
    /// # Errors
    /// Too much waits already.
    pub fn append(&self, record: Record) -> Result<(), Full> {
        self.writer.append(record)
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.writer.stats()
    }

    /// Writes what waits and ends. Without it, the end is as good as a crash: what was committed
    /// is there.
    pub fn close(&self) {
        self.writer.close();
    }
}

/// Opens the file; one that is beyond repair is put aside, and the sentence says so.
fn open_or_begin(path: &Path) -> Result<(Database, Option<String>), StoreError> {
    let error = match Database::create(path) {
        Ok(database) => return Ok((database, None)),
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::Taken(path.to_owned())),
        Err(error) => error,
    };
    let damaged = matches!(
        &error,
        DatabaseError::Storage(redb::StorageError::Corrupted(_))
            | DatabaseError::UpgradeRequired(_)
            | DatabaseError::RepairAborted
    ) || matches!(&error, DatabaseError::Storage(redb::StorageError::Io(io))
        if matches!(io.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof));
    if !damaged {
        return Err(StoreError::of_io(path, &error));
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = path.with_extension(format!("corrupt-{now}"));
    std::fs::rename(path, &aside).map_err(|error| StoreError::of_io(path, &error))?;
    let database = Database::create(path).map_err(|error| StoreError::of_io(path, &error))?;
    let sentence = format!("{} is damaged ({error}) and was put aside as {}", path.display(), aside.display());
    Ok((database, Some(sentence)))
}
