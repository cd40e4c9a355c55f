//! Replies and pushes in protobuf. Defaults are left out; a message's length is filled in after it
//! is written, so that nothing is written twice.

use super::reply::{
    ClientInfo, ConnectResult, HistoryResult, Publication, Push, PushBody, RefreshResult, Reply, ReplyBody,
    SubscribePush, SubscribeResult,
};

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

fn low_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}

fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        varint(out, u64::from(field) << 3);
        varint(out, value);
    }
}

fn flag(out: &mut Vec<u8>, field: u8, value: bool) {
    number(out, field, value.into());
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    if !value.is_empty() {
        varint(out, u64::from(field) << 3 | 2);
        varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

/// A message with its length before it. One byte is kept for the length; longer messages are
/// moved, which short ones, the many, never are.
fn delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    let length = (out.len() - at - 1) as u64;
    if length < 0x80 {
        if let Some(byte) = out.get_mut(at) {
            *byte = low_bits(length);
        }
        return;
    }
    let mut prefix = Vec::with_capacity(5);
    varint(&mut prefix, length);
    out.splice(at..=at, prefix);
}

/// A message as a field, written even if it is empty.
fn message(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    varint(out, u64::from(field) << 3 | 2);
    delimited(out, write);
}

pub(super) fn reply(reply: &Reply<'_>, out: &mut Vec<u8>) {
    delimited(out, |out| {
        number(out, 1, reply.id.into());
        match &reply.body {
            ReplyBody::Error { code, message: text, temporary } => message(out, 2, |out| {
                number(out, 1, (*code).into());
                bytes(out, 2, text.as_bytes());
                flag(out, 3, *temporary);
            }),
            ReplyBody::Connect(result) => message(out, 5, |out| connect(out, result)),
            ReplyBody::Subscribe(result) => message(out, 6, |out| subscribe(out, result)),
            ReplyBody::Unsubscribe => message(out, 7, |_| {}),
            ReplyBody::Publish => message(out, 8, |_| {}),
            ReplyBody::Presence(present) => message(out, 9, |out| {
                for info in *present {
                    entry(out, 1, &info.client, |out| client_info(out, info));
                }
            }),
            ReplyBody::PresenceStats { num_clients, num_users } => message(out, 10, |out| {
                number(out, 1, (*num_clients).into());
                number(out, 2, (*num_users).into());
            }),
            ReplyBody::History(result) => message(out, 11, |out| history(out, result)),
            ReplyBody::Ping => message(out, 12, |_| {}),
            ReplyBody::Rpc(data) => message(out, 13, |out| bytes(out, 1, data)),
            ReplyBody::Refresh(result) => message(out, 14, |out| refresh(out, result)),
            ReplyBody::SubRefresh(result) => message(out, 15, |out| {
                flag(out, 1, result.expires);
                number(out, 2, result.ttl.into());
            }),
        }
    });
}

/// One entry of a map with text keys and message values.
fn entry(out: &mut Vec<u8>, field: u8, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    message(out, field, |out| {
        bytes(out, 1, key.as_bytes());
        message(out, 2, value);
    });
}

pub(super) fn push(push: &Push<'_>, wrap: bool, out: &mut Vec<u8>) {
    if wrap {
        delimited(out, |out| message(out, 4, |out| push_fields(push, out)));
    } else {
        delimited(out, |out| push_fields(push, out));
    }
}

fn push_fields(push: &Push<'_>, out: &mut Vec<u8>) {
    number(out, 1, u64::try_from(push.id).unwrap_or(0));
    bytes(out, 2, push.channel.as_bytes());
    match &push.body {
        PushBody::Publication(body) => message(out, 4, |out| publication(body, out)),
        PushBody::Join(info) => message(out, 5, |out| message(out, 1, |out| client_info(out, info))),
        PushBody::Leave(info) => message(out, 6, |out| message(out, 1, |out| client_info(out, info))),
        PushBody::Unsubscribe { code, reason } => message(out, 7, |out| {
            number(out, 2, (*code).into());
            bytes(out, 3, reason.as_bytes());
        }),
        PushBody::Message(data) => message(out, 8, |out| bytes(out, 1, data)),
        PushBody::Subscribe(body) => message(out, 9, |out| subscribe_push(out, body)),
        PushBody::Connect(body) => message(out, 10, |out| connect_push(out, body)),
        PushBody::Disconnect { code, reason } => message(out, 11, |out| {
            number(out, 1, (*code).into());
            bytes(out, 2, reason.as_bytes());
        }),
        PushBody::Refresh { expires, ttl } => message(out, 12, |out| {
            flag(out, 1, *expires);
            number(out, 2, (*ttl).into());
        }),
    }
}

fn client_info(out: &mut Vec<u8>, info: &ClientInfo) {
    bytes(out, 1, info.user.as_bytes());
    bytes(out, 2, info.client.as_bytes());
    bytes(out, 3, &info.conn_info);
    bytes(out, 4, &info.chan_info);
}

pub(super) fn publication(publication: &Publication, out: &mut Vec<u8>) {
    bytes(out, 4, &publication.data);
    if let Some(info) = &publication.info {
        message(out, 5, |out| client_info(out, info));
    }
    number(out, 6, publication.offset);
    for (name, value) in publication.tags.iter().flat_map(|tags| tags.iter()) {
        message(out, 7, |out| {
            bytes(out, 1, name.as_bytes());
            bytes(out, 2, value.as_bytes());
        });
    }
    flag(out, 8, publication.delta);
}

fn connect(out: &mut Vec<u8>, result: &ConnectResult) {
    bytes(out, 1, result.client.as_bytes());
    bytes(out, 2, result.version.as_bytes());
    flag(out, 3, result.expires);
    number(out, 4, result.ttl.into());
    bytes(out, 5, &result.data);
    for (name, sub) in &result.subs {
        entry(out, 6, name, |out| subscribe(out, sub));
    }
    number(out, 7, result.ping.into());
    flag(out, 8, result.pong);
    bytes(out, 9, result.session.as_bytes());
    bytes(out, 10, result.node.as_bytes());
}

/// The push has the first fields of the result and its own numbers for the rest.
fn connect_push(out: &mut Vec<u8>, result: &ConnectResult) {
    bytes(out, 1, result.client.as_bytes());
    bytes(out, 2, result.version.as_bytes());
    bytes(out, 3, &result.data);
    for (name, sub) in &result.subs {
        entry(out, 4, name, |out| subscribe(out, sub));
    }
    flag(out, 5, result.expires);
    number(out, 6, result.ttl.into());
    number(out, 7, result.ping.into());
    flag(out, 8, result.pong);
    bytes(out, 9, result.session.as_bytes());
    bytes(out, 10, result.node.as_bytes());
}

fn subscribe(out: &mut Vec<u8>, result: &SubscribeResult) {
    flag(out, 1, result.expires);
    number(out, 2, result.ttl.into());
    flag(out, 3, result.recoverable);
    bytes(out, 6, result.epoch.as_bytes());
    for body in &result.publications {
        message(out, 7, |out| publication(body, out));
    }
    flag(out, 8, result.recovered);
    number(out, 9, result.offset);
    flag(out, 10, result.positioned);
    bytes(out, 11, &result.data);
    flag(out, 12, result.was_recovering);
    flag(out, 13, result.delta);
    number(out, 14, u64::try_from(result.id).unwrap_or(0));
}

fn subscribe_push(out: &mut Vec<u8>, body: &SubscribePush) {
    flag(out, 1, body.recoverable);
    bytes(out, 4, body.epoch.as_bytes());
    number(out, 5, body.offset);
    flag(out, 6, body.positioned);
    bytes(out, 7, &body.data);
}

fn history(out: &mut Vec<u8>, result: &HistoryResult) {
    for body in &result.publications {
        message(out, 1, |out| publication(body, out));
    }
    bytes(out, 2, result.epoch.as_bytes());
    number(out, 3, result.offset);
}

fn refresh(out: &mut Vec<u8>, result: &RefreshResult) {
    bytes(out, 1, result.client.as_bytes());
    bytes(out, 2, result.version.as_bytes());
    flag(out, 3, result.expires);
    number(out, 4, result.ttl.into());
}
