//! Twirp's errors.

use crate::auth::AuthError;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tandem_core::{Code, Reject};

/// A refusal in Twirp's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwirpError {
    /// For metrics.
    pub(crate) code: Code,
    /// Twirp's name of it.
    pub(crate) name: &'static str,
    status: StatusCode,
    message: String,
}

impl TwirpError {
    fn new(code: Code, name: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, name, status, message: message.into() }
    }

    /// Nothing answers at this address.
    pub(crate) fn bad_route(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, "bad_route", StatusCode::NOT_FOUND, message)
    }

    /// The body cannot be decoded.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, "malformed", StatusCode::BAD_REQUEST, message)
    }

    /// The body says something that makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, "invalid_argument", StatusCode::BAD_REQUEST, message)
    }

    /// Known, and not served.
    pub(crate) fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(Code::Unsupported, "unimplemented", StatusCode::NOT_IMPLEMENTED, message)
    }

    /// The token lacks a grant; LiveKit answers so rather than with `permission_denied`.
    pub(crate) fn denied() -> Self {
        Self::new(Code::Unauthenticated, "unauthenticated", StatusCode::UNAUTHORIZED, "permissions denied")
    }

    /// The body is too long or broke off.
    pub(crate) fn body(status: StatusCode) -> Self {
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(Code::LimitExceeded, "resource_exhausted", status, "the request body is too large");
        }
        Self::malformed("the request body could not be read")
    }
}

impl From<AuthError> for TwirpError {
    fn from(error: AuthError) -> Self {
        Self::new(error.code(), "unauthenticated", StatusCode::UNAUTHORIZED, error.to_string())
    }
}

impl From<Reject> for TwirpError {
    fn from(reject: Reject) -> Self {
        let (name, status) = match reject.code {
            Code::Unauthenticated => ("unauthenticated", 401),
            Code::NotAllowed => ("permission_denied", 403),
            Code::RoomNotFound | Code::ParticipantNotFound | Code::TrackNotFound => ("not_found", 404),
            Code::Duplicate | Code::DuplicateHandle => ("already_exists", 409),
            Code::Invalid | Code::InvalidHandle | Code::InvalidName | Code::LimitExceeded => ("invalid_argument", 400),
            Code::FailedPrecondition => ("failed_precondition", 412),
            Code::Unsupported => ("unimplemented", 501),
            Code::Busy | Code::Draining | Code::Queued => ("unavailable", 503),
            _ => ("internal", 500),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(reject.code, name, status, reject.message)
    }
}

impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        let body = json!({"code": self.name, "msg": self.message}).to_string();
        (self.status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
