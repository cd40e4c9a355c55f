//! Reading messages (RFC 8489 §5).

use super::{FINGERPRINT_XOR, HEADER, INTEGRITY, MAGIC_COOKIE, address, attribute};
use std::net::SocketAddr;

/// Request, indication or one of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What is asked. STUN's own and those of TURN (RFC 8656 §17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
}

impl Method {
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Binding => 1,
            Self::Allocate => 3,
            Self::Refresh => 4,
            Self::Send => 6,
            Self::Data => 7,
            Self::CreatePermission => 8,
            Self::ChannelBind => 9,
        }
    }

    fn of(number: u16) -> Option<Self> {
        let all = [
            Self::Binding,
            Self::Allocate,
            Self::Refresh,
            Self::Send,
            Self::Data,
            Self::CreatePermission,
            Self::ChannelBind,
        ];
        all.into_iter().find(|method| method.number() == number)
    }
}

/// Ties an answer to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// Not a message, or one whose attributes do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a STUN message")]
pub struct Malformed;

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// See [`attribute`].
    pub number: u16,
    /// Without padding.
    pub value: &'a [u8],
    /// Where its head begins in the message.
    at: usize,
}

/// A message that is whole: length and cookie are right, and so are the bounds of all attributes.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Class.
    pub class: Class,
    /// Method; `None` for one we do not know.
    pub method: Option<Method>,
    /// Transaction.
    pub id: TransactionId,
    bytes: &'a [u8],
    /// Where MESSAGE-INTEGRITY begins: what follows is not covered by it, and not looked at.
    covered: usize,
    /// Where the last attribute begins.
    last: usize,
}

impl<'a> Message<'a> {
    /// Reads a message that fills `bytes`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed)?;
        let [k0, k1, l0, l1, c0, c1, c2, c3, id @ ..] = *header;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if k0 > 3 || [c0, c1, c2, c3] != MAGIC_COOKIE || length != body.len() || !length.is_multiple_of(4) {
            return Err(Malformed);
        }
        let kind = u16::from_be_bytes([k0, k1]);
        let class = match (kind >> 7 & 2) | (kind >> 4 & 1) {
            0 => Class::Request,
            1 => Class::Indication,
            2 => Class::Success,
            _ => Class::Error,
        };
        let method = (kind & 0x000f) | (kind >> 1 & 0x0070) | (kind >> 2 & 0x0f80);
        let mut message = Self {
            class,
            method: Method::of(method),
            id: TransactionId(id),
            bytes,
            covered: bytes.len(),
            last: HEADER,
        };
        let mut at = HEADER;
        while at < bytes.len() {
            let found = attribute_at(bytes, at).ok_or(Malformed)?;
            message.last = at;
            if found.number == attribute::MESSAGE_INTEGRITY {
                message.covered = message.covered.min(at);
            }
            at += 4 + found.value.len().next_multiple_of(4);
        }
        Ok(message)
    }

    /// Every attribute that counts: those before MESSAGE-INTEGRITY, or all where there is none.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let (bytes, end) = (self.bytes, self.covered);
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let found = attribute_at(bytes, at).filter(|_| at < end)?;
            at += 4 + found.value.len().next_multiple_of(4);
            Some(found)
        })
    }

    /// The first attribute of a number: of several, only that one counts.
    #[must_use]
    pub fn get(&self, number: u16) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.number == number).map(|attribute| attribute.value)
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, number: u16) -> Option<&'a str> {
        std::str::from_utf8(self.get(number)?).ok()
    }

    /// The same as a number of four bytes.
    #[must_use]
    pub fn number(&self, number: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(number)?.try_into().ok()?))
    }

    /// An XOR-…-ADDRESS.
    #[must_use]
    pub fn address(&self, number: u16) -> Option<SocketAddr> {
        address::read(self.get(number)?, &self.id)
    }

    /// All XOR-…-ADDRESSes of a number; `None` for each that is none.
    pub fn addresses(&self, number: u16) -> impl Iterator<Item = Option<SocketAddr>> + use<'a> {
        let id = self.id;
        self.attributes().filter(move |a| a.number == number).map(move |a| address::read(a.value, &id))
    }

    /// Whether the message claims to prove who sent it.
    #[must_use]
    pub fn has_integrity(&self) -> bool {
        self.covered < self.bytes.len()
    }

    /// What the proof covers: give `hmac` these pieces in order and compare (RFC 8489 §14.5).
    #[must_use]
    pub fn integrity(&self) -> Option<([u8; HEADER], &'a [u8], &'a [u8])> {
        let proof = attribute_at(self.bytes, self.covered).filter(|a| a.value.len() == INTEGRITY)?;
        let mut header = *self.bytes.first_chunk::<HEADER>()?;
        let length = u16::try_from(self.covered - HEADER + 4 + INTEGRITY).ok()?;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        Some((header, self.bytes.get(HEADER..self.covered)?, proof.value))
    }

    /// `None` without a fingerprint, else whether it is right (RFC 8489 §14.7).
    #[must_use]
    pub fn fingerprint(&self) -> Option<bool> {
        // Not just the last bytes: data that is relayed ends in a fingerprint of its own.
        let last = attribute_at(self.bytes, self.last).filter(|a| a.number == attribute::FINGERPRINT)?;
        let expected = crc32fast::hash(self.bytes.get(..self.last)?) ^ FINGERPRINT_XOR;
        Some(last.value == expected.to_be_bytes())
    }
}

impl Attribute<'_> {
    /// Whether a server that does not know it must not answer as if it were not there.
    #[must_use]
    pub fn must_be_understood(&self) -> bool {
        self.number < 0x8000
    }

    /// Where it begins in the message.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }
}

fn attribute_at(bytes: &[u8], at: usize) -> Option<Attribute<'_>> {
    let (head, body) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let [t0, t1, l0, l1] = *head;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let value = body.get(..length).filter(|_| length.next_multiple_of(4) <= body.len())?;
    Some(Attribute { number: u16::from_be_bytes([t0, t1]), value, at })
}
