#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use tandem_core::Sid;

pub(crate) fn ana() -> ParticipantInfo {
    ParticipantInfo {
        sid: Sid::from("PA_ana"),
        identity: "ana".parse().unwrap(),
        name: "Ana".to_owned(),
        state: ParticipantState::Active,
        metadata: "m".to_owned(),
        attributes: [("k".to_owned(), "v".to_owned())].into(),
        joined_at_ms: 1_700_000_000_123,
        version: 7,
        permissions: Permissions { can_publish_sources: vec![TrackSource::Camera], ..Permissions::default() },
        kind: ParticipantKind::Agent,
        is_publisher: true,
        tracks: vec![camera()],
        data_tracks: vec![],
        disconnect_reason: None,
        client_protocol: 2,
        capabilities: vec![1, 2],
    }
}

pub(crate) fn camera() -> TrackInfo {
    let layer = VideoLayer {
        quality: 2,
        width: 1280,
        height: 720,
        bitrate: 1_700_000,
        rid: "f".to_owned(),
        ..Default::default()
    };
    TrackInfo {
        sid: Sid::from("TR_cam"),
        kind: TrackKind::Video,
        name: "camera".to_owned(),
        muted: true,
        width: 1280,
        height: 720,
        simulcast: true,
        source: TrackSource::Camera,
        layers: vec![layer.clone()],
        mime_type: "video/VP8".to_owned(),
        mid: "3".to_owned(),
        codecs: vec![CodecInfo {
            mime_type: "video/VP8".to_owned(),
            layers: vec![layer],
            layer_mode: 1,
            ..Default::default()
        }],
        stereo: false,
        disable_dtx: false,
        disable_red: true,
        encryption: 1,
        stream: "camera".to_owned(),
        version: 5_000_001,
        audio_features: vec![],
        backup_codec_policy: 1,
        packet_trailer_features: vec![1],
    }
}

pub(crate) fn demo() -> RoomInfo {
    RoomInfo {
        sid: Sid::from("RM_demo"),
        name: "demo".parse().unwrap(),
        empty_timeout_s: 300,
        departure_timeout_s: 20,
        max_participants: 0,
        created_at_ms: 1_700_000_000_999,
        metadata: "{}".to_owned(),
        num_participants: 2,
        num_publishers: 1,
        active_recording: false,
    }
}

#[test]
fn rooms_have_both_times() {
    let room = room(&demo());
    assert_eq!((room.creation_time, room.creation_time_ms), (1_700_000_000, 1_700_000_000_999));
    assert_eq!((room.sid.as_str(), room.name.as_str(), room.num_participants), ("RM_demo", "demo", 2));
    assert_eq!(room.enabled_codecs.first().map(|codec| codec.mime.as_str()), Some("video/VP8"));
}

#[test]
fn participants_are_complete() {
    let got = participant(&ana());
    assert_eq!((got.joined_at, got.joined_at_ms), (1_700_000_000, 1_700_000_000_123));
    assert_eq!((got.state, got.kind, got.version, got.client_protocol), (2, 4, 7, 2));
    assert_eq!(got.capabilities, [1, 2]);
    assert_eq!(got.attributes.get("k").map(String::as_str), Some("v"));
    assert_eq!(got.permission.map(|p| p.can_publish_sources), Some(vec![1]));
    assert_eq!(got.disconnect_reason, 0);
    let track = got.tracks.first().cloned().unwrap_or_default();
    assert_eq!((track.sid.as_str(), track.r#type, track.source, track.muted), ("TR_cam", 1, 1, true));
    assert_eq!((track.layers.len(), track.codecs.len(), track.encryption), (1, 1, 1));
    assert_eq!(track.version.map(|version| version.unix_micro), Some(5_000_001));
}

#[test]
fn permissions_come_back() {
    let some = Permissions {
        can_publish: false,
        can_publish_sources: vec![TrackSource::Microphone, TrackSource::ScreenShareAudio],
        hidden: true,
        can_update_metadata: true,
        ..Permissions::default()
    };
    assert_eq!(permissions_from(&permissions(&some)), some);
}

#[test]
fn leave_reasons_come_back() {
    for number in 1..=16 {
        let reason = leave_reason_from(number).unwrap();
        assert_eq!(i32::from(leave_reason(reason)), number);
    }
    assert_eq!(leave_reason_from(0), None);
    assert_eq!(leave_reason_from(99), None);
}

#[test]
fn data_tracks_carry_what_we_do_not_read() {
    let schema = proto::DataTrackSchemaId { name: "pose".to_owned(), encoding: None };
    let info = DataTrackInfo {
        sid: Sid::from("DTR_1"),
        handle: 9,
        name: "pose".to_owned(),
        encryption: 0,
        relayed: data_track_rest(None, Some(schema.clone())),
    };
    let got = data_track(&info);
    assert_eq!((got.pub_handle, got.sid.as_str(), got.name.as_str()), (9, "DTR_1", "pose"));
    assert_eq!(got.schema, Some(schema));
    let broken = DataTrackInfo { relayed: bytes::Bytes::from_static(&[0xff]), ..info };
    assert_eq!(data_track(&broken).schema, None);
}

#[test]
fn clients_say_who_they_are() {
    let info = proto::ClientInfo { sdk: 7, protocol: 17, browser: "Firefox".to_owned(), ..Default::default() };
    let got = client(&info);
    assert_eq!((got.sdk.as_str(), got.browser.as_str(), got.protocol), ("react_native", "firefox", 17));
    assert_eq!(client(&proto::ClientInfo { sdk: 999, ..Default::default() }).sdk, "unknown");
}

#[test]
fn codes_have_reasons() {
    use proto::request_response::Reason;
    let table = [
        (None, Reason::Ok),
        (Some(Code::NotAllowed), Reason::NotAllowed),
        (Some(Code::TrackNotFound), Reason::NotFound),
        (Some(Code::Busy), Reason::LimitExceeded),
        (Some(Code::Queued), Reason::Queued),
        (Some(Code::Unsupported), Reason::UnsupportedType),
        (Some(Code::InvalidHandle), Reason::InvalidHandle),
        (Some(Code::DuplicateHandle), Reason::DuplicateHandle),
        (Some(Code::Duplicate), Reason::DuplicateName),
        (Some(Code::Invalid), Reason::InvalidRequest),
        (Some(Code::Internal), Reason::UnclassifiedError),
    ];
    for (code, reason) in table {
        assert_eq!(request_reason(code), reason, "{code:?}");
    }
}
