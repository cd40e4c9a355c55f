//! Printable ids and the generator that makes them without a clock or a system call.

use std::{fmt, sync::Arc};

/// One authenticated connection of one client through one door. Unique in a node's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A printable id with a type prefix: `RM_…` room, `PA_…` participant, `TR_…` track.
///
/// LiveKit clients parse the prefixes, so they are part of the wire contract.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid(Arc<str>);

impl Sid {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Sid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters and digits without the pairs people confuse (0/O, 1/l/I).
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Characters behind the prefix: 57^12 is about 2^70.
const LENGTH: usize = 12;

/// Makes [`Sid`]s from a seed, so that simulations repeat exactly.
///
/// Ids are names, not secrets: knowing one opens nothing.
#[derive(Debug)]
pub struct SidGenerator(u64);

impl SidGenerator {
    /// A generator with the given seed; the shell seeds it from the system's randomness.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (SplitMix64, public domain reference by Vigna).
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A fresh id: the prefix (with its underscore) and twelve characters.
    pub fn sid(&mut self, prefix: &str) -> Sid {
        let mut text = String::with_capacity(prefix.len() + LENGTH);
        text.push_str(prefix);
        for _ in 0..LENGTH {
            let index = usize::try_from(self.next_u64() % 57).unwrap_or(0);
            text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'x')));
        }
        Sid(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_ids() {
        let (mut a, mut b) = (SidGenerator::new(7), SidGenerator::new(7));
        assert_eq!(a.sid("TR_"), b.sid("TR_"));
        let id = a.sid("PA_");
        assert!(id.as_str().starts_with("PA_") && id.as_str().len() == 15);
        assert_ne!(id, a.sid("PA_"));
    }
}
