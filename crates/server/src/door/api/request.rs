//! What may be asked. Fields a method does not know are ignored, as its callers expect.

use crate::auth::channel::Overrides;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Legacy<'a> {
    pub(super) method: String,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
}

/// What `publish` and `broadcast` have in common.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Publish<'a> {
    pub(super) channel: String,
    pub(super) channels: Vec<String>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    pub(super) b64data: String,
    pub(super) skip_history: bool,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) idempotency_key: String,
    pub(super) delta: bool,
    pub(super) version: u64,
    pub(super) version_epoch: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Channel {
    pub(super) channel: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct History {
    pub(super) channel: String,
    pub(super) limit: i64,
    pub(super) since: Option<Since>,
    pub(super) reverse: bool,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub(super) struct Since {
    pub(super) offset: u64,
    pub(super) epoch: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Channels {
    pub(super) pattern: String,
}

/// Of users and their connections.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OfUser<'a> {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) session: String,
    pub(super) channel: String,
    #[serde(borrow)]
    pub(super) info: Option<&'a RawValue>,
    pub(super) b64info: String,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    pub(super) b64data: String,
    pub(super) recover_since: Option<Since>,
    pub(super) expire_at: u64,
    pub(super) expired: bool,
    #[serde(rename = "override")]
    pub(super) overrides: Overrides,
    pub(super) whitelist: Vec<String>,
    pub(super) disconnect: Option<Disconnect>,
}

#[derive(Deserialize, Clone)]
pub(super) struct Disconnect {
    pub(super) code: u32,
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Block {
    pub(super) user: String,
    /// Seconds since 1970; 0 for ever.
    pub(super) expire_at: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Batch<'a> {
    #[serde(borrow)]
    pub(super) commands: Vec<BTreeMap<String, &'a RawValue>>,
    /// Accepted; commands of one batch run one after the other, which keeps their order.
    #[allow(dead_code)]
    pub(super) parallel: bool,
}
