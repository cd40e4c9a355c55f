//! Frames from clients (RFC 6455, section 5), read as they come.

use super::deflate::{InflateError, Inflater};
use super::error::{NOT_DEFLATED, NOT_UTF8, ProtocolError, TOO_BIG, read_close};
use super::head::{self, Frame, MAX_HEAD};
use super::mask::unmask;
use super::utf8::Utf8;
use bytes::Bytes;

/// Bounds and what was agreed on.
#[derive(Debug, Clone, Copy)]
pub struct DecoderOptions {
    /// Longest message as it is sent, bytes.
    pub max_message_bytes: usize,
    /// Longest message after decompression, bytes.
    pub max_inflated_bytes: usize,
    /// Compressed messages are allowed: the handshake agreed on permessage-deflate.
    pub deflate: bool,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message of UTF-8 (RFC 6455, section 5.6).
    Text(Bytes),
    /// A whole message of bytes (RFC 6455, section 5.6).
    Binary(Bytes),
    /// To be answered with the same payload (RFC 6455, section 5.5.2).
    Ping(Bytes),
    /// An answer, or a sign of life (RFC 6455, section 5.5.3).
    Pong(Bytes),
    /// The client ends the connection; nothing follows (RFC 6455, section 5.5.1).
    Close {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
}

/// One client's frames. At rest, between whole messages, it holds nothing on the heap; within one it
/// holds what came of it, at most twice that, and never more than the bound for messages.
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
    head: [u8; MAX_HEAD],
    head_bytes: u8,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// The message some of which came: its fragments so far are in `message`.
    kind: Option<Kind>,
    message: Vec<u8>,
    utf8: Utf8,
    /// The control frame that is coming, maybe between fragments of the message.
    control: Vec<u8>,
}

/// A message's opcode and whether it is compressed.
#[derive(Debug, Clone, Copy)]
struct Kind {
    text: bool,
    compressed: bool,
}

impl Kind {
    fn of(frame: &Frame) -> Self {
        Self { text: frame.opcode == 1, compressed: frame.compressed }
    }

    fn event(self, message: Bytes) -> Event {
        if self.text { Event::Text(message) } else { Event::Binary(message) }
    }
}

impl Decoder {
    /// A decoder at rest.
    #[must_use]
    pub fn new(options: DecoderOptions) -> Self {
        Self { options, over: false, open: None }
    }

    /// Takes bytes as they came and hands out what became whole. They are unmasked in place.
    ///
    /// # Errors
    /// The client broke the protocol; what was handed out before is good. Nothing more comes, and
    /// nothing more is kept.
    pub fn feed(
        &mut self,
        mut bytes: &mut [u8],
        inflater: &mut Inflater,
        give: &mut impl FnMut(Event),
    ) -> Result<(), ProtocolError> {
        let mut open = self.open.take();
        while !bytes.is_empty() && !self.over {
            let step = match &mut open {
                None => self.whole_frame(bytes, inflater, give),
                Some(open) => self.part(open, bytes, inflater, give).map(Some),
            };
            let rest = step.inspect_err(|_| self.over = true)?;
            // What is not a frame of its own is put together.
            let Some(used) = rest else {
                open = Some(Box::default());
                continue;
            };
            bytes = bytes.get_mut(used..).unwrap_or_default();
            open = open.filter(|open| !open.is_at_rest());
        }
        self.open = open.filter(|_| !self.over);
        Ok(())
    }

    /// Bytes on the heap for what is not whole yet; 0 at rest.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let held = |open: &Open| size_of::<Open>() + open.message.capacity() + open.control.capacity();
        self.open.as_deref().map_or(0, held)
    }

    /// The usual case: at rest, and all of a frame that is not fragmented is there. How many bytes it
    /// took, or `None` if it is not that case.
    fn whole_frame(
        &mut self,
        bytes: &mut [u8],
        inflater: &mut Inflater,
        give: &mut impl FnMut(Event),
    ) -> Result<Option<usize>, ProtocolError> {
        let Some((mut frame, used)) = head::parse(bytes, self.options.deflate, false)? else { return Ok(None) };
        self.check_size(&frame, 0)?;
        let end = usize::try_from(frame.left).ok().and_then(|left| used.checked_add(left));
        let (true, Some(end)) = (frame.fin, end) else { return Ok(None) };
        let Some(payload) = bytes.get_mut(used..end) else { return Ok(None) };
        unmask(payload, &mut frame.mask);
        let event = if frame.is_control() {
            self.control(frame.opcode, payload)?
        } else {
            let kind = Kind::of(&frame);
            if kind.text && !kind.compressed && simdutf8::basic::from_utf8(payload).is_err() {
                return Err(NOT_UTF8);
            }
            let inflated = self.inflated(kind, payload, inflater)?;
            kind.event(inflated.unwrap_or_else(|| Bytes::copy_from_slice(payload)))
        };
        give(event);
        Ok(Some(end))
    }

    /// Takes a part of a frame, after the parts before; how many bytes it took.
    fn part(
        &mut self,
        open: &mut Open,
        bytes: &mut [u8],
        inflater: &mut Inflater,
        give: &mut impl FnMut(Event),
    ) -> Result<usize, ProtocolError> {
        let (mut frame, used) = match open.frame {
            Some(frame) => (frame, 0),
            None => match self.part_of_head(open, bytes)? {
                (Some(frame), used) => (frame, used),
                (None, used) => return Ok(used),
            },
        };
        let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len().saturating_sub(used));
        let piece = bytes.get_mut(used..used.saturating_add(here)).unwrap_or_default();
        unmask(piece, &mut frame.mask);
        frame.left = frame.left.saturating_sub(here as u64);
        open.frame = (frame.left > 0).then_some(frame);
        if frame.is_control() {
            open.control.extend_from_slice(piece);
            if frame.left == 0 {
                give(self.control(frame.opcode, &std::mem::take(&mut open.control))?);
            }
        } else if let Some(event) = self.part_of_message(open, &frame, piece, inflater)? {
            give(event);
        }
        Ok(used.saturating_add(here))
    }

    /// Takes a part of a header; the frame if that made it whole, and how many bytes it took.
    fn part_of_head(&self, open: &mut Open, bytes: &[u8]) -> Result<(Option<Frame>, usize), ProtocolError> {
        let had = usize::from(open.head_bytes);
        let room = open.head.get_mut(had..).unwrap_or_default();
        let came = room.iter_mut().zip(bytes).map(|(to, from)| *to = *from).count();
        let seen = open.head.get(..had + came).unwrap_or_default();
        let Some((frame, used)) = head::parse(seen, self.options.deflate, open.kind.is_some())? else {
            open.head_bytes = u8::try_from(had + came).unwrap_or(0);
            return Ok((None, came));
        };
        self.check_size(&frame, open.message.len())?;
        open.head_bytes = 0;
        if !frame.is_control() && open.kind.is_none() {
            open.kind = Some(Kind::of(&frame));
        }
        Ok((Some(frame), used.saturating_sub(had)))
    }

    /// Takes a part of a fragment; the message if that was the end of its last one.
    fn part_of_message(
        &self,
        open: &mut Open,
        frame: &Frame,
        piece: &[u8],
        inflater: &mut Inflater,
    ) -> Result<Option<Event>, ProtocolError> {
        let Some(kind) = open.kind else { return Ok(None) };
        let check = kind.text && !kind.compressed;
        if check {
            open.utf8.feed(piece).map_err(|_| NOT_UTF8)?;
        }
        let end = if frame.fin { frame.left } else { u64::MAX };
        let end = usize::try_from(end).unwrap_or(usize::MAX).saturating_add(open.message.len() + piece.len());
        append(&mut open.message, piece, end.min(self.options.max_message_bytes));
        if frame.left > 0 || !frame.fin {
            return Ok(None);
        }
        if check && !open.utf8.is_whole() {
            return Err(NOT_UTF8);
        }
        open.kind = None;
        let message = std::mem::take(&mut open.message);
        let inflated = self.inflated(kind, &message, inflater)?;
        Ok(Some(kind.event(inflated.unwrap_or_else(|| message.into_boxed_slice().into()))))
    }

    fn check_size(&self, frame: &Frame, held: usize) -> Result<(), ProtocolError> {
        let total = frame.left.saturating_add(held as u64);
        if !frame.is_control() && total > self.options.max_message_bytes as u64 {
            return Err(TOO_BIG);
        }
        Ok(())
    }

    /// What a compressed message says; `None` if it is not compressed.
    fn inflated(&self, kind: Kind, message: &[u8], inflater: &mut Inflater) -> Result<Option<Bytes>, ProtocolError> {
        if !kind.compressed {
            return Ok(None);
        }
        let inflated = inflater.inflate(message, self.options.max_inflated_bytes);
        let inflated = inflated.map_err(|error| match error {
            InflateError::Malformed => NOT_DEFLATED,
            InflateError::TooLarge => TOO_BIG,
        })?;
        if kind.text && simdutf8::basic::from_utf8(&inflated).is_err() {
            return Err(NOT_UTF8);
        }
        Ok(Some(inflated))
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) -> Result<Event, ProtocolError> {
        match opcode {
            9 => Ok(Event::Ping(Bytes::copy_from_slice(payload))),
            10 => Ok(Event::Pong(Bytes::copy_from_slice(payload))),
            _ => {
                self.over = true;
                read_close(payload)
            }
        }
    }
}

impl Open {
    fn is_at_rest(&self) -> bool {
        self.head_bytes == 0 && self.frame.is_none() && self.kind.is_none()
    }
}

/// Appends a piece of a message of at most `end` bytes: takes memory as bytes come, not as a header
/// promises them, and no more than the message can need.
fn append(message: &mut Vec<u8>, piece: &[u8], end: usize) {
    let need = message.len().saturating_add(piece.len());
    if need > message.capacity() {
        let room = message.capacity().saturating_mul(2).min(end).max(need);
        message.reserve_exact(room.saturating_sub(message.len()));
    }
    message.extend_from_slice(piece);
}
