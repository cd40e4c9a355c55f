#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use tandem_core::{LeaveReason, TrackKind, TrackSource};

fn asked(message: In) -> String {
    match translate(message, 1000) {
        Some(Turn::Ask(command)) => format!("{command:?}"),
        other => format!("not a command: {other:?}"),
    }
}

fn said(message: In) -> Out {
    match translate(message, 1000) {
        Some(Turn::Say(out)) => *out,
        other => panic!("not an answer: {other:?}"),
    }
}

fn sdp(kind: &str) -> proto::SessionDescription {
    proto::SessionDescription { r#type: kind.to_owned(), sdp: "v=0".to_owned(), id: 3, ..Default::default() }
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

/// Message in, command out, as debug text so that one table holds all.
#[test]
fn simple_messages() {
    let table: Vec<(In, &str)> = vec![
        (In::Offer(sdp("offer")), r#"Offer { sdp: "v=0", id: 3 }"#),
        (In::Answer(sdp("answer")), r#"Answer { sdp: "v=0", id: 3 }"#),
        (
            In::Mute(proto::MuteTrackRequest { sid: "TR_1".to_owned(), muted: true }),
            r#"Mute { track: "TR_1", muted: true }"#,
        ),
        (
            In::UpdateAudioTrack(proto::UpdateLocalAudioTrack { track_sid: "TR_1".to_owned(), features: vec![3] }),
            r#"UpdateAudioTrack { track: "TR_1", features: [3] }"#,
        ),
        (
            In::UpdateVideoTrack(proto::UpdateLocalVideoTrack { track_sid: "TR_1".to_owned(), width: 2, height: 1 }),
            r#"UpdateVideoTrack { track: "TR_1", width: 2, height: 1 }"#,
        ),
        (
            In::UnpublishDataTrackRequest(proto::UnpublishDataTrackRequest { pub_handle: 7 }),
            "UnpublishDataTrack { handle: 7 }",
        ),
        (In::Leave(proto::LeaveRequest::default()), "Leave { reason: None }"),
        (
            In::UpdateMetadata(proto::UpdateParticipantMetadata {
                metadata: "m".to_owned(),
                name: "n".to_owned(),
                attributes: [("a".to_owned(), String::new())].into(),
                request_id: 4,
            }),
            r#"UpdateMetadata { request_id: 4, name: "n", metadata: "m", attributes: {"a": ""} }"#,
        ),
    ];
    for (message, want) in table {
        assert_eq!(asked(message), want);
    }
}

#[test]
fn messages_without_effect() {
    let table = [
        In::Offer(sdp("pranswer")),
        In::Answer(sdp("offer")),
        In::UpdateLayers(proto::UpdateVideoLayers::default()),
        In::Simulate(proto::SimulateScenario::default()),
        In::Trickle(proto::TrickleRequest { candidate_init: "{".to_owned(), ..Default::default() }),
        In::Trickle(proto::TrickleRequest { candidate_init: r#"{"candidate":""}"#.to_owned(), ..Default::default() }),
    ];
    for message in table {
        assert!(translate(message, 0).is_none());
    }
}

#[test]
fn pings_are_answered_in_milliseconds() {
    assert_eq!(said(In::Ping(5)), Out::Pong(1000));
    let ping = proto::Ping { timestamp: 5, rtt: 1 };
    assert_eq!(said(In::PingReq(ping)), Out::PongResp(proto::Pong { last_ping_timestamp: 5, timestamp: 1000 }));
}

#[test]
fn blobs_are_refused_with_their_number() {
    let store = In::StoreDataBlobRequest(proto::StoreDataBlobRequest { request_id: 8, blob: None });
    let get = In::GetDataBlobRequest(proto::GetDataBlobRequest { request_id: 8, ..Default::default() });
    for message in [store, get] {
        let Out::RequestResponse(response) = said(message) else { panic!("another answer") };
        assert_eq!((response.request_id, response.reason), (8, Reason::NotAllowed.into()));
    }
}

#[test]
fn trickle_takes_the_line_out_of_the_json() {
    let json = r#"{"candidate":"candidate:1 1 udp 1 10.0.0.1 9 typ host","sdpMid":null,"sdpMLineIndex":0,"usernameFragment":null}"#;
    for (target, want) in [(0, PcTarget::Publisher), (1, PcTarget::Subscriber), (9, PcTarget::Publisher)] {
        let trickle = proto::TrickleRequest { candidate_init: json.to_owned(), target, r#final: false };
        let Some(Turn::Ask(SessionCommand::Trickle { target, candidate })) = translate(In::Trickle(trickle), 0) else {
            panic!("another command")
        };
        assert_eq!(target, want);
        assert_eq!(candidate, "candidate:1 1 udp 1 10.0.0.1 9 typ host");
    }
}

#[test]
fn a_track_is_announced_with_everything() {
    let layer = proto::VideoLayer { quality: 1, width: 640, height: 360, bitrate: 1, ..Default::default() };
    let request = proto::AddTrackRequest {
        cid: "c".to_owned(),
        name: "n".to_owned(),
        r#type: 1,
        source: 3,
        layers: vec![layer.clone()],
        simulcast_codecs: vec![proto::SimulcastCodec {
            codec: "vp9".to_owned(),
            cid: "c".to_owned(),
            layers: vec![layer],
            video_layer_mode: 2,
        }],
        disable_dtx: true,
        audio_features: vec![0],
        encryption: 1,
        stream: "s".to_owned(),
        backup_codec_policy: 2,
        packet_trailer_features: vec![1],
        ..Default::default()
    };
    let Some(Turn::Ask(SessionCommand::PublishTrack(track))) = translate(In::AddTrack(request), 0) else {
        panic!("another command")
    };
    assert_eq!((track.kind, track.source), (TrackKind::Video, TrackSource::ScreenShare));
    assert_eq!((track.cid.as_str(), track.stream.as_str(), track.encryption), ("c", "s", 1));
    assert_eq!(track.layers.first().map(|layer| layer.height), Some(360));
    assert_eq!(track.codecs.first().map(|c| (c.codec.as_str(), c.layer_mode, c.layers.len())), Some(("vp9", 2, 1)));
    assert!(track.stereo && track.disable_dtx, "the feature implies the flag");
    assert_eq!(track.audio_features, [0, 1], "the flag implies the feature");
}

#[test]
fn a_data_kind_track_is_refused_with_its_request() {
    let request = proto::AddTrackRequest { cid: "c".to_owned(), r#type: 2, ..Default::default() };
    let Out::RequestResponse(response) = said(In::AddTrack(request.clone())) else { panic!("another answer") };
    assert_eq!(response.reason, i32::from(Reason::UnsupportedType));
    assert_eq!(response.request, Some(Request::AddTrack(request)));
}

#[test]
fn subscriptions_merge_both_lists() {
    let of = proto::ParticipantTracks { participant_sid: "PA_1".to_owned(), track_sids: strings(&["TR_2", "TR_3"]) };
    let update =
        proto::UpdateSubscription { track_sids: strings(&["TR_1"]), subscribe: true, participant_tracks: vec![of] };
    assert_eq!(asked(In::Subscription(update)), r#"Subscribe { tracks: ["TR_1", "TR_2", "TR_3"], subscribe: true }"#);
}

#[test]
fn settings_and_permissions() {
    let settings = proto::UpdateTrackSettings {
        track_sids: strings(&["TR_1"]),
        disabled: true,
        quality: 1,
        width: 2,
        height: 3,
        fps: 4,
        priority: 5,
    };
    assert_eq!(
        asked(In::TrackSetting(settings)),
        "Settings { tracks: [\"TR_1\"], settings: TrackSettings { disabled: true, quality: 1, width: 2, height: 3, fps: 4, priority: 5 } }"
    );
    let permission = proto::SubscriptionPermission {
        all_participants: false,
        track_permissions: vec![proto::TrackPermission {
            participant_identity: "bo".to_owned(),
            all_tracks: true,
            ..Default::default()
        }],
    };
    let Some(Turn::Ask(SessionCommand::Permission(got))) = translate(In::SubscriptionPermission(permission), 0) else {
        panic!("another command")
    };
    assert!(!got.all_participants);
    assert_eq!(got.tracks.first().map(|of| (of.identity.as_str(), of.all_tracks)), Some(("bo", true)));
}

#[test]
fn the_state_of_a_returning_client() {
    let track = proto::TrackInfo { sid: "TR_9".to_owned(), ..Default::default() };
    let state = proto::SyncState {
        subscription: Some(proto::UpdateSubscription { track_sids: strings(&["TR_1"]), ..Default::default() }),
        publish_tracks: vec![proto::TrackPublishedResponse { cid: "c".to_owned(), track: Some(track) }],
        track_sids_disabled: strings(&["TR_2"]),
        datachannel_receive_states: vec![proto::DataChannelReceiveState {
            publisher_sid: "PA_1".to_owned(),
            last_seq: 4,
        }],
        ..Default::default()
    };
    let Some(Turn::Ask(SessionCommand::SyncState(got))) = translate(In::SyncState(state), 0) else {
        panic!("another command")
    };
    let want = SyncState {
        track_sids: strings(&["TR_1"]),
        subscribe: false,
        disabled_track_sids: strings(&["TR_2"]),
        published_sids: strings(&["TR_9"]),
        data_received: vec![("PA_1".to_owned(), 4)],
    };
    assert_eq!(*got, want);
}

#[test]
fn scenarios() {
    use proto::simulate_scenario::Scenario as Asked;
    let table = [
        (Asked::SpeakerUpdate(3), Some(Scenario::SpeakerUpdate { seconds: 3 })),
        (Asked::NodeFailure(true), Some(Scenario::NodeFailure)),
        (Asked::NodeFailure(false), None),
        (Asked::Migration(true), Some(Scenario::Migration)),
        (Asked::ServerLeave(true), Some(Scenario::ServerLeave)),
        (Asked::SwitchCandidateProtocol(1), Some(Scenario::SwitchCandidateProtocol { tcp: true })),
        (Asked::SubscriberBandwidth(0), Some(Scenario::SubscriberBandwidth { bits_per_second: 0 })),
        (Asked::DisconnectSignalOnResume(true), Some(Scenario::DisconnectSignalOnResume)),
        (Asked::DisconnectSignalOnResumeNoMessages(true), Some(Scenario::DisconnectSignalOnResumeNoMessages)),
        (Asked::LeaveRequestFullReconnect(true), Some(Scenario::LeaveRequestFullReconnect)),
    ];
    for (asked, want) in table {
        assert_eq!(scenario(asked), want);
    }
}

#[test]
fn data_tracks() {
    let request = proto::PublishDataTrackRequest { pub_handle: 1, name: "pose".to_owned(), ..Default::default() };
    assert_eq!(
        asked(In::PublishDataTrackRequest(request)),
        r#"PublishDataTrack { handle: 1, name: "pose", encryption: 0, relayed: b"" }"#
    );
    let update =
        proto::update_data_subscription::Update { track_sid: "DTR_1".to_owned(), subscribe: true, options: None };
    assert_eq!(
        asked(In::UpdateDataSubscription(proto::UpdateDataSubscription { updates: vec![update] })),
        r#"SubscribeData { updates: [("DTR_1", true)] }"#
    );
}

#[test]
fn a_leave_keeps_its_reason() {
    let leave = proto::LeaveRequest { reason: 1, ..Default::default() };
    let Some(Turn::Ask(SessionCommand::Leave { reason })) = translate(In::Leave(leave), 0) else {
        panic!("another command")
    };
    assert_eq!(reason, Some(LeaveReason::ClientInitiated));
}
