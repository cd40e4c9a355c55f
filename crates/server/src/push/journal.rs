//! The list on disk: lines of JSON that say what changed, written anew when most of them are old.

use super::list::{List, Subscription};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Old lines there may be beside as many as are in use.
const OLD_LINES: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Added(Subscription),
    Removed { channel: String, device: String },
}

/// The file, open at its end.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Reads the list in the data directory, and keeps it from then on.
    pub(super) fn open(data: &Path) -> io::Result<(Self, List)> {
        let path = data.join("push.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut list = List::default();
        // A line that was cut short by a crash is one browser that subscribes again.
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match line {
                Line::Added(subscription) => {
                    list.add(subscription);
                }
                Line::Removed { channel, device } => {
                    list.remove(&channel, &device);
                }
            }
        }
        std::fs::create_dir_all(data)?;
        let file = write_anew(&path, list.iter())?;
        Ok((Self { path, file, lines: list.len() }, list))
    }

    pub(super) fn added(&mut self, subscription: &Subscription) -> io::Result<()> {
        self.append(&serde_json::to_string(subscription)?)
    }

    pub(super) fn removed(&mut self, channel: &str, device: &str) -> io::Result<()> {
        let line = Line::Removed { channel: channel.to_owned(), device: device.to_owned() };
        self.append(&serde_json::to_string(&line)?)
    }

    /// Whether most lines are old.
    pub(super) fn is_long(&self, in_use: usize) -> bool {
        self.lines > 2 * in_use + OLD_LINES
    }

    /// Only what is in use.
    pub(super) fn shorten(&mut self, all: &[Subscription]) -> io::Result<()> {
        self.file = write_anew(&self.path, all.iter())?;
        self.lines = all.len();
        Ok(())
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        self.lines += 1;
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

/// Beside the old file, then in its place: a crash leaves one or the other.
fn write_anew<'a>(path: &Path, all: impl Iterator<Item = &'a Subscription>) -> io::Result<File> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    let mut text = String::new();
    for subscription in all {
        text.push_str(&serde_json::to_string(subscription)?);
        text.push('\n');
    }
    file.write_all(text.as_bytes())?;
    std::fs::rename(&fresh, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::list::MOST_PER_DEVICE;
    use super::*;

    #[test]
    fn the_list_survives_a_restart_and_is_bounded() {
        let data = std::env::temp_dir().join(format!("tandem-push-{}", rand::random::<u64>()));
        let one = |channel: &str| Subscription {
            channel: channel.to_owned(),
            device: "d".to_owned(),
            endpoint: "https://push.example/1".to_owned(),
            p256dh: String::new(),
            auth: String::new(),
        };
        let (mut journal, mut list) = Journal::open(&data).unwrap();
        for number in 0..MOST_PER_DEVICE {
            assert!(list.add(one(&number.to_string())));
            journal.added(&one(&number.to_string())).unwrap();
        }
        assert!(!list.add(one("more")));
        assert!(list.add(one("0")), "the same again is no new one");
        assert!(list.remove("0", "d") && !list.remove("0", "d"));
        journal.removed("0", "d").unwrap();
        journal.append("{\"channel\":\"cut").unwrap();
        let (mut again, list) = Journal::open(&data).unwrap();
        let facts = |list: &List| (list.len(), list.has("0"), list.of("1").len());
        assert_eq!(facts(&list), (MOST_PER_DEVICE - 1, false, 1));
        for _ in 0..2 * OLD_LINES {
            again.added(&one("1")).unwrap();
        }
        assert!(again.is_long(list.len()));
        again.shorten(&list.iter().cloned().collect::<Vec<_>>()).unwrap();
        assert!(!again.is_long(list.len()));
        assert_eq!(facts(&Journal::open(&data).unwrap().1), (MOST_PER_DEVICE - 1, false, 1));
        std::fs::remove_dir_all(&data).unwrap();
    }
}
