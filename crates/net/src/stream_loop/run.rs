//! The loop itself.

use super::handle::{Item, LoopHandle, Mailbox};
use super::io::Io;
use super::{ConnKey, Handler, READS_PER_TURN};
use mio::{Events, Poll, Token, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The waker's place among the tokens.
const WAKE: Token = Token(usize::MAX);
/// Events taken in one turn.
const EVENTS: usize = 1024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Mails handled before sockets get their turn again.
const MAILS_PER_TURN: usize = 4096;
/// Counters are copied out this often.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How loops are made.
#[derive(Debug, Clone)]
pub struct LoopOptions {
    /// Name of the thread.
    pub name: String,
    /// Which loop this is, from 0.
    pub index: u16,
    /// Bytes that may wait for one connection.
    pub outbox_bytes: usize,
}

/// Counters of one loop, copied once a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoopStats {
    /// Open connections.
    pub connections: u64,
    /// Turns.
    pub turns: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Mails handled.
    pub mails: u64,
}

struct Loop<H: Handler> {
    handler: H,
    io: Io,
    poll: Poll,
    mailbox: Arc<Mailbox<H::Mail, H::Hello>>,
    mails: VecDeque<Item<H::Mail, H::Hello>>,
    buffer: Vec<u8>,
    stats: LoopStats,
    shown: Arc<Mutex<LoopStats>>,
    shown_at: Instant,
}

/// What [`start`] gives: the way in, and the counters.
pub type Started<H> = (LoopHandle<<H as Handler>::Mail, <H as Handler>::Hello>, Arc<Mutex<LoopStats>>);

/// Starts a loop on a thread of its own. It ends with [`LoopHandle::stop`].
///
/// # Errors
/// The system gives no poll or no thread.
pub fn start<H: Handler>(options: &LoopOptions, handler: H) -> std::io::Result<Started<H>> {
    let poll = Poll::new()?;
    let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), WAKE)?));
    let handle = LoopHandle::new(Arc::clone(&mailbox), options.index);
    let shown = Arc::new(Mutex::new(LoopStats::default()));
    let now = Instant::now();
    let io = Io::new(poll.registry().try_clone()?, options.index, options.outbox_bytes, now);
    let it = Loop {
        handler,
        io,
        poll,
        mailbox,
        mails: VecDeque::new(),
        buffer: vec![0; READ_BYTES],
        stats: LoopStats::default(),
        shown: Arc::clone(&shown),
        shown_at: now,
    };
    std::thread::Builder::new().name(options.name.clone()).spawn(move || it.run())?;
    Ok((handle, shown))
}

impl<H: Handler> Loop<H> {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let wait = self.time_to_sleep();
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a loop cannot wait for its sockets; it stops");
                return;
            }
            self.mailbox.stay_awake();
            self.io.set_now(Instant::now());
            self.read_again();
            for event in &events {
                self.ready(event);
            }
            while let Some(key) = self.io.due() {
                self.handler.timer(key, &mut self.io);
            }
            if self.io.take_alarm() {
                self.handler.alarm(&mut self.io);
            }
            if !self.take_mails() {
                return;
            }
            self.handler.turn_ends(&mut self.io);
            self.io.flush();
            self.bury();
            self.show();
        }
    }

    fn time_to_sleep(&self) -> Duration {
        if !self.io.again.is_empty() || !self.mails.is_empty() || !self.mailbox.may_sleep() {
            return Duration::ZERO;
        }
        let timer = self.io.next_timer().map(|at| at.saturating_duration_since(Instant::now()));
        timer.unwrap_or(PUBLISH_EVERY).min(PUBLISH_EVERY)
    }

    fn ready(&mut self, event: &mio::event::Event) {
        if event.token() == WAKE {
            return;
        }
        let Some(key) = self.io.key_of(event.token().0) else { return };
        if event.is_writable() {
            self.io.writable(key);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(key, event.is_read_closed());
        }
    }

    fn read_again(&mut self) {
        for key in std::mem::take(&mut self.io.again) {
            self.read(key, true);
        }
    }

    /// With `to_end`, a short read is not the end: the other side's goodbye is behind it, and no
    /// further event would tell.
    fn read(&mut self, key: ConnKey, to_end: bool) {
        for _ in 0..READS_PER_TURN {
            match self.io.read(key, &mut self.buffer) {
                None => return,
                Some(Ok(0) | Err(_)) => {
                    let ending = self.io.is_ending(key);
                    if self.io.remove(key) && !ending {
                        self.handler.closed(key, &mut self.io);
                    }
                    return;
                }
                Some(Ok(n)) => {
                    self.stats.bytes_in += n as u64;
                    let all = n == self.buffer.len();
                    if !self.io.is_ending(key)
                        && let Some(bytes) = self.buffer.get_mut(..n)
                    {
                        self.handler.received(key, bytes, &mut self.io);
                    }
                    // Fewer bytes than asked for: the socket is empty, and an event tells of more.
                    if !all && !to_end {
                        return;
                    }
                }
            }
        }
        self.io.again.push(key);
    }

    /// Returns whether the loop goes on.
    fn take_mails(&mut self) -> bool {
        for _ in 0..MAILS_PER_TURN {
            let Some(item) = self.next_mail() else { return true };
            self.stats.mails += 1;
            match item {
                Item::Mail(mail) => self.handler.mail(mail, &mut self.io),
                Item::Open(sink, hello) => match self.io.open_sink(sink) {
                    Ok(key) => self.handler.opened(key, hello, &mut self.io),
                    Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
                },
                Item::Taken(key) => self.io.writable(key),
                Item::Gone(key) => {
                    let ending = self.io.is_ending(key);
                    if self.io.remove(key) && !ending {
                        self.handler.closed(key, &mut self.io);
                    }
                }
                Item::Stop => return false,
            }
        }
        true
    }

    fn next_mail(&mut self) -> Option<Item<H::Mail, H::Hello>> {
        if self.mails.is_empty() {
            self.mailbox.take(&mut self.mails);
        }
        self.mails.pop_front()
    }

    /// Tells the handler of connections that turned out dead while writing.
    fn bury(&mut self) {
        while let Some(key) = self.io.dead.pop() {
            self.handler.closed(key, &mut self.io);
        }
        // What the handler said meanwhile goes out with the next turn, which comes at once if
        // there is anything.
        self.io.flush();
    }

    fn show(&mut self) {
        self.stats.turns += 1;
        if self.io.now().saturating_duration_since(self.shown_at) < PUBLISH_EVERY {
            return;
        }
        self.shown_at = self.io.now();
        self.stats.connections = self.io.open;
        self.stats.writes = self.io.writes;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = self.stats;
    }
}
