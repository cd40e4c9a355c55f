//! What waits to be written to one connection.

use bytes::Bytes;
use smallvec::SmallVec;
use std::io::{self, Write};

/// Frames smaller than this together are copied side by side and written with one plain call.
const COPY_BELOW: usize = 16 * 1024;

/// Place for so many more is made with the second frame.
const BURST: usize = 7;

/// Frames side by side, and which they are: whoever hears the same channels is written the same
/// bytes. Good for one flush of a loop, in which no frame is made.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    /// Address and length of each.
    frames: Vec<(usize, usize)>,
}

impl Scratch {
    /// Addresses mean nothing any more.
    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }

    fn holds(&self, frames: &[Waiting]) -> bool {
        let ours = self.frames.iter().copied();
        self.frames.len() == frames.len() && ours.eq(frames.iter().map(Waiting::place))
    }

    /// The next frames, but for the first `skip` bytes.
    fn gather(&mut self, frames: &[Waiting], mut skip: usize) -> &[u8] {
        if skip > 0 || !self.holds(frames) {
            self.bytes.clear();
            self.frames.clear();
            let whole = skip == 0;
            for waiting in frames {
                self.bytes.extend_from_slice(waiting.frame.get(skip..).unwrap_or_default());
                self.frames.extend(whole.then(|| waiting.place()));
                skip = 0;
                if self.bytes.len() >= COPY_BELOW {
                    break;
                }
            }
        }
        &self.bytes
    }
}

impl Waiting {
    fn place(&self) -> (usize, usize) {
        (self.frame.as_ptr().addr(), self.frame.len())
    }
}

/// A frame and what may replace it while it waits; 0 for nothing.
#[derive(Debug)]
struct Waiting {
    frame: Bytes,
    replaces: u64,
}

/// Frames in order. Empty, it holds no memory of its own.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: SmallVec<[Waiting; 1]>,
    /// Bytes of the first frame that are written already.
    written: usize,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, frame: Bytes, replaces: u64) {
        self.bytes += frame.len();
        // Where two wait, more follow.
        if self.frames.len() == 1 && !self.frames.spilled() {
            self.frames.reserve(BURST);
        }
        self.frames.push(Waiting { frame, replaces });
    }

    /// Puts the frame in the place of the newest waiting one of the same kind, unless that one is
    /// on its way already.
    pub(crate) fn replace(&mut self, frame: &Bytes, kind: u64) -> bool {
        let first_free = usize::from(self.written > 0);
        let same = self.frames.iter_mut().skip(first_free).rev().find(|waiting| waiting.replaces == kind);
        let Some(waiting) = same else { return false };
        self.bytes = self.bytes - waiting.frame.len() + frame.len();
        waiting.frame = frame.clone();
        true
    }

    /// Removes the oldest waiting frame of this kind when there are `depth` of them.
    pub(crate) fn drop_oldest(&mut self, kind: u64, depth: usize) -> bool {
        let first_free = usize::from(self.written > 0);
        if self.frames.iter().skip(first_free).filter(|waiting| waiting.replaces == kind).count() < depth.max(1) {
            return false;
        }
        let Some(at) = self.frames.iter().skip(first_free).position(|waiting| waiting.replaces == kind) else {
            return false;
        };
        let dropped = self.frames.remove(at + first_free);
        self.bytes -= dropped.frame.len();
        true
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes as much as the other end takes. `Ok(true)` when nothing is left. `scratch` is the
    /// loop's, to put small frames side by side.
    pub(crate) fn write_to(&mut self, mut to: impl Write, scratch: &mut Scratch, calls: &mut u64) -> io::Result<bool> {
        while let Some(first) = self.frames.first() {
            let wanted;
            let wrote = if self.frames.len() == 1 {
                let rest = first.frame.get(self.written..).unwrap_or_default();
                wanted = rest.len();
                *calls += 1;
                to.write(rest)
            } else {
                let together = scratch.gather(&self.frames, self.written);
                wanted = together.len();
                *calls += 1;
                to.write(together)
            };
            match wrote {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.advance(n);
                    // A short write: the kernel's buffer is full, another call would only say so.
                    if n < wanted {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Everything that waits, as one buffer.
    pub(crate) fn take_all(&mut self) -> Option<Bytes> {
        let mut frames = std::mem::take(&mut self.frames);
        self.bytes = 0;
        self.written = 0;
        match frames.len() {
            0 => None,
            1 => frames.pop().map(|waiting| waiting.frame),
            _ => {
                let mut all = Vec::with_capacity(frames.iter().map(|waiting| waiting.frame.len()).sum());
                frames.iter().for_each(|waiting| all.extend_from_slice(&waiting.frame));
                Some(all.into())
            }
        }
    }

    fn advance(&mut self, mut n: usize) {
        self.bytes = self.bytes.saturating_sub(n);
        let mut done = 0;
        for waiting in &self.frames {
            let rest = waiting.frame.len() - self.written;
            if n < rest {
                self.written += n;
                break;
            }
            n -= rest;
            self.written = 0;
            done += 1;
        }
        self.frames.drain(..done);
        if self.frames.is_empty() && self.frames.spilled() {
            self.frames = SmallVec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then would block.
    struct Narrow(Vec<u8>, usize);

    impl Write for Narrow {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let n = data.len().min(self.1);
            if n == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.1 -= n;
            self.0.extend_from_slice(&data[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn order_survives_any_narrowness() {
        for width in 1..40 {
            let mut outbox = Outbox::default();
            let mut expected = Vec::new();
            for i in 0..7_u8 {
                let frame = vec![i; usize::from(i) + 1];
                expected.extend_from_slice(&frame);
                outbox.push(frame.into(), 0);
            }
            let mut got = Vec::new();
            let (mut scratch, mut calls) = (Scratch::default(), 0);
            while !outbox.is_empty() {
                let mut narrow = Narrow(Vec::new(), width);
                outbox.write_to(&mut narrow, &mut scratch, &mut calls).unwrap();
                got.extend(narrow.0);
            }
            assert_eq!(got, expected);
            assert_eq!(outbox.bytes(), 0);
        }
    }

    #[test]
    fn what_many_wait_for_is_put_together_once() {
        let frames: [Bytes; 3] = [vec![1; 5].into(), vec![2; 6].into(), vec![3; 7].into()];
        let filled = |frames: &[Bytes]| {
            let mut outbox = Outbox::default();
            frames.iter().for_each(|frame| outbox.push(frame.clone(), 0));
            outbox
        };
        let (mut scratch, mut calls) = (Scratch::default(), 0);
        for (some, held) in [(&frames[..], false), (&frames[..], true), (&frames[..2], false), (&frames[1..], false)] {
            let mut outbox = filled(some);
            assert_eq!(scratch.holds(&outbox.frames), held);
            let mut all = Narrow(Vec::new(), 100);
            assert!(outbox.write_to(&mut all, &mut scratch, &mut calls).unwrap());
            assert_eq!(all.0, some.concat());
        }
        scratch.clear();
        assert!(!scratch.holds(&filled(&frames[1..]).frames));
    }

    #[test]
    fn what_waits_may_be_replaced_but_not_what_is_on_its_way() {
        let mut outbox = Outbox::default();
        outbox.push("aaaa".into(), 7);
        let (mut scratch, mut calls) = (Scratch::default(), 0);
        outbox.write_to(Narrow(Vec::new(), 2), &mut scratch, &mut calls).unwrap();
        assert!(!outbox.replace(&"bbbb".into(), 7));
        outbox.push("bbbb".into(), 7);
        assert!(outbox.replace(&"cc".into(), 7));
        assert!(!outbox.replace(&"dd".into(), 8));
        let mut all = Narrow(Vec::new(), 100);
        assert!(outbox.write_to(&mut all, &mut scratch, &mut calls).unwrap());
        assert_eq!(all.0, b"aacc");
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut outbox = Outbox::default();
        for frame in ["a", "b", "c"] {
            outbox.drop_oldest(1, 2);
            outbox.push(frame.into(), 1);
        }
        assert_eq!(outbox.take_all().unwrap(), "bc");
    }
}
