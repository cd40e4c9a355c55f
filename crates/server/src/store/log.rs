//! The log as bytes.
//!
//! ```text
//! entry   magic 8 · number 8 · previous 8 · first 8 · mask 8 · length 4 · role 4 · sum 4 · records, masked
//! record  length 4 · sum 4 · kind 1 · offset 8 · time 8 · channel 4+n · epoch 4+n · payload
//! ```
//! All numbers are little endian; sums are CRC-32. An entry names the one before it and the first
//! one of the log it belongs to, so that a missing one shows, and so that a log can be put together
//! from a file whose index is gone. Records are XORed with the entry's random mask: nothing that
//! a publisher sends can then look like an entry in such a file.

use super::{Kind, Record};

/// How every entry begins.
pub(super) const MAGIC: [u8; 8] = *b"tandmlg1";
/// Bytes before the records of an entry.
pub(super) const HEAD: usize = 52;
/// No entry.
pub(super) const NONE: u64 = u64::MAX;
/// A full entry: with the file's own overhead it must stay within 1 MiB, or takes twice that.
pub(super) const ENTRY_BYTES: usize = 1024 * 1024 - 4096;

const PUBLICATION: u8 = 1;
const REMOVED: u8 = 2;
const META: u8 = 3;
/// Bytes of a record besides names and payload.
const RECORD: usize = 33;

/// What an entry is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A commit of its own.
    Batch = 1,
    /// A snapshot, which goes on.
    Snapshot = 2,
    /// A snapshot, which is complete with it.
    SnapshotEnd = 3,
}

/// What stands before the records of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    /// Number of the entry before it, or [`NONE`].
    pub(super) previous: u64,
    /// Number of the first entry of this log.
    pub(super) first: u64,
    pub(super) mask: u64,
    /// Bytes that follow.
    pub(super) length: usize,
    pub(super) role: Role,
}

impl Head {
    /// Of an entry, if it begins with one.
    pub(super) fn read(entry: &[u8]) -> Option<Self> {
        let (head, _) = entry.split_first_chunk::<HEAD>()?;
        let (summed, sum) = head.split_last_chunk::<4>()?;
        if !head.starts_with(&MAGIC) || crc32fast::hash(summed) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (numbers, rest) = summed.get(8..)?.split_first_chunk::<32>()?;
        let mut numbers = numbers.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number));
        let (length, role) = rest.split_first_chunk::<4>()?;
        Some(Self {
            number: numbers.next()?,
            previous: numbers.next()?,
            first: numbers.next()?,
            mask: numbers.next()?,
            length: usize::try_from(u32::from_le_bytes(*length)).ok()?,
            role: match role {
                [1, 0, 0, 0] => Role::Batch,
                [2, 0, 0, 0] => Role::Snapshot,
                [3, 0, 0, 0] => Role::SnapshotEnd,
                _ => return None,
            },
        })
    }

    fn write(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let length = u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes();
        let role = (self.role as u32).to_le_bytes();
        let numbers = [self.number, self.previous, self.first, self.mask].map(u64::to_le_bytes);
        let parts = [&MAGIC[..], numbers.as_flattened(), &length, &role];
        let (summed, sum) = head.split_at_mut(HEAD - 4);
        for (to, from) in summed.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        sum.copy_from_slice(&crc32fast::hash(summed).to_le_bytes());
        head
    }
}

/// Collects records until they are an entry.
#[derive(Debug)]
pub(super) struct Packer {
    entry: Vec<u8>,
    pub(super) records: u64,
}

impl Packer {
    pub(super) fn new() -> Self {
        Self { entry: vec![0; HEAD], records: 0 }
    }

    /// Whether one more fits; the first one always does.
    pub(super) fn has_room(&self, record: &Record) -> bool {
        self.records == 0 || self.entry.len() + size(record) <= ENTRY_BYTES
    }

    pub(super) fn push(&mut self, record: &Record) {
        write(record, &mut self.entry);
        self.records += 1;
    }

    /// The entry with everything pushed since the last [`Packer::clear`].
    pub(super) fn seal(&mut self, head: Head) -> &[u8] {
        let length = self.entry.len().saturating_sub(HEAD);
        if let Some((before, records)) = self.entry.split_first_chunk_mut::<HEAD>() {
            *before = Head { length, ..head }.write();
            apply_mask(records, head.mask);
        }
        &self.entry
    }

    pub(super) fn clear(&mut self) {
        self.entry.truncate(HEAD);
        self.records = 0;
    }
}

fn apply_mask(bytes: &mut [u8], mask: u64) {
    let mask = mask.to_le_bytes();
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_le_bytes(*chunk) ^ u64::from_le_bytes(mask)).to_le_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Reads the records of an entry in order, up to the first bad one; `false` if there was one. The
/// entry is of no further use.
pub(super) fn unpack(head: &Head, entry: &mut [u8], mut each: impl FnMut(Seen<'_>)) -> bool {
    let Some((_, records)) = entry.split_first_chunk_mut::<HEAD>() else { return false };
    let whole = records.len() == head.length;
    apply_mask(records, head.mask);
    let mut rest: &[u8] = records;
    while !rest.is_empty() {
        let Some((seen, tail)) = Seen::read(rest) else { return false };
        rest = tail;
        each(seen);
    }
    whole
}

/// How many bytes a record takes.
pub(super) fn size(record: &Record) -> usize {
    let payload = match &record.kind {
        Kind::Publication(payload) => payload.len(),
        Kind::Removed | Kind::Meta => 0,
    };
    RECORD + record.channel.len() + record.epoch.len() + payload
}

fn write(record: &Record, out: &mut Vec<u8>) {
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
        out.extend_from_slice(&length_of(name.as_bytes()));
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(payload);
    let body = out.get(at + 8..).unwrap_or_default();
    let (length, sum) = (length_of(body), crc32fast::hash(body).to_le_bytes());
    if let Some(head) = out.get_mut(at..at + 8) {
        head.copy_from_slice([length, sum].as_flattened());
    }
}

/// The queue takes nothing that is longer than this can say.
fn length_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// A record as it stands in an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) channel: &'a str,
    pub(super) epoch: &'a str,
    pub(super) offset: u64,
    pub(super) time_ms: u64,
    pub(super) kind: SeenKind<'a>,
}

/// [`Kind`], borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum SeenKind<'a> {
    Publication(&'a [u8]),
    Removed,
    Meta,
}

impl<'a> Seen<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
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
            PUBLICATION => SeenKind::Publication(payload),
            REMOVED => SeenKind::Removed,
            META => SeenKind::Meta,
            _ => return None,
        };
        let (offset, time_ms) = (u64::from_le_bytes(*offset), u64::from_le_bytes(*time));
        Some((Self { channel, epoch, offset, time_ms, kind }, tail))
    }
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}
