//! The connections of one loop: bytes become commands, commands change sessions and channels, and
//! what others publish goes out. Runs on the loop's thread alone; nothing in it waits.

use super::frame::{Frames, Press};
use super::local::Local;
use super::session::{Session, Stage};
use super::settled::Settled;
use crate::channels::{Deed, Hello, Mail, Plane};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use tandem_hub::code::{Disconnect, ErrorCode};
use tandem_net::stream_loop::{ConnKey, Handler, Io};
use tandem_wire::centrifuge::{self as wire, Command, Push, PushBody, Reply, ReplyBody, Request};
use tandem_wire::websocket::{Decoder, DecoderOptions, Event, Inflater};

/// Commands that may wait while a backend is asked.
const QUEUE_BOUND: usize = 1024;
/// Decompressed messages may be this much larger than the bound for messages.
const INFLATED_FACTOR: usize = 10;

/// Everything one loop owns.
pub(crate) struct Desk {
    pub(super) plane: Arc<Plane>,
    pub(super) node: Arc<Settled>,
    pub(super) sessions: Vec<Option<Box<Session>>>,
    pub(super) local: Local,
    /// Connections of each user that has a name.
    pub(super) users: HashMap<Arc<str>, Vec<ConnKey>>,
    pub(super) press: Press,
    pub(super) inflater: Inflater,
    pub(super) draining: bool,
    /// Publications of this turn wait for the disk.
    pub(super) for_disk: bool,
    /// Of one read; kept for its memory.
    events: Vec<Event>,
    /// Deliveries since they were last counted in.
    delivered: u64,
}

impl Desk {
    pub(crate) fn new(plane: Arc<Plane>, node: Arc<Settled>) -> Self {
        let level = plane.settings.websocket.compression_level;
        Self {
            plane,
            node,
            sessions: Vec::new(),
            local: Local::default(),
            users: HashMap::new(),
            press: Press::new(level),
            inflater: Inflater::new(),
            draining: false,
            for_disk: false,
            events: Vec::new(),
            delivered: 0,
        }
    }

    pub(super) fn session(&mut self, key: ConnKey) -> Option<&mut Session> {
        self.sessions.get_mut(key.index as usize)?.as_deref_mut().filter(|session| session.key == key)
    }

    /// The same, to look at.
    pub(super) fn peek(&self, key: ConnKey) -> Option<&Session> {
        self.sessions.get(key.index as usize)?.as_deref().filter(|session| session.key == key)
    }

    /// Sends a reply; a connection that does not read is closed.
    pub(super) fn reply(&mut self, key: ConnKey, id: u32, body: ReplyBody<'_>, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        let face = session.face;
        if let ReplyBody::Error { code, .. } = &body {
            self.plane.stats.replied_error(*code);
        }
        let reply = Reply { id, body };
        let frame = self.press.frame(face, |out| wire::encode_reply(face.protocol, &reply, out));
        self.send(key, frame, io);
    }

    pub(super) fn refuse(&mut self, key: ConnKey, id: u32, error: ErrorCode, io: &mut Io) {
        let body = ReplyBody::Error { code: error.code, message: &error.message, temporary: error.temporary };
        self.reply(key, id, body, io);
    }

    pub(super) fn push(&mut self, key: ConnKey, push: &Push<'_>, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        let face = session.face;
        let frame = self.press.push(face, push);
        self.send(key, frame, io);
    }

    pub(super) fn send(&mut self, key: ConnKey, frame: Bytes, io: &mut Io) {
        if !io.send(key, frame) {
            self.slow(key, io);
        }
    }

    /// Its outbox is full: what waits is worth nothing to it any more.
    pub(super) fn slow(&mut self, key: ConnKey, io: &mut Io) {
        io.clear(key);
        self.disconnect(key, Disconnect::SLOW, io);
    }

    /// Tells a connection why it ends, and ends it.
    pub(super) fn disconnect(&mut self, key: ConnKey, why: Disconnect, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        let face = session.face;
        self.plane.stats.disconnected(why.code);
        let body = PushBody::Disconnect { code: why.code, reason: &why.reason };
        let mut frames = vec![self.press.push(face, &Push { id: 0, channel: "", body })];
        if face.envelope == super::frame::Envelope::WebSocket {
            frames.push(tandem_wire::websocket::close_frame(why.websocket_code(), &why.reason).into());
        }
        for frame in frames {
            io.send(key, frame);
        }
        io.close(key);
        self.forget(key, io);
    }

    /// Removes everything that is left of a connection. Its socket may still be closing.
    pub(super) fn forget(&mut self, key: ConnKey, io: &mut Io) {
        let Some(session) = self.sessions.get_mut(key.index as usize).and_then(Option::take) else { return };
        if let Some(secret) = &session.secret {
            self.plane.forget(secret);
        }
        if let Some(keys) = self.users.get_mut(&session.info.user) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.users.remove(&session.info.user);
            }
        }
        if session.stage == Stage::Ready {
            self.plane.left(&session.info.user);
        }
        for sub in session.subs.into_values() {
            self.leave(&sub, io);
        }
    }

    /// Ends what a subscription was on this loop and in the channel.
    pub(super) fn leave(&mut self, sub: &super::session::Sub, io: &mut Io) {
        if let Some(moved) = self.local.remove(sub.channel, sub.place)
            && let Some(session) = self.session(moved.key)
            && let Some(other) = session.subs.get_mut(&moved.channel)
        {
            other.place = moved.to;
        }
        self.plane.unsubscribe(sub.channel, io.index(), &sub.info, sub.announce);
    }

    /// Commands in one frame or request, in order.
    fn commands(&mut self, key: ConnKey, data: &Bytes, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        let (protocol, only_listens) = (session.face.protocol, session.face.uni);
        if only_listens {
            return self.connect_uni(key, data, io);
        }
        for command in wire::decode(protocol, data) {
            match command {
                Ok(command) => self.command(key, command, io),
                Err(error) => {
                    tracing::debug!(%error, "a frame that is no command");
                    self.disconnect(key, Disconnect::BAD_REQUEST, io);
                }
            }
            // A command may have ended the connection.
            if self.session(key).is_none() {
                return;
            }
        }
    }

    /// One command, now or, while a backend is asked, later.
    pub(super) fn command(&mut self, key: ConnKey, command: Command, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        if session.busy {
            if session.queue.len() >= QUEUE_BOUND {
                self.disconnect(key, Disconnect::TOO_MANY_REQUESTS, io);
                return;
            }
            session.queue.push_back(command);
            io.pause(key);
            return;
        }
        let stage = session.stage;
        self.plane.stats.received();
        match (stage, command.request) {
            (_, Request::Pong) => self.pong(key, io),
            (Stage::New, Request::Connect(request)) if command.id > 0 => self.connect(key, command.id, *request, io),
            (Stage::Ready, request) => self.request(key, command.id, request, io),
            _ => self.disconnect(key, Disconnect::BAD_REQUEST, io),
        }
    }

    fn request(&mut self, key: ConnKey, id: u32, request: Request, io: &mut Io) {
        if id == 0 && !matches!(request, Request::Send(_)) {
            self.disconnect(key, Disconnect::BAD_REQUEST, io);
            return;
        }
        if self.plane.settings.client.user_rates.commands.is_some()
            && self.peek(key).is_some_and(|s| !self.plane.user_may(&s.info.user, Deed::Command, io.now()))
        {
            return self.refuse(key, id, ErrorCode::TOO_MANY_REQUESTS, io);
        }
        match request {
            Request::Subscribe(request) => self.subscribe(key, id, *request, io),
            Request::Unsubscribe(request) => self.unsubscribe(key, id, &request, io),
            Request::Publish(request) => self.publish(key, id, request, io),
            Request::Presence(request) => self.presence(key, id, &request, io),
            Request::PresenceStats(request) => self.presence_stats(key, id, &request, io),
            Request::History(request) => self.history(key, id, &request, io),
            Request::Ping => self.reply(key, id, ReplyBody::Ping, io),
            Request::Rpc(request) => self.rpc(key, id, request, io),
            Request::Refresh(request) => self.refresh(key, id, &request, io),
            Request::SubRefresh(request) => self.sub_refresh(key, id, &request, io),
            // Messages outside channels have no handler here.
            Request::Send(_) => self.disconnect(key, Disconnect::NOT_AVAILABLE, io),
            Request::Connect(_) | Request::Pong | Request::Empty => self.disconnect(key, Disconnect::BAD_REQUEST, io),
        }
    }

    /// A backend has answered: the commands that waited follow, in order.
    pub(super) fn free(&mut self, key: ConnKey, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        session.busy = false;
        while let Some(session) = self.session(key) {
            if session.busy {
                return;
            }
            let Some(command) = session.queue.pop_front() else { break };
            self.command(key, command, io);
        }
        io.resume(key);
    }

    /// Answers the server's question whether anybody is there.
    fn pong(&mut self, key: ConnKey, io: &mut Io) {
        let Some(session) = self.session(key) else { return };
        if session.pong_by.take().is_none() {
            self.disconnect(key, Disconnect::BAD_REQUEST, io);
        }
    }

    /// Asks for the timer at the next time anything is due.
    pub(super) fn arm(&mut self, key: ConnKey, io: &mut Io) {
        if let Some(at) = self.session(key).and_then(|session| session.due()) {
            io.wake_at(key, at);
        }
    }

    fn broadcast(&mut self, delivery: &tandem_hub::channel::Delivery, io: &mut Io) {
        let mut frames = Frames::new(&mut self.press);
        let came = self.local.deliver(delivery, &mut frames, io);
        self.delivered += came.sent;
        for key in came.full {
            self.slow(key, io);
        }
        for key in came.unfit {
            self.disconnect(key, Disconnect::INAPPROPRIATE_PROTOCOL, io);
        }
    }

    /// Bytes of a WebSocket connection.
    fn read_frames(&mut self, key: ConnKey, mut decoder: Decoder, bytes: &mut [u8], io: &mut Io) {
        let mut events = std::mem::take(&mut self.events);
        let fed = decoder.feed(bytes, &mut self.inflater, &mut |event| events.push(event));
        if let Some(session) = self.session(key) {
            session.decoder = Some(decoder);
        }
        for event in events.drain(..) {
            match event {
                Event::Text(data) | Event::Binary(data) => self.commands(key, &data, io),
                Event::Ping(data) => self.send(key, tandem_wire::websocket::pong_frame(&data).into(), io),
                Event::Pong(_) => self.frame_pong(key),
                Event::Close { code, .. } => {
                    self.send(key, tandem_wire::websocket::close_frame(code.unwrap_or(1000), "").into(), io);
                    io.close(key);
                    self.forget(key, io);
                }
            }
            if self.session(key).is_none() {
                break;
            }
        }
        self.events = events;
        if let Err(error) = fed
            && self.session(key).is_some()
        {
            self.plane.stats.disconnected(u32::from(error.code()));
            self.send(key, tandem_wire::websocket::close_frame(error.code(), error.reason()).into(), io);
            io.close(key);
            self.forget(key, io);
        }
    }

    /// Some clients answer with frames of the WebSocket itself.
    fn frame_pong(&mut self, key: ConnKey) {
        if let Some(session) = self.session(key).filter(|session| session.rare.frame_pings) {
            session.pong_by = None;
        }
    }
}

impl Handler for Desk {
    type Mail = Mail;
    type Hello = Hello;

    fn opened(&mut self, key: ConnKey, hello: Hello, io: &mut Io) {
        let limit = self.plane.settings.websocket.message_size_limit;
        let decoder = (hello.face.envelope == super::frame::Envelope::WebSocket).then(|| {
            Decoder::new(DecoderOptions {
                max_message_bytes: limit,
                max_inflated_bytes: limit.saturating_mul(INFLATED_FACTOR),
                deflate: hello.face.deflate.is_some(),
            })
        });
        if let Some(cell) = &hello.key {
            let _ = cell.set(key);
        }
        let mut session = Session::new(key, hello.face, decoder, hello.headers, hello.remote);
        session.rare.frame_pings = hello.frame_pings;
        session.stale_at = Some(io.now() + self.plane.settings.client.stale_close_delay);
        let place = key.index as usize;
        if self.sessions.len() <= place {
            self.sessions.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.sessions.get_mut(place) {
            *slot = Some(Box::new(session));
        }
        self.arm(key, io);
        if self.draining {
            self.disconnect(key, Disconnect::SHUTDOWN, io);
            return;
        }
        if !hello.preface.is_empty() && hello.face.uni {
            self.connect_uni(key, &hello.preface, io);
        }
        if !hello.first.is_empty() {
            match hello.face {
                face if face.envelope == super::frame::Envelope::WebSocket => {
                    self.received(key, &mut hello.first.to_vec(), io);
                }
                face if face.uni => self.connect_uni(key, &hello.first, io),
                _ => self.commands(key, &hello.first, io),
            }
        }
    }

    fn received(&mut self, key: ConnKey, bytes: &mut [u8], io: &mut Io) {
        let Some(decoder) = self.session(key).and_then(|session| session.decoder.take()) else { return };
        self.read_frames(key, decoder, bytes, io);
    }

    fn closed(&mut self, key: ConnKey, io: &mut Io) {
        self.forget(key, io);
    }

    fn mail(&mut self, mail: Mail, io: &mut Io) {
        match mail {
            Mail::Broadcast(delivery) => {
                if self.local.admit(&delivery, io) {
                    self.broadcast(&delivery, io);
                }
            }
            Mail::Answer(key, id, Ok(_)) => self.reply(key, id, ReplyBody::Publish, io),
            Mail::Answer(key, id, Err(error)) => self.refuse(key, id, error, io),
            Mail::Outcome(key, outcome) => self.outcome(key, *outcome, io),
            Mail::Input(key, data) => self.commands(key, &data, io),
            Mail::Operate(operation) => self.operate(&operation, io),
            Mail::Survey(sender) => {
                let _ = sender.send(self.survey());
            }
            Mail::Drain => self.drain(io),
        }
    }

    fn timer(&mut self, key: ConnKey, io: &mut Io) {
        self.tick(key, io);
        self.arm(key, io);
    }

    fn alarm(&mut self, io: &mut Io) {
        for delivery in self.local.close_windows(io) {
            self.broadcast(&delivery, io);
        }
    }

    fn turn_ends(&mut self, _io: &mut Io) {
        if std::mem::take(&mut self.for_disk) {
            self.plane.wake_store();
        }
        if self.delivered > 0 {
            self.plane.stats.delivered(std::mem::take(&mut self.delivered));
        }
    }
}
