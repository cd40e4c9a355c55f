//! What an SFU must see of RTP payloads: frame starts, keyframes, layers.

mod av1;
mod h264;
mod h265;
mod red;
mod trailer;
mod vp8;
mod vp9;

pub use av1::Av1;
pub use red::red_primary;
pub use trailer::without_trailer;
pub use vp8::Vp8;
pub use vp9::Vp9;

/// A video codec whose payloads we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum VideoCodec {
    Vp8,
    Vp9,
    H264,
    Av1,
    H265,
}

impl VideoCodec {
    /// The codec of an SDP encoding name or a MIME type (`VP8`, `video/vp8`), in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let all = [Self::Vp8, Self::Vp9, Self::H264, Self::Av1, Self::H265];
        all.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The encoding name SDP uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
            Self::H265 => "H265",
        }
    }
}

/// Whether a decoder can begin with this packet: it is the first of a keyframe, or a parameter set
/// that precedes one. Malformed payloads are no keyframes.
#[must_use]
pub fn is_keyframe(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => Vp8::parse(payload).is_some_and(|d| d.keyframe),
        VideoCodec::Vp9 => Vp9::parse(payload).is_some_and(|d| d.is_keyframe()),
        VideoCodec::H264 => h264::is_keyframe(payload),
        VideoCodec::Av1 => Av1::parse(payload).is_some_and(|d| d.starts_sequence),
        VideoCodec::H265 => h265::is_keyframe(payload),
    }
}

/// Reads bytes from the front of a payload.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A 7-bit id, or a 15-bit one if the top bit of its first byte is set; and which of them.
    fn picture_id(&mut self) -> Option<(u16, bool)> {
        let first = self.byte()?;
        if first & 0x80 == 0 {
            return Some((u16::from(first), false));
        }
        Some((u16::from_be_bytes([first & 0x7f, self.byte()?]), true))
    }

    /// Bytes behind two bytes of length.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.0 = rest;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_both_directions() {
        for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264, VideoCodec::Av1, VideoCodec::H265] {
            let mime = format!("video/{}", codec.name().to_lowercase());
            assert_eq!(VideoCodec::from_name(&mime), Some(codec));
            assert_eq!(VideoCodec::from_name(codec.name()), Some(codec));
            assert!(!is_keyframe(codec, &[]));
        }
        assert_eq!(VideoCodec::from_name("video/rtx"), None);
    }
}
