//! The thread that writes.

use super::file::{self, Doubt, Ledger, Opener};
use super::log::{self, Packer};
use super::queue::{Queue, StoreStats};
use super::{Committed, Full, OnCommit, Options, Record, Snapshot};
use redb::Database;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// About this much is committed at once, so that the first of many does not wait for the last.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Place for this many is made at first.
const GROUP_RECORDS: usize = 32 * 1024;
/// Nothing came for this long: what waits is all there is.
const QUIET: Duration = Duration::from_micros(100);
/// The same complaint is logged at most this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// The writing end of a store.
pub(super) struct Writer {
    queue: Arc<Queue>,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        opener: Opener,
        path: &Path,
        options: Options,
        (database, ledger, renew): (Database, Ledger, bool),
        done: OnCommit,
        snapshot: Snapshot,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(options));
        queue.finish(0, 0, |stats| stats.log_bytes = ledger.bytes);
        let pen = Pen {
            queue: Arc::clone(&queue),
            opener,
            path: path.to_owned(),
            slack: options.slack_bytes,
            linger: options.linger,
            reopen_every: options.reopen_every,
            database: Some(database),
            ledger,
            doubt: None,
            enough: ledger.alive,
            renew,
            packer: Packer::new(),
            done,
            snapshot,
            complained: None,
            refused: None,
        };
        let thread = std::thread::Builder::new().name("channels-disk".to_owned()).spawn(move || pen.run())?;
        Ok(Self { queue, path: path.to_owned(), thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn append(&self, record: Record, wake: bool) -> Result<(), Full> {
        self.queue.append(record, wake)
    }

    pub(super) fn wake(&self) {
        self.queue.wake();
    }

    pub(super) fn stats(&self) -> StoreStats {
        let file_bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        StoreStats { file_bytes, ..self.queue.stats() }
    }

    pub(super) fn close(&self, tidy: bool) {
        self.queue.close(tidy);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What a callback holds may own the store: then the thread ends by itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close(false);
    }
}

/// What the thread owns.
struct Pen {
    queue: Arc<Queue>,
    opener: Opener,
    path: PathBuf,
    slack: u64,
    linger: Duration,
    reopen_every: Duration,
    /// None after an error: `redb` then refuses everything until the file is opened anew.
    database: Option<Database>,
    ledger: Ledger,
    doubt: Option<Doubt>,
    /// The log is measured against this: what was alive, or its size when a snapshot failed.
    enough: u64,
    /// Epochs in the log are not the ones in use: a snapshot comes before the next record.
    renew: bool,
    packer: Packer,
    done: OnCommit,
    snapshot: Snapshot,
    complained: Option<Instant>,
    /// When and why the file could not be opened anew.
    refused: Option<(Instant, String)>,
}

/// However the thread ends, nobody appends to it afterwards.
struct Last(Arc<Queue>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.close(false);
    }
}

impl Pen {
    fn run(mut self) {
        let _last = Last(Arc::clone(&self.queue));
        let mut likely = 0;
        let mut began = Instant::now();
        loop {
            if likely > 1 {
                self.linger(began);
            }
            let work = self.queue.take(likely);
            (likely, began) = (work.records.len(), Instant::now());
            if self.renew && !work.records.is_empty() {
                self.write_anew();
            }
            self.groups(work.records);
            if self.ledger.bytes > self.enough.saturating_mul(2).saturating_add(self.slack) {
                self.write_anew();
            }
            match work.closing {
                Some(true) => return self.tidy(),
                Some(false) => return,
                None => {}
            }
        }
    }

    /// Waits while more comes, but not past the time for the next commit.
    fn linger(&self, began: Instant) {
        let mut seen = None;
        while let Some(left) = self.linger.checked_sub(began.elapsed()) {
            let now = Some(self.queue.waiting());
            if seen == now {
                return;
            }
            seen = now;
            std::thread::sleep(left.min(QUIET));
        }
    }

    fn groups(&mut self, records: Vec<Record>) {
        let mut records = records.into_iter();
        while records.len() > 0 {
            let (mut group, mut bytes) = (Vec::with_capacity(records.len().min(GROUP_RECORDS)), 0);
            for record in records.by_ref() {
                bytes += log::size(&record);
                group.push(record);
                if bytes >= GROUP_BYTES {
                    break;
                }
            }
            self.group(group, bytes);
        }
    }

    fn group(&mut self, records: Vec<Record>, bytes: usize) {
        let (began, count) = (Instant::now(), records.len());
        let written = self.attempt(false, |database, ledger, packer, _| {
            file::write_batch(database, ledger, packer, &records).map(|()| true)
        });
        let (log_bytes, took) = (self.ledger.bytes, began.elapsed());
        self.queue.finish(count, bytes, |stats| {
            stats.last_commit = took;
            stats.commit_time += took;
            stats.log_bytes = log_bytes;
            match &written {
                Ok(_) => (stats.commits, stats.records) = (stats.commits + 1, stats.records + count as u64),
                Err(_) => stats.failures += 1,
            }
        });
        match written {
            Ok(_) => (self.done)(Committed::Done(records)),
            Err(why) => {
                self.complain("a commit failed", &why);
                (self.done)(Committed::Failed(records, format!("cannot write {}: {why}", self.path.display())));
            }
        }
    }

    /// Replaces the log by what is alive, in one commit. Commits wait for it.
    fn write_anew(&mut self) {
        let began = Instant::now();
        let written = self.attempt(true, |database, ledger, packer, snapshot| {
            file::write_snapshot(database, ledger, packer, None, snapshot)
        });
        let anew = matches!(written, Ok(true));
        if anew {
            self.renew = false;
        }
        if let Err(why) = written {
            self.complain("the log could not be written anew", &why);
        }
        // After a failure not again before the log has grown.
        self.enough = self.ledger.bytes;
        let (log_bytes, took) = (self.ledger.bytes, began.elapsed());
        self.queue.finish(0, 0, |stats| {
            stats.snapshots += u64::from(anew);
            stats.last_snapshot = took;
            stats.log_bytes = log_bytes;
        });
    }

    /// Runs one transaction. If it fails, the file is closed and it is unknown what the disk has.
    fn attempt(
        &mut self,
        snapshot: bool,
        write: impl FnOnce(&Database, &mut Ledger, &mut Packer, &Snapshot) -> Result<bool, redb::Error>,
    ) -> Result<bool, String> {
        self.reopen()?;
        let Some(database) = &self.database else { return Err("it is closed".to_owned()) };
        let mut ledger = self.ledger;
        let written = write(database, &mut ledger, &mut self.packer, &self.snapshot);
        match written {
            Ok(true) => self.ledger = ledger,
            Ok(false) => self.ledger.next = ledger.next,
            Err(_) => {
                self.doubt = Some(Doubt { ledger, snapshot });
                self.database = None;
                self.packer.clear();
            }
        }
        written.map_err(|error| error.to_string())
    }

    /// Opens the file anew if it was closed after an error.
    fn reopen(&mut self) -> Result<(), String> {
        if self.database.is_some() {
            return Ok(());
        }
        if let Some((_, why)) = self.refused.as_ref().filter(|(at, _)| at.elapsed() < self.reopen_every) {
            return Err(why.clone());
        }
        match self.try_reopen() {
            Ok(()) => Ok(()),
            Err(error) => {
                let why = error.to_string();
                self.refused = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    fn try_reopen(&mut self) -> Result<(), redb::Error> {
        let database = (self.opener)()?;
        if let Some(doubt) = self.doubt {
            self.ledger = file::settle(&database, self.ledger, doubt)?;
            self.doubt = None;
        }
        self.database = Some(database);
        self.refused = None;
        Ok(())
    }

    /// Leaves a file behind that is not much larger than what is alive.
    fn tidy(&mut self) {
        if self.renew || self.ledger.bytes > self.ledger.alive.saturating_mul(2).saturating_add(self.slack / 4) {
            self.write_anew();
        }
        let file_bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if file_bytes > self.ledger.bytes.saturating_mul(2).saturating_add(self.slack)
            && let Some(database) = &mut self.database
            && let Err(error) = database.compact()
        {
            self.complain("the file could not be made smaller", &error.to_string());
        }
    }

    fn complain(&mut self, what: &str, why: &str) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!(path = %self.path.display(), error = why, "{what}; publications there are refused until it works");
        }
    }
}
