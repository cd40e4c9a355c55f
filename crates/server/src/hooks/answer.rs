//! What backends answer.

use super::{Event, Fault};
use crate::auth::channel::Overrides;
use crate::payload::{Unreadable, payload};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tandem_hub::code::ErrorCode;
use tandem_hub::namespace::Capability;
use tandem_hub::publication::Tags;

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// It may, and with what.
    Result(Box<ResultOf>),
    /// It may not; the client gets this error.
    Error(ErrorCode),
    /// The client is thrown out.
    Disconnect {
        /// 4000 to 4999 for an application's own.
        code: u32,
        /// For the client.
        reason: String,
    },
}

/// Everything results may hold; each event uses its part.
#[derive(Debug, Default)]
#[allow(missing_docs)] // the protocol's words
pub struct ResultOf {
    pub user: String,
    pub expire_at: u64,
    pub expired: bool,
    pub info: Bytes,
    pub data: Bytes,
    pub channels: Vec<String>,
    pub subs: BTreeMap<String, crate::auth::channel::SubscriptionClaims>,
    pub meta: Bytes,
    pub capabilities: Vec<Capability>,
    pub overrides: Overrides,
    pub skip_history: bool,
    pub tags: Tags,
    pub idempotency_key: String,
    pub delta: bool,
    pub version: u64,
    pub version_epoch: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<WireError>,
    #[serde(default)]
    disconnect: Option<WireDisconnect>,
}

#[derive(Deserialize)]
struct WireError {
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    temporary: bool,
}

#[derive(Deserialize)]
struct WireDisconnect {
    code: u32,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireResult<'a> {
    user: String,
    expire_at: u64,
    expired: bool,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    b64data: String,
    channels: Vec<String>,
    #[serde(borrow)]
    subs: BTreeMap<String, WireSub<'a>>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    caps: Vec<WireCapability>,
    #[serde(rename = "override")]
    overrides: Overrides,
    skip_history: bool,
    tags: BTreeMap<String, String>,
    idempotency_key: String,
    delta: bool,
    version: u64,
    version_epoch: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireSub<'a> {
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    b64data: String,
    #[serde(rename = "override")]
    overrides: Overrides,
}

#[derive(Deserialize)]
struct WireCapability {
    channels: Vec<String>,
    allow: Vec<String>,
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        Self::Answer(unreadable.to_string())
    }
}

/// Reads an answer about an event.
pub(super) fn parse(event: Event, body: &[u8]) -> Result<Answer, Fault> {
    let fault = |error: serde_json::Error| Fault::Answer(error.to_string());
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(fault)?;
    if let Some(error) = envelope.error {
        let known = ErrorCode { code: error.code, message: error.message.into(), temporary: error.temporary };
        return Ok(Answer::Error(known));
    }
    if let Some(end) = envelope.disconnect {
        return Ok(Answer::Disconnect { code: end.code, reason: end.reason });
    }
    let Some(result) = envelope.result else {
        // Nothing said about a connection means nobody vouches for it.
        return match event {
            Event::Connect => Ok(Answer::Error(ErrorCode::UNAUTHORIZED)),
            _ => Ok(Answer::Result(Box::default())),
        };
    };
    let wire: WireResult<'_> = serde_json::from_str(result.get()).map_err(fault)?;
    Ok(Answer::Result(Box::new(ResultOf {
        user: wire.user,
        expire_at: wire.expire_at,
        expired: wire.expired,
        info: payload(wire.info, &wire.b64info)?,
        data: payload(wire.data, &wire.b64data)?,
        channels: wire.channels,
        subs: wire
            .subs
            .into_iter()
            .map(|(name, sub)| Ok((name.clone(), of_sub(name, &sub)?)))
            .collect::<Result<_, Fault>>()?,
        meta: payload(wire.meta, "")?,
        capabilities: wire.caps.iter().map(|cap| Capability::of(&cap.channels, &cap.allow)).collect(),
        overrides: wire.overrides,
        skip_history: wire.skip_history,
        tags: (!wire.tags.is_empty()).then(|| Arc::new(wire.tags)),
        idempotency_key: wire.idempotency_key,
        delta: wire.delta,
        version: wire.version,
        version_epoch: wire.version_epoch,
    })))
}

fn of_sub(channel: String, sub: &WireSub<'_>) -> Result<crate::auth::channel::SubscriptionClaims, Fault> {
    Ok(crate::auth::channel::SubscriptionClaims {
        channel,
        info: payload(sub.info, &sub.b64info)?,
        data: payload(sub.data, &sub.b64data)?,
        overrides: sub.overrides,
        ..Default::default()
    })
}
