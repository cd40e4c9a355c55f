#![allow(clippy::unwrap_used)]
use super::codec::{Answer, decode};
use super::*;
use livekit_protocol as proto;
use serde_json::{Value, json};
use tandem_core::{Code, Reject};

fn filled() -> proto::ParticipantInfo {
    proto::ParticipantInfo {
        sid: "PA_x".into(),
        identity: "ana".into(),
        state: proto::participant_info::State::Active.into(),
        tracks: vec![proto::TrackInfo {
            sid: "TR_x".into(),
            r#type: proto::TrackType::Video.into(),
            source: proto::TrackSource::ScreenShare.into(),
            codecs: vec![proto::SimulcastCodecInfo {
                mime_type: "video/VP8".into(),
                layers: vec![proto::VideoLayer { quality: 2, bitrate: 7, ..Default::default() }],
                ..Default::default()
            }],
            version: Some(proto::TimedVersion { unix_micro: 1 << 60, ticks: 2 }),
            encryption: proto::encryption::Type::Gcm.into(),
            ..Default::default()
        }],
        joined_at_ms: 1 << 60,
        permission: Some(proto::ParticipantPermission { can_publish_sources: vec![1, 2], ..Default::default() }),
        kind: proto::participant_info::Kind::Agent.into(),
        attributes: [("snake_and camelCase".to_owned(), "x".to_owned())].into(),
        data_tracks: vec![proto::DataTrackInfo { pub_handle: 3, name: "d".into(), ..Default::default() }],
        capabilities: vec![1],
        ..Default::default()
    }
}

#[test]
fn json_answers_read_back_as_the_message() {
    let value = Answer::Participant(Box::new(filled())).json();
    assert_eq!(value["joined_at_ms"], json!((1_u64 << 60).to_string()));
    assert_eq!(value["kind"], "AGENT");
    assert_eq!(value["region"], "");
    assert_eq!(value["tracks"][0]["muted"], false);
    assert_eq!(value["tracks"][0]["codecs"][0]["layers"][0]["quality"], "HIGH");
    let back: proto::ParticipantInfo = decode(Encoding::Json, value.to_string().as_bytes()).unwrap();
    assert_eq!(back, filled());
    let room = proto::Room { sid: "RM_x".into(), creation_time: 5, max_participants: 2, ..Default::default() };
    let value = Answer::Room(Box::new(room.clone())).json();
    assert_eq!(value["version"], Value::Null);
    assert_eq!(decode::<proto::Room>(Encoding::Json, value.to_string().as_bytes()).unwrap(), room);
}

#[test]
fn json_requests_in_both_spellings() {
    for body in [r#"{"name":"a","emptyTimeout":5,"x":1}"#, r#"{"name":"a","empty_timeout":5,"metadata":null}"#] {
        let request: proto::CreateRoomRequest = decode(Encoding::Json, body.as_bytes()).unwrap();
        assert_eq!((request.name.as_str(), request.empty_timeout), ("a", 5));
    }
    let body = br#"{"room":"a","data":"aGk=","kind":"LOSSY","destination_identities":["b"]}"#;
    let request: proto::SendDataRequest = decode(Encoding::Json, body).unwrap();
    assert_eq!((request.data.as_slice(), request.kind), (b"hi".as_slice(), 1));
}

#[test]
fn what_cannot_be_decoded_is_malformed() {
    for (encoding, body) in
        [(Encoding::Json, "{"), (Encoding::Json, "[]"), (Encoding::Json, ""), (Encoding::Protobuf, "x")]
    {
        assert_eq!(decode::<proto::CreateRoomRequest>(encoding, body.as_bytes()).unwrap_err().name, "malformed");
    }
}

#[test]
fn statuses_of_rejects() {
    let table = [
        (Code::RoomNotFound, "not_found", 404),
        (Code::LimitExceeded, "invalid_argument", 400),
        (Code::FailedPrecondition, "failed_precondition", 412),
        (Code::Busy, "unavailable", 503),
        (Code::Unsupported, "unimplemented", 501),
        (Code::Internal, "internal", 500),
    ];
    for (code, name, status) in table {
        let error = TwirpError::from(Reject::new(code, "x"));
        assert_eq!((error.name, error.into_response().status().as_u16()), (name, status));
    }
}
