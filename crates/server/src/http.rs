//! The HTTP port: routes, and what holds for every request.

mod serve;

pub(crate) use serve::take_over;
pub use serve::{Server, Slot, listen};

use crate::door::{admin, api, centrifuge, echo, livekit, rendezvous, transfer, twirp};
use crate::node::Node;
use crate::{app, join, openapi, push, relay};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// Largest request body, bytes; more answers 413.
const BODY_BYTES: usize = 10 * 1024 * 1024;
/// A request must be answered within this: it bounds slow bodies and stuck shards alike. An
/// upgraded connection counts as answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Browsers may remember for a day what they may ask.
const CORS_AGE: Duration = Duration::from_secs(86_400);
/// First parts of paths that belong to machines: never the web app.
const MACHINES: [&str; 14] = [
    "rtc",
    "twirp",
    "v1",
    "api",
    "connection",
    "emulation",
    "docs",
    "hocuspocus",
    "peerjs",
    "topics",
    "whip",
    "whep",
    "live",
    "debug",
];

/// The other end of the TCP connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Everything that answers on the HTTP port.
pub fn router(node: Arc<Node>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::OPTIONS, Method::HEAD, Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any)
        .max_age(CORS_AGE);
    Router::new()
        .route("/", get(root))
        .merge(admin::routes())
        .merge(livekit::routes())
        .merge(twirp::routes())
        .merge(centrifuge::routes())
        .merge(api::routes())
        .merge(echo::routes())
        .merge(openapi::routes())
        .merge(push::routes())
        .merge(join::routes())
        .merge(relay::routes())
        .merge(rendezvous::routes())
        .merge(transfer::routes())
        .fallback(other)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(cors)
        .layer(middleware::from_fn_with_state(Arc::clone(&node), answer))
        .with_state(node)
}

/// Bounds the time and counts.
async fn answer(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    let late = |_| (StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response();
    let response = answered.unwrap_or_else(late);
    node.metrics.answered(response.status().as_u16());
    response
}

/// People get the web app, probes of clients get two letters.
async fn root(headers: HeaderMap) -> Response {
    if wants_html(&headers) { app::index(&headers) } else { "OK".into_response() }
}

/// Files of the web app, and its pages, which are paths only inside the app.
async fn other(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if (method != Method::GET && method != Method::HEAD) || MACHINES.contains(&first) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match app::file(path, &headers) {
        Some(response) => response,
        // A missing file must not look like a page.
        None if wants_html(&headers) && first != "assets" => app::index(&headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}
