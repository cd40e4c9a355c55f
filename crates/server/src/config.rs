//! Every setting of a node, where it comes from and what it means.
//!
//! Flags win over the environment, the environment over the YAML file. [`options::OPTIONS`] lists
//! all of it once; the example file, the JSON schema and the search for misspelt names use that
//! list, and a test keeps it equal to the structs here.

pub mod channels;
mod error;
pub mod options;
mod write;

pub use error::ConfigError;
pub use options::{Kind, Setting, unknown_environment};
pub use write::{example, schema};

use channels::{Span, raw};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tandem_core::Limits;
use tandem_hub::rendezvous::{Conflict, DeskOptions};

/// The settings of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Development mode: known keys, loopback, open rooms.
    pub dev: bool,
    /// Address to listen on; all addresses when absent, loopback in development mode.
    pub bind: Option<IpAddr>,
    /// HTTP, WebSocket and web app; 0 takes a free port.
    pub port: u16,
    /// Media over UDP: the first shard's port, the others follow; 0 takes free ports.
    pub udp_port: u16,
    /// Media over TCP; 0 takes a free port.
    pub tcp_port: u16,
    /// Relay, UDP and TCP; 0 takes a free port.
    pub turn_port: u16,
    /// Media threads; 0 for one less than the processors.
    pub shards: usize,
    /// Where generated keys and state are kept.
    pub data: PathBuf,
    /// Addresses clients reach this node at; found out when empty.
    pub public_ip: Vec<IpAddr>,
    /// API keys and their secrets.
    pub keys: BTreeMap<String, Secret>,
    /// Web app.
    pub web: Web,
    /// Rooms.
    pub room: Room,
    /// Bounds.
    pub limits: Bounds,
    /// Logs.
    pub log: Log,
    /// Certificate.
    pub tls: Tls,
    /// Where people find each other.
    pub peer: PeerSettings,
    /// Relay.
    pub turn: Turn,
    /// Notifications to closed pages.
    pub push: PushSettings,
    /// Connections to channels.
    pub client: raw::Client,
    /// Channels.
    pub channel: raw::Channel,
    /// Server API of channels.
    pub http_api: raw::HttpApi,
    /// Backends with names.
    pub proxies: Vec<raw::Proxy>,
    /// Remote procedures.
    pub rpc: raw::Rpc,
    /// Transport of channels.
    pub websocket: raw::WebSocket,
    /// Transport of channels.
    pub http_stream: raw::Transport,
    /// Transport of channels.
    pub sse: raw::Transport,
    /// Upstream half of the two above.
    pub emulation: raw::Emulation,
    /// Transport of channels, one way.
    pub uni_websocket: raw::Transport,
    /// Transport of channels, one way.
    pub uni_sse: raw::Transport,
    /// Transport of channels, one way.
    pub uni_http_stream: raw::Transport,
}

/// Text that no log shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Settings of the web app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Anybody may enter any room by its name, without an invitation.
    pub open_rooms: bool,
}

/// Settings of rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Room {
    /// Joining makes the room if it does not exist.
    pub auto_create: bool,
    /// Seconds an unvisited room stays.
    pub empty_timeout: u32,
    /// Seconds a left room stays.
    pub departure_timeout: u32,
    /// 0 for no bound.
    pub max_participants: u32,
}

/// Bounds an operator may want to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Tracks one participant may publish.
    pub tracks_per_participant: usize,
    /// Bytes of room or participant metadata.
    pub metadata_bytes: usize,
    /// Bytes of all attributes of a participant.
    pub attributes_bytes: usize,
    /// Bytes of a display name.
    pub name_bytes: usize,
    /// Seconds a participant that lost its connection may take to come back.
    pub resume_grace: u32,
    /// TCP connections to the HTTP port at once.
    pub connections: usize,
    /// Web app joins from one address in a minute.
    pub joins_per_minute: u32,
}

/// Settings of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,tandem_media=debug`.
    pub level: String,
    /// One JSON object per line.
    pub json: bool,
}

/// Settings of the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// There is a relay.
    pub enabled: bool,
    /// TLS, where there is a certificate; 0 takes a free port.
    pub tls_port: u16,
    /// Named to clients; part of their keys.
    pub realm: String,
    /// Secrets of applications that mint credentials themselves.
    pub secrets: Vec<Secret>,
    /// Names and passwords that do not end.
    pub users: BTreeMap<String, Secret>,
    /// Seconds that credentials are good for.
    pub ttl: u32,
    /// Ports of relay sockets, as `low-high`.
    pub relay_ports: String,
    /// Allocations of one user.
    pub user_quota: u32,
    /// Allocations of one address.
    pub ip_quota: u32,
    /// Allocations of all.
    pub total_quota: u32,
    /// Kilobits a second through one allocation; 0 for no bound.
    pub allocation_kbps: u64,
    /// Kilobits a second of one user; 0 for no bound.
    pub user_kbps: u64,
    /// Relay to private and loopback addresses too; for tests.
    pub allow_private_peers: bool,
    /// Networks that may be reached whatever else holds.
    pub allow_peers: Vec<String>,
    /// Networks that may not.
    pub deny_peers: Vec<String>,
    /// Ports that may not.
    pub deny_ports: Vec<u16>,
}

/// Settings of the PeerJS and topics doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerSettings {
    /// Anybody may come, without a token.
    pub open: bool,
    /// Who says nothing for so long is gone.
    pub alive_timeout: Span,
    /// How long messages wait for somebody who is not there.
    pub expire_timeout: Span,
    /// Peers at once; 0 for no bound.
    pub concurrent_limit: usize,
    /// `/peerjs/peers` lists everybody.
    pub allow_discovery: bool,
    /// What happens when somebody wants an id that another has.
    pub id_conflict: IdConflict,
}

/// What happens when somebody wants an id that another has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdConflict {
    /// The other is asked whether it is still there.
    #[default]
    Probe,
    /// The other keeps it.
    Reject,
}

impl Default for PeerSettings {
    fn default() -> Self {
        let options = DeskOptions::default();
        Self {
            open: false,
            alive_timeout: Span(options.alive_timeout),
            expire_timeout: Span(options.expire_timeout),
            concurrent_limit: options.concurrent_limit,
            allow_discovery: false,
            id_conflict: IdConflict::Probe,
        }
    }
}

impl PeerSettings {
    /// As the desk takes them.
    #[must_use]
    pub fn options(&self) -> DeskOptions {
        DeskOptions {
            alive_timeout: self.alive_timeout.0,
            expire_timeout: self.expire_timeout.0,
            concurrent_limit: self.concurrent_limit,
            conflict: match self.id_conflict {
                IdConflict::Probe => Conflict::Probe,
                IdConflict::Reject => Conflict::Reject,
            },
        }
    }
}

/// The certificate of this node, PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The chain.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            enabled: true,
            tls_port: 5349,
            realm: "tandem".to_owned(),
            secrets: Vec::new(),
            users: BTreeMap::new(),
            ttl: 24 * 3600,
            relay_ports: "49152-65535".to_owned(),
            user_quota: 16,
            ip_quota: 512,
            total_quota: 20_000,
            allocation_kbps: 0,
            user_kbps: 0,
            allow_private_peers: false,
            allow_peers: Vec::new(),
            deny_peers: Vec::new(),
            deny_ports: Vec::new(),
        }
    }
}

/// Settings of notifications to closed pages (Web Push).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushSettings {
    /// Browsers may leave subscriptions.
    pub enabled: bool,
    /// Where push services can reach the operator: `mailto:…` or `https://…`.
    pub contact: String,
}

impl Default for PushSettings {
    fn default() -> Self {
        Self { enabled: true, contact: "mailto:admin@localhost".to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dev: false,
            bind: None,
            port: 7880,
            udp_port: 7882,
            tcp_port: 7881,
            turn_port: 3478,
            shards: 0,
            data: PathBuf::from("./data"),
            public_ip: Vec::new(),
            keys: BTreeMap::new(),
            web: Web::default(),
            room: Room::default(),
            limits: Bounds::default(),
            log: Log::default(),
            tls: Tls::default(),
            peer: PeerSettings::default(),
            turn: Turn::default(),
            push: PushSettings::default(),
            client: raw::Client::default(),
            channel: raw::Channel::default(),
            http_api: raw::HttpApi::default(),
            proxies: Vec::new(),
            rpc: raw::Rpc::default(),
            websocket: raw::WebSocket::default(),
            http_stream: raw::Transport::default(),
            sse: raw::Transport::default(),
            emulation: raw::Emulation::default(),
            uni_websocket: raw::Transport::default(),
            uni_sse: raw::Transport::default(),
            uni_http_stream: raw::Transport::default(),
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self { auto_create: true, empty_timeout: 300, departure_timeout: 20, max_participants: 0 }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            tracks_per_participant: limits.tracks_per_participant,
            metadata_bytes: limits.metadata_bytes,
            attributes_bytes: limits.attributes_bytes,
            name_bytes: limits.name_bytes,
            resume_grace: 15,
            connections: 65_536,
            joins_per_minute: 120,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

impl Config {
    /// Reads a YAML file.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, holds an unknown name or a value of another kind.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::File { path: path.to_owned(), error: error.to_string() })?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// Reads YAML text.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = |error: serde_yaml_ng::Error| ConfigError::Invalid(error.to_string());
        let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(invalid)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        options::check_names(&value)?;
        // From the text again: only then do errors have a line.
        let config: Self = serde_yaml_ng::from_str(text).map_err(invalid)?;
        config.channel_settings()?;
        crate::relay::settings(&config.turn, "").map_err(|error| ConfigError::Invalid(error.to_string()))?;
        Ok(config)
    }

    /// The address to listen on.
    #[must_use]
    pub fn bind_address(&self) -> IpAddr {
        let default = if self.dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        self.bind.unwrap_or(IpAddr::V4(default))
    }

    /// Media threads to start.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        if self.shards > 0 {
            return self.shards;
        }
        std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1)).max(1)
    }

    /// Threads for the connections of channels to start.
    #[must_use]
    pub fn channel_loops(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (cores / 2).clamp(1, 8)
    }

    /// Whether anybody may join any room through the web app.
    #[must_use]
    pub fn open_rooms(&self) -> bool {
        self.dev || self.web.open_rooms
    }

    /// The bounds rooms work with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            participants_per_room: self.room.max_participants,
            tracks_per_participant: self.limits.tracks_per_participant,
            metadata_bytes: self.limits.metadata_bytes,
            attributes_bytes: self.limits.attributes_bytes,
            name_bytes: self.limits.name_bytes,
            empty_timeout: Duration::from_secs(self.room.empty_timeout.into()),
            departure_timeout: Duration::from_secs(self.room.departure_timeout.into()),
            resume_grace: Duration::from_secs(self.limits.resume_grace.into()),
            ..Limits::default()
        }
    }
}

#[cfg(test)]
mod tests;
