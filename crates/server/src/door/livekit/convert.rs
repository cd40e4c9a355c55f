//! Core vocabulary to LiveKit protobuf messages and back. Pure; the RoomService uses it too.
#![allow(deprecated)] // older clients still read the deprecated fields, so they stay filled

use livekit_protocol as proto;
use prost::Message;
use tandem_core::{
    ClientInfo, Code, CodecInfo, DataTrackInfo, LeaveAction, LeaveReason, ParticipantInfo, ParticipantKind,
    ParticipantState, Permissions, RoomInfo, TrackInfo, TrackKind, TrackSource, VideoLayer,
};

/// What clients may publish, best supported first: clients fall back to the first video codec.
const CODECS: [&str; 6] = ["video/VP8", "video/H264", "video/VP9", "video/AV1", "audio/opus", "audio/red"];

/// The codecs a client may publish with, in the order clients prefer them.
pub(crate) fn codecs() -> Vec<proto::Codec> {
    CODECS.map(|mime| proto::Codec { mime: mime.to_owned(), fmtp_line: String::new() }).to_vec()
}

/// A room. Times are seconds and milliseconds since 1970.
pub(crate) fn room(info: &RoomInfo) -> proto::Room {
    proto::Room {
        sid: info.sid.to_string(),
        name: info.name.to_string(),
        empty_timeout: info.empty_timeout_s,
        departure_timeout: info.departure_timeout_s,
        max_participants: info.max_participants,
        creation_time: signed(info.created_at_ms / 1000),
        creation_time_ms: signed(info.created_at_ms),
        turn_password: String::new(),
        enabled_codecs: codecs(),
        metadata: info.metadata.clone(),
        num_participants: info.num_participants,
        num_publishers: info.num_publishers,
        active_recording: info.active_recording,
        version: None,
    }
}

/// A participant with all its tracks.
pub(crate) fn participant(info: &ParticipantInfo) -> proto::ParticipantInfo {
    proto::ParticipantInfo {
        sid: info.sid.to_string(),
        identity: info.identity.to_string(),
        state: state(info.state).into(),
        tracks: info.tracks.iter().map(track).collect(),
        metadata: info.metadata.clone(),
        joined_at: signed(info.joined_at_ms / 1000),
        joined_at_ms: signed(info.joined_at_ms),
        name: info.name.clone(),
        version: info.version,
        permission: Some(permissions(&info.permissions)),
        region: String::new(),
        is_publisher: info.is_publisher,
        kind: kind(info.kind).into(),
        attributes: info.attributes.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        disconnect_reason: info.disconnect_reason.map_or(0, |reason| leave_reason(reason).into()),
        kind_details: Vec::new(),
        data_tracks: info.data_tracks.iter().map(data_track).collect(),
        client_protocol: info.client_protocol,
        capabilities: info.capabilities.clone(),
    }
}

/// A track.
pub(crate) fn track(info: &TrackInfo) -> proto::TrackInfo {
    proto::TrackInfo {
        sid: info.sid.to_string(),
        r#type: track_type(info.kind).into(),
        name: info.name.clone(),
        muted: info.muted,
        width: info.width,
        height: info.height,
        simulcast: info.simulcast,
        disable_dtx: info.disable_dtx,
        source: source(info.source).into(),
        layers: info.layers.iter().map(layer).collect(),
        mime_type: info.mime_type.clone(),
        mid: info.mid.clone(),
        codecs: info.codecs.iter().map(codec).collect(),
        stereo: info.stereo,
        disable_red: info.disable_red,
        encryption: info.encryption,
        stream: info.stream.clone(),
        version: Some(proto::TimedVersion { unix_micro: signed(info.version), ticks: 0 }),
        audio_features: info.audio_features.clone(),
        backup_codec_policy: info.backup_codec_policy,
        packet_trailer_features: info.packet_trailer_features.clone(),
    }
}

fn codec(info: &CodecInfo) -> proto::SimulcastCodecInfo {
    proto::SimulcastCodecInfo {
        mime_type: info.mime_type.clone(),
        mid: info.mid.clone(),
        cid: info.cid.clone(),
        layers: info.layers.iter().map(layer).collect(),
        video_layer_mode: info.layer_mode,
        sdp_cid: String::new(),
    }
}

fn layer(layer: &VideoLayer) -> proto::VideoLayer {
    proto::VideoLayer {
        quality: layer.quality,
        width: layer.width,
        height: layer.height,
        bitrate: layer.bitrate,
        ssrc: layer.ssrc,
        spatial_layer: layer.spatial_layer,
        rid: layer.rid.clone(),
        repair_ssrc: 0,
    }
}

/// An encoding as a client announced it.
pub(crate) fn layer_from(layer: proto::VideoLayer) -> VideoLayer {
    VideoLayer {
        quality: layer.quality,
        width: layer.width,
        height: layer.height,
        bitrate: layer.bitrate,
        ssrc: layer.ssrc,
        spatial_layer: layer.spatial_layer,
        rid: layer.rid,
    }
}

/// A data track; the fields the server does not read come out of `relayed`.
pub(crate) fn data_track(info: &DataTrackInfo) -> proto::DataTrackInfo {
    let rest = proto::DataTrackInfo::decode(info.relayed.clone()).unwrap_or_default();
    proto::DataTrackInfo {
        pub_handle: u32::from(info.handle),
        sid: info.sid.to_string(),
        name: info.name.clone(),
        encryption: info.encryption,
        ..rest
    }
}

/// The fields of a data track announcement that the server passes on unread.
pub(crate) fn data_track_rest(
    frame_encoding: Option<proto::DataTrackFrameEncoding>,
    schema: Option<proto::DataTrackSchemaId>,
) -> bytes::Bytes {
    let rest = proto::DataTrackInfo { frame_encoding, schema, ..Default::default() };
    rest.encode_to_vec().into()
}

/// Permissions as clients see them.
pub(crate) fn permissions(permissions: &Permissions) -> proto::ParticipantPermission {
    proto::ParticipantPermission {
        can_subscribe: permissions.can_subscribe,
        can_publish: permissions.can_publish,
        can_publish_data: permissions.can_publish_data,
        can_publish_sources: permissions.can_publish_sources.iter().map(|s| source(*s).into()).collect(),
        hidden: permissions.hidden,
        recorder: permissions.recorder,
        can_update_metadata: permissions.can_update_metadata,
        agent: permissions.agent,
        can_subscribe_metrics: permissions.can_subscribe_metrics,
        can_manage_agent_session: permissions.can_manage_agent_session,
    }
}

/// Permissions as an administrator sends them.
pub(crate) fn permissions_from(permissions: &proto::ParticipantPermission) -> Permissions {
    Permissions {
        can_subscribe: permissions.can_subscribe,
        can_publish: permissions.can_publish,
        can_publish_data: permissions.can_publish_data,
        can_publish_sources: permissions.can_publish_sources.iter().map(|s| source_from(*s)).collect(),
        hidden: permissions.hidden,
        recorder: permissions.recorder,
        can_update_metadata: permissions.can_update_metadata,
        agent: permissions.agent,
        can_subscribe_metrics: permissions.can_subscribe_metrics,
        can_manage_agent_session: permissions.can_manage_agent_session,
    }
}

/// What the client says of itself.
pub(crate) fn client(info: &proto::ClientInfo) -> ClientInfo {
    let sdk = proto::client_info::Sdk::try_from(info.sdk).unwrap_or(proto::client_info::Sdk::Unknown);
    ClientInfo {
        sdk: sdk.as_str_name().to_ascii_lowercase(),
        version: info.version.clone(),
        protocol: info.protocol,
        client_protocol: info.client_protocol,
        capabilities: info.capabilities.clone(),
        browser: info.browser.to_ascii_lowercase(),
    }
}

/// Why somebody left, LiveKit's numbers.
pub(crate) fn leave_reason(reason: LeaveReason) -> proto::DisconnectReason {
    use proto::DisconnectReason as To;
    match reason {
        LeaveReason::Unknown => To::UnknownReason,
        LeaveReason::ClientInitiated => To::ClientInitiated,
        LeaveReason::DuplicateIdentity => To::DuplicateIdentity,
        LeaveReason::ServerShutdown => To::ServerShutdown,
        LeaveReason::ParticipantRemoved => To::ParticipantRemoved,
        LeaveReason::RoomDeleted => To::RoomDeleted,
        LeaveReason::StateMismatch => To::StateMismatch,
        LeaveReason::JoinFailure => To::JoinFailure,
        LeaveReason::Migration => To::Migration,
        LeaveReason::SignalClose => To::SignalClose,
        LeaveReason::RoomClosed => To::RoomClosed,
        LeaveReason::UserUnavailable => To::UserUnavailable,
        LeaveReason::UserRejected => To::UserRejected,
        LeaveReason::SipTrunkFailure => To::SipTrunkFailure,
        LeaveReason::ConnectionTimeout => To::ConnectionTimeout,
        LeaveReason::MediaFailure => To::MediaFailure,
        LeaveReason::AgentError => To::AgentError,
    }
}

/// The reason a client gives in its `leave`; `None` when it gives none we know.
pub(crate) fn leave_reason_from(reason: i32) -> Option<LeaveReason> {
    use proto::DisconnectReason as From;
    Some(match From::try_from(reason).ok()? {
        From::UnknownReason => return None,
        From::ClientInitiated => LeaveReason::ClientInitiated,
        From::DuplicateIdentity => LeaveReason::DuplicateIdentity,
        From::ServerShutdown => LeaveReason::ServerShutdown,
        From::ParticipantRemoved => LeaveReason::ParticipantRemoved,
        From::RoomDeleted => LeaveReason::RoomDeleted,
        From::StateMismatch => LeaveReason::StateMismatch,
        From::JoinFailure => LeaveReason::JoinFailure,
        From::Migration => LeaveReason::Migration,
        From::SignalClose => LeaveReason::SignalClose,
        From::RoomClosed => LeaveReason::RoomClosed,
        From::UserUnavailable => LeaveReason::UserUnavailable,
        From::UserRejected => LeaveReason::UserRejected,
        From::SipTrunkFailure => LeaveReason::SipTrunkFailure,
        From::ConnectionTimeout => LeaveReason::ConnectionTimeout,
        From::MediaFailure => LeaveReason::MediaFailure,
        From::AgentError => LeaveReason::AgentError,
    })
}

/// What the client shall do after a leave.
pub(crate) fn leave_action(action: LeaveAction) -> proto::leave_request::Action {
    match action {
        LeaveAction::Disconnect => proto::leave_request::Action::Disconnect,
        LeaveAction::Resume => proto::leave_request::Action::Resume,
        LeaveAction::Reconnect => proto::leave_request::Action::Reconnect,
    }
}

/// Our codes in the numbers of `RequestResponse`.
pub(crate) fn request_reason(code: Option<Code>) -> proto::request_response::Reason {
    use proto::request_response::Reason;
    let Some(code) = code else { return Reason::Ok };
    match code {
        Code::Unauthenticated | Code::NotAllowed => Reason::NotAllowed,
        Code::RoomNotFound | Code::ParticipantNotFound | Code::TrackNotFound => Reason::NotFound,
        Code::LimitExceeded | Code::Busy | Code::Draining => Reason::LimitExceeded,
        Code::Queued => Reason::Queued,
        Code::Unsupported => Reason::UnsupportedType,
        Code::InvalidHandle => Reason::InvalidHandle,
        Code::InvalidName => Reason::InvalidName,
        Code::DuplicateHandle => Reason::DuplicateHandle,
        Code::Duplicate => Reason::DuplicateName,
        Code::Invalid | Code::FailedPrecondition => Reason::InvalidRequest,
        _ => Reason::UnclassifiedError,
    }
}

/// Audio or video; `None` for anything else.
pub(crate) fn track_kind(kind: i32) -> Option<TrackKind> {
    match proto::TrackType::try_from(kind).ok()? {
        proto::TrackType::Audio => Some(TrackKind::Audio),
        proto::TrackType::Video => Some(TrackKind::Video),
        proto::TrackType::Data => None,
    }
}

fn track_type(kind: TrackKind) -> proto::TrackType {
    match kind {
        TrackKind::Audio => proto::TrackType::Audio,
        TrackKind::Video => proto::TrackType::Video,
    }
}

fn source(source: TrackSource) -> proto::TrackSource {
    match source {
        TrackSource::Unknown => proto::TrackSource::Unknown,
        TrackSource::Camera => proto::TrackSource::Camera,
        TrackSource::Microphone => proto::TrackSource::Microphone,
        TrackSource::ScreenShare => proto::TrackSource::ScreenShare,
        TrackSource::ScreenShareAudio => proto::TrackSource::ScreenShareAudio,
    }
}

/// Where a track comes from; numbers we do not know are `Unknown`.
pub(crate) fn source_from(source: i32) -> TrackSource {
    match proto::TrackSource::try_from(source) {
        Ok(proto::TrackSource::Camera) => TrackSource::Camera,
        Ok(proto::TrackSource::Microphone) => TrackSource::Microphone,
        Ok(proto::TrackSource::ScreenShare) => TrackSource::ScreenShare,
        Ok(proto::TrackSource::ScreenShareAudio) => TrackSource::ScreenShareAudio,
        Ok(proto::TrackSource::Unknown) | Err(_) => TrackSource::Unknown,
    }
}

fn kind(kind: ParticipantKind) -> proto::participant_info::Kind {
    use proto::participant_info::Kind as To;
    match kind {
        ParticipantKind::Standard => To::Standard,
        ParticipantKind::Ingress => To::Ingress,
        ParticipantKind::Egress => To::Egress,
        ParticipantKind::Sip => To::Sip,
        ParticipantKind::Agent => To::Agent,
        ParticipantKind::Connector => To::Connector,
        ParticipantKind::Bridge => To::Bridge,
    }
}

fn state(state: ParticipantState) -> proto::participant_info::State {
    use proto::participant_info::State as To;
    match state {
        ParticipantState::Joining => To::Joining,
        ParticipantState::Joined => To::Joined,
        ParticipantState::Active => To::Active,
        ParticipantState::Disconnected => To::Disconnected,
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
