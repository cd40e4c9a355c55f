//! Packets of LiveKit data tracks: a small header, big endian, before the payload.
//!
//! ```text
//!  0      version (3 bits, 0), first (1), last (1), extensions (1), reserved (2)
//!  1      reserved
//!  2..4   handle, never 0
//!  4..6   sequence, per packet
//!  6..8   frame number
//!  8..12  timestamp, 90 kHz
//!  12..   with extensions: n (2 bytes), the area is (n + 1) * 4 bytes with these two
//! ```

/// Bytes before the extensions.
const HEADER: usize = 12;

/// The fixed part of a packet's header and where its payload begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The track, in the numbering of the one connection the packet travels on; 1 to 65,535.
    pub handle: u16,
    /// Rises by one per packet, wraps.
    pub sequence: u16,
    /// Rises by one per frame, wraps.
    pub frame: u16,
    /// 90 kHz, wraps.
    pub timestamp: u32,
    /// First packet of a frame.
    pub first: bool,
    /// Last packet of a frame.
    pub last: bool,
    /// Offset of the payload in the packet, bytes.
    pub payload: usize,
}

impl Header {
    /// Reads the header; `None` for a version we do not know, handle 0, or a cut packet.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<HEADER>()?;
        let [flags, _, h0, h1, s0, s1, f0, f1, t0, t1, t2, t3] = *header;
        let handle = u16::from_be_bytes([h0, h1]);
        if flags >> 5 != 0 || handle == 0 {
            return None;
        }
        let extensions = if flags & 0x04 == 0 { 0 } else { extensions(rest)? };
        Some(Self {
            handle,
            sequence: u16::from_be_bytes([s0, s1]),
            frame: u16::from_be_bytes([f0, f1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            first: flags & 0x10 != 0,
            last: flags & 0x08 != 0,
            payload: HEADER + extensions,
        })
    }
}

/// Bytes of the extension area, if it is all there.
fn extensions(rest: &[u8]) -> Option<usize> {
    let words = u16::from_be_bytes(*rest.first_chunk::<2>()?);
    let bytes = (usize::from(words) + 1) * 4;
    (bytes <= rest.len()).then_some(bytes)
}

/// The handle of a well-formed packet.
#[must_use]
pub fn handle(packet: &[u8]) -> Option<u16> {
    Header::parse(packet).map(|header| header.handle)
}

/// Puts another handle into a packet; false, and no change, if the packet is too short.
pub fn set_handle(packet: &mut [u8], handle: u16) -> bool {
    let field = packet.first_chunk_mut::<HEADER>().and_then(|header| header.get_mut(2..4));
    field.map(|field| field.copy_from_slice(&handle.to_be_bytes())).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &[u8] = &[0b0001_1000, 0, 0x01, 0x02, 0, 3, 0, 4, 0, 0, 0x0b, 0xb8, b'x'];

    #[test]
    fn fields() {
        let want =
            Header { handle: 0x0102, sequence: 3, frame: 4, timestamp: 3000, first: true, last: true, payload: 12 };
        assert_eq!(Header::parse(PACKET), Some(want));
        for cut in 0..12 {
            assert_eq!(handle(&PACKET[..cut]), None);
        }
        let mut newer = PACKET.to_vec();
        newer[0] |= 0x20;
        assert_eq!(handle(&newer), None);
    }

    #[test]
    fn extension_areas() {
        let mut packet = PACKET[..12].to_vec();
        packet[0] |= 0x04;
        assert_eq!(handle(&packet), None, "announced but missing");
        packet.extend([0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(handle(&packet), None, "one byte short");
        packet.push(0);
        assert_eq!(Header::parse(&packet).map(|h| h.payload), Some(20));
    }

    #[test]
    fn another_handle_and_nothing_else() {
        let mut packet = PACKET.to_vec();
        assert!(set_handle(&mut packet, 0xfffe));
        assert_eq!(handle(&packet), Some(0xfffe));
        assert_eq!((&packet[..2], &packet[4..]), (&PACKET[..2], &PACKET[4..]));
        assert!(!set_handle(&mut [0; 11], 1));
    }
}
