//! Options of a namespace.

use super::regex::ChannelRegex;
use crate::budget::Rate;
use std::sync::Arc;
use std::time::Duration;

/// How long the position of a channel outlives its history, unless said otherwise: thirty days.
const META_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// When a publication counts as made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When it is in memory; a restart forgets the history.
    #[default]
    Memory,
    /// When it is on the disk; nothing acknowledged is lost by a crash.
    Disk,
}

/// What a subscriber that was away gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecoveryMode {
    /// Everything it missed, or word that it missed too much.
    #[default]
    Stream,
    /// The newest publication: it is the whole state.
    Cache,
}

/// What data a namespace takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataFormat {
    /// Anything that is not empty.
    #[default]
    Any,
    /// JSON.
    Json,
    /// A JSON object.
    JsonObject,
    /// Anything, even nothing.
    Binary,
}

/// Which waiting publications a slow subscriber may miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflationMode {
    /// All but the newest of the channel.
    Latest,
    /// All but the newest of each value of a tag.
    LatestPerKey {
        /// The tag.
        tag: String,
    },
    /// The oldest, when more than so many wait.
    DropOldest {
        /// So many.
        depth: usize,
    },
}

/// Conflation of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflation {
    /// What may be missed.
    pub mode: ConflationMode,
    /// Subscribers get at most one publication (of each key) in this time, the newest one. Zero:
    /// only slow subscribers miss any.
    pub interval: Duration,
}

/// What a namespace allows and keeps. Off is the default of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // documented for operators in docs/doors/channels.md
pub struct NamespaceOptions {
    pub presence: bool,
    pub join_leave: bool,
    pub force_push_join_leave: bool,
    pub history_size: usize,
    pub history_ttl: Duration,
    pub history_meta_ttl: Duration,
    pub durability: Durability,
    pub force_positioning: bool,
    pub allow_positioning: bool,
    pub force_recovery: bool,
    pub allow_recovery: bool,
    pub force_recovery_mode: RecoveryMode,
    pub auto_cache_recover: bool,
    pub allow_subscribe_for_client: bool,
    pub allow_subscribe_for_anonymous: bool,
    pub allow_publish_for_client: bool,
    pub allow_publish_for_subscriber: bool,
    pub allow_publish_for_anonymous: bool,
    pub allow_history_for_client: bool,
    pub allow_history_for_subscriber: bool,
    pub allow_history_for_anonymous: bool,
    pub allow_presence_for_client: bool,
    pub allow_presence_for_subscriber: bool,
    pub allow_presence_for_anonymous: bool,
    pub allow_user_limited_channels: bool,
    pub channel_regex: Option<ChannelRegex>,
    pub delta_publish: bool,
    pub allowed_delta_fossil: bool,
    pub publication_data_format: DataFormat,
    pub allow_tags_filter: bool,
    pub allow_channel_compaction: bool,
    pub subscribe_proxy: Option<Arc<str>>,
    pub publish_proxy: Option<Arc<str>>,
    pub sub_refresh_proxy: Option<Arc<str>>,
    pub conflation: Option<Conflation>,
    pub publish_rate: Option<Rate>,
    /// Only what a token names may be done here (rooms).
    pub members_only: bool,
}

impl Default for NamespaceOptions {
    fn default() -> Self {
        Self {
            presence: false,
            join_leave: false,
            force_push_join_leave: false,
            history_size: 0,
            history_ttl: Duration::ZERO,
            history_meta_ttl: META_TTL,
            durability: Durability::Memory,
            force_positioning: false,
            allow_positioning: false,
            force_recovery: false,
            allow_recovery: false,
            force_recovery_mode: RecoveryMode::Stream,
            auto_cache_recover: false,
            allow_subscribe_for_client: false,
            allow_subscribe_for_anonymous: false,
            allow_publish_for_client: false,
            allow_publish_for_subscriber: false,
            allow_publish_for_anonymous: false,
            allow_history_for_client: false,
            allow_history_for_subscriber: false,
            allow_history_for_anonymous: false,
            allow_presence_for_client: false,
            allow_presence_for_subscriber: false,
            allow_presence_for_anonymous: false,
            allow_user_limited_channels: false,
            channel_regex: None,
            delta_publish: false,
            allowed_delta_fossil: false,
            publication_data_format: DataFormat::Any,
            allow_tags_filter: false,
            allow_channel_compaction: false,
            subscribe_proxy: None,
            publish_proxy: None,
            sub_refresh_proxy: None,
            conflation: None,
            publish_rate: None,
            members_only: false,
        }
    }
}

impl NamespaceOptions {
    /// Whether publications are kept.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.history_size > 0 && !self.history_ttl.is_zero()
    }

    /// Everything open and on, as in development.
    #[must_use]
    pub fn open() -> Self {
        Self {
            presence: true,
            join_leave: true,
            force_push_join_leave: true,
            history_size: 100,
            history_ttl: Duration::from_secs(300),
            durability: Durability::Disk,
            force_positioning: true,
            allow_positioning: true,
            force_recovery: true,
            allow_recovery: true,
            allow_subscribe_for_client: true,
            allow_subscribe_for_anonymous: true,
            allow_publish_for_client: true,
            allow_publish_for_subscriber: true,
            allow_publish_for_anonymous: true,
            allow_history_for_client: true,
            allow_history_for_subscriber: true,
            allow_history_for_anonymous: true,
            allow_presence_for_client: true,
            allow_presence_for_subscriber: true,
            allow_presence_for_anonymous: true,
            allow_user_limited_channels: true,
            delta_publish: true,
            allowed_delta_fossil: true,
            allow_tags_filter: true,
            allow_channel_compaction: true,
            ..Self::default()
        }
    }

    /// Channels of rooms: for their members alone, with a day of history.
    #[must_use]
    pub fn room() -> Self {
        Self {
            presence: true,
            join_leave: true,
            force_push_join_leave: true,
            history_size: 100,
            history_ttl: Duration::from_secs(24 * 3600),
            durability: Durability::Disk,
            force_positioning: true,
            force_recovery: true,
            publication_data_format: DataFormat::Json,
            members_only: true,
            ..Self::default()
        }
    }
}
