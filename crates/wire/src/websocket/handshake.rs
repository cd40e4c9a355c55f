//! The opening handshake (RFC 6455, section 4.2) and what is agreed on in it.

use base64::Engine;
use sha1::{Digest, Sha1};

/// Appended to the client's key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// What we answer to an offer of compression: no context is kept on either side.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The headers of an upgrade request, several of one name joined with commas.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offer<'a> {
    /// `Sec-WebSocket-Key`.
    pub key: Option<&'a str>,
    /// `Sec-WebSocket-Version`.
    pub version: Option<&'a str>,
    /// `Sec-WebSocket-Extensions`.
    pub extensions: &'a str,
    /// Take compression if it is offered.
    pub deflate: bool,
}

/// What the response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// `Sec-WebSocket-Accept`.
    pub accept: String,
    /// Messages may be compressed.
    pub deflate: bool,
    /// `Sec-WebSocket-Extensions`, if anything was agreed on.
    pub extensions: Option<&'static str>,
}

/// Why a request is no opening handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Another version than 13.
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// The key is missing or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key is missing or malformed")]
    Key,
}

/// Accepts a handshake.
///
/// # Errors
/// See [`HandshakeError`]. Extensions are never an error: what we do not take is not answered.
pub fn handshake(offer: &Offer<'_>) -> Result<Accepted, HandshakeError> {
    if offer.version.map(str::trim) != Some("13") {
        return Err(HandshakeError::Version);
    }
    let key = offer.key.map(str::trim).ok_or(HandshakeError::Key)?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(key).map_err(|_| HandshakeError::Key)?;
    if decoded.len() != 16 {
        return Err(HandshakeError::Key);
    }
    let mut sha = Sha1::new();
    sha.update(key.as_bytes());
    sha.update(GUID);
    let accept = base64::engine::general_purpose::STANDARD.encode(sha.finalize());
    let deflate = offer.deflate && offer.extensions.split(',').any(acceptable);
    Ok(Accepted { accept, deflate, extensions: deflate.then_some(ANSWER) })
}

/// Whether one offer can be answered with no contexts and full windows (RFC 7692, section 7.1).
/// A client may not want our window that large; then this offer is declined and the next is looked
/// at.
fn acceptable(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    parts.all(|part| {
        let (name, value) =
            part.split_once('=').map_or((part, None), |(name, value)| (name.trim(), Some(value.trim())));
        let value = value.map(|value| value.trim_matches('"'));
        if seen.contains(&name) {
            return false;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => true,
            ("client_max_window_bits", Some(bits)) => window(bits).is_some(),
            ("server_max_window_bits", Some(bits)) => window(bits) == Some(15),
            _ => false,
        }
    })
}

fn window(bits: &str) -> Option<u8> {
    let plain = !bits.starts_with('0') && bits.bytes().all(|byte| byte.is_ascii_digit());
    bits.parse().ok().filter(|bits| plain && (8..=15).contains(bits))
}

/// The first subprotocol the client offers that is supported.
#[must_use]
pub fn choose(offered: &str, supported: &[&'static str]) -> Option<&'static str> {
    let offered = offered.split(',').map(str::trim);
    offered.into_iter().find_map(|name| supported.iter().find(|known| **known == name).copied())
}
