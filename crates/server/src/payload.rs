//! Data of applications inside JSON: a value kept as the text it is, or bytes as base64.
//! Tokens, backends and the server API all say it this way (`data` and `b64data`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

/// Why it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The text is no base64.
    #[error("its base64 cannot be read")]
    Base64,
    /// The value is no JSON.
    #[error("its JSON cannot be read")]
    Json,
}

/// JSON on one line, or bytes from base64; the latter wins. Empty if there is neither.
///
/// # Errors
/// See [`Unreadable`].
pub(crate) fn payload(json: Option<&RawValue>, base64: &str) -> Result<Bytes, Unreadable> {
    if !base64.is_empty() {
        return STANDARD.decode(base64).map(Bytes::from).map_err(|_| Unreadable::Base64);
    }
    match json.filter(|json| json.get() != "null") {
        Some(json) => tandem_wire::centrifuge::compact_json(json.get().as_bytes()).map_err(|_| Unreadable::Json),
        None => Ok(Bytes::new()),
    }
}
