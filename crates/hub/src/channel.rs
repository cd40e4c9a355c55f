//! One channel: its history with offset and epoch, who is there, and what waits for the disk.

mod history;
mod presence;
#[cfg(test)]
mod tests;

pub use history::{Page, Position, Query, Recovered};

use crate::namespace::{Durability, NamespaceOptions};
use crate::publication::{ClientInfo, Draft, Publication};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How long an idempotency key is remembered.
const IDEMPOTENCY: Duration = Duration::from_secs(300);
/// Idempotency keys one channel remembers; the oldest is forgotten for a new one.
const IDEMPOTENCY_KEYS: usize = 1024;

/// A channel's number inside this process; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

/// Loops (threads that own connections) with subscribers of a channel.
pub type Loops = SmallVec<[u16; 8]>;

/// Something for the subscribers of a channel. Loops receive them in the order of `seq`.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Of this channel.
    pub channel: ChannelId,
    /// Its name.
    pub name: Arc<str>,
    /// What.
    pub body: Body,
    /// Who has subscribers.
    pub loops: Loops,
}

/// What is delivered.
#[derive(Debug, Clone)]
pub enum Body {
    /// A publication, and the one before it if this one may be sent as a difference.
    Publication(Arc<Publication>, Option<Arc<Publication>>),
    /// Somebody came.
    Join(Arc<ClientInfo>),
    /// Somebody left.
    Leave(Arc<ClientInfo>),
}

/// What became of a publication.
#[derive(Debug)]
pub enum Published<W> {
    /// Everybody may have it now; `waiter` comes back to be answered.
    Now {
        /// Where it is in the history; offset 0 without history.
        position: Position,
        /// For the loops, of which there are none without subscribers.
        delivery: Delivery,
        /// Who waits for the answer.
        waiter: W,
    },
    /// It waits for the disk: hand this to the store, and call [`Channel::commit`] afterwards.
    Pending(Arc<Publication>, Arc<str>),
    /// It was published before, or something newer was: nothing happens, the answer is the same.
    Suppressed {
        /// Where the channel is.
        position: Position,
        /// Who waits for the answer.
        waiter: W,
    },
}

/// A publication that is on the disk now.
#[derive(Debug)]
pub struct Committed<W> {
    /// For the loops, of which there are none without subscribers.
    pub delivery: Delivery,
    /// Where it is.
    pub position: Position,
    /// Who waits for the answer.
    pub waiter: W,
}

/// A channel. `W` is whoever waits for a durable publication to be acknowledged.
#[derive(Debug)]
pub struct Channel<W> {
    id: ChannelId,
    name: Arc<str>,
    options: Arc<NamespaceOptions>,
    epoch: Arc<str>,
    /// Offset of the newest publication everybody may see.
    top: u64,
    /// Offset given out last; ahead of `top` while publications wait for the disk.
    assigned: u64,
    seq: u64,
    history: VecDeque<Arc<Publication>>,
    /// Publications that wait for the disk, in order.
    pending: VecDeque<(Arc<Publication>, W)>,
    /// Base of the next difference.
    last: Option<Arc<Publication>>,
    presence: HashMap<Arc<str>, Arc<ClientInfo>>,
    /// Subscribers per loop.
    subscribers: SmallVec<[u32; 4]>,
    touched_ms: u64,
    rare: Option<Box<Rare>>,
}

/// What most channels never use.
#[derive(Debug, Default)]
struct Rare {
    idempotency: BTreeMap<String, (u64, u64)>,
    version: u64,
    version_epoch: String,
}

impl<W> Channel<W> {
    /// A new channel, with an epoch nobody has seen.
    #[must_use]
    pub fn new(id: ChannelId, name: Arc<str>, options: Arc<NamespaceOptions>, epoch: Arc<str>, now_ms: u64) -> Self {
        Self {
            id,
            name,
            options,
            epoch,
            top: 0,
            assigned: 0,
            seq: 0,
            history: VecDeque::new(),
            pending: VecDeque::new(),
            last: None,
            presence: HashMap::new(),
            subscribers: SmallVec::new(),
            touched_ms: now_ms,
            rare: None,
        }
    }

    /// A channel as it was on the disk; publications in order of their offsets.
    #[must_use]
    pub fn restored(mut self, top: u64, publications: Vec<Publication>) -> Self {
        for publication in publications {
            self.seq += 1;
            self.history.push_back(Arc::new(Publication { seq: self.seq, ..publication }));
        }
        self.last = self.history.back().cloned();
        self.top = top;
        self.assigned = top;
        self
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What its namespace allows.
    #[must_use]
    pub fn options(&self) -> &Arc<NamespaceOptions> {
        &self.options
    }

    /// Where it is now.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { offset: self.top, epoch: Arc::clone(&self.epoch) }
    }

    /// Order of delivery of the newest publication everybody may see.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Publishes, or prepares to.
    pub fn publish(&mut self, draft: Draft, waiter: W, now_ms: u64) -> Published<W> {
        self.touched_ms = now_ms;
        if self.is_repeated(&draft, now_ms) {
            return Published::Suppressed { position: self.position(), waiter };
        }
        let in_history = self.options.has_history() && !draft.skip_history;
        if in_history {
            self.assigned += 1;
            self.remember(&draft, now_ms);
        }
        let publication = Publication {
            delta: in_history && (draft.delta || self.options.delta_publish),
            data: draft.data,
            json: draft.json,
            info: draft.info,
            tags: draft.tags,
            offset: if in_history { self.assigned } else { 0 },
            seq: 0,
            time_ms: now_ms,
        };
        if in_history && self.options.durability == Durability::Disk {
            let publication = Arc::new(publication);
            self.pending.push_back((Arc::clone(&publication), waiter));
            return Published::Pending(publication, Arc::clone(&self.epoch));
        }
        let delivery = self.show(publication, now_ms);
        Published::Now { position: self.position(), delivery, waiter }
    }

    /// The publication at `offset` is on the disk: everybody may have it. Commits come in order.
    pub fn commit(&mut self, offset: u64, now_ms: u64) -> Option<Committed<W>> {
        let (publication, waiter) = self.take_pending(offset)?;
        let publication = Arc::unwrap_or_clone(publication);
        let delivery = self.show(publication, now_ms);
        Some(Committed { delivery, position: self.position(), waiter })
    }

    /// The disk did not take the publication at `offset`: nobody ever sees it.
    pub fn abort(&mut self, offset: u64) -> Option<W> {
        self.take_pending(offset).map(|(_, waiter)| waiter)
    }

    fn take_pending(&mut self, offset: u64) -> Option<(Arc<Publication>, W)> {
        let at = self.pending.iter().position(|(publication, _)| publication.offset == offset)?;
        self.pending.remove(at)
    }

    /// Puts a publication where everybody sees it.
    fn show(&mut self, publication: Publication, now_ms: u64) -> Delivery {
        self.seq += 1;
        let publication = Arc::new(Publication { seq: self.seq, ..publication });
        let mut previous = None;
        if publication.offset > 0 {
            self.top = publication.offset;
            self.history.push_back(Arc::clone(&publication));
            previous = self.last.replace(Arc::clone(&publication));
            self.trim(now_ms);
        }
        let base = if publication.delta { previous } else { None };
        Delivery {
            channel: self.id,
            name: Arc::clone(&self.name),
            body: Body::Publication(publication, base),
            loops: self.loops(),
        }
    }

    fn delivery(&self, body: Body) -> Option<Delivery> {
        let loops = self.loops();
        (!loops.is_empty()).then(|| Delivery { channel: self.id, name: Arc::clone(&self.name), body, loops })
    }

    fn loops(&self) -> Loops {
        let counts = self.subscribers.iter().enumerate();
        counts.filter(|(_, count)| **count > 0).map(|(index, _)| u16::try_from(index).unwrap_or(u16::MAX)).collect()
    }

    /// Somebody on this loop hears the channel from now on.
    pub fn subscribe(&mut self, on_loop: u16, now_ms: u64) {
        let index = usize::from(on_loop);
        if self.subscribers.len() <= index {
            self.subscribers.resize(index + 1, 0);
        }
        if let Some(count) = self.subscribers.get_mut(index) {
            *count += 1;
        }
        self.touched_ms = now_ms;
    }

    /// Somebody on this loop does not hear it any more.
    pub fn unsubscribe(&mut self, on_loop: u16, now_ms: u64) {
        if let Some(count) = self.subscribers.get_mut(usize::from(on_loop)) {
            *count = count.saturating_sub(1);
        }
        self.touched_ms = now_ms;
    }

    /// How many hear it.
    #[must_use]
    pub fn subscriber_count(&self) -> u64 {
        self.subscribers.iter().map(|count| u64::from(*count)).sum()
    }

    /// Nothing in it is worth keeping: nobody there, no history, and its position may be forgotten.
    #[must_use]
    pub fn is_forgettable(&self, now_ms: u64) -> bool {
        let meta = if self.options.has_history() { millis(self.options.history_meta_ttl) } else { 0 };
        self.subscriber_count() == 0
            && self.presence.is_empty()
            && self.history.is_empty()
            && self.pending.is_empty()
            && (self.top == 0 || now_ms.saturating_sub(self.touched_ms) >= meta)
    }

    fn is_repeated(&self, draft: &Draft, now_ms: u64) -> bool {
        let Some(rare) = &self.rare else { return false };
        let known = rare.idempotency.get(&draft.idempotency_key);
        let repeated = known.is_some_and(|(_, until)| *until > now_ms);
        let same_epoch = rare.version_epoch == draft.version_epoch;
        repeated || (draft.version > 0 && same_epoch && draft.version <= rare.version)
    }

    fn remember(&mut self, draft: &Draft, now_ms: u64) {
        if draft.idempotency_key.is_empty() && draft.version == 0 {
            return;
        }
        let offset = self.assigned;
        let rare = self.rare.get_or_insert_default();
        if draft.version > 0 {
            rare.version = draft.version;
            rare.version_epoch.clone_from(&draft.version_epoch);
        }
        if !draft.idempotency_key.is_empty() {
            rare.idempotency.retain(|_, (_, until)| *until > now_ms);
            if rare.idempotency.len() >= IDEMPOTENCY_KEYS
                && let Some(oldest) = rare.idempotency.iter().min_by_key(|(_, (_, until))| *until)
            {
                let oldest = oldest.0.clone();
                rare.idempotency.remove(&oldest);
            }
            rare.idempotency.insert(draft.idempotency_key.clone(), (offset, now_ms + millis(IDEMPOTENCY)));
        }
    }
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
