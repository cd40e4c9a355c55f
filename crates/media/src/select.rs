//! Which encoding of a video a subscriber receives.
//!
//! Rules follow LiveKit's: a shown size wins over a quality step, and the chosen layer is the
//! smallest that is at least nine tenths as high as what is shown.

/// What a subscriber wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) disabled: bool,
    /// 0 low, 1 medium, 2 high, 3 off.
    pub(crate) quality: i32,
    /// Shown size in pixels, 0 if not said.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Frames per second, 0 for all.
    pub(crate) fps: u32,
}

/// One encoding that could be forwarded, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Available {
    pub(crate) layer: u8,
    /// Pixels, 0 if unknown.
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Wanted {
    fn is_off(&self) -> bool {
        self.disabled || self.quality == 3
    }

    /// The layer index wanted among the announced ones; `None` for nothing at all.
    pub(crate) fn quality_of(&self, announced: &[Available]) -> Option<u8> {
        if self.is_off() {
            return None;
        }
        if self.height > 0 || self.width > 0 {
            let fits = announced.iter().find(|a| self.fits(a)).or(announced.last());
            if let Some(found) = fits.filter(|a| a.height > 0) {
                return Some(found.layer);
            }
        }
        Some(u8::try_from(self.quality.clamp(0, 2)).unwrap_or(2))
    }

    fn fits(&self, layer: &Available) -> bool {
        // Tenths keep it in integers: layer ≥ 0.9 × shown.
        let enough = |have: u32, shown: u32| u64::from(have) * 10 >= u64::from(shown) * 9;
        enough(layer.height, self.height) && (self.height > 0 || enough(layer.width, self.width))
    }

    /// Temporal layers to drop for the wanted frame rate, counted for a 30 frames/s source with
    /// three temporal layers, as browsers encode.
    fn max_temporal(&self) -> u8 {
        match self.fps {
            0 | 16.. => 3,
            8..=15 => 1,
            _ => 0,
        }
    }
}

/// Where a subscription stands between layers. A switch happens on a keyframe of the target; until
/// then the current layer goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LayerSwitch {
    paused: bool,
    current: Option<u8>,
    target: Option<u8>,
    max_temporal: Option<u8>,
}

impl LayerSwitch {
    /// The layer being forwarded.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// The layer a keyframe is needed of.
    pub(crate) fn needs_keyframe(&self) -> Option<u8> {
        if self.paused || self.current == self.target { None } else { self.target }
    }

    pub(crate) fn max_temporal(&self) -> u8 {
        self.max_temporal.unwrap_or(3)
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Chooses the target among the layers that are alive. With none alive nothing changes: the
    /// publisher pauses and goes on where it was.
    pub(crate) fn aim(&mut self, available: &[Available], wanted: &Wanted) {
        if wanted.is_off() {
            *self = Self { paused: true, ..Self::default() };
            return;
        }
        self.paused = false;
        self.max_temporal = Some(wanted.max_temporal());
        let Some(ideal) = wanted.quality_of(available) else { return };
        let at_most = available.iter().rev().find(|a| a.layer <= ideal);
        let Some(chosen) = at_most.or(available.first()) else { return };
        self.target = Some(chosen.layer);
        if self.current.is_some_and(|c| !available.iter().any(|a| a.layer == c)) {
            self.current = None;
        }
    }

    /// Whether to forward a packet; a keyframe of the target moves to it.
    pub(crate) fn decide(&mut self, layer: u8, keyframe: bool, video: bool) -> bool {
        if self.paused {
            return false;
        }
        if video && keyframe && self.target == Some(layer) {
            self.current = self.target;
        }
        !video || self.current == Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Available; 3] = [
        Available { layer: 0, width: 320, height: 180 },
        Available { layer: 1, width: 640, height: 360 },
        Available { layer: 2, width: 1280, height: 720 },
    ];

    fn wants(quality: i32, width: u32, height: u32) -> Wanted {
        Wanted { disabled: false, quality, width, height, fps: 0 }
    }

    #[test]
    fn size_wins_over_quality() {
        for (height, layer) in [(1, 0), (180, 0), (200, 0), (201, 1), (400, 1), (401, 2), (2000, 2)] {
            assert_eq!(wants(2, height * 16 / 9, height).quality_of(&ALL), Some(layer), "{height}");
        }
        assert_eq!(wants(1, 0, 0).quality_of(&ALL), Some(1));
        assert_eq!(wants(3, 0, 0).quality_of(&ALL), None);
    }

    #[test]
    fn switches_on_a_keyframe_of_the_target_only() {
        let mut switch = LayerSwitch::default();
        switch.aim(&ALL, &wants(2, 0, 0));
        assert_eq!(switch.needs_keyframe(), Some(2));
        assert!(!switch.decide(2, false, true));
        assert!(!switch.decide(0, true, true));
        assert!(switch.decide(2, true, true));
        switch.aim(&ALL, &wants(0, 0, 0));
        assert!(switch.decide(2, false, true), "the old layer goes on until the keyframe");
        assert!(switch.decide(0, true, true));
        assert!(!switch.decide(2, true, true));
    }

    #[test]
    fn a_vanished_layer_falls_back() {
        let mut switch = LayerSwitch::default();
        switch.aim(&ALL, &wants(2, 0, 0));
        switch.decide(2, true, true);
        switch.aim(&ALL[..2], &wants(2, 0, 0));
        assert_eq!((switch.current(), switch.needs_keyframe()), (None, Some(1)));
        switch.aim(&[], &wants(2, 0, 0));
        assert_eq!(switch.needs_keyframe(), Some(1), "with nothing alive nothing changes");
    }

    #[test]
    fn a_pause_needs_a_keyframe_afterwards() {
        let mut switch = LayerSwitch::default();
        switch.aim(&ALL, &wants(0, 0, 0));
        switch.decide(0, true, true);
        switch.aim(&ALL, &Wanted { disabled: true, ..wants(0, 0, 0) });
        assert!(!switch.decide(0, true, true));
        switch.aim(&ALL, &wants(0, 0, 0));
        assert_eq!(switch.needs_keyframe(), Some(0));
    }
}
