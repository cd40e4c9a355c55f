//! Doors where people find each other: PeerJS (`/peerjs`) and y-webrtc topics (`/topics`).
//!
//! The rules are in `tandem-hub`; here are the sockets. A connection that does not read is closed.

mod lines;
mod peerjs;
mod topics;

use crate::auth::AuthError;
use crate::node::Node;
use axum::Router;
use lines::Lines;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tandem_hub::rendezvous::{Desk, DeskOptions, Effect, Seen, SocketId, Topics, TopicsSeen};

/// How often what has its time is looked after.
const TICK: Duration = Duration::from_millis(250);

/// Both doors' state.
pub struct Rendezvous {
    desk: Mutex<Desk>,
    topics: Mutex<Topics>,
    lines: Lines,
}

impl Rendezvous {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(options: DeskOptions) -> Self {
        Self { desk: Mutex::new(Desk::new(options)), topics: Mutex::default(), lines: Lines::default() }
    }

    /// Counters.
    #[must_use]
    pub fn seen(&self) -> (Seen, TopicsSeen) {
        (lock(&self.desk).seen(), lock(&self.topics).seen())
    }

    /// One step of the desk, and what follows from it.
    fn at_desk(&self, step: impl FnOnce(&mut Desk, Instant, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        let mut desk = lock(&self.desk);
        step(&mut desk, Instant::now(), &mut effects);
        // Under the lock, so that everybody hears things in their order.
        self.lines.apply(effects);
    }

    fn at_topics(&self, step: impl FnOnce(&mut Topics, Instant, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        let mut topics = lock(&self.topics);
        step(&mut topics, Instant::now(), &mut effects);
        self.lines.apply(effects);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks after what has its time, as long as the node lives.
pub async fn keep_time(node: Arc<Node>) {
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        node.rendezvous.at_desk(|desk, now, effects| desk.tick(now, effects));
    }
}

/// The paths of these doors.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().merge(peerjs::routes()).merge(topics::routes())
}

/// Whose connection it is, if it may come in: with a token that says `peer`, or anybody where the
/// settings say so. `None` for somebody in particular nobody knows.
fn may_enter(node: &Node, token: &str) -> Result<Option<String>, AuthError> {
    match node.keys.verify_peer(token, node.now_unix()) {
        Ok(subject) => Ok(Some(subject).filter(|subject| !subject.is_empty())),
        Err(_) if node.config.dev || node.config.peer.open => Ok(None),
        Err(error) => Err(error),
    }
}
