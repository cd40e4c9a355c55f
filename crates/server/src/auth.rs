//! Who may do what: LiveKit tokens (JWT, HS256) to [`Grant`]s and back.
//!
//! The issuer of a token names the key that signed it. Times have a minute of leeway. A claim that
//! is absent is not the same as one that is false: defaults are resolved here, once.

pub mod channel;
mod claims;
mod keys;
pub mod store;

pub use claims::{Claims, RoomConfig, VideoGrant};
pub use keys::{KeyFault, Keys};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use tandem_core::{Code, Grant, Reject};

/// Why a token opens nothing. The text is what a client gets as plain text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// There is an `Authorization` header of another kind.
    #[error("invalid authorization header. Must start with Bearer ")]
    Header,
    /// Not a JWT we can read.
    #[error("invalid authorization token")]
    Malformed,
    /// The issuer is none of our keys.
    #[error("invalid API key")]
    UnknownKey,
    /// Signature, algorithm or times.
    #[error("invalid token: {0}")]
    Invalid(&'static str),
    /// No token, or one without a video grant.
    #[error("no permissions to access the room")]
    NoGrant,
    /// The identity or the room is not a name we accept.
    #[error("{0}")]
    Name(String),
}

impl AuthError {
    /// The HTTP status clients act on: 401, or 400 for an unacceptable name.
    #[must_use]
    pub fn status(&self) -> u16 {
        if matches!(self, Self::Name(_)) { 400 } else { 401 }
    }

    /// For metrics and for doors with codes of their own.
    #[must_use]
    pub fn code(&self) -> Code {
        if matches!(self, Self::Name(_)) { Code::Invalid } else { Code::Unauthenticated }
    }
}

impl From<AuthError> for Reject {
    fn from(error: AuthError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The token of a request: `Authorization: Bearer …`, else `access_token` in the raw query.
///
/// # Errors
/// [`AuthError::Header`] for a header of another kind, [`AuthError::NoGrant`] without any token.
pub fn token(headers: &HeaderMap, query: &str) -> Result<String, AuthError> {
    if let Some(header) = headers.get(AUTHORIZATION) {
        return bearer_value(header.to_str().map_err(|_| AuthError::Header)?).map(str::to_owned);
    }
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.filter(|(key, _)| *key == "access_token").map(|(_, value)| value).find(|v| !v.is_empty());
    // A JWT has no character that is escaped in a query, but a cautious client may escape dots.
    found.map(|value| value.replace("%2E", ".").replace("%2e", ".")).ok_or(AuthError::NoGrant)
}

/// The token of the `Authorization` header alone.
///
/// # Errors
/// As [`token`].
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let header = headers.get(AUTHORIZATION).ok_or(AuthError::NoGrant)?;
    bearer_value(header.to_str().map_err(|_| AuthError::Header)?)
}

fn bearer_value(header: &str) -> Result<&str, AuthError> {
    let (scheme, token) = header.split_once(' ').ok_or(AuthError::Header)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(AuthError::Header) }
}

/// Whether a grant administers a room of this name.
#[must_use]
pub fn administers(grant: &Grant, room: &str) -> bool {
    grant.room_admin && grant.room.as_ref().is_some_and(|granted| granted.as_str() == room)
}

#[cfg(test)]
mod tests;
