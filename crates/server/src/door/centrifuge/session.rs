//! One connection: who it is, what it has subscribed to, and when something is due.

use super::frame::Face;
use crate::auth::channel::ConnectionClaims;
use axum::http::HeaderMap;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use tandem_hub::budget::Budget;
use tandem_hub::channel::ChannelId;
use tandem_hub::namespace::{Capability, NamespaceOptions};
use tandem_hub::publication::ClientInfo;
use tandem_net::stream_loop::ConnKey;
use tandem_wire::centrifuge::Command;
use tandem_wire::websocket::Decoder;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing said yet.
    New,
    /// In service.
    Ready,
    /// Connect was answered with an error: nothing more is accepted.
    Refused,
}

/// One subscription of a connection.
#[derive(Debug)]
pub(super) struct Sub {
    pub(super) channel: ChannelId,
    /// Place among the loop's subscribers of the channel.
    pub(super) place: u32,
    pub(super) options: Arc<NamespaceOptions>,
    /// Made by the server: the client cannot make it again and loses it with the connection only.
    pub(super) server_side: bool,
    /// With what the subscription's token says.
    pub(super) info: Arc<ClientInfo>,
    /// Others hear when it ends.
    pub(super) announce: bool,
    pub(super) expires: Option<Instant>,
    /// The client refreshes it, as opposed to the backend.
    pub(super) client_refreshes: bool,
    /// What its token allows in the channel; ends with the subscription.
    pub(super) capability: Option<Capability>,
}

/// A connection.
pub(super) struct Session {
    pub(super) key: ConnKey,
    pub(super) face: Face,
    /// Of WebSocket connections.
    pub(super) decoder: Option<Decoder>,
    pub(super) stage: Stage,
    /// A backend is being asked; commands wait in `queue` so that their order holds.
    pub(super) busy: bool,
    pub(super) queue: VecDeque<Command>,
    /// Secret of an emulated connection.
    pub(super) secret: Option<Arc<str>>,
    pub(super) info: Arc<ClientInfo>,
    pub(super) subs: HashMap<Arc<str>, Sub>,
    pub(super) capabilities: Vec<Capability>,
    pub(super) stale_at: Option<Instant>,
    pub(super) ping_at: Option<Instant>,
    pub(super) pong_by: Option<Instant>,
    pub(super) expires: Option<Instant>,
    /// A pending expiry closes the connection only after a grace period.
    pub(super) client_refreshes: bool,
    pub(super) rare: Box<Rare>,
}

/// What is seldom looked at.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) headers: Arc<HeaderMap>,
    pub(super) remote: String,
    pub(super) meta: Bytes,
    /// Name and version the client gave itself.
    pub(super) client_name: String,
    pub(super) client_version: String,
    pub(super) connected_unix: u64,
    /// Pings are frames of the WebSocket.
    pub(super) frame_pings: bool,
    /// Of namespaces that bound how often a connection publishes.
    pub(super) publications: Budget,
}

impl Session {
    pub(super) fn new(
        key: ConnKey,
        face: Face,
        decoder: Option<Decoder>,
        headers: Arc<HeaderMap>,
        remote: String,
    ) -> Self {
        Self {
            key,
            face,
            decoder,
            stage: Stage::New,
            busy: false,
            queue: VecDeque::new(),
            secret: None,
            info: Arc::new(ClientInfo::default()),
            subs: HashMap::new(),
            capabilities: Vec::new(),
            stale_at: None,
            ping_at: None,
            pong_by: None,
            expires: None,
            client_refreshes: true,
            rare: Box::new(Rare { headers, remote, ..Rare::default() }),
        }
    }

    /// Takes over what a token says.
    pub(super) fn adopt(&mut self, client: Arc<str>, claims: &ConnectionClaims) {
        self.info = Arc::new(ClientInfo {
            user: claims.user.as_str().into(),
            client,
            conn_info: claims.info.clone(),
            chan_info: Bytes::new(),
        });
        self.capabilities.clone_from(&claims.capabilities);
        self.rare.meta = claims.meta.clone();
    }

    /// The next time anything is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let subs = self.subs.values().filter_map(|sub| sub.expires);
        [self.stale_at, self.ping_at, self.pong_by, self.expires].into_iter().flatten().chain(subs).min()
    }
}
