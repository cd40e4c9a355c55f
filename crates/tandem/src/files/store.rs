//! What arrives, checked and written.

use super::End;
use super::place::Place;
use super::progress::Progress;
use super::receive::Offer;
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tandem_server::parts::files::{BLOCK, Control, Entry, Frame};

/// Files of an offer, as far as they are here.
pub(super) struct Store {
    place: Place,
    entries: Vec<Entry>,
    kept: Vec<u64>,
    block: Vec<u8>,
    block_at: Option<(u32, u64)>,
    /// Everything is left aside until this block comes anew.
    waits_for: Option<(u32, u64)>,
    open: Option<(u32, File)>,
    progress: Progress,
}

impl Store {
    /// Finds what is there. Nothing is written before every name is known to be free.
    pub(super) fn open(root: &Path, offer: Offer) -> Result<Self, End> {
        let place = Place::open(root, &offer)?;
        let is_file = |entry: &&Entry| !entry.path.ends_with('/');
        offer.entries.iter().filter(is_file).try_for_each(|entry| place.check_free(entry))?;
        let kept = offer.entries.iter().map(|entry| prepare(&place, entry)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            place,
            progress: Progress::new(offer.entries.iter().map(|entry| entry.size).sum(), kept.iter().sum()),
            entries: offer.entries,
            kept,
            block: Vec::with_capacity(BLOCK),
            block_at: None,
            waits_for: None,
            open: None,
        })
    }

    /// Everything is there, and the sender knows.
    pub(super) fn close(&self) {
        self.place.close();
    }

    /// Where each entry goes on.
    pub(super) fn from(&self) -> Vec<i64> {
        self.kept.iter().map(|kept| i64::try_from(*kept).unwrap_or_default()).collect()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.entries.iter().zip(&self.kept).all(|(entry, kept)| *kept == entry.size)
    }

    /// A frame; what is answered.
    pub(super) fn take(&mut self, frame: Frame<'_>) -> Result<Option<Control>, End> {
        let odd = || End::Over("the sender sent what was not asked for".to_owned());
        if let Some(wanted) = self.waits_for {
            match frame {
                Frame::Data { entry, from, .. } if (entry, from) == wanted => self.waits_for = None,
                _ => return Ok(None),
            }
        }
        match frame {
            Frame::Data { entry, from, data } => {
                let size = self.entries.get(entry as usize).ok_or_else(odd)?.size;
                let kept = self.kept.get(entry as usize).copied().unwrap_or_default();
                if self.block.is_empty() {
                    self.block_at = Some((entry, from));
                }
                let (of, at) = self.block_at.ok_or_else(odd)?;
                let in_order = of == entry && at == kept && at + self.block.len() as u64 == from;
                let fits = self.block.len() + data.len() <= BLOCK && from + data.len() as u64 <= size;
                if !in_order || !fits {
                    return Err(odd());
                }
                self.block.extend_from_slice(data);
                Ok(None)
            }
            Frame::Block { entry, digest: theirs, .. } => self.keep(entry, theirs).map(Some),
        }
    }

    /// A block is whole: it is written if it is what the sender read.
    fn keep(&mut self, number: u32, theirs: &[u8; 32]) -> Result<Control, End> {
        let kept = self.kept.get(number as usize).copied().unwrap_or_default();
        let ours = digest(&SHA256, &self.block);
        let right = self.block_at == Some((number, kept)) && ours.as_ref() == theirs;
        if !right {
            self.block.clear();
            self.waits_for = Some((number, kept));
            return Ok(Control::Again { entry: number, from: kept });
        }
        let Some(entry) = self.entries.get(number as usize).cloned() else {
            return Err(End::Over("the sender sent what was not asked for".to_owned()));
        };
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let part = self.place.part(&entry);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(part)?;
            self.open = Some((number, file));
        }
        if let Some((_, file)) = &self.open {
            file.write_all_at(&self.block, kept)?;
        }
        let bytes = kept + self.block.len() as u64;
        self.block.clear();
        if let Some(place) = self.kept.get_mut(number as usize) {
            *place = bytes;
        }
        if bytes == entry.size {
            self.open = None;
            self.place.finish(&entry)?;
        }
        self.progress.show(self.kept.iter().sum());
        Ok(Control::Kept { entry: number, bytes })
    }
}

/// Makes folders, and finds what is there of a file.
fn prepare(place: &Place, entry: &Entry) -> Result<u64, End> {
    if entry.path.ends_with('/') {
        std::fs::create_dir_all(place.whole(entry))?;
        return Ok(0);
    }
    place.begin(entry)
}

#[cfg(test)]
mod tests;
