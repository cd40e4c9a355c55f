//! What every loop needs and nothing changes: keys, backends, the runtime for what must wait.

use crate::auth::channel::ChannelTokens;
use crate::hooks::Hooks;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_hub::code::ErrorCode;
use tokio::runtime::Handle;

/// Shared by all loops.
pub(crate) struct Settled {
    /// Keys and rules of tokens.
    pub(crate) tokens: Arc<ChannelTokens>,
    /// Backends.
    pub(crate) hooks: Arc<Hooks>,
    /// Where questions to backends run.
    pub(crate) runtime: Handle,
    /// The node's id, for clients.
    pub(crate) id: String,
    /// Everything is allowed to everybody.
    pub(crate) insecure: bool,
    /// What a procedure nobody knows is answered with.
    pub(crate) unknown_rpc: ErrorCode,
}

impl Settled {
    /// Seconds since 1970.
    pub(crate) fn now_unix(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
