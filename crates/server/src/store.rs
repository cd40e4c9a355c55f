//! Channel history on disk: a log in one `redb` file, written in groups.
//!
//! Memory holds the histories; the log is what brings them back after a restart, and the gate for
//! acknowledgements: a publication counts when the commit that holds it is on the disk. One thread
//! takes everything that waits, writes it as one entry of the log (more than one if it is large)
//! and commits; while it does, the next group gathers. A lone record is committed at once; while
//! many come, commits keep a small distance ([`Options::linger`]). When the log has grown to twice what is alive, it is replaced by what is
//! alive, in one transaction.
//!
//! ```text
//! append ─▶ queue (bounded) ─▶ writer thread: one entry, one commit ─▶ done(records)
//! open   ─▶ replay: entry by entry, record by record, each with its checksum
//!           └ damaged ─▶ salvage: what is good before the damage goes to a new file,
//!                        the old one is put aside, Loaded::cut says so
//! ```
//!
//! # What survives
//! * The process is killed: everything [`Committed::Done`] was called with, in order. Records that
//!   were on their way may be there too.
//! * The disk is full or fails: the groups it refuses come back as [`Committed::Failed`]; the file
//!   is opened anew for the next one, and what a failed commit may have left in it is removed.
//! * The file is damaged: everything before the first bad record. Acknowledged publications may be
//!   among what is lost, so all channels must begin new epochs, or a client that has seen a lost
//!   publication would take the next one at its offset for the one it has. [`Loaded::cut`] stays
//!   set at every start until a snapshot with the new epochs is on the disk.

mod file;
mod log;
mod queue;
mod replay;
mod salvage;
#[cfg(test)]
mod tests;
mod writer;

pub use queue::StoreStats;
pub use replay::{Loaded, LoadedChannel};

use bytes::Bytes;
use file::Opener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

/// One thing to remember about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The channel.
    pub channel: Arc<str>,
    /// Its present life.
    pub epoch: Arc<str>,
    /// Of the publication; of the newest one that is removed; or the channel's newest offset.
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
    /// Publications up to the offset, itself included, were removed.
    Removed,
    /// The channel's position alone.
    Meta,
}

/// Bounds.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Records that may wait, those being written included.
    pub queue_records: usize,
    /// Their bytes; at most 1 GiB.
    pub queue_bytes: usize,
    /// The log is written anew when it is twice what was alive and this much more.
    pub slack_bytes: u64,
    /// While records keep coming after a group of more than one, the next commit begins no sooner
    /// than this after the last one did: commits cost far more than the records in them. Zero for
    /// never. A lone record does not wait, nor does a group that nothing is added to.
    pub linger: Duration,
    /// After a file could not be opened anew, it is tried again this much later; until then records
    /// are refused at once.
    pub reopen_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_records: 262_144,
            queue_bytes: 64 * 1024 * 1024,
            slack_bytes: 64 * 1024 * 1024,
            linger: Duration::from_millis(2),
            reopen_every: Duration::from_secs(1),
        }
    }
}

/// What became of records.
#[derive(Debug)]
pub enum Committed {
    /// They are on the disk, in this order.
    Done(Vec<Record>),
    /// They are not, and why: one sentence. They will not be tried again.
    Failed(Vec<Record>, String),
}

/// More waits already than there may, or the store is closed.
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

/// Called with what became of each group, in the order of [`Store::append`], on the writer's
/// thread.
pub type OnCommit = Box<dyn Fn(Committed) + Send>;

/// Gives everything that is alive to the function it is given: of each channel its publications,
/// oldest first, and its position. Called on the writer's thread between two groups, so what it
/// gives must hold every record that was [`Committed::Done`] and is still wanted. Returns `false`
/// if it cannot tell (its owner is going away); the log then stays as it is.
pub type Snapshot = Box<dyn Fn(&mut dyn FnMut(Record)) -> bool + Send>;

/// The store. Dropping it writes what waits, but does not tidy up; see [`Store::close`].
pub struct Store {
    writer: Writer,
}

impl Store {
    /// Opens or makes the file, reads everything in it, and starts the writer. `snapshot` may be
    /// called from the first [`Store::append`] on, so what was loaded must be in its place by then.
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
        Self::open_by(file::opener(path), path, options, done, snapshot)
    }

    fn open_by(
        opener: Opener,
        path: &Path,
        options: Options,
        done: OnCommit,
        snapshot: Snapshot,
    ) -> Result<(Self, Loaded), StoreError> {
        let opened = salvage::open(&opener, path)?;
        let writer = Writer::start(
            opener,
            path,
            options,
            (opened.database, opened.ledger, opened.loaded.cut.is_some()),
            done,
            snapshot,
        )
        .map_err(|error| StoreError::of_io(path, &error))?;
        Ok((Self { writer }, opened.loaded))
    }

    /// Queues a record. Never waits.
    ///
    /// # Errors
    /// Too much waits already, or the store is closed. A record of more than
    /// [`Options::queue_bytes`] never fits.
    pub fn append(&self, record: Record) -> Result<(), Full> {
        self.writer.append(record, true)
    }

    /// As [`Store::append`], for one of several records that belong together: [`Store::wake`] after
    /// the last one makes them one group.
    ///
    /// # Errors
    /// Too much waits already.
    pub fn append_quietly(&self, record: Record) -> Result<(), Full> {
        self.writer.append(record, false)
    }

    /// Begins with what was appended quietly.
    pub fn wake(&self) {
        self.writer.wake();
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.writer.stats()
    }

    /// Writes what waits, replaces the log by what is alive if it is much larger, and ends. Without
    /// it, the end is as good as a crash: what was committed is there.
    pub fn close(&self) {
        self.writer.close(true);
    }
}
