//! Every bound in one place.

use std::time::Duration;

/// Bounds with their defaults; one struct, so that tests can run with tiny ones.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Participants in one room, 0 for no bound.
    pub participants_per_room: u32,
    /// Tracks one participant may have published or pending.
    pub tracks_per_participant: usize,
    /// Longest participant or room metadata, bytes.
    pub metadata_bytes: usize,
    /// All attribute keys and values of a participant together, bytes.
    pub attributes_bytes: usize,
    /// Longest display name, bytes.
    pub name_bytes: usize,
    /// One SDP from a client, bytes.
    pub sdp_bytes: usize,
    /// One data packet from a client, bytes; the SCTP message bound announced in SDP.
    pub data_packet_bytes: usize,
    /// Reliable data packets a room keeps for late channels and resumes, bytes.
    pub reliable_cache_bytes: usize,
    /// How long a reliable data packet is kept for late channels and resumes.
    pub reliable_cache_age: Duration,
    /// Bytes waiting in one subscriber's reliable data channel before packets to it are dropped.
    pub data_buffered_bytes: usize,
    /// A room nobody ever joined closes after this.
    pub empty_timeout: Duration,
    /// A room everybody left closes after this.
    pub departure_timeout: Duration,
    /// A participant must be connected this long after joining.
    pub connect_timeout: Duration,
    /// A participant whose connection is lost may resume within this.
    pub resume_grace: Duration,
    /// The least time between two keyframe requests for one layer.
    pub keyframe_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            participants_per_room: 0,
            tracks_per_participant: 32,
            metadata_bytes: 512 * 1024,
            attributes_bytes: 64 * 1024,
            name_bytes: 256,
            sdp_bytes: 1024 * 1024,
            data_packet_bytes: 65_535,
            reliable_cache_bytes: 1024 * 1024,
            reliable_cache_age: Duration::from_secs(2),
            data_buffered_bytes: 1024 * 1024,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(60),
            resume_grace: Duration::from_secs(15),
            keyframe_interval: Duration::from_millis(500),
        }
    }
}
