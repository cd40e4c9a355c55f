//! `tandem receive`.

use super::pipe::{Came, Pipe, address};
use super::progress::{Progress, bytes};
use super::{AGAIN, End, block_on};
use crate::Failure;
use crate::cli::Receive;
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tandem_server::parts::files::{self, BLOCK, Control, Entry, Frame, VERSION};

/// Lines of a long list.
const LISTED: usize = 20;

/// Takes what is offered under a code.
pub(crate) fn run(flags: &Receive) -> Result<(), Failure> {
    std::fs::create_dir_all(&flags.to)?;
    let url = address(&flags.server, &[("code", &flags.code.join("-"))])?;
    block_on(async {
        let mut begun = false;
        for attempt in 0.. {
            match once(&url, flags, &mut begun).await {
                Err(End::Lost(why)) if begun && attempt < 100 => eprintln!("\n{why}; trying again"),
                ended => return ended,
            }
            tokio::time::sleep(AGAIN.get(attempt).copied().unwrap_or(AGAIN[4])).await;
        }
        Ok(())
    })
}

/// One connection. `begun`: the files were accepted, so a lost connection is made again.
async fn once(url: &str, flags: &Receive, begun: &mut bool) -> Result<(), End> {
    let mut pipe = Pipe::open(url).await?;
    pipe.say(&Control::Hello { version: VERSION, direct: false }).await?;
    let entries = loop {
        let Came::Text(text) = pipe.next().await? else { continue };
        match Control::parse(&text)? {
            Control::Offer { entries, .. } => break entries,
            // Pages look for a direct way; there is none from here.
            Control::Direct { failed: None } => pipe.say(&Control::Direct { failed: Some(true) }).await?,
            Control::Cancel { .. } => return Err(End::Over("The sender has stopped.".to_owned())),
            _ => {}
        }
    };
    files::check(&entries)?;
    if !flags.yes && !*begun && !ask(&entries)? {
        pipe.say(&Control::Decline).await?;
        pipe.close().await;
        return Err(End::Over("You did not take the files.".to_owned()));
    }
    *begun = true;
    let mut store = Store::open(&flags.to, entries)?;
    pipe.say(&Control::Accept { from: store.from() }).await?;
    while !store.is_complete() {
        match pipe.next().await? {
            Came::Text(text) => {
                if let Control::Cancel { .. } = Control::parse(&text)? {
                    return Err(End::Over("The sender has stopped.".to_owned()));
                }
            }
            Came::Data(data) => {
                if let Some(answer) = store.take(Frame::parse(&data)?)? {
                    pipe.say(&answer).await?;
                }
            }
        }
    }
    pipe.say(&Control::Complete).await?;
    pipe.close().await;
    eprintln!("Everything is here and checked: {}", flags.to.display());
    Ok(())
}

/// Shows the offer, and asks where there is somebody to answer.
fn ask(entries: &[Entry]) -> Result<bool, End> {
    let total: u64 = entries.iter().map(|entry| entry.size).sum();
    eprintln!("Somebody offers you {} in {} files:", bytes(total), entries.len());
    for entry in entries.iter().take(LISTED) {
        eprintln!("  {}  {}", entry.path, bytes(entry.size));
    }
    if entries.len() > LISTED {
        eprintln!("  and {} more", entries.len() - LISTED);
    }
    if !std::io::stdin().is_terminal() {
        return Err(End::Over("nobody can be asked here; say --yes to take everything".to_owned()));
    }
    eprint!("Take them? [Y/n] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"))
}

/// Files on this disk: what is not complete has the ending `.part`.
struct Store {
    root: PathBuf,
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
    fn open(root: &Path, entries: Vec<Entry>) -> Result<Self, End> {
        let mut store = Self {
            root: root.to_owned(),
            kept: vec![0; entries.len()],
            progress: Progress::new(entries.iter().map(|entry| entry.size).sum(), 0),
            entries,
            block: Vec::with_capacity(BLOCK),
            block_at: None,
            waits_for: None,
            open: None,
        };
        for index in 0..store.entries.len() {
            store.prepare(index)?;
        }
        store.progress = Progress::new(store.entries.iter().map(|entry| entry.size).sum(), store.kept.iter().sum());
        Ok(store)
    }

    /// Finds what is there of an entry, and finishes what needs no data.
    fn prepare(&mut self, index: usize) -> Result<(), End> {
        let Some(entry) = self.entries.get(index).cloned() else { return Ok(()) };
        if entry.path.ends_with('/') {
            return Ok(std::fs::create_dir_all(self.root.join(&entry.path))?);
        }
        let whole = self.root.join(&entry.path);
        if let Some(folder) = whole.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // A link could lead elsewhere.
        if whole.symlink_metadata().is_ok_and(|meta| !meta.is_file() || meta.len() != entry.size) {
            let why =
                format!("{} is there already and is something else; choose another folder with --to", whole.display());
            return Err(End::Over(why));
        }
        let there = whole.is_file();
        let part = self.part(&entry);
        let length = part.metadata().map_or(0, |meta| meta.len()).min(entry.size);
        let kept = if there { entry.size } else { length - length % BLOCK as u64 };
        if let Some(place) = self.kept.get_mut(index) {
            *place = kept;
        }
        if entry.size == 0 && !there {
            File::create(&whole)?;
        }
        Ok(())
    }

    fn part(&self, entry: &Entry) -> PathBuf {
        self.root.join(format!("{}.part", entry.path))
    }

    fn from(&self) -> Vec<i64> {
        self.kept.iter().map(|kept| i64::try_from(*kept).unwrap_or_default()).collect()
    }

    fn is_complete(&self) -> bool {
        self.entries.iter().zip(&self.kept).all(|(entry, kept)| *kept == entry.size)
    }

    /// A frame; what is answered.
    fn take(&mut self, frame: Frame<'_>) -> Result<Option<Control>, End> {
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
            let part = self.part(&entry);
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
            self.finish(&entry)?;
        }
        self.progress.show(self.kept.iter().sum());
        Ok(Control::Kept { entry: number, bytes })
    }

    fn finish(&mut self, entry: &Entry) -> Result<(), End> {
        if let Some((_, file)) = self.open.take() {
            file.set_len(entry.size)?;
            file.sync_all()?;
        }
        Ok(std::fs::rename(self.part(entry), self.root.join(&entry.path))?)
    }
}
