//! At most one publication in a while: the first goes out at once and opens a window; while it is
//! open only the newest one (of each key) is kept, and goes out when it closes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_hub::channel::{Body, ChannelId, Delivery};

/// Keys of one channel that are kept apart; more share the last place, the newest wins.
const KEYS: usize = 65_536;

/// Open windows of a loop's channels.
#[derive(Debug, Default)]
pub(super) struct Windows {
    open: BTreeMap<ChannelId, Window>,
    ends: BinaryHeap<Reverse<(Instant, ChannelId)>>,
}

#[derive(Debug)]
struct Window {
    every: Duration,
    held: BTreeMap<u64, Arc<Delivery>>,
}

impl Windows {
    /// `true`: it may go out now. `false`: it is kept until its window closes.
    pub(super) fn admit(&mut self, delivery: &Arc<Delivery>, key: u64, every: Duration, now: Instant) -> bool {
        if let Some(window) = self.open.get_mut(&delivery.channel) {
            let key = if window.held.len() >= KEYS && !window.held.contains_key(&key) { u64::MAX } else { key };
            window.held.insert(key, Arc::clone(delivery));
            return false;
        }
        self.open.insert(delivery.channel, Window { every, held: BTreeMap::new() });
        self.ends.push(Reverse((now + every, delivery.channel)));
        true
    }

    /// When the next window closes.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.peek().map(|Reverse((at, _))| *at)
    }

    /// What was kept in windows that close now, each channel in its order. A window that kept
    /// something opens anew.
    pub(super) fn close(&mut self, now: Instant) -> Vec<Arc<Delivery>> {
        let mut all = Vec::new();
        while let Some(Reverse((at, channel))) = self.ends.peek().copied() {
            if at > now {
                break;
            }
            self.ends.pop();
            let Some(window) = self.open.get_mut(&channel) else { continue };
            if window.held.is_empty() {
                self.open.remove(&channel);
                continue;
            }
            let mut held: Vec<_> = std::mem::take(&mut window.held).into_values().collect();
            held.sort_by_key(|delivery| seq(delivery));
            all.append(&mut held);
            self.ends.push(Reverse((now + window.every, channel)));
        }
        all
    }
}

fn seq(delivery: &Delivery) -> u64 {
    match &delivery.body {
        Body::Publication(publication, _) => publication.seq,
        Body::Join(_) | Body::Leave(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tandem_hub::channel::Loops;
    use tandem_hub::publication::Publication;

    fn delivery(seq: u64) -> Arc<Delivery> {
        let publication = Arc::new(Publication { seq, ..Publication::default() });
        let body = Body::Publication(publication, None);
        Arc::new(Delivery { channel: ChannelId(1), name: "t".into(), body, loops: Loops::new() })
    }

    #[test]
    fn only_the_newest_of_each_key_goes_out() {
        let (mut windows, t0, every) = (Windows::default(), Instant::now(), Duration::from_millis(100));
        assert!(windows.admit(&delivery(1), 7, every, t0));
        for (seq, key) in [(2, 7), (3, 8), (4, 7)] {
            assert!(!windows.admit(&delivery(seq), key, every, t0));
        }
        assert!(windows.close(t0 + Duration::from_millis(99)).is_empty());
        let end = windows.next_end().unwrap();
        let out: Vec<u64> = windows.close(end).iter().map(|d| seq(d)).collect();
        assert_eq!(out, [3, 4]);
        // The window is open again, then closes with nothing in it.
        assert!(!windows.admit(&delivery(5), 7, every, end));
        assert_eq!(windows.close(end + every).len(), 1);
        assert!(windows.close(end + every * 2).is_empty());
        assert!(windows.next_end().is_none());
        assert!(windows.admit(&delivery(6), 7, every, end + every * 3));
    }
}
