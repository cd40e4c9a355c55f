//! Threads that own many mostly idle TCP connections.
//!
//! Each thread is one loop: it waits for readable sockets, timers and mail, hands what came to its
//! [`Handler`], and at the end of the turn writes what the handler left for each socket with one
//! system call per socket. A message for ten thousand connections is a reference counted
//! buffer; a connection at rest has no task, no future and no buffer.
//!
//! Bounds: an outbox holds `outbox_bytes` ([`Io::send`] refuses more, and the handler decides what
//! that means), a turn reads at most [`READS_PER_TURN`] times from one socket, and the mailbox
//! tells its senders how full it is ([`LoopHandle::has_room`]).

mod handle;
mod io;
mod outbox;
mod run;
#[cfg(test)]
mod tests;

pub use handle::{LoopFull, LoopHandle, Loops};
pub use io::{BodyChunk, Io, Sink};
pub use run::{LoopOptions, LoopStats as StreamStats, Started, start};

/// Reads from one socket in one turn; the rest waits for its next turn, so that one busy client
/// does not starve the others.
pub(crate) const READS_PER_TURN: usize = 4;

/// A connection of one loop. Stale keys reach nobody: the generation differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnKey {
    /// Place in the loop's table.
    pub index: u32,
    /// How often the place has been given out.
    pub generation: u32,
}

/// What a loop does with what comes. All calls come from the loop's own thread.
pub trait Handler: Send + 'static {
    /// What other threads send to this loop.
    type Mail: Send + 'static;
    /// What comes with a new connection.
    type Hello: Send + 'static;

    /// A connection was handed over.
    fn opened(&mut self, key: ConnKey, hello: Self::Hello, io: &mut Io);
    /// Bytes came. They may be changed in place (unmasking).
    fn received(&mut self, key: ConnKey, bytes: &mut [u8], io: &mut Io);
    /// The other end is gone, or [`Io::close`] has done its work. The key is not valid any more.
    fn closed(&mut self, key: ConnKey, io: &mut Io);
    /// Another thread sent something.
    fn mail(&mut self, mail: Self::Mail, io: &mut Io);
    /// The time set with [`Io::wake_at`] has come.
    fn timer(&mut self, key: ConnKey, io: &mut Io);
    /// The time set with [`Io::alarm_at`] has come.
    fn alarm(&mut self, _io: &mut Io) {}
    /// Everything of this turn has been handled; what is sent now still goes out with it.
    fn turn_ends(&mut self, io: &mut Io);
}
