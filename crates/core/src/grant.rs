//! What a token allows, whatever door it came through.

use crate::{Identity, RoomName, TrackSource};
use std::collections::BTreeMap;

/// What kind of participant a token describes (LiveKit `kind` claim).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are LiveKit's words
pub enum ParticipantKind {
    #[default]
    Standard,
    Ingress,
    Egress,
    Sip,
    Agent,
    Connector,
    Bridge,
}

impl ParticipantKind {
    /// Whether participants of this kind keep a room open by themselves.
    #[must_use]
    pub fn keeps_room_open(self) -> bool {
        !matches!(self, Self::Agent | Self::Egress)
    }
}

/// What a participant may do inside its room. Absent claims are resolved already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// May subscribe to tracks and receive data.
    pub can_subscribe: bool,
    /// May publish tracks.
    pub can_publish: bool,
    /// May send data packets.
    pub can_publish_data: bool,
    /// When not empty, the only sources that may be published, whatever `can_publish` says.
    pub can_publish_sources: Vec<TrackSource>,
    /// Not shown to others, not counted.
    pub hidden: bool,
    /// A recorder: exempt from subscription permissions, not counted.
    pub recorder: bool,
    /// May change its own name, metadata and attributes.
    pub can_update_metadata: bool,
    /// An agent.
    pub agent: bool,
    /// May receive metrics packets.
    pub can_subscribe_metrics: bool,
    /// May manage agent sessions (carried, not used).
    pub can_manage_agent_session: bool,
}

impl Default for Permissions {
    fn default() -> Self {
        Self {
            can_subscribe: true,
            can_publish: true,
            can_publish_data: true,
            can_publish_sources: Vec::new(),
            hidden: false,
            recorder: false,
            can_update_metadata: false,
            agent: false,
            can_subscribe_metrics: false,
            can_manage_agent_session: false,
        }
    }
}

impl Permissions {
    /// Whether a track of this source may be published.
    #[must_use]
    pub fn may_publish(&self, source: TrackSource) -> bool {
        if self.can_publish_sources.is_empty() { self.can_publish } else { self.can_publish_sources.contains(&source) }
    }
}

/// A verified token, decoded.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// `sub`: who this is. Absent in server-side API tokens.
    pub identity: Option<Identity>,
    /// Display name.
    pub name: String,
    /// Participant metadata at join.
    pub metadata: String,
    /// Participant attributes at join.
    pub attributes: BTreeMap<String, String>,
    /// The kind of participant.
    pub kind: ParticipantKind,
    /// The room this token names (join or administration).
    pub room: Option<RoomName>,
    /// May join `room`.
    pub room_join: bool,
    /// May administer `room`.
    pub room_admin: bool,
    /// May create and delete rooms.
    pub room_create: bool,
    /// May list rooms.
    pub room_list: bool,
    /// What it may do inside.
    pub permissions: Permissions,
    /// Expiry, seconds since 1970; 0 when the token names none.
    pub expires_unix: u64,
    /// Room settings to use when the join creates the room.
    pub room_options: Option<crate::RoomOptions>,
}
