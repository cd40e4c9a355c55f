//! The relay: one thread with the sockets around [`tandem_turn::Server`].
//!
//! Clients come over UDP, TCP and, where there are certificates, TLS. Each allocation has a UDP
//! socket of its own. Datagrams of one size travel in runs, in and out (GRO and GSO).
//!
//! ```text
//! listener ─▶ client_run ─┐             ┌─▶ relay socket ─▶ peer
//! stream ──▶ stream_data ─┼─▶ Outputs ──┼─▶ listener ─────▶ client
//! relay socket ▶ relay_run┘             └─▶ stream ───────▶ client
//! ```

mod again;
mod relays;
mod run;
mod socket;
mod start;
mod streams;

pub use start::{RelayAddress, TurnError, TurnOptions, TurnStarted, start};

use mio::Waker;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use tandem_turn::Stats;

/// Commands that may wait; more are dropped, as they would say the same.
const COMMANDS: usize = 1;

/// What the rest of the node asks of the relay.
pub(crate) enum Command {
    Drain,
}

/// The relay, from other threads. Cheap to clone.
#[derive(Clone)]
pub struct TurnHandle {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
    stats: Arc<Mutex<Stats>>,
}

impl TurnHandle {
    /// Counters, at most a moment old.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No new allocations from now on; those there are live on.
    pub fn drain(&self) {
        let _ = self.commands.try_send(Command::Drain);
        if let Err(fault) = self.waker.wake() {
            tracing::warn!(%fault, "the relay could not be woken");
        }
    }
}
