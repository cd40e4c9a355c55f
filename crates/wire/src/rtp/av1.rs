//! AV1 aggregation header (RTP Payload Format For AV1 v1.0.0, §4.4).

/// The first byte of an AV1 payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Av1 {
    /// The first element continues one of the packet before (Z).
    pub continues: bool,
    /// The last element goes on in the next packet (Y).
    pub unfinished: bool,
    /// Number of elements, 0 if each carries its length (W).
    pub elements: u8,
    /// First packet of a coded video sequence, that is of a keyframe (N).
    pub starts_sequence: bool,
}

impl Av1 {
    /// Reads the header; `None` for an empty payload.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let byte = *payload.first()?;
        let continues = byte & 0x80 != 0;
        Some(Self {
            continues,
            unfinished: byte & 0x40 != 0,
            elements: (byte >> 4) & 0x03,
            // Both bits together contradict each other.
            starts_sequence: byte & 0x08 != 0 && !continues,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Av1;

    #[test]
    fn bits() {
        let d = Av1::parse(&[0b0110_1000]).unwrap_or_default();
        assert!(d.unfinished && d.starts_sequence && !d.continues);
        assert_eq!(d.elements, 2);
        assert!(Av1::parse(&[0b1000_1000]).is_some_and(|d| d.continues && !d.starts_sequence));
        assert_eq!(Av1::parse(&[]), None);
    }
}
