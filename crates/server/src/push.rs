//! Web Push: notifications for people whose page is closed.
//!
//! A browser leaves an address at its maker's push service and keys ([`Subscription`]) for a
//! channel. What is published there goes to the address too, encrypted so that only the browser
//! reads it. Queue, list and message are bounded; an address that is gone is forgotten.

mod address;
mod door;
mod encrypt;
mod journal;
mod list;
mod send;
mod vapid;

pub use door::routes;

use crate::config::Config;
use journal::Journal;
use list::{List, Subscription};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tandem_hub::publication::Publication;
use tokio::sync::mpsc;
use vapid::Vapid;

/// Publications that wait to be sent; more are dropped, and counted.
const QUEUE: usize = 1024;

/// One publication for one channel's subscriptions.
struct Job {
    channel: Arc<str>,
    publication: Arc<Publication>,
}

/// The push service of a node.
pub struct Push {
    vapid: Vapid,
    list: Mutex<List>,
    /// Locked for each change, before the list, so that the disk has them in the same order.
    journal: Mutex<Journal>,
    /// Subscriptions there are: publications of most nodes need not look further.
    count: AtomicUsize,
    queue: mpsc::Sender<Job>,
    dev: bool,
}

impl Push {
    /// Opens keys and list in the data directory and starts sending. Must be called inside the runtime.
    ///
    /// # Errors
    /// The data directory cannot be read or written, or the system gives no TLS.
    pub fn start(config: &Config) -> io::Result<Arc<Self>> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (journal, list) = Journal::open(&config.data)?;
        let count = AtomicUsize::new(list.len());
        let vapid = Vapid::open(&config.data, &config.push.contact)?;
        let push = Arc::new(Self {
            vapid,
            list: Mutex::new(list),
            journal: Mutex::new(journal),
            count,
            queue,
            dev: config.dev,
        });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(address::Outward { dev: config.dev }))
            .build();
        let client = client.map_err(io::Error::other)?;
        tokio::spawn(send::run(Arc::downgrade(&push), jobs, client));
        Ok(push)
    }

    /// Something was published. Cheap when nobody has subscribed, and never waits.
    pub fn published(&self, channel: &Arc<str>, publication: &Arc<Publication>) {
        if self.count.load(Ordering::Relaxed) == 0 || !self.has(channel) {
            return;
        }
        let job = Job { channel: Arc::clone(channel), publication: Arc::clone(publication) };
        if self.queue.try_send(job).is_err() {
            tracing::warn!("notifications wait for the push services; one was left out");
        }
    }

    /// Keeps a subscription, on disk too. `false`: there are too many already.
    async fn add(self: &Arc<Self>, subscription: Subscription) -> io::Result<bool> {
        self.change(move |push, journal| {
            if !push.with_list(|list| list.add(subscription.clone())) {
                return Ok(false);
            }
            journal.added(&subscription).map(|()| true)
        })
        .await
    }

    /// Forgets one.
    async fn remove(self: &Arc<Self>, channel: &str, device: &str) -> io::Result<()> {
        let (channel, device) = (channel.to_owned(), device.to_owned());
        self.change(move |push, journal| {
            let known = push.with_list(|list| list.remove(&channel, &device));
            if known { journal.removed(&channel, &device) } else { Ok(()) }
        })
        .await
    }

    /// One change, where waiting for the disk holds up nobody.
    async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Self, &mut Journal) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let push = Arc::clone(self);
        let changed = tokio::task::spawn_blocking(move || {
            let mut journal = push.journal.lock().unwrap_or_else(PoisonError::into_inner);
            let result = act(&push, &mut journal)?;
            if journal.is_long(push.count.load(Ordering::Relaxed)) {
                let all: Vec<_> = push.with_list(|list| list.iter().cloned().collect());
                journal.shorten(&all)?;
            }
            Ok(result)
        });
        changed.await.map_err(io::Error::other)?
    }

    fn has(&self, channel: &str) -> bool {
        self.with_list(|list| list.has(channel))
    }

    fn with_list<T>(&self, act: impl FnOnce(&mut List) -> T) -> T {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut list);
        self.count.store(list.len(), Ordering::Relaxed);
        result
    }
}
