//! Masks of clients' frames.

/// Takes the mask off (RFC 6455, section 5.3), eight bytes at a time, which compilers widen further,
/// and turns the mask so that it fits the bytes that follow these.
pub(super) fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let [a, b, c, d] = *mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    mask.rotate_left(rest.len() % 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_pieces_at_any_alignment() {
        let clear: Vec<u8> = (0..100).collect();
        let masked: Vec<u8> = clear.iter().zip([9, 8, 7, 255].iter().cycle()).map(|(a, b)| a ^ b).collect();
        for first in 0..40 {
            for second in 0..40 {
                let mut bytes = masked.clone();
                let mut mask = [9, 8, 7, 255];
                let (a, rest) = bytes.split_at_mut(first);
                let (b, c) = rest.split_at_mut(second);
                for piece in [a, b, c] {
                    unmask(piece, &mut mask);
                }
                assert_eq!(bytes, clear, "{first} {second}");
            }
        }
    }
}
