//! Compression of single messages (RFC 7692), with no context between them.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Every compressed message ends with these four bytes, which are not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Room added to the output at a time, bytes.
const STEP: usize = 4096;
/// Messages smaller than this gain nothing.
const WORTH_BYTES: usize = 64;

/// A message could not be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InflateError {
    Malformed,
    TooLarge,
}

/// Decompresses messages of any number of connections, one after the other.
pub struct Inflater {
    state: Decompress,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Decompress::new(false) }
    }

    /// The payload of one whole message.
    pub(super) fn inflate(&mut self, payload: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
        self.state.reset(false);
        let mut out = Vec::new();
        for input in [payload, &TAIL] {
            self.feed(input, &mut out, max)?;
        }
        Ok(out)
    }

    fn feed(&mut self, input: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), InflateError> {
        let mut rest = input;
        loop {
            let room = (out.len() + STEP.max(out.len())).min(max + 1);
            out.reserve(room.saturating_sub(out.len()));
            let (read, wrote) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress_vec(rest, out, FlushDecompress::Sync);
            let status = status.map_err(|_| InflateError::Malformed)?;
            let read = usize::try_from(self.state.total_in() - read).unwrap_or(0);
            let wrote = self.state.total_out() - wrote;
            rest = rest.get(read..).unwrap_or_default();
            if out.len() > max {
                return Err(InflateError::TooLarge);
            }
            if status == Status::StreamEnd {
                // A final block ends its stream; what follows begins another (RFC 7692, 7.2.3.4).
                self.state.reset(false);
            }
            let full = out.len() == out.capacity();
            if rest.is_empty() && !full {
                return Ok(());
            }
            if read == 0 && wrote == 0 && !full {
                return Err(InflateError::Malformed);
            }
        }
    }
}

/// Compresses messages for any number of connections, one after the other.
pub struct Deflater {
    state: Compress,
}

impl Deflater {
    /// A deflater of a level from 1 (fast) to 9 (small).
    #[must_use]
    pub fn new(level: u32) -> Self {
        Self { state: Compress::new(Compression::new(level.clamp(1, 9)), false) }
    }

    /// The payload of a compressed frame; `None` if it would not be smaller.
    pub fn deflate_message(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() < WORTH_BYTES {
            return None;
        }
        self.state.reset();
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        let mut rest = message;
        loop {
            let read = self.state.total_in();
            self.state.compress_vec(rest, &mut out, FlushCompress::Sync).ok()?;
            let read = usize::try_from(self.state.total_in() - read).unwrap_or(0);
            rest = rest.get(read..).unwrap_or_default();
            if out.len() >= message.len() {
                return None;
            }
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
            out.reserve(STEP);
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        Some(out)
    }
}
