//! Subscribing: who may, what was missed, and the reply that comes before the first publication.

use super::connect::seconds;
use super::desk::Desk;
use super::frame::{Face, number, to_wire};
use super::job::Job;
use super::local::LocalSub;
use super::query::Act;
use super::session::Sub;
use crate::auth::channel::{SubscriptionClaims, TokenError};
use crate::channels::{Extra, Subscribed, Subscriber};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::channel::Recovered;
use tandem_hub::code::{Disconnect, ErrorCode, Unsubscribe};
use tandem_hub::filter::{Filter, RawFilter};
use tandem_hub::namespace::{ChannelParts, NamespaceOptions, RecoveryMode};
use tandem_hub::publication::ClientInfo;
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge::{
    FilterNode, Protocol, Push, PushBody, ReplyBody, SubRefreshRequest, SubRefreshResult, SubscribeRequest,
    SubscribeResult,
};

/// The client takes channel numbers in place of names.
const FLAG_COMPACTION: i64 = 1;
/// The client would rather load its state anew than go on with a hole.
const FLAG_REJECT_UNRECOVERED: i64 = 2;

/// A subscription about to begin.
struct Plan {
    options: Arc<NamespaceOptions>,
    info: Arc<ClientInfo>,
    recoverable: bool,
    positioned: bool,
    present: bool,
    announce: bool,
    hears_join_leave: bool,
    delta: bool,
    filter: Option<Filter>,
    by_id: bool,
    recover: Option<(u64, String)>,
}

impl Desk {
    /// The client wants to hear a channel.
    pub(super) fn subscribe(&mut self, key: ConnKey, id: u32, request: SubscribeRequest, io: &mut Io) {
        let (parts, options) = match self.resolve(&request.channel) {
            Ok(found) => found,
            Err(error) => return self.refuse(key, id, error, io),
        };
        if let Err(refusal) = options.fits(&parts) {
            return self.refuse(key, id, refusal.code(), io);
        }
        let limit = self.plane.settings.client.channel_limit;
        let Some(session) = self.session(key) else { return };
        if session.subs.contains_key(&*request.channel) {
            return self.refuse(key, id, ErrorCode::ALREADY_SUBSCRIBED, io);
        }
        if limit > 0 && session.subs.len() >= limit {
            return self.refuse(key, id, ErrorCode::LIMIT_EXCEEDED, io);
        }
        if request.kind != 0 {
            // Maps and shared polls are other kinds of channels, which no namespace here has.
            return self.refuse(key, id, ErrorCode::BAD_REQUEST, io);
        }
        if !request.token.is_empty() {
            return self.subscribe_with_token(key, id, &request, options, io);
        }
        if let Some(proxy) = options.subscribe_proxy.clone().filter(|_| !parts.private && parts.users.is_none()) {
            return self.ask(key, Job::Subscribe { id, request: Box::new(request), proxy }, io);
        }
        match self.allowed(key, &parts, &options, Act::Subscribe) {
            Ok(()) => self.subscribe_allowed(key, id, &request, options, Extra::default(), io),
            Err(error) => self.refuse(key, id, error, io),
        }
    }

    fn subscribe_with_token(
        &mut self,
        key: ConnKey,
        id: u32,
        request: &SubscribeRequest,
        options: Arc<NamespaceOptions>,
        io: &mut Io,
    ) {
        match self.subscription_claims(key, &request.channel, &request.token) {
            Ok(claims) => self.subscribe_allowed(key, id, request, options, Extra::of(claims), io),
            Err(Verdict::Error(error)) => self.refuse(key, id, error, io),
            Err(Verdict::Disconnect(why)) => self.disconnect(key, why, io),
        }
    }

    /// The token of a subscription, if it is for this client and channel.
    fn subscription_claims(&mut self, key: ConnKey, channel: &str, token: &str) -> Result<SubscriptionClaims, Verdict> {
        let now = self.node.now_unix();
        let claims = match self.node.tokens.subscription(token, now) {
            Ok(claims) => claims,
            Err(TokenError::Expired) => return Err(Verdict::Error(ErrorCode::TOKEN_EXPIRED)),
            Err(TokenError::Invalid(_)) => return Err(Verdict::Error(ErrorCode::PERMISSION_DENIED)),
        };
        let Some(session) = self.session(key) else { return Err(Verdict::Disconnect(Disconnect::INVALID_TOKEN)) };
        let same_client = claims.client.is_empty() || *claims.client == *session.info.client;
        if claims.channel == channel && *claims.user == *session.info.user && same_client {
            Ok(claims)
        } else {
            Err(Verdict::Disconnect(Disconnect::INVALID_TOKEN))
        }
    }

    /// It may: subscribe and answer.
    pub(super) fn subscribe_allowed(
        &mut self,
        key: ConnKey,
        id: u32,
        request: &SubscribeRequest,
        options: Arc<NamespaceOptions>,
        extra: Extra,
        io: &mut Io,
    ) {
        match self.begin(key, request, options, extra, false, io) {
            Ok(result) => self.reply(key, id, ReplyBody::Subscribe(&result), io),
            Err(error) => self.refuse(key, id, error, io),
        }
    }

    /// A subscription the server makes; the client hears of it in its connect reply or by a push.
    pub(super) fn subscribe_server_side(
        &mut self,
        key: ConnKey,
        request: &SubscribeRequest,
        extra: Extra,
        io: &mut Io,
    ) -> Result<SubscribeResult, ErrorCode> {
        let known = self.session(key).is_some_and(|session| session.subs.contains_key(&*request.channel));
        if known {
            return Err(ErrorCode::ALREADY_SUBSCRIBED);
        }
        let (_, options) = self.resolve(&request.channel)?;
        self.begin(key, request, options, extra, true, io)
    }

    /// A namespace, or the error that says there is none.
    pub(super) fn resolve<'c>(&self, channel: &'c str) -> Result<(ChannelParts<'c>, Arc<NamespaceOptions>), ErrorCode> {
        let namespaces = &self.plane.settings.namespaces;
        let parts = namespaces.parse(channel).map_err(|_| ErrorCode::BAD_REQUEST)?;
        let options = namespaces.options_of(&parts).ok_or(ErrorCode::UNKNOWN_CHANNEL)?;
        Ok((parts, options))
    }

    /// Whether a client that only listens may hear a channel it names.
    pub(super) fn may_listen(&mut self, key: ConnKey, channel: &str) -> bool {
        self.may(key, channel, Act::Subscribe).is_ok()
    }

    fn plan(
        &mut self,
        key: ConnKey,
        request: &SubscribeRequest,
        options: Arc<NamespaceOptions>,
        extra: &Extra,
    ) -> Result<Plan, ErrorCode> {
        let overrides = &extra.overrides;
        let session = self.session(key).ok_or(ErrorCode::INTERNAL)?;
        let has_history = options.has_history();
        let recoverable = has_history
            && (overrides.force_recovery.unwrap_or(options.force_recovery)
                || (request.recoverable && options.allow_recovery));
        let positioned = recoverable
            || (has_history
                && (overrides.force_positioning.unwrap_or(options.force_positioning)
                    || (request.positioned && options.allow_positioning)));
        let filter = match &request.filter {
            None => None,
            Some(_) if !options.allow_tags_filter || !request.delta.is_empty() => return Err(ErrorCode::BAD_REQUEST),
            Some(node) => Some(Filter::parse(&raw_filter(node)).map_err(|_| ErrorCode::BAD_REQUEST)?),
        };
        let presence = overrides.presence.unwrap_or(options.presence);
        let join_leave = overrides.join_leave.unwrap_or(options.join_leave);
        let forced = overrides.force_push_join_leave.unwrap_or(options.force_push_join_leave);
        let auto = options.force_recovery_mode == RecoveryMode::Cache && options.auto_cache_recover;
        let wants = recoverable && (request.recover || auto);
        Ok(Plan {
            info: with_channel_info(&session.info, &extra.info),
            recoverable,
            positioned,
            present: presence,
            announce: join_leave,
            hears_join_leave: join_leave && (forced || (request.join_leave && presence)),
            // Where publications may be left out, a difference has nothing to refer to.
            delta: request.delta == "fossil"
                && options.allowed_delta_fossil
                && positioned
                && options.conflation.is_none(),
            filter,
            by_id: request.flag & FLAG_COMPACTION != 0 && options.allow_channel_compaction && knows_numbers(session),
            recover: wants.then(|| (request.offset, request.epoch.clone())),
            options,
        })
    }

    fn begin(
        &mut self,
        key: ConnKey,
        request: &SubscribeRequest,
        options: Arc<NamespaceOptions>,
        extra: Extra,
        server_side: bool,
        io: &mut Io,
    ) -> Result<SubscribeResult, ErrorCode> {
        let plan = self.plan(key, request, options, &extra)?;
        let name: Arc<str> = request.channel.as_str().into();
        let limit = match self.plane.settings.client.recovery_max_publication_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let started = self.plane.subscribe(
            &name,
            &plan.options,
            &Subscriber {
                on_loop: io.index(),
                info: &plan.info,
                present: plan.present,
                announce: plan.announce,
                recover: plan.recover.clone(),
                recover_limit: limit,
            },
        );
        let lost = started.recovered.as_ref().is_some_and(|recovered| !recovered.complete);
        if lost && request.flag & FLAG_REJECT_UNRECOVERED != 0 {
            self.plane.unsubscribe(started.channel, io.index(), &plan.info, plan.announce);
            return Err(ErrorCode::UNRECOVERABLE_POSITION);
        }
        let (face, expires_in) = {
            let expires_in = self.expires_in(extra.expires_unix);
            let session = self.session(key).ok_or(ErrorCode::INTERNAL)?;
            (Face { by_id: plan.by_id, ..session.face }, expires_in)
        };
        let result = describe(&plan, &started, request, &extra, (face, expires_in));
        let filter = plan.filter.map_or(0, |filter| self.local.filters(started.channel, &name).add(filter));
        let has_base = result.publications.last().is_some_and(|last| last.offset == started.position.offset);
        let local = LocalSub {
            key,
            face,
            after: started.seq,
            delta: plan.delta,
            has_base: plan.delta && has_base,
            join_leave: plan.hears_join_leave,
            filter,
        };
        let place = self.local.add(started.channel, &name, local, plan.options.conflation.as_ref());
        let grace =
            if extra.client_refreshes { self.plane.settings.client.expired_sub_close_delay } else { Duration::ZERO };
        let expires = expires_in.map(|left| io.now() + left + grace);
        if let Some(at) = expires {
            io.wake_at(key, at);
        }
        let sub = Sub {
            channel: started.channel,
            place,
            options: plan.options,
            server_side,
            info: plan.info,
            announce: plan.announce,
            expires,
            client_refreshes: extra.client_refreshes,
            capability: extra.capability,
        };
        if let Some(session) = self.session(key) {
            session.subs.insert(name, sub);
        }
        Ok(result)
    }

    /// The client does not want to hear a channel any more. It gets its answer in any case.
    pub(super) fn unsubscribe(&mut self, key: ConnKey, id: u32, channel: &str, io: &mut Io) {
        if let Some(sub) = self.session(key).and_then(|session| session.subs.remove(channel)) {
            self.leave(&sub, io);
        }
        self.reply(key, id, ReplyBody::Unsubscribe, io);
    }

    /// The server ends a subscription.
    pub(super) fn unsubscribe_by_server(&mut self, key: ConnKey, channel: &str, why: Unsubscribe, io: &mut Io) {
        let Some(sub) = self.session(key).and_then(|session| session.subs.remove(channel)) else { return };
        self.leave(&sub, io);
        self.plane.stats.unsubscribed_by_server(why.code);
        let body = PushBody::Unsubscribe { code: why.code, reason: why.reason };
        self.push(key, &Push { id: 0, channel, body }, io);
    }

    /// A new token for a subscription.
    pub(super) fn sub_refresh(&mut self, key: ConnKey, id: u32, request: &SubRefreshRequest, io: &mut Io) {
        let known = self.session(key).and_then(|session| session.subs.get(&*request.channel));
        if known.is_none() || request.kind != 0 {
            return self.refuse(key, id, ErrorCode::BAD_REQUEST, io);
        }
        let claims = match self.subscription_claims(key, &request.channel, &request.token) {
            Ok(claims) => claims,
            Err(Verdict::Error(error)) if error == ErrorCode::TOKEN_EXPIRED => {
                return self.unsubscribe_by_server(key, &request.channel, Unsubscribe::EXPIRED, io);
            }
            Err(_) => return self.disconnect(key, Disconnect::INVALID_TOKEN, io),
        };
        let expires_in = self.expires_in(claims.expires_unix);
        let grace = self.plane.settings.client.expired_sub_close_delay;
        let expires = expires_in.map(|left| io.now() + left + grace);
        if let Some(sub) = self.session(key).and_then(|session| session.subs.get_mut(&*request.channel)) {
            sub.expires = expires;
            sub.capability = claims.capability;
        }
        if let Some(at) = expires {
            io.wake_at(key, at);
        }
        let result = SubRefreshResult { expires: expires_in.is_some(), ttl: expires_in.map_or(0, seconds) };
        self.reply(key, id, ReplyBody::SubRefresh(&result), io);
    }
}

/// What a bad token leads to.
enum Verdict {
    Error(ErrorCode),
    Disconnect(Disconnect),
}

/// Whether channel numbers mean anything to a client that asks for them. In Node, the official
/// JavaScript client reads 64-bit numbers of protobuf as objects, and then finds no channel by them.
fn knows_numbers(session: &super::session::Session) -> bool {
    let broken = session.face.protocol == Protocol::Protobuf && session.rare.client_name == "js";
    !session.face.uni && !broken
}

fn with_channel_info(info: &Arc<ClientInfo>, extra: &Bytes) -> Arc<ClientInfo> {
    if extra.is_empty() {
        return Arc::clone(info);
    }
    Arc::new(ClientInfo { chan_info: extra.clone(), ..ClientInfo::clone(info) })
}

/// The answer. When everything was recovered, its offset is the one the client named: the client
/// moves on with each publication.
fn describe(
    plan: &Plan,
    started: &Subscribed,
    request: &SubscribeRequest,
    extra: &Extra,
    (face, expires_in): (Face, Option<Duration>),
) -> SubscribeResult {
    let expires = expires_in.filter(|_| extra.client_refreshes);
    let nothing = Recovered { complete: false, publications: Vec::new() };
    let recovered = started.recovered.as_ref().unwrap_or(&nothing);
    let text = plan.delta && face.protocol == Protocol::Json;
    let passing = recovered
        .publications
        .iter()
        .filter(|publication| plan.filter.as_ref().is_none_or(|filter| filter.passes(publication.tags.as_deref())));
    let publications = passing.map(|publication| {
        let mut publication = to_wire(publication);
        publication.as_text = text;
        publication
    });
    let by_stream = plan.options.force_recovery_mode == RecoveryMode::Stream;
    let position = &started.position;
    SubscribeResult {
        expires: expires.is_some(),
        ttl: expires.map_or(0, seconds),
        recoverable: plan.recoverable,
        positioned: plan.positioned,
        epoch: if plan.positioned { position.epoch.to_string() } else { String::new() },
        offset: match plan.positioned {
            false => 0,
            true if recovered.complete && by_stream => request.offset,
            true => position.offset,
        },
        publications: publications.collect(),
        recovered: recovered.complete,
        was_recovering: started.recovered.is_some(),
        delta: plan.delta,
        data: extra.data.clone(),
        id: if plan.by_id { number(started.channel) } else { 0 },
    }
}

fn raw_filter(node: &FilterNode) -> RawFilter {
    RawFilter {
        op: node.op.clone(),
        key: node.key.clone(),
        cmp: node.cmp.clone(),
        val: node.val.clone(),
        vals: node.vals.clone(),
        nodes: node.nodes.iter().map(raw_filter).collect(),
    }
}
