//! Where people find each other who then connect without us: PeerJS ids ([`Desk`]) and topics
//! ([`Topics`]). Both pass messages on and keep next to nothing.

mod desk;
mod topics;

pub use desk::{Conflict, Desk, DeskOptions, Seen};
pub use topics::{Topics, TopicsSeen};

use bytes::Bytes;

/// A connection, by a number the shell gives it, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// What the shell does next, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sends a text.
    Send(SocketId, Bytes),
    /// Asks for a sign of life; [`Desk::pong`] tells of the answer.
    Probe(SocketId),
    /// Closes, after what was sent.
    Close(SocketId, &'static str),
}
