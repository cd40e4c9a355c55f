//! Signalling of y-webrtc, and of what speaks like it.

use super::lines::{In, serve};
use super::may_enter;
use crate::auth;
use crate::metrics::Door;
use crate::node::Node;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tandem_core::Code;
use tandem_wire::livekit::query_value;

/// Longest message; the connection ends with a longer one.
const MESSAGE_BYTES: usize = 512 * 1024;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new().route("/topics", get(enter))
}

async fn enter(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let in_query = query_value(query.as_deref().unwrap_or_default(), "token");
    let token = in_query.or_else(|| auth::bearer(&headers).ok().map(str::to_owned)).unwrap_or_default();
    if may_enter(&node, &token).is_err() {
        node.metrics.rejected(Door::Topics, Code::Unauthenticated);
        return (StatusCode::UNAUTHORIZED, "the token is missing or not valid; it needs the claim peer: true")
            .into_response();
    }
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES);
    upgrade.on_upgrade(move |socket| async move {
        let (line, outbox) = node.rendezvous.lines.add();
        node.rendezvous.at_topics(|topics, _, _| topics.connect(line));
        let shared = Arc::clone(&node);
        serve(Arc::clone(&node), socket, outbox, move |came| {
            if let In::Text(text) = came {
                shared.rendezvous.at_topics(|topics, now, effects| topics.frame(now, line, &text, effects));
            }
        })
        .await;
        node.rendezvous.lines.remove(line);
        node.rendezvous.at_topics(|topics, _, _| topics.closed(line));
    })
}
