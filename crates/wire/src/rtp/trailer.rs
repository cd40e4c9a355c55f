//! Metadata that LiveKit clients append to encoded frames.

const MAGIC: &[u8] = b"LKTS";
/// Magic and the length byte.
const MIN: usize = 5;

/// The payload without its packet trailer, or all of it if there is none.
///
/// A trailer ends the last packet (marker bit) of a frame: its body, one byte of total length
/// (magic and itself included) XOR 0xff, and the magic `LKTS`. For packets that end no frame,
/// do not ask.
#[must_use]
pub fn without_trailer(payload: &[u8]) -> &[u8] {
    cut(payload).unwrap_or(payload)
}

fn cut(payload: &[u8]) -> Option<&[u8]> {
    let (length, _) = payload.strip_suffix(MAGIC)?.split_last()?;
    let length = usize::from(length ^ 0xff);
    if length < MIN {
        return None;
    }
    payload.get(..payload.len().checked_sub(length)?)
}

#[cfg(test)]
mod tests {
    use super::without_trailer;

    #[test]
    fn cuts_only_whole_trailers() {
        let table: [(&[u8], &[u8]); 6] = [
            (b"frame\x01\x02\xf8LKTS", b"frame"),
            (b"frame\xfaLKTS", b"frame"),
            (b"\xfaLKTS", b""),
            (b"frame\xfbLKTS", b"frame\xfbLKTS"),
            (b"ab\xf0LKTS", b"ab\xf0LKTS"),
            (b"LKTS", b"LKTS"),
        ];
        for (payload, want) in table {
            assert_eq!(without_trailer(payload), want, "{payload:?}");
        }
    }
}
