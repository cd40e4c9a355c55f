//! What time brings, ten times a second: speakers, quality, layers that vanished, people that did.

use super::{Ctx, ParticipantKey, Room, TrackKey};
use crate::quality::{Measured, score};
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::stats::{MediaEgressStats, MediaIngressStats};
use tandem_core::{Event, LeaveAction, LeaveReason, ParticipantState, QualityReport, Sid, Speaker, TrackKind};

/// How often speakers are judged.
const SPEAKERS_EVERY: Duration = Duration::from_millis(400);
/// A path that is lost for so long does not come back by itself.
const NUDGE_AFTER: Duration = Duration::from_secs(3);
/// How often connection quality is judged.
const QUALITY_EVERY: Duration = Duration::from_secs(5);
/// How often the room's counts are told at most.
const COUNTS_EVERY: Duration = Duration::from_secs(5);

/// What is measured of a participant's connection since the last judgement.
#[derive(Debug, Default)]
pub(super) struct QualityState {
    loss: f32,
    rtt: Option<Duration>,
    told: Option<i32>,
}

impl Room {
    pub(crate) fn tick(&mut self, ctx: &mut Ctx<'_>) {
        self.retry_keyframes(ctx);
        self.look_at_layers(ctx);
        if ctx.now.saturating_duration_since(self.speakers_at) >= SPEAKERS_EVERY {
            self.speakers_at = ctx.now;
            self.judge_speakers(ctx);
        }
        if ctx.now.saturating_duration_since(self.quality_at) >= QUALITY_EVERY {
            self.quality_at = ctx.now;
            self.judge_quality(ctx);
        }
        if self.counts_dirty && ctx.now.saturating_duration_since(self.counts_told) >= COUNTS_EVERY {
            self.counts_dirty = false;
            self.counts_told = ctx.now;
            self.broadcast(&Event::Room(Box::new(self.info.clone())), ctx);
        }
        self.check_negotiations(ctx);
        self.nudge_lost(ctx);
        self.check_presence(ctx);
        self.check_empty(ctx);
    }

    fn retry_keyframes(&mut self, ctx: &mut Ctx<'_>) {
        let mut wanted: Vec<(TrackKey, u8)> = Vec::new();
        for s in self.subscriptions.values().filter(|s| s.live) {
            if let Some(layer) = s.switch.needs_keyframe() {
                wanted.push((s.track, layer));
            }
        }
        for (key, track) in &self.tracks {
            for (index, layer) in (0u8..).zip(&track.layers) {
                if layer.keyframe_wanted {
                    wanted.push((key, index));
                }
            }
        }
        for (track, layer) in wanted {
            self.want_keyframe(track, layer, ctx);
        }
    }

    fn look_at_layers(&mut self, ctx: &mut Ctx<'_>) {
        let mut changed = Vec::new();
        let mut tracks = Vec::new();
        for (key, track) in &mut self.tracks {
            if !track.is_video() {
                continue;
            }
            tracks.push(key);
            let live = track.live_layers(ctx.now);
            if live != track.live {
                track.live = live;
                changed.push(key);
            }
        }
        for key in changed {
            self.layers_changed(key, ctx);
        }
        for key in tracks {
            self.update_dynacast(key, ctx);
        }
    }

    /// Tells the publisher which encodings anybody watches, when that changed.
    pub(super) fn update_dynacast(&mut self, key: TrackKey, ctx: &mut Ctx<'_>) {
        let Some(track) = self.tracks.get(key) else { return };
        if !track.is_video() {
            return;
        }
        let layers = track.layers(ctx.now);
        let mut highest = None;
        for s in track.subscribers.iter().filter_map(|s| self.subscriptions.get(*s)).filter(|s| s.live) {
            let adaptive = self.participants.get(s.subscriber).is_some_and(|p| p.adaptive_stream);
            let wanted = super::subscription::wanted(s.settings, adaptive);
            highest = highest.max(wanted.quality_of(&layers));
        }
        let Some(track) = self.tracks.get_mut(key) else { return };
        let Some(enabled) = track.dynacast.update(highest, ctx.now) else { return };
        let event =
            Event::SubscribedQuality { track: track.info.sid.clone(), codecs: vec![(track.codec_name(), enabled)] };
        let session = self.tracks.get(key).and_then(|t| self.session_of(t.publisher));
        ctx.send(session, event);
    }

    fn judge_speakers(&mut self, ctx: &mut Ctx<'_>) {
        let mut changes: Vec<Speaker> = self.speakers.poll(ctx.now);
        for p in self.participants.values_mut() {
            let Some(until) = p.faults.speaking_until else { continue };
            let active = ctx.now < until;
            changes.retain(|c| c.participant != p.info.sid);
            changes.push(Speaker { participant: p.info.sid.clone(), level: if active { 1.0 } else { 0.0 }, active });
            if !active {
                p.faults.speaking_until = None;
            }
        }
        if changes.is_empty() {
            return;
        }
        for (key, p) in &self.participants {
            let heard: Vec<Speaker> = changes.iter().filter(|c| self.hears(key, &c.participant)).cloned().collect();
            if !heard.is_empty() {
                ctx.send(p.session, Event::Speakers(Arc::new(heard)));
            }
        }
    }

    /// Whether somebody receives a participant's audio, or is that participant.
    fn hears(&self, key: ParticipantKey, speaker: &Sid) -> bool {
        let Some(p) = self.participants.get(key) else { return false };
        if p.info.sid == *speaker {
            return true;
        }
        let Some((other, s)) = self.participants.iter().find(|(_, s)| s.info.sid == *speaker) else { return false };
        if s.info.permissions.hidden {
            return false;
        }
        let audio = |t: &&super::track::Track| t.publisher == other && t.info.kind == TrackKind::Audio;
        self.tracks
            .values()
            .filter(audio)
            .any(|t| t.subscribers.iter().filter_map(|s| self.subscriptions.get(*s)).any(|s| s.subscriber == key))
    }

    pub(crate) fn note_ingress(&mut self, key: ParticipantKey, stats: &MediaIngressStats) {
        if let Some(p) = self.participants.get_mut(key) {
            p.quality.loss = p.quality.loss.max(stats.loss.unwrap_or(0.0));
            p.quality.rtt = stats.rtt.or(p.quality.rtt);
        }
    }

    pub(crate) fn note_egress(&mut self, key: ParticipantKey, stats: &MediaEgressStats) {
        if let Some(p) = self.participants.get_mut(key) {
            p.quality.loss = p.quality.loss.max(stats.loss.unwrap_or(0.0));
            p.quality.rtt = stats.rtt.or(p.quality.rtt);
        }
    }

    fn judge_quality(&mut self, ctx: &mut Ctx<'_>) {
        let mut reports: Vec<(ParticipantKey, QualityReport)> = Vec::new();
        for (key, p) in &mut self.participants {
            let measured = Measured { loss: p.quality.loss, rtt: p.quality.rtt, jitter: None };
            p.quality.loss = 0.0;
            let (quality, score) = score(&measured);
            let changed = p.quality.told.replace(quality) != Some(quality);
            if changed && p.is_active() {
                reports.push((key, QualityReport { participant: p.info.sid.clone(), quality, score }));
            }
        }
        if reports.is_empty() {
            return;
        }
        for (viewer, p) in &self.participants {
            let seen = reports.iter().filter(|(key, _)| {
                *key == viewer || self.participants.get(*key).is_some_and(|o| !o.info.permissions.hidden)
            });
            let seen: Vec<QualityReport> = seen.map(|(_, r)| r.clone()).collect();
            if !seen.is_empty() {
                ctx.send(p.session, Event::Quality(Arc::new(seen)));
            }
        }
    }

    /// People who never connected, or whose connection is lost for too long.
    fn check_presence(&mut self, ctx: &mut Ctx<'_>) {
        let since = |at: Instant| ctx.now.saturating_duration_since(at);
        let mut gone: Vec<(ParticipantKey, LeaveReason)> = Vec::new();
        for (key, p) in &self.participants {
            if !p.is_active() {
                if since(p.joined_at) > ctx.limits.connect_timeout {
                    gone.push((key, LeaveReason::JoinFailure));
                }
                continue;
            }
            // Whoever still has signalling may be on its way back, and gets twice the time.
            let patience = ctx.limits.resume_grace * if p.session.is_some() { 2 } else { 1 };
            if p.path_lost.is_some_and(|at| since(at) > patience) {
                gone.push((key, LeaveReason::ConnectionTimeout));
            }
        }
        for (key, reason) in gone {
            self.remove(key, reason, Some(LeaveAction::Reconnect), ctx);
        }
    }

    fn check_empty(&mut self, ctx: &mut Ctx<'_>) {
        let Some(since) = self.empty_since else { return };
        let allowed = if self.ever_joined { self.info.departure_timeout_s } else { self.info.empty_timeout_s };
        if ctx.now.saturating_duration_since(since) >= Duration::from_secs(u64::from(allowed)) {
            self.close(LeaveReason::RoomClosed, LeaveAction::Disconnect, ctx);
        }
    }

    /// A participant's connection came up (or came back).
    pub(crate) fn connected(&mut self, key: ParticipantKey, target: tandem_core::PcTarget, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        p.path_lost = None;
        let primary = match p.subscriber {
            Some(_) if p.info.permissions.can_subscribe => tandem_core::PcTarget::Subscriber,
            _ => tandem_core::PcTarget::Publisher,
        };
        let became_active = target == primary && p.info.state != ParticipantState::Active;
        if became_active {
            p.info.state = ParticipantState::Active;
            self.announce(key, false, ctx);
        }
        let receives = self.participants.get(key).is_some_and(|p| match target {
            tandem_core::PcTarget::Publisher => p.single_pc,
            tandem_core::PcTarget::Subscriber => true,
        });
        if receives {
            let own: Vec<_> = self
                .subscriptions
                .iter()
                .filter(|(_, s)| s.subscriber == key && s.slot.is_some())
                .map(|(k, _)| k)
                .collect();
            for subscription in own {
                self.go_live(subscription, ctx);
            }
        }
    }

    /// The client's ICE checks stopped. An ICE restart looks like this for a moment, so the tick
    /// waits before it does something about it.
    pub(crate) fn path_lost(&mut self, key: ParticipantKey, ctx: &Ctx<'_>) {
        if let Some(p) = self.participants.get_mut(key) {
            p.path_lost.get_or_insert(ctx.now);
        }
    }

    /// Clients whose path is lost but whose signalling lives are told to resume, once.
    fn nudge_lost(&mut self, ctx: &mut Ctx<'_>) {
        for p in self.participants.values_mut() {
            let lost = p.path_lost.is_some_and(|at| ctx.now.saturating_duration_since(at) > NUDGE_AFTER);
            if lost && !p.nudged && p.session.is_some() {
                p.nudged = true;
                let event = Event::Leave { reason: LeaveReason::ConnectionTimeout, action: LeaveAction::Resume };
                ctx.send(p.session, event);
            }
        }
    }

    pub(crate) fn path_back(&mut self, key: ParticipantKey) {
        if let Some(p) = self.participants.get_mut(key) {
            p.path_lost = None;
            p.nudged = false;
        }
    }

    /// A connection closed for good (the client's DTLS said so, or it broke).
    pub(crate) fn transport_closed(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        // A client that leaves tears down its connection and its signalling in any order; whoever
        // still has signalling is told to start afresh.
        let Some(p) = self.participants.get_mut(key) else { return };
        if p.session.is_none() {
            self.remove(key, LeaveReason::ConnectionTimeout, None, ctx);
        } else {
            p.path_lost.get_or_insert(ctx.now);
        }
    }
}
