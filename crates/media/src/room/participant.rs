//! A participant and what belongs to it alone.

use super::{SubscriptionKey, TrackKey};
use crate::rewrite::Rewrite;
use crate::transport::TransportKey;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;
use str0m::media::{MediaKind, Mid};
use str0m::rtp::Ssrc;
use tandem_core::{
    ClientInfo, DataTrackInfo, Event, ParticipantInfo, PublishTrack, SessionId, SubscriptionPermission, TrackInfo,
    TrackSettings,
};

/// An announced track whose media has not been negotiated yet.
pub(super) struct PendingTrack {
    pub(super) request: PublishTrack,
    pub(super) info: TrackInfo,
}

/// An outgoing RTP stream on one section, for as long as the section carries one track.
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) ssrc: Ssrc,
    pub(super) rewrite: Rewrite,
}

/// Receiving sections of a one-connection client that carry no track.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spare {
    pub(super) audio: usize,
    pub(super) video: usize,
}

impl Spare {
    pub(super) fn add(&mut self, kind: MediaKind) {
        match kind {
            MediaKind::Audio => self.audio += 1,
            MediaKind::Video => self.video += 1,
        }
    }
}

/// The state of the agreement on SDP with one participant.
#[derive(Default)]
pub(super) struct Negotiation {
    /// Something changed that the client must learn through SDP.
    pub(super) needed: bool,
    /// Two connections: our offer waits for its answer, since then. One connection: the client was
    /// asked to offer, since then.
    pub(super) outstanding: Option<Instant>,
    /// Number of our last offer.
    pub(super) offer_id: u32,
    /// Our offer that has no answer yet.
    pub(super) unanswered: Option<String>,
    /// Subscriptions in our outstanding offer, by section.
    pub(super) offered: Vec<(Mid, SubscriptionKey)>,
    /// Sections to stop with our next offer.
    pub(super) stop: Vec<Mid>,
    pub(super) spare: Spare,
    /// Our next offer restarts ICE.
    pub(super) restart: bool,
}

/// A data track this participant publishes.
pub(super) struct DataTrack {
    pub(super) info: DataTrackInfo,
}

/// A data track this participant receives.
pub(super) struct DataSubscription {
    pub(super) handle: u16,
    pub(super) publisher: super::ParticipantKey,
    pub(super) publisher_handle: u16,
    pub(super) track: tandem_core::Sid,
}

/// What a test client asked to be done to it.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) drop_on_resume: Option<Instant>,
    pub(super) drop_on_resume_silently: u8,
    /// Dropped without a word, expected to resume, and then refused.
    pub(super) refuse_resume: bool,
    pub(super) speaking_until: Option<Instant>,
    /// Bits per second that a video to it may have.
    pub(super) capacity: Option<u64>,
}

/// See the module.
pub(super) struct Participant {
    pub(super) info: ParticipantInfo,
    pub(super) client: ClientInfo,
    /// `None` while the signalling connection is lost.
    pub(super) session: Option<SessionId>,
    pub(super) single_pc: bool,
    pub(super) auto_subscribe: bool,
    pub(super) auto_subscribe_data: bool,
    pub(super) adaptive_stream: bool,
    /// The connection the client publishes on (and receives on, when it has only one).
    pub(super) publisher: TransportKey,
    /// The connection a two-connection client receives on.
    pub(super) subscriber: Option<TransportKey>,
    pub(super) joined_at: Instant,
    /// Since when the media path is lost.
    pub(super) path_lost: Option<Instant>,
    /// It was told to resume because of that.
    pub(super) nudged: bool,
    pub(super) signal_lost: Option<Instant>,
    pub(super) pending: Vec<PendingTrack>,
    pub(super) queued: Vec<PublishTrack>,
    pub(super) tracks: Vec<TrackKey>,
    pub(super) data_tracks: Vec<DataTrack>,
    pub(super) data_subscriptions: Vec<DataSubscription>,
    pub(super) next_data_handle: u16,
    /// Explicit wishes by track id; auto-subscribe covers the rest.
    pub(super) wishes: BTreeMap<String, bool>,
    pub(super) settings: BTreeMap<String, TrackSettings>,
    pub(super) permission: SubscriptionPermission,
    pub(super) negotiation: Negotiation,
    /// Streams whose track has gone and whose section the client still believes to be sending.
    pub(super) ended_slots: Vec<Slot>,
    /// Last reliable data sequence received.
    pub(super) last_data_sequence: u32,
    /// Reliable data waiting for the channel to open or to drain.
    pub(super) data_queue: VecDeque<Bytes>,
    pub(super) data_queue_bytes: usize,
    pub(super) quality: super::tick::QualityState,
    pub(super) faults: Faults,
    /// Events that came while the signalling connection was lost and cannot be rebuilt from state.
    pub(super) missed: Vec<Event>,
}

impl Participant {
    /// The connection media and data to this participant leave on.
    pub(super) fn receiving(&self) -> TransportKey {
        self.subscriber.unwrap_or(self.publisher)
    }

    pub(super) fn is_active(&self) -> bool {
        self.info.state == tandem_core::ParticipantState::Active
    }

    /// Whether it wants a track, as far as it has said.
    pub(super) fn wants(&self, track_sid: &str) -> bool {
        self.wishes.get(track_sid).copied().unwrap_or(self.auto_subscribe)
    }
}
