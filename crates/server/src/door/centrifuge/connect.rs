//! Connecting: who it is, what the server subscribes it to, and when it must be refreshed.

use super::desk::Desk;
use super::id::new_id;
use super::job::{Job, Outcome};
use super::session::Stage;
use crate::auth::channel::{ConnectionClaims, TokenError};
use crate::channels::{Entry, Extra};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_hub::code::{Disconnect, ErrorCode};
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge::{
    ConnectRequest, ConnectResult, Push, PushBody, ReplyBody, SubscribeRequest, SubscribeResult,
};

/// A connection lives at most this long without a refresh, whatever its token says.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Everything that was decided about a new connection.
pub(super) struct Credentials {
    pub(super) claims: ConnectionClaims,
    /// Data for the client, JSON or bytes.
    pub(super) data: bytes::Bytes,
    /// The client refreshes its token, as opposed to the backend being asked.
    pub(super) client_refreshes: bool,
}

impl Desk {
    /// The first command.
    pub(super) fn connect(&mut self, key: ConnKey, id: u32, request: ConnectRequest, io: &mut Io) {
        let settings = &self.plane.settings.client;
        if request.token.is_empty() {
            if let Some(proxy) = settings.proxy.connect.clone() {
                self.ask(key, Job::Connect { id, request: Box::new(request), proxy }, io);
                return;
            }
            if !(settings.insecure || settings.allow_anonymous_connect_without_token) {
                self.disconnect(key, Disconnect::BAD_REQUEST, io);
                return;
            }
            self.connected(key, id, request, Credentials::anonymous(), io);
            return;
        }
        match self.node.tokens.connection(&request.token, self.node.now_unix()) {
            Ok(claims) if claims.user.is_empty() && settings.disallow_anonymous_connection_tokens => {
                self.disconnect(key, Disconnect::PERMISSION_DENIED, io);
            }
            Ok(claims) => {
                let credentials = Credentials { claims, data: bytes::Bytes::new(), client_refreshes: true };
                self.connected(key, id, request, credentials, io);
            }
            Err(TokenError::Expired) => self.connect_refused(key, id, ErrorCode::TOKEN_EXPIRED, io),
            Err(TokenError::Invalid(_)) => self.disconnect(key, Disconnect::INVALID_TOKEN, io),
        }
    }

    /// Answers connect with an error; nothing else is accepted after it.
    pub(super) fn connect_refused(&mut self, key: ConnKey, id: u32, error: ErrorCode, io: &mut Io) {
        let uni = self.session(key).is_some_and(|session| session.face.uni);
        if uni {
            self.disconnect(key, Disconnect::of_error(&error), io);
            return;
        }
        if let Some(session) = self.session(key) {
            session.stage = Stage::Refused;
        }
        self.refuse(key, id, error, io);
    }

    /// It may come in.
    pub(super) fn connected(&mut self, key: ConnKey, id: u32, request: ConnectRequest, who: Credentials, io: &mut Io) {
        if self.plane.is_blocked(&who.claims.user) {
            self.disconnect(key, Disconnect::PERMISSION_DENIED, io);
            return;
        }
        let client: Arc<str> = new_id().into();
        let user: Arc<str> = who.claims.user.as_str().into();
        let now = io.now();
        match self.plane.enter(&user, now) {
            Entry::Open => {}
            Entry::Later(error) => return self.connect_refused(key, id, error, io),
            Entry::Full(why) => return self.disconnect(key, why, io),
        }
        let expires_in = self.expires_in(who.claims.expires_unix);
        let first_ping = self.first_ping();
        let grace = self.plane.settings.client.expired_close_delay;
        let secret: Arc<str> = new_id().into();
        let connected_unix = self.node.now_unix();
        let Some(session) = self.session(key) else { return };
        session.stage = Stage::Ready;
        session.adopt(Arc::clone(&client), &who.claims);
        session.stale_at = None;
        session.ping_at = first_ping.map(|after| now + after);
        session.client_refreshes = who.client_refreshes;
        session.expires = expires_in.map(|left| now + left + if who.client_refreshes { grace } else { Duration::ZERO });
        session.rare.connected_unix = connected_unix;
        session.rare.client_name = request.name;
        session.rare.client_version = request.version;
        let emulated = session.face.envelope != super::frame::Envelope::WebSocket && !session.face.uni;
        if emulated {
            session.secret = Some(Arc::clone(&secret));
            self.plane.remember(Arc::clone(&secret), (io.index(), key));
        }
        if !user.is_empty() {
            if self.plane.settings.client.personal_channel_single_connection {
                self.plane.end_others(&user, &client);
            }
            self.users.entry(user).or_default().push(key);
        }
        let subs = self.server_side(key, &who.claims, request.subs, io);
        self.welcome(key, id, &client, (emulated.then_some(&*secret), expires_in), (who, subs), io);
        self.arm(key, io);
    }

    fn welcome(
        &mut self,
        key: ConnKey,
        id: u32,
        client: &str,
        (secret, expires_in): (Option<&str>, Option<Duration>),
        (who, subs): (Credentials, Vec<(String, SubscribeResult)>),
        io: &mut Io,
    ) {
        let Some((uni, frame_pings)) = self.session(key).map(|session| (session.face.uni, session.rare.frame_pings))
        else {
            return;
        };
        let settings = &self.plane.settings.client;
        let settings_ping =
            if frame_pings || settings.ping_interval.is_zero() { 0 } else { seconds(settings.ping_interval) };
        let expires = expires_in.filter(|_| who.client_refreshes);
        let result = ConnectResult {
            client: client.to_owned(),
            version: concat!("Tandem ", env!("CARGO_PKG_VERSION")).to_owned(),
            expires: expires.is_some(),
            ttl: expires.map_or(0, seconds),
            data: who.data,
            subs,
            ping: settings_ping,
            pong: !uni && settings_ping > 0 && !settings.pong_timeout.is_zero(),
            session: secret.unwrap_or_default().to_owned(),
            node: self.node.id.clone(),
        };
        if uni {
            self.push(key, &Push { id: 0, channel: "", body: PushBody::Connect(&result) }, io);
        } else {
            self.reply(key, id, ReplyBody::Connect(&result), io);
        }
    }

    /// Subscriptions that come with the connection: of the token, the backend, the user's own
    /// channel, and for clients that only listen those they ask for and may have.
    fn server_side(
        &mut self,
        key: ConnKey,
        claims: &ConnectionClaims,
        asked: HashMap<String, SubscribeRequest>,
        io: &mut Io,
    ) -> Vec<(String, SubscribeResult)> {
        let mut wanted: Vec<(String, Extra)> = Vec::new();
        for name in &claims.channels {
            wanted.push((name.clone(), Extra::default()));
        }
        for (name, extra) in &claims.subs {
            wanted.retain(|(known, _)| known != name);
            wanted.push((name.clone(), Extra::of(extra.clone())));
        }
        if let Some(name) = self.plane.settings.personal_channel(&claims.user) {
            wanted.push((name, Extra::default()));
        }
        if self.session(key).is_some_and(|session| session.face.uni) {
            for name in asked.keys() {
                if !wanted.iter().any(|(known, _)| known == name) && self.may_listen(key, name) {
                    wanted.push((name.clone(), Extra::default()));
                }
            }
        }
        let mut results = Vec::new();
        for (name, extra) in wanted {
            let request = asked.get(&name).cloned().unwrap_or_default();
            let request = SubscribeRequest { channel: name.clone(), ..request };
            if let Ok(result) = self.subscribe_server_side(key, &request, extra, io) {
                results.push((name, result));
            }
        }
        results
    }

    /// How long a connection lives that expires at that time; `None` for ever.
    pub(super) fn expires_in(&self, expires_unix: u64) -> Option<Duration> {
        if expires_unix == 0 || self.plane.settings.client.insecure {
            return None;
        }
        let left = Duration::from_secs(expires_unix.saturating_sub(self.node.now_unix()));
        Some(left.min(LONGEST))
    }

    /// Spread out, so that clients that came together are not asked together.
    fn first_ping(&self) -> Option<Duration> {
        let interval = self.plane.settings.client.ping_interval;
        if interval.is_zero() {
            return None;
        }
        Some(interval.mul_f64(rand::random_range(0.5..1.0)))
    }

    /// A client that only listens said what it wants.
    pub(super) fn connect_uni(&mut self, key: ConnKey, data: &bytes::Bytes, io: &mut Io) {
        // One message is all such a client has to say.
        if self.session(key).is_none_or(|session| session.stage != Stage::New || session.busy) {
            self.disconnect(key, Disconnect::BAD_REQUEST, io);
            return;
        }
        match tandem_wire::centrifuge::decode_connect_request(data) {
            Ok(request) => self.connect(key, 1, request, io),
            Err(error) => {
                tracing::debug!(%error, "a connect request that is none");
                self.disconnect(key, Disconnect::BAD_REQUEST, io);
            }
        }
    }

    /// A new token for the connection.
    pub(super) fn refresh(&mut self, key: ConnKey, id: u32, token: &str, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        if !session.client_refreshes || token.is_empty() {
            self.disconnect(key, Disconnect::BAD_REQUEST, io);
            return;
        }
        let (user, client) = (Arc::clone(&session.info.user), Arc::clone(&session.info.client));
        match self.node.tokens.connection(token, self.node.now_unix()) {
            Ok(claims) if *claims.user == *user => self.refreshed(key, id, &client, &claims, io),
            Err(TokenError::Expired) => self.disconnect(key, Disconnect::EXPIRED, io),
            _ => self.disconnect(key, Disconnect::INVALID_TOKEN, io),
        }
    }

    fn refreshed(&mut self, key: ConnKey, id: u32, client: &Arc<str>, claims: &ConnectionClaims, io: &mut Io) {
        let expires_in = self.expires_in(claims.expires_unix);
        let grace = self.plane.settings.client.expired_close_delay;
        let now: Instant = io.now();
        if let Some(session) = self.session(key) {
            session.expires = expires_in.map(|left| now + left + grace);
            session.adopt(Arc::clone(client), claims);
        }
        let result = tandem_wire::centrifuge::RefreshResult {
            client: client.to_string(),
            version: String::new(),
            expires: expires_in.is_some(),
            ttl: expires_in.map_or(0, seconds),
        };
        self.reply(key, id, ReplyBody::Refresh(&result), io);
        self.arm(key, io);
    }

    /// What a backend said about a connection that wants in.
    pub(super) fn outcome(&mut self, key: ConnKey, outcome: Outcome, io: &mut Io) {
        if self.session(key).is_none() {
            return;
        }
        super::job::settle(self, key, outcome, io);
        self.free(key, io);
    }
}

impl Credentials {
    fn anonymous() -> Self {
        Self { claims: ConnectionClaims::default(), data: bytes::Bytes::new(), client_refreshes: true }
    }
}

/// Whole seconds, at least one.
pub(super) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs().max(1)).unwrap_or(u32::MAX)
}
