//! VP8 payload descriptor (RFC 7741 §4.2).

use super::Cursor;

/// A parsed descriptor and the one bit of the frame header we need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp8 {
    /// Picture id, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The picture id has 15 bits.
    pub long_picture_id: bool,
    /// Running index of temporal base layer frames, 8 bits.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer, 0 to 3.
    pub temporal_id: Option<u8>,
    /// The frame depends on the base layer only (Y): a place to add its temporal layer.
    pub layer_sync: bool,
    /// Index of the keyframe this frame depends on, 5 bits.
    pub key_idx: Option<u8>,
    /// No other frame depends on this one (N).
    pub discardable: bool,
    /// First packet of a frame.
    pub frame_start: bool,
    /// First packet of a keyframe.
    pub keyframe: bool,
    /// Bytes of the descriptor.
    pub header_len: usize,
}

impl Vp8 {
    /// Reads the descriptor at the front of an RTP payload; `None` if it is cut short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let first = cursor.byte()?;
        let frame_start = first & 0x10 != 0 && first & 0x07 == 0;
        let mut d = Self { discardable: first & 0x20 != 0, frame_start, ..Self::default() };
        if first & 0x80 != 0 {
            d.extensions(&mut cursor)?;
        }
        d.header_len = payload.len() - cursor.0.len();
        // The frame header's lowest bit is clear in keyframes (RFC 6386 §9.1).
        d.keyframe = frame_start && cursor.byte().is_some_and(|b| b & 0x01 == 0);
        Some(d)
    }

    fn extensions(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let flags = cursor.byte()?;
        if flags & 0x80 != 0 {
            let (id, long) = cursor.picture_id()?;
            (self.picture_id, self.long_picture_id) = (Some(id), long);
        }
        if flags & 0x40 != 0 {
            self.tl0_pic_idx = Some(cursor.byte()?);
        }
        if flags & 0x30 != 0 {
            let byte = cursor.byte()?;
            if flags & 0x20 != 0 {
                self.temporal_id = Some(byte >> 6);
                self.layer_sync = byte & 0x20 != 0;
            }
            self.key_idx = (flags & 0x10 != 0).then_some(byte & 0x1f);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_flags() {
        let bare = Vp8::parse(&[0x10, 0x00]).unwrap_or_default();
        assert!(bare.frame_start && bare.keyframe && bare.picture_id.is_none());
        assert_eq!(bare.header_len, 1);

        let full = Vp8::parse(&[0xb0, 0xf0, 0x92, 0x34, 0x56, 0xa9, 0x01]).unwrap_or_default();
        assert_eq!((full.picture_id, full.long_picture_id), (Some(0x1234), true));
        assert_eq!((full.tl0_pic_idx, full.temporal_id, full.key_idx), (Some(0x56), Some(2), Some(9)));
        assert!(full.layer_sync && full.discardable && full.frame_start && !full.keyframe);
        assert_eq!(full.header_len, 6);

        let short = Vp8::parse(&[0x80, 0x80, 0x7f, 0x00]).unwrap_or_default();
        assert_eq!((short.picture_id, short.long_picture_id, short.header_len), (Some(0x7f), false, 3));
        assert!(!short.keyframe, "no start of a frame");

        let tid_only = Vp8::parse(&[0x80, 0x20, 0x40, 0x00]).unwrap_or_default();
        assert_eq!((tid_only.temporal_id, tid_only.key_idx, tid_only.layer_sync), (Some(1), None, false));
    }

    #[test]
    fn later_partitions_start_no_frame() {
        assert!(Vp8::parse(&[0x11, 0x00]).is_some_and(|d| !d.frame_start && !d.keyframe));
        assert!(Vp8::parse(&[0x00, 0x00]).is_some_and(|d| !d.frame_start));
        assert!(Vp8::parse(&[0x10, 0x01]).is_some_and(|d| d.frame_start && !d.keyframe));
    }

    #[test]
    fn cut_descriptors_are_refused() {
        let full = [0x90, 0xf0, 0x92, 0x34, 0x56, 0xa9];
        for cut in 0..full.len() {
            assert_eq!(Vp8::parse(&full[..cut]), None, "cut at {cut}");
        }
        assert!(Vp8::parse(&full).is_some_and(|d| !d.keyframe), "no frame header to look at");
    }
}
