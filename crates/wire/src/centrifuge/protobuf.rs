//! Commands in protobuf. Written by hand because payloads are not to be copied, and because one
//! walk over the fields is all there is to it.

use super::DecodeError;
use super::command::{
    Command, ConnectRequest, FilterNode, HistoryRequest, PublishRequest, Request, RpcRequest, Since, SubRefreshRequest,
    SubscribeRequest,
};
use super::reply::{ClientInfo, Publication};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Nodes of one filter, and how deep they may be nested.
const FILTER_NODES: usize = 128;
const FILTER_DEPTH: usize = 16;

/// The value of one field.
enum Value {
    Number(u64),
    Bytes(Bytes),
}

impl Value {
    #[expect(clippy::cast_possible_truncation, reason = "numbers of the protocol are cut as protobuf cuts them")]
    fn int(&self) -> u32 {
        self.number() as u32
    }

    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => 0,
        }
    }

    #[expect(clippy::cast_possible_wrap, reason = "negative numbers are written as their complement")]
    fn signed(&self) -> i64 {
        self.number() as i64
    }

    fn flag(&self) -> bool {
        self.number() != 0
    }

    fn bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => Bytes::new(),
        }
    }

    fn text(self) -> Result<String, DecodeError> {
        String::from_utf8(self.bytes().to_vec()).map_err(|_| DecodeError::Protobuf)
    }
}

/// Takes a number off the front; `None` if it is cut short or too long.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Walks over the fields of a message.
fn fields(message: &Bytes, mut each: impl FnMut(u64, Value) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    let mut rest: &[u8] = message;
    while !rest.is_empty() {
        let tag = varint(&mut rest).ok_or(DecodeError::Protobuf)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut rest).ok_or(DecodeError::Protobuf)?),
            1 => Value::Number(u64::from_le_bytes(take::<8>(&mut rest)?)),
            5 => Value::Number(u32::from_le_bytes(take::<4>(&mut rest)?).into()),
            2 => {
                let length = varint(&mut rest).and_then(|length| usize::try_from(length).ok());
                let (bytes, tail) =
                    length.and_then(|length| rest.split_at_checked(length)).ok_or(DecodeError::Protobuf)?;
                rest = tail;
                Value::Bytes(message.slice_ref(bytes))
            }
            _ => return Err(DecodeError::Protobuf),
        };
        each(tag >> 3, value)?;
    }
    Ok(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (found, tail) = rest.split_first_chunk::<N>().ok_or(DecodeError::Protobuf)?;
    *rest = tail;
    Ok(*found)
}

/// One command; the first request in it counts.
pub(super) fn command(message: &Bytes) -> Result<Command, DecodeError> {
    let (mut id, mut asked) = (0, None);
    fields(message, |number, value| {
        match number {
            1 => id = value.int(),
            4..=15 if asked.is_none() => asked = Some((number, value.bytes())),
            _ => {}
        }
        Ok(())
    })?;
    let request = match asked {
        None if id == 0 => Request::Pong,
        None => Request::Empty,
        Some((number, body)) => request(number, &body)?,
    };
    Ok(Command { id, request })
}

fn request(number: u64, body: &Bytes) -> Result<Request, DecodeError> {
    Ok(match number {
        4 => Request::Connect(Box::new(connect(body)?)),
        5 => Request::Subscribe(Box::new(subscribe(body)?)),
        6 => Request::Unsubscribe(first_text(body)?),
        7 => Request::Publish(publish(body)?),
        8 => Request::Presence(first_text(body)?),
        9 => Request::PresenceStats(first_text(body)?),
        10 => Request::History(history(body)?),
        11 => Request::Ping,
        12 => Request::Send(rpc(body)?.data),
        13 => Request::Rpc(rpc(body)?),
        14 => Request::Refresh(first_text(body)?),
        _ => Request::SubRefresh(sub_refresh(body)?),
    })
}

/// The text in field 1: a channel or a token.
fn first_text(body: &Bytes) -> Result<String, DecodeError> {
    let mut text = String::new();
    fields(body, |number, value| {
        if number == 1 {
            text = value.text()?;
        }
        Ok(())
    })?;
    Ok(text)
}

/// Key and value of one entry of a map.
fn entry(body: &Bytes) -> Result<(String, Bytes), DecodeError> {
    let (mut key, mut content) = (String::new(), Bytes::new());
    fields(body, |number, value| {
        match number {
            1 => key = value.text()?,
            2 => content = value.bytes(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, content))
}

fn utf8(bytes: &Bytes) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Protobuf)
}

fn connect(body: &Bytes) -> Result<ConnectRequest, DecodeError> {
    let mut request = ConnectRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.token = value.text()?,
            2 => request.data = value.bytes(),
            3 => {
                let (name, sub) = entry(&value.bytes())?;
                request.subs.insert(name, subscribe(&sub)?);
            }
            4 => request.name = value.text()?,
            5 => request.version = value.text()?,
            6 => {
                let (name, header) = entry(&value.bytes())?;
                request.headers.insert(name, utf8(&header)?);
            }
            7 => request.flag = value.signed(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

fn subscribe(body: &Bytes) -> Result<SubscribeRequest, DecodeError> {
    let mut request = SubscribeRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.channel = value.text()?,
            2 => request.token = value.text()?,
            3 => request.recover = value.flag(),
            6 => request.epoch = value.text()?,
            7 => request.offset = value.number(),
            8 => request.data = value.bytes(),
            9 => request.positioned = value.flag(),
            10 => request.recoverable = value.flag(),
            11 => request.join_leave = value.flag(),
            12 => request.delta = value.text()?,
            13 => request.filter = Some(filter(&value.bytes(), 0, &mut 0)?),
            14 => request.flag = value.signed(),
            15 => request.kind = i32::try_from(value.number()).unwrap_or(i32::MAX),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

fn filter(body: &Bytes, depth: usize, nodes: &mut usize) -> Result<FilterNode, DecodeError> {
    *nodes += 1;
    if depth > FILTER_DEPTH || *nodes > FILTER_NODES {
        return Err(DecodeError::Filter);
    }
    let mut node = FilterNode::default();
    fields(body, |number, value| {
        match number {
            1 => node.op = value.text()?,
            2 => node.key = value.text()?,
            3 => node.cmp = value.text()?,
            4 => node.val = value.text()?,
            5 => node.vals.push(value.text()?),
            6 => node.nodes.push(filter(&value.bytes(), depth + 1, nodes)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(node)
}

fn publish(body: &Bytes) -> Result<PublishRequest, DecodeError> {
    let mut request = PublishRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.channel = value.text()?,
            2 => request.data = value.bytes(),
            3 => request.kind = i32::try_from(value.number()).unwrap_or(i32::MAX),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

fn history(body: &Bytes) -> Result<HistoryRequest, DecodeError> {
    let mut request = HistoryRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.channel = value.text()?,
            // Negative numbers have all their upper bits set.
            7 => request.limit = i32::try_from(value.signed()).unwrap_or(-1),
            8 => {
                let mut since = Since::default();
                fields(&value.bytes(), |number, value| {
                    match number {
                        1 => since.offset = value.number(),
                        2 => since.epoch = value.text()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                request.since = Some(since);
            }
            9 => request.reverse = value.flag(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

/// `send` too: its data is in the same field.
fn rpc(body: &Bytes) -> Result<RpcRequest, DecodeError> {
    let mut request = RpcRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.data = value.bytes(),
            2 => request.method = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

fn sub_refresh(body: &Bytes) -> Result<SubRefreshRequest, DecodeError> {
    let mut request = SubRefreshRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.channel = value.text()?,
            2 => request.token = value.text()?,
            3 => request.kind = i32::try_from(value.number()).unwrap_or(i32::MAX),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}

/// A stored publication.
pub(super) fn publication(bytes: &Bytes) -> Option<Publication> {
    let mut publication = Publication::default();
    let mut tags = BTreeMap::new();
    let read = fields(bytes, |number, value| {
        match number {
            4 => publication.data = value.bytes(),
            5 => publication.info = Some(client_info(&value.bytes())?),
            6 => publication.offset = value.number(),
            7 => {
                let (name, tag) = entry(&value.bytes())?;
                tags.insert(name, utf8(&tag)?);
            }
            8 => publication.delta = value.flag(),
            _ => {}
        }
        Ok(())
    });
    publication.tags = (!tags.is_empty()).then(|| Arc::new(tags));
    read.ok().map(|()| publication)
}

fn client_info(body: &Bytes) -> Result<ClientInfo, DecodeError> {
    let mut info = ClientInfo::default();
    fields(body, |number, value| {
        match number {
            1 => info.user = value.text()?.into(),
            2 => info.client = value.text()?.into(),
            3 => info.conn_info = value.bytes(),
            4 => info.chan_info = value.bytes(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(info)
}

pub(super) fn emulation(body: &Bytes) -> Result<super::EmulationRequest, DecodeError> {
    let mut request = super::EmulationRequest::default();
    fields(body, |number, value| {
        match number {
            1 => request.node = value.text()?,
            2 => request.session = value.text()?,
            3 => request.data = value.bytes(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(request)
}
