//! Who receives which track: wishes, permissions and the edge itself.

use super::participant::Slot;
use super::{Ctx, ParticipantKey, Room, SubscriptionKey, TrackKey};
use crate::select::{LayerSwitch, Wanted};
use crate::transport::TransportKey;
use smallvec::SmallVec;
use std::time::{Duration, Instant};
use str0m::media::{MediaKind, Pt};
use tandem_core::{Code, Event, SubscriptionPermission, TrackKind, TrackSettings};

/// How one payload type of the publisher leaves towards this subscriber.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translation {
    pub(super) from: Pt,
    /// `None`: the subscriber cannot take it.
    pub(super) to: Option<Pt>,
    /// Take the newest block out of redundant audio.
    pub(super) unwrap_red: bool,
}

/// One-connection clients learn of a new stream from our answer, which takes the slower way
/// through signalling. Audio of a stream a client has not heard of yet is lost there, ten packets
/// of it with pion, whose search for the stream eats them. Video waits for a keyframe anyway.
pub(super) const ANSWER_TRAVELS: Duration = Duration::from_millis(20);

/// One edge from a track to a participant.
pub(super) struct Subscription {
    pub(super) track: TrackKey,
    pub(super) subscriber: ParticipantKey,
    pub(super) transport: TransportKey,
    pub(super) kind: MediaKind,
    /// The outgoing stream, once a section is agreed on.
    pub(super) slot: Option<Slot>,
    /// The connection is up and the track is not paused.
    pub(super) live: bool,
    /// Audio waits until then: see [`ANSWER_TRAVELS`].
    pub(super) opens_at: Option<Instant>,
    pub(super) settings: Option<TrackSettings>,
    pub(super) switch: LayerSwitch,
    pub(super) translations: SmallVec<[Translation; 2]>,
    /// A codec was met that the subscriber cannot take, and it has not been told yet.
    pub(super) refused: bool,
}

impl Subscription {
    pub(super) fn describe(&self) -> String {
        let mid = self.slot.as_ref().map(|s| s.mid.to_string()).unwrap_or_else(|| "-".to_owned());
        format!("mid={mid} live={} settings={:?} switch={:?}", self.live, self.settings, self.switch)
    }
}

impl Room {
    /// Brings one participant's subscriptions in line with what it wants and may have.
    pub(super) fn reconcile_participant(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let tracks: Vec<TrackKey> = self.tracks.keys().collect();
        for track in tracks {
            self.reconcile(key, track, ctx);
        }
    }

    /// Brings everyone's subscriptions to one track in line.
    pub(super) fn reconcile_track(&mut self, track: TrackKey, ctx: &mut Ctx<'_>) {
        let everyone: Vec<ParticipantKey> = self.participants.keys().collect();
        for key in everyone {
            self.reconcile(key, track, ctx);
        }
    }

    fn reconcile(&mut self, subscriber: ParticipantKey, track: TrackKey, ctx: &mut Ctx<'_>) {
        let existing = self.subscription(subscriber, track);
        match (self.should_subscribe(subscriber, track), existing) {
            (true, None) => self.begin_subscription(subscriber, track, ctx),
            (false, Some(key)) => self.end_subscription(key, ctx),
            _ => {}
        }
    }

    pub(super) fn subscription(&self, subscriber: ParticipantKey, track: TrackKey) -> Option<SubscriptionKey> {
        self.subscriptions.iter().find(|(_, s)| s.track == track && s.subscriber == subscriber).map(|(key, _)| key)
    }

    fn should_subscribe(&self, subscriber: ParticipantKey, track: TrackKey) -> bool {
        let (Some(p), Some(t)) = (self.participants.get(subscriber), self.tracks.get(track)) else { return false };
        t.publisher != subscriber
            && p.info.permissions.can_subscribe
            && p.wants(t.info.sid.as_str())
            && self.permits(t.publisher, subscriber, t.info.sid.as_str())
    }

    /// Whether a publisher lets somebody subscribe to a track of its.
    fn permits(&self, publisher: ParticipantKey, subscriber: ParticipantKey, track_sid: &str) -> bool {
        let (Some(owner), Some(p)) = (self.participants.get(publisher), self.participants.get(subscriber)) else {
            return false;
        };
        let rules = &owner.permission;
        if rules.all_participants || p.info.permissions.recorder {
            return true;
        }
        rules.tracks.iter().any(|rule| {
            let who = if rule.identity.is_empty() {
                rule.participant_sid == p.info.sid.as_str()
            } else {
                rule.identity == p.info.identity.as_str()
            };
            who && (rule.all_tracks || rule.track_sids.iter().any(|s| s == track_sid))
        })
    }

    fn begin_subscription(&mut self, subscriber: ParticipantKey, track: TrackKey, ctx: &mut Ctx<'_>) {
        let Some(t) = self.tracks.get_mut(track) else { return };
        let kind = if t.info.kind == TrackKind::Audio { MediaKind::Audio } else { MediaKind::Video };
        let Some(p) = self.participants.get_mut(subscriber) else { return };
        let settings = p.settings.get(t.info.sid.as_str()).copied();
        let key = self.subscriptions.insert(Subscription {
            track,
            subscriber,
            transport: p.receiving(),
            kind,
            slot: None,
            live: ctx.transports.peer(p.receiving()).is_some_and(crate::transport::Peer::is_connected),
            settings,
            switch: LayerSwitch::default(),
            translations: SmallVec::new(),
            opens_at: None,
            refused: false,
        });
        t.subscribers.push(key);
        p.negotiation.needed = true;
        self.choose_layer(key, ctx);
    }

    /// Ends one edge; the section becomes free for another track.
    pub(super) fn end_subscription(&mut self, key: SubscriptionKey, ctx: &mut Ctx<'_>) {
        let Some(s) = self.subscriptions.remove(key) else { return };
        if let Some(t) = self.tracks.get_mut(s.track) {
            t.subscribers.retain(|k| *k != key);
        }
        if let Some(p) = self.participants.get_mut(s.subscriber) {
            p.negotiation.needed = true;
            p.negotiation.offered.retain(|(mid, offered)| {
                if *offered == key {
                    // Offered, not yet answered: stop it with the offer after the answer.
                    p.negotiation.stop.push(*mid);
                }
                *offered != key
            });
            if let Some(slot) = s.slot {
                if p.single_pc {
                    p.negotiation.spare.add(s.kind);
                    p.ended_slots.push(slot);
                } else {
                    p.negotiation.stop.push(slot.mid);
                }
            }
        }
        self.update_dynacast(s.track, ctx);
    }

    pub(super) fn drop_subscriptions_of(&mut self, subscriber: ParticipantKey, ctx: &mut Ctx<'_>) {
        let own: Vec<_> =
            self.subscriptions.iter().filter(|(_, s)| s.subscriber == subscriber).map(|(k, _)| k).collect();
        for key in own {
            self.end_subscription(key, ctx);
        }
    }

    /// The client asks to receive tracks or to stop.
    pub(super) fn subscribe(&mut self, key: ParticipantKey, sids: Vec<String>, subscribe: bool, ctx: &mut Ctx<'_>) {
        for sid in sids {
            let Some(p) = self.participants.get_mut(key) else { return };
            let session = p.session;
            p.wishes.insert(sid.clone(), subscribe);
            let Some(track) = self.find_track(&sid) else { continue };
            self.reconcile(key, track, ctx);
            let publisher = self.tracks.get(track).map(|t| t.publisher).unwrap_or_default();
            if subscribe
                && !self.permits(publisher, key, &sid)
                && let Some(participant) = self.participants.get(publisher).map(|p| p.info.sid.clone())
            {
                let track = sid.as_str().into();
                ctx.send(session, Event::SubscriptionPermission { participant, track, allowed: false });
            }
        }
    }

    /// The client says which size it shows, or pauses a track.
    pub(super) fn change_settings(
        &mut self,
        key: ParticipantKey,
        sids: Vec<String>,
        settings: TrackSettings,
        ctx: &mut Ctx<'_>,
    ) {
        for sid in sids {
            let Some(p) = self.participants.get_mut(key) else { return };
            p.settings.insert(sid.clone(), settings);
            let found = self.find_track(&sid).and_then(|track| self.subscription(key, track));
            if let Some(found) = found
                && let Some(s) = self.subscriptions.get_mut(found)
            {
                s.settings = Some(settings);
                let track = s.track;
                self.choose_layer(found, ctx);
                self.update_dynacast(track, ctx);
            }
        }
    }

    /// A publisher changes who may subscribe to it.
    pub(super) fn change_permission(
        &mut self,
        key: ParticipantKey,
        permission: SubscriptionPermission,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(p) = self.participants.get_mut(key) else { return };
        p.permission = permission;
        let (publisher, tracks) = (p.info.sid.clone(), p.tracks.clone());
        let everyone: Vec<ParticipantKey> = self.participants.keys().filter(|k| *k != key).collect();
        for track in tracks {
            let Some(sid) = self.tracks.get(track).map(|t| t.info.sid.clone()) else { continue };
            for &subscriber in &everyone {
                let wanted = self.participants.get(subscriber).is_some_and(|p| p.wants(sid.as_str()));
                let before = self.subscription(subscriber, track).is_some();
                self.reconcile(subscriber, track, ctx);
                let allowed = self.permits(key, subscriber, sid.as_str());
                if wanted && before != allowed {
                    let session = self.session_of(subscriber);
                    let (participant, track) = (publisher.clone(), sid.clone());
                    ctx.send(session, Event::SubscriptionPermission { participant, track, allowed });
                }
            }
        }
    }

    /// The subscriber cannot take the track's codec.
    pub(super) fn refuse_codec(&mut self, key: SubscriptionKey, ctx: &mut Ctx<'_>) {
        let Some(s) = self.subscriptions.get(key) else { return };
        let Some(track) = self.tracks.get(s.track).map(|t| t.info.sid.to_string()) else { return };
        let session = self.session_of(s.subscriber);
        ctx.send(session, Event::SubscriptionFailed { track, code: Code::Unsupported });
    }

    /// Everything a participant receives chooses again.
    pub(super) fn choose_layers_of(&mut self, subscriber: ParticipantKey, ctx: &mut Ctx<'_>) {
        let own: Vec<_> =
            self.subscriptions.iter().filter(|(_, s)| s.subscriber == subscriber).map(|(k, _)| k).collect();
        for key in own {
            self.choose_layer(key, ctx);
        }
    }

    /// Picks the layer a subscription should receive from what is there and what is wanted.
    pub(super) fn choose_layer(&mut self, key: SubscriptionKey, ctx: &mut Ctx<'_>) {
        let Some(s) = self.subscriptions.get_mut(key) else { return };
        let Some(t) = self.tracks.get(s.track) else { return };
        if !t.is_video() {
            let disabled = s.settings.is_some_and(|x| x.disabled);
            s.switch.set_paused(disabled);
            return;
        }
        let adaptive = self.participants.get(s.subscriber).is_some_and(|p| p.adaptive_stream);
        let wanted = wanted(s.settings, adaptive);
        let mut layers = t.layers(ctx.now);
        if let Some(capacity) = self.participants.get(s.subscriber).and_then(|p| p.faults.capacity) {
            t.keep_within(capacity, &mut layers);
        }
        s.switch.aim(&layers, &wanted);
        // A keyframe that comes before the subscriber can take it is lost, and the next would have to
        // wait for the interval.
        if let Some(layer) = s.switch.needs_keyframe().filter(|_| s.live) {
            let track = s.track;
            self.want_keyframe(track, layer, ctx);
        }
    }
}

/// What a subscriber wants, with the defaults: everything, or the smallest layer from a client that
/// will say what it shows.
pub(super) fn wanted(settings: Option<TrackSettings>, adaptive: bool) -> Wanted {
    match settings {
        Some(s) => Wanted { disabled: s.disabled, quality: s.quality, width: s.width, height: s.height, fps: s.fps },
        None => Wanted { disabled: false, quality: if adaptive { 0 } else { 2 }, width: 0, height: 0, fps: 0 },
    }
}
