//! This loop's part of what the server API does to connections.

use super::desk::Desk;
use crate::channels::{Act, Listed, Operation, ServerSub, Whose};
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::code::Unsubscribe;
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge::{Push, PushBody, SubscribePush, SubscribeRequest};

impl Desk {
    /// Does an operation to every connection of this loop that is meant.
    pub(super) fn operate(&mut self, operation: &Operation, io: &mut Io) {
        for key in self.meant(&operation.whose) {
            match &operation.act {
                Act::Subscribe(sub) => self.subscribe_by_api(key, sub, io),
                Act::Unsubscribe(channel, why) if channel.is_empty() => self.unsubscribe_all(key, *why, io),
                Act::Unsubscribe(channel, why) => self.unsubscribe_by_server(key, channel, *why, io),
                Act::Disconnect(why, except) => {
                    let spared = self.session(key).is_some_and(|s| except.iter().any(|id| **id == *s.info.client));
                    if !spared {
                        self.disconnect(key, why.clone(), io);
                    }
                }
                Act::Refresh { expired: true, .. } => {
                    self.disconnect(key, tandem_hub::code::Disconnect::EXPIRED, io);
                }
                Act::Refresh { expire_at, .. } => {
                    let at = self.expires_in(*expire_at).map(|left| io.now() + left);
                    self.lives_until(key, at, io);
                }
            }
        }
    }

    fn meant(&self, whose: &Whose) -> Vec<ConnKey> {
        let fits = |key: &ConnKey| {
            let session = self.sessions.get(key.index as usize).and_then(Option::as_deref);
            session.is_some_and(|session| {
                (whose.client.is_empty() || *whose.client == *session.info.client)
                    && (whose.session.is_empty() || session.secret.as_deref() == Some(whose.session.as_str()))
            })
        };
        if !whose.user.is_empty() {
            return self.users.get(whose.user.as_str()).into_iter().flatten().copied().filter(fits).collect();
        }
        if whose.client.is_empty() && whose.session.is_empty() {
            return Vec::new();
        }
        self.sessions.iter().flatten().map(|session| session.key).filter(fits).collect()
    }

    fn subscribe_by_api(&mut self, key: ConnKey, sub: &ServerSub, io: &mut Io) {
        let (offset, epoch) = sub.recover_since.clone().unwrap_or_default();
        let request = SubscribeRequest {
            channel: sub.channel.clone(),
            recover: sub.recover_since.is_some(),
            offset,
            epoch,
            ..SubscribeRequest::default()
        };
        let Ok(result) = self.subscribe_server_side(key, &request, sub.extra.clone(), io) else { return };
        let push = SubscribePush {
            recoverable: result.recoverable,
            epoch: result.epoch,
            offset: result.offset,
            positioned: result.positioned,
            data: result.data,
        };
        self.push(key, &Push { id: 0, channel: &sub.channel, body: PushBody::Subscribe(&push) }, io);
        for publication in &result.publications {
            self.push(key, &Push { id: 0, channel: &sub.channel, body: PushBody::Publication(publication) }, io);
        }
    }

    fn unsubscribe_all(&mut self, key: ConnKey, why: Unsubscribe, io: &mut Io) {
        let names: Vec<Arc<str>> = self.session(key).map(|s| s.subs.keys().cloned().collect()).unwrap_or_default();
        for name in names {
            self.unsubscribe_by_server(key, &name, why, io);
        }
    }

    /// Every connection of this loop.
    pub(super) fn survey(&self) -> Vec<Listed> {
        let now = self.node.now_unix();
        let listed = self.sessions.iter().flatten().map(|session| Listed {
            client: Arc::clone(&session.info.client),
            user: Arc::clone(&session.info.user),
            transport: session.face.transport_name(),
            protocol: session.face.protocol_name(),
            name: session.rare.client_name.clone(),
            version: session.rare.client_version.clone(),
            address: session.rare.remote.clone(),
            channels: session.subs.keys().cloned().collect(),
            connected_for: Duration::from_secs(now.saturating_sub(session.rare.connected_unix)),
        });
        listed.filter(|listed| !listed.client.is_empty()).collect()
    }
}
