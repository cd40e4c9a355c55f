//! Results and errors as JSON.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tandem_hub::code::ErrorCode;

/// Where errors go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorMode {
    /// Status 200 and an `error` in the body.
    Body,
    /// An HTTP status too.
    Transport,
}

impl ErrorMode {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let wants = |name: &str| headers.get(name).is_some_and(|value| value == "transport");
        if wants("x-centrifugo-error-mode") || wants("x-tandem-error-mode") { Self::Transport } else { Self::Body }
    }
}

/// `{"result": …}`; the text is JSON.
pub(super) fn respond(result: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], format!("{{\"result\":{result}}}")).into_response()
}

/// An error as a JSON object.
pub(super) fn error_value(error: &ErrorCode) -> Value {
    json!({"code": error.code, "message": error.message})
}

pub(super) fn fail(error: &ErrorCode, mode: ErrorMode) -> Response {
    let status = match mode {
        ErrorMode::Body => StatusCode::OK,
        ErrorMode::Transport => status(error.code),
    };
    (status, [(CONTENT_TYPE, "application/json")], json!({"error": error_value(error)}).to_string()).into_response()
}

fn status(code: u32) -> StatusCode {
    match code {
        102 | 104 => StatusCode::NOT_FOUND,
        107 | 108 => StatusCode::BAD_REQUEST,
        111 => StatusCode::TOO_MANY_REQUESTS,
        112 => StatusCode::RANGE_NOT_SATISFIABLE,
        113 => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
