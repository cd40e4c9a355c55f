//! The subscribers of one loop, channel by channel, and the fan-out to them.
//!
//! One entry here is all that a delivery touches per subscriber: which connection, which of the
//! few encodings of the message it wants, and from where on.

use super::conflate::Windows;
use super::filter_set::FilterSet;
use super::frame::{Face, Frames};
use std::collections::HashMap;
use std::sync::Arc;
use tandem_hub::channel::{Body, ChannelId, Delivery};
use tandem_hub::namespace::{Conflation, ConflationMode};
use tandem_net::stream_loop::{ConnKey, Io};

/// One subscriber of a channel on this loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalSub {
    /// Whose it is.
    pub(super) key: ConnKey,
    /// How it wants its messages.
    pub(super) face: Face,
    /// Deliveries up to this order it has seen, or they are before its time.
    pub(super) after: u64,
    /// It takes differences.
    pub(super) delta: bool,
    /// It has the publication before, so that a difference means something.
    pub(super) has_base: bool,
    /// It hears who comes and goes.
    pub(super) join_leave: bool,
    /// Number of its filter, 0 without.
    pub(super) filter: u32,
}

/// A channel as one loop sees it.
#[derive(Debug)]
struct LocalChannel {
    name: Arc<str>,
    subs: Vec<LocalSub>,
    filters: FilterSet,
    conflation: Option<Conflation>,
}

/// All channels of a loop.
#[derive(Debug, Default)]
pub(super) struct Local {
    channels: HashMap<ChannelId, LocalChannel>,
    windows: Windows,
}

/// What came of a delivery.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// Connections that did not read.
    pub(super) full: Vec<ConnKey>,
    /// Connections that speak JSON, for which the data is none.
    pub(super) unfit: Vec<ConnKey>,
    /// How many got it.
    pub(super) sent: u64,
}

impl Slow {
    fn of(full: Vec<ConnKey>) -> Self {
        Self { full, ..Self::default() }
    }
}

/// A subscription that moved to another place because one before it went.
pub(super) struct Moved {
    pub(super) key: ConnKey,
    pub(super) channel: Arc<str>,
    pub(super) to: u32,
}

impl Local {
    /// Adds a subscriber; returns its place.
    pub(super) fn add(
        &mut self,
        channel: ChannelId,
        name: &Arc<str>,
        sub: LocalSub,
        conflation: Option<&Conflation>,
    ) -> u32 {
        let local = self.entry(channel, name);
        local.conflation = conflation.cloned();
        local.subs.push(sub);
        u32::try_from(local.subs.len() - 1).unwrap_or(u32::MAX)
    }

    /// The channel's filters, to number a new subscriber's.
    pub(super) fn filters(&mut self, channel: ChannelId, name: &Arc<str>) -> &mut FilterSet {
        &mut self.entry(channel, name).filters
    }

    fn entry(&mut self, channel: ChannelId, name: &Arc<str>) -> &mut LocalChannel {
        self.channels.entry(channel).or_insert_with(|| LocalChannel {
            name: Arc::clone(name),
            subs: Vec::new(),
            filters: FilterSet::default(),
            conflation: None,
        })
    }

    /// Removes the subscriber at a place. The last one takes its place: its owner must be told.
    pub(super) fn remove(&mut self, channel: ChannelId, place: u32) -> Option<Moved> {
        let local = self.channels.get_mut(&channel)?;
        let at = place as usize;
        if at >= local.subs.len() {
            return None;
        }
        let gone = local.subs.swap_remove(at);
        local.filters.release(gone.filter);
        let moved = local.subs.get(at).map(|sub| Moved { key: sub.key, channel: Arc::clone(&local.name), to: place });
        if local.subs.is_empty() {
            self.channels.remove(&channel);
        }
        moved
    }

    /// Whether a delivery goes out now, or waits because one went out a moment ago.
    pub(super) fn admit(&mut self, delivery: &Arc<Delivery>, io: &mut Io) -> bool {
        let Some(local) = self.channels.get(&delivery.channel) else { return false };
        let Some(conflation) = local.conflation.as_ref().filter(|c| !c.interval.is_zero()) else { return true };
        if !matches!(delivery.body, Body::Publication(..)) {
            return true;
        }
        let (key, _) = kind_of(delivery, &conflation.mode);
        let now = self.windows.admit(delivery, key, conflation.interval, io.now());
        self.alarm(io);
        now
    }

    /// What waited long enough.
    pub(super) fn close_windows(&mut self, io: &mut Io) -> Vec<Arc<Delivery>> {
        let out = self.windows.close(io.now());
        self.alarm(io);
        out
    }

    fn alarm(&self, io: &mut Io) {
        if let Some(at) = self.windows.next_end() {
            io.alarm_at(at);
        }
    }

    /// Sends a delivery to everybody who should have it. Connections whose outbox is full come
    /// back.
    pub(super) fn deliver(&mut self, delivery: &Delivery, frames: &mut Frames<'_>, io: &mut Io) -> Slow {
        let Some(local) = self.channels.get_mut(&delivery.channel) else { return Slow::default() };
        match &delivery.body {
            Body::Publication(publication, base) => {
                let passes = local.filters.evaluate(publication.tags.as_deref());
                let (kind, depth) = local.conflation.as_ref().map_or((0, 0), |c| kind_of(delivery, &c.mode));
                let mut slow = Slow::default();
                for sub in &mut local.subs {
                    if publication.seq <= sub.after || !passes.get(sub.filter) {
                        continue;
                    }
                    let as_delta = sub.delta && sub.has_base && base.is_some();
                    sub.has_base = publication.offset > 0;
                    let frame =
                        frames.publication(delivery, publication, base.as_deref(), sub.face, (sub.delta, as_delta));
                    let Some(frame) = frame else {
                        slow.unfit.push(sub.key);
                        continue;
                    };
                    slow.sent += 1;
                    if !io.send_as(sub.key, frame, if sub.delta { 0 } else { kind }, depth) {
                        slow.full.push(sub.key);
                    }
                }
                slow
            }
            Body::Join(info) => Slow::of(local.tell(io, |sub| frames.join_leave(delivery, info, true, sub.face))),
            Body::Leave(info) => Slow::of(local.tell(io, |sub| frames.join_leave(delivery, info, false, sub.face))),
        }
    }
}

impl LocalChannel {
    fn tell(&self, io: &mut Io, mut frame: impl FnMut(&LocalSub) -> bytes::Bytes) -> Vec<ConnKey> {
        let hearing = self.subs.iter().filter(|sub| sub.join_leave);
        hearing.filter(|sub| !io.send(sub.key, frame(sub))).map(|sub| sub.key).collect()
    }
}

/// Which waiting frames a slow reader may miss for this one, and how many of them may wait.
fn kind_of(delivery: &Delivery, mode: &ConflationMode) -> (u64, usize) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let Body::Publication(publication, _) = &delivery.body else { return (0, 0) };
    let mut hasher = DefaultHasher::new();
    delivery.channel.hash(&mut hasher);
    let depth = match mode {
        ConflationMode::Latest => 1,
        ConflationMode::DropOldest { depth } => *depth,
        ConflationMode::LatestPerKey { tag } => {
            publication.tags.as_ref().and_then(|tags| tags.get(tag)).hash(&mut hasher);
            1
        }
    };
    (hasher.finish().max(1), depth)
}
