//! Who may do what in a channel.

use super::{ChannelParts, NamespaceOptions};
use crate::code::ErrorCode;

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not allowed.
    Denied,
    /// The namespace has no such thing.
    NotAvailable,
    /// The name does not fit the namespace's pattern.
    Name,
}

impl Refusal {
    /// As the client is told.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Denied => ErrorCode::PERMISSION_DENIED,
            Self::NotAvailable => ErrorCode::NOT_AVAILABLE,
            Self::Name => ErrorCode::BAD_REQUEST,
        }
    }
}

/// What a token allows in channels, whatever their namespaces say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the words of the protocol
pub struct Capability {
    channels: Vec<Pattern>,
    pub subscribe: bool,
    pub publish: bool,
    pub presence: bool,
    pub history: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exact(Box<str>),
    Beginning(Box<str>),
}

impl Capability {
    /// Of the words tokens use: `sub`, `pub`, `prs`, `hst`; others allow nothing. Channels are exact
    /// names, or beginnings that end in `*`.
    #[must_use]
    pub fn of<C: AsRef<str>, A: AsRef<str>>(channels: &[C], allow: &[A]) -> Self {
        let pattern = |text: &str| match text.strip_suffix('*') {
            Some(beginning) => Pattern::Beginning(beginning.into()),
            None => Pattern::Exact(text.into()),
        };
        Self::with(channels.iter().map(|channel| pattern(channel.as_ref())).collect(), allow)
    }

    /// The same for one channel, whatever characters its name has.
    #[must_use]
    pub fn exact<A: AsRef<str>>(channel: &str, allow: &[A]) -> Self {
        Self::with(vec![Pattern::Exact(channel.into())], allow)
    }

    fn with<A: AsRef<str>>(channels: Vec<Pattern>, allow: &[A]) -> Self {
        let has = |word: &str| allow.iter().any(|allowed| allowed.as_ref() == word);
        Self { channels, subscribe: has("sub"), publish: has("pub"), presence: has("prs"), history: has("hst") }
    }

    /// Whether a channel is among those meant.
    #[must_use]
    pub fn covers(&self, channel: &str) -> bool {
        self.channels.iter().any(|pattern| match pattern {
            Pattern::Exact(name) => **name == *channel,
            Pattern::Beginning(beginning) => channel.starts_with(&**beginning),
        })
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Empty for somebody anonymous.
    pub user: &'a str,
    /// Everything is allowed.
    pub insecure: bool,
    /// It has subscribed to the channel.
    pub subscribed: bool,
    /// Of its token.
    pub capabilities: &'a [Capability],
    /// Of its subscription to the channel.
    pub of_subscription: Option<&'a Capability>,
}

/// To whom a namespace's options open one act.
#[derive(Clone, Copy)]
struct Opened {
    clients: bool,
    subscribers: bool,
    /// Those without a name too, as either.
    anonymous: bool,
}

fn allowed(yes: bool) -> Result<(), Refusal> {
    if yes { Ok(()) } else { Err(Refusal::Denied) }
}

impl NamespaceOptions {
    /// Whether clients may subscribe to a name like this at all; also asked about tokens.
    ///
    /// # Errors
    /// [`Refusal::Name`] if what follows the namespace does not fit its pattern.
    pub fn fits(&self, parts: &ChannelParts<'_>) -> Result<(), Refusal> {
        let fits = self.channel_regex.as_ref().is_none_or(|regex| regex.matches(parts.rest()));
        if fits { Ok(()) } else { Err(Refusal::Name) }
    }
}

impl Caller<'_> {
    /// Whether somebody without a token for the channel may subscribe.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_subscribe(&self, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        o.fits(parts)?;
        if parts.private {
            return Err(Refusal::Denied);
        }
        if parts.users.is_some() && o.allow_user_limited_channels {
            return allowed(parts.is_of(self.user));
        }
        if self.can(parts.name, |c| c.subscribe) {
            return Ok(());
        }
        if o.members_only {
            return Err(Refusal::Denied);
        }
        let named = !self.user.is_empty() || o.allow_subscribe_for_anonymous;
        allowed(self.insecure || (o.allow_subscribe_for_client && named))
    }

    /// Whether somebody may publish.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_publish(&self, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        let opened = Opened {
            clients: o.allow_publish_for_client,
            subscribers: o.allow_publish_for_subscriber,
            anonymous: o.allow_publish_for_anonymous,
        };
        self.may(parts, o, |c| c.publish, opened)
    }

    /// Whether somebody may read the history.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_history(&self, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        if !o.has_history() {
            return Err(Refusal::NotAvailable);
        }
        let opened = Opened {
            clients: o.allow_history_for_client,
            subscribers: o.allow_history_for_subscriber,
            anonymous: o.allow_history_for_anonymous,
        };
        self.may(parts, o, |c| c.history, opened)
    }

    /// Whether somebody may see who is there.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_presence(&self, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        if !o.presence {
            return Err(Refusal::NotAvailable);
        }
        let opened = Opened {
            clients: o.allow_presence_for_client,
            subscribers: o.allow_presence_for_subscriber,
            anonymous: o.allow_presence_for_anonymous,
        };
        self.may(parts, o, |c| c.presence, opened)
    }

    fn may(
        &self,
        parts: &ChannelParts<'_>,
        o: &NamespaceOptions,
        capability: fn(&Capability) -> bool,
        opened: Opened,
    ) -> Result<(), Refusal> {
        if self.can(parts.name, capability) {
            return Ok(());
        }
        if o.members_only {
            return Err(Refusal::Denied);
        }
        // Options open a channel to clients; one that belongs to others stays theirs.
        let theirs = (parts.private || (parts.users.is_some() && !parts.is_of(self.user))) && !self.subscribed;
        allowed(self.insecure || (!theirs && self.is_among(opened)))
    }

    fn can(&self, channel: &str, what: fn(&Capability) -> bool) -> bool {
        let all = self.capabilities.iter().chain(self.of_subscription);
        all.into_iter().any(|capability| what(capability) && capability.covers(channel))
    }

    fn is_among(&self, opened: Opened) -> bool {
        if self.user.is_empty() && !opened.anonymous {
            return false;
        }
        opened.clients || (opened.subscribers && self.subscribed)
    }
}
