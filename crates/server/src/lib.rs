//! Doors and services of a Tandem node.
//!
//! ```text
//! http   sockets, timeouts, limits ─▶ router
//! door   livekit (signalling) · twirp (RoomService) · centrifuge (channels) · api (their server API)
//!        admin (health, metrics) · echo (conformance)
//! channels   the message plane      store   its history on disk      hooks   questions to backends
//! join   tokens for the web app      app   the web app itself
//! node   what all of them share: settings, keys, shards, drain state
//! ```
//! A door turns bytes into [`tandem_core::Command`]s for the shard that owns the room and turns
//! the room's events back into bytes; it holds no room state of its own.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod app;
pub mod channels;
/// What the binary needs of the crates below to wire a node together.
pub mod parts {
    pub use tandem_core::{Command, Identity, Notice, RoomName};
    pub use tandem_net::turn;
    pub use tandem_net::{ShardOptions, Shards, Started, start_shards, tcp};
    pub use tandem_wire::files;
}

pub mod auth;
pub mod config;
pub mod doctor;
pub mod door;
mod glob;
pub mod hooks;
pub mod http;
pub mod join;
pub mod metrics;
pub mod node;
pub mod openapi;
mod payload;
pub mod push;
pub mod relay;
pub mod store;
