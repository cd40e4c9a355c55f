//! Agreeing on SDP.
//!
//! A one-connection client always offers: we put waiting subscriptions on its free receiving
//! sections and ask for another offer when there is more to say. A two-connection client offers
//! what it publishes and answers what we offer it to receive.

use super::participant::{Slot, Spare};
use super::subscription::ANSWER_TRAVELS;
use super::{Ctx, ParticipantKey, Room, SubscriptionKey, TrackKey};
use crate::rewrite::Rewrite;
use crate::transport::{OfferPlan, OfferedMedia};
use std::time::Duration;
use str0m::media::{MediaKind, Mid};
use tandem_core::{Event, LeaveAction, LeaveReason, PcTarget, Sid, TrackKind};
use tandem_wire::sdp::{OfferedSection, SectionPlan, offered_sections, rewrite_answer, strip_extension};

/// Extension that asks a receiver for feedback on every packet.
const TRANSPORT_WIDE_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// A client that does not answer (or offer, when asked) for so long has lost its state.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A one-connection client is asked again after this long without an offer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Room {
    /// The client's offer for what it publishes (and, with one connection, receives).
    pub(super) fn handle_offer(&mut self, key: ParticipantKey, sdp: &str, id: u32, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let (transport, session, single) = (p.publisher, p.session, p.single_pc);
        let refused = |ctx: &mut Ctx<'_>| {
            ctx.end_session(session, LeaveReason::StateMismatch, LeaveAction::Reconnect);
        };
        if sdp.len() > ctx.limits.sdp_bytes {
            return self.reject_sdp(key, ctx);
        }
        let Ok(sections) = offered_sections(sdp) else { return self.reject_sdp(key, ctx) };
        let Some(peer) = ctx.transports.peer_mut(transport) else { return refused(ctx) };
        let Ok(answer) = peer.accept_offer(&without_feedback(sdp, &sections)) else { return self.reject_sdp(key, ctx) };
        ctx.transports.refresh_ufrag(transport);
        self.streams.retain(|(t, _), _| *t != transport);
        self.forget_payloads(key);
        self.take_down_stopped(key, &sections, ctx);
        let mut plans = self.publish_sections(key, &sections, ctx);
        let mut mids = Vec::new();
        if single {
            self.assign_sections(key, &sections, &mut plans, &mut mids, ctx);
        }
        let sdp = rewrite_answer(&answer, &plans).unwrap_or(answer);
        ctx.send(session, Event::Answer { sdp, id, mids });
        if single && let Some(p) = self.participants.get_mut(key) {
            p.negotiation.outstanding = None;
            p.negotiation.needed = self.subscriptions.values().any(|s| s.subscriber == key && s.slot.is_none());
        }
    }

    /// A client whose SDP cannot be used starts afresh.
    fn reject_sdp(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        self.remove(key, LeaveReason::StateMismatch, Some(LeaveAction::Reconnect), ctx);
    }

    /// Payload types may mean something else after a negotiation.
    fn forget_payloads(&mut self, key: ParticipantKey) {
        for track in self.tracks.values_mut().filter(|t| t.publisher == key) {
            track.payloads.clear();
        }
        for s in self.subscriptions.values_mut() {
            if s.subscriber == key || self.tracks.get(s.track).is_some_and(|t| t.publisher == key) {
                s.translations.clear();
            }
        }
    }

    /// Tracks whose section no longer sends are unpublished.
    fn take_down_stopped(&mut self, key: ParticipantKey, sections: &[OfferedSection], ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let sends = |mid: &Mid| sections.iter().any(|s| s.mid.as_str() == &**mid && s.client_sends());
        let stopped = |t: &TrackKey| self.tracks.get(*t).is_some_and(|t| !sends(&t.mid));
        let stopped: Vec<TrackKey> = p.tracks.iter().copied().filter(stopped).collect();
        for track in stopped {
            self.unpublish(track, ctx);
        }
    }

    /// Sending sections become tracks; the answer asks for the codec and audio features the
    /// publisher announced.
    fn publish_sections(
        &mut self,
        key: ParticipantKey,
        sections: &[OfferedSection],
        ctx: &mut Ctx<'_>,
    ) -> Vec<SectionPlan> {
        let Some(transport) = self.participants.get(key).map(|p| p.publisher) else { return Vec::new() };
        let mut plans = Vec::new();
        for section in sections.iter().filter(|s| s.client_sends() && s.is_media()) {
            let mid = Mid::from(section.mid.as_str());
            if self.track_on(transport, mid).is_none() {
                let mime = first_mime(section);
                self.bind_section(key, section, mime, ctx);
            }
            if let Some(track) = self.track_on(transport, mid).and_then(|t| self.tracks.get(t)) {
                plans.push(publish_plan(section, &track.info));
            }
        }
        plans
    }

    /// One connection: waiting subscriptions take free receiving sections; sections without a track
    /// are answered inactive, or browsers would show a track that is not there.
    fn assign_sections(
        &mut self,
        key: ParticipantKey,
        sections: &[OfferedSection],
        plans: &mut Vec<SectionPlan>,
        mids: &mut Vec<(String, Sid)>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(transport) = self.participants.get(key).map(|p| p.publisher) else { return };
        let mut spare = Spare::default();
        for section in sections.iter().filter(|s| s.client_receives() && s.is_media() && !s.client_sends()) {
            let mid = Mid::from(section.mid.as_str());
            let kind = if section.is_audio() { MediaKind::Audio } else { MediaKind::Video };
            let held = self
                .subscriptions
                .iter()
                .find(|(_, s)| s.subscriber == key && s.slot.as_ref().is_some_and(|x| x.mid == mid))
                .map(|(k, _)| k);
            let holder = held.or_else(|| self.fill_slot(key, mid, kind, ctx));
            match holder.and_then(|s| self.msid(s)) {
                Some((stream, track)) => {
                    mids.push((section.mid.clone(), track.clone()));
                    plans.push(SectionPlan::sends(&section.mid, &stream, track.as_str()));
                }
                None => {
                    plans.push(SectionPlan::inactive(&section.mid));
                    spare.add(kind);
                    // The engine made a stream for it. What comes next on the section gets one with an
                    // SSRC of its own: browsers connect a stopped receiver to its track again only for
                    // a new one.
                    if let Some(peer) = ctx.transports.peer_mut(transport) {
                        peer.remove_outgoing(mid);
                    }
                }
            }
        }
        if let Some(p) = self.participants.get_mut(key) {
            p.negotiation.spare = spare;
            p.ended_slots.clear();
        }
    }

    /// Gives a free section to the first subscription of its kind that waits for one.
    fn fill_slot(
        &mut self,
        key: ParticipantKey,
        mid: Mid,
        kind: MediaKind,
        ctx: &mut Ctx<'_>,
    ) -> Option<SubscriptionKey> {
        let waiting = self
            .subscriptions
            .iter()
            .find(|(_, s)| s.subscriber == key && s.slot.is_none() && s.kind == kind)
            .map(|(k, _)| k)?;
        let p = self.participants.get_mut(key)?;
        // Browsers announce a track on a section only when it begins to receive, so the section must
        // have stopped before it carries another.
        if p.ended_slots.iter().any(|s| s.mid == mid) {
            return None;
        }
        let ssrc = ctx.transports.peer_mut(p.publisher)?.outgoing_ssrc(mid)?;
        let slot = Slot { mid, ssrc, rewrite: Rewrite::new() };
        let connected = ctx.transports.peer(p.publisher).is_some_and(crate::transport::Peer::is_connected);
        if let Some(s) = self.subscriptions.get_mut(waiting) {
            s.slot = Some(slot);
            s.opens_at = (kind == MediaKind::Audio).then(|| ctx.now + ANSWER_TRAVELS);
        }
        if connected {
            self.go_live(waiting, ctx);
        }
        Some(waiting)
    }

    /// The stream and track id a subscription's section carries in SDP.
    fn msid(&self, key: SubscriptionKey) -> Option<(String, Sid)> {
        let s = self.subscriptions.get(key)?;
        let t = self.tracks.get(s.track)?;
        let publisher = self.participants.get(t.publisher)?;
        Some((format!("{}|{}", publisher.info.sid, t.info.stream), t.info.sid.clone()))
    }

    /// The client's answer to our offer (two connections).
    pub(super) fn handle_answer(&mut self, key: ParticipantKey, sdp: &str, id: u32, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let Some(transport) = p.subscriber else { return };
        if p.negotiation.outstanding.is_none() || (id != 0 && id != p.negotiation.offer_id) {
            return;
        }
        p.negotiation.outstanding = None;
        p.negotiation.unanswered = None;
        let offered = std::mem::take(&mut p.negotiation.offered);
        let Some(peer) = ctx.transports.peer_mut(transport) else { return };
        if sdp.len() > ctx.limits.sdp_bytes || peer.accept_answer(sdp).is_err() {
            return self.reject_sdp(key, ctx);
        }
        ctx.transports.refresh_ufrag(transport);
        let connected = ctx.transports.peer(transport).is_some_and(crate::transport::Peer::is_connected);
        for (mid, subscription) in offered {
            let ssrc = ctx.transports.peer_mut(transport).and_then(|peer| peer.outgoing_ssrc(mid));
            let (Some(ssrc), Some(s)) = (ssrc, self.subscriptions.get_mut(subscription)) else { continue };
            s.slot = Some(Slot { mid, ssrc, rewrite: Rewrite::new() });
            s.translations.clear();
            if connected {
                self.go_live(subscription, ctx);
            }
        }
    }

    pub(super) fn trickle(&mut self, key: ParticipantKey, target: PcTarget, candidate: &str, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let transport = match (target, p.subscriber) {
            (PcTarget::Subscriber, Some(subscriber)) => subscriber,
            _ => p.publisher,
        };
        if let Some(peer) = ctx.transports.peer_mut(transport) {
            peer.add_candidate(candidate);
        }
    }

    pub(crate) fn wants_negotiation(&self) -> bool {
        self.participants.values().any(|p| p.negotiation.needed && p.negotiation.outstanding.is_none())
    }

    /// Once per flush: whoever must learn something through SDP is offered, or asked to offer.
    pub(crate) fn negotiate(&mut self, ctx: &mut Ctx<'_>) {
        let due: Vec<ParticipantKey> = self
            .participants
            .iter()
            .filter(|(_, p)| p.negotiation.needed && p.negotiation.outstanding.is_none() && p.session.is_some())
            .map(|(k, _)| k)
            .collect();
        for key in due {
            if self.participants.get(key).is_some_and(|p| p.single_pc) {
                self.ask_for_offer(key, ctx);
            } else {
                self.offer(key, ctx);
            }
        }
    }

    fn ask_for_offer(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        // Before the client's first offer there is nothing to ask for: it brings one.
        if ctx.transports.peer(p.publisher).is_none_or(|peer| !peer.is_negotiated()) {
            return;
        }
        let waiting = |kind| {
            self.subscriptions.values().filter(|s| s.subscriber == key && s.slot.is_none() && s.kind == kind).count()
        };
        let missing = |kind, free: usize| u32::try_from(waiting(kind).saturating_sub(free)).unwrap_or(0);
        let spare = p.negotiation.spare;
        let (audios, videos) = (missing(MediaKind::Audio, spare.audio), missing(MediaKind::Video, spare.video));
        p.negotiation.needed = false;
        p.negotiation.outstanding = Some(ctx.now);
        ctx.send(p.session, Event::SectionsRequired { audios, videos });
    }

    fn offer(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let Some(transport) = p.subscriber else { return };
        let waiting: Vec<SubscriptionKey> = self
            .subscriptions
            .iter()
            .filter(|(_, s)| s.subscriber == key && s.slot.is_none())
            .map(|(k, _)| k)
            .collect();
        let mut plan = OfferPlan { ice_restart: p.negotiation.restart, ..OfferPlan::default() };
        let mut added = Vec::new();
        for subscription in waiting {
            let (Some((stream, track)), Some(s)) = (self.msid(subscription), self.subscriptions.get(subscription))
            else {
                continue;
            };
            plan.add.push(OfferedMedia { kind: s.kind, stream, track: track.to_string() });
            added.push(subscription);
        }
        let Some(p) = self.participants.get_mut(key) else { return };
        plan.stop = std::mem::take(&mut p.negotiation.stop);
        p.negotiation.needed = false;
        p.negotiation.restart = false;
        let Some(peer) = ctx.transports.peer_mut(transport) else { return };
        let Some((sdp, sections)) = peer.create_offer(&plan) else { return };
        ctx.transports.refresh_ufrag(transport);
        p.negotiation.offered = sections.into_iter().zip(added).collect();
        p.negotiation.unanswered = Some(strip_extension(&sdp, TRANSPORT_WIDE_CC, |_| true).unwrap_or(sdp));
        self.send_offer(key, ctx);
    }

    /// Sends our open offer, for the first time or, to a client that came back, once more: it may
    /// have taken the first one, and its sections cannot be taken back.
    pub(super) fn send_offer(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let mids = self.carried_sections(key);
        let Some(p) = self.participants.get_mut(key) else { return };
        let Some(sdp) = p.negotiation.unanswered.clone() else { return };
        p.negotiation.outstanding = Some(ctx.now);
        p.negotiation.offer_id += 1;
        ctx.send(p.session, Event::Offer { sdp, id: p.negotiation.offer_id, mids });
    }

    /// Sections that carry a track, or will once our offer is answered.
    fn carried_sections(&self, key: ParticipantKey) -> Vec<(String, Sid)> {
        let offered = self.participants.get(key).map(|p| p.negotiation.offered.as_slice()).unwrap_or_default();
        let offered = offered.iter().filter_map(|(mid, s)| Some((*mid, self.subscriptions.get(*s)?)));
        let own = self.subscriptions.values().filter(|s| s.subscriber == key);
        let held = own.filter_map(|s| Some((s.slot.as_ref()?.mid, s)));
        let sections = offered.chain(held);
        sections.filter_map(|(mid, s)| Some((mid.to_string(), self.tracks.get(s.track)?.info.sid.clone()))).collect()
    }

    /// Offers nobody answered.
    pub(super) fn check_negotiations(&mut self, ctx: &mut Ctx<'_>) {
        let mut lost = Vec::new();
        for (key, p) in &mut self.participants {
            let Some(since) = p.negotiation.outstanding else { continue };
            let waited = ctx.now.saturating_duration_since(since);
            if p.session.is_none() {
                continue;
            }
            if p.single_pc && waited > ASK_AGAIN {
                p.negotiation.outstanding = None;
                p.negotiation.needed = self.subscriptions.values().any(|s| s.subscriber == key && s.slot.is_none());
            } else if !p.single_pc && waited > ANSWER_TIMEOUT {
                lost.push(key);
            }
        }
        for key in lost {
            self.remove(key, LeaveReason::StateMismatch, Some(LeaveAction::Reconnect), ctx);
        }
    }
}

/// The offer without transport-wide feedback where the client only receives: nothing here estimates
/// a subscriber's bandwidth yet, and the feedback costs both sides a packet in every twentieth second.
fn without_feedback(sdp: &str, sections: &[OfferedSection]) -> String {
    let receives = |mid: &str| sections.iter().any(|s| s.mid == mid && !s.client_sends());
    strip_extension(sdp, TRANSPORT_WIDE_CC, receives).unwrap_or_else(|_| sdp.to_owned())
}

/// The codec a section lists first, as `video/VP8`.
fn first_mime(section: &OfferedSection) -> String {
    let codec = section.codecs.iter().find(|c| !c.eq_ignore_ascii_case("rtx") && !c.eq_ignore_ascii_case("red"));
    let codec = codec.map(String::as_str).unwrap_or_default();
    if section.is_audio() { format!("audio/{}", codec.to_ascii_lowercase()) } else { format!("video/{codec}") }
}

fn publish_plan(section: &OfferedSection, info: &tandem_core::TrackInfo) -> SectionPlan {
    let mut plan = SectionPlan::keep(&section.mid);
    if info.kind == TrackKind::Video {
        // The browser sends whatever the answer lists first.
        plan.first_codec = info.mime_type.rsplit('/').next().filter(|c| !c.is_empty()).map(str::to_owned);
    } else {
        plan.first_codec = info.disable_red.then(|| "opus".to_owned());
        if !info.disable_dtx {
            plan.opus_params.push("usedtx=1".to_owned());
        }
        if info.stereo {
            plan.opus_params.push("stereo=1".to_owned());
            plan.opus_params.push("maxaveragebitrate=510000".to_owned());
        }
    }
    plan
}
