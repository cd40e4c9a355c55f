//! Replies and pushes in JSON. Zero values are left out, and nothing is ever `null`.

use super::reply::{
    ClientInfo, ConnectResult, HistoryResult, Publication, Push, PushBody, Reply, ReplyBody, SubscribePush,
    SubscribeResult,
};
use std::io::Write;

/// Writes the members of one object.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        text(self.out, name);
        self.out.push(b':');
        self.out
    }

    fn number(&mut self, name: &str, value: u64) {
        if value > 0 {
            let _ = write!(self.name(name), "{value}");
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.name(name).extend_from_slice(b"true");
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            text(self.name(name), value);
        }
    }

    /// JSON as it is.
    fn raw(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.name(name).extend_from_slice(value);
        }
    }

    fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        let mut inner = Object::open(self.name(name));
        write(&mut inner);
        inner.close();
    }

    fn list<T>(&mut self, name: &str, items: &[T], mut write: impl FnMut(&mut Object<'_>, &T)) {
        if items.is_empty() {
            return;
        }
        let out = self.name(name);
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let mut object = Object::open(out);
            write(&mut object, item);
            object.close();
        }
        out.push(b']');
    }
}

/// A text in quotes. Everything JSON must escape is escaped; the rest is UTF-8 as it is.
fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let mut plain = 0;
    let bytes = value.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let escape: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0..0x20 => None,
            _ => continue,
        };
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match escape {
            Some(escape) => out.extend_from_slice(escape),
            None => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

pub(super) fn reply(reply: &Reply<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("id", reply.id.into());
    match &reply.body {
        ReplyBody::Error { code, message, temporary } => object.object("error", |o| {
            o.number("code", (*code).into());
            o.text("message", message);
            o.flag("temporary", *temporary);
        }),
        ReplyBody::Connect(result) => object.object("connect", |o| connect(o, result)),
        ReplyBody::Subscribe(result) => object.object("subscribe", |o| subscribe(o, result)),
        ReplyBody::Unsubscribe => object.object("unsubscribe", |_| {}),
        ReplyBody::Publish => object.object("publish", |_| {}),
        ReplyBody::Presence(present) => object.object("presence", |o| {
            o.object("presence", |o| present.iter().for_each(|info| o.object(&info.client, |o| client_info(o, info))));
        }),
        ReplyBody::PresenceStats { num_clients, num_users } => object.object("presence_stats", |o| {
            o.number("num_clients", (*num_clients).into());
            o.number("num_users", (*num_users).into());
        }),
        ReplyBody::History(result) => object.object("history", |o| history(o, result)),
        ReplyBody::Ping => object.object("ping", |_| {}),
        ReplyBody::Rpc(data) => object.object("rpc", |o| o.raw("data", data)),
        ReplyBody::Refresh(result) => object.object("refresh", |o| {
            o.text("client", &result.client);
            o.text("version", &result.version);
            o.flag("expires", result.expires);
            o.number("ttl", result.ttl.into());
        }),
        ReplyBody::SubRefresh(result) => object.object("sub_refresh", |o| {
            o.flag("expires", result.expires);
            o.number("ttl", result.ttl.into());
        }),
    }
    object.close();
}

pub(super) fn push(push: &Push<'_>, wrap: bool, out: &mut Vec<u8>) {
    if wrap {
        let mut object = Object::open(out);
        object.object("push", |o| push_members(o, push));
        object.close();
    } else {
        let mut object = Object::open(out);
        push_members(&mut object, push);
        object.close();
    }
}

fn push_members(o: &mut Object<'_>, push: &Push<'_>) {
    o.number("id", u64::try_from(push.id).unwrap_or(0));
    o.text("channel", push.channel);
    match &push.body {
        PushBody::Publication(body) => o.object("pub", |o| publication(o, body)),
        PushBody::Join(info) => o.object("join", |o| o.object("info", |o| client_info(o, info))),
        PushBody::Leave(info) => o.object("leave", |o| o.object("info", |o| client_info(o, info))),
        PushBody::Unsubscribe { code, reason } => o.object("unsubscribe", |o| end(o, *code, reason)),
        PushBody::Message(data) => o.object("message", |o| o.raw("data", data)),
        PushBody::Subscribe(body) => o.object("subscribe", |o| subscribe_push(o, body)),
        PushBody::Connect(body) => o.object("connect", |o| connect(o, body)),
        PushBody::Disconnect { code, reason } => o.object("disconnect", |o| end(o, *code, reason)),
        PushBody::Refresh { expires, ttl } => o.object("refresh", |o| {
            o.flag("expires", *expires);
            o.number("ttl", (*ttl).into());
        }),
    }
}

fn end(o: &mut Object<'_>, code: u32, reason: &str) {
    o.number("code", code.into());
    o.text("reason", reason);
}

fn client_info(o: &mut Object<'_>, info: &ClientInfo) {
    o.text("user", &info.user);
    o.text("client", &info.client);
    o.raw("conn_info", &info.conn_info);
    o.raw("chan_info", &info.chan_info);
}

fn publication(o: &mut Object<'_>, publication: &Publication) {
    if publication.as_text {
        // Differences of UTF-8 texts are UTF-8; anything else never gets here.
        text(o.name("data"), &String::from_utf8_lossy(&publication.data));
    } else {
        o.raw("data", &publication.data);
    }
    if let Some(info) = &publication.info {
        o.object("info", |o| client_info(o, info));
    }
    o.number("offset", publication.offset);
    if let Some(tags) = &publication.tags {
        o.object("tags", |o| tags.iter().for_each(|(name, value)| text(o.name(name), value)));
    }
    o.flag("delta", publication.delta);
}

fn connect(o: &mut Object<'_>, result: &ConnectResult) {
    o.text("client", &result.client);
    o.text("version", &result.version);
    o.flag("expires", result.expires);
    o.number("ttl", result.ttl.into());
    o.raw("data", &result.data);
    if !result.subs.is_empty() {
        o.object("subs", |o| result.subs.iter().for_each(|(name, sub)| o.object(name, |o| subscribe(o, sub))));
    }
    o.number("ping", result.ping.into());
    o.flag("pong", result.pong);
    o.text("session", &result.session);
    o.text("node", &result.node);
}

fn subscribe(o: &mut Object<'_>, result: &SubscribeResult) {
    o.flag("expires", result.expires);
    o.number("ttl", result.ttl.into());
    o.flag("recoverable", result.recoverable);
    o.text("epoch", &result.epoch);
    o.list("publications", &result.publications, publication);
    o.flag("recovered", result.recovered);
    o.number("offset", result.offset);
    o.flag("positioned", result.positioned);
    o.raw("data", &result.data);
    o.flag("was_recovering", result.was_recovering);
    o.flag("delta", result.delta);
    o.number("id", u64::try_from(result.id).unwrap_or(0));
}

fn subscribe_push(o: &mut Object<'_>, body: &SubscribePush) {
    o.flag("recoverable", body.recoverable);
    o.text("epoch", &body.epoch);
    o.number("offset", body.offset);
    o.flag("positioned", body.positioned);
    o.raw("data", &body.data);
}

fn history(o: &mut Object<'_>, result: &HistoryResult) {
    o.list("publications", &result.publications, publication);
    o.text("epoch", &result.epoch);
    o.number("offset", result.offset);
}
