//! Reading a channel's past: pages, and what a subscriber missed.

use super::{Channel, millis};
use crate::namespace::RecoveryMode;
use crate::publication::Publication;
use std::sync::Arc;

/// A place in a channel's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Of the newest publication seen, 0 before the first.
    pub offset: u64,
    /// Which life of the channel the offset belongs to.
    pub epoch: Arc<str>,
}

/// Which page of history.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// At most so many; 0 for the position alone, `None` for all.
    pub limit: Option<usize>,
    /// Only what lies beyond this place (before it, when reversed).
    pub since: Option<(u64, String)>,
    /// Newest first.
    pub reverse: bool,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub publications: Vec<Arc<Publication>>,
    /// Where the channel is.
    pub position: Position,
}

/// What came of an attempt to recover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Nothing was lost.
    pub complete: bool,
    /// What was missed, oldest first; empty if it is not complete.
    pub publications: Vec<Arc<Publication>>,
}

impl<W> Channel<W> {
    /// A page of history; `None` if `since` belongs to another epoch.
    pub fn history(&mut self, query: &Query, now_ms: u64) -> Option<Page> {
        self.trim(now_ms);
        let position = self.position();
        if let Some((_, epoch)) = &query.since
            && !epoch.is_empty()
            && **epoch != *position.epoch
        {
            return None;
        }
        let limit = query.limit.unwrap_or(usize::MAX);
        let since = query.since.as_ref().map(|(offset, _)| *offset);
        let publications = if query.reverse {
            let older = self.history.iter().rev().filter(|p| since.is_none_or(|offset| p.offset < offset));
            older.take(limit).cloned().collect()
        } else {
            let start = since.map_or(0, |offset| self.history.partition_point(|p| p.offset <= offset));
            self.history.iter().skip(start).take(limit).cloned().collect()
        };
        Some(Page { publications, position })
    }

    /// What a subscriber missed that has seen everything up to `offset` of `epoch`. It is complete
    /// if the epoch is the same (or the subscriber had none yet), the history reaches back far
    /// enough and no more than `limit` publications are missing.
    pub fn recover(&mut self, offset: u64, epoch: &str, limit: usize, now_ms: u64) -> Recovered {
        self.trim(now_ms);
        let lost = Recovered { complete: false, publications: Vec::new() };
        if (!epoch.is_empty() && *epoch != *self.epoch) || offset > self.top {
            return lost;
        }
        let start = self.history.partition_point(|p| p.offset <= offset);
        let missed = self.history.len() - start;
        // Every offset above the oldest one kept is there, or was refused by the disk and never shown.
        let reaches_back = offset == self.top || self.history.front().is_some_and(|p| p.offset <= offset + 1);
        if !reaches_back || missed > limit {
            return lost;
        }
        Recovered { complete: true, publications: self.history.iter().skip(start).cloned().collect() }
    }

    /// The newest publication, for subscribers that only need the present state. It is complete if
    /// there is one and it is the newest of the channel.
    pub fn recover_latest(&mut self, seen: u64, epoch: &str, now_ms: u64) -> Recovered {
        self.trim(now_ms);
        let newest = self.history.back().filter(|p| p.offset == self.top);
        let Some(newest) = newest else { return Recovered { complete: false, publications: Vec::new() } };
        let has_it = seen == self.top && *epoch == *self.epoch;
        Recovered { complete: true, publications: if has_it { Vec::new() } else { vec![Arc::clone(newest)] } }
    }

    /// Recovers the way the namespace says.
    pub fn recover_by_mode(&mut self, offset: u64, epoch: &str, limit: usize, now_ms: u64) -> Recovered {
        match self.options.force_recovery_mode {
            RecoveryMode::Stream => self.recover(offset, epoch, limit, now_ms),
            RecoveryMode::Cache => self.recover_latest(offset, epoch, now_ms),
        }
    }

    /// Forgets all publications; offset and epoch stay.
    pub fn remove_history(&mut self) {
        self.history.clear();
        self.last = None;
    }

    /// Drops what is too much or too old. Returns whether anything is left.
    pub fn trim(&mut self, now_ms: u64) -> bool {
        while self.history.len() > self.options.history_size {
            self.history.pop_front();
        }
        let oldest = now_ms.saturating_sub(millis(self.options.history_ttl));
        while self.history.front().is_some_and(|p| p.time_ms < oldest) {
            self.history.pop_front();
        }
        !self.history.is_empty()
    }

    /// What is kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Arc<Publication>> {
        self.history.iter()
    }
}
