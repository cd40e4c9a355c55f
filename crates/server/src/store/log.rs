//! Records as bytes. Each has its length and checksum before it, so that damage shows and ends at
//! the record it is in.

use super::{Kind, Record};
use bytes::Bytes;
use std::sync::Arc;

/// Kinds of records.
const PUBLICATION: u8 = 1;
const REMOVED: u8 = 2;
const META: u8 = 3;

/// Appends a record: length, checksum, and then kind, offset, time, channel, epoch, payload.
pub(super) fn write(record: &Record, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    let (kind, payload): (u8, &[u8]) = match &record.kind {
        Kind::Publication(payload) => (PUBLICATION, payload),
        Kind::Removed => (REMOVED, &[]),
        Kind::Meta => (META, &[]),
    };
    out.push(kind);
    out.extend_from_slice(&record.offset.to_le_bytes());
    out.extend_from_slice(&record.time_ms.to_le_bytes());
    for name in [&record.channel, &record.epoch] {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(name.as_bytes().get(..usize::from(length)).unwrap_or_default());
    }
    out.extend_from_slice(payload);
    let body = out.get(at + 8..).unwrap_or_default();
    let (length, sum) = (u32::try_from(body.len()).unwrap_or(u32::MAX), crc32fast::hash(body));
    if let Some(head) = out.get_mut(at..at + 8) {
        let (first, second) = head.split_at_mut(4);
        first.copy_from_slice(&length.to_le_bytes());
        second.copy_from_slice(&sum.to_le_bytes());
    }
}

/// How many bytes a record takes.
pub(super) fn size(record: &Record) -> usize {
    let payload = match &record.kind {
        Kind::Publication(payload) => payload.len(),
        _ => 0,
    };
    29 + record.channel.len() + record.epoch.len() + payload
}

/// The records of one entry, in order, up to the first bad one; `false` if there was one.
pub(super) fn read(entry: &[u8], mut each: impl FnMut(Record)) -> bool {
    let mut rest = entry;
    while !rest.is_empty() {
        let Some((record, tail)) = one(rest) else { return false };
        rest = tail;
        each(record);
    }
    true
}

fn one(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (body, tail) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (kind, body) = body.split_first()?;
    let (offset, body) = body.split_first_chunk::<8>()?;
    let (time, body) = body.split_first_chunk::<8>()?;
    let (channel, body) = name(body)?;
    let (epoch, payload) = name(body)?;
    let kind = match *kind {
        PUBLICATION => Kind::Publication(Bytes::copy_from_slice(payload)),
        REMOVED => Kind::Removed,
        META => Kind::Meta,
        _ => return None,
    };
    let (offset, time_ms) = (u64::from_le_bytes(*offset), u64::from_le_bytes(*time));
    Some((Record { channel, epoch, offset, time_ms, kind }, tail))
}

fn name(bytes: &[u8]) -> Option<(Arc<str>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((std::str::from_utf8(name).ok()?.into(), rest))
}
