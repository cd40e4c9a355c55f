//! The claims of a LiveKit token, and what they mean.

use super::AuthError;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use tandem_core::{Grant, ParticipantKind, Permissions, RoomOptions, TrackSource};

/// What stands in a token. `null` counts as absent; unknown claims are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Identity in old tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Expiry, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "seconds")]
    pub exp: Option<u64>,
    /// Not before, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "seconds")]
    pub nbf: Option<u64>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Kind of participant, lower case; absent for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Participant metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Participant attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// What it allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrant>,
    /// May come to the doors where people find each other, under its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<bool>,
    /// May have credentials of the relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<bool>,
    /// Settings of the room if the join makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_config: Option<RoomConfig>,
}

/// The `video` claim. Absent differs from false.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)] // LiveKit's words
pub struct VideoGrant {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_create: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_list: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_join: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_sources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe_metrics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_manage_agent_session: Option<bool>,
}

/// The `roomConfig` claim: protobuf JSON, so both spellings of a name are right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct RoomConfig {
    #[serde(skip_serializing_if = "Option::is_none", alias = "empty_timeout")]
    pub empty_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", alias = "departure_timeout")]
    pub departure_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", alias = "max_participants")]
    pub max_participants: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// Some libraries write times as fractions.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    // Saturating: a negative time is 1970, an absurd one is the far future.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(number.map(|n| n.as_u64().unwrap_or_else(|| n.as_f64().unwrap_or(0.0) as u64)))
}

impl Claims {
    /// What these claims allow. The signature and the times are somebody else's care.
    ///
    /// # Errors
    /// No video grant, or a name that is too long or holds control characters.
    pub fn grant(self) -> Result<Grant, AuthError> {
        let video = self.video.ok_or(AuthError::NoGrant)?;
        let identity = self.sub.filter(|s| !s.is_empty()).or(self.jti).filter(|s| !s.is_empty());
        let identity = identity.map(|s| s.parse()).transpose();
        let identity =
            identity.map_err(|e| AuthError::Name(format!("the identity in the token is not usable: {e}")))?;
        let room = video.room.as_deref().filter(|s| !s.is_empty()).map(str::parse).transpose();
        let room = room.map_err(|e| AuthError::Name(format!("the room name in the token is not usable: {e}")))?;
        Ok(Grant {
            identity,
            room,
            name: self.name.unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
            attributes: self.attributes.unwrap_or_default(),
            kind: self.kind.as_deref().map(kind_from).unwrap_or_default(),
            room_join: video.room_join.unwrap_or(false),
            room_admin: video.room_admin.unwrap_or(false),
            room_create: video.room_create.unwrap_or(false),
            room_list: video.room_list.unwrap_or(false),
            permissions: permissions(&video),
            expires_unix: self.exp.unwrap_or(0),
            room_options: self.room_config.map(options),
        })
    }

    /// Claims that decode to this grant again.
    #[must_use]
    pub fn of(grant: &Grant) -> Self {
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        Self {
            sub: grant.identity.as_ref().map(ToString::to_string),
            exp: (grant.expires_unix > 0).then_some(grant.expires_unix),
            name: text(&grant.name),
            kind: (grant.kind != ParticipantKind::Standard).then(|| kind_name(grant.kind).to_owned()),
            metadata: text(&grant.metadata),
            attributes: (!grant.attributes.is_empty()).then(|| grant.attributes.clone()),
            video: Some(video(grant)),
            room_config: grant.room_options.as_ref().map(room_config),
            ..Self::default()
        }
    }
}

pub(super) fn permissions(video: &VideoGrant) -> Permissions {
    let can_publish = video.can_publish.unwrap_or(true);
    let sources = video.can_publish_sources.iter().flatten();
    Permissions {
        can_publish,
        can_subscribe: video.can_subscribe.unwrap_or(true),
        can_publish_data: video.can_publish_data.unwrap_or(can_publish),
        can_publish_sources: sources.map(|s| source_from(s)).collect(),
        hidden: video.hidden.unwrap_or(false),
        recorder: video.recorder.unwrap_or(false),
        can_update_metadata: video.can_update_own_metadata.unwrap_or(false),
        agent: video.agent.unwrap_or(false),
        can_subscribe_metrics: video.can_subscribe_metrics.unwrap_or(false),
        can_manage_agent_session: video.can_manage_agent_session.unwrap_or(false),
    }
}

fn video(grant: &Grant) -> VideoGrant {
    let yes = |set: bool| set.then_some(true);
    let p = &grant.permissions;
    let sources = p.can_publish_sources.iter().map(|s| source_name(*s).to_owned()).collect();
    VideoGrant {
        room_create: yes(grant.room_create),
        room_list: yes(grant.room_list),
        room_admin: yes(grant.room_admin),
        room_join: yes(grant.room_join),
        room: grant.room.as_ref().map(ToString::to_string),
        can_publish: Some(p.can_publish),
        can_subscribe: Some(p.can_subscribe),
        can_publish_data: Some(p.can_publish_data),
        can_publish_sources: (!p.can_publish_sources.is_empty()).then_some(sources),
        can_update_own_metadata: yes(p.can_update_metadata),
        hidden: yes(p.hidden),
        recorder: yes(p.recorder),
        agent: yes(p.agent),
        can_subscribe_metrics: yes(p.can_subscribe_metrics),
        can_manage_agent_session: yes(p.can_manage_agent_session),
    }
}

fn options(config: RoomConfig) -> RoomOptions {
    RoomOptions {
        empty_timeout_s: config.empty_timeout.unwrap_or(0),
        departure_timeout_s: config.departure_timeout.unwrap_or(0),
        max_participants: config.max_participants.unwrap_or(0),
        metadata: config.metadata.unwrap_or_default(),
    }
}

fn room_config(options: &RoomOptions) -> RoomConfig {
    let number = |n: u32| (n > 0).then_some(n);
    RoomConfig {
        empty_timeout: number(options.empty_timeout_s),
        departure_timeout: number(options.departure_timeout_s),
        max_participants: number(options.max_participants),
        metadata: (!options.metadata.is_empty()).then(|| options.metadata.clone()),
    }
}

/// A source we do not know allows nothing, but still counts as a restriction.
fn source_from(name: &str) -> TrackSource {
    match name.to_ascii_lowercase().as_str() {
        "camera" => TrackSource::Camera,
        "microphone" => TrackSource::Microphone,
        "screen_share" => TrackSource::ScreenShare,
        "screen_share_audio" => TrackSource::ScreenShareAudio,
        _ => TrackSource::Unknown,
    }
}

fn source_name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screen_share",
        TrackSource::ScreenShareAudio => "screen_share_audio",
        TrackSource::Unknown => "unknown",
    }
}

const KINDS: [(&str, ParticipantKind); 7] = [
    ("standard", ParticipantKind::Standard),
    ("ingress", ParticipantKind::Ingress),
    ("egress", ParticipantKind::Egress),
    ("sip", ParticipantKind::Sip),
    ("agent", ParticipantKind::Agent),
    ("connector", ParticipantKind::Connector),
    ("bridge", ParticipantKind::Bridge),
];

fn kind_from(name: &str) -> ParticipantKind {
    KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind).unwrap_or_default()
}

fn kind_name(kind: ParticipantKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("standard", |(name, _)| name)
}
