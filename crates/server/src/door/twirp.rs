//! LiveKit's server API: `POST /twirp/livekit.<Service>/<Method>`, protobuf or JSON.
//!
//! ```text
//! codec         body <-> message, errors
//! json          answers as JSON, every field present
//! room_service  method -> Command -> answer
//! ```
//! RoomService is served; the other services exist by name and answer `unimplemented`.

mod codec;
mod error;
mod json;
mod room_service;

use crate::auth;
use crate::metrics::Door;
use crate::node::Node;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use codec::Encoding;
use error::TwirpError;
use std::sync::Arc;
use tracing::debug;

/// Services of LiveKit that this node knows of and does not have.
const ABSENT: [&str; 8] = [
    "livekit.Egress",
    "livekit.Ingress",
    "livekit.SIP",
    "livekit.AgentDispatchService",
    "livekit.Connector",
    "livekit.PhoneNumberService",
    "livekit.CloudAgent",
    "livekit.AgentSimulation",
];

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().route("/twirp/{service}/{method}", any(serve)).route("/twirp/{service}", any(no_route))
}

async fn no_route(State(node): State<Arc<Node>>) -> Response {
    refused(&node, TwirpError::bad_route("no such service"))
}

async fn serve(
    State(node): State<Arc<Node>>,
    Path((service, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match answer(&node, &service, &name, &method, &headers, body).await {
        Ok(response) => response,
        Err(error) => refused(&node, error),
    }
}

fn refused(node: &Node, error: TwirpError) -> Response {
    node.metrics.rejected(Door::Twirp, error.code);
    debug!(code = error.name, "a server request is refused");
    error.into_response()
}

async fn answer(
    node: &Node,
    service: &str,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, TwirpError> {
    if method != Method::POST {
        return Err(TwirpError::bad_route("the method must be POST"));
    }
    let encoding = Encoding::of(headers)?;
    if ABSENT.contains(&service) {
        return Err(TwirpError::unimplemented(format!("this node has no {service}")));
    }
    if service != "livekit.RoomService" {
        return Err(TwirpError::bad_route(format!("no such service: {service}")));
    }
    let body = body.map_err(|rejection| TwirpError::body(rejection.status()))?;
    let grant = node.keys.verify(auth::bearer(headers)?, node.now_unix())?;
    let answer = room_service::call(node, &grant, name, encoding, &body).await?;
    Ok(answer.encode(encoding))
}

#[cfg(test)]
mod tests;
