//! A token to join a room: JWT, HS256.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// A token that lets `identity` join `room` for an hour.
pub(crate) fn join(key: &str, secret: &str, room: &str, identity: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let claims = json!({
        "iss": key, "sub": identity, "nbf": now - 10, "exp": now + 3600,
        "video": { "roomJoin": true, "room": room },
    });
    let body = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag))
}
