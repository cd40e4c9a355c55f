//! `tandem receive`.

use super::pipe::{Came, Pipe, address};
use super::progress::bytes;
use super::store::Store;
use super::{AGAIN, End, block_on};
use crate::Failure;
use crate::cli::Receive;
use std::io::{IsTerminal, Write};
use tandem_server::parts::files::{self, Control, Entry, Frame, VERSION};

/// Lines of a long list.
const LISTED: usize = 20;

/// What a sender offers. Its id comes from the files, so the same files have the same id in every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) id: String,
    pub(super) entries: Vec<Entry>,
}

/// Takes what is offered under a code.
pub(crate) fn run(flags: &Receive) -> Result<(), Failure> {
    std::fs::create_dir_all(&flags.to)?;
    let url = address(&flags.server, &[("code", &flags.code.join("-"))])?;
    block_on(async {
        let mut agreed = None;
        for attempt in 0.. {
            match once(&url, flags, &mut agreed).await {
                Err(End::Lost(why)) if agreed.is_some() && attempt < 100 => eprintln!("\n{why}; trying again"),
                ended => return ended,
            }
            tokio::time::sleep(AGAIN.get(attempt).copied().unwrap_or(AGAIN[4])).await;
        }
        Ok(())
    })
}

/// One connection. `agreed`: the offer was accepted, so a lost connection is made again.
async fn once(url: &str, flags: &Receive, agreed: &mut Option<Offer>) -> Result<(), End> {
    let mut pipe = Pipe::open(url).await?;
    pipe.say(&Control::Hello { version: VERSION, direct: false }).await?;
    let offer = offered(&mut pipe).await?;
    if let Err(why) = agree(agreed, &offer, |entries| Ok(flags.yes || ask(entries)?)) {
        pipe.say(&Control::Decline).await?;
        pipe.close().await;
        return Err(why);
    }
    let mut store = Store::open(&flags.to, offer)?;
    pipe.say(&Control::Accept { from: store.from() }).await?;
    receive(&mut pipe, &mut store).await?;
    pipe.say(&Control::Complete).await?;
    pipe.close().await;
    store.close();
    eprintln!("Everything is here and checked: {}", flags.to.display());
    Ok(())
}

/// Waits for the offer.
async fn offered(pipe: &mut Pipe) -> Result<Offer, End> {
    loop {
        let Came::Text(text) = pipe.next().await? else { continue };
        match Control::parse(&text)? {
            Control::Offer { id, entries } => {
                files::check(&entries)?;
                return Ok(Offer { id, entries });
            }
            // Pages look for a direct way; there is none from here.
            Control::Direct { failed: None } => pipe.say(&Control::Direct { failed: Some(true) }).await?,
            Control::Cancel { .. } => return Err(End::Over("The sender has stopped.".to_owned())),
            _ => {}
        }
    }
}

/// A yes is for one offer, not for whatever comes under its code later.
fn agree(
    agreed: &mut Option<Offer>,
    offer: &Offer,
    ask: impl FnOnce(&[Entry]) -> Result<bool, End>,
) -> Result<(), End> {
    match agreed {
        Some(before) if before == offer => Ok(()),
        Some(_) => Err(End::Over("The sender offers something else now; ask for a new code.".to_owned())),
        None if ask(&offer.entries)? => {
            *agreed = Some(offer.clone());
            Ok(())
        }
        None => Err(End::Over("You did not take the files.".to_owned())),
    }
}

/// Takes data until everything is there.
async fn receive(pipe: &mut Pipe, store: &mut Store) -> Result<(), End> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: &str, path: &str, size: u64) -> Offer {
        Offer { id: id.to_owned(), entries: vec![Entry { path: path.to_owned(), size, changed: 7 }] }
    }

    fn nobody_is_asked(_: &[Entry]) -> Result<bool, End> {
        panic!("there was a question")
    }

    #[test]
    fn the_same_offer_goes_on_without_a_question() {
        let mut agreed = None;
        assert!(agree(&mut agreed, &offer("id", "a", 5), |_| Ok(true)).is_ok());
        assert!(agree(&mut agreed, &offer("id", "a", 5), nobody_is_asked).is_ok());
    }

    #[test]
    fn a_yes_is_for_one_offer_only() {
        for other in [offer("other", "a", 5), offer("id", "b", 5), offer("id", "a", 6)] {
            let mut agreed = Some(offer("id", "a", 5));
            let why = agree(&mut agreed, &other, nobody_is_asked).unwrap_err();
            assert_eq!(why.to_string(), "The sender offers something else now; ask for a new code.");
            assert_eq!(agreed, Some(offer("id", "a", 5)));
        }
    }

    #[test]
    fn a_no_is_not_kept() {
        let mut agreed = None;
        assert!(agree(&mut agreed, &offer("id", "a", 5), |_| Ok(false)).is_err());
        assert_eq!(agreed, None);
    }
}
