//! What is published, and by whom.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Key-value pairs beside the data of a publication; subscribers may filter by them.
pub type Tags = Option<Arc<BTreeMap<String, String>>>;

/// Who a connection is, as others may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The user; empty for somebody anonymous.
    pub user: Arc<str>,
    /// The connection, unique in the cluster.
    pub client: Arc<str>,
    /// Of the connection's token; may be empty.
    pub conn_info: Bytes,
    /// Of the subscription's token; may be empty.
    pub chan_info: Bytes,
}

/// One message in a channel. Shared, never changed after it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publication {
    /// JSON or anything, as its publisher sent it.
    pub data: Bytes,
    /// The publisher, if it was a client.
    pub info: Option<Arc<ClientInfo>>,
    /// For filters.
    pub tags: Tags,
    /// Position in the channel's history, from 1; 0 if it has none.
    pub offset: u64,
    /// Order of delivery inside this process, from 1; every publication has one.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Subscribers who negotiated it receive the difference to the one before.
    pub delta: bool,
    /// The data is JSON on one line, so that JSON clients can have it.
    pub json: bool,
}

/// What a publisher hands in.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// JSON or anything.
    pub data: Bytes,
    /// The data is JSON on one line.
    pub json: bool,
    /// The publisher, if it is a client.
    pub info: Option<Arc<ClientInfo>>,
    /// For filters.
    pub tags: Tags,
    /// Deliver only; keep it out of the history.
    pub skip_history: bool,
    /// Ask for a delta even if the namespace does not.
    pub delta: bool,
    /// A second publication with this key within five minutes does nothing. Empty for none.
    pub idempotency_key: String,
    /// Not 0: publications that are not newer than the newest one do nothing.
    pub version: u64,
    /// A change of this text starts versions anew.
    pub version_epoch: String,
}
