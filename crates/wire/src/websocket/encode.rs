//! Frames from the server: never masked, never fragmented (RFC 6455, section 5.2).

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;
/// A close frame without a code; must not be sent as one (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;

/// What a frame carries (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's words
pub enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The header of a frame, for payloads that are sent from where they are.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl std::ops::Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// The header of a frame with so many bytes of payload (RFC 6455, section 5.2). `compressed` says that
/// they came from a [`Deflater`](super::Deflater) (RFC 7692, section 6).
#[must_use]
pub fn header(opcode: Opcode, compressed: bool, payload_bytes: usize) -> Header {
    let first = if compressed { 0xc0 } else { 0x80 } | opcode as u8;
    let [a, b, c, d, e, f, g, h] = (payload_bytes as u64).to_be_bytes();
    let (bytes, len) = match payload_bytes {
        0..=CONTROL_BYTES => ([first, h, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        126..=0xffff => ([first, 126, g, h, 0, 0, 0, 0, 0, 0], 4),
        _ => ([first, 127, a, b, c, d, e, f, g, h], 10),
    };
    Header { bytes, len }
}

/// Appends a frame.
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header(opcode, false, payload.len()));
    out.extend_from_slice(payload);
}

/// Appends a frame whose payload came from a [`Deflater`](super::Deflater) (RFC 7692, section 6).
pub fn encode_compressed(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header(opcode, true, payload.len()));
    out.extend_from_slice(payload);
}

fn control(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..CONTROL_BYTES).unwrap_or(payload);
    let mut out = Vec::with_capacity(payload.len() + 2);
    encode(opcode, payload, &mut out);
    out
}

/// A ping (RFC 6455, section 5.5.2); its payload is cut to 125 bytes.
#[must_use]
pub fn ping_frame(payload: &[u8]) -> Vec<u8> {
    control(Opcode::Ping, payload)
}

/// The answer to a ping: the same payload (RFC 6455, section 5.5.3).
#[must_use]
pub fn pong_frame(payload: &[u8]) -> Vec<u8> {
    control(Opcode::Pong, payload)
}

/// A close frame (RFC 6455, section 5.5.1). The reason is cut between characters to what fits. Code
/// 1005 means "no code" and makes an empty frame, since it must not be sent (section 7.4.1).
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    if code == NO_CODE {
        return control(Opcode::Close, &[]);
    }
    let reason = reason.get(..reason.floor_char_boundary(CONTROL_BYTES - 2)).unwrap_or_default();
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    control(Opcode::Close, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for (len, expected) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 255, 255]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            assert_eq!(*header(Opcode::Binary, false, len), *expected);
        }
        assert_eq!(*header(Opcode::Text, true, 7), [0xc1, 7]);
    }

    #[test]
    fn frames() {
        let mut out = Vec::new();
        encode(Opcode::Text, b"ab", &mut out);
        encode_compressed(Opcode::Binary, b"", &mut out);
        assert_eq!(out, b"\x81\x02ab\xc2\x00");
        assert_eq!(ping_frame(b"x"), b"\x89\x01x");
        assert_eq!(pong_frame(&[7; 200]).len(), 2 + CONTROL_BYTES);
    }

    #[test]
    fn close_reasons_fit() {
        assert_eq!(close_frame(4000, &"\u{e9}".repeat(200)).len(), 2 + 2 + 122);
        assert_eq!(close_frame(4000, &"e".repeat(200)).len(), 2 + 125);
        assert_eq!(close_frame(1000, "bye"), b"\x88\x05\x03\xe8bye");
        assert_eq!(close_frame(1005, "x"), [0x88, 0]);
    }
}
