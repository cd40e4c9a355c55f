//! Connections: what is to be sent to whom.

use super::{Effect, SocketId};
use crate::door::goodbye;
use crate::node::Node;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Messages that may wait for one connection; more end it.
const OUTBOX: usize = 256;
/// A connection must take what is sent within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that says nothing is asked whether it lives, this often; unanswered, it ends.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What goes to a connection.
pub(super) enum Out {
    Text(Bytes),
    Probe,
    Close(&'static str),
}

/// What comes from one.
pub(super) enum In {
    Text(Utf8Bytes),
    /// The answer to a question whether it lives.
    Pong,
}

/// All connections of both doors.
#[derive(Default)]
pub(super) struct Lines {
    next: AtomicU64,
    open: Mutex<HashMap<SocketId, mpsc::Sender<Out>>>,
}

impl Lines {
    pub(super) fn add(&self) -> (SocketId, mpsc::Receiver<Out>) {
        let id = SocketId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, outbox) = mpsc::channel(OUTBOX);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        (id, outbox)
    }

    pub(super) fn remove(&self, id: SocketId) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Does everything in order. Who does not read loses its line, which ends its task.
    pub(super) fn apply(&self, effects: Vec<Effect>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for effect in effects {
            let (id, out, last) = match effect {
                Effect::Send(id, text) => (id, Out::Text(text), false),
                Effect::Probe(id) => (id, Out::Probe, false),
                Effect::Close(id, why) => (id, Out::Close(why), true),
            };
            let sent = open.get(&id).is_none_or(|line| line.try_send(out).is_ok());
            if !sent || last {
                open.remove(&id);
            }
        }
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    node: Arc<Node>,
    mut socket: WebSocket,
    mut outbox: mpsc::Receiver<Out>,
    mut take: impl FnMut(In),
) {
    let mut drain = node.drain_watch();
    let mut quiet = tokio::time::interval(PING_EVERY);
    quiet.reset();
    let mut asked = false;
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    asked = false;
                    take(In::Text(text));
                }
                Some(Ok(Message::Pong(_))) => {
                    asked = false;
                    take(In::Pong);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // These protocols are texts.
                Some(Ok(_)) => {}
            },
            out = outbox.recv() => {
                let message = match out {
                    Some(Out::Text(text)) => Utf8Bytes::try_from(text).map(Message::Text).ok(),
                    Some(Out::Probe) => Some(Message::Ping(Bytes::new())),
                    Some(Out::Close(why)) => return goodbye::say(socket, Some((1000, why))).await,
                    None => return goodbye::say(socket, Some((1013, "too slow"))).await,
                };
                let Some(message) = message else { continue };
                if !matches!(tokio::time::timeout(PATIENCE, socket.send(message)).await, Ok(Ok(()))) {
                    return;
                }
            }
            _ = quiet.tick() => {
                if asked || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
                asked = true;
            }
            () = drained(&mut drain) => {
                return goodbye::say(socket, Some((1012, "restarting"))).await;
            }
        }
    }
}

/// Returns when the node begins to end.
async fn drained(drain: &mut watch::Receiver<bool>) {
    let _ = drain.wait_for(|draining| *draining).await;
}
