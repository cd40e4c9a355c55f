//! LiveKit signalling: frames, and what a client says when it connects.
//!
//! Messages are the types of the `livekit-protocol` crate, re-exported as [`proto`].

mod join_request;
mod params;
mod query;
pub use query::value as query_value;
mod signal;

pub use join_request::{JoinRequestError, decode_join_request, encode_join_request, encode_join_request_gzip};
pub use livekit_protocol as proto;
pub use params::{JoinParams, JoinParamsError, params_v0, params_v1};
pub use signal::{
    MAX_SIGNAL_BYTES, SignalError, decode_request, decode_request_json, encode_response, encode_response_json,
};
