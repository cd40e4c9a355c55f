//! What a client's message asks of its room. Pure: no clock, no socket, no state.
#![allow(deprecated)] // older clients still fill the deprecated fields

use super::convert;
use livekit_protocol as proto;
use proto::request_response::{Reason, Request};
use proto::signal_request::Message as In;
use proto::signal_response::Message as Out;
use serde::Deserialize;
use tandem_core::{
    PcTarget, PublishCodec, PublishTrack, Scenario, SessionCommand, SubscriptionPermission, SyncState, TrackPermission,
    TrackSettings,
};

/// One consequence of a client's message.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Ask the room.
    Ask(SessionCommand),
    /// Answer right here.
    Say(Box<Out>),
}

/// What follows from a message, in order; empty for messages without effect.
/// `now_ms` is milliseconds since 1970, for pongs.
pub(crate) fn translate(message: In, now_ms: i64) -> Option<Turn> {
    Some(Turn::Ask(match message {
        In::Ping(_) => return say(Out::Pong(now_ms)),
        In::PingReq(ping) => return say(pong(&ping, now_ms)),
        In::StoreDataBlobRequest(request) => return say(no_blobs(request.request_id)),
        In::GetDataBlobRequest(request) => return say(no_blobs(request.request_id)),
        In::AddTrack(request) => return Some(add_track(request)),
        In::UpdateLayers(_) => return None, // replaced by AddTrack layers and dynacast long ago
        In::Offer(sdp) => offer(sdp)?,
        In::Answer(sdp) => answer(sdp)?,
        In::Trickle(trickle) => candidate(&trickle)?,
        In::Mute(mute) => SessionCommand::Mute { track: mute.sid, muted: mute.muted },
        In::Subscription(update) => {
            SessionCommand::Subscribe { subscribe: update.subscribe, tracks: subscription(update) }
        }
        In::TrackSetting(settings) => track_settings(settings),
        In::Leave(leave) => SessionCommand::Leave { reason: convert::leave_reason_from(leave.reason) },
        In::SubscriptionPermission(permission) => SessionCommand::Permission(subscription_permission(permission)),
        In::SyncState(state) => SessionCommand::SyncState(Box::new(sync_state(state))),
        In::Simulate(simulate) => SessionCommand::Simulate(scenario(simulate.scenario?)?),
        In::UpdateMetadata(update) => update_metadata(update),
        In::UpdateAudioTrack(update) => {
            SessionCommand::UpdateAudioTrack { track: update.track_sid, features: update.features }
        }
        In::UpdateVideoTrack(update) => {
            SessionCommand::UpdateVideoTrack { track: update.track_sid, width: update.width, height: update.height }
        }
        In::PublishDataTrackRequest(request) => publish_data_track(request),
        In::UnpublishDataTrackRequest(request) => SessionCommand::UnpublishDataTrack { handle: request.pub_handle },
        In::UpdateDataSubscription(update) => data_subscription(update),
    }))
}

fn say(message: Out) -> Option<Turn> {
    Some(Turn::Say(Box::new(message)))
}

fn pong(ping: &proto::Ping, now_ms: i64) -> Out {
    Out::PongResp(proto::Pong { last_ping_timestamp: ping.timestamp, timestamp: now_ms })
}

fn no_blobs(request_id: u32) -> Out {
    Out::RequestResponse(proto::RequestResponse {
        request_id,
        reason: Reason::NotAllowed.into(),
        message: "this server does not store data blobs".to_owned(),
        request: None,
    })
}

fn offer(sdp: proto::SessionDescription) -> Option<SessionCommand> {
    (sdp.r#type == "offer").then_some(SessionCommand::Offer { sdp: sdp.sdp, id: sdp.id })
}

fn answer(sdp: proto::SessionDescription) -> Option<SessionCommand> {
    (sdp.r#type == "answer").then_some(SessionCommand::Answer { sdp: sdp.sdp, id: sdp.id })
}

/// The browser's `RTCIceCandidateInit` as JSON.
#[derive(Deserialize)]
struct CandidateInit {
    candidate: String,
}

/// An empty candidate line means "no more", which an ICE-lite server need not know.
fn candidate(trickle: &proto::TrickleRequest) -> Option<SessionCommand> {
    let init: CandidateInit = serde_json::from_str(&trickle.candidate_init).ok()?;
    let target = if trickle.target == i32::from(proto::SignalTarget::Subscriber) {
        PcTarget::Subscriber
    } else {
        PcTarget::Publisher
    };
    (!init.candidate.is_empty()).then_some(SessionCommand::Trickle { target, candidate: init.candidate })
}

fn add_track(request: proto::AddTrackRequest) -> Turn {
    let Some(kind) = convert::track_kind(request.r#type) else {
        return Turn::Say(Box::new(Out::RequestResponse(proto::RequestResponse {
            request_id: 0,
            reason: Reason::UnsupportedType.into(),
            message: "a track is audio or video".to_owned(),
            request: Some(Request::AddTrack(request)),
        })));
    };
    let (stereo, disable_dtx, audio_features) = audio_features(&request);
    Turn::Ask(SessionCommand::PublishTrack(Box::new(PublishTrack {
        cid: request.cid,
        sid: request.sid,
        kind,
        name: request.name,
        width: request.width,
        height: request.height,
        muted: request.muted,
        source: convert::source_from(request.source),
        layers: layers(request.layers),
        codecs: request.simulcast_codecs.into_iter().map(publish_codec).collect(),
        disable_dtx,
        stereo,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: request.stream,
        audio_features,
        backup_codec_policy: request.backup_codec_policy,
        packet_trailer_features: request.packet_trailer_features,
    })))
}

/// Stereo and DTX have a flag of their own and a feature; either sets both.
fn audio_features(request: &proto::AddTrackRequest) -> (bool, bool, Vec<i32>) {
    let mut features = request.audio_features.clone();
    let mut either = |flag: bool, feature: proto::AudioTrackFeature| {
        let feature = i32::from(feature);
        let listed = features.contains(&feature);
        if flag && !listed {
            features.push(feature);
        }
        flag || listed
    };
    let stereo = either(request.stereo, proto::AudioTrackFeature::TfStereo);
    let disable_dtx = either(request.disable_dtx, proto::AudioTrackFeature::TfNoDtx);
    (stereo, disable_dtx, features)
}

fn publish_codec(codec: proto::SimulcastCodec) -> PublishCodec {
    PublishCodec {
        codec: codec.codec,
        cid: codec.cid,
        layers: layers(codec.layers),
        layer_mode: codec.video_layer_mode,
    }
}

fn layers(layers: Vec<proto::VideoLayer>) -> Vec<tandem_core::VideoLayer> {
    layers.into_iter().map(convert::layer_from).collect()
}

/// Both lists of an update; clients use one or the other.
fn subscription(update: proto::UpdateSubscription) -> Vec<String> {
    let mut tracks = update.track_sids;
    tracks.extend(update.participant_tracks.into_iter().flat_map(|of| of.track_sids));
    tracks
}

fn track_settings(settings: proto::UpdateTrackSettings) -> SessionCommand {
    SessionCommand::Settings {
        tracks: settings.track_sids,
        settings: TrackSettings {
            disabled: settings.disabled,
            quality: settings.quality,
            width: settings.width,
            height: settings.height,
            fps: settings.fps,
            priority: settings.priority,
        },
    }
}

fn subscription_permission(permission: proto::SubscriptionPermission) -> SubscriptionPermission {
    let one = |of: proto::TrackPermission| TrackPermission {
        participant_sid: of.participant_sid,
        identity: of.participant_identity,
        all_tracks: of.all_tracks,
        track_sids: of.track_sids,
    };
    SubscriptionPermission {
        all_participants: permission.all_participants,
        tracks: permission.track_permissions.into_iter().map(one).collect(),
    }
}

fn sync_state(state: proto::SyncState) -> SyncState {
    let subscription = state.subscription.unwrap_or_default();
    SyncState {
        subscribe: subscription.subscribe,
        track_sids: self::subscription(subscription),
        disabled_track_sids: state.track_sids_disabled,
        published_sids: state.publish_tracks.into_iter().filter_map(|p| p.track).map(|track| track.sid).collect(),
        data_received: state
            .datachannel_receive_states
            .into_iter()
            .map(|state| (state.publisher_sid, state.last_seq))
            .collect(),
    }
}

/// A scenario whose flag is false asks for nothing.
fn scenario(scenario: proto::simulate_scenario::Scenario) -> Option<Scenario> {
    use proto::simulate_scenario::Scenario as Asked;
    let (wanted, scenario) = match scenario {
        Asked::SpeakerUpdate(seconds) => {
            (true, Scenario::SpeakerUpdate { seconds: u32::try_from(seconds).unwrap_or(0) })
        }
        Asked::NodeFailure(wanted) => (wanted, Scenario::NodeFailure),
        Asked::Migration(wanted) => (wanted, Scenario::Migration),
        Asked::ServerLeave(wanted) => (wanted, Scenario::ServerLeave),
        // UDP is 0; TLS is TCP on another port.
        Asked::SwitchCandidateProtocol(protocol) => (true, Scenario::SwitchCandidateProtocol { tcp: protocol != 0 }),
        Asked::SubscriberBandwidth(bits) => {
            (true, Scenario::SubscriberBandwidth { bits_per_second: u64::try_from(bits).unwrap_or(0) })
        }
        Asked::DisconnectSignalOnResume(wanted) => (wanted, Scenario::DisconnectSignalOnResume),
        Asked::DisconnectSignalOnResumeNoMessages(wanted) => (wanted, Scenario::DisconnectSignalOnResumeNoMessages),
        Asked::LeaveRequestFullReconnect(wanted) => (wanted, Scenario::LeaveRequestFullReconnect),
    };
    wanted.then_some(scenario)
}

fn update_metadata(update: proto::UpdateParticipantMetadata) -> SessionCommand {
    SessionCommand::UpdateMetadata {
        request_id: update.request_id,
        name: update.name,
        metadata: update.metadata,
        attributes: update.attributes.into_iter().collect(),
    }
}

fn publish_data_track(request: proto::PublishDataTrackRequest) -> SessionCommand {
    SessionCommand::PublishDataTrack {
        handle: request.pub_handle,
        name: request.name,
        encryption: request.encryption,
        relayed: convert::data_track_rest(request.frame_encoding, request.schema),
    }
}

fn data_subscription(update: proto::UpdateDataSubscription) -> SessionCommand {
    let updates = update.updates.into_iter().map(|one| (one.track_sid, one.subscribe)).collect();
    SessionCommand::SubscribeData { updates }
}

#[cfg(test)]
mod tests;
