//! H.264 NAL units in RTP (RFC 6184 §5).

use super::Cursor;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const STAP_B: u8 = 25;
const FU_A: u8 = 28;
const FU_B: u8 = 29;

pub(super) fn is_keyframe(payload: &[u8]) -> bool {
    let mut cursor = Cursor(payload);
    let Some(kind) = cursor.byte().map(|b| b & 0x1f) else { return false };
    match kind {
        STAP_A => aggregate(cursor),
        // A decoding order number stands before the first unit.
        STAP_B => cursor.byte().and(cursor.byte()).is_some() && aggregate(cursor),
        FU_A | FU_B => cursor.byte().is_some_and(|b| b & 0x80 != 0 && begins(b & 0x1f)),
        single => begins(single),
    }
}

fn begins(kind: u8) -> bool {
    matches!(kind, IDR | SPS)
}

fn aggregate(mut cursor: Cursor<'_>) -> bool {
    while let Some(unit) = cursor.sized() {
        if unit.first().is_some_and(|b| begins(b & 0x1f)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_keyframe;

    #[test]
    fn keyframes() {
        let table: [(&[u8], bool, &str); 11] = [
            (&[0x65, 0x88], true, "IDR"),
            (&[0x67, 0x42], true, "SPS"),
            (&[0x68, 0xce], false, "PPS alone"),
            (&[0x41, 0x9a], false, "P slice"),
            (&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce], true, "STAP-A with SPS"),
            (&[0x78, 0, 2, 0x06, 0x05, 0, 2, 0x65, 0x88], true, "STAP-A with SEI then IDR"),
            (&[0x78, 0, 2, 0x41, 0x9a], false, "STAP-A with P slice"),
            (&[0x78, 0, 9, 0x65], false, "STAP-A cut short"),
            (&[0x7c, 0x85, 0x88], true, "FU-A start of IDR"),
            (&[0x7c, 0x05, 0x88], false, "FU-A middle of IDR"),
            (&[0x7c, 0x81, 0x88], false, "FU-A start of P slice"),
        ];
        for (payload, want, name) in table {
            assert_eq!(is_keyframe(payload), want, "{name}");
        }
        assert!(!is_keyframe(&[0x7c]));
    }
}
