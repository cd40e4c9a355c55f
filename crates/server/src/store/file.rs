//! The log in its `redb` file: opening, and writing entries in a transaction.

use super::log::{Head, NONE, Packer, Role};
use super::{Record, StoreError};
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableTable, StorageError, Table, TableDefinition, WriteTransaction,
};
use std::io::ErrorKind;
use std::path::Path;

/// Entries by number.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Facts about the log.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Bytes of the newest snapshot.
const ALIVE: &str = "alive";
/// What was lost before the log began; there until channels with new epochs are in it.
const CUT: &str = "cut";
/// Pages that are kept in memory. The log is written once and read at start.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Opens the file, or makes it.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// How the file is opened outside of tests.
pub(super) fn opener(path: &Path) -> Opener {
    let path = path.to_owned();
    Box::new(move || create(&path))
}

/// Every page is checked: a plain open trusts those of a file that was closed in order, and may
/// panic if it should not have.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// A file only its owner may read.
pub(super) fn create(path: &Path) -> Result<Database, DatabaseError> {
    if !path.exists() {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?;
        sync_directory(path);
    }
    builder().create(path)
}

/// Makes names in the directory of `path` as durable as what they name. Not every system can.
pub(super) fn sync_directory(path: &Path) {
    if let Some(directory) = path.parent().and_then(|parent| std::fs::File::open(parent).ok()) {
        let _ = directory.sync_all();
    }
}

/// Why a file gives nothing, or not all.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What is in it is not what was written.
    Damaged(String),
    /// Somebody has it, or the system refuses.
    Refused(StoreError),
}

impl Trouble {
    /// Of an error in opening or reading.
    pub(super) fn of(error: &redb::Error, path: &Path) -> Self {
        use redb::Error as E;
        match error {
            E::DatabaseAlreadyOpen | E::LockProtocolMismatch => Self::Refused(StoreError::Taken(path.to_owned())),
            E::Io(io) if !matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Self::Refused(StoreError::of_io(path, error))
            }
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// What is known about the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Its first entry, or [`NONE`].
    pub(super) first: u64,
    /// Its last entry, or [`NONE`].
    pub(super) last: u64,
    /// Number for the next entry; none is used twice, not even after a failure.
    pub(super) next: u64,
    /// Bytes of its entries.
    pub(super) bytes: u64,
    /// Bytes of the snapshot it began with.
    pub(super) alive: u64,
}

impl Ledger {
    /// An empty log.
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, next: 0, bytes: 0, alive: 0 };
}

/// What the file says about the log besides its entries.
pub(super) fn facts(writing: &WriteTransaction) -> Result<(u64, Option<String>), redb::Error> {
    let table = writing.open_table(META)?;
    let alive = table.get(ALIVE)?.and_then(|value| Some(u64::from_le_bytes(value.value().try_into().ok()?)));
    let cut = table.get(CUT)?.map(|value| String::from_utf8_lossy(value.value()).into_owned());
    Ok((alive.unwrap_or(0), cut))
}

/// Writes one group as a commit.
pub(super) fn write_batch(
    database: &Database,
    ledger: &mut Ledger,
    packer: &mut Packer,
    records: &[Record],
) -> Result<(), redb::Error> {
    let writing = begin(database)?;
    {
        let mut sheet = Sheet { table: writing.open_table(LOG)?, ledger, packer, full: Role::Batch };
        for record in records {
            sheet.add(record)?;
        }
        sheet.end(Role::Batch)?;
    }
    Ok(writing.commit()?)
}

/// Replaces the log by what `give` gives, as one commit; without one if it returns `false`.
pub(super) fn write_snapshot(
    database: &Database,
    ledger: &mut Ledger,
    packer: &mut Packer,
    cut: Option<&str>,
    give: impl FnOnce(&mut dyn FnMut(Record)) -> bool,
) -> Result<bool, redb::Error> {
    let writing = begin(database)?;
    writing.delete_table(LOG)?;
    *ledger = Ledger { next: ledger.next, ..Ledger::EMPTY };
    {
        let mut sheet = Sheet { table: writing.open_table(LOG)?, ledger, packer, full: Role::Snapshot };
        let mut failed = None;
        let whole = give(&mut |record| {
            if failed.is_none() {
                failed = sheet.add(&record).err();
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        if !whole {
            sheet.packer.clear();
            return Ok(false);
        }
        sheet.end(Role::SnapshotEnd)?;
    }
    ledger.alive = ledger.bytes;
    {
        let mut meta = writing.open_table(META)?;
        meta.insert(ALIVE, ledger.alive.to_le_bytes().as_slice())?;
        match cut {
            Some(cut) => meta.insert(CUT, cut.as_bytes())?,
            None => meta.remove(CUT)?,
        };
    }
    writing.commit()?;
    Ok(true)
}

/// Makes the log what the ledger says, after a commit of which it is not known whether the disk has
/// it. Returns what is so.
pub(super) fn settle(database: &Database, ledger: Ledger, doubtful: Doubt) -> Result<Ledger, redb::Error> {
    let writing = begin(database)?;
    {
        let mut table = writing.open_table(LOG)?;
        let first = table.first()?.map_or(NONE, |(number, _)| number.value());
        if doubtful.snapshot && first != NONE && first == doubtful.ledger.first {
            return Ok(doubtful.ledger);
        }
        let begin = if ledger.last == NONE { 0 } else { ledger.last + 1 };
        table.retain_in(begin.., |_, _| false)?;
    }
    writing.commit()?;
    Ok(Ledger { next: doubtful.ledger.next, ..ledger })
}

/// A commit that failed, but may be on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    /// How the log is if it succeeded after all.
    pub(super) ledger: Ledger,
    pub(super) snapshot: bool,
}

fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut writing = database.begin_write()?;
    writing.set_durability(Durability::Immediate)?;
    Ok(writing)
}

/// Entries being written in a transaction.
struct Sheet<'a, 't> {
    table: Table<'t, u64, &'static [u8]>,
    ledger: &'a mut Ledger,
    packer: &'a mut Packer,
    /// Role of an entry that another one follows.
    full: Role,
}

impl Sheet<'_, '_> {
    fn add(&mut self, record: &Record) -> Result<(), StorageError> {
        if !self.packer.has_room(record) {
            self.end(self.full)?;
        }
        self.packer.push(record);
        Ok(())
    }

    /// Writes what is packed as an entry.
    fn end(&mut self, role: Role) -> Result<(), StorageError> {
        let Ledger { first, last: previous, next: number, .. } = *self.ledger;
        let first = if first == NONE { number } else { first };
        let entry = self.packer.seal(Head { number, previous, first, mask: rand::random(), length: 0, role });
        *self.ledger = Ledger {
            first,
            last: number,
            next: number + 1,
            bytes: self.ledger.bytes + entry.len() as u64,
            ..*self.ledger
        };
        let inserted = self.table.insert(number, entry).map(drop);
        self.packer.clear();
        inserted
    }
}
