//! One WebRTC peer connection: the only place that knows `str0m`'s rules.
//!
//! `str0m` wants every change followed by a drain. We batch on purpose: many packets are written
//! to a connection, then it is told the time once and drained once (a fifth cheaper, and runs of
//! packets leave in one send). A test asserts that nothing is lost this way.

use super::PeerConfig;
use crate::TxBatch;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::format::PayloadParams;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc, Vp8Descriptor};
use str0m::stats::{MediaEgressStats, MediaIngressStats};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// How long packets are kept to answer retransmission requests: two attempts at 200 ms of round
/// trip. The cache grows with the stream (430 bytes a packet, payloads are shared); the bound on
/// packets is what a 4K screen at 30 Mbit/s sends in that time.
const RESEND_AGE: Duration = Duration::from_millis(550);
const RESEND_PACKETS: usize = 2048;
/// Share of a stream that may be retransmissions before the queue of them is dropped.
const RESEND_RATIO: f32 = 0.5;

/// LiveKit's three data channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataLabel {
    Reliable,
    Lossy,
    Track,
}

impl DataLabel {
    const ALL: [Self; 3] = [Self::Reliable, Self::Lossy, Self::Track];

    fn name(self) -> &'static str {
        match self {
            Self::Reliable => "_reliable",
            Self::Lossy => "_lossy",
            Self::Track => "_data_track",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }

    fn config(self) -> ChannelConfig {
        let (ordered, reliability) = match self {
            Self::Reliable => (true, Reliability::Reliable),
            Self::Lossy | Self::Track => (false, Reliability::MaxRetransmits { retransmits: 0 }),
        };
        ChannelConfig { label: self.name().to_owned(), ordered, reliability, negotiated: None, protocol: String::new() }
    }
}

/// One packet to one subscriber. The payload is the publisher's, shared.
pub(crate) struct Outgoing<'a> {
    pub(crate) ssrc: Ssrc,
    pub(crate) pt: Pt,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) at: Instant,
    pub(crate) payload: &'a Arc<[u8]>,
    pub(crate) extensions: &'a ExtensionValues,
    pub(crate) nackable: bool,
    pub(crate) vp8: Option<Vp8Ids<'a>>,
}

/// Numbers to put into a VP8 descriptor, each where it has one.
pub(crate) struct Vp8Ids<'a> {
    pub(crate) descriptor: &'a Vp8Descriptor,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_pic_idx: Option<u8>,
    pub(crate) key_idx: Option<u8>,
}

/// What a connection reports.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    Connected,
    /// ICE lost its path (checks from the client stopped).
    PathLost,
    PathBack,
    Packet(Box<RtpPacket>),
    KeyframeRequest(Mid),
    ChannelOpen(DataLabel),
    ChannelDrained(DataLabel),
    Data(DataLabel, Vec<u8>),
    Ingress(Box<MediaIngressStats>),
    Egress(Box<MediaEgressStats>),
    /// Closed by the other side or broken; nothing follows.
    Closed,
}

/// Why an SDP was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SdpError {
    #[error("the SDP cannot be parsed")]
    Parse,
    #[error("the SDP does not fit the session: {0}")]
    Refused(String),
    #[error("the connection is broken")]
    Broken,
}

/// See the module.
pub(crate) struct Peer {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    channels: [Option<ChannelId>; 3],
    negotiated: bool,
    connected: bool,
    broken: bool,
    told_closed: bool,
}

impl Peer {
    /// With `tcp_only` the client is offered no UDP address.
    pub(crate) fn new(config: &PeerConfig, tcp_only: bool, now: Instant) -> Self {
        Self {
            rtc: config.build(tcp_only, now),
            pending: None,
            channels: [None; 3],
            negotiated: false,
            connected: false,
            broken: false,
            told_closed: false,
        }
    }

    pub(crate) fn local_ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// An SDP exchange has completed at least once.
    pub(crate) fn is_negotiated(&self) -> bool {
        self.negotiated
    }

    /// The connection has come up. It stays so while an ICE restart looks for another path.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Runs `f` on the engine; a panic inside (hostile bytes in a third-party parser) ends this
    /// connection and nothing else.
    fn guarded<T>(&mut self, f: impl FnOnce(&mut Rtc) -> T) -> Option<T> {
        if self.broken {
            return None;
        }
        let rtc = &mut self.rtc;
        match catch_unwind(AssertUnwindSafe(|| f(rtc))) {
            Ok(value) => Some(value),
            Err(_) => {
                self.broken = true;
                None
            }
        }
    }

    pub(crate) fn accept_offer(&mut self, sdp: &str) -> Result<String, SdpError> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|_| SdpError::Parse)?;
        let answer = self.guarded(|rtc| rtc.sdp_api().accept_offer(offer)).ok_or(SdpError::Broken)?;
        self.negotiated |= answer.is_ok();
        answer.map(|a| a.to_sdp_string()).map_err(|e| SdpError::Refused(e.to_string()))
    }

    /// The server's own offer: new sections to send on, sections to stop, and (once) the data
    /// channels. Returns the SDP and the new sections' ids in order; `None` if nothing changes.
    pub(crate) fn create_offer(&mut self, plan: &OfferPlan) -> Option<(String, Vec<Mid>)> {
        let had_channels = self.channels.iter().any(Option::is_some);
        let (offer, channels) = self.guarded(|rtc| {
            let mut api = rtc.sdp_api();
            let mut channels = [None; 3];
            if !had_channels {
                // First, so that the bundle stands on a section that never ends.
                channels = DataLabel::ALL.map(|label| Some(api.add_channel_with_config(label.config())));
            }
            let mids: Vec<Mid> = plan
                .add
                .iter()
                .map(|m| {
                    let (stream, track) = (Some(m.stream.clone()), Some(m.track.clone()));
                    api.add_media(m.kind, Direction::SendOnly, stream, track, None)
                })
                .collect();
            for mid in &plan.stop {
                api.stop_media(*mid);
            }
            if plan.ice_restart {
                api.ice_restart(true);
            }
            (api.apply().map(|(offer, pending)| (offer.to_sdp_string(), pending, mids)), channels)
        })?;
        if !had_channels {
            self.channels = channels;
        }
        let (sdp, pending, mids) = offer?;
        self.pending = Some(pending);
        Some((sdp, mids))
    }

    pub(crate) fn accept_answer(&mut self, sdp: &str) -> Result<(), SdpError> {
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|_| SdpError::Parse)?;
        let pending = self.pending.take().ok_or_else(|| SdpError::Refused("no offer is outstanding".into()))?;
        let done = self.guarded(|rtc| rtc.sdp_api().accept_answer(pending, answer)).ok_or(SdpError::Broken)?;
        done.map_err(|e| SdpError::Refused(e.to_string()))
    }

    pub(crate) fn add_candidate(&mut self, line: &str) {
        // Unparsable ones (mDNS names among them) are harmless: the client's checks reach us.
        if let Ok(candidate) = Candidate::from_sdp_string(line) {
            self.guarded(|rtc| rtc.add_remote_candidate(candidate));
        }
    }

    pub(crate) fn receive(
        &mut self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        data: &[u8],
    ) {
        let done = self.guarded(|rtc| match Receive::new(protocol, source, destination, data) {
            Ok(receive) => rtc.handle_input(Input::Receive(now, receive)).is_ok(),
            // Garbage from a known address: not this connection's fault.
            Err(_) => true,
        });
        if done == Some(false) {
            self.broken = true;
        }
    }

    /// Puts out everything the connection has; returns when it wants to be called again.
    pub(crate) fn drain(
        &mut self,
        tick: bool,
        now: Instant,
        out: &mut TxBatch,
        mut event: impl FnMut(PeerEvent),
    ) -> Instant {
        let far = now + Duration::from_secs(3600);
        if tick && self.guarded(|rtc| rtc.handle_input(Input::Timeout(now)).is_ok()) == Some(false) {
            self.broken = true;
        }
        loop {
            match self.guarded(Rtc::poll_output) {
                Some(Ok(Output::Transmit(t))) => out.push(t.proto, t.source, t.destination, &t.contents),
                Some(Ok(Output::Event(e))) => {
                    if let Some(e) = self.translate(e) {
                        event(e);
                    }
                }
                Some(Ok(Output::Timeout(at))) => {
                    if !self.rtc.is_alive() && !self.told_closed {
                        self.told_closed = true;
                        event(PeerEvent::Closed);
                    }
                    return at.min(far);
                }
                Some(Err(_)) | None => {
                    self.broken = true;
                    if !self.told_closed {
                        self.told_closed = true;
                        event(PeerEvent::Closed);
                    }
                    return far;
                }
            }
        }
    }

    fn translate(&mut self, event: Event) -> Option<PeerEvent> {
        Some(match event {
            Event::RtpPacket(packet) => PeerEvent::Packet(Box::new(packet)),
            Event::Connected => {
                self.connected = true;
                PeerEvent::Connected
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => PeerEvent::PathLost,
            Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed) => {
                PeerEvent::PathBack
            }
            Event::KeyframeRequest(request) => PeerEvent::KeyframeRequest(request.mid),
            Event::ChannelOpen(id, name) => {
                let label = DataLabel::from_name(&name)?;
                *self.channels.get_mut(label as usize)? = Some(id);
                if let Some(mut channel) = self.rtc.channel(id) {
                    channel.set_buffered_amount_low_threshold(64 * 1024);
                }
                PeerEvent::ChannelOpen(label)
            }
            Event::ChannelClose(id) => {
                for channel in &mut self.channels {
                    if *channel == Some(id) {
                        *channel = None;
                    }
                }
                return None;
            }
            Event::ChannelData(data) => PeerEvent::Data(self.label(data.id)?, data.data),
            Event::ChannelBufferedAmountLow(id) => PeerEvent::ChannelDrained(self.label(id)?),
            Event::MediaIngressStats(stats) => PeerEvent::Ingress(Box::new(stats)),
            Event::MediaEgressStats(stats) => PeerEvent::Egress(Box::new(stats)),
            Event::Closed => {
                self.told_closed = true;
                PeerEvent::Closed
            }
            _ => return None,
        })
    }

    fn label(&self, id: ChannelId) -> Option<DataLabel> {
        DataLabel::ALL.into_iter().find(|label| self.channels.get(*label as usize) == Some(&Some(id)))
    }

    /// Writes one message; `false` if the channel is not open or its buffer is full.
    pub(crate) fn write_data(&mut self, label: DataLabel, data: &[u8]) -> bool {
        let Some(id) = self.channels.get(label as usize).copied().flatten() else { return false };
        self.guarded(|rtc| rtc.channel(id).is_some_and(|mut c| matches!(c.write(true, data), Ok(true))))
            .unwrap_or(false)
    }

    /// The section's outgoing stream, set up for forwarding. `None` until negotiated.
    pub(crate) fn outgoing_ssrc(&mut self, mid: Mid) -> Option<Ssrc> {
        self.guarded(|rtc| {
            let mut api = rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None)?;
            stream.set_rtx_cache(RESEND_PACKETS, RESEND_AGE, Some(RESEND_RATIO));
            Some(stream.ssrc())
        })
        .flatten()
    }

    /// Forgets a section's outgoing stream; the next negotiation makes another for it.
    pub(crate) fn remove_outgoing(&mut self, mid: Mid) {
        self.guarded(|rtc| {
            let mut api = rtc.direct_api();
            if let Some(ssrc) = api.stream_tx_by_mid(mid, None).map(|s| s.ssrc()) {
                api.remove_stream_tx(ssrc);
            }
        });
    }

    /// Which section and encoding an incoming stream belongs to.
    pub(crate) fn incoming_stream(&mut self, ssrc: Ssrc) -> Option<(Mid, Option<Rid>)> {
        self.guarded(|rtc| rtc.direct_api().stream_rx(&ssrc).map(|s| (s.mid(), s.rid()))).flatten()
    }

    pub(crate) fn request_keyframe(&mut self, ssrc: Ssrc) {
        self.guarded(|rtc| {
            if let Some(stream) = rtc.direct_api().stream_rx(&ssrc) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        });
    }

    /// What a payload type means in this session.
    pub(crate) fn payload(&self, pt: Pt) -> Option<PayloadParams> {
        let params = self.rtc.codec_config().params();
        params.iter().find(|p| p.pt() == pt || p.red() == Some(pt)).copied()
    }

    /// The payload type this session's other side uses for the same codec and parameters.
    pub(crate) fn matching_payload(&self, mid: Mid, wanted: &PayloadParams, red: bool) -> Option<Pt> {
        let params = self.rtc.codec_config().params();
        let media = self.rtc.media(mid)?;
        let accepted = media.remote_pts();
        let spec = wanted.spec();
        let score = |p: &PayloadParams| -> Option<u8> {
            if p.spec().codec != spec.codec || p.spec().clock_rate != spec.clock_rate {
                return None;
            }
            let (a, b) = (p.spec().format, spec.format);
            if a.packetization_mode.unwrap_or(0) != b.packetization_mode.unwrap_or(0)
                || a.profile_id.unwrap_or(0) != b.profile_id.unwrap_or(0)
                || a.profile.unwrap_or(0) != b.profile.unwrap_or(0)
            {
                return None;
            }
            // H.264 decoders take any profile up to their own: the same one is best, another works.
            Some(if a.profile_level_id == b.profile_level_id { 2 } else { 1 })
        };
        let best = params.iter().filter(|p| accepted.is_empty() || accepted.contains(&p.pt()));
        let best = best.filter_map(|p| Some((score(p)?, p))).max_by_key(|(s, p)| (*s, std::cmp::Reverse(*p.pt())));
        let found = best.map(|(_, p)| p)?;
        if red { found.red() } else { Some(found.pt()) }
    }

    /// Queues one packet; it leaves with the next drain that ticks.
    pub(crate) fn write(&mut self, packet: &Outgoing<'_>) -> bool {
        if self.broken {
            return false;
        }
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx(&packet.ssrc) else { return false };
        let mut write =
            RtpWrite::new(packet.pt, packet.seq.into(), packet.timestamp, packet.at, Arc::clone(packet.payload))
                .marker(packet.marker)
                .ext_vals(packet.extensions.clone())
                .nackable(packet.nackable);
        if let Some(ids) = &packet.vp8 {
            let mut patch = ids.descriptor.patch();
            if let Some(id) = ids.picture_id {
                patch = patch.picture_id(id);
            }
            if let Some(id) = ids.tl0_pic_idx {
                patch = patch.tl0_pic_idx(id);
            }
            if let Some(id) = ids.key_idx {
                patch = patch.key_idx(id);
            }
            if let Ok(patch) = patch.build() {
                write = write.vp8_patch(patch);
            }
        }
        stream.write_rtp(write);
        true
    }

    /// Says goodbye on the wire (DTLS close_notify); the drain that follows sends it.
    pub(crate) fn close(&mut self) {
        self.told_closed = true;
        self.guarded(|rtc| {
            let _ = rtc.close();
        });
    }
}

/// Sections of the server's offer.
#[derive(Debug, Default)]
pub(crate) struct OfferPlan {
    pub(crate) add: Vec<OfferedMedia>,
    pub(crate) stop: Vec<Mid>,
    pub(crate) ice_restart: bool,
}

/// One section to add.
#[derive(Debug)]
pub(crate) struct OfferedMedia {
    pub(crate) kind: MediaKind,
    pub(crate) stream: String,
    pub(crate) track: String,
}
