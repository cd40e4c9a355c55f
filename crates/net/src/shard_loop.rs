//! The heart: one turn after another, and nothing in it waits but the poll.

use crate::mailbox::{Mail, Mailbox, Outbox, TcpPath};
use crate::udp::{LoopStats, Socket};
use bytes::Bytes;
use mio::{Events, Poll};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tandem_core::{Command, Effect, Notice, SessionCommand, SessionId};
use tandem_media::{Protocol, Shard, ShardStats, TxBatch};
use tokio::sync::mpsc;

/// Mails taken in one turn.
const MAILS_PER_TURN: usize = 64;
/// Receive batches taken in one turn, so that timers and mails never starve.
const BATCHES_PER_TURN: usize = 4;
/// Batch bytes after which a turn sends early.
const FLUSH_BYTES: usize = 1024 * 1024;
/// A turn longer than this counts as slow.
const SLOW_TURN: Duration = Duration::from_millis(2);
/// Counters are copied out this often.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// What the loop shows to the metrics door: values, copied once a second.
pub(crate) type Published = Arc<Mutex<(ShardStats, LoopStats)>>;

/// Everything one shard thread owns.
pub(crate) struct ShardLoop {
    pub(crate) shard: Shard,
    pub(crate) socket: Socket,
    pub(crate) mailbox: Mailbox,
    pub(crate) poll: Poll,
    pub(crate) notices: mpsc::Sender<Notice>,
    pub(crate) published: Published,
    pub(crate) outboxes: HashMap<SessionId, Outbox>,
    pub(crate) tcp: HashMap<SocketAddr, TcpPath>,
    pub(crate) batch: TxBatch,
    pub(crate) stats: LoopStats,
    pub(crate) published_at: Instant,
}

impl ShardLoop {
    /// Runs until a [`Mail::Stop`] or until every sender of the mailbox is gone.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(8);
        loop {
            let wait = self.shard.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
            let wait = wait.unwrap_or(PUBLISH_EVERY).min(PUBLISH_EVERY);
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the shard cannot wait for its socket; it stops");
                return;
            }
            if !self.turn() {
                return;
            }
        }
    }

    fn turn(&mut self) -> bool {
        let began = Instant::now();
        let mut go_on = self.take_mails(began);
        self.shard.handle_timeout(began, &mut self.batch);
        // Edge-triggered: read until nothing waits, sending in between.
        loop {
            let more = self.receive();
            let now = Instant::now();
            self.shard.flush(now, &mut self.batch);
            self.send();
            self.deliver();
            if !more {
                break;
            }
            go_on &= self.take_mails(now);
            self.shard.handle_timeout(now, &mut self.batch);
        }
        self.account(began);
        go_on
    }

    /// Returns whether more may wait.
    fn receive(&mut self) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let now = Instant::now();
            let (shard, batch) = (&mut self.shard, &mut self.batch);
            let got = self.socket.receive(|source, destination, data| {
                shard.receive(now, Protocol::Udp, source, destination, data, batch);
            });
            match got {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "receiving failed");
                    return false;
                }
            }
            if self.batch.len_bytes() > FLUSH_BYTES {
                break;
            }
        }
        true
    }

    fn take_mails(&mut self, now: Instant) -> bool {
        for _ in 0..MAILS_PER_TURN {
            let Ok(mail) = self.mailbox.receiver.try_recv() else { return true };
            match mail {
                Mail::Command { command, outbox, reply } => {
                    if let Some((session, outbox)) = outbox {
                        self.outboxes.insert(session, outbox);
                    }
                    let opened = opened_session(&command);
                    let answer = self.shard.apply(command, now);
                    if answer.is_err()
                        && let Some(session) = opened
                    {
                        self.outboxes.remove(&session);
                    }
                    if let Some(reply) = reply {
                        // Who asked may have gone.
                        let _ = reply.send(answer);
                    }
                }
                Mail::TcpOpen(path) => {
                    self.tcp.insert(path.remote, path);
                }
                Mail::TcpData { remote, data } => {
                    if let Some(path) = self.tcp.get(&remote) {
                        self.shard.receive(now, Protocol::Tcp, remote, path.local, &data, &mut self.batch);
                    }
                }
                Mail::TcpClosed { remote } => {
                    self.tcp.remove(&remote);
                }
                Mail::Stop => return false,
            }
        }
        // More may wait than one turn takes: come back at once.
        self.mailbox.rewake();
        true
    }

    fn send(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let tcp = &self.tcp;
        self.socket.send(&self.batch, &mut self.stats, |destination, bytes| {
            if let Some(path) = tcp.get(&destination) {
                // A full queue drops, as a full UDP socket would.
                let _ = path.outbox.try_send(Bytes::copy_from_slice(bytes));
            }
        });
        self.batch.clear();
    }

    /// Hands events to sessions. A session whose outbox is full loses its connection and resumes.
    fn deliver(&mut self) {
        let mut lost = Vec::new();
        for effect in self.shard.take_effects() {
            match effect {
                Effect::Send(session, event) => {
                    if let Some(outbox) = self.outboxes.get(&session)
                        && let Err(error) = outbox.try_send(event)
                    {
                        if matches!(error, mpsc::error::TrySendError::Full(_)) {
                            self.stats.outbox_overflows += 1;
                        }
                        self.outboxes.remove(&session);
                        lost.push(session);
                    }
                }
                Effect::Close(session) => {
                    self.outboxes.remove(&session);
                }
                Effect::Notice(notice) => {
                    // Services that lag miss news; rooms do not wait for them.
                    let _ = self.notices.try_send(*notice);
                }
            }
        }
        for session in lost {
            let body = Box::new(SessionCommand::SignalLost);
            let _ = self.shard.apply(Command::Session { session, body }, Instant::now());
        }
    }

    fn account(&mut self, began: Instant) {
        self.stats.ticks += 1;
        let now = Instant::now();
        if now.saturating_duration_since(began) > SLOW_TURN {
            self.stats.slow_ticks += 1;
        }
        if now.saturating_duration_since(self.published_at) >= PUBLISH_EVERY {
            self.published_at = now;
            if let Ok(mut published) = self.published.lock() {
                *published = (self.shard.stats(), self.stats);
            }
        }
    }
}

fn opened_session(command: &Command) -> Option<SessionId> {
    match command {
        Command::Join(join) => Some(join.session),
        Command::Resume(resume) => Some(resume.session),
        _ => None,
    }
}
