//! `GET /v1/ice`: servers for a peer connection, with credentials that end.

use super::Relay;
use crate::auth;
use crate::http::Peer;
use crate::join::visitor;
use crate::metrics::Door;
use crate::node::Node;
use axum::Json;
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use tandem_core::{Code, Reject};

/// The path of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().route("/v1/ice", get(ice))
}

async fn ice(State(node): State<Arc<Node>>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    match answer(&node, peer, &headers) {
        Ok(body) => ([("cache-control", "no-store")], Json(body)).into_response(),
        Err(reject) => {
            node.metrics.rejected(Door::Relay, reject.code);
            let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(json!({"code": reject.code.name(), "message": reject.message}))).into_response()
        }
    }
}

pub(crate) fn answer(node: &Node, Peer(peer): Peer, headers: &HeaderMap) -> Result<Value, Reject> {
    let user = user(node, Peer(peer), headers)?;
    let relay = node.relay.as_ref();
    let relay =
        relay.ok_or_else(|| Reject::new(Code::Unsupported, "This server has no relay: turn.enabled is off."))?;
    Ok(body(relay, &user, headers, node.now_unix()))
}

/// The list, and the same under the names older clients of TURN services read.
fn body(relay: &Relay, user: &str, headers: &HeaderMap, now_unix: u64) -> Value {
    let ice = relay.ice_servers(user, headers, now_unix);
    let uris = ice.servers.iter().flat_map(|server| &server.urls);
    json!({
        "iceServers": ice.to_json(),
        "ttl": ice.credentials.ttl,
        "username": ice.credentials.username,
        "password": ice.credentials.password,
        "uris": uris.collect::<Vec<_>>(),
    })
}

/// Whoever may join a room or relay may have credentials; where rooms are open, everybody may, at
/// the pace of joins.
fn user(node: &Node, Peer(peer): Peer, headers: &HeaderMap) -> Result<String, Reject> {
    match auth::bearer(headers) {
        Ok(token) => node.keys.verify_relay(token, node.now_unix()).map_err(Reject::from),
        Err(_) if node.config.open_rooms() => {
            let local = node.config.dev && peer.ip().to_canonical().is_loopback();
            if !local {
                let most = node.config.limits.joins_per_minute;
                node.relay_gate.enter(visitor(peer.ip(), headers), most, Instant::now())?;
            }
            // A name for each: many may come from behind one address, and each has a quota.
            Ok(format!("guest-{:08x}", rand::random::<u32>()))
        }
        Err(error) => Err(error.into()),
    }
}
