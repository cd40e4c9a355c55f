//! The task of one connection: reads, asks the shard, writes what the room tells, pings.
//!
//! A session ends in one of three ways: with a `leave` (the client acts on it), by a close
//! without one (the client resumes), or when the connection breaks (it may resume). Unless the
//! client left by itself, its [`Link`](super::seat::Link) tells the shard, whatever path led here:
//! a shard that ended the session knows it no more, one that asked for a resume waits for it.

use super::frames::{Broken, CLOSE_NORMAL, CLOSE_POLICY, CLOSE_TOO_LONG, Frame, Frames, Socket};
use super::inbound::{self, Turn};
use super::outbound::{self, Step};
use super::seat::Seat;
use livekit_protocol as proto;
use proto::signal_request::Message as In;
use proto::signal_response::Message as Out;
use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tandem_core::{Code, Event, SessionCommand};
use tokio::time::{Instant, interval_at, timeout};
use tracing::debug;

/// Control frames go out this often.
const PING_EVERY: Duration = Duration::from_secs(10);
/// A client silent for this long is gone: it missed three control frames and six of its own pings.
const SILENCE: Duration = Duration::from_secs(30);
/// Fresh tokens go out this often; they live twice as long.
const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// Events written with one flush.
const BATCH: usize = 256;
/// A client that takes up its offer late says its first word, a candidate, right after that. One that
/// says nothing is not waited for longer.
const OFFER_WAIT: Duration = Duration::from_millis(100);
/// Undecodable frames a client may send before we give up on it.
const GARBAGE: u32 = 32;

/// How a session ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Close with this code.
    Close(u16),
    /// Drop the connection.
    Drop,
}

impl From<Broken> for End {
    fn from(_: Broken) -> Self {
        Self::Drop
    }
}

/// Sends the only messages this client gets and closes.
pub(crate) async fn refuse(socket: impl Socket, messages: Vec<Out>) {
    let mut frames = Frames::new(socket);
    if frames.send(messages).await.is_ok() {
        frames.close(CLOSE_NORMAL).await;
    }
}

/// Serves a connection to its end.
pub(crate) async fn run(socket: impl Socket, seat: Seat) {
    let mut session = Session { frames: Frames::new(socket), seat, heard: Instant::now(), garbage: 0 };
    let Err(end) = session.serve().await;
    debug!(session = session.seat.link.session.0, ?end, "session ends");
    let Session { frames, seat, .. } = session;
    drop(seat); // the room hears of it before we wait for the client
    if let End::Close(code) = end {
        frames.close(code).await;
    }
}

struct Session<S> {
    frames: Frames<S>,
    seat: Seat,
    heard: Instant,
    garbage: u32,
}

impl<S: Socket> Session<S> {
    async fn serve(&mut self) -> Result<Infallible, End> {
        self.open().await?;
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        let mut refresh = interval_at(Instant::now() + REFRESH_EVERY, REFRESH_EVERY);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                frame = self.frames.next() => self.take(frame).await?,
                count = self.seat.events.recv_many(&mut batch, BATCH) => self.tell(count, &mut batch).await?,
                _ = ping.tick() => self.ping().await?,
                _ = refresh.tick() => self.refresh().await?,
            }
        }
    }

    async fn open(&mut self) -> Result<(), End> {
        let mut first = std::mem::take(&mut self.seat.first);
        if self.seat.drop_after_first {
            self.frames.send(first).await?;
            return Err(End::Drop);
        }
        first.extend(self.seat.token());
        self.frames.send(first).await?;
        let word = if self.seat.offers_late { timeout(OFFER_WAIT, self.frames.next()).await.ok() } else { None };
        for request in std::mem::take(&mut self.seat.requests) {
            self.request(request).await?;
        }
        match word {
            Some(frame) => self.take(frame).await,
            None => Ok(()),
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), End> {
        self.heard = Instant::now();
        match frame {
            Frame::Request(request) => self.request(*request).await,
            Frame::Alive => Ok(()),
            Frame::Garbage => self.garbage(),
            Frame::TooLong => {
                debug!(session = self.seat.link.session.0, "signal message too long");
                self.seat.host.rejected(Code::LimitExceeded);
                Err(End::Close(CLOSE_TOO_LONG))
            }
            Frame::Closed => Err(End::Drop),
        }
    }

    fn garbage(&mut self) -> Result<(), End> {
        self.garbage += 1;
        self.seat.host.rejected(Code::Invalid);
        debug!(session = self.seat.link.session.0, count = self.garbage, "undecodable signal message");
        if self.garbage < GARBAGE { Ok(()) } else { Err(End::Close(CLOSE_POLICY)) }
    }

    async fn request(&mut self, request: In) -> Result<(), End> {
        match inbound::translate(request, unix_ms()) {
            Some(Turn::Say(answer)) => Ok(self.frames.send(vec![*answer]).await?),
            Some(Turn::Ask(command)) => self.ask(command).await,
            None => {
                debug!(session = self.seat.link.session.0, "signal message without effect");
                Ok(())
            }
        }
    }

    /// Never waits for the shard: a full mailbox refuses what can be refused, and otherwise costs
    /// the client a resume.
    async fn ask(&mut self, command: SessionCommand) -> Result<(), End> {
        let leaves = matches!(command, SessionCommand::Leave { .. });
        if let Err(reject) = self.seat.link.post(command.clone()) {
            self.seat.host.rejected(reject.code);
            if let Some(request) = outbound::request_ref(&command) {
                let answer = outbound::request_response(request, Some(reject.code), reject.message);
                return Ok(self.frames.send(vec![answer]).await?);
            }
            tokio::task::yield_now().await;
            self.seat.link.post(command).map_err(|_| End::Close(CLOSE_NORMAL))?;
        }
        if leaves {
            debug!(session = self.seat.link.session.0, "the client leaves");
            self.seat.link.ended = true;
            return Err(End::Close(CLOSE_NORMAL));
        }
        Ok(())
    }

    async fn tell(&mut self, count: usize, batch: &mut Vec<Event>) -> Result<(), End> {
        let mut messages = Vec::with_capacity(count + 1);
        // A closed outbox is the shard letting go of a slow or superseded session.
        let mut end = if count == 0 { Err(End::Close(CLOSE_NORMAL)) } else { Ok(()) };
        for event in batch.drain(..) {
            match outbound::translate(event, self.seat.protocol) {
                Step::Send(more) => messages.extend(more),
                Step::Refresh(claims) => messages.extend(self.seat.renew(*claims)),
                Step::Last(message) => {
                    debug!(session = self.seat.link.session.0, ?message, "the room ends the session");
                    messages.extend(message.map(|message| *message));
                    end = Err(End::Close(CLOSE_NORMAL));
                    break;
                }
                Step::Drop => {
                    end = Err(End::Drop);
                    break;
                }
            }
        }
        self.frames.send(messages).await?;
        end
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > SILENCE {
            return Err(End::Drop);
        }
        Ok(self.frames.ping().await?)
    }

    async fn refresh(&mut self) -> Result<(), End> {
        let token = self.seat.token();
        Ok(self.frames.send(token.into_iter().collect()).await?)
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
