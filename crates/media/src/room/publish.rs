//! Announcing, muting and taking down tracks.

use super::participant::PendingTrack;
use super::track::{Layer, Track, layer_of_rid};
use super::{Ctx, ParticipantKey, Room, TrackKey};
use crate::dynacast::Dynacast;
use smallvec::SmallVec;
use str0m::media::Mid;
use tandem_core::{
    Code, CodecInfo, Effect, Event, Notice, PublishTrack, RequestRef, Sid, TrackInfo, TrackKind, TrackSource,
    VideoLayer,
};

/// Same id announced again while the first is up.
const QUEUED_PER_CID: usize = 3;

impl Room {
    pub(super) fn announce_track(&mut self, key: ParticipantKey, request: PublishTrack, ctx: &mut Ctx<'_>) {
        let session = self.session_of(key);
        let refuse = |code, message: &str, ctx: &mut Ctx<'_>| {
            let request = RequestRef::PublishTrack { cid: request.cid.clone() };
            ctx.send(session, Event::RequestResult { request, code: Some(code), message: message.to_owned() });
        };
        let Some(p) = self.participants.get(key) else { return };
        if !p.info.permissions.may_publish(request.source) {
            return refuse(Code::NotAllowed, "the token does not allow publishing this source", ctx);
        }
        if let Some(pending) = p.pending.iter().find(|t| t.request.cid == request.cid) {
            let track = Box::new(pending.info.clone());
            return ctx.send(session, Event::TrackPublished { cid: request.cid, track });
        }
        if p.pending.len() + p.tracks.len() >= ctx.limits.tracks_per_participant {
            return refuse(Code::LimitExceeded, "this participant has too many tracks", ctx);
        }
        if !request.sid.is_empty() {
            return refuse(Code::TrackNotFound, "adding a second codec to a track is not supported", ctx);
        }
        let published = p.tracks.iter().filter_map(|t| self.tracks.get(*t)).any(|t| t.cid == request.cid);
        if published {
            if p.queued.iter().filter(|q| q.cid == request.cid).count() >= QUEUED_PER_CID {
                return refuse(Code::LimitExceeded, "this track is announced too often", ctx);
            }
            refuse(Code::Queued, "the track is published once it is no longer in use", ctx);
            if let Some(p) = self.participants.get_mut(key) {
                p.queued.push(request);
            }
            return;
        }
        self.accept_track(key, request, ctx);
    }

    fn accept_track(&mut self, key: ParticipantKey, request: PublishTrack, ctx: &mut Ctx<'_>) {
        let info = track_info(&request, ctx);
        let cid = request.cid.clone();
        let Some(p) = self.participants.get_mut(key) else { return };
        p.pending.push(PendingTrack { request, info: info.clone() });
        ctx.send(p.session, Event::TrackPublished { cid, track: Box::new(info) });
    }

    /// A sending section of the client's offer: finds the announcement it belongs to and puts the
    /// track up. Returns whether something was published.
    pub(super) fn bind_section(
        &mut self,
        key: ParticipantKey,
        section: &tandem_wire::sdp::OfferedSection,
        mime_type: String,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(p) = self.participants.get_mut(key) else { return false };
        let cid = section.msid.as_ref().map(|(_, track)| track.as_str()).unwrap_or_default();
        let kind = if section.is_audio() { TrackKind::Audio } else { TrackKind::Video };
        let by_cid = |t: &PendingTrack| {
            t.request.cid == cid || t.request.codecs.iter().any(|c| !c.cid.is_empty() && c.cid == cid)
        };
        // Firefox and replaced tracks carry ids of their own: the first announcement of the kind it is.
        let index = p
            .pending
            .iter()
            .position(|t| !cid.is_empty() && by_cid(t))
            .or_else(|| p.pending.iter().position(|t| t.request.kind == kind));
        let Some(index) = index else { return false };
        let PendingTrack { request, mut info } = p.pending.remove(index);
        let transport = p.publisher;
        info.mid.clone_from(&section.mid);
        if info.mime_type.is_empty() {
            info.mime_type.clone_from(&mime_type);
        }
        if let Some(codec) = info.codecs.first_mut() {
            codec.mid.clone_from(&section.mid);
            codec.mime_type.clone_from(&info.mime_type);
        }
        info.version = ctx.unix_us();
        let track = Track {
            info: info.clone(),
            cid: request.cid,
            publisher: key,
            transport,
            mid: Mid::from(section.mid.as_str()),
            layers: std::array::from_fn(|_| Layer::default()),
            payloads: SmallVec::new(),
            subscribers: Vec::new(),
            dynacast: Dynacast::new(ctx.now),
            told_subscribed: false,
            live: 0,
        };
        let track = self.tracks.insert(track);
        if let Some(p) = self.participants.get_mut(key) {
            p.tracks.push(track);
        }
        self.recount();
        self.announce(key, true, ctx);
        self.notice_track(track, true, ctx);
        self.reconcile_track(track, ctx);
        true
    }

    fn notice_track(&self, track: TrackKey, up: bool, ctx: &mut Ctx<'_>) {
        let Some(t) = self.tracks.get(track) else { return };
        let Some(participant) = self.snapshot(t.publisher) else { return };
        let (room, track) = (self.info.clone(), t.info.clone());
        let notice = if up {
            Notice::TrackPublished { room, participant, track }
        } else {
            Notice::TrackUnpublished { room, participant, track }
        };
        ctx.effects.push(Effect::Notice(Box::new(notice)));
    }

    /// The publisher stopped sending a section: the track goes, and the next announcement of the
    /// same id, if one waits, comes up.
    pub(super) fn unpublish(&mut self, track: TrackKey, ctx: &mut Ctx<'_>) {
        let Some((publisher, cid)) = self.tracks.get(track).map(|t| (t.publisher, t.cid.clone())) else { return };
        self.drop_track(track, ctx);
        self.recount();
        self.announce(publisher, true, ctx);
        let queued = self.participants.get_mut(publisher).and_then(|p| {
            let index = p.queued.iter().position(|q| q.cid == cid)?;
            Some(p.queued.remove(index))
        });
        if let Some(request) = queued {
            self.accept_track(publisher, request, ctx);
        }
    }

    /// Takes a track out of all tables. The caller tells the room.
    pub(super) fn drop_track(&mut self, track: TrackKey, ctx: &mut Ctx<'_>) {
        self.notice_track(track, false, ctx);
        let Some(t) = self.tracks.get(track) else { return };
        for subscription in t.subscribers.clone() {
            self.end_subscription(subscription, ctx);
        }
        let waiting: Vec<_> = self.subscriptions.iter().filter(|(_, s)| s.track == track).map(|(k, _)| k).collect();
        for subscription in waiting {
            self.end_subscription(subscription, ctx);
        }
        let Some(t) = self.tracks.remove(track) else { return };
        self.streams.retain(|_, (key, _)| *key != track);
        if let Some(p) = self.participants.get_mut(t.publisher) {
            p.tracks.retain(|k| *k != track);
        }
        if t.info.kind == TrackKind::Audio
            && let Some(p) = self.participants.get(t.publisher)
        {
            self.speakers.silence(&p.info.sid);
        }
    }

    /// Takes down what the publisher may no longer publish.
    pub(super) fn enforce_sources(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let may = |source: TrackSource| p.info.permissions.may_publish(source);
        let forbidden = |t: &&TrackKey| self.tracks.get(**t).is_some_and(|t| !may(t.info.source));
        let forbidden: Vec<TrackKey> = p.tracks.iter().filter(forbidden).copied().collect();
        let session = p.session;
        for track in forbidden {
            if let Some(sid) = self.tracks.get(track).map(|t| t.info.sid.clone()) {
                ctx.send(session, Event::TrackUnpublished(sid));
            }
            self.unpublish(track, ctx);
        }
    }

    pub(super) fn mute_own(&mut self, key: ParticipantKey, track: &str, muted: bool, ctx: &mut Ctx<'_>) {
        if let Some(p) = self.participants.get_mut(key)
            && let Some(pending) = p.pending.iter_mut().find(|t| t.info.sid.as_str() == track)
        {
            pending.info.muted = muted;
            return;
        }
        let Some(found) = self.own_track(key, track) else {
            let request = RequestRef::Mute { track: track.to_owned(), muted };
            let message = "there is no such track of yours".to_owned();
            let session = self.session_of(key);
            return ctx.send(session, Event::RequestResult { request, code: Some(Code::TrackNotFound), message });
        };
        self.set_muted(found, muted, ctx);
    }

    pub(super) fn set_muted(&mut self, track: TrackKey, muted: bool, ctx: &mut Ctx<'_>) {
        let Some(t) = self.tracks.get_mut(track) else { return };
        if t.info.muted == muted {
            return;
        }
        t.info.muted = muted;
        t.info.version = ctx.unix_us();
        let (publisher, video) = (t.publisher, t.is_video());
        if video && !muted {
            self.want_keyframes(track, ctx);
        }
        if !video
            && muted
            && let Some(p) = self.participants.get(publisher)
        {
            self.speakers.silence(&p.info.sid);
        }
        self.announce(publisher, true, ctx);
    }

    pub(super) fn update_audio_track(
        &mut self,
        key: ParticipantKey,
        track: &str,
        features: Vec<i32>,
        ctx: &mut Ctx<'_>,
    ) {
        if let Some(found) = self.own_track(key, track)
            && let Some(t) = self.tracks.get_mut(found)
        {
            t.info.audio_features = features;
            t.info.version = ctx.unix_us();
            self.announce(key, true, ctx);
        }
    }

    pub(super) fn update_video_track(&mut self, key: ParticipantKey, track: &str, size: (u32, u32), ctx: &mut Ctx<'_>) {
        if let Some(found) = self.own_track(key, track)
            && let Some(t) = self.tracks.get_mut(found)
        {
            (t.info.width, t.info.height) = size;
            t.info.version = ctx.unix_us();
            self.announce(key, true, ctx);
        }
    }

    fn own_track(&self, key: ParticipantKey, sid: &str) -> Option<TrackKey> {
        self.find_track(sid).filter(|t| self.tracks.get(*t).is_some_and(|t| t.publisher == key))
    }

    /// Somebody receives the track: its publisher learns it once.
    pub(super) fn tell_subscribed(&mut self, track: TrackKey, subscriber: ParticipantKey, ctx: &mut Ctx<'_>) {
        if self.participants.get(subscriber).is_some_and(|p| p.info.permissions.hidden) {
            return;
        }
        let Some(t) = self.tracks.get_mut(track) else { return };
        if !t.told_subscribed {
            t.told_subscribed = true;
            let (sid, publisher) = (t.info.sid.clone(), t.publisher);
            let session = self.session_of(publisher);
            ctx.send(session, Event::TrackSubscribed(sid));
        }
    }
}

/// What everybody will see of an announced track.
fn track_info(request: &PublishTrack, ctx: &mut Ctx<'_>) -> TrackInfo {
    let mut layers = request.layers.clone();
    sort_layers(&mut layers);
    let codecs: Vec<CodecInfo> = request
        .codecs
        .iter()
        .map(|c| {
            let mut layers = if c.layers.is_empty() { request.layers.clone() } else { c.layers.clone() };
            sort_layers(&mut layers);
            CodecInfo {
                mime_type: mime_type(request.kind, &c.codec),
                mid: String::new(),
                cid: c.cid.clone(),
                layers,
                layer_mode: c.layer_mode,
            }
        })
        .collect();
    let mime = codecs.first().map(|c| c.mime_type.clone()).unwrap_or_default();
    let scalable = mime.ends_with("VP9") || mime.ends_with("AV1");
    let source = if request.stream.is_empty() { request.source.default_stream() } else { request.stream.as_str() };
    TrackInfo {
        sid: new_sid(request, ctx),
        kind: request.kind,
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast: layers.len() > 1 && !scalable,
        source: request.source,
        layers,
        mime_type: mime,
        mid: String::new(),
        codecs,
        stereo: request.stereo,
        disable_dtx: request.disable_dtx,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: source.to_owned(),
        version: ctx.unix_us(),
        audio_features: request.audio_features.clone(),
        backup_codec_policy: request.backup_codec_policy,
        packet_trailer_features: request.packet_trailer_features.clone(),
    }
}

/// `TR_` and two letters for kind and source, as LiveKit's tools expect to read.
fn new_sid(request: &PublishTrack, ctx: &mut Ctx<'_>) -> Sid {
    let kind = if request.kind == TrackKind::Audio { 'A' } else { 'V' };
    let source = match request.source {
        TrackSource::Camera => 'C',
        TrackSource::Microphone => 'M',
        TrackSource::ScreenShare => 'S',
        TrackSource::ScreenShareAudio => 's',
        TrackSource::Unknown => 'U',
    };
    ctx.sids.sid(&format!("TR_{kind}{source}"))
}

/// Smallest first, with spatial index and stream id filled in where the client left them out.
fn sort_layers(layers: &mut [VideoLayer]) {
    layers.sort_by_key(|l| l.quality);
    for layer in layers {
        if layer.rid.is_empty() {
            layer.rid = match layer.quality {
                0 => "q",
                1 => "h",
                _ => "f",
            }
            .to_owned();
        }
        layer.spatial_layer = i32::from(layer_of_rid(&layer.rid).unwrap_or(0));
    }
}

fn mime_type(kind: TrackKind, codec: &str) -> String {
    if codec.is_empty() || codec.contains('/') {
        return codec.to_owned();
    }
    match kind {
        TrackKind::Audio => format!("audio/{}", codec.to_ascii_lowercase()),
        TrackKind::Video => format!("video/{}", codec.to_ascii_uppercase()),
    }
}
