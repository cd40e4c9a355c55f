//! `/v1/push/*`: browsers ask for the key and leave their subscriptions.

use super::Push;
use super::address::is_public;
use super::list::Subscription;
use crate::http::Peer;
use crate::metrics::Door;
use crate::node::Node;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use std::sync::Arc;
use tandem_core::{Code, Reject};
use tandem_hub::namespace::Caller;

/// Subscriptions from one address in a minute.
const PER_MINUTE: u32 = 60;
/// Largest request, bytes.
const BODY_BYTES: usize = 8 * 1024;
/// Longest texts in it, bytes.
const ENDPOINT_BYTES: usize = 2048;
const DEVICE_BYTES: usize = 64;

#[derive(Deserialize)]
struct Request {
    channel: String,
    device: String,
    #[serde(default)]
    token: String,
    subscription: Wire,
}

#[derive(Deserialize)]
struct Wire {
    endpoint: String,
    keys: WireKeys,
}

#[derive(Deserialize)]
struct WireKeys {
    p256dh: String,
    auth: String,
}

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/v1/push/key", get(key))
        .route("/v1/push/subscriptions", post(subscribe).delete(unsubscribe))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

async fn key(State(node): State<Arc<Node>>) -> Response {
    match &node.push {
        Some(push) => Json(serde_json::json!({"key": push.vapid.public_key()})).into_response(),
        None => (StatusCode::NOT_FOUND, "push.enabled is off").into_response(),
    }
}

async fn subscribe(State(node): State<Arc<Node>>, Extension(peer): Extension<Peer>, body: Bytes) -> Response {
    answer(&node, add(&node, peer, &body).await)
}

async fn unsubscribe(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    answer(&node, remove(&node, &body).await)
}

fn answer(node: &Node, result: Result<(), Reject>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reject) => {
            node.metrics.rejected(Door::Push, reject.code);
            let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, reject.message).into_response()
        }
    }
}

fn read(node: &Node, body: &[u8]) -> Result<(Arc<Push>, Request), Reject> {
    let push = node.push.clone().ok_or_else(|| Reject::new(Code::Unsupported, "push.enabled is off"))?;
    let request: Request =
        serde_json::from_slice(body).map_err(|error| Reject::new(Code::Invalid, error.to_string()))?;
    let fits = !request.device.is_empty()
        && request.device.len() <= DEVICE_BYTES
        && request.subscription.endpoint.len() <= ENDPOINT_BYTES
        && request.subscription.keys.p256dh.len() <= 100
        && request.subscription.keys.auth.len() <= 50;
    if fits {
        Ok((push, request))
    } else {
        Err(Reject::new(Code::Invalid, "the subscription is incomplete or too long"))
    }
}

async fn add(node: &Arc<Node>, peer: Peer, body: &[u8]) -> Result<(), Reject> {
    node.push_gate.enter(peer.0.ip().to_canonical(), PER_MINUTE, std::time::Instant::now())?;
    let (push, request) = read(node, body)?;
    may_listen(node, &request)?;
    let endpoint = request.subscription.endpoint.clone();
    let dev = push.dev;
    let public = tokio::task::spawn_blocking(move || is_public(&endpoint, dev)).await.unwrap_or(false);
    if !public {
        return Err(Reject::new(Code::NotAllowed, "the endpoint must be a push service on the internet, over https"));
    }
    let keys = request.subscription.keys;
    let subscription = Subscription {
        channel: request.channel,
        device: request.device,
        endpoint: request.subscription.endpoint,
        p256dh: keys.p256dh,
        auth: keys.auth,
    };
    match push.add(subscription).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Reject::new(Code::LimitExceeded, "there are too many push subscriptions")),
        Err(error) => Err(Reject::new(Code::Internal, format!("the subscription could not be kept: {error}"))),
    }
}

async fn remove(node: &Node, body: &[u8]) -> Result<(), Reject> {
    let (push, request) = read(node, body)?;
    // Only who knows the address may take it away.
    let known = push.with_list(|list| list.of(&request.channel));
    let own = known.iter().any(|s| s.device == request.device && s.endpoint == request.subscription.endpoint);
    let removed = if own { push.remove(&request.channel, &request.device).await } else { Ok(()) };
    removed.map_err(|error| Reject::new(Code::Internal, format!("the list could not be written: {error}")))
}

/// Whoever may subscribe to the channel may have its notifications.
fn may_listen(node: &Node, request: &Request) -> Result<(), Reject> {
    let denied = || Reject::new(Code::NotAllowed, "you may not listen to this channel");
    let settings = &node.channels.settings;
    let claims = match request.token.as_str() {
        "" if settings.client.allow_anonymous_connect_without_token => Default::default(),
        "" => return Err(denied()),
        token => node.tokens.connection(token, node.now_unix()).map_err(|_| denied())?,
    };
    let parts = settings.namespaces.parse(&request.channel).map_err(|_| denied())?;
    let options = settings.namespaces.options_of(&parts).ok_or_else(denied)?;
    let caller = Caller {
        user: &claims.user,
        insecure: settings.client.insecure,
        subscribed: false,
        capabilities: &claims.capabilities,
        of_subscription: None,
    };
    caller.may_subscribe(&parts, &options).map_err(|_| denied())
}
