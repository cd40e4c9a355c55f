//! Frames from clients (RFC 6455, section 5), read as they come.

use super::deflate::{InflateError, Inflater};
use super::utf8::Utf8;
use bytes::Bytes;

/// Longest payload of a control frame.
const CONTROL_BYTES: u64 = 125;
/// A message's memory is taken at most this much at a time before its bytes are there.
const RESERVE: usize = 64 * 1024;

/// Bounds and what was agreed on.
#[derive(Debug, Clone, Copy)]
pub struct DecoderOptions {
    /// Longest message as it is sent, bytes.
    pub max_message_bytes: usize,
    /// Longest message after decompression, bytes.
    pub max_inflated_bytes: usize,
    /// Compressed messages are allowed.
    pub deflate: bool,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message of UTF-8.
    Text(Bytes),
    /// A whole message of bytes.
    Binary(Bytes),
    /// To be answered with the same payload.
    Ping(Bytes),
    /// An answer, or a sign of life.
    Pong(Bytes),
    /// The client ends the connection; nothing follows.
    Close {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
}

/// The client broke the protocol; the connection must be closed with [`ProtocolError::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProtocolError {
    code: u16,
    reason: &'static str,
}

impl ProtocolError {
    /// For the close frame.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// For the close frame.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

const fn wrong(reason: &'static str) -> ProtocolError {
    ProtocolError { code: 1002, reason }
}

const NOT_UTF8: ProtocolError = ProtocolError { code: 1007, reason: "invalid UTF-8" };
const NOT_DEFLATED: ProtocolError = ProtocolError { code: 1007, reason: "invalid compressed data" };
const TOO_BIG: ProtocolError = ProtocolError { code: 1009, reason: "message too big" };

/// One client's frames. At rest it holds nothing on the heap.
#[derive(Debug)]
pub struct Decoder {
    options: DecoderOptions,
    /// Closed, or broken: everything else is ignored.
    over: bool,
    open: Option<Box<Open>>,
}

/// What is not whole yet.
#[derive(Debug, Default)]
struct Open {
    /// The beginning of a header.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// Payload so far: of a message, and of a control frame between its fragments.
    message: Vec<u8>,
    control: Vec<u8>,
    kind: Option<Kind>,
    utf8: Utf8,
}

/// A message's opcode and whether it is compressed.
#[derive(Debug, Clone, Copy)]
struct Kind {
    text: bool,
    compressed: bool,
}

/// A header, read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    fin: bool,
    compressed: bool,
    opcode: u8,
    left: u64,
    mask: [u8; 4],
}

impl Frame {
    fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

impl Decoder {
    /// A decoder.
    #[must_use]
    pub fn new(options: DecoderOptions) -> Self {
        Self { options, over: false, open: None }
    }

    /// Takes bytes as they came and hands out what became whole. They are unmasked in place.
    ///
    /// # Errors
    /// The client broke the protocol; what was handed out before is good. Nothing more comes.
    pub fn feed(
        &mut self,
        mut bytes: &mut [u8],
        inflater: &mut Inflater,
        give: &mut impl FnMut(Event),
    ) -> Result<(), ProtocolError> {
        let mut open = self.open.take().unwrap_or_default();
        while !bytes.is_empty() && !self.over {
            let frame = match open.frame {
                Some(frame) => frame,
                None => {
                    let Some((frame, rest)) = self.header(&mut open, bytes)? else { break };
                    bytes = rest;
                    frame
                }
            };
            bytes = self.payload(&mut open, frame, bytes, inflater, give)?;
        }
        if !self.over && !open.is_at_rest() {
            self.open = Some(open);
        }
        Ok(())
    }

    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.over = true;
        error
    }

    /// Reads a header; `None` if it is not whole yet.
    fn header<'a>(
        &mut self,
        open: &mut Open,
        bytes: &'a mut [u8],
    ) -> Result<Option<(Frame, &'a mut [u8])>, ProtocolError> {
        let kept = open.head.len();
        let mut head = [0_u8; 14];
        let seen = open.head.iter().copied().chain(bytes.iter().copied());
        let count = head.iter_mut().zip(seen).map(|(to, from)| *to = from).count();
        let head = head.get(..count).unwrap_or_default();
        // The first two bytes may be wrong already, however long the rest takes.
        let checked = self.check_head(head, open.kind.is_some()).map_err(|error| self.fail(error))?;
        let Some((length_bytes, short)) = checked.filter(|(length_bytes, _)| head.len() >= length_bytes + 6) else {
            open.head.extend_from_slice(bytes);
            return Ok(None);
        };
        let long = head.get(2..2 + length_bytes).unwrap_or_default();
        let left = if length_bytes == 0 { short } else { long.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)) };
        let mask = head.get(2 + length_bytes..).and_then(|rest| rest.first_chunk::<4>());
        let (Some(first), Some(mask)) = (head.first(), mask) else { return Ok(None) };
        let frame =
            Frame { fin: first & 0x80 != 0, compressed: first & 0x40 != 0, opcode: first & 0x0f, left, mask: *mask };
        self.begin(open, frame).map_err(|error| self.fail(error))?;
        open.head.clear();
        let used = (length_bytes + 6).saturating_sub(kept);
        Ok(Some((frame, bytes.get_mut(used..).unwrap_or_default())))
    }

    /// How many bytes of extended length follow, and the short length; `None` before two bytes.
    fn check_head(&self, head: &[u8], in_message: bool) -> Result<Option<(usize, u64)>, ProtocolError> {
        let Some(first) = head.first() else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x30 != 0 || (first & 0x40 != 0 && (!self.options.deflate || !matches!(opcode, 1 | 2))) {
            return Err(wrong("reserved bits are set"));
        }
        match opcode {
            0 if !in_message => return Err(wrong("nothing to continue")),
            1 | 2 if in_message => return Err(wrong("the message before is not finished")),
            0..=2 => {}
            8..=10 if fin => {}
            8..=10 => return Err(wrong("control frames are not fragmented")),
            _ => return Err(wrong("reserved opcode")),
        }
        let Some(second) = head.get(1) else { return Ok(None) };
        if second & 0x80 == 0 {
            return Err(wrong("frames of clients are masked"));
        }
        let short = second & 0x7f;
        if opcode & 8 != 0 && u64::from(short) > CONTROL_BYTES {
            return Err(wrong("a control frame is too long"));
        }
        Ok(Some(match short {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, short.into()),
        }))
    }

    fn begin(&self, open: &mut Open, frame: Frame) -> Result<(), ProtocolError> {
        if !frame.is_control() {
            if frame.opcode != 0 {
                open.kind = Some(Kind { text: frame.opcode == 1, compressed: frame.compressed });
            }
            let total = (open.message.len() as u64).saturating_add(frame.left);
            if total > self.options.max_message_bytes as u64 {
                return Err(TOO_BIG);
            }
            open.message.reserve(usize::try_from(frame.left).unwrap_or(RESERVE).min(RESERVE));
        }
        open.frame = Some(frame);
        Ok(())
    }

    /// Takes what there is of a frame's payload; gives back what is behind it.
    fn payload<'a>(
        &mut self,
        open: &mut Open,
        mut frame: Frame,
        bytes: &'a mut [u8],
        inflater: &mut Inflater,
        give: &mut impl FnMut(Event),
    ) -> Result<&'a mut [u8], ProtocolError> {
        let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at_mut(here);
        unmask(piece, &mut frame.mask);
        frame.left -= here as u64;
        open.frame = (frame.left > 0).then_some(frame);
        if frame.is_control() {
            open.control.extend_from_slice(piece);
            if frame.left == 0 {
                let payload = std::mem::take(&mut open.control);
                let event = self.control(frame.opcode, payload).map_err(|error| self.fail(error))?;
                give(event);
            }
            return Ok(rest);
        }
        let kind = open.kind.unwrap_or(Kind { text: false, compressed: false });
        if kind.text && !kind.compressed {
            open.utf8.feed(piece).map_err(|_| self.fail(NOT_UTF8))?;
        }
        open.message.extend_from_slice(piece);
        if frame.left == 0 && frame.fin {
            let event = self.message(open, kind, inflater).map_err(|error| self.fail(error))?;
            give(event);
        }
        Ok(rest)
    }

    fn message(&self, open: &mut Open, kind: Kind, inflater: &mut Inflater) -> Result<Event, ProtocolError> {
        let mut message = std::mem::take(&mut open.message);
        let whole = open.utf8.is_whole();
        open.kind = None;
        open.utf8 = Utf8::default();
        if kind.compressed {
            let inflated = inflater.inflate(&message, self.options.max_inflated_bytes);
            message = inflated.map_err(|error| match error {
                InflateError::Malformed => NOT_DEFLATED,
                InflateError::TooLarge => TOO_BIG,
            })?;
            if kind.text && simdutf8::basic::from_utf8(&message).is_err() {
                return Err(NOT_UTF8);
            }
        } else if kind.text && !whole {
            return Err(NOT_UTF8);
        }
        let message = Bytes::from(message);
        Ok(if kind.text { Event::Text(message) } else { Event::Binary(message) })
    }

    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<Event, ProtocolError> {
        match opcode {
            9 => Ok(Event::Ping(payload.into())),
            10 => Ok(Event::Pong(payload.into())),
            _ => {
                self.over = true;
                close(&payload)
            }
        }
    }
}

fn close(payload: &[u8]) -> Result<Event, ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(Event::Close { code: None, reason: String::new() })
        } else {
            Err(wrong("a close code has two bytes"))
        };
    };
    let code = u16::from_be_bytes(*code);
    // Codes that may be sent (RFC 6455, section 7.4; 1012 to 1014 are registered since).
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(wrong("no such close code"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
    Ok(Event::Close { code: Some(code), reason: reason.to_owned() })
}

impl Open {
    fn is_at_rest(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.kind.is_none()
    }
}

/// Takes the mask off (RFC 6455, section 5.3), eight bytes at a time, and turns the mask so that
/// it fits what follows.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let [a, b, c, d] = *mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(word) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
        }
    }
    let rest = chunks.into_remainder();
    rest.iter_mut().zip([a, b, c, d].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    mask.rotate_left(rest.len() % 4);
}
