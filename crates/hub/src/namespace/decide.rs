//! Who may do what in a channel.

use super::{ChannelParts, NamespaceOptions, Namespaces};
use crate::code::ErrorCode;

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not allowed.
    Denied,
    /// The namespace has no such thing.
    NotAvailable,
}

impl Refusal {
    /// As the client is told.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Denied => ErrorCode::PERMISSION_DENIED,
            Self::NotAvailable => ErrorCode::NOT_AVAILABLE,
        }
    }
}

/// What a token allows in channels, whatever their namespaces say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the words of the protocol
pub struct Capability {
    /// Exact names, or beginnings that end in `*`.
    pub channels: Vec<String>,
    pub subscribe: bool,
    pub publish: bool,
    pub presence: bool,
    pub history: bool,
}

impl Capability {
    /// Of the words tokens use: `sub`, `pub`, `prs`, `hst`.
    #[must_use]
    pub fn of(channels: &[String], allow: &[String]) -> Self {
        let has = |word: &str| allow.iter().any(|allowed| allowed == word);
        Self {
            channels: channels.to_vec(),
            subscribe: has("sub"),
            publish: has("pub"),
            presence: has("prs"),
            history: has("hst"),
        }
    }

    fn covers(&self, channel: &str) -> bool {
        self.channels.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => channel.starts_with(beginning),
            None => pattern == channel,
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
}

impl Caller<'_> {
    fn can(&self, channel: &str, what: fn(&Capability) -> bool) -> bool {
        self.capabilities.iter().any(|capability| what(capability) && capability.covers(channel))
    }

    /// What an option for clients allows; nobody anonymous passes without the second one.
    fn is_client(&self, clients: bool, anonymous: bool) -> bool {
        clients && (!self.user.is_empty() || anonymous)
    }

    fn is_subscriber(&self, subscribers: bool, anonymous: bool) -> bool {
        self.subscribed && self.is_client(subscribers, anonymous || !self.user.is_empty())
    }
}

fn allowed(yes: bool) -> Result<(), Refusal> {
    if yes { Ok(()) } else { Err(Refusal::Denied) }
}

impl Namespaces {
    /// Whether somebody without a token for the channel may subscribe.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_subscribe(
        &self,
        who: &Caller<'_>,
        parts: &ChannelParts<'_>,
        o: &NamespaceOptions,
    ) -> Result<(), Refusal> {
        if parts.private {
            return Err(Refusal::Denied);
        }
        if parts.users.is_some() && o.allow_user_limited_channels {
            return allowed(parts.is_of(who.user));
        }
        if who.can(parts.name, |c| c.subscribe) {
            return Ok(());
        }
        if o.members_only {
            return Err(Refusal::Denied);
        }
        allowed(who.insecure || who.is_client(o.allow_subscribe_for_client, o.allow_subscribe_for_anonymous))
    }

    /// Whether somebody may publish.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_publish(&self, who: &Caller<'_>, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        self.may(
            who,
            parts,
            o,
            |c| c.publish,
            |who, o| {
                who.is_client(o.allow_publish_for_client, o.allow_publish_for_anonymous)
                    || who.is_subscriber(o.allow_publish_for_subscriber, o.allow_publish_for_anonymous)
            },
        )
    }

    /// Whether somebody may read the history.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_history(&self, who: &Caller<'_>, parts: &ChannelParts<'_>, o: &NamespaceOptions) -> Result<(), Refusal> {
        if !o.has_history() {
            return Err(Refusal::NotAvailable);
        }
        self.may(
            who,
            parts,
            o,
            |c| c.history,
            |who, o| {
                who.is_client(o.allow_history_for_client, o.allow_history_for_anonymous)
                    || who.is_subscriber(o.allow_history_for_subscriber, o.allow_history_for_anonymous)
            },
        )
    }

    /// Whether somebody may see who is there.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn may_presence(
        &self,
        who: &Caller<'_>,
        parts: &ChannelParts<'_>,
        o: &NamespaceOptions,
    ) -> Result<(), Refusal> {
        if !o.presence {
            return Err(Refusal::NotAvailable);
        }
        self.may(
            who,
            parts,
            o,
            |c| c.presence,
            |who, o| {
                who.is_client(o.allow_presence_for_client, o.allow_presence_for_anonymous)
                    || who.is_subscriber(o.allow_presence_for_subscriber, o.allow_presence_for_anonymous)
            },
        )
    }

    fn may(
        &self,
        who: &Caller<'_>,
        parts: &ChannelParts<'_>,
        o: &NamespaceOptions,
        capability: fn(&Capability) -> bool,
        option: fn(&Caller<'_>, &NamespaceOptions) -> bool,
    ) -> Result<(), Refusal> {
        if who.can(parts.name, capability) {
            return Ok(());
        }
        if o.members_only {
            return Err(Refusal::Denied);
        }
        // Options open a channel to clients; one that belongs to others stays theirs.
        let theirs =
            (parts.private && !who.subscribed) || (parts.users.is_some() && !parts.is_of(who.user) && !who.subscribed);
        allowed(who.insecure || (!theirs && option(who, o)))
    }
}
