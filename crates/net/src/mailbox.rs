//! How the rest of the node reaches a shard.

use crate::shard_loop::Published;
use crate::udp::LoopStats;
use bytes::Bytes;
use mio::Waker;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tandem_core::{Code, Command, Event, Reject, Reply, RoomName, SessionId};
use tandem_media::ShardStats;
use tokio::sync::{mpsc, oneshot};

/// Mails waiting for one shard. A full mailbox answers [`Code::Busy`] and never blocks.
const MAILBOX_BOUND: usize = 4096;

/// Where a session's events go. Bounded by its receiver's creator (1,024 is the usual number);
/// when it is full the shard lets go of it, the door closes the connection, and the client
/// resumes and receives the full state.
pub type Outbox = mpsc::Sender<Event>;

/// One ICE-TCP connection as the shard sees it. Packets out are whole (unframed) datagrams; a full
/// queue drops them, as a full UDP socket would.
#[derive(Debug, Clone)]
pub struct TcpPath {
    /// The client's address.
    pub remote: SocketAddr,
    /// Our address.
    pub local: SocketAddr,
    /// Packets to the client.
    pub outbox: mpsc::Sender<Bytes>,
}

/// One item in a shard's mailbox.
#[derive(Debug)]
pub enum Mail {
    /// Do this; answer there if somebody waits. `outbox` comes with joins and resumes.
    Command {
        /// What to do.
        command: Command,
        /// The outbox of the session that the command opens.
        outbox: Option<(SessionId, Outbox)>,
        /// Who waits for the answer.
        reply: Option<oneshot::Sender<Result<Reply, Reject>>>,
    },
    /// A TCP connection opened and spoke.
    TcpOpen(TcpPath),
    /// A packet came over TCP.
    TcpData {
        /// From.
        remote: SocketAddr,
        /// The packet without its length prefix.
        data: Bytes,
    },
    /// A TCP connection closed.
    TcpClosed {
        /// Which.
        remote: SocketAddr,
    },
    /// Leave the loop.
    Stop,
}

/// The receiving half, owned by the shard thread.
pub struct Mailbox {
    /// Mails in order.
    pub receiver: Receiver<Mail>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// Makes the next wait return at once: more mails wait than one turn takes.
    pub(crate) fn rewake(&self) {
        let _ = self.waker.wake();
    }
}

/// The sending half: cheap to clone, never blocks.
#[derive(Debug, Clone)]
pub struct ShardHandle {
    sender: SyncSender<Mail>,
    waker: Arc<Waker>,
}

impl ShardHandle {
    /// A mailbox whose arrivals ring `waker`.
    #[must_use]
    pub fn new(waker: Arc<Waker>) -> (Self, Mailbox) {
        let (sender, receiver) = sync_channel(MAILBOX_BOUND);
        (Self { sender, waker: Arc::clone(&waker) }, Mailbox { receiver, waker })
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// What the room says; `Busy` when the mailbox is full; `Internal` when the shard is gone.
    pub async fn call(&self, command: Command) -> Result<Reply, Reject> {
        self.call_with(command, None).await
    }

    /// Sends a join or a resume together with the session's outbox and waits for the answer.
    /// Events may reach the outbox before the answer is seen; the door sends the answer first.
    ///
    /// # Errors
    /// As [`ShardHandle::call`].
    pub async fn open(&self, command: Command, session: SessionId, outbox: Outbox) -> Result<Reply, Reject> {
        self.call_with(command, Some((session, outbox))).await
    }

    async fn call_with(&self, command: Command, outbox: Option<(SessionId, Outbox)>) -> Result<Reply, Reject> {
        let (sender, receiver) = oneshot::channel();
        self.send(Mail::Command { command, outbox, reply: Some(sender) })?;
        receiver.await.map_err(|_| Reject::new(Code::Internal, "the media shard stopped; try again"))?
    }

    /// Sends a command without waiting; failures reach the session as events.
    ///
    /// # Errors
    /// `Busy` when the mailbox is full; `Internal` when the shard is gone.
    pub fn post(&self, command: Command) -> Result<(), Reject> {
        self.send(Mail::Command { command, outbox: None, reply: None })
    }

    /// Puts a mail in.
    ///
    /// # Errors
    /// `Busy` when the mailbox is full; `Internal` when the shard is gone.
    pub fn send(&self, mail: Mail) -> Result<(), Reject> {
        self.sender.try_send(mail).map_err(|error| match error {
            TrySendError::Full(_) => Reject::new(Code::Busy, "the node is busy; try again in a moment"),
            TrySendError::Disconnected(_) => Reject::new(Code::Internal, "the media shard stopped; try again"),
        })?;
        // A failed wake-up means the loop is gone, which the next send reports.
        let _ = self.waker.wake();
        Ok(())
    }
}

/// All shards of a node.
#[derive(Debug, Clone)]
pub struct Shards {
    handles: Arc<Vec<ShardHandle>>,
    published: Arc<Vec<Published>>,
}

impl Shards {
    /// At least one handle.
    #[must_use]
    pub(crate) fn new(handles: Vec<ShardHandle>, published: Vec<Published>) -> Self {
        Self { handles: Arc::new(handles), published: Arc::new(published) }
    }

    /// Shards without counters, for tests that play the shard themselves.
    #[must_use]
    pub fn without_counters(handles: Vec<ShardHandle>) -> Self {
        Self::new(handles, Vec::new())
    }

    /// Counters of every shard, at most a second old.
    #[must_use]
    pub fn stats(&self) -> Vec<(ShardStats, LoopStats)> {
        let copy = |p: &Published| p.lock().map(|values| *values).unwrap_or_default();
        self.published.iter().map(copy).collect()
    }

    /// The shard that owns rooms of this name, chosen by a hash of the name, so that nothing has
    /// to be looked up or kept in step.
    #[must_use]
    pub fn for_room(&self, room: &RoomName) -> Option<&ShardHandle> {
        // FNV-1a: stable across runs and platforms.
        let hash = room
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let count = u64::try_from(self.handles.len()).unwrap_or(1).max(1);
        self.handles.get(usize::try_from(hash % count).unwrap_or(0))
    }

    /// Every shard.
    pub fn all(&self) -> impl Iterator<Item = &ShardHandle> {
        self.handles.iter()
    }
}
