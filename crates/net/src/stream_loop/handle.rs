//! Reaching a loop from other threads.

use super::ConnKey;
use super::io::Sink;
use mio::Waker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Mails of one loop above which [`LoopHandle::send`] refuses and [`LoopHandle::has_room`] says no.
const MAILBOX_BOUND: usize = 65_536;

/// The loop has more to do than it can: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the loop's mailbox is full")]
pub struct LoopFull;

/// One item in the mailbox.
pub(crate) enum Item<M, H> {
    Mail(M),
    Open(Sink, H),
    /// The reader of a [`Sink::Body`] has taken something.
    Taken(ConnKey),
    /// The reader of a [`Sink::Body`] is gone.
    Gone(ConnKey),
    Stop,
}

/// Shared between a loop and its handles.
pub(crate) struct Mailbox<M, H> {
    items: Mutex<VecDeque<Item<M, H>>>,
    depth: AtomicUsize,
    /// The loop will look into the mailbox before it sleeps, so nobody needs to wake it.
    awake: AtomicBool,
    waker: Waker,
}

impl<M, H> Mailbox<M, H> {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { items: Mutex::default(), depth: AtomicUsize::new(0), awake: AtomicBool::new(false), waker }
    }

    fn put(&self, item: Item<M, H>) {
        self.put_quietly(item);
        self.wake();
    }

    fn put_quietly(&self, item: Item<M, H>) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push_back(item);
        self.depth.store(items.len(), Ordering::Relaxed);
    }

    fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            let _ = self.waker.wake();
        }
    }

    /// Everything that waits, in order, into `into`.
    pub(crate) fn take(&self, into: &mut VecDeque<Item<M, H>>) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *items, into);
        self.depth.store(0, Ordering::Relaxed);
    }

    pub(crate) fn stay_awake(&self) {
        self.awake.store(true, Ordering::Release);
    }

    /// The loop is about to sleep; `false` if something came meanwhile.
    pub(crate) fn may_sleep(&self) -> bool {
        self.awake.store(false, Ordering::Release);
        std::sync::atomic::fence(Ordering::SeqCst);
        self.items.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// The sending half of a loop's mailbox.
pub struct LoopHandle<M, H> {
    mailbox: Arc<Mailbox<M, H>>,
    index: u16,
}

impl<M, H> Clone for LoopHandle<M, H> {
    fn clone(&self) -> Self {
        Self { mailbox: Arc::clone(&self.mailbox), index: self.index }
    }
}

impl<M, H> LoopHandle<M, H> {
    pub(crate) fn new(mailbox: Arc<Mailbox<M, H>>, index: u16) -> Self {
        Self { mailbox, index }
    }

    /// Which loop this is.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Whether more mail is welcome.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.mailbox.depth.load(Ordering::Relaxed) < MAILBOX_BOUND
    }

    /// Sends mail if there is room.
    ///
    /// # Errors
    /// The mailbox is full.
    pub fn send(&self, mail: M) -> Result<(), LoopFull> {
        if !self.has_room() {
            return Err(LoopFull);
        }
        self.push(mail);
        Ok(())
    }

    /// Sends mail in any case: for what was admitted with [`LoopHandle::has_room`] a moment ago and
    /// for answers somebody waits for. Overshoots the bound by what is under way at that moment.
    pub fn push(&self, mail: M) {
        self.mailbox.put(Item::Mail(mail));
    }

    /// The same, of several: the loop takes them together, so that what goes to one connection goes
    /// in one write. [`LoopHandle::wake`] must follow.
    pub fn push_quietly(&self, mail: M) {
        self.mailbox.put_quietly(Item::Mail(mail));
    }

    /// The loop looks into its mailbox, if anything is there.
    pub fn wake(&self) {
        if self.mailbox.depth.load(Ordering::Relaxed) > 0 {
            self.mailbox.wake();
        }
    }

    /// Hands a connection over.
    pub fn open(&self, sink: Sink, hello: H) {
        self.mailbox.put(Item::Open(sink, hello));
    }

    /// The reader of a body took something: there is room again.
    pub fn body_taken(&self, key: ConnKey) {
        self.mailbox.put(Item::Taken(key));
    }

    /// The reader of a body is gone.
    pub fn body_gone(&self, key: ConnKey) {
        self.mailbox.put(Item::Gone(key));
    }

    /// Ends the loop after what was sent before.
    pub fn stop(&self) {
        self.mailbox.put(Item::Stop);
    }
}

/// All loops of a node.
pub struct Loops<M, H> {
    handles: Vec<LoopHandle<M, H>>,
    next: AtomicUsize,
}

impl<M, H> Loops<M, H> {
    /// These loops, in the order of their numbers.
    #[must_use]
    pub fn new(handles: Vec<LoopHandle<M, H>>) -> Self {
        Self { handles, next: AtomicUsize::new(0) }
    }

    /// The loop of this number.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<&LoopHandle<M, H>> {
        self.handles.get(usize::from(index))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &LoopHandle<M, H>> {
        self.handles.iter()
    }

    /// The loop for the next connection: one after the other.
    #[must_use]
    pub fn next(&self) -> Option<&LoopHandle<M, H>> {
        let count = self.handles.len().max(1);
        self.handles.get(self.next.fetch_add(1, Ordering::Relaxed) % count)
    }
}
