//! Headers of clients' frames (RFC 6455, section 5.2).

use super::error::{ProtocolError, wrong};

/// Longest header of a masked frame.
pub(super) const MAX_HEAD: usize = 14;
/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES: u8 = 125;

/// A header, read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) compressed: bool,
    pub(super) opcode: u8,
    /// Bytes of the payload that are still to come.
    pub(super) left: u64,
    /// Turned so that it fits the next of them.
    pub(super) mask: [u8; 4],
}

impl Frame {
    pub(super) fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// Reads a header and says how long it is; `None` if it is not whole. What is wrong with a header is
/// told as soon as the first bytes show it, however long the rest takes to come.
pub(super) fn parse(bytes: &[u8], deflate: bool, in_message: bool) -> Result<Option<(Frame, usize)>, ProtocolError> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    let (fin, compressed, opcode) = (first & 0x80 != 0, first & 0x40 != 0, first & 0x0f);
    check_first(*first, deflate, in_message)?;
    let Some((second, rest)) = rest.split_first() else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(wrong("frames of clients are masked"));
    }
    let short = second & 0x7f;
    if opcode & 8 != 0 && short > CONTROL_BYTES {
        return Err(wrong("a control frame is too long"));
    }
    let long = match short {
        126 => rest.split_first_chunk().map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest, 2)),
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest, 8)),
        short => Some((u64::from(short), rest, 0)),
    };
    let Some((left, rest, extra)) = long else { return Ok(None) };
    if left >> 63 != 0 {
        return Err(wrong("a length of more than 63 bits"));
    }
    let Some(mask) = rest.first_chunk() else { return Ok(None) };
    Ok(Some((Frame { fin, compressed, opcode, left, mask: *mask }, 2 + extra + 4)))
}

/// Reserved bits, opcodes and fragmentation (RFC 6455, sections 5.2, 5.4 and 5.5; RFC 7692, section 6).
fn check_first(first: u8, deflate: bool, in_message: bool) -> Result<(), ProtocolError> {
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
    let may_compress = deflate && matches!(opcode, 1 | 2);
    if first & 0x30 != 0 || (first & 0x40 != 0 && !may_compress) {
        return Err(wrong("reserved bits are set"));
    }
    match opcode {
        0 if !in_message => Err(wrong("nothing to continue")),
        1 | 2 if in_message => Err(wrong("the message before is not finished")),
        0..=2 => Ok(()),
        8..=10 if fin => Ok(()),
        8..=10 => Err(wrong("control frames are not fragmented")),
        _ => Err(wrong("reserved opcode")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length of header and payload.
    fn lengths(bytes: &[u8]) -> Result<Option<(usize, u64)>, u16> {
        let read = parse(bytes, false, false).map_err(|error| error.code())?;
        Ok(read.map(|(frame, used)| (used, frame.left)))
    }

    #[test]
    fn lengths_of_all_three_kinds() {
        for (head, used, left) in [
            (&[0x82, 0x80][..], 6, 0),
            (&[0x82, 0xfd], 6, 125),
            (&[0x82, 0xfe, 0, 126], 8, 126),
            (&[0x82, 0xfe, 0xff, 0xff], 8, 65_535),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], 14, 65_536),
        ] {
            let whole = [head, &[1, 2, 3, 4, 5, 6]].concat();
            for count in 0..used {
                assert_eq!(lengths(&whole[..count]), Ok(None), "{count} of {head:?}");
            }
            assert_eq!(lengths(&whole), Ok(Some((used, left))));
        }
        assert_eq!(lengths(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), Err(1002));
    }

    #[test]
    fn first_bytes() {
        let allowed = |deflate, in_message| {
            (0..=255).filter(|first| parse(&[*first], deflate, in_message).is_ok()).collect::<Vec<u8>>()
        };
        assert_eq!(allowed(false, false), [0x01, 0x02, 0x81, 0x82, 0x88, 0x89, 0x8a]);
        assert_eq!(allowed(false, true), [0x00, 0x80, 0x88, 0x89, 0x8a]);
        assert_eq!(allowed(true, false), [0x01, 0x02, 0x41, 0x42, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc1, 0xc2]);
        assert_eq!(allowed(true, true), [0x00, 0x80, 0x88, 0x89, 0x8a]);
    }
}
