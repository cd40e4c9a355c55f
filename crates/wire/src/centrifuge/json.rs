//! Commands in JSON.

use super::DecodeError;
use super::command::{
    Command, ConnectRequest, FilterNode, HistoryRequest, PublishRequest, Request, RpcRequest, Since, SubRefreshRequest,
    SubscribeRequest,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Nodes of one filter.
const FILTER_NODES: usize = 128;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire<'a> {
    id: u32,
    #[serde(borrow)]
    connect: Option<WireConnect<'a>>,
    #[serde(borrow)]
    subscribe: Option<WireSubscribe<'a>>,
    unsubscribe: Option<WireChannel>,
    #[serde(borrow)]
    publish: Option<WirePublish<'a>>,
    presence: Option<WireChannel>,
    presence_stats: Option<WireChannel>,
    history: Option<WireHistory>,
    ping: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    send: Option<WireData<'a>>,
    #[serde(borrow)]
    rpc: Option<WireData<'a>>,
    refresh: Option<WireToken>,
    sub_refresh: Option<WireToken>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireConnect<'a> {
    token: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    subs: Option<HashMap<String, WireSubscribe<'a>>>,
    name: Option<String>,
    version: Option<String>,
    headers: Option<HashMap<String, String>>,
    flag: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireSubscribe<'a> {
    channel: Option<String>,
    token: Option<String>,
    recover: bool,
    epoch: Option<String>,
    offset: u64,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    positioned: bool,
    recoverable: bool,
    join_leave: bool,
    delta: Option<String>,
    tf: Option<WireFilter>,
    flag: i64,
    r#type: i32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireFilter {
    op: Option<String>,
    key: Option<String>,
    cmp: Option<String>,
    val: Option<String>,
    vals: Option<Vec<String>>,
    nodes: Option<Vec<WireFilter>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireChannel {
    channel: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WirePublish<'a> {
    channel: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    r#type: i32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireHistory {
    channel: Option<String>,
    limit: i32,
    since: Option<WireSince>,
    reverse: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireSince {
    offset: u64,
    epoch: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireData<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    method: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireToken {
    channel: Option<String>,
    token: Option<String>,
    r#type: i32,
}

fn fault(error: &serde_json::Error) -> DecodeError {
    DecodeError::Json(error.to_string())
}

/// A payload inside a document, not copied.
fn payload(document: &Bytes, raw: Option<&RawValue>) -> Bytes {
    match raw.map(RawValue::get) {
        None | Some("null") => Bytes::new(),
        Some(text) => document.slice_ref(text.as_bytes()),
    }
}

/// One command.
pub(super) fn command(line: &Bytes) -> Result<Command, DecodeError> {
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(|error| fault(&error))?;
    let text = |text: Option<String>| text.unwrap_or_default();
    let request = if let Some(connect) = wire.connect {
        Request::Connect(Box::new(to_connect(line, connect)?))
    } else if let Some(subscribe) = wire.subscribe {
        Request::Subscribe(Box::new(to_subscribe(line, subscribe)?))
    } else if let Some(unsubscribe) = wire.unsubscribe {
        Request::Unsubscribe(text(unsubscribe.channel))
    } else if let Some(publish) = wire.publish {
        let data = payload(line, publish.data);
        Request::Publish(PublishRequest { channel: text(publish.channel), data, kind: publish.r#type })
    } else if let Some(presence) = wire.presence {
        Request::Presence(text(presence.channel))
    } else if let Some(stats) = wire.presence_stats {
        Request::PresenceStats(text(stats.channel))
    } else if let Some(history) = wire.history {
        let since = history.since.map(|since| Since { offset: since.offset, epoch: text(since.epoch) });
        let (limit, reverse) = (history.limit, history.reverse);
        Request::History(HistoryRequest { channel: text(history.channel), limit, since, reverse })
    } else if wire.ping.is_some() {
        Request::Ping
    } else if let Some(send) = wire.send {
        Request::Send(payload(line, send.data))
    } else if let Some(rpc) = wire.rpc {
        Request::Rpc(RpcRequest { data: payload(line, rpc.data), method: text(rpc.method) })
    } else if let Some(refresh) = wire.refresh {
        Request::Refresh(text(refresh.token))
    } else if let Some(refresh) = wire.sub_refresh {
        let (channel, token) = (text(refresh.channel), text(refresh.token));
        Request::SubRefresh(SubRefreshRequest { channel, token, kind: refresh.r#type })
    } else if wire.id == 0 {
        Request::Pong
    } else {
        Request::Empty
    };
    Ok(Command { id: wire.id, request })
}

pub(super) fn connect_request(document: &Bytes) -> Result<ConnectRequest, DecodeError> {
    let wire: WireConnect<'_> = serde_json::from_slice(document).map_err(|error| fault(&error))?;
    to_connect(document, wire)
}

fn to_connect(document: &Bytes, wire: WireConnect<'_>) -> Result<ConnectRequest, DecodeError> {
    let subs = wire.subs.unwrap_or_default().into_iter();
    Ok(ConnectRequest {
        token: wire.token.unwrap_or_default(),
        data: payload(document, wire.data),
        subs: subs.map(|(name, sub)| Ok((name, to_subscribe(document, sub)?))).collect::<Result<_, DecodeError>>()?,
        name: wire.name.unwrap_or_default(),
        version: wire.version.unwrap_or_default(),
        headers: wire.headers.unwrap_or_default(),
        flag: wire.flag,
    })
}

fn to_subscribe(document: &Bytes, wire: WireSubscribe<'_>) -> Result<SubscribeRequest, DecodeError> {
    Ok(SubscribeRequest {
        channel: wire.channel.unwrap_or_default(),
        token: wire.token.unwrap_or_default(),
        recover: wire.recover,
        epoch: wire.epoch.unwrap_or_default(),
        offset: wire.offset,
        data: payload(document, wire.data),
        positioned: wire.positioned,
        recoverable: wire.recoverable,
        join_leave: wire.join_leave,
        delta: wire.delta.unwrap_or_default(),
        filter: wire.tf.map(|node| to_filter(node, &mut 0)).transpose()?,
        flag: wire.flag,
        kind: wire.r#type,
    })
}

/// Depth is bounded by the JSON reader already.
fn to_filter(wire: WireFilter, nodes: &mut usize) -> Result<FilterNode, DecodeError> {
    *nodes += 1;
    if *nodes > FILTER_NODES {
        return Err(DecodeError::Filter);
    }
    let inner = wire.nodes.unwrap_or_default().into_iter();
    Ok(FilterNode {
        op: wire.op.unwrap_or_default(),
        key: wire.key.unwrap_or_default(),
        cmp: wire.cmp.unwrap_or_default(),
        val: wire.val.unwrap_or_default(),
        vals: wire.vals.unwrap_or_default(),
        nodes: inner.map(|node| to_filter(node, nodes)).collect::<Result<_, _>>()?,
    })
}

/// Whether bytes are one JSON document without line breaks.
#[must_use]
pub fn is_json(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
        && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// JSON on one line: checks it, and takes out line breaks between its parts. Text that has none
/// comes back as it is.
///
/// # Errors
/// It is no JSON.
pub fn compact_json(text: &[u8]) -> Result<Bytes, DecodeError> {
    let _: serde::de::IgnoredAny = serde_json::from_slice(text).map_err(|error| fault(&error))?;
    // Line breaks inside strings are escaped in JSON, so any raw one is between parts.
    if !text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Ok(Bytes::copy_from_slice(text.trim_ascii()));
    }
    Ok(text.trim_ascii().iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect())
}
