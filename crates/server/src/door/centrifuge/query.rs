//! Publishing and asking: publish, presence, history, remote procedures.

use super::desk::Desk;
use super::frame::{info_to_wire, to_wire};
use super::job::Job;
use crate::channels::{Deed, Waiter};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use tandem_hub::budget::Rate;
use tandem_hub::channel::Query;
use tandem_hub::code::{Disconnect, ErrorCode};
use tandem_hub::namespace::{Caller, ChannelParts, DataFormat, NamespaceOptions};
use tandem_hub::publication::Draft;
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge::{
    self as wire, HistoryRequest, HistoryResult, Protocol, PublishRequest, ReplyBody, RpcRequest,
};

/// The one procedure the server has itself: it answers at once, to measure latency.
const RPC_PING: &str = "rpc.ping";

/// What may be asked of a channel.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Subscribe,
    Publish,
    Presence,
    History,
}

impl Desk {
    /// The namespace of a channel, if this connection may do that there.
    pub(super) fn may(&self, key: ConnKey, channel: &str, act: Act) -> Result<Arc<NamespaceOptions>, ErrorCode> {
        let (parts, options) = self.resolve(channel)?;
        self.allowed(key, &parts, &options, act)?;
        Ok(options)
    }

    /// Whether this connection may do that in a channel.
    pub(super) fn allowed(
        &self,
        key: ConnKey,
        parts: &ChannelParts<'_>,
        options: &NamespaceOptions,
        act: Act,
    ) -> Result<(), ErrorCode> {
        let session = self.peek(key).ok_or(ErrorCode::INTERNAL)?;
        let sub = session.subs.get(parts.name);
        let caller = Caller {
            user: &session.info.user,
            insecure: self.node.insecure,
            subscribed: sub.is_some(),
            capabilities: &session.capabilities,
            of_subscription: sub.and_then(|sub| sub.capability.as_ref()),
        };
        let decided = match act {
            Act::Subscribe => caller.may_subscribe(parts, options),
            Act::Publish => caller.may_publish(parts, options),
            Act::Presence => caller.may_presence(parts, options),
            Act::History => caller.may_history(parts, options),
        };
        decided.map_err(|refusal| refusal.code())
    }

    /// The client publishes.
    pub(super) fn publish(&mut self, key: ConnKey, id: u32, request: PublishRequest, io: &mut Io) {
        let (parts, options) = match self.resolve(&request.channel) {
            Ok(found) => found,
            Err(error) => return self.refuse(key, id, error, io),
        };
        if let Some(proxy) = options.publish_proxy.clone() {
            return self.ask(key, Job::Publish { id, request, proxy }, io);
        }
        match self.allowed(key, &parts, &options, Act::Publish) {
            Ok(()) => self.publish_allowed(key, id, &request.channel, &options, draft(request.data), io),
            Err(error) => self.refuse(key, id, error, io),
        }
    }

    /// It may: publish and answer, now or when the disk has it.
    pub(super) fn publish_allowed(
        &mut self,
        key: ConnKey,
        id: u32,
        channel: &str,
        options: &Arc<NamespaceOptions>,
        draft: Draft,
        io: &mut Io,
    ) {
        if let Err(error) = check_data(&draft.data, options) {
            return self.refuse(key, id, error, io);
        }
        if !self.may_once_more(key, options.publish_rate, io.now()) {
            return self.refuse(key, id, ErrorCode::TOO_MANY_REQUESTS, io);
        }
        let Some(session) = self.session(key) else { return };
        let json = session.face.protocol == Protocol::Json || wire::is_json(&draft.data);
        let (name, info) = match session.subs.get_key_value(channel) {
            Some((name, sub)) => (Arc::clone(name), Arc::clone(&sub.info)),
            None => (channel.into(), Arc::clone(&session.info)),
        };
        let waiter = Waiter::Session(io.index(), key, id);
        match self.plane.publish(&name, options, Draft { info: Some(info), json, ..draft }, waiter) {
            Ok(Some(_)) => self.reply(key, id, ReplyBody::Publish, io),
            // Answered when the disk has it.
            Ok(None) => self.for_disk = true,
            Err(error) => self.refuse(key, id, error, io),
        }
    }

    /// Takes one publication from the budgets of the connection and its user.
    fn may_once_more(&mut self, key: ConnKey, rate: Option<Rate>, now: Instant) -> bool {
        let Some(session) = self.session(key) else { return false };
        if rate.is_some_and(|rate| !session.rare.publications.take(rate, now)) {
            return false;
        }
        self.plane.settings.client.user_rates.publications.is_none()
            || self.peek(key).is_some_and(|s| self.plane.user_may(&s.info.user, Deed::Publication, now))
    }

    /// Who is in a channel.
    pub(super) fn presence(&mut self, key: ConnKey, id: u32, channel: &str, io: &mut Io) {
        match self.may(key, channel, Act::Presence) {
            Err(error) => self.refuse(key, id, error, io),
            Ok(_) => {
                let present = self.plane.presence(channel);
                let present: Vec<_> = present.iter().map(|info| info_to_wire(info)).collect();
                self.reply(key, id, ReplyBody::Presence(&present), io);
            }
        }
    }

    /// How many are in a channel.
    pub(super) fn presence_stats(&mut self, key: ConnKey, id: u32, channel: &str, io: &mut Io) {
        match self.may(key, channel, Act::Presence) {
            Err(error) => self.refuse(key, id, error, io),
            Ok(_) => {
                let (clients, users) = self.plane.presence_stats(channel);
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let body = ReplyBody::PresenceStats { num_clients: number(clients), num_users: number(users) };
                self.reply(key, id, body, io);
            }
        }
    }

    /// A page of a channel's past.
    pub(super) fn history(&mut self, key: ConnKey, id: u32, request: &HistoryRequest, io: &mut Io) {
        let options = match self.may(key, &request.channel, Act::History) {
            Ok(options) => options,
            Err(error) => return self.refuse(key, id, error, io),
        };
        let name: Arc<str> = request.channel.as_str().into();
        let most = self.plane.settings.client.history_max_publication_limit;
        match self.plane.history(&name, &options, &query(request, most)) {
            Err(error) => self.refuse(key, id, error, io),
            Ok(page) => {
                let result = HistoryResult {
                    publications: page.publications.iter().map(|publication| to_wire(publication)).collect(),
                    epoch: page.position.epoch.to_string(),
                    offset: page.position.offset,
                };
                self.reply(key, id, ReplyBody::History(&result), io);
            }
        }
    }

    /// A remote procedure: of a backend, or none.
    pub(super) fn rpc(&mut self, key: ConnKey, id: u32, request: RpcRequest, io: &mut Io) {
        if request.method == RPC_PING {
            return self.reply(key, id, ReplyBody::Rpc(&Bytes::from_static(b"{}")), io);
        }
        match self.plane.settings.rpc_proxy(&request.method) {
            Some(proxy) => self.ask(key, Job::Rpc { id, request, proxy }, io),
            None => {
                let unknown = self.node.unknown_rpc.clone();
                self.refuse(key, id, unknown, io);
            }
        }
    }

    /// Binary data has no place in JSON.
    pub(super) fn speaks(&mut self, key: ConnKey, data: &Bytes, io: &mut Io) -> bool {
        let json = self.session(key).is_some_and(|session| session.face.protocol == Protocol::Json);
        if json && !data.is_empty() && !wire::is_json(data) {
            self.disconnect(key, Disconnect::INAPPROPRIATE_PROTOCOL, io);
            return false;
        }
        true
    }
}

pub(super) fn draft(data: Bytes) -> Draft {
    Draft { data, ..Draft::default() }
}

/// Whether a namespace takes this data.
pub(crate) fn check_data(data: &Bytes, options: &NamespaceOptions) -> Result<(), ErrorCode> {
    match options.publication_data_format {
        DataFormat::Binary => Ok(()),
        _ if data.is_empty() => Err(ErrorCode::BAD_REQUEST),
        DataFormat::Any => Ok(()),
        DataFormat::Json if wire::is_json(data) => Ok(()),
        DataFormat::JsonObject if data.first() == Some(&b'{') && wire::is_json(data) => Ok(()),
        DataFormat::Json | DataFormat::JsonObject => Err(ErrorCode::BAD_REQUEST),
    }
}

/// A request for history within the server's bound.
fn query(request: &HistoryRequest, most: usize) -> Query {
    let most = if most == 0 { usize::MAX } else { most };
    Query {
        limit: Some(usize::try_from(request.limit).map_or(most, |limit| limit.min(most))),
        since: request.since.as_ref().map(|since| (since.offset, since.epoch.clone())),
        reverse: request.reverse,
    }
}
