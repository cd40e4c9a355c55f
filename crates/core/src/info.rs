//! What everybody may know of rooms, participants and tracks.
//!
//! Field by field these follow LiveKit's `ParticipantInfo`, `TrackInfo` and `Room`; small integers
//! that the server only relays (encryption type, features, policies) stay integers.

use crate::{Identity, ParticipantKind, Permissions, RoomName, Sid};
use std::collections::BTreeMap;

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TrackKind {
    Audio,
    Video,
}

/// Where a track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs)]
pub enum TrackSource {
    #[default]
    Unknown,
    Camera,
    Microphone,
    ScreenShare,
    ScreenShareAudio,
}

impl TrackSource {
    /// The media stream a track of this source belongs to unless the publisher names one;
    /// browsers keep the tracks of one stream in lip-sync.
    #[must_use]
    pub fn default_stream(self) -> &'static str {
        match self {
            Self::Camera | Self::Microphone => "camera",
            Self::ScreenShare | Self::ScreenShareAudio => "screen",
            Self::Unknown => "unknown",
        }
    }
}

/// One of three steps of a video track, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Quality {
    Low,
    Medium,
    High,
}

/// One encoding of a video track as its publisher announced it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VideoLayer {
    /// 0 low, 1 medium, 2 high, 3 off (LiveKit `VideoQuality`).
    pub quality: i32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bits per second.
    pub bitrate: u32,
    /// RTP SSRC if announced.
    pub ssrc: u32,
    /// Spatial index, 0 smallest.
    pub spatial_layer: i32,
    /// RTP stream id (`q`, `h`, `f`).
    pub rid: String,
}

/// One codec a track is published with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecInfo {
    /// For example `video/VP8`.
    pub mime_type: String,
    /// m-section it is sent on.
    pub mid: String,
    /// The publisher's own id of the media track.
    pub cid: String,
    /// Encodings.
    pub layers: Vec<VideoLayer>,
    /// How layers are carried (relayed enum).
    pub layer_mode: i32,
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// `TR_…`.
    pub sid: Sid,
    /// Audio or video.
    pub kind: TrackKind,
    /// Name given by the publisher.
    pub name: String,
    /// Muted by publisher or server.
    pub muted: bool,
    /// Pixels of the largest encoding, 0 if unknown.
    pub width: u32,
    /// Pixels of the largest encoding, 0 if unknown.
    pub height: u32,
    /// More than one encoding of the primary codec.
    pub simulcast: bool,
    /// Where it comes from.
    pub source: TrackSource,
    /// Encodings, smallest first.
    pub layers: Vec<VideoLayer>,
    /// Primary codec, for example `audio/opus`; empty until known.
    pub mime_type: String,
    /// m-section of the publisher.
    pub mid: String,
    /// All codecs.
    pub codecs: Vec<CodecInfo>,
    /// Stereo audio.
    pub stereo: bool,
    /// Publisher wants no discontinuous transmission.
    pub disable_dtx: bool,
    /// Publisher wants no redundancy.
    pub disable_red: bool,
    /// End-to-end encryption kind (relayed enum).
    pub encryption: i32,
    /// Media stream name for lip-sync.
    pub stream: String,
    /// Microseconds since 1970 of the last change; rises with every change.
    pub version: u64,
    /// Relayed enum values.
    pub audio_features: Vec<i32>,
    /// Relayed enum value.
    pub backup_codec_policy: i32,
    /// Relayed enum values.
    pub packet_trailer_features: Vec<i32>,
}

/// A published data track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataTrackInfo {
    /// `DTR_…`.
    pub sid: Sid,
    /// The publisher's handle, 1 to 65,535.
    pub handle: u16,
    /// Name, unique per publisher.
    pub name: String,
    /// End-to-end encryption kind (relayed enum).
    pub encryption: i32,
    /// Encoded remainder of the announcement (frame encoding, schema), relayed as it came.
    pub relayed: bytes::Bytes,
}

/// Where a participant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ParticipantState {
    Joining,
    Joined,
    Active,
    Disconnected,
}

/// What a client says of itself; relayed so that clients can pick features.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    /// SDK name as the door knows it, lower case: `js`, `python`, `go`, …
    pub sdk: String,
    /// SDK version.
    pub version: String,
    /// LiveKit signalling protocol number.
    pub protocol: i32,
    /// Client-to-client protocol number.
    pub client_protocol: i32,
    /// Capabilities (relayed enum values).
    pub capabilities: Vec<i32>,
    /// Browser name, lower case, empty outside browsers.
    pub browser: String,
}

/// A participant as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantInfo {
    /// `PA_…`, new with every full join.
    pub sid: Sid,
    /// Unique in the room.
    pub identity: Identity,
    /// Display name.
    pub name: String,
    /// Where it stands.
    pub state: ParticipantState,
    /// Free text.
    pub metadata: String,
    /// Free key-value pairs.
    pub attributes: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub joined_at_ms: u64,
    /// Rises with every change.
    pub version: u32,
    /// What it may do.
    pub permissions: Permissions,
    /// Kind.
    pub kind: ParticipantKind,
    /// Has at least one track.
    pub is_publisher: bool,
    /// All its tracks.
    pub tracks: Vec<TrackInfo>,
    /// All its data tracks.
    pub data_tracks: Vec<DataTrackInfo>,
    /// Set when `state` is `Disconnected`.
    pub disconnect_reason: Option<crate::LeaveReason>,
    /// Client-to-client protocol number.
    pub client_protocol: i32,
    /// Capabilities (relayed enum values).
    pub capabilities: Vec<i32>,
}

/// Settings of a room at creation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomOptions {
    /// Seconds an unvisited room stays; 0 takes the default.
    pub empty_timeout_s: u32,
    /// Seconds a left room stays; 0 takes the default.
    pub departure_timeout_s: u32,
    /// 0 for no bound.
    pub max_participants: u32,
    /// Free text.
    pub metadata: String,
}

/// A room as its members see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInfo {
    /// `RM_…`, new each time the room is made.
    pub sid: Sid,
    /// Name.
    pub name: RoomName,
    /// Seconds.
    pub empty_timeout_s: u32,
    /// Seconds.
    pub departure_timeout_s: u32,
    /// 0 for no bound.
    pub max_participants: u32,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// Free text.
    pub metadata: String,
    /// Visible participants.
    pub num_participants: u32,
    /// Visible participants with tracks.
    pub num_publishers: u32,
    /// A recorder is present.
    pub active_recording: bool,
}
