//! The connections of one loop and what may be done with them.

use super::ConnKey;
use super::outbox::{Outbox, Scratch};
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::any::Any;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A connection we closed is kept this long for the other end to close it too.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes for the body of a streaming HTTP response.
pub type BodyChunk = Bytes;

/// Where a connection's bytes go.
pub enum Sink {
    /// A socket; the second part is dropped when the connection ends (a slot, mostly).
    Socket(std::net::TcpStream, Box<dyn Any + Send>),
    /// The body of a streaming HTTP response. The flag says that the loop waits for room: whoever
    /// takes a chunk and finds it set clears it and calls [`super::LoopHandle::body_taken`].
    Body(mpsc::Sender<BodyChunk>, Arc<AtomicBool>),
}

enum Line {
    Socket(TcpStream, #[expect(dead_code, reason = "dropped with the connection")] Box<dyn Any + Send>),
    Body(mpsc::Sender<BodyChunk>, Arc<AtomicBool>),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Not yet.
    No,
    /// When the outbox is empty.
    Flushing,
    /// Nothing is sent any more; waiting for the other end.
    Lingering,
}

struct Conn {
    line: Line,
    outbox: Outbox,
    wake_at: Option<Instant>,
    dirty: bool,
    blocked: bool,
    paused: bool,
    ending: Ending,
}

struct Slot {
    generation: u32,
    conn: Option<Box<Conn>>,
}

/// What happened to a connection outside the handler.
pub(crate) enum Fate {
    Alive,
    Gone,
}

/// The connections of a loop.
pub struct Io {
    slots: Vec<Slot>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    /// Sockets that may have more to read although no event will say so.
    pub(crate) again: Vec<ConnKey>,
    /// Connections found dead while writing.
    pub(crate) dead: Vec<ConnKey>,
    timers: BinaryHeap<Reverse<(Instant, ConnKey)>>,
    alarm: Option<Instant>,
    registry: Registry,
    scratch: Scratch,
    now: Instant,
    index: u16,
    outbox_bytes: usize,
    pub(crate) writes: u64,
    pub(crate) open: u64,
}

impl Io {
    pub(crate) fn new(registry: Registry, index: u16, outbox_bytes: usize, now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            again: Vec::new(),
            dead: Vec::new(),
            timers: BinaryHeap::new(),
            alarm: None,
            registry,
            scratch: Scratch::default(),
            now,
            index,
            outbox_bytes,
            writes: 0,
            open: 0,
        }
    }

    /// When this turn began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// Which loop this is.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Open connections.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Queues a frame; it goes out at the end of the turn. `false` if the outbox is full or the
    /// connection is gone: then nothing was queued.
    pub fn send(&mut self, key: ConnKey, frame: Bytes) -> bool {
        self.send_as(key, frame, 0, 0)
    }

    /// As [`Io::send`], for a frame of a kind (not 0) of which a slow reader need not see every
    /// one: while the connection is blocked, at most `depth` of the kind wait, and the oldest
    /// gives way (depth 1: the newer one takes its place).
    pub fn send_as(&mut self, key: ConnKey, frame: Bytes, kind: u64, depth: usize) -> bool {
        let limit = self.outbox_bytes;
        let Some(conn) = conn_mut(&mut self.slots, key) else { return false };
        if conn.ending != Ending::No {
            return false;
        }
        if kind != 0 && conn.blocked {
            if depth <= 1 && conn.outbox.replace(&frame, kind) {
                return true;
            }
            if depth > 1 {
                conn.outbox.drop_oldest(kind, depth);
            }
        }
        if conn.outbox.bytes() + frame.len() > limit {
            return false;
        }
        conn.outbox.push(frame, kind);
        if !conn.dirty && !conn.blocked {
            conn.dirty = true;
            self.dirty.push(key.index);
        }
        true
    }

    /// Ends a connection after what is queued has been sent. The handler hears no more of it.
    pub fn close(&mut self, key: ConnKey) {
        let Some(conn) = conn_mut(&mut self.slots, key) else { return };
        conn.ending = Ending::Flushing;
        conn.wake_at = None;
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(key.index);
        }
        // A reader that takes nothing must not keep it open.
        let at = self.now + LINGER;
        self.arm(key, at);
    }

    /// Ends a connection now; what is queued is lost. The handler hears no more of it.
    pub fn close_now(&mut self, key: ConnKey) {
        self.remove(key);
    }

    /// Drops what is queued: the reader is too slow for it.
    pub fn clear(&mut self, key: ConnKey) {
        if let Some(conn) = conn_mut(&mut self.slots, key) {
            conn.outbox.clear();
        }
    }

    /// Reads nothing from this connection until [`Io::resume`].
    pub fn pause(&mut self, key: ConnKey) {
        if let Some(conn) = conn_mut(&mut self.slots, key) {
            conn.paused = true;
        }
    }

    /// Reads again.
    pub fn resume(&mut self, key: ConnKey) {
        if let Some(conn) = conn_mut(&mut self.slots, key)
            && std::mem::take(&mut conn.paused)
        {
            self.again.push(key);
        }
    }

    /// Calls the handler's `timer` at that time or a little later, once. An earlier wish stands.
    pub fn wake_at(&mut self, key: ConnKey, at: Instant) {
        let closing = conn_mut(&mut self.slots, key).is_none_or(|conn| conn.ending != Ending::No);
        if !closing {
            self.arm(key, at);
        }
    }

    fn arm(&mut self, key: ConnKey, at: Instant) {
        if let Some(conn) = conn_mut(&mut self.slots, key)
            && conn.wake_at.is_none_or(|armed| at < armed)
        {
            conn.wake_at = Some(at);
            self.timers.push(Reverse((at, key)));
        }
    }

    /// Calls the handler's `alarm` at that time or a little later, once. The earliest wish stands.
    pub fn alarm_at(&mut self, at: Instant) {
        self.alarm = Some(self.alarm.map_or(at, |armed| armed.min(at)));
    }

    pub(crate) fn take_alarm(&mut self) -> bool {
        let due = self.alarm.is_some_and(|at| at <= self.now);
        if due {
            self.alarm = None;
        }
        due
    }

    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        [timer, self.alarm].into_iter().flatten().min()
    }

    /// The next connection whose time has come. Those that linger end here.
    pub(crate) fn due(&mut self) -> Option<ConnKey> {
        while let Some(Reverse((at, key))) = self.timers.peek().copied() {
            if at > self.now {
                return None;
            }
            self.timers.pop();
            let Some(conn) = conn_mut(&mut self.slots, key) else { continue };
            if conn.wake_at != Some(at) {
                continue;
            }
            conn.wake_at = None;
            if conn.ending != Ending::No {
                self.remove(key);
                continue;
            }
            return Some(key);
        }
        None
    }

    pub(crate) fn open_sink(&mut self, sink: Sink) -> std::io::Result<ConnKey> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, conn: None });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let place = index as usize;
        let line = match sink {
            Sink::Body(sender, flag) => Line::Body(sender, flag),
            Sink::Socket(stream, kept) => {
                let mut stream = TcpStream::from_std(stream);
                let interest = Interest::READABLE | Interest::WRITABLE;
                if let Err(error) = self.registry.register(&mut stream, Token(place), interest) {
                    self.free.push(index);
                    return Err(error);
                }
                Line::Socket(stream, kept)
            }
        };
        let conn = Conn {
            line,
            outbox: Outbox::default(),
            wake_at: None,
            dirty: false,
            blocked: false,
            paused: false,
            ending: Ending::No,
        };
        let Some(slot) = self.slots.get_mut(place) else { return Err(std::io::ErrorKind::OutOfMemory.into()) };
        slot.conn = Some(Box::new(conn));
        self.open += 1;
        Ok(ConnKey { index, generation: slot.generation })
    }

    pub(crate) fn key_of(&self, index: usize) -> Option<ConnKey> {
        let slot = self.slots.get(index)?;
        slot.conn.as_ref()?;
        Some(ConnKey { index: u32::try_from(index).ok()?, generation: slot.generation })
    }

    /// Reads once. `None`: nothing to read now (or paused, or not a socket).
    pub(crate) fn read(&mut self, key: ConnKey, buffer: &mut [u8]) -> Option<std::io::Result<usize>> {
        let conn = conn_mut(&mut self.slots, key)?;
        let Line::Socket(stream, _) = &mut conn.line else { return None };
        if conn.paused {
            return None;
        }
        loop {
            match std::io::Read::read(stream, buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => return Some(result),
            }
        }
    }

    /// Whether what comes from this connection is of no interest any more.
    pub(crate) fn is_ending(&mut self, key: ConnKey) -> bool {
        conn_mut(&mut self.slots, key).is_none_or(|conn| conn.ending != Ending::No)
    }

    pub(crate) fn writable(&mut self, key: ConnKey) {
        if let Some(conn) = conn_mut(&mut self.slots, key)
            && std::mem::take(&mut conn.blocked)
            && !std::mem::replace(&mut conn.dirty, true)
        {
            self.dirty.push(key.index);
        }
    }

    /// Writes what waits, one call per connection where the other ends keep up.
    pub(crate) fn flush(&mut self) {
        self.scratch.clear();
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            let Some(key) = self.key_of(index as usize) else { continue };
            if let Fate::Gone = self.flush_one(key) {
                let ending = self.is_ending(key);
                self.remove(key);
                if !ending {
                    self.dead.push(key);
                }
            }
        }
        // Keeps the allocation, and what was marked meanwhile.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    fn flush_one(&mut self, key: ConnKey) -> Fate {
        let Some(conn) = conn_mut(&mut self.slots, key) else { return Fate::Alive };
        conn.dirty = false;
        let done = match &mut conn.line {
            Line::Socket(stream, _) => conn.outbox.write_to(stream, &mut self.scratch, &mut self.writes),
            Line::Body(sender, waits) => give(sender, waits, &mut conn.outbox),
        };
        match done {
            Err(_) => return Fate::Gone,
            Ok(false) => {
                conn.blocked = true;
                return Fate::Alive;
            }
            Ok(true) => {}
        }
        if conn.ending != Ending::Flushing {
            return Fate::Alive;
        }
        let Line::Socket(stream, _) = &conn.line else { return Fate::Gone };
        conn.ending = Ending::Lingering;
        let _ = stream.shutdown(Shutdown::Write);
        self.again.push(key);
        Fate::Alive
    }

    /// Forgets a connection; its socket closes.
    pub(crate) fn remove(&mut self, key: ConnKey) -> bool {
        let Some(slot) = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation) else {
            return false;
        };
        let Some(mut conn) = slot.conn.take() else { return false };
        if let Line::Socket(stream, _) = &mut conn.line {
            let _ = self.registry.deregister(stream);
        }
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        self.open -= 1;
        true
    }
}

fn conn_mut(slots: &mut [Slot], key: ConnKey) -> Option<&mut Conn> {
    let slot = slots.get_mut(key.index as usize)?;
    if slot.generation == key.generation { slot.conn.as_deref_mut() } else { None }
}

/// Gives everything that waits to the body's reader, as one chunk.
fn give(sender: &mpsc::Sender<BodyChunk>, waits: &AtomicBool, outbox: &mut Outbox) -> std::io::Result<bool> {
    if outbox.is_empty() {
        return Ok(true);
    }
    // Said before the attempt: a reader that takes the last chunk in between will call back.
    waits.store(true, Ordering::SeqCst);
    let permit = match sender.try_reserve() {
        Ok(permit) => permit,
        Err(mpsc::error::TrySendError::Full(())) => return Ok(false),
        Err(mpsc::error::TrySendError::Closed(())) => return Err(std::io::ErrorKind::BrokenPipe.into()),
    };
    waits.store(false, Ordering::SeqCst);
    if let Some(all) = outbox.take_all() {
        permit.send(all);
    }
    Ok(true)
}
