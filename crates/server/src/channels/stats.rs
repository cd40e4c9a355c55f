//! What the message plane counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tandem_net::stream_loop::StreamStats;

/// Counters of all loops together. Loops touch them per command, not per delivery.
#[derive(Debug, Default)]
pub struct PlaneStats {
    published: AtomicU64,
    delivered: AtomicU64,
    commands: AtomicU64,
    subscriptions: AtomicU64,
    channels: AtomicU64,
    connections_opened: AtomicU64,
    codes: Mutex<BTreeMap<(&'static str, u32), u64>>,
    loops: OnceLock<Vec<Arc<Mutex<StreamStats>>>>,
}

/// The counters at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // metric names
pub struct Counted {
    pub published: u64,
    pub delivered: u64,
    pub commands: u64,
    pub subscriptions: u64,
    pub channels: u64,
    pub connections_opened: u64,
    /// (`error`, `disconnect` or `unsubscribe`; code) and how often it was sent.
    pub codes: Vec<((&'static str, u32), u64)>,
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl PlaneStats {
    /// Gives the loops' counters, once.
    pub(crate) fn attach(&self, loops: Vec<Arc<Mutex<StreamStats>>>) {
        let _ = self.loops.set(loops);
    }

    /// The loops' counters, a second old at most.
    #[must_use]
    pub fn loops(&self) -> Vec<StreamStats> {
        let each = self.loops.get().into_iter().flatten();
        each.map(|shown| *shown.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    pub(crate) fn published(&self, n: u64) {
        add(&self.published, n);
    }

    pub(crate) fn delivered(&self, n: u64) {
        add(&self.delivered, n);
    }

    pub(crate) fn received(&self) {
        add(&self.commands, 1);
    }

    pub(crate) fn connected(&self) {
        add(&self.connections_opened, 1);
    }

    pub(crate) fn subscribed(&self, n: u64) {
        add(&self.subscriptions, n);
    }

    pub(crate) fn unsubscribed(&self, n: u64) {
        self.subscriptions.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn set_channels(&self, n: u64) {
        self.channels.store(n, Ordering::Relaxed);
    }

    pub(crate) fn replied_error(&self, code: u32) {
        self.code("error", code);
    }

    pub(crate) fn disconnected(&self, code: u32) {
        self.code("disconnect", code);
    }

    pub(crate) fn unsubscribed_by_server(&self, code: u32) {
        self.code("unsubscribe", code);
    }

    fn code(&self, kind: &'static str, code: u32) {
        // Codes of applications are counted together: a label has few values.
        let code = if (4000..5000).contains(&code) { 4000 } else { code.min(10_000) };
        *self.codes.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, code)).or_default() += 1;
    }

    /// The counters now.
    #[must_use]
    pub fn now(&self) -> Counted {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            published: load(&self.published),
            delivered: load(&self.delivered),
            commands: load(&self.commands),
            subscriptions: load(&self.subscriptions),
            channels: load(&self.channels),
            connections_opened: load(&self.connections_opened),
            codes: self.codes.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(k, v)| (*k, *v)).collect(),
        }
    }
}
