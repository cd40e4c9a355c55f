//! What happens when a connection's time comes: pings, missing pongs, expiry, and draining.

use super::desk::Desk;
use super::frame::Envelope;
use super::job::Job;
use super::session::Stage;
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::code::{Disconnect, Unsubscribe};
use tandem_net::stream_loop::{ConnKey, Io};
use tandem_wire::centrifuge as wire;

impl Desk {
    /// Does everything that is due for a connection.
    pub(super) fn tick(&mut self, key: ConnKey, io: &mut Io) {
        let now = io.now();
        let Some(session) = self.session(key) else { return };
        let due = |at: Option<std::time::Instant>| at.is_some_and(|at| at <= now);
        if due(session.stale_at) && session.stage != Stage::Ready {
            return self.disconnect(key, Disconnect::STALE, io);
        }
        if due(session.pong_by) {
            return self.disconnect(key, Disconnect::NO_PONG, io);
        }
        let (ping, expired) = (due(session.ping_at), due(session.expires));
        if ping {
            self.ping(key, io);
        }
        if expired {
            self.expired(key, io);
        }
        self.expired_subs(key, io);
    }

    fn ping(&mut self, key: ConnKey, io: &mut Io) {
        let (interval, patience) = (self.plane.settings.client.ping_interval, self.plane.settings.client.pong_timeout);
        let now = io.now();
        let Some(session) = self.session(key) else { return };
        session.ping_at = Some(now + interval);
        let (face, by_frame) = (session.face, session.rare.frame_pings);
        let answers = !face.uni || (face.envelope == Envelope::WebSocket && by_frame);
        session.pong_by = (answers && !patience.is_zero()).then(|| now + patience);
        if by_frame {
            return self.send(key, tandem_wire::websocket::ping_frame(b"").into(), io);
        }
        let frame = self.press.frame(face, |out| wire::encode_ping(face.protocol, out));
        self.send(key, frame, io);
    }

    /// The connection's time is over: a client had its grace period, a backend is asked.
    fn expired(&mut self, key: ConnKey, io: &mut Io) {
        let proxy = self.plane.settings.client.proxy.refresh.clone();
        let Some(session) = self.session(key) else { return };
        match proxy.filter(|_| !session.client_refreshes) {
            Some(proxy) => {
                session.expires = None;
                self.ask(key, Job::Refresh { proxy }, io);
            }
            None => self.disconnect(key, Disconnect::EXPIRED, io),
        }
    }

    fn expired_subs(&mut self, key: ConnKey, io: &mut Io) {
        let now = io.now();
        let Some(session) = self.session(key) else { return };
        let over = session.subs.iter().filter(|(_, sub)| sub.expires.is_some_and(|at| at <= now));
        let over: Vec<(Arc<str>, bool)> = over.map(|(name, sub)| (Arc::clone(name), sub.server_side)).collect();
        for (name, server_side) in over {
            let proxy = self.session(key).and_then(|session| session.subs.get_mut(&name)).and_then(|sub| {
                let proxy = sub.options.sub_refresh_proxy.clone().filter(|_| !sub.client_refreshes)?;
                sub.expires = Some(now + Duration::from_secs(60));
                Some(proxy)
            });
            match proxy {
                Some(proxy) => self.ask(key, Job::SubRefresh { channel: name, proxy }, io),
                None if server_side => return self.disconnect(key, Disconnect::SUBSCRIPTION_EXPIRED, io),
                None => self.unsubscribe_by_server(key, &name, Unsubscribe::EXPIRED, io),
            }
        }
    }

    /// Everyone is told to come back elsewhere or later.
    pub(super) fn drain(&mut self, io: &mut Io) {
        self.draining = true;
        let keys: Vec<ConnKey> = self.sessions.iter().flatten().map(|session| session.key).collect();
        for key in keys {
            self.disconnect(key, Disconnect::SHUTDOWN, io);
        }
    }
}
