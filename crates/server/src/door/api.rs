//! The server API of channels: `POST /api/<method>` with a key, for applications.
//!
//! ```text
//! key        who may      request   what is asked, method by method
//! answer     results and errors as JSON        act   doing it
//! ```

mod act;
mod answer;
mod key;
mod request;

use crate::metrics::Door;
use crate::node::Node;
use answer::{ErrorMode, fail, respond};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::sync::Arc;
use tandem_core::Code;
use tandem_hub::code::ErrorCode;

/// Everything that may be called.
pub const METHODS: [&str; 16] = [
    "publish",
    "broadcast",
    "subscribe",
    "unsubscribe",
    "disconnect",
    "refresh",
    "presence",
    "presence_stats",
    "history",
    "history_remove",
    "channels",
    "connections",
    "block_user",
    "unblock_user",
    "info",
    "batch",
];

/// Largest request body, bytes.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/api", post(legacy))
        .route("/api/{method}", post(method))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

async fn method(
    State(node): State<Arc<Node>>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = unwelcome(&node, &headers, query.as_deref()) {
        return refusal;
    }
    call(&node, &method, &body, ErrorMode::of(&headers)).await
}

/// The old form: method and parameters in the body.
async fn legacy(State(node): State<Arc<Node>>, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = unwelcome(&node, &headers, query.as_deref()) {
        return refusal;
    }
    let mode = ErrorMode::of(&headers);
    match serde_json::from_slice::<request::Legacy<'_>>(&body) {
        Ok(legacy) => {
            let parameters = legacy.params.map_or("{}", serde_json::value::RawValue::get);
            call(&node, &legacy.method, parameters.as_bytes(), mode).await
        }
        Err(error) => malformed(&node, &error),
    }
}

fn unwelcome(node: &Node, headers: &HeaderMap, query: Option<&str>) -> Option<Response> {
    let settings = &node.channels.settings.http_api;
    if settings.disabled {
        return Some(StatusCode::NOT_FOUND.into_response());
    }
    if settings.insecure || key::fits(&settings.key, headers, query) {
        return None;
    }
    node.metrics.rejected(Door::Api, Code::Unauthenticated);
    let text = if settings.key.is_empty() {
        "no API key is configured: set http_api.key, and send it as X-API-Key"
    } else {
        "the API key is missing or wrong: send it as X-API-Key"
    };
    Some((StatusCode::UNAUTHORIZED, text).into_response())
}

async fn call(node: &Arc<Node>, method: &str, body: &[u8], mode: ErrorMode) -> Response {
    let body = if body.is_empty() { b"{}" } else { body };
    let mode = if node.channels.settings.http_api.transport_errors { ErrorMode::Transport } else { mode };
    match act::act(node, method, body).await {
        Ok(result) => respond(result),
        Err(act::Failed::Malformed(error)) => malformed(node, &error),
        Err(act::Failed::Unknown) => {
            node.metrics.rejected(Door::Api, Code::Unsupported);
            (StatusCode::NOT_FOUND, "there is no such method").into_response()
        }
        Err(act::Failed::Error(error)) => {
            node.metrics.rejected(Door::Api, code_of(&error));
            fail(&error, mode)
        }
    }
}

fn malformed(node: &Node, error: &serde_json::Error) -> Response {
    node.metrics.rejected(Door::Api, Code::Invalid);
    (StatusCode::BAD_REQUEST, format!("the body cannot be understood: {error}")).into_response()
}

fn code_of(error: &ErrorCode) -> Code {
    match error.code {
        102 | 104 => Code::Unsupported,
        103 => Code::NotAllowed,
        106 => Code::LimitExceeded,
        111 => Code::Busy,
        100 => Code::Internal,
        _ => Code::Invalid,
    }
}
