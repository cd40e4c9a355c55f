//! What doors and services ask of a room.

use crate::{ClientInfo, Grant, Identity, Permissions, RoomInfo, RoomName, RoomOptions, SessionId};
use crate::{ParticipantInfo, TrackInfo, TrackKind, TrackSource, VideoLayer};
use std::collections::BTreeMap;

/// A request to the shard that owns the room it names.
#[derive(Debug, Clone)]
pub enum Command {
    /// A client enters a room.
    Join(Box<Join>),
    /// A client comes back to its participant after it lost its signalling connection.
    Resume(Box<Resume>),
    /// Something a member's session asks.
    Session {
        /// The asking session.
        session: SessionId,
        /// What it asks.
        body: Box<SessionCommand>,
    },
    /// Something an administrator asks of one room.
    Room {
        /// The room.
        room: RoomName,
        /// What is asked.
        body: Box<RoomCommand>,
    },
    /// All rooms of the shard, or those named.
    ListRooms {
        /// Empty for all.
        names: Vec<RoomName>,
    },
    /// Refuse new joins and tell everyone to come back elsewhere or later.
    Drain,
}

/// Entering a room.
#[derive(Debug, Clone)]
pub struct Join {
    /// The session that receives the events.
    pub session: SessionId,
    /// The room, from the token.
    pub room: RoomName,
    /// Who, from the token.
    pub identity: Identity,
    /// Verified token.
    pub grant: Grant,
    /// What the client says of itself.
    pub client: ClientInfo,
    /// One peer connection both ways, or a publisher and a subscriber connection.
    pub single_pc: bool,
    /// Subscribe to everything published.
    pub auto_subscribe: bool,
    /// Subscribe to every data track.
    pub auto_subscribe_data: bool,
    /// The client will say which size of each video it shows.
    pub adaptive_stream: bool,
    /// Make the room if it does not exist.
    pub auto_create: bool,
}

/// Coming back.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The new session that takes over.
    pub session: SessionId,
    /// Room, from the token.
    pub room: RoomName,
    /// Who, from the token.
    pub identity: Identity,
    /// Participant id the client believes it has; empty if it does not say.
    pub participant: String,
}

/// Which peer connection of a two-connection client. One-connection clients use `Publisher`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum PcTarget {
    Publisher,
    Subscriber,
}

/// An announcement of a track to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishTrack {
    /// The client's id of the media track; the SDP carries it in `a=msid`.
    pub cid: String,
    /// Set to add another codec to this track.
    pub sid: String,
    /// Audio or video.
    pub kind: TrackKind,
    /// Display name.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Starts muted.
    pub muted: bool,
    /// Where it comes from.
    pub source: TrackSource,
    /// Encodings.
    pub layers: Vec<VideoLayer>,
    /// `(codec name, cid, encodings, layer mode)`, preferred first.
    pub codecs: Vec<PublishCodec>,
    /// No discontinuous transmission.
    pub disable_dtx: bool,
    /// Stereo.
    pub stereo: bool,
    /// No redundancy.
    pub disable_red: bool,
    /// Relayed enum.
    pub encryption: i32,
    /// Stream name for lip-sync, empty for the source's default.
    pub stream: String,
    /// Relayed enum values.
    pub audio_features: Vec<i32>,
    /// Relayed enum value.
    pub backup_codec_policy: i32,
    /// Relayed enum values.
    pub packet_trailer_features: Vec<i32>,
}

/// One codec of a [`PublishTrack`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishCodec {
    /// `vp8`, `h264`, …
    pub codec: String,
    /// The client's id of the media track of this codec.
    pub cid: String,
    /// Encodings.
    pub layers: Vec<VideoLayer>,
    /// Relayed enum.
    pub layer_mode: i32,
}

/// What a subscriber wants of a video track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackSettings {
    /// Send nothing for now.
    pub disabled: bool,
    /// 0 low, 1 medium, 2 high, 3 off.
    pub quality: i32,
    /// Shown size in pixels, 0 if not said; wins over `quality`.
    pub width: u32,
    /// Shown size in pixels, 0 if not said.
    pub height: u32,
    /// Frames per second wanted, 0 for all.
    pub fps: u32,
    /// 1 to 255, larger first, 0 for the default.
    pub priority: u32,
}

/// A publisher's word on who may subscribe to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionPermission {
    /// Everyone may subscribe to everything.
    pub all_participants: bool,
    /// Exceptions: `(participant sid, identity, all tracks, track sids)`.
    pub tracks: Vec<TrackPermission>,
}

/// What one participant may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackPermission {
    /// By participant sid, or empty.
    pub participant_sid: String,
    /// By identity, or empty; wins.
    pub identity: String,
    /// All tracks.
    pub all_tracks: bool,
    /// Else these.
    pub track_sids: Vec<String>,
}

/// What a client remembers when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncState {
    /// Track ids of `subscription`.
    pub track_sids: Vec<String>,
    /// Whether `track_sids` are subscribed (or the exceptions of auto-subscribe).
    pub subscribe: bool,
    /// Tracks paused by the client.
    pub disabled_track_sids: Vec<String>,
    /// Ids of the tracks it publishes.
    pub published_sids: Vec<String>,
    /// `(publisher sid, last reliable sequence seen)`.
    pub data_received: Vec<(String, u32)>,
}

/// Faults that a test client asks for (LiveKit `SimulateScenario`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scenario {
    SpeakerUpdate { seconds: u32 },
    NodeFailure,
    Migration,
    ServerLeave,
    SwitchCandidateProtocol { tcp: bool },
    SubscriberBandwidth { bits_per_second: u64 },
    DisconnectSignalOnResume,
    DisconnectSignalOnResumeNoMessages,
    LeaveRequestFullReconnect,
}

/// What a member's session asks.
#[derive(Debug, Clone)]
pub enum SessionCommand {
    /// The client's SDP offer for its publisher (or only) connection.
    Offer {
        /// SDP text.
        sdp: String,
        /// Echoed in the answer.
        id: u32,
    },
    /// The client's answer to our subscriber offer.
    Answer {
        /// SDP text.
        sdp: String,
        /// The offer's number, 0 if the client does not say.
        id: u32,
    },
    /// A remote ICE candidate (`candidate:…` line).
    Trickle {
        /// Which connection.
        target: PcTarget,
        /// The line.
        candidate: String,
    },
    /// Announce a track.
    PublishTrack(Box<PublishTrack>),
    /// Mute or unmute an own track.
    Mute {
        /// Track id.
        track: String,
        /// New state.
        muted: bool,
    },
    /// Subscribe to tracks or stop.
    Subscribe {
        /// Track ids.
        tracks: Vec<String>,
        /// Begin or stop.
        subscribe: bool,
    },
    /// Choose size and pause of subscribed tracks.
    Settings {
        /// Track ids.
        tracks: Vec<String>,
        /// What is wanted.
        settings: TrackSettings,
    },
    /// Say who may subscribe to own tracks.
    Permission(SubscriptionPermission),
    /// Change own name, metadata or attributes.
    UpdateMetadata {
        /// Echoed in the response.
        request_id: u32,
        /// Empty for no change.
        name: String,
        /// Empty for no change.
        metadata: String,
        /// Keys to set; an empty value deletes.
        attributes: BTreeMap<String, String>,
    },
    /// Replace the features of an own audio track.
    UpdateAudioTrack {
        /// Track id.
        track: String,
        /// Relayed enum values.
        features: Vec<i32>,
    },
    /// Change the size of an own video track.
    UpdateVideoTrack {
        /// Track id.
        track: String,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// State after a resume.
    SyncState(Box<SyncState>),
    /// Announce a data track.
    PublishDataTrack {
        /// 1 to 65,535.
        handle: u32,
        /// Unique per publisher.
        name: String,
        /// Relayed enum.
        encryption: i32,
        /// Encoded remainder, relayed.
        relayed: bytes::Bytes,
    },
    /// Withdraw a data track.
    UnpublishDataTrack {
        /// Its handle.
        handle: u32,
    },
    /// Subscribe to data tracks or stop.
    SubscribeData {
        /// `(track id, begin or stop)`.
        updates: Vec<(String, bool)>,
    },
    /// Play a fault.
    Simulate(Scenario),
    /// The client leaves for good.
    Leave {
        /// Why, if it says.
        reason: Option<LeaveReason>,
    },
    /// The signalling connection broke; the participant may resume.
    SignalLost,
}

/// Why somebody left (numbers of LiveKit `DisconnectReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum LeaveReason {
    Unknown,
    ClientInitiated,
    DuplicateIdentity,
    ServerShutdown,
    ParticipantRemoved,
    RoomDeleted,
    StateMismatch,
    JoinFailure,
    Migration,
    SignalClose,
    RoomClosed,
    UserUnavailable,
    UserRejected,
    SipTrunkFailure,
    ConnectionTimeout,
    MediaFailure,
    AgentError,
}

/// What an administrator asks of a room.
#[derive(Debug, Clone)]
pub enum RoomCommand {
    /// Make the room, or change it if it exists.
    Create(RoomOptions),
    /// Close it and tell everyone.
    Delete,
    /// All participants.
    ListParticipants,
    /// One participant.
    GetParticipant(Identity),
    /// Remove one.
    RemoveParticipant(Identity),
    /// Mute (or unmute) one track.
    MuteTrack {
        /// Publisher.
        identity: Identity,
        /// Track id.
        track: String,
        /// New state.
        muted: bool,
    },
    /// Change a participant.
    UpdateParticipant {
        /// Who.
        identity: Identity,
        /// Empty for no change.
        name: String,
        /// Empty for no change.
        metadata: String,
        /// Keys to set; an empty value deletes.
        attributes: BTreeMap<String, String>,
        /// New permissions.
        permissions: Option<Permissions>,
    },
    /// Change room metadata.
    UpdateMetadata(String),
    /// Subscribe a participant to tracks or stop.
    UpdateSubscriptions {
        /// Who.
        identity: Identity,
        /// Track ids.
        tracks: Vec<String>,
        /// Begin or stop.
        subscribe: bool,
    },
    /// Send a data packet into the room.
    SendData {
        /// Payload.
        payload: bytes::Bytes,
        /// Reliable or lossy.
        reliable: bool,
        /// Receivers by identity; empty with `to_sids` empty for all.
        to: Vec<String>,
        /// Receivers by participant id.
        to_sids: Vec<String>,
        /// Topic.
        topic: Option<String>,
        /// Repeats of a 16-byte nonce are dropped; empty for none.
        nonce: Vec<u8>,
    },
    /// The room with everything in it as JSON-like text, for operators.
    Debug,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// Done; events follow.
    Done,
    /// Entered.
    Joined(Box<Joined>),
    /// Back.
    Resumed(Box<Resumed>),
    /// One room.
    Room(Box<RoomInfo>),
    /// Rooms.
    Rooms(Vec<RoomInfo>),
    /// Participants.
    Participants(Vec<ParticipantInfo>),
    /// One participant.
    Participant(Box<ParticipantInfo>),
    /// One track.
    Track(Box<TrackInfo>),
    /// Text.
    Text(String),
}

/// All a newcomer needs.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The room.
    pub room: RoomInfo,
    /// Oneself.
    pub participant: ParticipantInfo,
    /// Everyone else who is visible.
    pub others: Vec<ParticipantInfo>,
    /// Random bytes ending server-made frames in encrypted rooms.
    pub sif_trailer: Vec<u8>,
}

/// All a returning client needs.
#[derive(Debug, Clone)]
pub struct Resumed {
    /// Last reliable data sequence received from this client.
    pub last_data_sequence: u32,
    /// Whoever left while it was away, then everyone present, itself included.
    pub participants: Vec<ParticipantInfo>,
    /// The room.
    pub room: RoomInfo,
    /// The test scenario wants the signalling dropped again: `Some(true)` before any message.
    pub drop_signal: Option<bool>,
}
