//! Answers as protobuf JSON the way LiveKit writes it: names of the schema, every field present,
//! 64-bit numbers as strings, enums by name.
#![allow(deprecated)] // readers still look at the deprecated fields

use livekit_protocol as proto;
use serde_json::{Value, json};

pub(super) fn room(room: &proto::Room) -> Value {
    json!({
        "sid": room.sid,
        "name": room.name,
        "empty_timeout": room.empty_timeout,
        "departure_timeout": room.departure_timeout,
        "max_participants": room.max_participants,
        "creation_time": room.creation_time.to_string(),
        "creation_time_ms": room.creation_time_ms.to_string(),
        "turn_password": room.turn_password,
        "enabled_codecs": room.enabled_codecs.iter().map(codec).collect::<Vec<_>>(),
        "metadata": room.metadata,
        "num_participants": room.num_participants,
        "num_publishers": room.num_publishers,
        "active_recording": room.active_recording,
        "version": room.version.as_ref().map(version),
    })
}

fn codec(codec: &proto::Codec) -> Value {
    json!({"mime": codec.mime, "fmtp_line": codec.fmtp_line})
}

fn version(version: &proto::TimedVersion) -> Value {
    json!({"unix_micro": version.unix_micro.to_string(), "ticks": version.ticks})
}

pub(super) fn participant(info: &proto::ParticipantInfo) -> Value {
    use proto::client_info::Capability;
    use proto::participant_info::{Kind, KindDetail, State};
    json!({
        "sid": info.sid,
        "identity": info.identity,
        "state": named(info.state, State::try_from, State::as_str_name),
        "tracks": info.tracks.iter().map(track).collect::<Vec<_>>(),
        "metadata": info.metadata,
        "joined_at": info.joined_at.to_string(),
        "joined_at_ms": info.joined_at_ms.to_string(),
        "name": info.name,
        "version": info.version,
        "permission": info.permission.as_ref().map(permission),
        "region": info.region,
        "is_publisher": info.is_publisher,
        "kind": named(info.kind, Kind::try_from, Kind::as_str_name),
        "attributes": info.attributes,
        "disconnect_reason": named(
            info.disconnect_reason,
            proto::DisconnectReason::try_from,
            proto::DisconnectReason::as_str_name,
        ),
        "kind_details": all_named(&info.kind_details, KindDetail::try_from, KindDetail::as_str_name),
        "data_tracks": info.data_tracks.iter().map(data_track).collect::<Vec<_>>(),
        "client_protocol": info.client_protocol,
        "capabilities": all_named(&info.capabilities, Capability::try_from, Capability::as_str_name),
    })
}

fn permission(permission: &proto::ParticipantPermission) -> Value {
    use proto::TrackSource;
    json!({
        "can_subscribe": permission.can_subscribe,
        "can_publish": permission.can_publish,
        "can_publish_data": permission.can_publish_data,
        "can_publish_sources":
            all_named(&permission.can_publish_sources, TrackSource::try_from, TrackSource::as_str_name),
        "hidden": permission.hidden,
        "recorder": permission.recorder,
        "can_update_metadata": permission.can_update_metadata,
        "agent": permission.agent,
        "can_subscribe_metrics": permission.can_subscribe_metrics,
        "can_manage_agent_session": permission.can_manage_agent_session,
    })
}

pub(super) fn track(info: &proto::TrackInfo) -> Value {
    use proto::encryption::Type as Encryption;
    use proto::{AudioTrackFeature, BackupCodecPolicy, PacketTrailerFeature, TrackSource, TrackType};
    json!({
        "sid": info.sid,
        "type": named(info.r#type, TrackType::try_from, TrackType::as_str_name),
        "name": info.name,
        "muted": info.muted,
        "width": info.width,
        "height": info.height,
        "simulcast": info.simulcast,
        "disable_dtx": info.disable_dtx,
        "source": named(info.source, TrackSource::try_from, TrackSource::as_str_name),
        "layers": info.layers.iter().map(layer).collect::<Vec<_>>(),
        "mime_type": info.mime_type,
        "mid": info.mid,
        "codecs": info.codecs.iter().map(simulcast_codec).collect::<Vec<_>>(),
        "stereo": info.stereo,
        "disable_red": info.disable_red,
        "encryption": named(info.encryption, Encryption::try_from, Encryption::as_str_name),
        "stream": info.stream,
        "version": info.version.as_ref().map(version),
        "audio_features":
            all_named(&info.audio_features, AudioTrackFeature::try_from, AudioTrackFeature::as_str_name),
        "backup_codec_policy":
            named(info.backup_codec_policy, BackupCodecPolicy::try_from, BackupCodecPolicy::as_str_name),
        "packet_trailer_features": all_named(
            &info.packet_trailer_features,
            PacketTrailerFeature::try_from,
            PacketTrailerFeature::as_str_name,
        ),
    })
}

fn simulcast_codec(codec: &proto::SimulcastCodecInfo) -> Value {
    use proto::video_layer::Mode;
    json!({
        "mime_type": codec.mime_type,
        "mid": codec.mid,
        "cid": codec.cid,
        "layers": codec.layers.iter().map(layer).collect::<Vec<_>>(),
        "video_layer_mode": named(codec.video_layer_mode, Mode::try_from, Mode::as_str_name),
        "sdp_cid": codec.sdp_cid,
    })
}

fn layer(layer: &proto::VideoLayer) -> Value {
    json!({
        "quality": named(layer.quality, proto::VideoQuality::try_from, proto::VideoQuality::as_str_name),
        "width": layer.width,
        "height": layer.height,
        "bitrate": layer.bitrate,
        "ssrc": layer.ssrc,
        "spatial_layer": layer.spatial_layer,
        "rid": layer.rid,
        "repair_ssrc": layer.repair_ssrc,
    })
}

fn data_track(info: &proto::DataTrackInfo) -> Value {
    use proto::encryption::Type as Encryption;
    json!({
        "pub_handle": info.pub_handle,
        "sid": info.sid,
        "name": info.name,
        "encryption": named(info.encryption, Encryption::try_from, Encryption::as_str_name),
        "frame_encoding": serde_json::to_value(&info.frame_encoding).unwrap_or_default(),
        "schema": serde_json::to_value(&info.schema).unwrap_or_default(),
    })
}

/// An enum by name; numbers that clients of the future may send stay numbers.
fn named<E, F>(number: i32, parse: fn(i32) -> Result<E, F>, name: fn(&E) -> &'static str) -> Value {
    parse(number).map_or_else(|_| number.into(), |value| name(&value).into())
}

fn all_named<E, F>(numbers: &[i32], parse: fn(i32) -> Result<E, F>, name: fn(&E) -> &'static str) -> Value {
    numbers.iter().map(|number| named(*number, parse, name)).collect()
}
