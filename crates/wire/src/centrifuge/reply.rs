//! What the server says.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The answer to a command.
#[derive(Debug)]
pub struct Reply<'a> {
    /// Of the command.
    pub id: u32,
    /// The answer.
    pub body: ReplyBody<'a>,
}

/// The answer.
#[derive(Debug)]
#[allow(missing_docs)] // the protocol's words
pub enum ReplyBody<'a> {
    Error {
        code: u32,
        message: &'a str,
        temporary: bool,
    },
    Connect(&'a ConnectResult),
    Subscribe(&'a SubscribeResult),
    Unsubscribe,
    Publish,
    /// By client id.
    /// By client.
    Presence(&'a [ClientInfo]),
    PresenceStats {
        num_clients: u32,
        num_users: u32,
    },
    History(&'a HistoryResult),
    Ping,
    Rpc(&'a Bytes),
    Refresh(&'a RefreshResult),
    SubRefresh(&'a SubRefreshResult),
}

/// Something the client did not ask for at this moment.
#[derive(Debug)]
pub struct Push<'a> {
    /// Number of the channel where numbers were agreed on, else 0.
    pub id: i64,
    /// Name of the channel, empty where there is none or a number in its place.
    pub channel: &'a str,
    /// What.
    pub body: PushBody<'a>,
}

/// What is pushed.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum PushBody<'a> {
    Publication(&'a Publication),
    Join(&'a ClientInfo),
    Leave(&'a ClientInfo),
    Unsubscribe { code: u32, reason: &'a str },
    Message(&'a Bytes),
    Subscribe(&'a SubscribePush),
    Connect(&'a ConnectResult),
    Disconnect { code: u32, reason: &'a str },
    Refresh { expires: bool, ttl: u32 },
}

/// A client as others see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClientInfo {
    pub user: Arc<str>,
    pub client: Arc<str>,
    pub conn_info: Bytes,
    pub chan_info: Bytes,
}

/// A publication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Publication {
    pub data: Bytes,
    pub info: Option<ClientInfo>,
    pub offset: u64,
    pub tags: Option<Arc<BTreeMap<String, String>>>,
    /// `data` is the difference to the one before.
    pub delta: bool,
    /// In JSON, `data` is written as a text (where differences were agreed on, it always is).
    /// Not written in protobuf, and not read.
    pub as_text: bool,
}

/// The answer to connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConnectResult {
    pub client: String,
    pub version: String,
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
    pub data: Bytes,
    pub subs: Vec<(String, SubscribeResult)>,
    /// Seconds.
    pub ping: u32,
    pub pong: bool,
    pub session: String,
    pub node: String,
}

/// The answer to subscribe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubscribeResult {
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
    pub recoverable: bool,
    pub epoch: String,
    pub publications: Vec<Publication>,
    pub recovered: bool,
    pub offset: u64,
    pub positioned: bool,
    pub data: Bytes,
    pub was_recovering: bool,
    pub delta: bool,
    /// The number the channel has in pushes from now on.
    pub id: i64,
}

/// A page of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HistoryResult {
    pub publications: Vec<Publication>,
    pub epoch: String,
    pub offset: u64,
}

/// The answer to a new token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RefreshResult {
    pub client: String,
    pub version: String,
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
}

/// The answer to a new token for a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubRefreshResult {
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
}

/// A subscription the server made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubscribePush {
    pub recoverable: bool,
    pub epoch: String,
    pub offset: u64,
    pub positioned: bool,
    pub data: Bytes,
}
