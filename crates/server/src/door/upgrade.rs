//! The WebSocket handshake of doors that use the codec of `tandem-wire`.

use axum::http::header::{CONNECTION, HeaderName, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tandem_wire::websocket::{self, Accepted, Offer};

/// Reads the handshake; what is missing, in a sentence.
pub(super) fn accept(headers: &HeaderMap, deflate: bool) -> Result<Accepted, &'static str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if !header(UPGRADE.as_str()).is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Err("this path takes WebSocket connections");
    }
    let extensions = joined(headers, "sec-websocket-extensions");
    let offer = Offer {
        key: header("sec-websocket-key"),
        version: header("sec-websocket-version"),
        extensions: &extensions,
        deflate,
    };
    websocket::handshake(&offer).map_err(|_| "the WebSocket handshake is not complete")
}

/// All values of a header, as one list.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(", ")
}

/// The response that says yes.
pub(super) fn response(accepted: &Accepted, subprotocol: Option<&str>) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let mut put = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("sec-websocket-accept", Some(&accepted.accept));
    put("sec-websocket-protocol", subprotocol);
    put("sec-websocket-extensions", accepted.extensions.as_deref());
    response
}
