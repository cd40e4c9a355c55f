//! How channel clients come in: WebSocket, streaming HTTP and server-sent events, in both
//! directions or only listening.

use super::downstream::Downstream;
use super::frame::{Envelope, Face};
use crate::channels::Hello;
use crate::door::upgrade;
use crate::http::{Peer, Slot, take_over};
use crate::metrics::Door;
use crate::node::Node;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tandem_core::Code;
use tandem_net::stream_loop::Sink;
use tandem_wire::centrifuge::{self as wire, Protocol};
use tandem_wire::websocket;

/// Largest body of an HTTP request here, bytes.
const BODY_BYTES: usize = 64 * 1024;
/// Whatever emulation.max_request_body_size says, bytes.
const EMULATED_BYTES: usize = 16 * 1024 * 1024;
/// The subprotocol that means protobuf.
const PROTOBUF: &str = "centrifuge-protobuf";
const SUBPROTOCOLS: [&str; 2] = [PROTOBUF, "centrifuge-json"];

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/connection/websocket", get(websocket))
        .route("/connection/uni_websocket", get(uni_websocket))
        .route("/connection/http_stream", post(http_stream))
        .route("/connection/uni_http_stream", post(uni_http_stream))
        .route("/connection/sse", get(sse).post(sse))
        .route("/connection/uni_sse", get(uni_sse).post(uni_sse))
        .route("/emulation", post(emulation).layer(DefaultBodyLimit::max(EMULATED_BYTES)))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

async fn websocket(state: State<Arc<Node>>, peer: Extension<Peer>, query: RawQuery, request: Request) -> Response {
    upgraded(&state.0, peer.0, query.0.as_deref().unwrap_or_default(), false, request)
}

async fn uni_websocket(state: State<Arc<Node>>, peer: Extension<Peer>, query: RawQuery, request: Request) -> Response {
    upgraded(&state.0, peer.0, query.0.as_deref().unwrap_or_default(), true, request)
}

/// A refusal before there is a connection.
fn refuse(node: &Node, code: Code, status: StatusCode, why: &'static str) -> Response {
    node.metrics.rejected(Door::Centrifuge, code);
    (status, why).into_response()
}

/// The refusal of a transport that is switched off, or of a page from elsewhere.
fn shut(node: &Node, enabled: bool, headers: &HeaderMap) -> Option<Response> {
    if !enabled {
        return Some(refuse(node, Code::Unsupported, StatusCode::NOT_FOUND, "this transport is switched off"));
    }
    let why = "pages of this origin may not connect; add it to client.allowed_origins";
    (!origin_allowed(node, headers)).then(|| refuse(node, Code::NotAllowed, StatusCode::FORBIDDEN, why))
}

fn upgraded(node: &Arc<Node>, peer: Peer, query: &str, uni: bool, mut request: Request) -> Response {
    let settings = &node.channels.settings;
    let enabled = !settings.websocket.disabled && (!uni || settings.uni_websocket);
    if let Some(refused) = shut(node, enabled, request.headers()) {
        return refused;
    }
    let accepted = match upgrade::accept(request.headers(), settings.websocket.compression) {
        Ok(accepted) => accepted,
        Err(why) => return refuse(node, Code::Invalid, StatusCode::BAD_REQUEST, why),
    };
    let protocols = upgrade::joined(request.headers(), "sec-websocket-protocol");
    let subprotocol = websocket::choose(&protocols, &SUBPROTOCOLS);
    let by_query = query_value(query, "cf_protocol").or_else(|| query_value(query, "format"));
    let protobuf = !uni && (subprotocol == Some(PROTOBUF) || by_query.as_deref() == Some("protobuf"));
    let face = Face {
        protocol: if protobuf { Protocol::Protobuf } else { Protocol::Json },
        envelope: Envelope::WebSocket,
        uni,
        deflate: accepted.deflate,
        by_id: false,
    };
    let hello = Hello {
        face,
        frame_pings: query_value(query, "cf_ws_frame_ping_pong").as_deref() == Some("true"),
        first: Bytes::new(),
        preface: query_value(query, "cf_connect").map(Bytes::from).unwrap_or_default(),
        key: None,
        headers: node.channels.headers_to_keep(request.headers()),
        remote: peer.0.ip().to_string(),
    };
    let node = Arc::clone(node);
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrading.await else { return };
        let Some((stream, slot, read)) = take_over(upgraded) else { return };
        hand_over(&node, stream, slot, Hello { first: read, ..hello });
    });
    upgrade::response(&accepted, subprotocol)
}

fn hand_over(node: &Node, stream: std::net::TcpStream, slot: Slot, hello: Hello) {
    if let Some(handle) = node.channels.next_loop() {
        handle.open(Sink::Socket(stream, Box::new(slot)), hello);
    }
}

async fn http_stream(state: State<Arc<Node>>, peer: Extension<Peer>, headers: HeaderMap, body: Bytes) -> Response {
    let enabled = state.0.channels.settings.http_stream;
    streaming(&state.0, peer.0, enabled, (Envelope::HttpStream, false), &headers, body)
}

async fn uni_http_stream(state: State<Arc<Node>>, peer: Extension<Peer>, headers: HeaderMap, body: Bytes) -> Response {
    let enabled = state.0.channels.settings.uni_http_stream;
    streaming(&state.0, peer.0, enabled, (Envelope::HttpStream, true), &headers, body)
}

async fn sse(
    state: State<Arc<Node>>,
    peer: Extension<Peer>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let enabled = state.0.channels.settings.sse;
    streaming(&state.0, peer.0, enabled, (Envelope::Sse, false), &headers, connect_of(query, body))
}

async fn uni_sse(
    state: State<Arc<Node>>,
    peer: Extension<Peer>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let enabled = state.0.channels.settings.uni_sse;
    streaming(&state.0, peer.0, enabled, (Envelope::Sse, true), &headers, connect_of(query, body))
}

/// The connect command of an event stream: in the query of a GET, the body of a POST.
fn connect_of(query: RawQuery, body: Bytes) -> Bytes {
    let of_query = query.0.as_deref().and_then(|query| query_value(query, "cf_connect"));
    of_query.map(Bytes::from).unwrap_or(body)
}

fn streaming(
    node: &Arc<Node>,
    peer: Peer,
    enabled: bool,
    (envelope, uni): (Envelope, bool),
    headers: &HeaderMap,
    first: Bytes,
) -> Response {
    if let Some(refused) = shut(node, enabled, headers) {
        return refused;
    }
    if first.is_empty() {
        return refuse(node, Code::Invalid, StatusCode::BAD_REQUEST, "the connect command is missing");
    }
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protobuf = envelope == Envelope::HttpStream && !uni && content.starts_with("application/octet-stream");
    let protocol = if protobuf { Protocol::Protobuf } else { Protocol::Json };
    let Some(handle) = node.channels.next_loop() else {
        return refuse(node, Code::Busy, StatusCode::SERVICE_UNAVAILABLE, "not ready yet");
    };
    let (body, sink, key) = Downstream::new(handle.clone(), envelope == Envelope::Sse);
    let hello = Hello {
        face: Face { protocol, envelope, uni, deflate: None, by_id: false },
        frame_pings: false,
        first,
        preface: Bytes::new(),
        key: Some(key),
        headers: node.channels.headers_to_keep(headers),
        remote: peer.0.ip().to_string(),
    };
    handle.open(sink, hello);
    let kind = match envelope {
        Envelope::Sse => "text/event-stream; charset=utf-8",
        _ if protobuf => "application/octet-stream",
        _ => "application/json; charset=utf-8",
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache, no-store, must-revalidate, max-age=0")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// The upstream half of an emulated connection.
async fn emulation(State(node): State<Arc<Node>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = shut(&node, true, &headers) {
        return refused;
    }
    if body.len() > node.channels.settings.emulation_body_bytes {
        let why = "the body is longer than emulation.max_request_body_size";
        return refuse(&node, Code::LimitExceeded, StatusCode::PAYLOAD_TOO_LARGE, why);
    }
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protocol = if content.starts_with("application/octet-stream") { Protocol::Protobuf } else { Protocol::Json };
    let Ok(request) = wire::decode_emulation(protocol, &body) else {
        return refuse(&node, Code::Invalid, StatusCode::BAD_REQUEST, "the body is no emulation request");
    };
    if node.channels.input(&request.session, request.data) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refuse(&node, Code::ParticipantNotFound, StatusCode::NOT_FOUND, "there is no such connection here")
    }
}

/// Whether pages of this origin may use the door. Programs send none; pages of this host always may.
fn origin_allowed(node: &Node, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let of_origin = origin.split_once("://").map_or(origin, |(_, host)| host);
    if !host.is_empty() && of_origin.eq_ignore_ascii_case(host) {
        return true;
    }
    let at_home = || {
        let name = of_origin.rsplit_once(':').map_or(of_origin, |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]") || matches!(of_origin, "localhost" | "127.0.0.1" | "[::1]")
    };
    node.channels.settings.allows_origin(origin) || (node.config.dev && at_home())
}

/// A value of a query string, decoded.
fn query_value(query: &str, name: &str) -> Option<String> {
    tandem_wire::livekit::query_value(query, name)
}
