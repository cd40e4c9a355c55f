//! The Centrifuge client protocol, in JSON and protobuf.
//!
//! A connection carries [`Command`]s one way and replies and pushes the other way, several in one
//! frame if need be. JSON documents are separated by line breaks, protobuf messages have their
//! length before them. Payloads are passed on as they came: JSON inside JSON, bytes in protobuf.
//! The schema is `client.proto` of the `centrifugal/protocol` repository; fields of map channels
//! and shared polls are ignored.

mod command;
mod emulation;
mod json;
mod json_write;
mod protobuf;
mod protobuf_write;
mod reply;
#[cfg(test)]
mod tests;

pub use command::{
    Command, ConnectRequest, FilterNode, HistoryRequest, PublishRequest, Request, RpcRequest, Since, SubRefreshRequest,
    SubscribeRequest,
};
pub use emulation::{EmulationRequest, decode_emulation};
pub use json::{compact_json, is_json};
pub use reply::{
    ClientInfo, ConnectResult, HistoryResult, Publication, Push, PushBody, RefreshResult, Reply, ReplyBody,
    SubRefreshResult, SubscribePush, SubscribeResult,
};

use bytes::Bytes;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Documents, one per line.
    Json,
    /// Messages with their length before them.
    Protobuf,
}

/// Why bytes are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No JSON, or JSON of another shape.
    #[error("no command in JSON: {0}")]
    Json(String),
    /// No protobuf, or cut short.
    #[error("no command in protobuf")]
    Protobuf,
    /// A filter with more nodes than anybody needs.
    #[error("a tags filter is too large")]
    Filter,
}

/// The commands of one frame, in order. The first error ends them.
pub fn decode(protocol: Protocol, frame: &Bytes) -> Decoder<'_> {
    Decoder { protocol, frame, at: 0, failed: false }
}

/// Iterates over the commands of a frame.
#[derive(Debug)]
pub struct Decoder<'a> {
    protocol: Protocol,
    frame: &'a Bytes,
    at: usize,
    failed: bool,
}

impl Iterator for Decoder<'_> {
    type Item = Result<Command, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let command = match self.protocol {
            Protocol::Json => self.next_line().map(|line| json::command(&line)),
            Protocol::Protobuf => self.next_message().map(|message| message.and_then(|m| protobuf::command(&m))),
        };
        self.failed = matches!(command, Some(Err(_)));
        command
    }
}

impl Decoder<'_> {
    fn next_line(&mut self) -> Option<Bytes> {
        loop {
            let rest = self.frame.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default().trim_ascii();
            self.at += end + 1;
            if !line.is_empty() {
                return Some(self.frame.slice_ref(line));
            }
        }
    }

    fn next_message(&mut self) -> Option<Result<Bytes, DecodeError>> {
        let mut rest = self.frame.get(self.at..).filter(|rest| !rest.is_empty())?;
        let before = rest.len();
        let length = protobuf::varint(&mut rest).and_then(|length| usize::try_from(length).ok());
        let message = length.and_then(|length| rest.get(..length));
        let Some(message) = message else { return Some(Err(DecodeError::Protobuf)) };
        self.at += before - rest.len() + message.len();
        Some(Ok(self.frame.slice_ref(message)))
    }
}

/// A connect request alone, in JSON: the first message of clients that only listen.
///
/// # Errors
/// It is none.
pub fn decode_connect_request(document: &Bytes) -> Result<ConnectRequest, DecodeError> {
    json::connect_request(document)
}

/// Appends a reply.
pub fn encode_reply(protocol: Protocol, reply: &Reply<'_>, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Json => json_write::reply(reply, out),
        Protocol::Protobuf => protobuf_write::reply(reply, out),
    }
}

/// Appends a push; `wrap`ped in a reply, as clients that also speak expect it, or bare.
pub fn encode_push(protocol: Protocol, push: &Push<'_>, wrap: bool, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Json => json_write::push(push, wrap, out),
        Protocol::Protobuf => protobuf_write::push(push, wrap, out),
    }
}

/// Appends the question whether anybody is there: an empty reply.
pub fn encode_ping(protocol: Protocol, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Json => out.extend_from_slice(b"{}"),
        Protocol::Protobuf => out.push(0),
    }
}

/// One publication alone, for storage.
#[must_use]
pub fn publication_to_bytes(publication: &Publication) -> Vec<u8> {
    let mut out = Vec::with_capacity(publication.data.len() + 32);
    protobuf_write::publication(publication, &mut out);
    out
}

/// Reads what [`publication_to_bytes`] wrote.
#[must_use]
pub fn publication_from_bytes(bytes: &Bytes) -> Option<Publication> {
    protobuf::publication(bytes)
}
