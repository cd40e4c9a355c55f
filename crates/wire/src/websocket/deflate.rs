//! Compression of single messages (RFC 7692, section 7.2), with no context between them.

use super::handshake::DeflateParams;
use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// A compressed message ends with these four bytes, which are not sent (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Fed after a message: the bytes that were cut off, and an empty last block, which is understood as
/// one only if the message ended where a block ends.
const TAIL_AND_END: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// Room added to the output at a time, bytes.
const STEP: usize = 4096;
/// Memory kept from one message to the next, bytes.
const KEEP: usize = 64 * 1024;
/// Messages smaller than this gain nothing.
const WORTH_BYTES: usize = 64;
/// Smallest window zlib compresses with: 2 to this.
const SMALLEST_BITS: u8 = 9;

/// A message could not be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InflateError {
    Malformed,
    TooLarge,
}

/// Decompresses messages of any number of connections, one after the other: one per thread.
pub struct Inflater {
    state: Decompress,
    scratch: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater. It reads what was compressed with any window.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Decompress::new(false), scratch: Vec::new() }
    }

    /// The payload of one whole message (RFC 7692, section 7.2.2); no more than `max` bytes of it, or
    /// 64 KiB, are ever held.
    pub(super) fn inflate(&mut self, payload: &[u8], max: usize) -> Result<Bytes, InflateError> {
        if payload.is_empty() {
            return Ok(Bytes::new());
        }
        self.state.reset(false);
        let mut out = std::mem::take(&mut self.scratch);
        let outcome = self.whole(payload, &mut out, max);
        let message = match outcome {
            Ok(()) if out.capacity() > KEEP => return Ok(std::mem::take(&mut out).into_boxed_slice().into()),
            Ok(()) => Ok(Bytes::copy_from_slice(&out)),
            Err(error) => Err(error),
        };
        if out.capacity() <= KEEP {
            out.clear();
            self.scratch = out;
        }
        message
    }

    fn whole(&mut self, payload: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), InflateError> {
        // A last block ends its stream, and so the message if nothing follows (RFC 7692, section
        // 7.2.3.4, would have a byte follow).
        if self.feed(payload, out, max)? || self.feed(&TAIL_AND_END, out, max)? {
            return Ok(());
        }
        Err(InflateError::Malformed)
    }

    /// Whether the input ended with a last block.
    fn feed(&mut self, input: &[u8], out: &mut Vec<u8>, max: usize) -> Result<bool, InflateError> {
        let mut rest = input;
        loop {
            if out.len() == out.capacity() {
                let room = (out.len() + STEP.max(out.len())).min(max.saturating_add(1));
                out.reserve_exact(room.saturating_sub(out.len()));
            }
            let (read, wrote) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress_vec(rest, out, FlushDecompress::Sync);
            let status = status.map_err(|_| InflateError::Malformed)?;
            let read = usize::try_from(self.state.total_in().saturating_sub(read)).unwrap_or(0);
            let wrote = self.state.total_out().saturating_sub(wrote);
            rest = rest.get(read..).unwrap_or_default();
            if out.len() > max {
                return Err(InflateError::TooLarge);
            }
            let ended = status == Status::StreamEnd;
            if ended {
                // What follows begins another stream.
                self.state.reset(false);
            }
            let full = out.len() == out.capacity();
            if rest.is_empty() && (ended || !full) {
                return Ok(ended);
            }
            if read == 0 && wrote == 0 && !full {
                return Err(InflateError::Malformed);
            }
        }
    }
}

/// Compresses messages for any number of connections, one after the other: one per thread.
pub struct Deflater {
    level: Compression,
    /// For each window in use, the one of [`DeflateParams::FULL`] first; there are at most seven.
    states: Vec<(u8, Compress)>,
    scratch: Vec<u8>,
}

impl Deflater {
    /// A deflater of a level from 1 (fast) to 9 (small).
    #[must_use]
    pub fn new(level: u32) -> Self {
        let level = Compression::new(level.clamp(1, 9));
        Self { level, states: vec![state(level, DeflateParams::MAX_BITS)], scratch: Vec::new() }
    }

    /// The payload of a compressed frame (RFC 7692, section 7.2.1) for clients that agreed on these
    /// parameters; `None` if it would not be smaller.
    pub fn deflate_message(&mut self, message: &[u8], params: DeflateParams) -> Option<Vec<u8>> {
        if message.len() < WORTH_BYTES {
            return None;
        }
        // Nothing in a message is further away than its length.
        let bits =
            if message.len() <= 1 << params.window_bits() { DeflateParams::MAX_BITS } else { params.window_bits() };
        if bits < SMALLEST_BITS {
            return None;
        }
        let place = self.states.iter().position(|(known, _)| *known == bits).unwrap_or_else(|| {
            self.states.push(state(self.level, bits));
            self.states.len().saturating_sub(1)
        });
        let (_, state) = self.states.get_mut(place)?;
        let mut out = std::mem::take(&mut self.scratch);
        out.reserve_exact(bound(message.len()));
        state.reset();
        let done = state.compress_vec(message, &mut out, FlushCompress::Sync).is_ok()
            && state.total_in() == message.len() as u64
            && out.len() < out.capacity()
            && out.ends_with(&TAIL);
        if !done {
            // Cannot be; what is left of this message must not get into the next one.
            self.states.truncate(place);
        }
        let used = out.len().saturating_sub(TAIL.len());
        let smaller = out.get(..used).filter(|payload| done && payload.len() < message.len()).map(<[u8]>::to_vec);
        if out.capacity() <= KEEP {
            out.clear();
            self.scratch = out;
        }
        smaller
    }
}

fn state(level: Compression, bits: u8) -> (u8, Compress) {
    (bits, Compress::new_with_window_bits(level, false, bits))
}

/// More than a message of so many bytes can become: nine bits for each, and a few for each block.
/// The whole message must fit at once: a state of zlib-rs 0.6.8 that is reset while output waits for
/// room forgets the output but not where in its buffer it lay, and at level 1 panics some messages
/// later, when it believes to have more room than it has.
fn bound(message_bytes: usize) -> usize {
    message_bytes.saturating_add(message_bytes / 8).saturating_add(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: [u8; 8] = [8, 9, 10, 11, 12, 13, 14, 15];

    /// Bytes that do not get smaller.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let byte = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..len).map(byte).collect()
    }

    #[test]
    fn every_level_and_window_round_trips() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|n| format!("score {} ", n * n % 1013).into_bytes()).collect();
        let mut inflater = Inflater::new();
        for level in 1..=9 {
            let mut deflater = Deflater::new(level);
            for bits in WINDOWS {
                let params = DeflateParams::with_window_bits(bits);
                for len in [63, 64, 256, 257, 512, 513, 5000, 70_000, text.len()] {
                    let message = &text[..len];
                    let Some(payload) = deflater.deflate_message(message, params) else {
                        assert!(len < 64 || (bits == 8 && len > 256), "{level} {bits} {len}");
                        continue;
                    };
                    assert!(payload.len() < len);
                    let mut narrow = Decompress::new_with_window_bits(false, bits.max(9));
                    let mut out = Vec::with_capacity(len + 1);
                    narrow.decompress_vec(&[&payload[..], &TAIL].concat(), &mut out, FlushDecompress::Sync).unwrap();
                    assert_eq!(out, message, "{level} {bits} {len}");
                    assert_eq!(inflater.inflate(&payload, len).unwrap(), message);
                    assert_eq!(inflater.inflate(&payload, len - 1), Err(InflateError::TooLarge));
                }
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_harms_nothing() {
        for level in 1..=9 {
            let mut deflater = Deflater::new(level);
            for bits in WINDOWS {
                for len in [64, 1000, 8192, 65_536, 1 << 20] {
                    let params = DeflateParams::with_window_bits(bits);
                    assert_eq!(deflater.deflate_message(&noise(len), params), None, "{level} {bits} {len}");
                    let after = deflater.deflate_message(&[b'a'; 100], params).unwrap();
                    assert_eq!(Inflater::new().inflate(&after, 100).unwrap(), [b'a'; 100].as_slice());
                }
            }
        }
    }

    #[test]
    fn what_inflates() {
        // The examples of RFC 7692, section 7.2.3: a block, two blocks, a stored block, a last block.
        for payload in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(Inflater::new().inflate(payload, 5).unwrap(), b"Hello".as_slice(), "{payload:x?}");
        }
        for payload in [&[][..], &[0], &[2, 0], &[3, 0]] {
            assert_eq!(Inflater::new().inflate(payload, 0).unwrap(), b"".as_slice(), "{payload:x?}");
        }
        // Bad blocks, a message that ends within a block, and more after what looks like its end.
        for payload in [&[0xff][..], &[6], &[0xf2, 0x48, 0xcd], &[0, 9, 0, 0xf6, 0xff, 0x48], &[3, 0, 6]] {
            assert_eq!(Inflater::new().inflate(payload, 100), Err(InflateError::Malformed), "{payload:x?}");
        }
    }

    #[test]
    fn an_inflater_forgets() {
        let mut inflater = Inflater::new();
        let mut deflater = Deflater::new(1);
        for text in [&b"abcdefgh".repeat(20), &b"x".repeat(200_000), &b"abcdefgh".repeat(20)] {
            let payload = deflater.deflate_message(text, DeflateParams::FULL).unwrap();
            assert_eq!(inflater.inflate(&payload[..payload.len() - 2], 1 << 20), Err(InflateError::Malformed));
            assert_eq!(inflater.inflate(&payload, 1 << 20).unwrap(), *text);
            assert!(inflater.scratch.capacity() <= KEEP && inflater.scratch.is_empty());
            assert!(deflater.scratch.capacity() <= KEEP && deflater.scratch.is_empty());
        }
    }
}
