//! VP8 picture id, TL0PICIDX and KEYIDX (RFC 7741 §4.2) across encodings and left-out frames.

use tandem_wire::rtp::Vp8;

/// Ids for one packet, each where the source has one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) picture_id: Option<u16>,
    pub(super) tl0_pic_idx: Option<u8>,
    pub(super) key_idx: Option<u8>,
}

/// The last ids written, and outgoing minus incoming ids of the current source, wrapping.
#[derive(Debug, Default)]
pub(super) struct Ids {
    last: Mapped,
    picture_shift: u16,
    tl0_shift: u8,
    key_shift: u8,
}

impl Ids {
    /// A source begins, with a keyframe: each id goes on by one.
    pub(super) fn begin(&mut self, vp8: &Vp8) {
        let picture = self.last.picture_id.zip(vp8.picture_id);
        self.picture_shift = picture.map_or(0, |(last, id)| last.wrapping_add(1).wrapping_sub(id));
        let tl0 = self.last.tl0_pic_idx.zip(vp8.tl0_pic_idx);
        self.tl0_shift = tl0.map_or(0, |(last, id)| last.wrapping_add(1).wrapping_sub(id));
        let key = self.last.key_idx.zip(vp8.key_idx);
        self.key_shift = key.map_or(0, |(last, id)| last.wrapping_add(1).wrapping_sub(id));
    }

    /// A frame is left out: pictures after it move up.
    pub(super) fn skip_frame(&mut self) {
        self.picture_shift = self.picture_shift.wrapping_sub(1);
    }

    /// Ids for the newest packet.
    pub(super) fn advance(&mut self, vp8: &Vp8) -> Mapped {
        let mapped = self.map(vp8, 0);
        self.last = Mapped {
            picture_id: mapped.picture_id.or(self.last.picture_id),
            tl0_pic_idx: mapped.tl0_pic_idx.or(self.last.tl0_pic_idx),
            key_idx: mapped.key_idx.or(self.last.key_idx),
        };
        mapped
    }

    /// Ids for a packet after which `skipped` frames were left out.
    pub(super) fn map(&self, vp8: &Vp8, skipped: u32) -> Mapped {
        let width = if vp8.long_picture_id { 0x7fff } else { 0x7f };
        let skipped = u16::try_from(skipped & 0x7fff).unwrap_or(0);
        let picture = |id: u16| id.wrapping_add(self.picture_shift).wrapping_add(skipped) & width;
        Mapped {
            picture_id: vp8.picture_id.map(picture),
            tl0_pic_idx: vp8.tl0_pic_idx.map(|id| id.wrapping_add(self.tl0_shift)),
            key_idx: vp8.key_idx.map(|id| id.wrapping_add(self.key_shift) & 0x1f),
        }
    }
}
