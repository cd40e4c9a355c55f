//! What a room tells a session, as LiveKit messages. Pure: no clock, no socket, no keys.
#![allow(deprecated)] // older clients still read the deprecated fields, so they stay filled

use super::convert;
use livekit_protocol as proto;
use prost::Message;
use proto::request_response::{Reason, Request};
use proto::signal_response::Message as Out;
use std::collections::BTreeMap;
use tandem_core::{
    Code, Event, Joined, LeaveAction, LeaveReason, ParticipantInfo, Permissions, QualityReport, RequestRef, Resumed,
    SessionCommand, Sid, Speaker,
};

/// Signalling protocol that we speak. 18 would make clients expect negotiated data channels.
const PROTOCOL: i32 = 17;
/// Seconds between a client's pings; zero makes some clients fail.
const PING_INTERVAL_S: i32 = 5;
/// Seconds of silence after which a client gives up on its signalling connection.
const PING_TIMEOUT_S: i32 = 15;
/// Participant updates are split at about this size.
const UPDATE_BYTES: usize = 128 * 1024;
/// The first protocol whose clients read `LeaveRequest.action`.
const LEAVE_ACTION_SINCE: i32 = 13;
/// The first protocol whose clients want to hear that a request worked.
const SUCCESS_SINCE: i32 = 15;

/// What the session does about an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Send these.
    Send(Vec<Out>),
    /// Send a token with these claims.
    Refresh(Box<Claims>),
    /// Send this, if anything, then close.
    Last(Option<Box<Out>>),
    /// Drop the connection without a word.
    Drop,
}

/// What changes in a token while its session lives.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims {
    /// Display name now.
    pub(crate) name: String,
    /// Metadata now.
    pub(crate) metadata: String,
    /// Attributes now.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Permissions now.
    pub(crate) permissions: Permissions,
}

/// What clients are told of this node.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Version of the LiveKit server we are compatible with; clients pick features by it.
    pub(crate) version: String,
    /// `ND_…`.
    pub(crate) node_id: String,
    /// One peer connection both ways.
    pub(crate) single_pc: bool,
    /// Whom to ask for a path.
    pub(crate) ice_servers: Vec<proto::IceServer>,
}

impl Facts {
    fn server_info(&self) -> proto::ServerInfo {
        proto::ServerInfo {
            edition: proto::server_info::Edition::Standard.into(),
            version: self.version.clone(),
            protocol: PROTOCOL,
            region: String::new(),
            node_id: self.node_id.clone(),
            debug_info: String::new(),
            agent_protocol: 0,
        }
    }
}

/// The first message of a new session.
pub(crate) fn join(joined: &Joined, facts: &Facts) -> Out {
    let permissions = &joined.participant.permissions;
    Out::Join(proto::JoinResponse {
        room: Some(convert::room(&joined.room)),
        participant: Some(convert::participant(&joined.participant)),
        other_participants: joined.others.iter().map(convert::participant).collect(),
        server_version: facts.version.clone(),
        ice_servers: facts.ice_servers.clone(),
        subscriber_primary: !facts.single_pc && permissions.can_subscribe,
        alternative_url: String::new(),
        client_configuration: None,
        server_region: String::new(),
        ping_timeout: PING_TIMEOUT_S,
        ping_interval: PING_INTERVAL_S,
        server_info: Some(facts.server_info()),
        sif_trailer: joined.sif_trailer.clone(),
        enabled_publish_codecs: convert::codecs(),
        fast_publish: permissions.can_publish,
    })
}

/// The first messages of a resumed session: `reconnect`, everyone, the room.
pub(crate) fn reconnect(resumed: &Resumed, facts: &Facts) -> Vec<Out> {
    let mut messages = vec![Out::Reconnect(proto::ReconnectResponse {
        ice_servers: facts.ice_servers.clone(),
        client_configuration: None,
        server_info: Some(facts.server_info()),
        last_message_seq: resumed.last_data_sequence,
    })];
    messages.extend(participants(&resumed.participants));
    messages.push(Out::RoomUpdate(proto::RoomUpdate { room: Some(convert::room(&resumed.room)) }));
    messages
}

/// All that a client hears who resumes what is no more: join anew.
pub(crate) fn unknown_session(protocol: i32) -> Vec<Out> {
    match leave(LeaveReason::StateMismatch, LeaveAction::Reconnect, protocol) {
        Step::Last(message) => message.map(|message| *message).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What to do about an event for a client of this signalling protocol.
pub(crate) fn translate(event: Event, protocol: i32) -> Step {
    one(match event {
        Event::GrantChanged { name, metadata, attributes, permissions } => {
            return Step::Refresh(Box::new(Claims { name, metadata, attributes, permissions: *permissions }));
        }
        Event::Leave { reason, action } => return leave(reason, action, protocol),
        Event::DropSignal => return Step::Drop,
        Event::Participants(all) => return Step::Send(participants(&all)),
        Event::RequestResult { code: None, .. } if protocol < SUCCESS_SINCE => return Step::Send(Vec::new()),
        Event::RequestResult { request, code, message } => request_response(request, code, message),
        Event::Answer { sdp, id, mids } => Out::Answer(description("answer", sdp, id, mids)),
        Event::Offer { sdp, id, mids } => Out::Offer(description("offer", sdp, id, mids)),
        Event::SectionsRequired { audios, videos } => sections(audios, videos),
        Event::TrackPublished { cid, track } => track_published(cid, &track),
        Event::TrackUnpublished(sid) => track_unpublished(&sid),
        Event::Mute { track, muted } => Out::Mute(proto::MuteTrackRequest { sid: track.to_string(), muted }),
        Event::Speakers(speakers) => speakers_changed(&speakers),
        Event::Room(room) => Out::RoomUpdate(proto::RoomUpdate { room: Some(convert::room(&room)) }),
        Event::Quality(reports) => connection_quality(&reports),
        Event::SubscribedQuality { track, codecs } => subscribed_quality(&track, codecs),
        Event::StreamState { streams } => stream_state(streams),
        Event::SubscriptionPermission { participant, track, allowed } => {
            permission_update(&participant, &track, allowed)
        }
        Event::SubscriptionFailed { track, code } => subscription_failed(track, code),
        Event::TrackSubscribed(sid) => Out::TrackSubscribed(proto::TrackSubscribed { track_sid: sid.to_string() }),
        Event::DataTrackPublished(info) => data_track_published(&info),
        Event::DataTrackUnpublished(info) => data_track_unpublished(&info),
        Event::DataHandles(handles) => data_handles(handles),
    })
}

fn one(message: Out) -> Step {
    Step::Send(vec![message])
}

fn description(kind: &str, sdp: String, id: u32, mids: Vec<(String, Sid)>) -> proto::SessionDescription {
    proto::SessionDescription {
        r#type: kind.to_owned(),
        sdp,
        id,
        mid_to_track_id: mids.into_iter().map(|(mid, sid)| (mid, sid.to_string())).collect(),
    }
}

fn sections(num_audios: u32, num_videos: u32) -> Out {
    Out::MediaSectionsRequirement(proto::MediaSectionsRequirement { num_audios, num_videos })
}

fn track_published(cid: String, track: &tandem_core::TrackInfo) -> Out {
    Out::TrackPublished(proto::TrackPublishedResponse { cid, track: Some(convert::track(track)) })
}

fn track_unpublished(sid: &Sid) -> Out {
    Out::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid: sid.to_string() })
}

/// Complete infos in as many messages as their size needs, in order.
fn participants(all: &[ParticipantInfo]) -> Vec<Out> {
    let mut messages = Vec::new();
    let mut update = proto::ParticipantUpdate::default();
    let mut bytes = 0;
    for info in all {
        let info = convert::participant(info);
        let more = info.encoded_len();
        if bytes > 0 && bytes + more > UPDATE_BYTES {
            messages.push(Out::Update(std::mem::take(&mut update)));
            bytes = 0;
        }
        bytes += more;
        update.participants.push(info);
    }
    if !update.participants.is_empty() {
        messages.push(Out::Update(update));
    }
    messages
}

fn speakers_changed(speakers: &[Speaker]) -> Out {
    let one = |speaker: &Speaker| proto::SpeakerInfo {
        sid: speaker.participant.to_string(),
        level: speaker.level,
        active: speaker.active,
    };
    Out::SpeakersChanged(proto::SpeakersChanged { speakers: speakers.iter().map(one).collect() })
}

fn connection_quality(reports: &[QualityReport]) -> Out {
    let one = |report: &QualityReport| proto::ConnectionQualityInfo {
        participant_sid: report.participant.to_string(),
        quality: report.quality,
        score: report.score,
    };
    Out::ConnectionQuality(proto::ConnectionQualityUpdate { updates: reports.iter().map(one).collect() })
}

/// The first list repeats the primary codec for clients that know only one.
fn subscribed_quality(track: &Sid, codecs: Vec<(String, [bool; 3])>) -> Out {
    let qualities = |enabled: [bool; 3]| {
        let order = [proto::VideoQuality::Low, proto::VideoQuality::Medium, proto::VideoQuality::High];
        let one = |(quality, enabled): (proto::VideoQuality, bool)| proto::SubscribedQuality {
            quality: quality.into(),
            enabled,
        };
        order.into_iter().zip(enabled).map(one).collect::<Vec<_>>()
    };
    Out::SubscribedQualityUpdate(proto::SubscribedQualityUpdate {
        track_sid: track.to_string(),
        subscribed_qualities: codecs.first().map(|(_, enabled)| qualities(*enabled)).unwrap_or_default(),
        subscribed_codecs: codecs
            .into_iter()
            .map(|(codec, enabled)| proto::SubscribedCodec { codec, qualities: qualities(enabled) })
            .collect(),
    })
}

fn stream_state(streams: Vec<(Sid, Sid, bool)>) -> Out {
    let one = |(participant, track, active): (Sid, Sid, bool)| proto::StreamStateInfo {
        participant_sid: participant.to_string(),
        track_sid: track.to_string(),
        state: if active { proto::StreamState::Active } else { proto::StreamState::Paused }.into(),
    };
    Out::StreamStateUpdate(proto::StreamStateUpdate { stream_states: streams.into_iter().map(one).collect() })
}

fn permission_update(participant: &Sid, track: &Sid, allowed: bool) -> Out {
    Out::SubscriptionPermissionUpdate(proto::SubscriptionPermissionUpdate {
        participant_sid: participant.to_string(),
        track_sid: track.to_string(),
        allowed,
    })
}

fn subscription_failed(track_sid: String, code: Code) -> Out {
    let err = match code {
        Code::TrackNotFound => proto::SubscriptionError::SeTrackNotfound,
        Code::Unsupported => proto::SubscriptionError::SeCodecUnsupported,
        _ => proto::SubscriptionError::SeUnknown,
    };
    Out::SubscriptionResponse(proto::SubscriptionResponse { track_sid, err: err.into() })
}

fn data_track_published(info: &tandem_core::DataTrackInfo) -> Out {
    Out::PublishDataTrackResponse(proto::PublishDataTrackResponse { info: Some(convert::data_track(info)) })
}

fn data_track_unpublished(info: &tandem_core::DataTrackInfo) -> Out {
    Out::UnpublishDataTrackResponse(proto::UnpublishDataTrackResponse { info: Some(convert::data_track(info)) })
}

fn data_handles(handles: Vec<(u16, String, Sid, Sid)>) -> Out {
    let one = |(handle, publisher_identity, participant, track): (u16, String, Sid, Sid)| {
        let track = proto::data_track_subscriber_handles::PublishedDataTrack {
            publisher_identity,
            publisher_sid: participant.to_string(),
            track_sid: track.to_string(),
        };
        (u32::from(handle), track)
    };
    let sub_handles = handles.into_iter().map(one).collect();
    Out::DataTrackSubscriberHandles(proto::DataTrackSubscriberHandles { sub_handles })
}

/// Clients before protocol 13 know one flag only: come back by a full join, or stay away. For
/// them a wish to resume is said by closing without a word.
fn leave(reason: LeaveReason, action: LeaveAction, protocol: i32) -> Step {
    let knows_action = protocol >= LEAVE_ACTION_SINCE;
    if !knows_action && action == LeaveAction::Resume {
        return Step::Last(None);
    }
    Step::Last(Some(Box::new(Out::Leave(proto::LeaveRequest {
        can_reconnect: action == LeaveAction::Reconnect,
        reason: convert::leave_reason(reason).into(),
        action: if knows_action { convert::leave_action(action).into() } else { 0 },
        regions: None,
    }))))
}

/// The answer to a request, with as much of the request as identifies it.
pub(crate) fn request_response(request: RequestRef, code: Option<Code>, message: String) -> Out {
    let reason: Reason = convert::request_reason(code);
    let request_id = match &request {
        RequestRef::UpdateMetadata { request_id } => *request_id,
        _ => 0,
    };
    Out::RequestResponse(proto::RequestResponse {
        request_id,
        reason: reason.into(),
        message,
        request: Some(echo(request)),
    })
}

fn echo(request: RequestRef) -> Request {
    match request {
        RequestRef::PublishTrack { cid } => Request::AddTrack(proto::AddTrackRequest { cid, ..Default::default() }),
        RequestRef::Mute { track, muted } => Request::Mute(proto::MuteTrackRequest { sid: track, muted }),
        RequestRef::UpdateMetadata { request_id } => {
            Request::UpdateMetadata(proto::UpdateParticipantMetadata { request_id, ..Default::default() })
        }
        RequestRef::UpdateAudioTrack { track } => {
            Request::UpdateAudioTrack(proto::UpdateLocalAudioTrack { track_sid: track, ..Default::default() })
        }
        RequestRef::UpdateVideoTrack { track } => {
            Request::UpdateVideoTrack(proto::UpdateLocalVideoTrack { track_sid: track, ..Default::default() })
        }
        RequestRef::Trickle => Request::Trickle(proto::TrickleRequest::default()),
        RequestRef::PublishDataTrack { handle, name } => {
            Request::PublishDataTrack(proto::PublishDataTrackRequest { pub_handle: handle, name, ..Default::default() })
        }
        RequestRef::UnpublishDataTrack { handle } => {
            Request::UnpublishDataTrack(proto::UnpublishDataTrackRequest { pub_handle: handle })
        }
    }
}

/// How a command is named in an answer; `None` for commands that have no answer of their own.
pub(crate) fn request_ref(command: &SessionCommand) -> Option<RequestRef> {
    Some(match command {
        SessionCommand::PublishTrack(track) => RequestRef::PublishTrack { cid: track.cid.clone() },
        SessionCommand::UpdateMetadata { request_id, .. } => RequestRef::UpdateMetadata { request_id: *request_id },
        SessionCommand::PublishDataTrack { handle, name, .. } => {
            RequestRef::PublishDataTrack { handle: *handle, name: name.clone() }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
