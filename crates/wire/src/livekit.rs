//! LiveKit signalling: frames and join parameters.
//!
//! Messages are the prost types of the `livekit-protocol` crate, re-exported as [`proto`].

mod join;
mod signal;

pub use join::{JoinParams, JoinParamsError, encode_join_request, params_v0, params_v1};
pub use livekit_protocol as proto;
pub use signal::{
    MAX_SIGNAL_BYTES, SignalError, decode_request, decode_request_json, encode_response, encode_response_json,
};
