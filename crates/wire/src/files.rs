//! Sending files through a pipe: `docs/doors/files.md`. JSON texts beside binary frames, with data
//! in checked blocks.

use serde::{Deserialize, Serialize};

/// What both sides speak.
pub const VERSION: u32 = 1;
/// Files are checked and acknowledged in blocks of this many bytes.
pub const BLOCK: usize = 1024 * 1024;
/// Bytes under way that the receiver has not acknowledged.
pub const WINDOW: u64 = 8 * BLOCK as u64;
/// Most entries of an offer.
pub const ENTRIES: usize = 10_000;
/// Longest path, bytes.
const PATH_BYTES: usize = 1024;
/// Kind, entry and place.
const HEADER: usize = 13;
const DATA: u8 = 1;
const END: u8 = 2;

/// One file, or an empty folder whose path ends in `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// With `/` between folders.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was changed, milliseconds since 1970.
    #[serde(default)]
    pub changed: i64,
}

/// What the two sides tell each other beside the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[allow(missing_docs)] // the protocol's words
pub enum Control {
    Hello {
        version: u32,
        direct: bool,
    },
    Direct {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<bool>,
    },
    Offer {
        id: String,
        entries: Vec<Entry>,
    },
    /// From which byte of each entry; -1 leaves it out.
    Accept {
        from: Vec<i64>,
    },
    Decline,
    /// So many bytes of the entry are checked and kept.
    Kept {
        entry: u32,
        bytes: u64,
    },
    /// The block that begins there came damaged.
    Again {
        entry: u32,
        from: u64,
    },
    Pause,
    Resume,
    Cancel {
        #[serde(default)]
        reason: String,
    },
    Complete,
    Alive,
}

/// Data of a file, or the end of a block with its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Frame<'a> {
    Data { entry: u32, from: u64, data: &'a [u8] },
    Block { entry: u32, from: u64, digest: &'a [u8; 32] },
}

/// The other side does not keep to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side does not speak this version of file transfer")]
pub struct Malformed;

impl Control {
    /// Reads a text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        serde_json::from_str(text).map_err(|_| Malformed)
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a> Frame<'a> {
    /// Reads a binary message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed)?;
        let [kind, e0, e1, e2, e3, from @ ..] = *header;
        let (entry, from) = (u32::from_be_bytes([e0, e1, e2, e3]), u64::from_be_bytes(from));
        match kind {
            DATA if !rest.is_empty() && rest.len() <= BLOCK => Ok(Self::Data { entry, from, data: rest }),
            END => Ok(Self::Block { entry, from, digest: rest.try_into().map_err(|_| Malformed)? }),
            _ => Err(Malformed),
        }
    }

    /// As a binary message.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (kind, entry, from, rest): (u8, u32, u64, &[u8]) = match *self {
            Self::Data { entry, from, data } => (DATA, entry, from, data),
            Self::Block { entry, from, digest } => (END, entry, from, digest),
        };
        let mut bytes = Vec::with_capacity(HEADER + rest.len());
        bytes.push(kind);
        bytes.extend_from_slice(&entry.to_be_bytes());
        bytes.extend_from_slice(&from.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }
}

/// Whether a path from elsewhere is safe to write below a folder, on any system.
#[must_use]
pub fn is_safe_path(path: &str) -> bool {
    let inside = path.strip_suffix('/').unwrap_or(path);
    let odd = |letter: char| letter.is_control() || matches!(letter, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let good = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && !part.contains(odd)
            && !part.ends_with(['.', ' '])
            && !is_device(part)
    };
    path.len() <= PATH_BYTES && inside.split('/').all(good)
}

/// Names that mean a device on Windows, whatever follows a dot.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered =
        |prefix: &str| stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    matches!(&*stem, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// Checks an offer of somebody unknown.
///
/// # Errors
/// [`Malformed`]: too many entries, unsafe paths, or the same path twice.
pub fn check(entries: &[Entry]) -> Result<(), Malformed> {
    let mut seen = std::collections::BTreeSet::new();
    // All of them together, too: pages count in numbers that are exact up to here.
    let total = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    let good = |entry: &Entry| is_safe_path(&entry.path);
    let all = !entries.is_empty() && entries.len() <= ENTRIES && total < 1 << 53 && entries.iter().all(good);
    if all && entries.iter().all(|entry| seen.insert(entry.path.to_lowercase())) { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_pages_say_is_read_and_said() {
        for text in [
            r#"{"type":"hello","version":1,"direct":true}"#,
            r#"{"type":"offer","id":"x","entries":[{"path":"a/b","size":5,"changed":1700000000000}]}"#,
            r#"{"type":"accept","from":[0,-1]}"#,
            r#"{"type":"decline"}"#,
            r#"{"type":"kept","entry":0,"bytes":7}"#,
            r#"{"type":"again","entry":0,"from":7}"#,
            r#"{"type":"cancel","reason":"x"}"#,
            r#"{"type":"alive"}"#,
        ] {
            assert_eq!(Control::parse(text).unwrap().text(), text);
        }
        assert!(Control::parse(r#"{"type":"direct","candidate":{"candidate":"x"}}"#).is_ok());
        assert!(Control::parse(r#"{"type":"dance"}"#).is_err() && Control::parse("").is_err());
    }

    #[test]
    fn frames_come_back() {
        let data = Frame::Data { entry: 7, from: 1 << 40, data: &[1, 2] };
        let block = Frame::Block { entry: 7, from: 5, digest: &[9; 32] };
        for frame in [data, block] {
            assert_eq!(Frame::parse(&frame.bytes()), Ok(frame));
        }
        for bad in [&[0; 12][..], &[0; 13], &[1; 13], &[2; 44], &[9; 50]] {
            assert!(Frame::parse(bad).is_err());
        }
    }

    #[test]
    fn paths_stay_below_their_folder() {
        for bad in [
            "",
            "/",
            "/a",
            "a//b",
            "../a",
            "a/..",
            ".",
            "a\\b",
            "C:x",
            "a\0",
            "con",
            "LPT1.txt",
            "a.",
            "a ",
            &"x".repeat(1025),
        ] {
            assert!(!is_safe_path(bad), "{bad}");
        }
        for good in ["a", "a/b.txt", "a/b/", "über/文.txt", "console", ".hidden"] {
            assert!(is_safe_path(good), "{good}");
        }
        let entry = |path: &str| Entry { path: path.to_owned(), size: 1, changed: 0 };
        assert!(check(&[entry("a"), entry("b")]).is_ok());
        assert!(check(&[entry("a"), entry("A")]).is_err() && check(&[]).is_err());
        let huge = |path| Entry { size: 1 << 52, ..entry(path) };
        assert!(check(&[huge("a"), entry("b")]).is_ok() && check(&[huge("a"), huge("b")]).is_err());
    }
}
