//! For operators: health, metrics and a look into rooms.

use crate::auth;
use crate::http::Peer;
use crate::metrics::Door;
use crate::metrics::Others;
use crate::node::Node;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tandem_core::{Code, Command, Reject, Reply, RoomCommand, RoomName};

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/debug/rooms/{room}", get(debug_room))
}

/// 503 as soon as the node drains, so that a load balancer sends nobody new.
async fn ready(State(node): State<Arc<Node>>) -> Response {
    if node.draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining").into_response()
    } else {
        "ready".into_response()
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let others = Others { relay: node.relay.as_ref(), rendezvous: &node.rendezvous, transfers: &node.transfers };
    let text = node.metrics.text(&node.shards.stats(), &node.channels, &others);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn debug_room(
    State(node): State<Arc<Node>>,
    Extension(peer): Extension<Peer>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Response {
    match look(&node, peer, &room, &headers).await {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(reject) => {
            node.metrics.rejected(Door::Admin, reject.code);
            let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, reject.message).into_response()
        }
    }
}

async fn look(node: &Node, peer: Peer, room: &str, headers: &HeaderMap) -> Result<String, Reject> {
    let at_home = node.config.dev && peer.0.ip().to_canonical().is_loopback();
    if !at_home {
        let grant = node.keys.verify(auth::bearer(headers)?, node.now_unix())?;
        if !auth::administers(&grant, room) {
            return Err(Reject::new(Code::NotAllowed, "the token must have roomAdmin for this room"));
        }
    }
    let name: RoomName = room.parse().map_err(|error| Reject::new(Code::InvalidName, format!("{error}")))?;
    let shard = node.shards.for_room(&name).ok_or_else(|| Reject::new(Code::Internal, "no shard"))?;
    match shard.call(Command::Room { room: name, body: Box::new(RoomCommand::Debug) }).await? {
        Reply::Text(text) => Ok(text),
        _ => Err(Reject::new(Code::Internal, "the room gave no text")),
    }
}
