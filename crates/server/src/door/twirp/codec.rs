//! Bodies to messages and answers to bodies, in both encodings.

use super::error::TwirpError;
use super::json;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use livekit_protocol as proto;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How a request and its answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// As the content type says.
    ///
    /// # Errors
    /// It says something else.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, TwirpError> {
        let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/protobuf" => Ok(Self::Protobuf),
            other => Err(TwirpError::bad_route(format!("unexpected Content-Type: {other:?}"))),
        }
    }
}

/// Reads a request.
///
/// # Errors
/// `malformed`.
pub(crate) fn decode<T>(encoding: Encoding, body: &[u8]) -> Result<T, TwirpError>
where
    T: Message + Default + DeserializeOwned,
{
    match encoding {
        Encoding::Protobuf => {
            T::decode(body).map_err(|_| TwirpError::malformed("the protobuf request could not be decoded"))
        }
        Encoding::Json => serde_json::from_slice(body)
            .map(without_nulls)
            .and_then(serde_json::from_value)
            .map_err(|error| TwirpError::malformed(format!("the json request could not be decoded: {error}"))),
    }
}

/// In protobuf JSON, `null` is the same as absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// What RoomService answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Empty,
    Room(Box<proto::Room>),
    Rooms(Vec<proto::Room>),
    Participant(Box<proto::ParticipantInfo>),
    Participants(Vec<proto::ParticipantInfo>),
    /// A muted track.
    Track(Box<proto::TrackInfo>),
}

impl Answer {
    /// The response.
    pub(crate) fn encode(self, encoding: Encoding) -> Response {
        match encoding {
            Encoding::Protobuf => ([(CONTENT_TYPE, "application/protobuf")], self.protobuf()).into_response(),
            Encoding::Json => ([(CONTENT_TYPE, "application/json")], self.json().to_string()).into_response(),
        }
    }

    fn protobuf(self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Room(room) => room.encode_to_vec(),
            Self::Rooms(rooms) => proto::ListRoomsResponse { rooms }.encode_to_vec(),
            Self::Participant(participant) => participant.encode_to_vec(),
            Self::Participants(participants) => proto::ListParticipantsResponse { participants }.encode_to_vec(),
            Self::Track(track) => proto::MuteRoomTrackResponse { track: Some(*track) }.encode_to_vec(),
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Empty => serde_json::json!({}),
            Self::Room(room) => json::room(room),
            Self::Rooms(rooms) => serde_json::json!({"rooms": rooms.iter().map(json::room).collect::<Vec<_>>()}),
            Self::Participant(participant) => json::participant(participant),
            Self::Participants(all) => {
                serde_json::json!({"participants": all.iter().map(json::participant).collect::<Vec<_>>()})
            }
            Self::Track(track) => serde_json::json!({"track": json::track(track)}),
        }
    }
}
