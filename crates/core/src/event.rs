//! What rooms tell sessions.

use crate::{Code, DataTrackInfo, LeaveReason, ParticipantInfo, Permissions, RoomInfo, SessionId, Sid, TrackInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a state machine wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Put an event into a session's outbox.
    Send(SessionId, Event),
    /// The session has ended; forget its outbox after what is in it.
    Close(SessionId),
    /// Tell the node's services (metrics, webhooks).
    Notice(Box<Notice>),
}

/// Life of rooms and participants, for metrics and webhooks.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Notice {
    RoomStarted(RoomInfo),
    RoomFinished(RoomInfo),
    ParticipantJoined { room: RoomInfo, participant: ParticipantInfo },
    ParticipantLeft { room: RoomInfo, participant: ParticipantInfo },
    TrackPublished { room: RoomInfo, participant: ParticipantInfo, track: TrackInfo },
    TrackUnpublished { room: RoomInfo, participant: ParticipantInfo, track: TrackInfo },
}

/// What a client shall do after a leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum LeaveAction {
    Disconnect,
    Resume,
    Reconnect,
}

/// A speaker whose level changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// Participant id.
    pub participant: Sid,
    /// 0.0 silent to 1.0 loud.
    pub level: f32,
    /// Speaks now.
    pub active: bool,
}

/// How good a participant's connection is.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityReport {
    /// Participant id.
    pub participant: Sid,
    /// 0 poor, 1 good, 2 excellent, 3 lost (LiveKit `ConnectionQuality`).
    pub quality: i32,
    /// 1.0 to 4.5.
    pub score: f32,
}

/// A request that got an answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RequestRef {
    PublishTrack { cid: String },
    Mute { track: String, muted: bool },
    UpdateMetadata { request_id: u32 },
    UpdateAudioTrack { track: String },
    UpdateVideoTrack { track: String },
    Trickle,
    PublishDataTrack { handle: u32, name: String },
    UnpublishDataTrack { handle: u32 },
}

/// News for one session. Complete in itself, and harmless when delivered twice.
#[derive(Debug, Clone)]
pub enum Event {
    /// Answer to the client's offer.
    Answer {
        /// SDP text.
        sdp: String,
        /// The offer's number.
        id: u32,
        /// m-section id to track id for every section we send on.
        mids: Vec<(String, Sid)>,
    },
    /// Our offer for the subscriber connection.
    Offer {
        /// SDP text.
        sdp: String,
        /// Our number.
        id: u32,
        /// m-section id to track id for every section we send on.
        mids: Vec<(String, Sid)>,
    },
    /// Offer again, with this many more receiving sections.
    SectionsRequired {
        /// Audio sections.
        audios: u32,
        /// Video sections.
        videos: u32,
    },
    /// An announced track has its id.
    TrackPublished {
        /// The client's id.
        cid: String,
        /// What others will see.
        track: Box<TrackInfo>,
    },
    /// An own track was taken down by the server.
    TrackUnpublished(Sid),
    /// Participants that changed, complete.
    Participants(Arc<Vec<ParticipantInfo>>),
    /// Mute an own track.
    Mute {
        /// Track id.
        track: Sid,
        /// New state.
        muted: bool,
    },
    /// Speakers that changed.
    Speakers(Arc<Vec<Speaker>>),
    /// The room changed.
    Room(Box<RoomInfo>),
    /// Connection quality.
    Quality(Arc<Vec<QualityReport>>),
    /// Which encodings of an own video somebody watches.
    SubscribedQuality {
        /// Track id.
        track: Sid,
        /// `(codec name lower case, [low, medium, high] enabled)`, primary first.
        codecs: Vec<(String, [bool; 3])>,
    },
    /// Streams paused or resumed for lack of bandwidth.
    StreamState {
        /// `(participant, track, active)`.
        streams: Vec<(Sid, Sid, bool)>,
    },
    /// A publisher forbade or allowed a subscription.
    SubscriptionPermission {
        /// Publisher.
        participant: Sid,
        /// Track.
        track: Sid,
        /// Allowed.
        allowed: bool,
    },
    /// A subscription cannot be served.
    SubscriptionFailed {
        /// Track id as the client named it.
        track: String,
        /// `TrackNotFound` or `Unsupported` (codec).
        code: Code,
    },
    /// The first subscriber of an own track is there.
    TrackSubscribed(Sid),
    /// Outcome of a request; `code` is `None` when it worked.
    RequestResult {
        /// Which request.
        request: RequestRef,
        /// Why not.
        code: Option<Code>,
        /// One sentence.
        message: String,
    },
    /// Name, metadata, attributes or permissions changed: the door makes a fresh token.
    GrantChanged {
        /// Display name now.
        name: String,
        /// Metadata now.
        metadata: String,
        /// Attributes now, all of them.
        attributes: BTreeMap<String, String>,
        /// Permissions now.
        permissions: Box<Permissions>,
    },
    /// An announced data track has its id.
    DataTrackPublished(Box<DataTrackInfo>),
    /// A data track was withdrawn.
    DataTrackUnpublished(Box<DataTrackInfo>),
    /// All handles of subscribed data tracks: `(handle, identity, participant, track)`.
    DataHandles(Vec<(u16, String, Sid, Sid)>),
    /// The end; nothing follows.
    Leave {
        /// Why.
        reason: LeaveReason,
        /// What the client shall do.
        action: LeaveAction,
    },
    /// Drop the signalling connection without a word (test scenarios).
    DropSignal,
}
