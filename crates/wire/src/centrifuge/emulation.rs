//! The upstream half of connections over plain HTTP.

use super::{DecodeError, Protocol, protobuf};
use bytes::Bytes;
use serde::Deserialize;

/// Commands for one emulated connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmulationRequest {
    /// The node that has the connection.
    pub node: String,
    /// Its secret.
    pub session: String,
    /// The commands, as one frame.
    pub data: Bytes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    node: String,
    session: String,
    data: String,
}

/// Reads one; in JSON its data is a text that holds the commands.
///
/// # Errors
/// It is none.
pub fn decode_emulation(protocol: Protocol, body: &Bytes) -> Result<EmulationRequest, DecodeError> {
    match protocol {
        Protocol::Json => {
            let wire: Wire = serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
            Ok(EmulationRequest { node: wire.node, session: wire.session, data: wire.data.into() })
        }
        Protocol::Protobuf => protobuf::emulation(body),
    }
}
