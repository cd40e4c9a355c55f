//! VP9 payload descriptor (RFC 9628 §4.2).

use super::Cursor;

/// A parsed descriptor, without the scalability structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp9 {
    /// Picture id, 7 or 15 bits (I).
    pub picture_id: Option<u16>,
    /// The picture id has 15 bits.
    pub long_picture_id: bool,
    /// Predicted from earlier pictures (P).
    pub inter_picture: bool,
    /// Flexible mode: the descriptor lists its references (F).
    pub flexible: bool,
    /// First packet of a frame (B).
    pub frame_start: bool,
    /// Last packet of a frame (E).
    pub frame_end: bool,
    /// Not a reference for higher spatial layers (Z).
    pub not_reference: bool,
    /// Temporal layer, 0 to 7 (T).
    pub temporal_id: Option<u8>,
    /// From here the receiver may go up to this temporal layer (U).
    pub switching_up: bool,
    /// Spatial layer, 0 to 7 (S).
    pub spatial_id: Option<u8>,
    /// Predicted from the spatial layer below (D).
    pub inter_layer: bool,
    /// Running index of temporal base layer frames, non-flexible mode only.
    pub tl0_pic_idx: Option<u8>,
    /// A scalability structure follows the fields above (V).
    pub has_structure: bool,
}

impl Vp9 {
    /// Reads the descriptor at the front of an RTP payload; `None` if it is cut short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let flags = cursor.byte()?;
        let bit = |mask: u8| flags & mask != 0;
        let mut d = Self {
            inter_picture: bit(0x40),
            flexible: bit(0x10),
            frame_start: bit(0x08),
            frame_end: bit(0x04),
            has_structure: bit(0x02),
            not_reference: bit(0x01),
            ..Self::default()
        };
        if bit(0x80) {
            let (id, long) = cursor.picture_id()?;
            (d.picture_id, d.long_picture_id) = (Some(id), long);
        }
        if bit(0x20) {
            let layer = cursor.byte()?;
            d.temporal_id = Some(layer >> 5);
            d.switching_up = layer & 0x10 != 0;
            d.spatial_id = Some((layer >> 1) & 0x07);
            d.inter_layer = layer & 0x01 != 0;
            if !d.flexible {
                d.tl0_pic_idx = Some(cursor.byte()?);
            }
        }
        Some(d)
    }

    /// First packet of a picture that needs no earlier one, in its lowest spatial layer.
    #[must_use]
    pub fn is_keyframe(&self) -> bool {
        self.frame_start && !self.inter_picture && self.spatial_id.unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_flags() {
        let d = Vp9::parse(&[0b1010_1110, 0x81, 0x02, 0b0101_0011, 0x33, 0x00]).unwrap_or_default();
        assert_eq!((d.picture_id, d.long_picture_id), (Some(0x0102), true));
        assert_eq!((d.temporal_id, d.spatial_id, d.tl0_pic_idx), (Some(2), Some(1), Some(0x33)));
        assert!(d.switching_up && d.inter_layer && d.frame_start && d.frame_end && d.has_structure);
        assert!(!d.flexible && !d.inter_picture && !d.not_reference);

        let flexible = Vp9::parse(&[0b1111_0001, 0x05, 0b0010_0000, 0x02]).unwrap_or_default();
        assert_eq!((flexible.picture_id, flexible.temporal_id, flexible.tl0_pic_idx), (Some(5), Some(1), None));
        assert!(flexible.flexible && flexible.inter_picture && flexible.not_reference && !flexible.frame_start);
    }

    #[test]
    fn keyframes_are_base_layer_starts() {
        assert!(Vp9::parse(&[0b0000_1000]).is_some_and(|d| d.is_keyframe()));
        assert!(Vp9::parse(&[0b0100_1000]).is_some_and(|d| !d.is_keyframe()), "predicted");
        assert!(Vp9::parse(&[0b0000_0000]).is_some_and(|d| !d.is_keyframe()), "middle of a frame");
        assert!(Vp9::parse(&[0b0010_1000, 0b0000_0011, 0]).is_some_and(|d| !d.is_keyframe()), "upper spatial layer");
    }

    #[test]
    fn cut_descriptors_are_refused() {
        let full = [0b1010_1000, 0x81, 0x02, 0x00, 0x33];
        for cut in 0..full.len() {
            assert_eq!(Vp9::parse(&full[..cut]), None, "cut at {cut}");
        }
    }
}
