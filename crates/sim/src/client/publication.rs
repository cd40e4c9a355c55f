//! Tracks on their way up.

use crate::media::{AudioSource, MediaPacket, VideoSource};
use std::time::Instant;
use str0m::media::{MediaKind, Mid, Simulcast, SimulcastLayer};
use tandem_core::{PublishTrack, TrackKind, TrackSource, VideoLayer};

#[derive(Debug)]
pub(super) enum Source {
    Audio(AudioSource),
    Video(VideoSource),
}

/// A track a client publishes.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) cid: String,
    pub(super) source: Source,
    /// Given by the server.
    pub(super) sid: Option<String>,
    /// Section, once offered.
    pub(super) mid: Option<Mid>,
    /// The answer is in: media may flow.
    pub(super) live: bool,
}

impl Source {
    pub(super) fn describe(&self) -> (MediaKind, Option<Simulcast>) {
        let Self::Video(source) = self else { return (MediaKind::Audio, None) };
        let mut simulcast = Simulcast::new();
        let layers = source.encodings().filter(|e| !e.rid.is_empty());
        layers.for_each(|e| simulcast.add_send_layer(SimulcastLayer::new(e.rid)));
        (MediaKind::Video, (!simulcast.send.is_empty()).then_some(simulcast))
    }

    pub(super) fn next_at(&self) -> Instant {
        match self {
            Self::Audio(source) => source.next_at(),
            Self::Video(source) => source.next_at(),
        }
    }

    /// Packets due, and the rids of a video.
    pub(super) fn poll(&mut self, now: Instant) -> (Vec<MediaPacket>, Option<Vec<&'static str>>) {
        match self {
            Self::Audio(source) => (source.poll(now), None),
            Self::Video(source) => (source.poll(now), Some(source.encodings().map(|e| e.rid).collect())),
        }
    }
}

/// What the client says of a track before it offers it.
pub(super) fn announcement(
    cid: &str,
    kind: TrackKind,
    (width, height): (u32, u32),
    layers: Vec<VideoLayer>,
) -> PublishTrack {
    PublishTrack {
        cid: cid.to_owned(),
        sid: String::new(),
        kind,
        name: cid.to_owned(),
        width,
        height,
        muted: false,
        source: if kind == TrackKind::Audio { TrackSource::Microphone } else { TrackSource::Camera },
        layers,
        codecs: Vec::new(),
        disable_dtx: false,
        stereo: false,
        disable_red: true,
        encryption: 0,
        stream: String::new(),
        audio_features: Vec::new(),
        backup_codec_policy: 0,
        packet_trailer_features: Vec::new(),
    }
}
