//! The web app, carried inside the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// The built app. Without a build the folder is empty and a page says how to make one.
#[derive(RustEmbed)]
#[folder = "../../clients/app/dist"]
#[allow_missing = true]
struct App;

const PLACEHOLDER: &str = include_str!("../assets/placeholder.html");

/// Everything from ourselves; WebRTC and WebSocket wherever the invitation points.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob: data: mediastream:; worker-src 'self' blob:; \
    connect-src 'self' ws: wss: http: https:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";

/// The page for any address a person may open.
pub fn index(headers: &HeaderMap) -> Response {
    file("index.html", headers).unwrap_or_else(|| {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        ([(CONTENT_TYPE, html)], PLACEHOLDER).into_response()
    })
}

/// One file of the app; `None` if there is none of this name.
pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let found = App::get(path)?;
    let etag =
        format!("\"{}\"", found.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>());
    let same = headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&etag));
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { found.data.into_owned().into_response() };
    let set = response.headers_mut();
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            set.insert(name, value);
        }
    };
    insert(CONTENT_TYPE, &mime);
    insert(ETAG, &etag);
    // Names under /assets carry a hash of their content.
    let forever = path.starts_with("assets/");
    insert(CACHE_CONTROL, if forever { "public, max-age=31536000, immutable" } else { "no-cache" });
    insert(CONTENT_SECURITY_POLICY, POLICY);
    insert(HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), display-capture=(self)");
    insert(HeaderName::from_static("x-content-type-options"), "nosniff");
    insert(HeaderName::from_static("referrer-policy"), "no-referrer");
    Some(response)
}
