//! UTF-8 that comes in pieces: wrong as early as it can be known (RFC 6455, section 8.1).

/// Checks a text that arrives in pieces. Remembers at most three bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    open: [u8; 4],
    count: u8,
}

/// The text is no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Utf8 {
    /// The next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        let mut rest = piece;
        while self.count > 0 {
            let Some((byte, tail)) = rest.split_first() else { return Ok(()) };
            rest = tail;
            let place = self.open.get_mut(usize::from(self.count)).ok_or(NotUtf8)?;
            *place = *byte;
            self.count += 1;
            let open = self.open.get(..usize::from(self.count)).unwrap_or_default();
            match std::str::from_utf8(open) {
                Ok(_) => self.count = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(NotUtf8),
            }
        }
        // The fast check says yes or no; the slow one says where it ends.
        if simdutf8::basic::from_utf8(rest).is_ok() {
            return Ok(());
        }
        match std::str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = rest.get(error.valid_up_to()..).unwrap_or_default();
                self.open.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
                self.count = u8::try_from(tail.len()).unwrap_or(0);
                Ok(())
            }
            Err(_) => Err(NotUtf8),
        }
    }

    /// No character is left open.
    pub(super) fn is_whole(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are taken before one is refused, one byte at a time, and whether all is whole.
    fn taken(text: &[u8]) -> (usize, bool) {
        let mut utf8 = Utf8::default();
        let taken = text.iter().take_while(|byte| utf8.feed(&[**byte]).is_ok()).count();
        (taken, utf8.is_whole())
    }

    #[test]
    fn the_first_wrong_byte_is_refused() {
        for (text, count) in [
            // Alone where they cannot be: continuations, bytes that begin nothing.
            (&b"a\x80"[..], 1),
            (b"\xbf", 0),
            (b"\xfe", 0),
            (b"\xff", 0),
            // Too few continuations.
            (b"\xc3 ", 1),
            (b"\xe0\xa0 ", 2),
            (b"\xf0\x90\x80 ", 3),
            // Longer than needed.
            (b"\xc0\xaf", 0),
            (b"\xc1\xbf", 0),
            (b"\xe0\x80\xaf", 1),
            (b"\xe0\x9f\xbf", 1),
            (b"\xf0\x80\x80\xaf", 1),
            (b"\xf0\x8f\xbf\xbf", 1),
            (b"\xf8\x88\x80\x80\x80", 0),
            (b"\xfc\x84\x80\x80\x80\x80", 0),
            // Surrogates, and beyond the last character.
            (b"\xed\xa0\x80", 1),
            (b"\xed\xbf\xbf", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xf5\x80\x80\x80", 0),
        ] {
            assert_eq!(taken(text).0, count, "{text:x?}");
            // In one piece the answer is the same.
            assert_eq!(Utf8::default().feed(text), Err(NotUtf8), "{text:x?}");
        }
    }

    #[test]
    fn the_ends_of_every_length() {
        for text in ["\0", "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{fffd}", "\u{ffff}"] {
            assert_eq!(taken(text.as_bytes()), (text.len(), true), "{text:?}");
        }
        for text in ["\u{10000}", "\u{10ffff}", "\u{1fffe}", "κόσμε"] {
            assert_eq!(taken(text.as_bytes()), (text.len(), true), "{text:?}");
            for end in (0..text.len()).filter(|end| !text.is_char_boundary(*end)) {
                assert_eq!(taken(&text.as_bytes()[..end]), (end, false), "{text:?}");
            }
        }
    }
}
