//! `tandem send`.

use super::pipe::{Came, Pipe, address};
use super::progress::{Progress, bytes};
use super::{AGAIN, End, block_on, mark};
use crate::Failure;
use crate::cli::Send;
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::UNIX_EPOCH;
use tandem_server::parts::files::{self, BLOCK, Control, Entry, Frame, VERSION, WINDOW};
use tokio::task::LocalSet;

/// Bytes of one message.
const PIECE: usize = 256 * 1024;

/// What is offered.
struct Offer {
    server: String,
    token: Option<String>,
    id: String,
    entries: Vec<Entry>,
    paths: Vec<PathBuf>,
    once: bool,
}

/// Offers files until everybody has them, or until it is interrupted.
pub(crate) fn run(flags: &Send) -> Result<(), Failure> {
    let (entries, paths) = gather(&flags.files)?;
    files::check(&entries)
        .map_err(|_| Failure("a name cannot be sent: it is too long, odd, or there twice".to_owned()))?;
    let id = id_of(&entries);
    let offer =
        Offer { server: flags.server.clone(), token: flags.token.clone(), id, entries, paths, once: !flags.keep };
    block_on(LocalSet::new().run_until(serve(Rc::new(offer))))
}

/// Files as they are, folders with all that is in them.
fn gather(named: &[PathBuf]) -> Result<(Vec<Entry>, Vec<PathBuf>), Failure> {
    let mut found = Vec::new();
    for path in named {
        let name = path.canonicalize().map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        walk(path, &name, &mut found)?;
    }
    Ok(found.into_iter().unzip())
}

fn walk(path: &Path, name: &str, found: &mut Vec<(Entry, PathBuf)>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
    let meta = path.metadata().map_err(failed)?;
    let changed = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map_or(0, |at| i64::try_from(at.as_millis()).unwrap_or_default());
    if meta.is_file() {
        found.push((Entry { path: name.to_owned(), size: meta.len(), changed }, path.to_owned()));
        return Ok(());
    }
    let mut inside: Vec<_> = path.read_dir().map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    inside.sort_by_key(std::fs::DirEntry::file_name);
    if inside.is_empty() {
        found.push((Entry { path: format!("{name}/"), size: 0, changed }, path.to_owned()));
    }
    for child in inside {
        walk(&child.path(), &format!("{name}/{}", child.file_name().to_string_lossy()), found)?;
    }
    Ok(())
}

/// The same files have the same id, so that what is there of them is found again.
fn id_of(entries: &[Entry]) -> String {
    let all: Vec<_> = entries.iter().map(|entry| (&entry.path, entry.size, entry.changed)).collect();
    let text = serde_json::to_string(&all).unwrap_or_default();
    mark(&text, 16)
}

/// Keeps the code, and delivers to whoever comes.
async fn serve(offer: Rc<Offer>) -> Result<(), End> {
    let mut known: Option<(String, String)> = None;
    let (done, mut delivered) = tokio::sync::mpsc::unbounded_channel::<()>();
    for attempt in 0.. {
        let token = offer.token.as_deref();
        let mut params = Vec::new();
        if let Some((code, secret)) = &known {
            params.extend([("code", code.as_str()), ("secret", secret.as_str())]);
        }
        params.extend(token.map(|token| ("access_token", token)));
        let url = address(&offer.server, &params).map_err(|failure| End::Over(failure.0))?;
        let ended = match Pipe::open(&url).await {
            Ok(pipe) => tokio::select! {
                ended = control(&offer, pipe, &mut known, &done) => ended,
                _ = delivered.recv() => return Ok(()),
            },
            Err(end) => end,
        };
        match ended {
            End::Lost(why) if attempt < 100 && known.is_some() => eprintln!("{why}; trying again"),
            end => return Err(end),
        }
        tokio::time::sleep(AGAIN.get(attempt).copied().unwrap_or(AGAIN[4])).await;
    }
    Ok(())
}

/// The connection on which the node tells of receivers.
async fn control(
    offer: &Rc<Offer>,
    mut pipe: Pipe,
    known: &mut Option<(String, String)>,
    done: &tokio::sync::mpsc::UnboundedSender<()>,
) -> End {
    loop {
        let text = match pipe.next().await {
            Ok(Came::Text(text)) => text,
            Ok(Came::Data(_)) => continue,
            Err(end) => return end,
        };
        let Ok(message) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        match message["type"].as_str() {
            Some("code") => {
                if known.is_none() {
                    announce(offer, &field("code"));
                }
                *known = Some((field("code"), field("secret")));
            }
            Some("peer") => {
                let (Some((code, secret)), Some(number)) = (known.clone(), message["peer"].as_u64()) else { continue };
                let (offer, done) = (Rc::clone(offer), done.clone());
                tokio::task::spawn_local(async move {
                    match deliver(&offer, &code, &secret, number).await {
                        Ok(()) => {
                            eprintln!("Everything has arrived.");
                            if offer.once {
                                let _ = done.send(());
                            }
                        }
                        Err(end) => eprintln!("{end}"),
                    }
                });
            }
            _ => {}
        }
    }
}

fn announce(offer: &Offer, code: &str) {
    let total: u64 = offer.entries.iter().map(|entry| entry.size).sum();
    let what = match offer.entries.as_slice() {
        [one] => one.path.clone(),
        all => format!("{} files", all.len()),
    };
    eprintln!("Offering {what}, {}. The other side types:\n\n  tandem receive {code}\n", bytes(total));
    eprintln!("or opens {}/files/{code}", offer.server.trim_end_matches('/'));
    // For scripts: the code alone.
    println!("{code}");
}

/// One receiver.
async fn deliver(offer: &Offer, code: &str, secret: &str, number: u64) -> Result<(), End> {
    let number = number.to_string();
    let url = address(&offer.server, &[("code", code), ("secret", secret), ("peer", &number)]);
    let mut pipe = Pipe::open(&url.map_err(|failure| End::Over(failure.0))?).await?;
    pipe.say(&Control::Hello { version: VERSION, direct: false }).await?;
    pipe.say(&Control::Offer { id: offer.id.clone(), entries: offer.entries.clone() }).await?;
    let mut delivery = Delivery::new(offer);
    loop {
        // Answers first; then as much as may be under way.
        match delivery.next_piece() {
            Some(piece) => {
                let came =
                    tokio::select! { biased; came = pipe.next() => Some(came), () = std::future::ready(()) => None };
                match came {
                    Some(came) => {
                        if delivery.take(came?)? {
                            break;
                        }
                    }
                    None => delivery.send(offer, piece, &mut pipe).await?,
                }
            }
            None => {
                if delivery.take(pipe.next().await?)? {
                    break;
                }
            }
        }
    }
    pipe.close().await;
    Ok(())
}

/// A part of a file: entry, place and length; whether it ends a block.
struct Piece {
    entry: usize,
    from: u64,
    length: usize,
}

/// Where the delivery to one receiver is.
struct Delivery {
    sizes: Vec<u64>,
    accepted: bool,
    wanted: Vec<bool>,
    kept: Vec<u64>,
    at: (usize, u64),
    under_way: u64,
    paused: bool,
    block: Option<(u64, Vec<u8>)>,
    file: Option<(usize, File)>,
    progress: Progress,
}

impl Delivery {
    fn new(offer: &Offer) -> Self {
        let sizes: Vec<u64> = offer.entries.iter().map(|entry| entry.size).collect();
        let count = sizes.len();
        Self {
            progress: Progress::new(sizes.iter().sum(), 0),
            sizes,
            accepted: false,
            wanted: vec![true; count],
            kept: vec![0; count],
            at: (0, 0),
            under_way: 0,
            paused: false,
            block: None,
            file: None,
        }
    }

    /// What is sent next, if anything may be.
    fn next_piece(&mut self) -> Option<Piece> {
        if !self.accepted || self.paused {
            return None;
        }
        while let Some(size) = self.sizes.get(self.at.0) {
            let (entry, from) = self.at;
            if self.wanted.get(entry) == Some(&true) && from < *size {
                let in_block = BLOCK as u64 - from % BLOCK as u64;
                let length = in_block.min(size - from).min(PIECE as u64);
                let fits = self.under_way + length <= WINDOW;
                return fits.then(|| Piece { entry, from, length: usize::try_from(length).unwrap_or(PIECE) });
            }
            self.at = (entry + 1, self.kept.get(entry + 1).copied().unwrap_or_default());
        }
        None
    }

    async fn send(&mut self, offer: &Offer, piece: Piece, pipe: &mut Pipe) -> Result<(), End> {
        let start = piece.from - piece.from % BLOCK as u64;
        if self
            .block
            .as_ref()
            .is_none_or(|(from, _)| *from != start || self.file.as_ref().is_none_or(|(e, _)| *e != piece.entry))
        {
            self.read_block(offer, piece.entry, start)?;
        }
        let Some((_, block)) = &self.block else { return Ok(()) };
        let offset = usize::try_from(piece.from - start).unwrap_or_default();
        let data = block.get(offset..offset + piece.length).unwrap_or_default();
        let entry = u32::try_from(piece.entry).unwrap_or(u32::MAX);
        let ends = offset + piece.length == block.len();
        let digest: [u8; 32] = match ends {
            true => digest(&SHA256, block).as_ref().try_into().unwrap_or_default(),
            false => [0; 32],
        };
        pipe.data(Frame::Data { entry, from: piece.from, data }.bytes()).await?;
        if ends {
            pipe.data(Frame::Block { entry, from: start, digest: &digest }.bytes()).await?;
        }
        self.under_way += piece.length as u64;
        self.at.1 += piece.length as u64;
        Ok(())
    }

    fn read_block(&mut self, offer: &Offer, entry: usize, start: u64) -> Result<(), End> {
        if self.file.as_ref().is_none_or(|(open, _)| *open != entry) {
            let path = offer.paths.get(entry).ok_or_else(|| End::Over("a file is missing".to_owned()))?;
            self.file = Some((entry, File::open(path)?));
        }
        let size = self.sizes.get(entry).copied().unwrap_or_default();
        let mut block = vec![0; usize::try_from((size - start).min(BLOCK as u64)).unwrap_or(BLOCK)];
        if let Some((_, file)) = &self.file {
            let shorter = |_| End::Over("a file became shorter while it was sent".to_owned());
            file.read_exact_at(&mut block, start).map_err(shorter)?;
        }
        self.block = Some((start, block));
        Ok(())
    }

    /// What the receiver says; `true` when it has everything.
    fn take(&mut self, came: Came) -> Result<bool, End> {
        let Came::Text(text) = came else { return Ok(false) };
        match Control::parse(&text)? {
            Control::Accept { from } => self.accept(&from),
            Control::Decline => return Err(End::Over("The other side did not want the files.".to_owned())),
            Control::Kept { entry, bytes } => self.keep(entry as usize, bytes),
            Control::Again { entry, from } => {
                self.at = (entry as usize, from);
                self.under_way = 0;
                self.block = None;
            }
            Control::Pause => self.paused = true,
            Control::Resume => self.paused = false,
            Control::Cancel { .. } => return Err(End::Over("The other side stopped the transfer.".to_owned())),
            Control::Complete => return Ok(true),
            Control::Hello { .. } | Control::Direct { .. } | Control::Offer { .. } | Control::Alive => {}
        }
        Ok(false)
    }

    fn accept(&mut self, from: &[i64]) {
        for (entry, size) in self.sizes.iter().enumerate() {
            let wanted = from.get(entry).copied().unwrap_or(0);
            let at = u64::try_from(wanted).unwrap_or(*size).min(*size);
            let at = if at == *size { at } else { at - at % BLOCK as u64 };
            if let (Some(yes), Some(kept)) = (self.wanted.get_mut(entry), self.kept.get_mut(entry)) {
                (*yes, *kept) = (wanted >= 0, at);
            }
        }
        self.accepted = true;
        self.at = (0, self.kept.first().copied().unwrap_or_default());
        let done = self.kept.iter().sum();
        self.progress = Progress::new(self.sizes.iter().sum(), done);
    }

    fn keep(&mut self, entry: usize, bytes: u64) {
        let size = self.sizes.get(entry).copied().unwrap_or_default();
        let Some(kept) = self.kept.get_mut(entry).filter(|kept| **kept <= bytes && bytes <= size) else { return };
        self.under_way = self.under_way.saturating_sub(bytes - *kept);
        *kept = bytes;
        self.progress.show(self.kept.iter().sum());
    }
}
