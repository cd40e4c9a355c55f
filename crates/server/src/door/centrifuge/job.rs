//! Questions to the application's backend. While one is open, the connection's further commands
//! wait, so that their order holds.

use super::connect::Credentials;
use super::desk::Desk;
use super::query::draft;
use crate::auth::channel::ConnectionClaims;
use crate::channels::{Extra, Mail};
use crate::hooks::{self, Answer, Asked};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_hub::code::{Disconnect, ErrorCode, Unsubscribe};
use tandem_hub::publication::Draft;
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge::{ConnectRequest, PublishRequest, ReplyBody, RpcRequest, SubscribeRequest};

/// A question, and what is needed to go on with its answer.
pub(super) enum Job {
    Connect { id: u32, request: Box<ConnectRequest>, proxy: Arc<str> },
    Refresh { proxy: Arc<str> },
    Subscribe { id: u32, request: Box<SubscribeRequest>, proxy: Arc<str> },
    SubRefresh { channel: Arc<str>, proxy: Arc<str> },
    Publish { id: u32, request: PublishRequest, proxy: Arc<str> },
    Rpc { id: u32, request: RpcRequest, proxy: Arc<str> },
}

/// A question with its answer.
pub struct Outcome {
    job: Job,
    answer: Result<Answer, hooks::Fault>,
}

/// A backend that could not be asked about an expiry is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Desk {
    /// Asks a backend; [`settle`] goes on when it has answered.
    pub(super) fn ask(&mut self, key: ConnKey, job: Job, io: &mut Io) {
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        session.busy = true;
        let hooks = Arc::clone(&node.hooks);
        let asked = question(session, &job, &hooks);
        let Some(handle) = self.plane.loop_of(io.index()) else { return };
        self.node.runtime.spawn(async move {
            let answer = hooks.ask(asked).await;
            handle.push(Mail::Outcome(key, Box::new(Outcome { job, answer })));
        });
    }

    /// When a connection is to be refreshed; `None` for never.
    pub(super) fn lives_until(&mut self, key: ConnKey, at: Option<Instant>, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        session.expires = at;
        if let Some(at) = at {
            io.wake_at(key, at);
        }
    }

    /// When a subscription is to be refreshed; `None` for never.
    pub(super) fn sub_lives_until(&mut self, key: ConnKey, channel: &str, at: Option<Instant>, io: &mut Io) {
        let Some(sub) = self.session(key).and_then(|session| session.subs.get_mut(channel)) else { return };
        sub.expires = at;
        if let Some(at) = at {
            io.wake_at(key, at);
        }
    }
}

fn question(session: &super::session::Session, job: &Job, hooks: &hooks::Hooks) -> Asked {
    let (event, proxy, mut body) = match job {
        Job::Connect { request, proxy, .. } => {
            let mut body = serde_json::Map::new();
            hooks::put_text(&mut body, "name", &request.name);
            hooks::put_text(&mut body, "version", &request.version);
            hooks::put_data(&mut body, &request.data);
            (hooks::Event::Connect, proxy, body)
        }
        Job::Refresh { proxy } => (hooks::Event::Refresh, proxy, serde_json::Map::new()),
        Job::Subscribe { request, proxy, .. } => {
            let mut body = serde_json::Map::new();
            hooks::put_text(&mut body, "channel", &request.channel);
            hooks::put_text(&mut body, "token", &request.token);
            hooks::put_data(&mut body, &request.data);
            (hooks::Event::Subscribe, proxy, body)
        }
        Job::SubRefresh { channel, proxy } => {
            let mut body = serde_json::Map::new();
            hooks::put_text(&mut body, "channel", channel);
            (hooks::Event::SubRefresh, proxy, body)
        }
        Job::Publish { request, proxy, .. } => {
            let mut body = serde_json::Map::new();
            hooks::put_text(&mut body, "channel", &request.channel);
            hooks::put_data(&mut body, &request.data);
            (hooks::Event::Publish, proxy, body)
        }
        Job::Rpc { request, proxy, .. } => {
            let mut body = serde_json::Map::new();
            hooks::put_text(&mut body, "method", &request.method);
            hooks::put_data(&mut body, &request.data);
            (hooks::Event::Rpc, proxy, body)
        }
    };
    let with_meta = hooks.wants_meta(proxy);
    let transport = session.face.transport_name();
    hooks::put_text(&mut body, "client", &session.info.client);
    hooks::put_text(&mut body, "transport", transport);
    hooks::put_text(&mut body, "protocol", session.face.protocol_name());
    hooks::put_text(&mut body, "encoding", session.face.protocol_name());
    if !matches!(job, Job::Connect { .. }) {
        body.insert("user".to_owned(), serde_json::Value::String(session.info.user.to_string()));
        if with_meta {
            hooks::put_raw(&mut body, "meta", &session.rare.meta);
        }
    }
    Asked { event, proxy: Arc::clone(proxy), body, headers: Arc::clone(&session.rare.headers) }
}

/// Goes on with what a backend said.
pub(super) fn settle(desk: &mut Desk, key: ConnKey, outcome: Outcome, io: &mut Io) {
    let Outcome { job, answer } = outcome;
    let answer = match answer {
        Ok(Answer::Disconnect { code, reason }) => {
            return desk.disconnect(key, Disconnect::custom(code, reason), io);
        }
        Ok(Answer::Error(error)) => return failed(desk, key, job, error, io),
        Ok(Answer::Result(answer)) => answer,
        Err(fault) => {
            tracing::warn!(%fault, "a backend did not answer");
            return failed(desk, key, job, ErrorCode::INTERNAL, io);
        }
    };
    match job {
        Job::Connect { id, request, .. } => {
            let credentials = Credentials {
                claims: ConnectionClaims {
                    user: answer.user,
                    expires_unix: answer.expire_at,
                    info: answer.info,
                    channels: answer.channels,
                    subs: answer.subs,
                    meta: answer.meta,
                    capabilities: answer.capabilities,
                },
                data: answer.data,
                client_refreshes: desk.plane.settings.client.proxy.refresh.is_none(),
            };
            desk.connected(key, id, *request, credentials, io);
        }
        Job::Refresh { .. } if answer.expired => desk.disconnect(key, Disconnect::EXPIRED, io),
        Job::Refresh { .. } => {
            let left = desk.expires_in(answer.expire_at);
            desk.lives_until(key, left.map(|left| io.now() + left), io);
        }
        Job::Subscribe { id, request, .. } => {
            let extra = Extra {
                info: answer.info,
                data: answer.data,
                expires_unix: answer.expire_at,
                overrides: answer.overrides,
                ..Extra::default()
            };
            match desk.resolve(&request.channel) {
                Ok((_, options)) => desk.subscribe_allowed(key, id, &request, options, extra, io),
                Err(error) => desk.refuse(key, id, error, io),
            }
        }
        Job::SubRefresh { channel, .. } if answer.expired => {
            desk.unsubscribe_by_server(key, &channel, Unsubscribe::EXPIRED, io);
        }
        Job::SubRefresh { channel, .. } => {
            let left = desk.expires_in(answer.expire_at);
            desk.sub_lives_until(key, &channel, left.map(|left| io.now() + left), io);
        }
        Job::Publish { id, request, .. } => {
            let data = if answer.data.is_empty() { request.data } else { answer.data };
            let Ok((_, options)) = desk.resolve(&request.channel) else { return };
            let draft = Draft {
                skip_history: answer.skip_history,
                tags: answer.tags,
                idempotency_key: answer.idempotency_key,
                delta: answer.delta,
                version: answer.version,
                version_epoch: answer.version_epoch,
                ..draft(data)
            };
            desk.publish_allowed(key, id, &request.channel, &options, draft, io);
        }
        Job::Rpc { id, .. } => {
            if desk.speaks(key, &answer.data, io) {
                desk.reply(key, id, ReplyBody::Rpc(&answer.data), io);
            }
        }
    }
}

fn failed(desk: &mut Desk, key: ConnKey, job: Job, error: ErrorCode, io: &mut Io) {
    match job {
        Job::Connect { id, .. } => desk.connect_refused(key, id, error, io),
        Job::Subscribe { id, .. } | Job::Publish { id, .. } | Job::Rpc { id, .. } => desk.refuse(key, id, error, io),
        // Nobody is thrown out because the backend is away for a moment.
        Job::Refresh { .. } => desk.lives_until(key, Some(io.now() + ASK_AGAIN), io),
        Job::SubRefresh { channel, .. } => desk.sub_lives_until(key, &channel, Some(io.now() + ASK_AGAIN), io),
    }
}
