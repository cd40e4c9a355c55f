#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::door::livekit::convert::tests::{ana, camera, demo};
use std::sync::Arc;
use tandem_core::DataTrackInfo;

const NEW: i32 = 17;

fn sent(event: Event) -> Out {
    match translate(event, NEW) {
        Step::Send(mut all) if all.len() == 1 => all.remove(0),
        other => panic!("not one message: {other:?}"),
    }
}

fn sid(text: &str) -> Sid {
    Sid::from(text)
}

fn facts(single_pc: bool) -> Facts {
    Facts { version: "1.13.5".to_owned(), node_id: "ND_1".to_owned(), single_pc, ice_servers: Vec::new() }
}

fn joined(permissions: Permissions) -> Joined {
    let participant = ParticipantInfo { permissions, ..ana() };
    Joined { room: demo(), participant, others: vec![ana()], sif_trailer: vec![1, 2, 3] }
}

#[test]
fn join_has_what_clients_insist_on() {
    let Out::Join(join) = join(&joined(Permissions::default()), &facts(false)) else { panic!("not a join") };
    assert_eq!(join.room.map(|room| room.sid), Some("RM_demo".to_owned()));
    assert!(join.participant.is_some_and(|own| own.permission.is_some() && own.sid == "PA_ana"));
    assert_eq!(join.other_participants.len(), 1);
    assert_eq!((join.ping_interval, join.ping_timeout), (5, 15));
    let info = join.server_info.unwrap_or_default();
    assert_eq!((info.version.as_str(), info.protocol, info.node_id.as_str()), ("1.13.5", 17, "ND_1"));
    assert_eq!(join.enabled_publish_codecs.first().map(|codec| codec.mime.as_str()), Some("video/VP8"));
    assert!(join.subscriber_primary && join.fast_publish && join.alternative_url.is_empty());
    assert_eq!(join.sif_trailer, [1, 2, 3]);
}

#[test]
fn the_primary_connection() {
    let deaf = Permissions { can_subscribe: false, can_publish: false, ..Permissions::default() };
    for (single_pc, permissions, primary, fast) in [
        (false, Permissions::default(), true, true),
        (true, Permissions::default(), false, true),
        (false, deaf, false, false),
    ] {
        let Out::Join(join) = join(&joined(permissions), &facts(single_pc)) else { panic!("not a join") };
        assert_eq!((join.subscriber_primary, join.fast_publish), (primary, fast));
    }
}

#[test]
fn a_resume_begins_with_reconnect() {
    let resumed = Resumed { last_data_sequence: 12, participants: vec![ana(), ana()], room: demo(), drop_signal: None };
    let all = reconnect(&resumed, &facts(true));
    let [Out::Reconnect(first), Out::Update(update), Out::RoomUpdate(room)] = all.as_slice() else {
        panic!("another order: {all:?}")
    };
    assert_eq!(first.last_message_seq, 12);
    assert!(first.server_info.is_some() && room.room.is_some());
    assert_eq!(update.participants.len(), 2);
}

#[test]
fn descriptions() {
    let mids = vec![("3".to_owned(), sid("TR_1"))];
    let Out::Answer(answer) = sent(Event::Answer { sdp: "v=0".to_owned(), id: 4, mids: mids.clone() }) else {
        panic!("not an answer")
    };
    assert_eq!((answer.r#type.as_str(), answer.id), ("answer", 4));
    assert_eq!(answer.mid_to_track_id.get("3").map(String::as_str), Some("TR_1"));
    let Out::Offer(offer) = sent(Event::Offer { sdp: "v=0".to_owned(), id: 1, mids }) else { panic!("not an offer") };
    assert_eq!((offer.r#type.as_str(), offer.id, offer.mid_to_track_id.len()), ("offer", 1, 1));
}

/// Events whose message is plain, as one table.
#[test]
fn simple_events() {
    let speaker = Speaker { participant: sid("PA_1"), level: 0.5, active: true };
    let report = QualityReport { participant: sid("PA_1"), quality: 2, score: 4.5 };
    let table = vec![
        (
            Event::SectionsRequired { audios: 1, videos: 2 },
            Out::MediaSectionsRequirement(proto::MediaSectionsRequirement { num_audios: 1, num_videos: 2 }),
        ),
        (
            Event::TrackUnpublished(sid("TR_1")),
            Out::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid: "TR_1".to_owned() }),
        ),
        (
            Event::TrackSubscribed(sid("TR_1")),
            Out::TrackSubscribed(proto::TrackSubscribed { track_sid: "TR_1".to_owned() }),
        ),
        (
            Event::Mute { track: sid("TR_1"), muted: true },
            Out::Mute(proto::MuteTrackRequest { sid: "TR_1".to_owned(), muted: true }),
        ),
        (
            Event::TrackPublished { cid: "c".to_owned(), track: Box::new(camera()) },
            Out::TrackPublished(proto::TrackPublishedResponse {
                cid: "c".to_owned(),
                track: Some(convert::track(&camera())),
            }),
        ),
        (
            Event::Speakers(Arc::new(vec![speaker])),
            Out::SpeakersChanged(proto::SpeakersChanged {
                speakers: vec![proto::SpeakerInfo { sid: "PA_1".to_owned(), level: 0.5, active: true }],
            }),
        ),
        (
            Event::Quality(Arc::new(vec![report])),
            Out::ConnectionQuality(proto::ConnectionQualityUpdate {
                updates: vec![proto::ConnectionQualityInfo {
                    participant_sid: "PA_1".to_owned(),
                    quality: 2,
                    score: 4.5,
                }],
            }),
        ),
        (
            Event::StreamState { streams: vec![(sid("PA_1"), sid("TR_1"), false)] },
            Out::StreamStateUpdate(proto::StreamStateUpdate {
                stream_states: vec![proto::StreamStateInfo {
                    participant_sid: "PA_1".to_owned(),
                    track_sid: "TR_1".to_owned(),
                    state: 1,
                }],
            }),
        ),
        (
            Event::SubscriptionPermission { participant: sid("PA_1"), track: sid("TR_1"), allowed: false },
            Out::SubscriptionPermissionUpdate(proto::SubscriptionPermissionUpdate {
                participant_sid: "PA_1".to_owned(),
                track_sid: "TR_1".to_owned(),
                allowed: false,
            }),
        ),
        (
            Event::SubscriptionFailed { track: "TR_1".to_owned(), code: Code::TrackNotFound },
            Out::SubscriptionResponse(proto::SubscriptionResponse { track_sid: "TR_1".to_owned(), err: 2 }),
        ),
        (
            Event::SubscriptionFailed { track: "TR_1".to_owned(), code: Code::Unsupported },
            Out::SubscriptionResponse(proto::SubscriptionResponse { track_sid: "TR_1".to_owned(), err: 1 }),
        ),
        (Event::Room(Box::new(demo())), Out::RoomUpdate(proto::RoomUpdate { room: Some(convert::room(&demo())) })),
    ];
    for (event, want) in table {
        assert_eq!(sent(event), want);
    }
}

#[test]
fn qualities_come_in_both_lists() {
    let codecs = vec![("vp8".to_owned(), [true, false, false]), ("h264".to_owned(), [false, false, false])];
    let Out::SubscribedQualityUpdate(update) = sent(Event::SubscribedQuality { track: sid("TR_1"), codecs }) else {
        panic!("another message")
    };
    let flags = |of: &[proto::SubscribedQuality]| of.iter().map(|q| (q.quality, q.enabled)).collect::<Vec<_>>();
    assert_eq!(flags(&update.subscribed_qualities), [(0, true), (1, false), (2, false)]);
    assert_eq!(update.subscribed_codecs.len(), 2);
    assert_eq!(flags(&update.subscribed_codecs[1].qualities), [(0, false), (1, false), (2, false)]);
}

#[test]
fn large_updates_are_split_in_order() {
    let all: Vec<_> =
        (0..5_u32).map(|version| ParticipantInfo { version, metadata: "x".repeat(60_000), ..ana() }).collect();
    let Step::Send(messages) = translate(Event::Participants(Arc::new(all)), NEW) else { panic!("not sent") };
    let versions: Vec<Vec<u32>> = messages
        .iter()
        .map(|message| match message {
            Out::Update(update) => update.participants.iter().map(|info| info.version).collect(),
            other => panic!("not an update: {other:?}"),
        })
        .collect();
    assert_eq!(versions, [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(translate(Event::Participants(Arc::new(vec![])), NEW), Step::Send(vec![]));
}

#[test]
fn leaves_by_protocol() {
    let table = [
        (NEW, LeaveAction::Disconnect, Some((false, 0))),
        (NEW, LeaveAction::Resume, Some((false, 1))),
        (NEW, LeaveAction::Reconnect, Some((true, 2))),
        (12, LeaveAction::Disconnect, Some((false, 0))),
        (12, LeaveAction::Resume, None),
        (12, LeaveAction::Reconnect, Some((true, 0))),
    ];
    for (protocol, action, want) in table {
        let step = translate(Event::Leave { reason: LeaveReason::RoomDeleted, action }, protocol);
        let got = match step {
            Step::Last(Some(message)) => match *message {
                Out::Leave(leave) => {
                    assert_eq!(leave.reason, 5);
                    Some((leave.can_reconnect, leave.action))
                }
                other => panic!("another message: {other:?}"),
            },
            Step::Last(None) => None,
            other => panic!("another step: {other:?}"),
        };
        assert_eq!(got, want, "protocol {protocol}, {action:?}");
    }
}

#[test]
fn answers_name_their_request() {
    let table = [
        (RequestRef::PublishTrack { cid: "c".to_owned() }, 0),
        (RequestRef::UpdateMetadata { request_id: 6 }, 6),
        (RequestRef::Mute { track: "TR_1".to_owned(), muted: true }, 0),
        (RequestRef::UpdateAudioTrack { track: "TR_1".to_owned() }, 0),
        (RequestRef::UpdateVideoTrack { track: "TR_1".to_owned() }, 0),
        (RequestRef::Trickle, 0),
        (RequestRef::PublishDataTrack { handle: 2, name: "n".to_owned() }, 0),
        (RequestRef::UnpublishDataTrack { handle: 2 }, 0),
    ];
    for (request, request_id) in table {
        let event = Event::RequestResult { request, code: Some(Code::NotAllowed), message: "no".to_owned() };
        let Out::RequestResponse(response) = sent(event) else { panic!("another message") };
        assert_eq!((response.request_id, response.reason, response.message.as_str()), (request_id, 2, "no"));
        assert!(response.request.is_some());
    }
}

#[test]
fn success_is_told_to_clients_that_wait_for_it() {
    let event = || Event::RequestResult {
        request: RequestRef::UpdateMetadata { request_id: 6 },
        code: None,
        message: String::new(),
    };
    assert_eq!(translate(event(), 14), Step::Send(vec![]));
    let Out::RequestResponse(response) = sent(event()) else { panic!("another message") };
    assert_eq!((response.request_id, response.reason), (6, 0));
}

#[test]
fn data_tracks() {
    let info = Box::new(DataTrackInfo {
        sid: sid("DTR_1"),
        handle: 2,
        name: "n".to_owned(),
        encryption: 0,
        relayed: bytes::Bytes::new(),
    });
    let Out::PublishDataTrackResponse(got) = sent(Event::DataTrackPublished(info.clone())) else {
        panic!("another message")
    };
    assert_eq!(got.info.map(|info| info.pub_handle), Some(2));
    assert!(matches!(sent(Event::DataTrackUnpublished(info)), Out::UnpublishDataTrackResponse(_)));
    let handles = vec![(3, "bo".to_owned(), sid("PA_1"), sid("DTR_1"))];
    let Out::DataTrackSubscriberHandles(got) = sent(Event::DataHandles(handles)) else { panic!("another message") };
    assert_eq!(got.sub_handles.get(&3).map(|track| track.publisher_identity.as_str()), Some("bo"));
}

#[test]
fn steps_without_a_message() {
    assert_eq!(translate(Event::DropSignal, NEW), Step::Drop);
    let event = Event::GrantChanged {
        name: "n".to_owned(),
        metadata: "m".to_owned(),
        attributes: [("k".to_owned(), "v".to_owned())].into(),
        permissions: Box::new(Permissions::default()),
    };
    let Step::Refresh(claims) = translate(event, NEW) else { panic!("another step") };
    assert_eq!((claims.name.as_str(), claims.metadata.as_str(), claims.attributes.len()), ("n", "m", 1));
}
