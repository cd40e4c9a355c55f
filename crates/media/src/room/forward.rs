//! Moving packets from a publisher to everyone who receives the track. The hot path of the house.

use super::subscription::{Subscription, Translation};
use super::track::{Payload, Track, layer_of_rid, video_codec};
use super::{Ctx, ParticipantKey, Room, SubscriptionKey, TrackKey};
use crate::rewrite::PacketIn;
use crate::transport::{Outgoing, TransportKey, Transports, Vp8Ids};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;
use str0m::media::{Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpPacket, Vp8Descriptor};
use tandem_core::TrackKind;
use tandem_wire::rtp::{VideoCodec, is_keyframe};

/// One packet of a track, parsed once for all subscribers.
struct Inbound<'a> {
    packet: &'a RtpPacket,
    payload: Payload,
    layer: u8,
    keyframe: bool,
    /// Temporal layer, and whether a higher one may be joined here.
    temporal: Option<(u8, bool)>,
    extensions: ExtensionValues,
    vp8: Option<(Vp8Descriptor, tandem_wire::rtp::Vp8)>,
    /// Newest block of redundant audio, made when the first subscriber needs it.
    primary: Option<Arc<[u8]>>,
    report: Option<(u32, u64)>,
    arrival_us: u64,
}

impl Room {
    /// A packet arrived on a participant's connection.
    pub(crate) fn handle_packet(&mut self, transport: TransportKey, packet: &RtpPacket, ctx: &mut Ctx<'_>) {
        let ssrc = *packet.header.ssrc;
        let found = match self.streams.get(&(transport, ssrc)) {
            Some(found) => Some(*found),
            None => self.identify(transport, packet, ctx),
        };
        let Some((key, layer)) = found else { return };
        let Some(track) = self.tracks.get_mut(key) else { return };
        let Some(payload) = track.payload(packet.header.payload_type, ctx.transports) else { return };
        note_arrival(track, layer, packet, ctx.now);
        let (muted, audio) = (track.info.muted, track.info.kind == TrackKind::Audio);
        if audio {
            if let Some(level) = packet.header.ext_vals.audio_level
                && !muted
                && let Some(p) = self.participants.get(track.publisher)
            {
                self.speakers.observe(&p.info.sid, level.unsigned_abs(), ctx.now);
            }
        } else if track.live & (1 << layer) == 0 {
            track.live |= 1 << layer;
            self.layers_changed(key, ctx);
        }
        if muted {
            return;
        }
        self.fan_out(key, layer, payload, packet, ctx);
    }

    fn fan_out(&mut self, key: TrackKey, layer: u8, payload: Payload, packet: &RtpPacket, ctx: &mut Ctx<'_>) {
        let Some(track) = self.tracks.get(key) else { return };
        let mut inbound = Inbound::new(packet, payload, track, layer, ctx.uptime_us);
        let mut refused: SmallVec<[SubscriptionKey; 2]> = SmallVec::new();
        for subscription in &track.subscribers {
            let Some(s) = self.subscriptions.get_mut(*subscription) else { continue };
            s.forward(&mut inbound, ctx.transports, ctx.now);
            if std::mem::take(&mut s.refused) {
                refused.push(*subscription);
            }
        }
        for subscription in refused {
            self.refuse_codec(subscription, ctx);
        }
    }

    /// The first packet of a stream: which track and layer is it?
    fn identify(&mut self, transport: TransportKey, packet: &RtpPacket, ctx: &mut Ctx<'_>) -> Option<(TrackKey, u8)> {
        let ssrc = packet.header.ssrc;
        let (mid, rid) = ctx.transports.peer_mut(transport)?.incoming_stream(ssrc)?;
        let key = self.track_on(transport, mid)?;
        let layer = rid.as_ref().and_then(|rid| layer_of_rid(rid)).unwrap_or(0);
        let track = self.tracks.get_mut(key)?;
        track.layers.get_mut(usize::from(layer))?.ssrc = Some(ssrc);
        self.streams.insert((transport, *ssrc), (key, layer));
        Some((key, layer))
    }

    pub(super) fn track_on(&self, transport: TransportKey, mid: Mid) -> Option<TrackKey> {
        self.tracks.iter().find(|(_, t)| t.transport == transport && t.mid == mid).map(|(key, _)| key)
    }

    /// A layer appeared or vanished: everyone chooses again.
    pub(super) fn layers_changed(&mut self, key: TrackKey, ctx: &mut Ctx<'_>) {
        let subscribers = self.tracks.get(key).map(|t| t.subscribers.clone()).unwrap_or_default();
        for subscription in subscribers {
            self.choose_layer(subscription, ctx);
        }
    }

    /// A subscriber's decoder lost its way.
    pub(crate) fn handle_keyframe_request(&mut self, subscriber: ParticipantKey, mid: Mid, ctx: &mut Ctx<'_>) {
        let on_mid = |s: &&Subscription| s.subscriber == subscriber && s.slot.as_ref().is_some_and(|x| x.mid == mid);
        let Some(s) = self.subscriptions.values().find(on_mid) else { return };
        if let Some(layer) = s.switch.current().or(s.switch.needs_keyframe()) {
            let track = s.track;
            self.want_keyframe(track, layer, ctx);
        }
    }

    /// Asks the publisher for a keyframe of one layer, at most one per interval; a wish that comes
    /// too early is kept for the next tick.
    pub(super) fn want_keyframe(&mut self, key: TrackKey, layer: u8, ctx: &mut Ctx<'_>) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        let transport = track.transport;
        let Some(layer) = track.layers.get_mut(usize::from(layer)) else { return };
        let early = layer
            .last_keyframe_request
            .is_some_and(|at| ctx.now.saturating_duration_since(at) < ctx.limits.keyframe_interval);
        layer.keyframe_wanted = true;
        let (false, Some(ssrc)) = (early, layer.ssrc) else { return };
        layer.keyframe_wanted = false;
        layer.last_keyframe_request = Some(ctx.now);
        if let Some(peer) = ctx.transports.peer_mut(transport) {
            peer.request_keyframe(ssrc);
        }
    }

    /// Keyframes for every layer somebody waits for.
    pub(super) fn want_keyframes(&mut self, key: TrackKey, ctx: &mut Ctx<'_>) {
        let Some(track) = self.tracks.get(key) else { return };
        let mut wanted = 0u8;
        for s in track.subscribers.iter().filter_map(|s| self.subscriptions.get(*s)) {
            for layer in [s.switch.current(), s.switch.needs_keyframe()].into_iter().flatten() {
                wanted |= 1 << layer;
            }
        }
        for layer in (0..3u8).filter(|l| wanted & (1 << l) != 0) {
            self.want_keyframe(key, layer, ctx);
        }
    }

    /// A subscriber's connection is up (or a section was agreed on while it is): media may flow.
    pub(super) fn go_live(&mut self, key: SubscriptionKey, ctx: &mut Ctx<'_>) {
        let Some(s) = self.subscriptions.get_mut(key) else { return };
        s.live = true;
        let (track, subscriber) = (s.track, s.subscriber);
        self.tell_subscribed(track, subscriber, ctx);
        self.choose_layer(key, ctx);
        self.update_dynacast(track, ctx);
    }
}

fn note_arrival(track: &mut Track, layer: u8, packet: &RtpPacket, now: Instant) {
    let Some(layer) = track.layers.get_mut(usize::from(layer)) else { return };
    layer.last_packet = Some(now);
    layer.packets += 1;
    if let Some(report) = &packet.last_sender_info {
        let since = report.ntp_time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(since.as_micros()).unwrap_or(0);
        // The extended time's lower half is the timestamp on the wire.
        let rtp = u32::try_from(report.rtp_time.numer() & 0xffff_ffff).unwrap_or(0);
        layer.report = Some((rtp, micros));
    }
}

impl Track {
    /// What a payload type of the publisher carries; asked of the connection once.
    fn payload(&mut self, pt: Pt, transports: &Transports) -> Option<Payload> {
        if let Some(found) = self.payloads.iter().find(|p| p.pt == pt) {
            return Some(*found);
        }
        let params = transports.peer(self.transport)?.payload(pt)?;
        let red = params.red() == Some(pt);
        let payload = Payload { pt, params, red, video: video_codec(&params) };
        self.payloads.push(payload);
        Some(payload)
    }
}

impl<'a> Inbound<'a> {
    fn new(packet: &'a RtpPacket, payload: Payload, track: &Track, layer: u8, arrival_us: u64) -> Self {
        let mut extensions = packet.header.ext_vals.clone();
        // These belong to the publisher's connection; each subscriber's connection writes its own.
        extensions.mid = None;
        extensions.rid = None;
        extensions.rid_repair = None;
        extensions.transport_cc = None;
        extensions.abs_send_time = None;
        let bytes: &[u8] = &packet.payload;
        let keyframe = payload.video.is_some_and(|codec| is_keyframe(codec, bytes));
        let vp8 = if payload.video == Some(VideoCodec::Vp8) {
            Vp8Descriptor::parse(bytes).ok().zip(tandem_wire::rtp::Vp8::parse(bytes))
        } else {
            None
        };
        let temporal = vp8.as_ref().and_then(|(_, d)| Some((d.temporal_id?, d.layer_sync)));
        let report = track.layers.get(usize::from(layer)).and_then(|l| l.report);
        Self { packet, payload, layer, keyframe, temporal, extensions, vp8, primary: None, report, arrival_us }
    }

    fn primary(&mut self) -> Option<&Arc<[u8]>> {
        if self.primary.is_none() {
            let block = tandem_wire::rtp::red_primary(&self.packet.payload)?;
            self.primary = Some(Arc::from(block));
        }
        self.primary.as_ref()
    }
}

impl Subscription {
    /// Sends one packet on if it is of the layer this subscription receives.
    fn forward(&mut self, inbound: &mut Inbound<'_>, transports: &mut Transports, now: Instant) {
        if !self.live || self.slot.is_none() {
            return;
        }
        if let Some(at) = self.opens_at {
            if now < at {
                return;
            }
            self.opens_at = None;
        }
        let decision = self.switch.decide(inbound.layer, inbound.keyframe, inbound.payload.video.is_some());
        if !decision.forward {
            return;
        }
        let Some(translation) = self.translation(inbound.payload, transports) else { return };
        let Some(pt) = translation.to else { return };
        let Some(slot) = self.slot.as_mut() else { return };
        let packet = inbound.packet;
        let input = PacketIn {
            layer: inbound.layer,
            start: decision.switched,
            seq: *packet.seq_no,
            ts: packet.header.timestamp,
            clock_rate: inbound.payload.params.spec().clock_rate.get(),
            arrival_us: inbound.arrival_us,
            report: inbound.report,
            vp8: inbound.vp8.as_ref().map(|(_, d)| *d),
            drop: inbound.temporal.is_some_and(|(temporal, sync)| !self.switch.passes(temporal, sync)),
        };
        let Some(plan) = slot.rewrite.apply(&input) else { return };
        let ssrc = slot.ssrc;
        if translation.unwrap_red && inbound.primary().is_none() {
            return;
        }
        let payload = match (&inbound.primary, translation.unwrap_red) {
            (Some(primary), true) => primary,
            _ => &packet.payload,
        };
        let vp8 = inbound.vp8.as_ref().map(|(descriptor, _)| Vp8Ids {
            descriptor,
            picture_id: plan.picture_id,
            tl0_pic_idx: plan.tl0_pic_idx,
            key_idx: plan.key_idx,
        });
        transports.write(
            self.transport,
            &Outgoing {
                ssrc,
                pt,
                seq: plan.seq,
                timestamp: plan.ts,
                marker: packet.header.marker,
                at: now,
                payload,
                extensions: &inbound.extensions,
                nackable: inbound.payload.video.is_some(),
                vp8,
            },
        );
    }

    fn translation(&mut self, payload: Payload, transports: &Transports) -> Option<Translation> {
        if let Some(found) = self.translations.iter().find(|t| t.from == payload.pt) {
            return Some(*found);
        }
        let mid = self.slot.as_ref()?.mid;
        let peer = transports.peer(self.transport)?;
        let same = peer.matching_payload(mid, &payload.params, payload.red);
        let (to, unwrap_red) = match same {
            None if payload.red => (peer.matching_payload(mid, &payload.params, false), true),
            found => (found, false),
        };
        let translation = Translation { from: payload.pt, to, unwrap_red };
        self.refused = to.is_none();
        self.translations.push(translation);
        Some(translation)
    }
}
