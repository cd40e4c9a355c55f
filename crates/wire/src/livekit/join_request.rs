//! The `join_request` parameter of `/rtc/v1`: a protobuf message, perhaps gzipped, in a protobuf
//! envelope, in base64url.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use flate2::read::{GzDecoder, GzEncoder};
use livekit_protocol::wrapped_join_request::Compression;
use livekit_protocol::{JoinRequest, WrappedJoinRequest};
use prost::Message;
use std::io::Read as _;

/// Longest join request after decompression, the official server's bound.
const MAX_BYTES: u64 = 1024 * 1024;

/// Clients differ in padding: written, but not insisted on.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a `join_request` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinRequestError {
    /// Not base64url.
    #[error("join_request is not base64url")]
    Base64,
    /// The envelope or the message is not protobuf.
    #[error("join_request is not well-formed")]
    Protobuf,
    /// Announced as compressed, but not gzip.
    #[error("join_request cannot be decompressed")]
    Gzip,
    /// A compression newer than this build.
    #[error("join_request has an unknown compression")]
    Compression,
    /// More than 1 MiB after decompression.
    #[error("join_request is longer than {MAX_BYTES} bytes")]
    TooLong,
}

/// Reads a `join_request` value, percent-decoded, with or without padding. Takes at most 1 MiB of
/// memory for what comes out.
///
/// # Errors
/// The value is not a join request within bounds.
pub fn decode_join_request(value: &str) -> Result<JoinRequest, JoinRequestError> {
    let bytes = BASE64.decode(value).map_err(|_| JoinRequestError::Base64)?;
    let wrapped = WrappedJoinRequest::decode(bytes.as_slice()).map_err(|_| JoinRequestError::Protobuf)?;
    let plain = match Compression::try_from(wrapped.compression) {
        Ok(Compression::None) => wrapped.join_request,
        Ok(Compression::Gzip) => gunzip(&wrapped.join_request)?,
        Err(_) => return Err(JoinRequestError::Compression),
    };
    if plain.len() as u64 > MAX_BYTES {
        return Err(JoinRequestError::TooLong);
    }
    JoinRequest::decode(plain.as_slice()).map_err(|_| JoinRequestError::Protobuf)
}

fn gunzip(data: &[u8]) -> Result<Vec<u8>, JoinRequestError> {
    let mut plain = Vec::new();
    let mut bounded = GzDecoder::new(data).take(MAX_BYTES + 1);
    bounded.read_to_end(&mut plain).map_err(|_| JoinRequestError::Gzip)?;
    Ok(plain)
}

/// The value for a request as clients without compression write it; padded, not percent-encoded.
#[must_use]
pub fn encode_join_request(request: &JoinRequest) -> String {
    wrap(Compression::None, request.encode_to_vec())
}

/// The value for a request as most clients write it, gzipped.
#[must_use]
pub fn encode_join_request_gzip(request: &JoinRequest) -> String {
    let plain = request.encode_to_vec();
    let mut packed = Vec::new();
    match GzEncoder::new(plain.as_slice(), flate2::Compression::fast()).read_to_end(&mut packed) {
        Ok(_) => wrap(Compression::Gzip, packed),
        // Reading from memory does not fail.
        Err(_) => wrap(Compression::None, plain),
    }
}

fn wrap(compression: Compression, join_request: Vec<u8>) -> String {
    BASE64.encode(WrappedJoinRequest { compression: compression.into(), join_request }.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> JoinRequest {
        JoinRequest { participant_sid: "PA_x".into(), reconnect: true, metadata: "m".into(), ..Default::default() }
    }

    #[test]
    fn with_and_without_compression_and_padding() {
        for value in [encode_join_request(&request()), encode_join_request_gzip(&request())] {
            assert_eq!(decode_join_request(&value), Ok(request()));
            assert_eq!(decode_join_request(value.trim_end_matches('=')), Ok(request()));
        }
        assert_eq!(decode_join_request(""), Ok(JoinRequest::default()), "an empty message is one");
    }

    #[test]
    fn refusals() {
        let big = JoinRequest { metadata: "x".repeat(1 << 20), ..Default::default() };
        for value in [encode_join_request(&big), encode_join_request_gzip(&big)] {
            assert_eq!(decode_join_request(&value), Err(JoinRequestError::TooLong));
        }
        let wrapped = |compression, join_request: &[u8]| {
            let join_request = join_request.to_vec();
            BASE64.encode(WrappedJoinRequest { compression, join_request }.encode_to_vec())
        };
        let table = [
            ("%%%".to_owned(), JoinRequestError::Base64),
            ("a+b/".to_owned(), JoinRequestError::Base64),
            ("_____w".to_owned(), JoinRequestError::Protobuf),
            (wrapped(0, &[0xff]), JoinRequestError::Protobuf),
            (wrapped(1, b"not gzip"), JoinRequestError::Gzip),
            (wrapped(7, b""), JoinRequestError::Compression),
        ];
        for (value, want) in table {
            assert_eq!(decode_join_request(&value), Err(want), "{value}");
        }
    }
}
