//! Redundant audio (RFC 2198).

use super::Cursor;

/// The newest block of a redundant payload: the one an ordinary packet would carry. `None` if the
/// block headers promise more than there is.
#[must_use]
pub fn red_primary(payload: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor(payload);
    let mut redundant = 0usize;
    // Four bytes per older block: payload type, time offset, length; one byte for the newest.
    while cursor.byte()? & 0x80 != 0 {
        let (_, high, low) = (cursor.byte()?, cursor.byte()?, cursor.byte()?);
        redundant += usize::from(u16::from_be_bytes([high & 0x03, low]));
    }
    cursor.0.get(redundant..)
}

#[cfg(test)]
mod tests {
    use super::red_primary;

    #[test]
    fn skips_older_blocks() {
        assert_eq!(red_primary(b"\x6fnew"), Some(&b"new"[..]));
        assert_eq!(red_primary(b"\xef\x0f\x00\x03\x6foldnew"), Some(&b"new"[..]));
        assert_eq!(red_primary(b"\xef\x0f\x00\x02\xef\x07\x80\x03\x6faabbbnew"), Some(&b"new"[..]));
        assert_eq!(red_primary(b"\xef\x0f\x00\x03\x6fold"), Some(&b""[..]));
    }

    #[test]
    fn refuses_what_is_cut() {
        for payload in [&b""[..], b"\xef", b"\xef\x0f\x00\x03", b"\xef\x0f\x00\x03\x6fol"] {
            assert_eq!(red_primary(payload), None, "{payload:?}");
        }
    }
}
