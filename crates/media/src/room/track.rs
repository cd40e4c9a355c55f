//! A published track: its encodings, and who receives it.

use super::{ParticipantKey, SubscriptionKey};
use crate::dynacast::Dynacast;
use crate::select::Available;
use crate::transport::TransportKey;
use smallvec::SmallVec;
use std::time::{Duration, Instant};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Mid, Pt};
use str0m::rtp::Ssrc;
use tandem_core::{TrackInfo, TrackKind};
use tandem_wire::rtp::VideoCodec;

/// Three spatial layers, as all clients send at most.
pub(super) const LAYERS: usize = 3;
/// A layer without packets for so long has stopped.
const LAYER_IDLE: Duration = Duration::from_millis(1500);

/// One encoding as it arrives.
#[derive(Default, Clone)]
pub(super) struct Layer {
    pub(super) ssrc: Option<Ssrc>,
    pub(super) last_packet: Option<Instant>,
    pub(super) last_keyframe_request: Option<Instant>,
    pub(super) keyframe_wanted: bool,
    /// RTP timestamp and sender time in microseconds of the last sender report.
    pub(super) report: Option<(u32, u64)>,
    pub(super) packets: u64,
}

impl Layer {
    pub(super) fn is_live(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|at| now.saturating_duration_since(at) < LAYER_IDLE)
    }
}

/// What one payload type of the publisher carries.
#[derive(Clone, Copy)]
pub(super) struct Payload {
    pub(super) pt: Pt,
    pub(super) params: PayloadParams,
    /// Redundant audio (RFC 2198) around `params`.
    pub(super) red: bool,
    pub(super) video: Option<VideoCodec>,
}

/// See the module.
pub(super) struct Track {
    pub(super) info: TrackInfo,
    pub(super) cid: String,
    pub(super) publisher: ParticipantKey,
    pub(super) transport: TransportKey,
    pub(super) mid: Mid,
    pub(super) layers: [Layer; LAYERS],
    pub(super) payloads: SmallVec<[Payload; 2]>,
    pub(super) subscribers: Vec<SubscriptionKey>,
    pub(super) dynacast: Dynacast,
    pub(super) told_subscribed: bool,
    /// Live layers as of the last look, to notice changes.
    pub(super) live: u8,
}

impl Track {
    pub(super) fn is_video(&self) -> bool {
        self.info.kind == TrackKind::Video
    }

    /// `vp8`, `h264`, … as dynacast messages name it.
    pub(super) fn codec_name(&self) -> String {
        let mime = &self.info.mime_type;
        mime.rsplit('/').next().unwrap_or(mime).to_ascii_lowercase()
    }

    /// One bit per live layer.
    pub(super) fn live_layers(&self, now: Instant) -> u8 {
        let live = |(i, layer): (usize, &Layer)| if layer.is_live(now) { 1u8 << i } else { 0 };
        self.layers.iter().enumerate().map(live).fold(0, |a, b| a | b)
    }

    pub(super) fn describe(&self) -> String {
        let packets: Vec<u64> = self.layers.iter().map(|l| l.packets).collect();
        format!(
            "{} {:?} {} muted={} mid={} packets={packets:?} subscribers={}",
            self.info.sid,
            self.info.source,
            self.info.mime_type,
            self.info.muted,
            self.mid,
            self.subscribers.len()
        )
    }
}

/// The video codec of payload parameters, if it is one we understand.
pub(super) fn video_codec(params: &PayloadParams) -> Option<VideoCodec> {
    match params.spec().codec {
        Codec::Vp8 => Some(VideoCodec::Vp8),
        Codec::Vp9 => Some(VideoCodec::Vp9),
        Codec::H264 => Some(VideoCodec::H264),
        Codec::Av1 => Some(VideoCodec::Av1),
        Codec::H265 => Some(VideoCodec::H265),
        _ => None,
    }
}

/// The spatial index of an RTP stream id; `None` for the only stream of a section.
pub(super) fn layer_of_rid(rid: &str) -> Option<u8> {
    match rid {
        "q" | "2" => Some(0),
        "h" | "1" => Some(1),
        "f" | "0" => Some(2),
        _ => None,
    }
}

impl Track {
    /// Every layer announced or arriving, smallest first.
    pub(super) fn layers(&self, now: Instant) -> SmallVec<[Available; LAYERS]> {
        let live = self.live_layers(now);
        (0u8..3)
            .filter_map(|spatial| {
                let announced = self.info.layers.iter().find(|l| l.spatial_layer == i32::from(spatial));
                let active = live & (1 << spatial) != 0;
                // A publisher that announces nothing may send anything.
                let exists = active || announced.is_some() || self.info.layers.is_empty();
                let (width, height) = announced.map_or((0, 0), |l| (l.width, l.height));
                exists.then_some(Available { spatial, width, height, active })
            })
            .collect()
    }

    /// Layers announced with more bits than there is room for do not count, but for the smallest.
    pub(super) fn keep_within(&self, bits_per_second: u64, layers: &mut [Available]) {
        let bits = |spatial: u8| {
            let announced = self.info.layers.iter().find(|l| l.spatial_layer == i32::from(spatial));
            announced.map_or(0, |l| u64::from(l.bitrate))
        };
        for layer in layers.iter_mut().skip(1) {
            layer.active &= bits(layer.spatial) <= bits_per_second;
        }
    }
}
