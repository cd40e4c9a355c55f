//! Doing what is asked.

use super::answer::error_value;
use super::request::{Batch, Block, Channel, Channels, Disconnect, History, OfUser, Publish, Since};
use crate::channels::{Act, Extra, Mail, Operation, ServerSub, Waiter, Whose};
use crate::node::Node;
use crate::payload::{Unreadable, payload};
use base64::Engine;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::channel::{Position, Query};
use tandem_hub::code::{self, ErrorCode, Unsubscribe};
use tandem_hub::namespace::NamespaceOptions;
use tandem_hub::publication::{ClientInfo, Draft, Publication};
use tokio::sync::oneshot;

/// A disk that takes longer than this has a problem.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);
/// Commands of one batch.
const BATCH_BOUND: usize = 10_000;
/// A loop that does not answer a survey in this time is left out.
const SURVEY_WITHIN: Duration = Duration::from_secs(2);

/// Why nothing was done.
pub(super) enum Failed {
    /// There is no such method.
    Unknown,
    /// The body is none of this method's.
    Malformed(serde_json::Error),
    /// It was refused.
    Error(ErrorCode),
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error)
    }
}

impl From<ErrorCode> for Failed {
    fn from(error: ErrorCode) -> Self {
        Self::Error(error)
    }
}

impl From<Unreadable> for Failed {
    fn from(_: Unreadable) -> Self {
        Self::Error(ErrorCode::BAD_REQUEST)
    }
}

type Done = Result<String, Failed>;

/// Does one method; gives the result as JSON.
pub(super) async fn act(node: &Arc<Node>, method: &str, body: &[u8]) -> Done {
    match method {
        "publish" => publish(node, body).await,
        "broadcast" => broadcast(node, body).await,
        "subscribe" => subscribe(node, body),
        "unsubscribe" => unsubscribe(node, body),
        "disconnect" => disconnect(node, body),
        "refresh" => refresh(node, body),
        "presence" => presence(node, body),
        "presence_stats" => presence_stats(node, body),
        "history" => history(node, body),
        "history_remove" => history_remove(node, body),
        "channels" => channels(node, body),
        "info" => Ok(info(node).await),
        "connections" => connections(node, body).await,
        "block_user" => block(node, body, true),
        "unblock_user" => block(node, body, false),
        "batch" => Box::pin(batch(node, body)).await,
        _ => Err(Failed::Unknown),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failed> {
    Ok(serde_json::from_slice(body)?)
}

fn options_of(node: &Node, channel: &str) -> Result<Arc<NamespaceOptions>, ErrorCode> {
    if channel.is_empty() {
        return Err(ErrorCode::BAD_REQUEST);
    }
    node.channels.settings.options_of(channel).ok_or(ErrorCode::UNKNOWN_CHANNEL)
}

fn draft(request: &Publish<'_>) -> Result<Draft, Unreadable> {
    let data = payload(request.data, &request.b64data)?;
    Ok(Draft {
        json: request.b64data.is_empty() || tandem_wire::centrifuge::is_json(&data),
        data,
        info: None,
        tags: (!request.tags.is_empty()).then(|| Arc::new(request.tags.clone())),
        skip_history: request.skip_history,
        delta: request.delta,
        idempotency_key: request.idempotency_key.clone(),
        version: request.version,
        version_epoch: request.version_epoch.clone(),
    })
}

enum Sent {
    Now(Position),
    Later(oneshot::Receiver<Result<Position, ErrorCode>>),
}

fn send(node: &Node, channel: &str, draft: Draft) -> Result<Sent, ErrorCode> {
    let options = options_of(node, channel)?;
    crate::door::centrifuge::check_data(&draft.data, &options)?;
    let (sender, receiver) = oneshot::channel();
    match node.channels.publish(&channel.into(), &options, draft, Waiter::Call(sender))? {
        Some((position, _)) => Ok(Sent::Now(position)),
        None => Ok(Sent::Later(receiver)),
    }
}

async fn acknowledged(sent: Sent) -> Result<Position, ErrorCode> {
    match sent {
        Sent::Now(position) => Ok(position),
        Sent::Later(receiver) => match tokio::time::timeout(ACKNOWLEDGE_WITHIN, receiver).await {
            Ok(Ok(result)) => result,
            _ => Err(ErrorCode::INTERNAL),
        },
    }
}

fn position_value(position: &Position) -> Value {
    let mut value = Map::new();
    if position.offset > 0 {
        value.insert("offset".to_owned(), position.offset.into());
        value.insert("epoch".to_owned(), (*position.epoch).into());
    }
    Value::Object(value)
}

async fn publish(node: &Node, body: &[u8]) -> Done {
    let request: Publish<'_> = read(body)?;
    let sent = send(node, &request.channel, draft(&request)?)?;
    Ok(position_value(&acknowledged(sent).await?).to_string())
}

async fn broadcast(node: &Node, body: &[u8]) -> Done {
    let request: Publish<'_> = read(body)?;
    if request.channels.is_empty() {
        return Err(ErrorCode::BAD_REQUEST.into());
    }
    let draft = draft(&request)?;
    let sent: Vec<_> = request.channels.iter().map(|channel| send(node, channel, draft.clone())).collect();
    let mut responses = Vec::with_capacity(sent.len());
    for sent in sent {
        let result = match sent {
            Ok(sent) => acknowledged(sent).await,
            Err(error) => Err(error),
        };
        responses.push(match result {
            Ok(position) => json!({"result": position_value(&position)}),
            Err(error) => json!({"error": error_value(&error)}),
        });
    }
    Ok(json!({"responses": responses}).to_string())
}

/// Whom a request means; it must name somebody.
fn whose(request: &OfUser<'_>) -> Result<Whose, ErrorCode> {
    if request.user.is_empty() && request.client.is_empty() && request.session.is_empty() {
        return Err(ErrorCode::BAD_REQUEST);
    }
    Ok(Whose { user: request.user.clone(), client: request.client.clone(), session: request.session.clone() })
}

fn operate(node: &Node, whose: Whose, act: Act) -> Done {
    let operation = Arc::new(Operation { whose, act });
    for handle in node.channels.loops() {
        handle.send(Mail::Operate(Arc::clone(&operation))).map_err(|_| ErrorCode::TOO_MANY_REQUESTS)?;
    }
    Ok("{}".to_owned())
}

fn subscribe(node: &Node, body: &[u8]) -> Done {
    let request: OfUser<'_> = read(body)?;
    options_of(node, &request.channel)?;
    let since = |since: Since| (since.offset, since.epoch);
    let whose = whose(&request)?;
    let sub = ServerSub {
        extra: Extra {
            info: payload(request.info, &request.b64info)?,
            data: payload(request.data, &request.b64data)?,
            expires_unix: request.expire_at,
            overrides: request.overrides,
            ..Extra::default()
        },
        recover_since: request.recover_since.map(since),
        channel: request.channel,
    };
    operate(node, whose, Act::Subscribe(Box::new(sub)))
}

fn unsubscribe(node: &Node, body: &[u8]) -> Done {
    let request: OfUser<'_> = read(body)?;
    operate(node, whose(&request)?, Act::Unsubscribe(request.channel, Unsubscribe::SERVER))
}

fn disconnect(node: &Node, body: &[u8]) -> Done {
    let request: OfUser<'_> = read(body)?;
    let why = request.disconnect.as_ref().map_or(code::Disconnect::FORCE_NO_RECONNECT, custom);
    let whose = whose(&request)?;
    operate(node, whose, Act::Disconnect(why, request.whitelist))
}

fn custom(disconnect: &Disconnect) -> code::Disconnect {
    code::Disconnect::custom(disconnect.code, disconnect.reason.clone())
}

fn refresh(node: &Node, body: &[u8]) -> Done {
    let request: OfUser<'_> = read(body)?;
    operate(node, whose(&request)?, Act::Refresh { expired: request.expired, expire_at: request.expire_at })
}

fn block(node: &Node, body: &[u8], on: bool) -> Done {
    let request: Block = read(body)?;
    if request.user.is_empty() {
        return Err(ErrorCode::BAD_REQUEST.into());
    }
    if !on {
        node.channels.unblock(&request.user);
        return Ok("{}".to_owned());
    }
    node.channels.block(&request.user, request.expire_at);
    let whose = Whose { user: request.user, ..Whose::default() };
    operate(node, whose, Act::Disconnect(code::Disconnect::FORCE_NO_RECONNECT, Vec::new()))
}

fn presence(node: &Node, body: &[u8]) -> Done {
    let request: Channel = read(body)?;
    if !options_of(node, &request.channel)?.presence {
        return Err(ErrorCode::NOT_AVAILABLE.into());
    }
    let everybody = node.channels.presence(&request.channel);
    let present: Map<_, _> = everybody.iter().map(|info| (info.client.to_string(), info_value(info))).collect();
    Ok(json!({"presence": present}).to_string())
}

fn presence_stats(node: &Node, body: &[u8]) -> Done {
    let request: Channel = read(body)?;
    if !options_of(node, &request.channel)?.presence {
        return Err(ErrorCode::NOT_AVAILABLE.into());
    }
    let (clients, users) = node.channels.presence_stats(&request.channel);
    Ok(json!({"num_clients": clients, "num_users": users}).to_string())
}

fn history(node: &Node, body: &[u8]) -> Done {
    let request: History = read(body)?;
    let options = options_of(node, &request.channel)?;
    if !options.has_history() {
        return Err(ErrorCode::NOT_AVAILABLE.into());
    }
    let query = Query {
        limit: usize::try_from(request.limit).ok(),
        since: request.since.map(|since| (since.offset, since.epoch)),
        reverse: request.reverse,
    };
    let page = node.channels.history(&request.channel.as_str().into(), &options, &query)?;
    let publications: Vec<_> = page.publications.iter().map(|publication| publication_value(publication)).collect();
    let (offset, epoch) = (page.position.offset, &*page.position.epoch);
    Ok(json!({"publications": publications, "offset": offset, "epoch": epoch}).to_string())
}

fn history_remove(node: &Node, body: &[u8]) -> Done {
    let request: Channel = read(body)?;
    if !options_of(node, &request.channel)?.has_history() {
        return Err(ErrorCode::NOT_AVAILABLE.into());
    }
    node.channels.remove_history(&request.channel);
    Ok("{}".to_owned())
}

fn channels(node: &Node, body: &[u8]) -> Done {
    let request: Channels = read(body)?;
    let active = node.channels.active(|name| request.pattern.is_empty() || crate::glob::fits(&request.pattern, name));
    let listed: Map<_, _> =
        active.iter().map(|(name, clients)| (name.to_string(), json!({"num_clients": clients}))).collect();
    Ok(json!({"channels": listed}).to_string())
}

async fn info(node: &Node) -> String {
    let counted = node.channels.stats.now();
    let (clients, users) = node.channels.population();
    let one = json!({
        "uid": node.id(),
        "name": "tandem",
        "version": env!("CARGO_PKG_VERSION"),
        "num_clients": clients,
        "num_users": users,
        "num_subs": counted.subscriptions,
        "num_channels": node.channels.active(|_| true).len(),
        "uptime": node.uptime().as_secs(),
    });
    json!({"nodes": [one]}).to_string()
}

async fn connections(node: &Node, body: &[u8]) -> Done {
    let request: OfUser<'_> = read(body)?;
    let mut listed = Vec::new();
    for handle in node.channels.loops() {
        let (sender, receiver) = oneshot::channel();
        if handle.send(Mail::Survey(sender)).is_ok()
            && let Ok(Ok(part)) = tokio::time::timeout(SURVEY_WITHIN, receiver).await
        {
            listed.extend(part);
        }
    }
    listed.retain(|c| {
        (request.user.is_empty() || *c.user == *request.user)
            && (request.client.is_empty() || *c.client == *request.client)
    });
    let by_client: Map<_, _> = listed
        .iter()
        .map(|c| Ok((c.client.to_string(), serde_json::to_value(c)?)))
        .collect::<Result<_, serde_json::Error>>()?;
    Ok(json!({"connections": by_client}).to_string())
}

async fn batch(node: &Arc<Node>, body: &[u8]) -> Done {
    let request: Batch<'_> = read(body)?;
    if request.commands.len() > BATCH_BOUND {
        return Err(ErrorCode::LIMIT_EXCEEDED.into());
    }
    let mut replies = Vec::with_capacity(request.commands.len());
    for command in &request.commands {
        let Some((method, parameters)) = command.iter().next().filter(|(method, _)| *method != "batch") else {
            return Err(ErrorCode::BAD_REQUEST.into());
        };
        let reply = match act(node, method, parameters.get().as_bytes()).await {
            Ok(result) => format!("{{\"{method}\":{result}}}"),
            Err(Failed::Error(error)) => json!({"error": error_value(&error)}).to_string(),
            Err(other) => return Err(other),
        };
        replies.push(reply);
    }
    Ok(format!("{{\"replies\":[{}]}}", replies.join(",")))
}

fn info_value(info: &ClientInfo) -> Value {
    let mut value = Map::new();
    value.insert("user".to_owned(), (*info.user).into());
    value.insert("client".to_owned(), (*info.client).into());
    for (name, bytes) in [("conn_info", &info.conn_info), ("chan_info", &info.chan_info)] {
        if !bytes.is_empty() {
            value.insert(name.to_owned(), data_value(bytes));
        }
    }
    Value::Object(value)
}

fn publication_value(publication: &Publication) -> Value {
    let mut value = Map::new();
    value.insert("data".to_owned(), data_value(&publication.data));
    value.insert("offset".to_owned(), publication.offset.into());
    if let Some(info) = &publication.info {
        value.insert("info".to_owned(), info_value(info));
    }
    if let Some(tags) = &publication.tags {
        value.insert("tags".to_owned(), json!(**tags));
    }
    Value::Object(value)
}

/// JSON as it is; anything else as base64 text.
fn data_value(data: &Bytes) -> Value {
    serde_json::from_slice(data).unwrap_or_else(|_| base64::engine::general_purpose::STANDARD.encode(data).into())
}
