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

mod relays;
mod run;
mod socket;
mod start;
mod streams;

pub use start::{RelayAddress, TurnError, TurnOptions, TurnStarted, start};

use mio::Waker;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use tandem_turn::{Listed, PeerPolicy, Stats};
use tokio::sync::oneshot;

/// Questions that may wait; more are refused.
const QUESTIONS: usize = 64;

/// What the rest of the node asks of the relay.
pub(crate) enum Question {
    List(oneshot::Sender<Vec<Listed>>),
    Kick(String, oneshot::Sender<usize>),
    Policy(Box<PeerPolicy>),
    Drain,
}

/// The relay, from other threads. Cheap to clone.
#[derive(Clone)]
pub struct TurnHandle {
    questions: SyncSender<Question>,
    waker: Arc<Waker>,
    stats: Arc<Mutex<Stats>>,
}

impl TurnHandle {
    /// Counters, at most a moment old.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All allocations; `None` if the relay does not answer.
    pub async fn list(&self) -> Option<Vec<Listed>> {
        let (sender, answer) = oneshot::channel();
        self.ask(Question::List(sender)).then_some(())?;
        answer.await.ok()
    }

    /// Ends all allocations of a user; says how many, `None` if the relay does not answer.
    pub async fn kick(&self, user: &str) -> Option<usize> {
        let (sender, answer) = oneshot::channel();
        self.ask(Question::Kick(user.to_owned(), sender)).then_some(())?;
        answer.await.ok()
    }

    /// Other rules from now on.
    pub fn set_policy(&self, policy: PeerPolicy) {
        self.ask(Question::Policy(Box::new(policy)));
    }

    /// No new allocations from now on.
    pub fn drain(&self) {
        self.ask(Question::Drain);
    }

    fn ask(&self, question: Question) -> bool {
        let asked = match self.questions.try_send(question) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        };
        asked && self.waker.wake().is_ok()
    }
}
