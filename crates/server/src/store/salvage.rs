//! Opening a file that may be damaged.
//!
//! `redb` refuses a file as a whole if one page of its index is wrong, and after a crash also if a
//! page of data is. But entries of the log lie in the file in one piece each, and say where they
//! belong. So the file is searched for them; those of the newest complete log that follow each
//! other without a gap or a wrong checksum go to a new file, and the damaged one is put aside.

use super::StoreError;
use super::file::{self, Ledger, Opener, Trouble};
use super::log::{HEAD, Head, MAGIC, NONE, Packer, Role, unpack};
use super::replay::{Histories, Loaded, replay};
use redb::Database;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The file is searched in portions of this size.
const PORTION: usize = 4 * 1024 * 1024;

/// An open file and what was in it.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) ledger: Ledger,
    pub(super) loaded: Loaded,
}

/// Opens the file and reads it, or what is good of it.
pub(super) fn open(opener: &Opener, path: &Path) -> Result<Opened, StoreError> {
    match try_open(opener, path) {
        Ok(opened) => Ok(opened),
        Err(Trouble::Refused(error)) => Err(error),
        Err(Trouble::Damaged(why)) => begin_anew(opener, path, &why),
    }
}

fn try_open(opener: &Opener, path: &Path) -> Result<Opened, Trouble> {
    // The checks should find everything; should they not, a panic is the answer to a bad page.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = opener().map_err(|error| Trouble::of(&error.into(), path))?;
        let (loaded, ledger) = replay(&database, path)?;
        Ok(Opened { database, ledger, loaded })
    }));
    opened.unwrap_or_else(|_| Err(Trouble::Damaged("reading it failed".to_owned())))
}

/// Puts the damaged file aside and what is good of it into a new one.
fn begin_anew(opener: &Opener, path: &Path, why: &str) -> Result<Opened, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::of_io(path, error);
    let mut histories = Histories::default();
    salvage(path, &mut histories).map_err(|error| failed(&error))?;
    let mut loaded = histories.into_loaded(None);
    let aside = name_aside(path);
    let cut = format!(
        "{} is damaged ({why}); {} publications before the damage are kept, everything after it is lost; \
         the damaged file is now {}",
        path.display(),
        loaded.publications(),
        aside.display()
    );
    let fresh = with_suffix(path, "new");
    let _ = std::fs::remove_file(&fresh);
    {
        let database = file::create(&fresh).map_err(|error| failed(&error))?;
        let (mut ledger, mut packer) = (Ledger::EMPTY, Packer::new());
        let give = |each: &mut dyn FnMut(_)| {
            loaded.give(each);
            true
        };
        file::write_snapshot(&database, &mut ledger, &mut packer, Some(&cut), give).map_err(|error| failed(&error))?;
    }
    // The link first: at no moment there is no file of that name.
    if std::fs::hard_link(path, &aside).is_err() {
        std::fs::rename(path, &aside).map_err(|error| failed(&error))?;
    }
    std::fs::rename(&fresh, path).map_err(|error| failed(&error))?;
    file::sync_directory(path);
    let database = opener().map_err(|error| failed(&error))?;
    let (_, ledger) = replay(&database, path).map_err(|trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Damaged(why) => failed(&why),
    })?;
    loaded.cut = Some(cut);
    Ok(Opened { database, ledger, loaded })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn name_aside(path: &Path) -> PathBuf {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut names = (now..).map(|time| with_suffix(path, &format!("corrupt-{time}")));
    names.find(|name| !name.exists()).unwrap_or_default()
}

/// An entry somewhere in the file. After a change of its page there may be more than one copy.
#[derive(Debug, Clone, Copy)]
struct Found {
    head: Head,
    at: u64,
}

/// Applies the good beginning of the newest log in the file.
fn salvage(path: &Path, histories: &mut Histories) -> io::Result<()> {
    let mut file = File::open(path)?;
    let found = search(&mut file)?;
    let size = file.metadata()?.len();
    let Some(first) = newest(&found) else { return Ok(()) };
    let mut copies: BTreeMap<u64, Vec<Found>> = BTreeMap::new();
    // Of two entries behind the same one, the older belongs to a commit that failed.
    let mut after: BTreeMap<u64, u64> = BTreeMap::new();
    for one in found.into_iter().filter(|one| one.head.first == first) {
        copies.entry(one.head.number).or_default().push(one);
        let newest = after.entry(one.head.previous).or_default();
        *newest = one.head.number.max(*newest);
    }
    let (mut last, mut entry) = (NONE, Vec::new());
    while let Some(number) = after.get(&last).filter(|number| last == NONE || **number > last) {
        let candidates = copies.remove(number).unwrap_or_default();
        if !any_good(&mut file, size, candidates, &mut entry, histories)? {
            break;
        }
        last = *number;
    }
    Ok(())
}

/// Applies the first good copy; if there is none, what is good at the beginning of one.
fn any_good(
    file: &mut File,
    size: u64,
    candidates: Vec<Found>,
    entry: &mut Vec<u8>,
    histories: &mut Histories,
) -> io::Result<bool> {
    let mut damaged = None;
    for Found { head, at } in candidates {
        let length = (HEAD as u64 + head.length as u64).min(size.saturating_sub(at));
        file.seek(SeekFrom::Start(at))?;
        entry.clear();
        file.take(length).read_to_end(entry)?;
        let bytes = entry.clone();
        if unpack(&head, entry, |_| {}) {
            entry.clone_from(&bytes);
            unpack(&head, entry, |seen| histories.apply(seen));
            return Ok(true);
        }
        damaged = Some((head, bytes));
    }
    if let Some((head, mut bytes)) = damaged {
        unpack(&head, &mut bytes, |seen| histories.apply(seen));
    }
    Ok(false)
}

/// First entry of the newest log that was once committed: a snapshot counts when it is complete.
fn newest(found: &[Found]) -> Option<u64> {
    let complete = found.iter().filter(|one| one.head.role != Role::Snapshot);
    let logs: BTreeSet<u64> = complete.map(|one| one.head.first).collect();
    let newest = found.iter().filter(|one| logs.contains(&one.head.first)).max_by_key(|one| one.head.number)?;
    Some(newest.head.first)
}

/// Everything in the file that begins like an entry.
fn search(file: &mut File) -> io::Result<Vec<Found>> {
    let (mut found, mut buffer, mut start) = (Vec::new(), Vec::with_capacity(PORTION + HEAD), 0_u64);
    loop {
        let before = buffer.len();
        file.take((PORTION + HEAD - before) as u64).read_to_end(&mut buffer)?;
        let mut rest: &[u8] = &buffer;
        while let Some(at) = rest.windows(MAGIC.len()).position(|window| window == MAGIC) {
            rest = rest.get(at..).unwrap_or_default();
            if let Some(head) = Head::read(rest) {
                found.push(Found { head, at: start + (buffer.len() - rest.len()) as u64 });
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        if buffer.len() < PORTION + HEAD {
            return Ok(found);
        }
        // A head that is cut off here is whole in the next portion.
        let keep = buffer.len() - (HEAD - 1);
        buffer.drain(..keep);
        start += keep as u64;
    }
}
