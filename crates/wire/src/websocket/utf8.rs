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
