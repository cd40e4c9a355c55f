//! What waits for the disk.

use super::{Full, Options, Record, log};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The lengths of records must fit in 32 bits.
const MOST_BYTES: usize = 1024 * 1024 * 1024;

/// Numbers for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Records that wait or are being written.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Commits made.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Groups that could not be committed.
    pub failures: u64,
    /// How long the last commit took, a failed one too.
    pub last_commit: Duration,
    /// How long all of them took.
    pub commit_time: Duration,
    /// Bytes in the log.
    pub log_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// How often the log was written anew.
    pub snapshots: u64,
    /// How long that took the last time.
    pub last_snapshot: Duration,
}

/// What the writer is to do.
pub(super) struct Work {
    pub(super) records: Vec<Record>,
    /// Set: nothing follows. `true` to leave a tidy file behind.
    pub(super) closing: Option<bool>,
}

#[derive(Default)]
struct State {
    records: Vec<Record>,
    /// Of those that wait and those that are being written.
    count: usize,
    bytes: usize,
    closing: Option<bool>,
    stats: StoreStats,
}

/// Between those who append and the writer.
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    options: Options,
}

impl Queue {
    pub(super) fn new(options: Options) -> Self {
        let options = Options { queue_bytes: options.queue_bytes.min(MOST_BYTES), ..options };
        Self { state: Mutex::default(), ready: Condvar::new(), options }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `wake`, the writer begins at once; without, when [`Queue::wake`] says so.
    pub(super) fn append(&self, record: Record, wake: bool) -> Result<(), Full> {
        let size = log::size(&record);
        let mut state = self.lock();
        if state.closing.is_some()
            || state.count >= self.options.queue_records
            || size > self.options.queue_bytes.saturating_sub(state.bytes)
        {
            return Err(Full);
        }
        state.count += 1;
        state.bytes += size;
        state.records.push(record);
        let first = state.records.len() == 1;
        drop(state);
        if first && wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    pub(super) fn wake(&self) {
        self.ready.notify_one();
    }

    /// How many records have not been taken.
    pub(super) fn waiting(&self) -> usize {
        self.lock().records.len()
    }

    /// Everything that waits, once something does; its bytes count until [`Queue::finish`].
    pub(super) fn take(&self, likely: usize) -> Work {
        let next = Vec::with_capacity(likely);
        let mut state = self.lock();
        while state.records.is_empty() && state.closing.is_none() {
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Work { records: std::mem::replace(&mut state.records, next), closing: state.closing }
    }

    /// Records were written, or not: there is room for others.
    pub(super) fn finish(&self, count: usize, bytes: usize, change: impl FnOnce(&mut StoreStats)) {
        let mut state = self.lock();
        state.count = state.count.saturating_sub(count);
        state.bytes = state.bytes.saturating_sub(bytes);
        change(&mut state.stats);
    }

    /// Takes no more; the writer ends when it has written the rest. The first call counts.
    pub(super) fn close(&self, tidy: bool) {
        self.lock().closing.get_or_insert(tidy);
        self.ready.notify_one();
    }

    pub(super) fn stats(&self) -> StoreStats {
        let state = self.lock();
        StoreStats { queued: state.count as u64, queued_bytes: state.bytes as u64, ..state.stats }
    }
}
