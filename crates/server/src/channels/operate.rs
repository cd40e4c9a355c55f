//! What the server API does to connections: each loop does its part.

use crate::auth::channel::{Overrides, SubscriptionClaims};
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::code::{Disconnect, Unsubscribe};
use tandem_hub::namespace::Capability;

/// Which connections are meant. Empty texts match all.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    /// The user; for anonymous ones empty, and then `client` or `session` must be given.
    pub user: String,
    /// One connection.
    pub client: String,
    /// One emulated connection, by its secret.
    pub session: String,
}

/// Something done to them.
#[derive(Debug, Clone)]
pub struct Operation {
    /// To whom.
    pub whose: Whose,
    /// What.
    pub act: Act,
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Act {
    /// Subscribe on the server's side.
    Subscribe(Box<ServerSub>),
    /// End a subscription; all of them if the channel is empty.
    Unsubscribe(String, Unsubscribe),
    /// End the connections, except those named.
    Disconnect(Disconnect, Vec<String>),
    /// Change when they expire: now, or at that time (seconds since 1970, 0 for never).
    Refresh {
        /// Now.
        expired: bool,
        /// Then.
        expire_at: u64,
    },
}

/// A subscription the API makes.
#[derive(Debug, Clone, Default)]
pub struct ServerSub {
    /// The channel.
    pub channel: String,
    /// Recover from here.
    pub recover_since: Option<(u64, String)>,
    /// What else it has.
    pub extra: Extra,
}

/// What a token, a backend or the API adds to a subscription.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// What others see of it.
    pub info: bytes::Bytes,
    /// For the client.
    pub data: bytes::Bytes,
    /// Seconds since 1970, 0 for never.
    pub expires_unix: u64,
    /// The client sends a new token before that time; otherwise a backend is asked.
    pub client_refreshes: bool,
    /// In place of the namespace's options.
    pub overrides: Overrides,
    /// What the subscriber may do in the channel beyond what its namespace allows.
    pub capability: Option<Capability>,
}

impl Extra {
    /// Of a token.
    #[must_use]
    pub fn of(claims: SubscriptionClaims) -> Self {
        Self {
            info: claims.info,
            data: claims.data,
            expires_unix: claims.expires_unix,
            client_refreshes: true,
            overrides: claims.overrides,
            capability: claims.capability,
        }
    }
}

/// A connection in a list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// Its id.
    #[serde(serialize_with = "text")]
    pub client: Arc<str>,
    /// Its user.
    #[serde(serialize_with = "text")]
    pub user: Arc<str>,
    /// `websocket`, `http_stream`, `sse`, `uni_…`.
    pub transport: &'static str,
    /// `json` or `protobuf`.
    pub protocol: &'static str,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// And its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its address.
    pub address: String,
    /// Channels it has subscribed to.
    #[serde(serialize_with = "texts")]
    pub channels: Vec<Arc<str>>,
    /// Seconds since it connected.
    #[serde(serialize_with = "whole_seconds")]
    pub connected_for: Duration,
}

fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn texts<S: serde::Serializer>(texts: &[Arc<str>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| &**text))
}

fn whole_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}
