//! Keys of everything a shard owns: dense, typed, and stale ones miss.

use slotmap::new_key_type;

new_key_type! {
    /// A room of a shard.
    pub(crate) struct RoomKey;
    /// A participant of a room.
    pub(crate) struct ParticipantKey;
    /// A track of a room.
    pub(crate) struct TrackKey;
    /// A participant's subscription to a track.
    pub(crate) struct SubscriptionKey;
    /// A peer connection of a participant.
    pub(crate) struct TransportKey;
}
