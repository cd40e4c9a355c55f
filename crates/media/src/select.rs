//! Which encoding a subscriber gets: what it wants against what there is, and the moment to change.

use tandem_core::Quality;

/// A layer is tall enough if it has nine tenths of the height shown: the rest is not seen.
const ENOUGH_PERCENT: u64 = 90;
/// Heights assumed of layers whose publisher announced none; the highest is whatever it is.
const ASSUMED_HEIGHTS: [u32; 3] = [180, 360, u32::MAX];
/// `quality` of settings that want nothing.
const QUALITY_OFF: i32 = 3;
/// All temporal layers.
const ALL_TEMPORAL: u8 = u8::MAX;

/// One encoding of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Available {
    /// 0 smallest.
    pub(crate) spatial: u8,
    /// Pixels, 0 if not announced.
    pub(crate) width: u32,
    /// Pixels, 0 if not announced.
    pub(crate) height: u32,
    /// Packets arrive.
    pub(crate) active: bool,
}

/// What a subscriber asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// Nothing for now.
    pub(crate) disabled: bool,
    /// 0 low, 1 medium, 2 high, 3 off; used if no height is given.
    pub(crate) quality: i32,
    /// Shown size in pixels, 0 if not said.
    pub(crate) width: u32,
    /// Shown size in pixels, 0 if not said.
    pub(crate) height: u32,
    /// Frames per second, 0 for all.
    pub(crate) fps: u32,
}

impl Wanted {
    /// The encoding that suits best of those announced, whether it is being sent or not; for
    /// asking the publisher. Layers in ascending order.
    pub(crate) fn quality_of(&self, announced: &[Available]) -> Option<Quality> {
        let spatial = self.ideal(announced)?;
        Some(match spatial {
            0 => Quality::Low,
            1 => Quality::Medium,
            _ => Quality::High,
        })
    }

    /// The spatial layer to receive: the ideal one, else the next lower that is sent, else the
    /// lowest that is. If none is sent the ideal one is waited for.
    fn spatial(&self, layers: &[Available]) -> Option<u8> {
        let ideal = self.ideal(layers)?;
        let sent = || layers.iter().filter(|l| l.active).map(|l| l.spatial);
        Some(sent().filter(|s| *s <= ideal).max().or_else(|| sent().min()).unwrap_or(ideal))
    }

    fn ideal(&self, layers: &[Available]) -> Option<u8> {
        if self.disabled || (self.height == 0 && self.quality >= QUALITY_OFF) {
            return None;
        }
        let top = layers.iter().map(|l| l.spatial).max()?;
        if self.height == 0 {
            let wish = u8::try_from(self.quality.max(0)).unwrap_or(u8::MAX);
            return Some(layers.iter().map(|l| l.spatial).filter(|s| *s <= wish).max().unwrap_or(top.min(wish)));
        }
        let enough = |layer: &&Available| u64::from(self.shown(layer)) * 100 >= self.needed(layers) * ENOUGH_PERCENT;
        let lowest = layers.iter().filter(enough).min_by_key(|l| (l.spatial, l.height));
        let Some(lowest) = lowest else { return Some(top) };
        // Of layers equally tall the one with more bits.
        let twins = layers.iter().filter(|l| l.height == lowest.height && l.height != 0);
        Some(twins.map(|l| l.spatial).max().unwrap_or(lowest.spatial))
    }

    fn shown(&self, layer: &Available) -> u32 {
        match layer.height {
            0 => ASSUMED_HEIGHTS.get(usize::from(layer.spatial)).copied().unwrap_or(u32::MAX),
            height => height,
        }
    }

    /// Lines asked for. The assumed heights are those of the short side, whichever way the picture
    /// stands.
    fn needed(&self, layers: &[Available]) -> u64 {
        let assumed = layers.iter().any(|l| l.height == 0) && self.width != 0;
        u64::from(if assumed { self.height.min(self.width) } else { self.height })
    }

    /// Encoders halve the frame rate with each temporal layer left out; 30 is the usual full rate.
    fn temporal(&self) -> u8 {
        match self.fps {
            1..=8 => 0,
            9..=15 => 1,
            _ => ALL_TEMPORAL,
        }
    }
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Decision {
    /// Send it on.
    pub(crate) forward: bool,
    /// The subscription begins to receive this layer with it.
    pub(crate) switched: bool,
}

/// The encoding a subscription receives and the one it should. Changes happen on keyframes.
#[derive(Debug)]
pub(crate) struct LayerSwitch {
    current: Option<u8>,
    target: Option<u8>,
    paused: bool,
    /// Audio is flowing.
    started: bool,
    /// Highest temporal layer wanted, and the one received.
    max_temporal: u8,
    temporal: u8,
}

impl Default for LayerSwitch {
    fn default() -> Self {
        Self {
            current: None,
            target: None,
            paused: false,
            started: false,
            max_temporal: ALL_TEMPORAL,
            temporal: ALL_TEMPORAL,
        }
    }
}

impl LayerSwitch {
    /// The video layer being received.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// The layer a keyframe is needed of.
    pub(crate) fn needs_keyframe(&self) -> Option<u8> {
        self.target.filter(|_| !self.paused && self.current != self.target)
    }

    /// Stops or resumes. Video resumes with a keyframe.
    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        if paused {
            self.current = None;
            self.started = false;
        }
    }

    /// Chooses the layer to receive.
    pub(crate) fn aim(&mut self, layers: &[Available], wanted: &Wanted) {
        self.target = wanted.spatial(layers);
        self.max_temporal = wanted.temporal();
        let off = wanted.disabled || (wanted.height == 0 && wanted.quality >= QUALITY_OFF);
        self.set_paused(off);
    }

    /// Decides on a packet. `video` is false for audio and for codecs without known keyframes,
    /// which have one layer.
    pub(crate) fn decide(&mut self, layer: u8, keyframe: bool, video: bool) -> Decision {
        if self.paused {
            return Decision::default();
        }
        if !video {
            let switched = !std::mem::replace(&mut self.started, true);
            return Decision { forward: true, switched };
        }
        let switched = keyframe && self.target == Some(layer) && self.current != self.target;
        if switched {
            self.current = self.target;
        }
        let forward = self.current == Some(layer);
        if keyframe && forward {
            self.temporal = self.max_temporal;
        }
        Decision { forward, switched }
    }

    /// Whether a packet's temporal layer passes. Fewer layers take effect at once; more only where
    /// nothing left out is depended on: at a keyframe, or one by one with a `sync` frame each.
    pub(crate) fn passes(&mut self, temporal: u8, sync: bool) -> bool {
        self.temporal = self.temporal.min(self.max_temporal);
        if sync && temporal == self.temporal.saturating_add(1) && temporal <= self.max_temporal {
            self.temporal = temporal;
        }
        temporal <= self.temporal
    }
}

#[cfg(test)]
mod tests;
