//! PeerJS clients with `path: "/"` and key `peerjs`.

use super::lines::{In, serve};
use super::may_enter;
use crate::door::goodbye;
use crate::http::Peer;
use crate::metrics::Door;
use crate::node::Node;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;
use tandem_core::Code;
use tandem_wire::livekit::query_value;
use tandem_wire::peerjs;

/// The key clients name unless they are told otherwise, and the only one here.
const KEY: &str = "peerjs";
/// Longest message a connection may send at all; the desk answers what is longer than it takes.
const MESSAGE_BYTES: usize = 1024 * 1024;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/peerjs", get(enter))
        .route("/peerjs/", get(enter))
        .route("/peerjs/id", get(id))
        .route("/peerjs/peers", get(peers))
        .route("/peerjs/ice", get(ice))
}

async fn id() -> String {
    peerjs::new_id(rand::random())
}

async fn peers(State(node): State<Arc<Node>>) -> Response {
    if node.config.peer.allow_discovery {
        Json(super::lock(&node.rendezvous.desk).ids_as_text()).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// The same list as `/v1/ice`, under the names PeerJS users look for.
async fn ice(State(node): State<Arc<Node>>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    match crate::relay::ice_for(&node, peer, &headers) {
        Ok(body) => Json(body).into_response(),
        Err(reject) => {
            node.metrics.rejected(Door::PeerJs, reject.code);
            let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, reject.message).into_response()
        }
    }
}

async fn enter(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else { return banner() };
    let query = query.unwrap_or_default();
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES);
    upgrade.on_upgrade(move |socket| session(node, socket, query))
}

fn banner() -> Response {
    Json(json!({
        "name": "PeerJS Server",
        "description": "A server side element to broker connections between PeerJS clients.",
        "website": "https://peerjs.com/",
    }))
    .into_response()
}

/// Errors are told inside the connection: clients do not see why a handshake fails.
async fn session(node: Arc<Node>, mut socket: WebSocket, query: String) {
    let value = |name: &str| query_value(&query, name).unwrap_or_default();
    let (id, token, key) = (value("id"), value("token"), value("key"));
    let refused = if id.is_empty() || token.is_empty() || key.is_empty() {
        Some(("No id, token, or key supplied to websocket server", Code::Invalid))
    } else if key != KEY {
        Some(("Invalid key provided", Code::Unauthenticated))
    } else {
        None
    };
    let subject = may_enter(&node, &token);
    let refused = refused.or(match &subject {
        Ok(Some(subject)) if *subject != id => Some(("This id is not the one in the token", Code::NotAllowed)),
        Ok(_) => None,
        Err(_) => Some(("The token is missing or not valid; it needs the claim peer: true", Code::Unauthenticated)),
    });
    if let Some((why, code)) = refused {
        node.metrics.rejected(Door::PeerJs, code);
        let _ = socket.send(Message::Text(peerjs::error(why).into())).await;
        goodbye::say(socket, None).await;
        return;
    }
    let proved = subject.is_ok_and(|subject| subject.is_some());
    let (line, outbox) = node.rendezvous.lines.add();
    node.rendezvous.at_desk(|desk, now, effects| desk.connect(now, line, (&id, &token), proved, effects));
    let shared = Arc::clone(&node);
    serve(Arc::clone(&node), socket, outbox, move |came| {
        shared.rendezvous.at_desk(|desk, now, effects| match came {
            In::Text(text) => desk.frame(now, line, &text, effects),
            In::Pong => desk.pong(now, line, effects),
        });
    })
    .await;
    node.rendezvous.lines.remove(line);
    node.rendezvous.at_desk(|desk, now, effects| desk.closed(now, line, effects));
}
