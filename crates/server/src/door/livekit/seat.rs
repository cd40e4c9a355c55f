//! A session between its join and its socket: what it holds and what it owes the shard.

use super::outbound::Claims;
use livekit_protocol as proto;
use proto::signal_request::Message as In;
use proto::signal_response::Message as Out;
use std::sync::Arc;
use tandem_core::{Code, Command, Event, Grant, Reject, SessionCommand, SessionId};
use tandem_net::ShardHandle;
use tokio::sync::mpsc;

/// A session's way to its shard. Dropping it says that the signalling is lost, so that no path
/// out of a join or of a session forgets to.
pub(crate) struct Link {
    /// Which session.
    pub(crate) session: SessionId,
    shard: ShardHandle,
    /// The shard knows that it is over.
    pub(crate) ended: bool,
}

impl Link {
    /// For a session that the shard knows or is about to know.
    pub(crate) fn new(session: SessionId, shard: ShardHandle) -> Self {
        Self { session, shard, ended: false }
    }

    /// Asks without waiting.
    ///
    /// # Errors
    /// As [`ShardHandle::post`].
    pub(crate) fn post(&self, body: SessionCommand) -> Result<(), Reject> {
        self.shard.post(Command::Session { session: self.session, body: Box::new(body) })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.ended {
            // A full or stopped shard notices the closed outbox instead.
            let _ = self.post(SessionCommand::SignalLost);
        }
    }
}

/// What a session needs of the node.
pub(crate) trait Host: Send + Sync {
    /// A fresh token for this grant; `None` if it cannot be made.
    fn token(&self, grant: &Grant) -> Option<String>;
    /// Counts something refused.
    fn rejected(&self, code: Code);
}

/// A session that entered its room and waits for its socket.
pub(crate) struct Seat {
    /// To the shard.
    pub(crate) link: Link,
    /// From the shard.
    pub(crate) events: mpsc::Receiver<Event>,
    /// The node.
    pub(crate) host: Arc<dyn Host>,
    /// The verified token, kept up to date for refreshed ones.
    pub(crate) grant: Grant,
    /// The client's signalling protocol.
    pub(crate) protocol: i32,
    /// What must precede everything else.
    pub(crate) first: Vec<Out>,
    /// A test scenario drops the connection right after `first`.
    pub(crate) drop_after_first: bool,
    /// What came inside the join request.
    pub(crate) requests: Vec<In>,
    /// The client takes up its own offer only after it was told that it joined, and forgets an answer
    /// that comes before.
    pub(crate) offers_late: bool,
}

impl Seat {
    /// Takes changed claims over and makes a token with them.
    pub(crate) fn renew(&mut self, claims: Claims) -> Option<Out> {
        self.grant.name = claims.name;
        self.grant.metadata = claims.metadata;
        self.grant.attributes = claims.attributes;
        self.grant.permissions = claims.permissions;
        self.token()
    }

    /// A token with the claims as they are now.
    pub(crate) fn token(&self) -> Option<Out> {
        self.host.token(&self.grant).map(Out::RefreshToken)
    }
}
