//! Why a client did not get in, as the HTTP answer to its upgrade.

use crate::auth::AuthError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tandem_core::{Code, Reject};

/// A refused join: a status that clients act on and a plain sentence.
///
/// Clients treat 401 and 403 as final. A 404 sends them from the one-connection to the
/// two-connection path, except with the sentence of [`Refusal::no_room`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For metrics.
    pub(crate) code: Code,
    status: StatusCode,
    text: String,
}

impl Refusal {
    /// A refusal with its own status.
    pub(crate) fn new(code: Code, status: StatusCode, text: impl Into<String>) -> Self {
        Self { code, status, text: text.into() }
    }

    /// The token is missing, wrong or does not grant enough.
    pub(crate) fn unauthorized(text: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, StatusCode::UNAUTHORIZED, text)
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(Code::Invalid, StatusCode::BAD_REQUEST, text)
    }

    /// Rooms are not made by joining here, and this one is not there. Clients look for the phrase.
    pub(crate) fn no_room() -> Self {
        Self::new(Code::RoomNotFound, StatusCode::NOT_FOUND, "requested room does not exist")
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        Self::new(error.code(), status, error.to_string())
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        match reject.code {
            Code::RoomNotFound => Self::no_room(),
            Code::NotAllowed => Self::new(Code::NotAllowed, StatusCode::UNAUTHORIZED, reject.message),
            code => {
                let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::new(code, status, reject.message)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, self.text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_rejects() {
        let status = |code| Refusal::from(Reject::new(code, "x")).status.as_u16();
        assert_eq!(status(Code::RoomNotFound), 404);
        assert_eq!(status(Code::NotAllowed), 401);
        assert_eq!(status(Code::Draining), 503);
        assert_eq!(status(Code::LimitExceeded), 429);
        assert_eq!(status(Code::Internal), 500);
        assert_eq!(Refusal::from(Reject::new(Code::RoomNotFound, "x")).text, "requested room does not exist");
    }
}
