//! Who is in a channel.

use super::{Body, Channel, Delivery};
use crate::publication::ClientInfo;
use std::collections::BTreeSet;
use std::sync::Arc;

/// In channels with more subscribers nobody hears who comes and goes: each one would be told of all
/// the others, and there would be time for nothing else.
const ANNOUNCED_TO: u64 = 500;

impl<W> Channel<W> {
    fn is_small(&self) -> bool {
        self.subscriber_count() <= ANNOUNCED_TO
    }

    /// A client came; with `announce` the others hear of it.
    pub fn join(&mut self, info: &Arc<ClientInfo>, present: bool, announce: bool) -> Option<Delivery> {
        if present {
            self.presence.insert(Arc::clone(&info.client), Arc::clone(info));
        }
        if announce && self.is_small() { self.delivery(Body::Join(Arc::clone(info))) } else { None }
    }

    /// A client left; with `announce` the others hear of it.
    pub fn leave(&mut self, info: &Arc<ClientInfo>, announce: bool) -> Option<Delivery> {
        self.presence.remove(&info.client);
        if announce && self.is_small() { self.delivery(Body::Leave(Arc::clone(info))) } else { None }
    }

    /// Everybody there, by client id.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "sorted right after")]
    pub fn presence(&self) -> Vec<Arc<ClientInfo>> {
        let mut everybody: Vec<_> = self.presence.values().cloned().collect();
        everybody.sort_by(|a, b| a.client.cmp(&b.client));
        everybody
    }

    /// How many clients are there, and how many different users they are.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "only counted")]
    pub fn presence_stats(&self) -> (usize, usize) {
        let users: BTreeSet<&str> = self.presence.values().map(|info| &*info.user).collect();
        (self.presence.len(), users.len())
    }
}
