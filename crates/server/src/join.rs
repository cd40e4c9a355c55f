//! `POST /v1/join`: a name and a room in, a token and an address out. What the web app starts with.
//!
//! Open in development mode and where the settings say so; elsewhere an invitation is needed: a
//! token that may join the room. Whoever joins gets an identity of its own, so one invitation
//! serves many, and the permissions of the invitation.

mod gate;
pub(crate) use gate::{Gate, client as visitor};

use crate::auth;
use crate::http::Peer;
use crate::metrics::Door;
use crate::node::Node;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use tandem_core::{Code, Grant, Identity, Permissions, Reject, RoomName, RoomOptions, SidGenerator};

/// Longest request, bytes: two names and an invitation.
const REQUEST_BYTES: usize = 64 * 1024;
/// How long a token of an open room lives, seconds.
const OPEN_SECONDS: u64 = 6 * 3600;
/// Characters of the display name that go into the identity.
const SLUG: usize = 32;

/// The path of this service.
pub fn routes() -> Router<Arc<Node>> {
    let gate = Arc::new(Gate::default());
    Router::new().route(
        "/v1/join",
        post(move |node, peer, headers, body| {
            let gate = Arc::clone(&gate);
            async move { join(&gate, node, peer, headers, body) }
        }),
    )
}

#[derive(Deserialize)]
struct Request {
    room: String,
    name: String,
    #[serde(default)]
    invitation: Option<String>,
    /// How people in the room reach each other; counts for whoever makes the room.
    #[serde(default)]
    kind: Option<Kind>,
}

/// A room whose members connect directly. Pages read it from the room's metadata.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Two people directly, more through the node.
    P2p,
    /// Up to four hear each other directly.
    Mesh,
}

impl Kind {
    fn metadata(self) -> String {
        let name = match self {
            Self::P2p => "p2p",
            Self::Mesh => "mesh",
        };
        json!({"kind": name}).to_string()
    }
}

fn join(
    gate: &Gate,
    State(node): State<Arc<Node>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let most = node.config.limits.joins_per_minute;
    let admitted = if node.config.dev && peer.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        gate.enter(gate::client(peer.ip(), &headers), most, Instant::now())
    };
    let admitted = admitted.and_then(|()| {
        let body = body.map_err(|_| Reject::new(Code::LimitExceeded, "the request is too long"))?;
        admit(&node, &headers, &body)
    });
    match admitted {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response(),
        Err(reject) => refused(&node, &reject),
    }
}

fn refused(node: &Node, reject: &Reject) -> Response {
    node.metrics.rejected(Door::Join, reject.code);
    let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"code": reject.code.name(), "message": reject.message}).to_string();
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn admit(node: &Node, headers: &HeaderMap, body: &[u8]) -> Result<Value, Reject> {
    if node.draining() {
        return Err(Reject::new(Code::Draining, "This server is restarting; try again in a moment."));
    }
    if body.len() > REQUEST_BYTES {
        return Err(Reject::new(Code::LimitExceeded, "The request is too long."));
    }
    let request: Request = serde_json::from_slice(body)
        .map_err(|_| Reject::new(Code::Invalid, "Send JSON like {\"room\": \"demo\", \"name\": \"Ana\"}."))?;
    let room = room_name(&request.room)?;
    let name = display_name(&request.name, node.limits.name_bytes)?;
    let mut grant = invited(node, headers, &request, &room)?;
    if let Some(kind) = request.kind {
        let options = grant.room_options.get_or_insert_with(RoomOptions::default);
        if options.metadata.is_empty() {
            options.metadata = kind.metadata();
        }
    }
    let identity = identity(&name)?;
    let url = socket_address(headers)?;
    grant.identity = Some(identity.clone());
    grant.room = Some(room.clone());
    grant.name.clone_from(&name);
    grant.permissions.can_update_metadata = true;
    let token = node.keys.sign(&auth::Claims { nbf: Some(node.now_unix()), ..auth::Claims::of(&grant) });
    let token = token.ok_or_else(|| Reject::new(Code::Internal, "This server has no key to sign with."))?;
    let ice_servers = node
        .relay
        .as_ref()
        .map_or_else(Vec::new, |relay| relay.ice_servers(identity.as_str(), headers, node.now_unix()).to_json());
    Ok(json!({
        "url": url,
        "token": token,
        "room": room.as_str(),
        "identity": identity.as_str(),
        "name": name,
        "ice_servers": ice_servers,
    }))
}

/// What the invitation allows, or everything where rooms are open.
fn invited(node: &Node, headers: &HeaderMap, request: &Request, room: &RoomName) -> Result<Grant, Reject> {
    let given = request.invitation.as_deref().or_else(|| auth::bearer(headers).ok()).filter(|text| !text.is_empty());
    let invitation = given.map(|token| node.keys.verify(token, node.now_unix()));
    if let Some(Ok(grant)) = invitation.as_ref()
        && grant.room_join
        && grant.room.as_ref() == Some(room)
    {
        let Grant { permissions, room_options, expires_unix, .. } = grant.clone();
        return Ok(Grant { room_join: true, permissions, room_options, expires_unix, ..Grant::default() });
    }
    if node.config.open_rooms() {
        let expires_unix = node.now_unix().saturating_add(OPEN_SECONDS);
        return Ok(Grant { room_join: true, permissions: Permissions::default(), expires_unix, ..Grant::default() });
    }
    Err(Reject::new(
        Code::NotAllowed,
        match invitation {
            None => "This server needs an invitation; ask the host for a link.",
            Some(Ok(_)) => "This invitation is for another room; ask the host for a new link.",
            Some(Err(_)) => "This invitation is no longer valid; ask the host for a new link.",
        },
    ))
}

fn room_name(text: &str) -> Result<RoomName, Reject> {
    text.trim().parse().map_err(|error| Reject::new(Code::InvalidName, format!("Choose another room name: {error}.")))
}

fn display_name(text: &str, most: usize) -> Result<String, Reject> {
    let name = text.trim();
    let fault = if name.is_empty() {
        "Say your name, so that others know who you are.".to_owned()
    } else if name.len() > most {
        format!("This name is too long; {most} bytes is the most.")
    } else if name.chars().any(char::is_control) {
        "A name cannot hold control characters.".to_owned()
    } else {
        return Ok(name.to_owned());
    };
    Err(Reject::new(Code::InvalidName, fault))
}

/// Readable, and unique without asking anybody.
fn identity(name: &str) -> Result<Identity, Reject> {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug: String = slug.chars().take(SLUG).collect();
    let slug = if slug.is_empty() { "guest" } else { slug.trim_end_matches('-') };
    let prefix = format!("{slug}-");
    let identity = SidGenerator::new(rand::random()).sid(&prefix);
    identity.as_str().parse().map_err(|_| Reject::new(Code::InvalidName, "Choose another name."))
}

/// The address the browser used, as a WebSocket address.
fn socket_address(headers: &HeaderMap) -> Result<String, Reject> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let host = text(HOST.as_str()).filter(|host| !host.is_empty() && host.chars().all(of_host));
    let host = host.ok_or_else(|| Reject::new(Code::Invalid, "The request has no usable Host header."))?;
    let first = text("x-forwarded-proto").and_then(|protocols| protocols.split(',').next()).map(str::trim);
    let secure = first.is_some_and(|protocol| protocol == "https" || protocol == "wss");
    Ok(format!("{}://{host}", if secure { "wss" } else { "ws" }))
}

fn of_host(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn identities_are_readable_and_differ() {
        for (name, start) in
            [("Ana María!", "ana-maría-"), ("  ...", "guest-"), ("Zoë  & Co", "zoë-co-"), ("日本", "日本-")]
        {
            let identity = identity(name).unwrap();
            assert!(identity.as_str().starts_with(start), "{identity}");
            assert_ne!(identity, super::identity(name).unwrap());
        }
        assert!(identity(&"x".repeat(256)).is_ok());
    }

    #[test]
    fn addresses_follow_the_proxy() {
        let address = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            socket_address(&headers).ok()
        };
        assert_eq!(address(&[("host", "127.0.0.1:7880")]).unwrap(), "ws://127.0.0.1:7880");
        assert_eq!(
            address(&[("host", "meet.example"), ("x-forwarded-proto", "https, http")]).unwrap(),
            "wss://meet.example"
        );
        assert_eq!(address(&[("host", "a b")]), None);
        assert_eq!(address(&[]), None);
    }

    #[test]
    fn names_are_checked_in_sentences() {
        assert_eq!(display_name("  Ana ", 10).unwrap(), "Ana");
        for bad in ["", "  ", "a\u{7}b", "elevenchars"] {
            assert_eq!(display_name(bad, 10).unwrap_err().code, Code::InvalidName, "{bad:?}");
        }
        assert!(room_name("").unwrap_err().message.contains("cannot be empty"));
    }
}
