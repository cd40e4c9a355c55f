//! H.265 NAL units in RTP (RFC 7798 §4.4).

use super::Cursor;

/// Intra random access points (H.265 table 7-1).
const IRAP: std::ops::RangeInclusive<u8> = 16..=21;
const VPS: u8 = 32;
const SPS: u8 = 33;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

pub(super) fn is_keyframe(payload: &[u8]) -> bool {
    let mut cursor = Cursor(payload);
    let (Some(first), Some(_)) = (cursor.byte(), cursor.byte()) else { return false };
    match kind(first) {
        AGGREGATE => {
            let units = std::iter::from_fn(|| cursor.sized());
            units.filter_map(|unit| unit.first()).any(|b| begins(kind(*b)))
        }
        FRAGMENT => cursor.byte().is_some_and(|b| b & 0x80 != 0 && begins(b & 0x3f)),
        single => begins(single),
    }
}

fn kind(byte: u8) -> u8 {
    (byte >> 1) & 0x3f
}

fn begins(kind: u8) -> bool {
    IRAP.contains(&kind) || kind == VPS || kind == SPS
}

#[cfg(test)]
mod tests {
    use super::is_keyframe;

    #[test]
    fn keyframes() {
        let table: [(&[u8], bool, &str); 7] = [
            (&[0x26, 0x01, 0xaf], true, "IDR_W_RADL"),
            (&[0x40, 0x01, 0x0c], true, "VPS"),
            (&[0x02, 0x01, 0xd0], false, "TRAIL_R"),
            (&[0x60, 0x01, 0, 2, 0x44, 0x01, 0, 2, 0x42, 0x01], true, "aggregate of PPS and SPS"),
            (&[0x62, 0x01, 0x93, 0xaf], true, "start of fragmented IDR"),
            (&[0x62, 0x01, 0x13, 0xaf], false, "middle of fragmented IDR"),
            (&[0x26], false, "half a header"),
        ];
        for (payload, want, name) in table {
            assert_eq!(is_keyframe(payload), want, "{name}");
        }
    }
}
