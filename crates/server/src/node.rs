//! The running node: what every door may use.

use crate::auth::Keys;
use crate::auth::channel::ChannelTokens;
use crate::channels::{ChannelParts, Plane};
use crate::config::Config;
use crate::door::rendezvous::Rendezvous;
use crate::door::transfer::Transfers;
use crate::join::Gate;
use crate::metrics::{Door, Metrics};
use crate::push::Push;
use crate::relay::Relay;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tandem_core::{Code, Limits, SessionId, SidGenerator};
use tandem_net::Shards;
use tokio::sync::watch;

/// The LiveKit server version whose behaviour clients may expect.
const LIVEKIT_VERSION: &str = "1.13.5";

/// Shared by all doors; cheap to share, nothing in it blocks.
pub struct Node {
    /// API keys.
    pub keys: Keys,
    /// The media threads.
    pub shards: Shards,
    /// Settings, fixed at start.
    pub config: Config,
    /// Bounds, from the settings.
    pub limits: Limits,
    /// Counters.
    pub metrics: Metrics,
    /// Channels.
    pub channels: Arc<Plane>,
    /// Notifications to closed pages, if they are on.
    pub push: Option<Arc<Push>>,
    /// Tokens of channels, for doors beside their own.
    pub tokens: Arc<ChannelTokens>,
    pub(crate) push_gate: Gate,
    /// Where people find each other.
    pub rendezvous: Rendezvous,
    /// Files under way through this node.
    pub transfers: Transfers,
    /// The relay, if there is one.
    pub relay: Option<Relay>,
    pub(crate) relay_gate: Gate,
    id: String,
    started: Instant,
    sessions: AtomicU64,
    drain: watch::Sender<bool>,
}

impl Node {
    /// A node in service.
    #[must_use]
    pub fn new(config: Config, keys: Keys, shards: Shards, plane: ChannelParts, id: String) -> Self {
        let ChannelParts { channels, tokens, push } = plane;
        let limits = config.limits();
        let rendezvous = Rendezvous::new(config.peer.options());
        let drain = watch::Sender::new(false);
        let started = Instant::now();
        Self {
            keys,
            shards,
            config,
            limits,
            metrics: Metrics::default(),
            channels,
            push,
            tokens,
            push_gate: Gate::default(),
            rendezvous,
            transfers: Transfers::default(),
            relay: None,
            relay_gate: Gate::default(),
            id,
            started,
            sessions: AtomicU64::new(1),
            drain,
        }
    }

    /// The same with a relay.
    #[must_use]
    pub fn with_relay(self, relay: Option<Relay>) -> Self {
        Self { relay, ..self }
    }

    /// A name for a node, new with every start.
    #[must_use]
    pub fn new_id() -> String {
        SidGenerator::new(rand::random()).sid("ND_").to_string()
    }

    /// How long it is in service.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// A session number nobody had before.
    pub fn next_session(&self) -> SessionId {
        SessionId(self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether joins make rooms.
    #[must_use]
    pub fn auto_create(&self) -> bool {
        self.config.room.auto_create
    }

    /// New joins are refused.
    #[must_use]
    pub fn draining(&self) -> bool {
        *self.drain.borrow()
    }

    /// Refuse new joins from now on.
    pub fn start_draining(&self) {
        self.drain.send_replace(true);
    }

    /// Turns true when draining starts.
    #[must_use]
    pub fn drain_watch(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// The version LiveKit clients are told.
    #[must_use]
    pub fn version(&self) -> &str {
        LIVEKIT_VERSION
    }

    /// `ND_…`, new with every start.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now_unix(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// The LiveKit door refused something.
    pub fn rejected(&self, code: Code) {
        self.metrics.rejected(Door::Livekit, code);
    }
}
