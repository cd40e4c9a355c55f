//! The opening handshake (RFC 6455, section 4.2) and what is agreed on in it.

use super::extensions;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

/// Appended to the client's key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Keys of clients that fill the last, unused bits are understood.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

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
    /// `Sec-WebSocket-Accept` (RFC 6455, section 4.2.2).
    pub accept: String,
    /// Messages may be compressed, in this way.
    pub deflate: Option<DeflateParams>,
    /// `Sec-WebSocket-Extensions`, if anything was agreed on.
    pub extensions: Option<String>,
}

/// How messages to a client may be compressed (RFC 7692, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeflateParams {
    window_bits: u8,
}

impl DeflateParams {
    pub(super) const MIN_BITS: u8 = 8;
    pub(super) const MAX_BITS: u8 = 15;
    /// What clients get that ask for nothing special, as all browsers do.
    pub const FULL: Self = Self { window_bits: Self::MAX_BITS };

    pub(super) fn with_window_bits(bits: u8) -> Self {
        Self { window_bits: bits.clamp(Self::MIN_BITS, Self::MAX_BITS) }
    }

    /// The client keeps 2 to this bytes of a message to refer back to, from 8 to 15 (RFC 7692,
    /// section 7.1.2.1).
    #[must_use]
    pub fn window_bits(self) -> u8 {
        self.window_bits
    }
}

/// Why a request is no opening handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Another version than 13; the answer is 426 with `Sec-WebSocket-Version: 13` (RFC 6455,
    /// section 4.4).
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// The key is missing or not 16 bytes in base64 (RFC 6455, section 4.1).
    #[error("Sec-WebSocket-Key is missing or malformed")]
    Key,
}

/// Accepts a handshake (RFC 6455, section 4.2).
///
/// # Errors
/// See [`HandshakeError`]. Extensions are never an error: what we do not take is not answered.
pub fn handshake(offer: &Offer<'_>) -> Result<Accepted, HandshakeError> {
    if offer.version.map(str::trim) != Some("13") {
        return Err(HandshakeError::Version);
    }
    let key = offer.key.map(str::trim).ok_or(HandshakeError::Key)?;
    let decoded = BASE64.decode(key).map_err(|_| HandshakeError::Key)?;
    if decoded.len() != 16 {
        return Err(HandshakeError::Key);
    }
    let mut sha = Sha1::new();
    sha.update(key.as_bytes());
    sha.update(GUID);
    let accept = BASE64.encode(sha.finalize());
    let agreed = if offer.deflate { extensions::agree(offer.extensions) } else { None };
    let (deflate, extensions) = agreed.unzip();
    Ok(Accepted { accept, deflate, extensions })
}

/// The first subprotocol the client offers that is supported (RFC 6455, section 4.2.2).
#[must_use]
pub fn choose(offered: &str, supported: &[&'static str]) -> Option<&'static str> {
    let mut offered = offered.split(',').map(str::trim);
    offered.find_map(|name| supported.iter().find(|known| **known == name).copied())
}
