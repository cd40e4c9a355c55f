//! One signalling message per WebSocket frame: protobuf in binary frames, protobuf-JSON in text.

use livekit_protocol::{SignalRequest, SignalResponse};
use prost::Message;

/// The longest frame taken: 2 MiB, as the official server.
pub const MAX_SIGNAL_BYTES: usize = 2 * 1024 * 1024;

/// Why a frame is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// More than [`MAX_SIGNAL_BYTES`].
    #[error("the signalling message is longer than {MAX_SIGNAL_BYTES} bytes")]
    TooLong,
    /// Not protobuf.
    #[error("the signalling message is not well-formed protobuf")]
    Protobuf,
    /// Not protobuf-JSON.
    #[error("the signalling message is not well-formed JSON of the protocol")]
    Json,
}

/// Reads a binary frame. A message of a kind newer than this build decodes to no content.
///
/// # Errors
/// The frame is too long or not a message.
pub fn decode_request(data: &[u8]) -> Result<SignalRequest, SignalError> {
    if data.len() > MAX_SIGNAL_BYTES {
        return Err(SignalError::TooLong);
    }
    SignalRequest::decode(data).map_err(|_| SignalError::Protobuf)
}

/// Reads a text frame.
///
/// # Errors
/// The frame is too long or not a message.
pub fn decode_request_json(text: &str) -> Result<SignalRequest, SignalError> {
    if text.len() > MAX_SIGNAL_BYTES {
        return Err(SignalError::TooLong);
    }
    serde_json::from_str(text).map_err(|_| SignalError::Json)
}

/// Writes a binary frame.
#[must_use]
pub fn encode_response(response: &SignalResponse) -> Vec<u8> {
    response.encode_to_vec()
}

/// Writes a text frame.
#[must_use]
pub fn encode_response_json(response: &SignalResponse) -> String {
    // Fails on numbers outside their enums, which relayed messages may carry; clients ignore a
    // message without content.
    serde_json::to_string(response).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use livekit_protocol::{LeaveRequest, Ping, signal_request, signal_response};

    #[test]
    fn both_forms() {
        let request = SignalRequest { message: Some(signal_request::Message::PingReq(Ping { timestamp: 5, rtt: 7 })) };
        assert_eq!(decode_request(&request.encode_to_vec()), Ok(request.clone()));
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(decode_request_json(&text), Ok(request));
        assert_eq!(decode_request(&[0xff; 9]), Err(SignalError::Protobuf));
        assert_eq!(decode_request_json("{"), Err(SignalError::Json));
        assert_eq!(decode_request(&vec![0; MAX_SIGNAL_BYTES + 1]), Err(SignalError::TooLong));
    }

    #[test]
    fn answers_in_both_forms() {
        let pong = SignalResponse { message: Some(signal_response::Message::Pong(7)) };
        assert_eq!(SignalResponse::decode(encode_response(&pong).as_slice()), Ok(pong.clone()));
        assert_eq!(encode_response_json(&pong), r#"{"pong":"7"}"#);
        let leave = LeaveRequest { reason: 9999, ..Default::default() };
        let odd = SignalResponse { message: Some(signal_response::Message::Leave(leave)) };
        assert_eq!(encode_response_json(&odd), "{}");
    }
}
