//! Messages as bytes, once for all connections that want them alike.

use bytes::Bytes;
use std::sync::Arc;
use tandem_hub::channel::Delivery;
use tandem_hub::publication::{ClientInfo, Publication};
use tandem_wire::centrifuge::{self as wire, Protocol, Push, PushBody};
use tandem_wire::fossil;
use tandem_wire::websocket::{self, DeflateParams, Deflater, Opcode};

/// How a connection's messages are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Envelope {
    /// One WebSocket message.
    WebSocket,
    /// One after the other in the body of a response.
    HttpStream,
    /// One server-sent event.
    Sse,
}

/// Everything that decides how a message looks to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Face {
    /// JSON or protobuf.
    pub protocol: Protocol,
    /// What is around it.
    pub envelope: Envelope,
    /// The client only listens: pushes are sent bare.
    pub uni: bool,
    /// Compress what gains by it.
    pub deflate: Option<DeflateParams>,
    /// Channels by number instead of name (channel compaction).
    pub by_id: bool,
}

/// What an encoding was made of.
#[derive(PartialEq, Eq)]
struct Made {
    face: Face,
    text: bool,
    delta: bool,
}

/// The encodings of one message made so far. There are few, so they are searched one by one.
pub(super) struct Frames<'a> {
    made: Vec<(Made, Bytes)>,
    difference: Option<Option<Bytes>>,
    press: &'a mut Press,
}

/// What a loop encodes with.
pub(super) struct Press {
    deflater: Deflater,
    scratch: Vec<u8>,
}

impl Press {
    pub(super) fn new(level: u32) -> Self {
        Self { deflater: Deflater::new(level), scratch: Vec::new() }
    }

    /// A reply or push as a frame; `write` appends the bare message.
    pub(super) fn frame(&mut self, face: Face, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        self.scratch.clear();
        write(&mut self.scratch);
        let message = &self.scratch;
        let mut out = Vec::with_capacity(message.len() + 12);
        match (face.envelope, face.protocol) {
            (Envelope::WebSocket, protocol) => {
                let opcode = if protocol == Protocol::Json { Opcode::Text } else { Opcode::Binary };
                let pressed = face.deflate.and_then(|params| self.deflater.deflate_message(message, params));
                match pressed {
                    Some(pressed) => websocket::encode_compressed(opcode, &pressed, &mut out),
                    None => websocket::encode(opcode, message, &mut out),
                }
            }
            (Envelope::HttpStream, Protocol::Json) => {
                out.extend_from_slice(message);
                out.push(b'\n');
            }
            (Envelope::HttpStream, Protocol::Protobuf) => out.extend_from_slice(message),
            (Envelope::Sse, _) => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(message);
                out.extend_from_slice(b"\n\n");
            }
        }
        // Kept as long as the slowest reader needs it: without spare capacity.
        out.shrink_to_fit();
        out.into()
    }

    /// A push for one connection.
    pub(super) fn push(&mut self, face: Face, push: &Push<'_>) -> Bytes {
        self.frame(face, |out| wire::encode_push(face.protocol, push, !face.uni, out))
    }
}

impl<'a> Frames<'a> {
    pub(super) fn new(press: &'a mut Press) -> Self {
        Self { made: Vec::new(), difference: None, press }
    }

    /// A publication; `None` if its data cannot be written in the connection's protocol. `text`: the connection has negotiated differences, so its data is a text in
    /// JSON. `delta`: it may be the difference to `base`.
    pub(super) fn publication(
        &mut self,
        delivery: &Delivery,
        publication: &Publication,
        base: Option<&Publication>,
        face: Face,
        (text, delta): (bool, bool),
    ) -> Option<Bytes> {
        if face.protocol == Protocol::Json && !publication.json {
            return None;
        }
        let patch = if delta { base.and_then(|base| self.difference(publication, base)) } else { None };
        let wanted = Made { face, text, delta: patch.is_some() };
        if let Some((_, frame)) = self.made.iter().find(|(made, _)| *made == wanted) {
            return Some(frame.clone());
        }
        let mut body = to_wire(publication);
        body.as_text = text && face.protocol == Protocol::Json;
        if let Some(patch) = patch {
            body.data = patch;
            body.delta = true;
        }
        let frame = self.press.push(face, &address(delivery, face, PushBody::Publication(&body)));
        self.made.push((wanted, frame.clone()));
        Some(frame)
    }

    /// Somebody came or left. By name also where numbers were agreed on: a client's own coming
    /// follows so closely on its subscription that clients do not know the number yet.
    pub(super) fn join_leave(&mut self, delivery: &Delivery, info: &ClientInfo, join: bool, face: Face) -> Bytes {
        let face = Face { by_id: false, ..face };
        let wanted = Made { face, text: false, delta: false };
        if let Some((_, frame)) = self.made.iter().find(|(made, _)| *made == wanted) {
            return frame.clone();
        }
        let info = info_to_wire(info);
        let body = if join { PushBody::Join(&info) } else { PushBody::Leave(&info) };
        let frame = self.press.push(face, &address(delivery, face, body));
        self.made.push((wanted, frame.clone()));
        frame
    }

    /// The difference to the publication before, if it is the smaller one.
    fn difference(&mut self, publication: &Publication, base: &Publication) -> Option<Bytes> {
        let known = self.difference.get_or_insert_with(|| {
            let patch = fossil::create(&base.data, &publication.data);
            (patch.len() < publication.data.len()).then(|| Bytes::from(patch))
        });
        known.clone()
    }
}

/// The number a channel has for connections that negotiated numbers.
pub(super) fn number_of(delivery: &Delivery) -> i64 {
    number(delivery.channel)
}

/// As [`number_of`], from 1.
pub(super) fn number(channel: tandem_hub::channel::ChannelId) -> i64 {
    i64::try_from(channel.0).unwrap_or(i64::MAX - 1) + 1
}

fn address<'a>(delivery: &'a Delivery, face: Face, body: PushBody<'a>) -> Push<'a> {
    if face.by_id {
        Push { id: number_of(delivery), channel: "", body }
    } else {
        Push { id: 0, channel: &delivery.name, body }
    }
}

/// A publication in the words of the protocol. Shares its data.
pub(super) fn to_wire(publication: &Publication) -> wire::Publication {
    wire::Publication {
        data: publication.data.clone(),
        info: publication.info.as_deref().map(info_to_wire),
        offset: publication.offset,
        tags: publication.tags.clone(),
        ..wire::Publication::default()
    }
}

pub(super) fn info_to_wire(info: &ClientInfo) -> wire::ClientInfo {
    wire::ClientInfo {
        user: Arc::clone(&info.user),
        client: Arc::clone(&info.client),
        conn_info: info.conn_info.clone(),
        chan_info: info.chan_info.clone(),
    }
}

/// As it is kept on disk.
pub(crate) fn publication_to(publication: &Publication) -> Bytes {
    wire::publication_to_bytes(&to_wire(publication)).into()
}

/// What [`publication_to`] wrote.
pub(crate) fn publication_of(bytes: &Bytes) -> Option<Publication> {
    let read = wire::publication_from_bytes(bytes)?;
    let info = read.info.map(|info| {
        Arc::new(ClientInfo {
            user: info.user,
            client: info.client,
            conn_info: info.conn_info,
            chan_info: info.chan_info,
        })
    });
    Some(Publication {
        json: wire::is_json(&read.data),
        data: read.data,
        info,
        tags: read.tags,
        offset: read.offset,
        delta: read.delta,
        ..Publication::default()
    })
}

impl Face {
    /// For lists and backends.
    pub(super) fn transport_name(self) -> &'static str {
        match (self.envelope, self.uni) {
            (Envelope::WebSocket, false) => "websocket",
            (Envelope::HttpStream, false) => "http_stream",
            (Envelope::Sse, false) => "sse",
            (Envelope::WebSocket, true) => "uni_websocket",
            (Envelope::HttpStream, true) => "uni_http_stream",
            (Envelope::Sse, true) => "uni_sse",
        }
    }

    /// For lists and backends.
    pub(super) fn protocol_name(self) -> &'static str {
        match self.protocol {
            Protocol::Json => "json",
            Protocol::Protobuf => "protobuf",
        }
    }
}
