//! Writing messages (RFC 8489 §5).

use super::{Class, FINGERPRINT_XOR, HEADER, INTEGRITY, MAGIC_COOKIE, Method, TransactionId, address, attribute};
use std::net::SocketAddr;

/// Writes one message behind what is in a buffer already.
pub struct Builder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    id: TransactionId,
}

impl<'a> Builder<'a> {
    /// Begins a message.
    pub fn new(out: &'a mut Vec<u8>, class: Class, method: Method, id: TransactionId) -> Self {
        let start = out.len();
        let bits = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        // Methods here are below 16, so none of their bits lies above the class's.
        out.extend_from_slice(&(method.number() | bits).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE);
        out.extend_from_slice(&id.0);
        Self { out, start, id }
    }

    /// Adds an attribute, with its padding.
    #[must_use]
    pub fn attribute(self, number: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let value = value.get(..usize::from(length)).unwrap_or_default();
        self.out.extend_from_slice(&number.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value);
        self.out.resize(self.out.len() + pad(value.len()), 0);
        self.measured()
    }

    /// Adds an XOR-…-ADDRESS.
    #[must_use]
    pub fn address(self, number: u16, address: SocketAddr) -> Self {
        let mut value = Vec::with_capacity(20);
        address::write(address, &self.id, &mut value);
        self.attribute(number, &value)
    }

    /// Adds ERROR-CODE (RFC 8489 §14.8).
    #[must_use]
    pub fn error(self, code: u16, reason: &str) -> Self {
        let digits = |n: u16| u8::try_from(n).unwrap_or_default();
        let mut value = vec![0, 0, digits(code / 100), digits(code % 100)];
        value.extend_from_slice(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// Adds MESSAGE-INTEGRITY; `hmac` is given what it covers (RFC 8489 §14.5).
    #[must_use]
    pub fn integrity(mut self, hmac: impl FnOnce(&[u8]) -> [u8; INTEGRITY]) -> Self {
        self.set_length(4 + INTEGRITY);
        let proof = hmac(self.out.get(self.start..).unwrap_or_default());
        self.attribute(attribute::MESSAGE_INTEGRITY, &proof)
    }

    /// Adds FINGERPRINT (RFC 8489 §14.7); nothing may follow.
    #[must_use]
    pub fn fingerprint(mut self) -> Self {
        self.set_length(8);
        let sum = crc32fast::hash(self.out.get(self.start..).unwrap_or_default()) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &sum.to_be_bytes())
    }

    fn measured(mut self) -> Self {
        self.set_length(0);
        self
    }

    /// The length in the header, as if so many bytes more were there.
    fn set_length(&mut self, more: usize) {
        let length = u16::try_from(self.out.len() - self.start - HEADER + more).unwrap_or(u16::MAX);
        if let Some(place) = self.out.get_mut(self.start + 2..self.start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

fn pad(length: usize) -> usize {
    length.next_multiple_of(4) - length
}
