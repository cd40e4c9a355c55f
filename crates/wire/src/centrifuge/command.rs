//! What clients say.

use bytes::Bytes;
use std::collections::HashMap;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The reply carries it too; 0 for messages that have none.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the protocol's words
pub enum Request {
    /// The answer to a ping: no id, nothing asked.
    Pong,
    /// An id, but nothing asked.
    Empty,
    Connect(Box<ConnectRequest>),
    Subscribe(Box<SubscribeRequest>),
    Unsubscribe(String),
    Publish(PublishRequest),
    Presence(String),
    PresenceStats(String),
    History(HistoryRequest),
    Ping,
    Send(Bytes),
    Rpc(RpcRequest),
    /// With the new token.
    Refresh(String),
    SubRefresh(SubRefreshRequest),
}

/// Coming in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConnectRequest {
    pub token: String,
    pub data: Bytes,
    /// Positions of subscriptions the server makes.
    pub subs: HashMap<String, SubscribeRequest>,
    pub name: String,
    pub version: String,
    /// Headers a client wants to have sent, which it could not.
    pub headers: HashMap<String, String>,
    pub flag: i64,
}

/// Wanting to hear a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubscribeRequest {
    pub channel: String,
    pub token: String,
    pub recover: bool,
    pub epoch: String,
    pub offset: u64,
    pub data: Bytes,
    pub positioned: bool,
    pub recoverable: bool,
    pub join_leave: bool,
    /// `fossil`, or empty.
    pub delta: String,
    pub filter: Option<FilterNode>,
    pub flag: i64,
    /// 0 for channels with a stream; other kinds exist.
    pub kind: i32,
}

/// A node of a filter by tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FilterNode {
    pub op: String,
    pub key: String,
    pub cmp: String,
    pub val: String,
    pub vals: Vec<String>,
    pub nodes: Vec<FilterNode>,
}

/// Saying something in a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PublishRequest {
    pub channel: String,
    pub data: Bytes,
    /// 0 for channels with a stream.
    pub kind: i32,
}

/// Reading a channel's past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HistoryRequest {
    pub channel: String,
    /// 0: the position alone; negative: as many as there may be.
    pub limit: i32,
    pub since: Option<Since>,
    pub reverse: bool,
}

/// A place in the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Since {
    pub offset: u64,
    pub epoch: String,
}

/// Calling a procedure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RpcRequest {
    pub data: Bytes,
    pub method: String,
}

/// Prolonging a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubRefreshRequest {
    pub channel: String,
    pub token: String,
    /// 0 for a new token.
    pub kind: i32,
}
