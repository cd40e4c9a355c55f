//! The thread that writes.

use super::{Committed, Full, LOG, OnCommit, Options, Record, Snapshot, log};
use redb::{Database, Durability, ReadableTable};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of one entry of the log; a larger group becomes several in one commit.
const ENTRY_BYTES: usize = 1024 * 1024;
/// The same complaint is logged at most this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Numbers for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Records that wait.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Commits made.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Commits that failed.
    pub failures: u64,
    /// How long the last commit took.
    pub last_commit: Duration,
    /// Bytes in the log.
    pub log_bytes: u64,
    /// How often the log was written anew.
    pub snapshots: u64,
}

#[derive(Default)]
struct Queue {
    records: Vec<Record>,
    bytes: usize,
    closing: bool,
    stats: StoreStats,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end of a store.
pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        database: Database,
        path: &Path,
        options: Options,
        (next_entry, log_bytes): (u64, u64),
        done: OnCommit,
        snapshot: Snapshot,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), ready: Condvar::new() });
        let pen = Pen {
            database,
            path: path.to_owned(),
            options,
            shared: Arc::clone(&shared),
            next_entry,
            log_bytes,
            alive_bytes: log_bytes / 2,
            done,
            snapshot,
            complained: None,
        };
        let thread = std::thread::Builder::new().name("channels-disk".to_owned()).spawn(move || pen.run())?;
        Ok(Self { shared, options, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn append(&self, record: Record) -> Result<(), Full> {
        let size = log::size(&record);
        let mut queue = self.shared.lock();
        let full = queue.records.len() >= self.options.queue_records || queue.bytes + size > self.options.queue_bytes;
        if full || queue.closing {
            return Err(Full);
        }
        queue.bytes += size;
        queue.records.push(record);
        let first = queue.records.len() == 1;
        drop(queue);
        if first {
            self.shared.ready.notify_one();
        }
        Ok(())
    }

    pub(super) fn stats(&self) -> StoreStats {
        let queue = self.shared.lock();
        StoreStats { queued: queue.records.len() as u64, queued_bytes: queue.bytes as u64, ..queue.stats }
    }

    pub(super) fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.ready.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread owns.
struct Pen {
    database: Database,
    path: PathBuf,
    options: Options,
    shared: Arc<Shared>,
    next_entry: u64,
    log_bytes: u64,
    /// What was alive when the log was last written anew.
    alive_bytes: u64,
    done: OnCommit,
    snapshot: Snapshot,
    complained: Option<Instant>,
}

impl Pen {
    fn run(mut self) {
        loop {
            let (records, closing) = self.wait();
            if !records.is_empty() {
                self.group(records);
            }
            if self.log_bytes > self.alive_bytes * 2 + self.options.slack_bytes {
                self.write_anew();
            }
            if closing {
                return;
            }
        }
    }

    fn wait(&self) -> (Vec<Record>, bool) {
        let mut queue = self.shared.lock();
        while queue.records.is_empty() && !queue.closing {
            queue = self.shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.bytes = 0;
        let closing = queue.closing;
        let capacity = queue.records.len();
        (std::mem::replace(&mut queue.records, Vec::with_capacity(capacity)), closing)
    }

    fn group(&mut self, records: Vec<Record>) {
        let (began, count) = (Instant::now(), records.len() as u64);
        let written = self.commit(&records);
        {
            let mut queue = self.shared.lock();
            queue.stats.commits += 1;
            queue.stats.last_commit = began.elapsed();
            queue.stats.log_bytes = self.log_bytes;
            match &written {
                Ok(()) => queue.stats.records += count,
                Err(_) => queue.stats.failures += 1,
            }
        }
        match written {
            Ok(()) => (self.done)(Committed::Done(records)),
            Err(error) => {
                self.complain("a commit failed", &error);
                (self.done)(Committed::Failed(records, error.to_string()));
            }
        }
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), redb::Error> {
        let mut writing = self.database.begin_write()?;
        writing.set_durability(Durability::Immediate)?;
        let (mut next, mut bytes) = (self.next_entry, 0);
        {
            let mut table = writing.open_table(LOG)?;
            let mut entry = Vec::new();
            for record in records {
                log::write(record, &mut entry);
                if entry.len() >= ENTRY_BYTES {
                    table.insert(next, entry.as_slice())?;
                    bytes += entry.len() as u64;
                    next += 1;
                    entry.clear();
                }
            }
            if !entry.is_empty() {
                table.insert(next, entry.as_slice())?;
                bytes += entry.len() as u64;
                next += 1;
            }
        }
        writing.commit()?;
        self.next_entry = next;
        self.log_bytes += bytes;
        Ok(())
    }

    /// Replaces the log by what is alive, in one commit.
    fn write_anew(&mut self) {
        match self.replace() {
            Ok(()) => self.shared.lock().stats.snapshots += 1,
            Err(error) => {
                self.complain("the log could not be written anew", &error);
                // Not again before it has grown.
                self.alive_bytes = self.log_bytes;
            }
        }
    }

    fn replace(&mut self) -> Result<(), redb::Error> {
        let writing = self.database.begin_write()?;
        let (mut next, mut bytes, mut failed) = (self.next_entry, 0, None);
        {
            let mut table = writing.open_table(LOG)?;
            table.retain(|_, _| false)?;
            let mut entry = Vec::new();
            (self.snapshot)(&mut |record| {
                log::write(&record, &mut entry);
                if entry.len() >= ENTRY_BYTES && failed.is_none() {
                    failed = table.insert(next, entry.as_slice()).err();
                    bytes += entry.len() as u64;
                    next += 1;
                    entry.clear();
                }
            });
            if !entry.is_empty() {
                table.insert(next, entry.as_slice())?;
                bytes += entry.len() as u64;
                next += 1;
            }
            debug_assert!(table.first()?.is_none_or(|(first, _)| first.value() >= self.next_entry));
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        writing.commit()?;
        self.next_entry = next;
        self.log_bytes = bytes;
        self.alive_bytes = bytes;
        Ok(())
    }

    fn complain(&mut self, what: &str, error: &redb::Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!(path = %self.path.display(), %error, "{what}; publications there are refused until it works");
        }
    }
}
