//! What a channel's name says about it (namespace, private, limited to users) and what its
//! namespace allows.

mod decide;
mod options;
mod regex;
#[cfg(test)]
mod tests;

pub use decide::{Caller, Capability, Refusal};
pub use options::{Conflation, ConflationMode, DataFormat, Durability, NamespaceOptions, RecoveryMode};
pub use regex::{ChannelRegex, RegexFault};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The namespace of rooms' channels: `room:<name>`.
pub const ROOM: &str = "room";
/// Longest name of a channel, bytes, unless said otherwise.
const MAX_BYTES: usize = 255;
/// Between namespace and the rest.
const BOUNDARY: char = ':';
/// Before the rest, in channels that always need a token.
const PRIVATE: char = '$';
/// Before the users, in channels limited to them.
const USERS: char = '#';

/// Why a string is not a channel's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// It has no letters.
    #[error("a channel's name cannot be empty")]
    Empty,
    /// It has more bytes than the limit.
    #[error("a channel's name cannot be longer than {0} bytes")]
    TooLong(usize),
    /// It holds something else than printable ASCII.
    #[error("a channel's name holds printable ASCII only")]
    Characters,
}

/// A channel's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelParts<'a> {
    /// All of it.
    pub name: &'a str,
    /// Before the first colon; empty for none.
    pub namespace: &'a str,
    /// It always needs a token.
    pub private: bool,
    /// Users it is limited to, separated by commas; `None` if it is not.
    pub users: Option<&'a str>,
}

impl<'a> ChannelParts<'a> {
    /// Takes a name of at most `max_bytes` apart.
    ///
    /// # Errors
    /// See [`ChannelNameError`].
    pub fn parse(name: &'a str, max_bytes: usize, unicode: bool) -> Result<Self, ChannelNameError> {
        if name.is_empty() {
            return Err(ChannelNameError::Empty);
        }
        if name.len() > max_bytes {
            return Err(ChannelNameError::TooLong(max_bytes));
        }
        let printable = |c: char| if unicode { !c.is_control() } else { c.is_ascii_graphic() || c == ' ' };
        if !name.chars().all(printable) {
            return Err(ChannelNameError::Characters);
        }
        let rest = name.strip_prefix(PRIVATE);
        let (namespace, _) = rest.unwrap_or(name).split_once(BOUNDARY).unwrap_or_default();
        let users = name.rsplit_once(USERS).map(|(_, users)| users);
        Ok(Self { name, namespace, private: rest.is_some(), users })
    }

    /// What follows the namespace, without the mark of private channels.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        let name = self.name.strip_prefix(PRIVATE).unwrap_or(self.name);
        name.split_once(BOUNDARY).map_or(name, |(_, rest)| rest)
    }

    /// Whether this user is among those it is limited to.
    #[must_use]
    pub fn is_of(&self, user: &str) -> bool {
        !user.is_empty() && self.users.is_some_and(|users| users.split(',').any(|named| named == user))
    }
}

/// All namespaces of a node.
#[derive(Debug, Clone)]
pub struct Namespaces {
    /// Of channels without a namespace.
    pub without: Arc<NamespaceOptions>,
    /// By name.
    pub named: BTreeMap<String, Arc<NamespaceOptions>>,
    /// Of every other namespace; `None`: there are no others.
    pub others: Option<Arc<NamespaceOptions>>,
    /// Longest name of a channel, bytes.
    pub max_bytes: usize,
}

impl Default for Namespaces {
    /// Everything off, and rooms.
    fn default() -> Self {
        let named = BTreeMap::from([(ROOM.to_owned(), Arc::new(NamespaceOptions::room()))]);
        Self { without: Arc::default(), named, others: None, max_bytes: MAX_BYTES }
    }
}

impl Namespaces {
    /// Development: everything is open and on.
    #[must_use]
    pub fn dev() -> Self {
        let open = NamespaceOptions::open();
        let short = NamespaceOptions { history_ttl: Duration::from_secs(2), ..open.clone() };
        let open = Arc::new(open);
        let mut named = BTreeMap::new();
        named.insert("short".to_owned(), Arc::new(short));
        named.insert(ROOM.to_owned(), Arc::new(NamespaceOptions::room()));
        Self { without: Arc::clone(&open), named, others: Some(open), max_bytes: MAX_BYTES }
    }

    /// Whether any namespace keeps its history on disk.
    #[must_use]
    pub fn any_on_disk(&self) -> bool {
        let mut all = self.named.values().chain(&self.others).chain([&self.without]);
        all.any(|options| options.durability == Durability::Disk && options.has_history())
    }

    /// Takes a name apart.
    ///
    /// # Errors
    /// See [`ChannelNameError`].
    pub fn parse<'a>(&self, name: &'a str) -> Result<ChannelParts<'a>, ChannelNameError> {
        // Rooms may have any name, so their channels may too.
        let room = name.strip_prefix(ROOM).is_some_and(|rest| rest.starts_with(BOUNDARY));
        let most = self.max_bytes.max(if room { 300 } else { 0 });
        if name.is_ascii() || room {
            return ChannelParts::parse(name, most, room);
        }
        // Elsewhere more than ASCII is for the namespace's pattern to allow.
        let parts = ChannelParts::parse(name, most, true)?;
        let pattern = self.options_of(&parts).is_some_and(|options| options.channel_regex.is_some());
        if pattern { Ok(parts) } else { Err(ChannelNameError::Characters) }
    }

    /// What a channel's namespace allows; `None` if there is no such namespace.
    #[must_use]
    pub fn options_of(&self, parts: &ChannelParts<'_>) -> Option<Arc<NamespaceOptions>> {
        if parts.namespace.is_empty() {
            return Some(Arc::clone(&self.without));
        }
        self.named.get(parts.namespace).or(self.others.as_ref()).cloned()
    }
}
