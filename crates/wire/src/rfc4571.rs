//! Packets on a byte stream: two bytes of length, big endian, then the packet (RFC 4571 §2), as
//! ICE over TCP carries them.

use bytes::{Buf, Bytes, BytesMut};

/// Longest packet a peer may send: the largest UDP datagram we would take.
const MAX_PACKET: usize = 8 * 1024;
/// Most bytes held for one connection; a caller that takes packets as they complete never gets here.
const MAX_BUFFERED: usize = 128 * 1024;

/// The stream is no packet stream, or its owner does not read; close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length of more than 8 KiB: this is something else than ICE.
    #[error("a packet of {0} bytes is announced")]
    TooLong(usize),
    /// More than 128 KiB wait to be taken.
    #[error("too many bytes are waiting")]
    Full,
}

/// Cuts a byte stream into packets.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they arrive, in any portions.
    ///
    /// # Errors
    /// When the next packet is too long or too much waits; the stream is then of no further use.
    pub fn push(&mut self, data: &[u8]) -> Result<(), FrameError> {
        if self.buffer.len().saturating_add(data.len()) > MAX_BUFFERED {
            return Err(FrameError::Full);
        }
        self.buffer.extend_from_slice(data);
        let mut rest: &[u8] = &self.buffer;
        while let Some((length, body)) = split(rest) {
            if length > MAX_PACKET {
                return Err(FrameError::TooLong(length));
            }
            rest = body.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// The next complete packet; empty ones are skipped.
    pub fn next_packet(&mut self) -> Option<Bytes> {
        loop {
            let (length, body) = split(&self.buffer)?;
            if body.len() < length {
                return None;
            }
            self.buffer.advance(2);
            let packet = self.buffer.split_to(length).freeze();
            if !packet.is_empty() {
                return Some(packet);
            }
        }
    }
}

fn split(data: &[u8]) -> Option<(usize, &[u8])> {
    let (length, body) = data.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_be_bytes(*length)), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_portions_give_the_same_packets() {
        let stream = b"\x00\x03abc\x00\x00\x00\x01d\x00\x02ef";
        for portion in 1..=stream.len() {
            let mut decoder = Decoder::new();
            let mut got = Vec::new();
            for chunk in stream.chunks(portion) {
                assert_eq!(decoder.push(chunk), Ok(()));
                while let Some(packet) = decoder.next_packet() {
                    got.push(packet);
                }
            }
            assert_eq!(got, [&b"abc"[..], b"d", b"ef"], "portions of {portion}");
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(Decoder::new().push(b"GET / HTTP/1.1"), Err(FrameError::TooLong(0x4745)));
        let mut behind = Decoder::new();
        assert_eq!(behind.push(b"\x00\x01a\xff\xff"), Err(FrameError::TooLong(0xffff)));
        let mut lazy = Decoder::new();
        let full = (0..).map(|_| lazy.push(&[0; 1000])).find(Result::is_err);
        assert_eq!(full, Some(Err(FrameError::Full)));
    }
}
