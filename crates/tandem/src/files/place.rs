//! Where the files of an offer lie on this disk.

use super::receive::Offer;
use super::{End, mark};
use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tandem_server::parts::files::{BLOCK, Entry};

/// So much of a name stays in the name of its part: disks take 255 bytes, and the mark needs some.
const STEM_BYTES: usize = 200;
/// Bytes of a mark; it is written with two letters for each.
const MARK_BYTES: usize = 4;

/// Files of one offer. What is not complete is `NAME.MARK.part`, and the mark belongs to the offer:
/// blocks are checked one by one, so a part of another file would make a mixed one.
pub(super) struct Place {
    root: PathBuf,
    offer: String,
    /// Lines of the list of finished files, from earlier connections and runs.
    finished: BTreeSet<String>,
}

impl Place {
    pub(super) fn open(root: &Path, offer: &Offer) -> Result<Self, End> {
        let mut place = Self { root: root.to_owned(), offer: offer.id.clone(), finished: BTreeSet::new() };
        match std::fs::read_to_string(place.list()) {
            Ok(list) => place.finished = list.lines().map(str::to_owned).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(place)
    }

    /// Where an entry is when it is complete.
    pub(super) fn whole(&self, entry: &Entry) -> PathBuf {
        self.root.join(&entry.path)
    }

    /// Where an entry is until it is complete.
    pub(super) fn part(&self, entry: &Entry) -> PathBuf {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let stem = name.get(..name.floor_char_boundary(STEM_BYTES)).unwrap_or_default();
        self.whole(entry).with_file_name(format!("{stem}.{}.part", self.mark(entry)))
    }

    /// Refuses where somebody else's file, folder or link has the name.
    pub(super) fn check_free(&self, entry: &Entry) -> Result<(), End> {
        let whole = self.whole(entry);
        let part = self.part(entry);
        if whole.symlink_metadata().is_ok() && !self.is_finished(entry) {
            return Err(taken(&whole));
        }
        // A link could lead elsewhere.
        if part.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
            return Err(taken(&part));
        }
        Ok(())
    }

    /// Bytes that are there of an entry; what needs no more is finished.
    pub(super) fn begin(&self, entry: &Entry) -> Result<u64, End> {
        if self.is_finished(entry) {
            // A run that was killed may have left both names of the file.
            let _ = std::fs::remove_file(self.part(entry));
            return Ok(entry.size);
        }
        if let Some(folder) = self.whole(entry).parent() {
            std::fs::create_dir_all(folder)?;
        }
        let length = self.part(entry).metadata().map_or(0, |meta| meta.len());
        if length == entry.size {
            self.finish(entry)?;
            return Ok(length);
        }
        // A part that is longer than its file is none of ours.
        Ok(if length < entry.size { length - length % BLOCK as u64 } else { 0 })
    }

    /// Gives a complete part its name.
    pub(super) fn finish(&self, entry: &Entry) -> Result<(), End> {
        let (whole, part) = (self.whole(entry), self.part(entry));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&part)?;
        file.set_len(entry.size)?;
        file.sync_all()?;
        self.note(entry, &file.metadata()?)?;
        give_name(&part, &whole)
    }

    /// The transfer is over: what is there from now on is not its own any more.
    pub(super) fn close(&self) {
        let _ = std::fs::remove_file(self.list());
    }

    /// Whether this very transfer has finished the file, and nobody has changed it since.
    fn is_finished(&self, entry: &Entry) -> bool {
        let meta = self.whole(entry).symlink_metadata();
        meta.is_ok_and(|meta| {
            meta.is_file() && meta.len() == entry.size && self.finished.contains(&self.line(entry, &meta))
        })
    }

    /// Writes down that a file is finished, before it gets its name: whoever is killed in between finds
    /// either the part or the file.
    fn note(&self, entry: &Entry, meta: &Metadata) -> Result<(), End> {
        let mut list = OpenOptions::new().append(true).create(true).open(self.list())?;
        Ok(list.write_all(format!("{}\n", self.line(entry, meta)).as_bytes())?)
    }

    /// Of a finished file: which one, and when it was written.
    fn line(&self, entry: &Entry, meta: &Metadata) -> String {
        format!("{} {}.{:09}", self.mark(entry), meta.mtime(), meta.mtime_nsec())
    }

    fn list(&self) -> PathBuf {
        self.root.join(format!(".tandem-{}", mark(&self.offer, MARK_BYTES)))
    }

    fn mark(&self, entry: &Entry) -> String {
        let of = serde_json::json!([self.offer, entry.path, entry.size, entry.changed]);
        mark(&of.to_string(), MARK_BYTES)
    }
}

/// Only where the name is free: to rename alone would write over a file.
fn give_name(part: &Path, whole: &Path) -> Result<(), End> {
    match std::fs::hard_link(part, whole) {
        Ok(()) => Ok(std::fs::remove_file(part)?),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken(whole)),
        // Some disks give no file two names.
        Err(_) => take_name(part, whole),
    }
}

/// Whoever is killed in here leaves an empty file.
fn take_name(part: &Path, whole: &Path) -> Result<(), End> {
    File::create_new(whole).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(whole),
        _ => error.into(),
    })?;
    std::fs::rename(part, whole).inspect_err(|_| {
        let _ = std::fs::remove_file(whole);
    })?;
    Ok(())
}

fn taken(path: &Path) -> End {
    End::Over(format!("{} is there already and stays as it is; choose another folder with --to", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second is for disks where a file has one name.
    #[test]
    fn both_ways_give_a_free_name_and_no_other() {
        let folder = std::env::temp_dir().join(format!("tandem-names-{}", rand::random::<u64>()));
        std::fs::create_dir_all(&folder).unwrap();
        for (number, way) in [give_name, take_name].into_iter().enumerate() {
            let (part, whole) = (folder.join("part"), folder.join(number.to_string()));
            std::fs::write(&part, "new").unwrap();
            way(&part, &whole).unwrap();
            assert!(!part.exists());
            std::fs::write(&part, "newer").unwrap();
            assert!(way(&part, &whole).unwrap_err().to_string().contains("is there already"));
            assert_eq!(std::fs::read_to_string(&whole).unwrap(), "new");
            assert!(part.exists(), "what came is not lost");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
