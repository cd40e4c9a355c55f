//! The web app, carried inside the binary.

mod packed;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::fmt::Write;

/// The built app. Without a build the folder is empty and a page says how to make one.
#[derive(RustEmbed)]
#[folder = "../../clients/app/dist"]
#[allow_missing = true]
struct App;

const PLACEHOLDER: &str = include_str!("../assets/placeholder.html");
const INDEX: &str = "index.html";

/// Everything from ourselves; WebRTC and WebSocket wherever the invitation points.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob: data: mediastream:; worker-src 'self' blob:; \
    connect-src 'self' data: blob: ws: wss: http: https:; object-src 'none'; frame-ancestors 'self'; \
    base-uri 'none'; form-action 'self'";

/// What holds for every file.
const SAFETY: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), microphone=(self), display-capture=(self)"),
    ),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
];

/// Names with a hash of their content never change; the page that names them may at any time.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The page for any address a person may open.
pub fn index(headers: &HeaderMap) -> Response {
    file(INDEX, headers).unwrap_or_else(|| {
        let mut response = PLACEHOLDER.into_response();
        set_headers(response.headers_mut(), INDEX);
        response
    })
}

/// One file of the app; `None` if there is none of this name.
pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let found = App::get(path)?;
    let packed = accepts_gzip(headers).then(|| packed::get(path)).flatten();
    let etag = etag(&found.metadata.sha256_hash(), packed.is_some());
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|v| v.contains(&etag));
    let gzip = packed.is_some() && !known;
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(packed.unwrap_or_else(|| bytes(found.data))))
    };
    let set = response.headers_mut();
    set_headers(set, path);
    set.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        set.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        set.insert(ETAG, etag);
    }
    Some(response)
}

/// Whether gzip is named, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.trim().trim_end_matches(['0', '.']) != "q="
    })
}

/// Without a copy: embedded data lives as long as the process.
fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

/// Twelve bytes of the content's hash and how it is packed, in quotes.
fn etag(hash: &[u8], gzip: bool) -> String {
    let mut text = String::from("\"");
    for byte in hash.iter().take(12) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(if gzip { "-gz\"" } else { "\"" });
    text
}

fn set_headers(set: &mut HeaderMap, path: &str) {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    if let Ok(mime) = HeaderValue::from_str(&mime) {
        set.insert(CONTENT_TYPE, mime);
    }
    set.insert(CACHE_CONTROL, if path.starts_with("assets/") { FOREVER } else { ASK_AGAIN });
    set.extend(SAFETY);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_index_is_there_with_or_without_a_build() {
        let page = index(&HeaderMap::new());
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        for path in App::iter() {
            let first = file(&path, &HeaderMap::new()).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
            let again = file(&path, &headers).unwrap();
            assert_eq!((again.status(), again.headers().get(CONTENT_ENCODING)), (StatusCode::NOT_MODIFIED, None));
            let forever = first.headers()[CACHE_CONTROL] == FOREVER;
            assert_eq!(forever, path.starts_with("assets/"), "{path}");
        }
        assert!(file("../Cargo.toml", &HeaderMap::new()).is_none());
    }

    #[test]
    fn gzip_for_those_who_take_it() {
        let takes = |value: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip;q=1.0"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("gzip; q=0.0") && !accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn types_browsers_insist_on() {
        let mime = |path: &str| {
            let mut set = HeaderMap::new();
            set_headers(&mut set, path);
            set[CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        assert_eq!(mime("assets/a.js"), "text/javascript; charset=utf-8");
        assert_eq!(mime("assets/a.css"), "text/css; charset=utf-8");
        assert_eq!(mime("assets/a.wasm"), "application/wasm");
        assert_eq!(mime("favicon.svg"), "image/svg+xml");
    }
}
