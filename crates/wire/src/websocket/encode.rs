//! Frames from the server: never masked, never fragmented (RFC 6455, section 5.2).

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's words
pub enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// Appends a frame.
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    frame(0x80 | opcode as u8, payload, out);
}

/// Appends a frame whose payload is compressed (RFC 7692, section 6).
pub fn encode_compressed(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    frame(0xc0 | opcode as u8, payload, out);
}

fn frame(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

fn control(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 2);
    encode(opcode, payload.get(..CONTROL_BYTES).unwrap_or(payload), &mut out);
    out
}

/// A ping.
#[must_use]
pub fn ping_frame(payload: &[u8]) -> Vec<u8> {
    control(Opcode::Ping, payload)
}

/// The answer to a ping: the same payload.
#[must_use]
pub fn pong_frame(payload: &[u8]) -> Vec<u8> {
    control(Opcode::Pong, payload)
}

/// A close frame. The reason is cut between characters to what fits. Code 1005 means "no code"
/// and makes an empty frame, since it must not be sent (RFC 6455, section 7.4.1).
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    if code == 1005 {
        return control(Opcode::Close, &[]);
    }
    let mut end = reason.len().min(CONTROL_BYTES - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.get(..end).unwrap_or_default().as_bytes());
    control(Opcode::Close, &payload)
}
