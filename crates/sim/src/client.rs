//! A client as browsers are: it offers, publishes, receives and answers checks, over one peer
//! connection both ways or over two. Everything on the wire comes from a real WebRTC engine.

mod pc;
mod publication;

use crate::media::{AudioSource, Encoding, MediaPacket, VideoSource, Vp8View};
use crate::recorder::{Received, Recorder};
use pc::{Pc, channel};
use publication::{Publication, Source, announcement};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Event as RtcEvent, Rtc};
use tandem_core::{Event, SessionCommand, SessionId, Sid, TrackKind, VideoLayer};

/// Receiving sections of the first offer, audio and video each.
const FIRST_SECTIONS: u32 = 3;
/// A camera's frame interval.
pub const FRAME: Duration = Duration::from_micros(33_333);

/// How a client behaves.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// One connection both ways, or one to publish and one to receive.
    pub single_pc: bool,
    /// Says which size it shows; gets the smallest until then.
    pub adaptive_stream: bool,
    /// Subscribes to everything.
    pub auto_subscribe: bool,
    /// Stops encodings nobody watches.
    pub dynacast: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { single_pc: true, adaptive_stream: false, auto_subscribe: true, dynacast: false }
    }
}

impl ClientOptions {
    /// One connection to publish, one to receive.
    #[must_use]
    pub fn two_connections() -> Self {
        Self { single_pc: false, ..Self::default() }
    }
}

/// See the module.
pub struct SimClient {
    /// Who.
    pub identity: String,
    /// Its session at the server.
    pub session: SessionId,
    /// Its network has changed: packets to where it was are gone.
    pub has_moved: bool,
    /// Everything the server told it.
    pub events: Vec<(Instant, Event)>,
    /// What it received, by SSRC.
    pub recorders: BTreeMap<u32, Recorder>,
    /// m-section to track id, as the server last said.
    pub mids: BTreeMap<String, String>,
    options: ClientOptions,
    publisher: Pc,
    /// Receives, if the publisher does not.
    subscriber: Option<Pc>,
    pending: Option<(u32, SdpPendingOffer)>,
    offer_id: u32,
    offer_wanted: bool,
    restart: bool,
    answer: Option<SessionCommand>,
    keyframe_requests: u64,
    /// Receiving sections to add with the next offer: audio, video.
    more: (u32, u32),
    receiving: Vec<Mid>,
    stopped: Vec<Mid>,
    publications: Vec<Publication>,
    seed: u64,
}

impl SimClient {
    pub(crate) fn new(
        identity: &str,
        session: SessionId,
        addresses: [SocketAddr; 2],
        options: ClientOptions,
        seed: u64,
        now: Instant,
    ) -> Self {
        let sections = if options.single_pc { FIRST_SECTIONS } else { 0 };
        Self {
            identity: identity.to_owned(),
            session,
            has_moved: false,
            events: Vec::new(),
            recorders: BTreeMap::new(),
            mids: BTreeMap::new(),
            options,
            publisher: Pc::new(addresses[0], now),
            subscriber: (!options.single_pc).then(|| Pc::new(addresses[1], now)),
            pending: None,
            offer_id: 0,
            offer_wanted: options.single_pc,
            restart: false,
            answer: None,
            keyframe_requests: 0,
            more: (sections, sections),
            receiving: Vec::new(),
            stopped: Vec::new(),
            publications: Vec::new(),
            seed,
        }
    }

    /// Announces a camera. Media flows once the server has answered.
    pub(crate) fn publish_video(&mut self, cid: &str, encodings: &[Encoding], now: Instant) -> SessionCommand {
        let source = VideoSource::new(encodings, FRAME, now, self.next_seed());
        let layers = encodings.iter().enumerate().map(|(n, e)| VideoLayer {
            quality: if encodings.len() == 1 { 2 } else { n as i32 },
            width: e.width,
            height: e.height,
            bitrate: e.bitrate,
            rid: e.rid.to_owned(),
            ..VideoLayer::default()
        });
        let layers = layers.collect();
        let size = encodings.last().map_or((0, 0), |e| (e.width, e.height));
        self.announce(cid, Source::Video(source));
        SessionCommand::PublishTrack(Box::new(announcement(cid, TrackKind::Video, size, layers)))
    }

    /// Announces a microphone.
    pub(crate) fn publish_audio(&mut self, cid: &str, level: i8, now: Instant) -> SessionCommand {
        let source = AudioSource::new(level, now, self.next_seed());
        self.announce(cid, Source::Audio(source));
        SessionCommand::PublishTrack(Box::new(announcement(cid, TrackKind::Audio, (0, 0), Vec::new())))
    }

    fn announce(&mut self, cid: &str, source: Source) {
        self.publications.push(Publication { cid: cid.to_owned(), source, sid: None, mid: None, live: false });
    }

    fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed
    }

    /// Stops sending a track; the section goes with the next offer.
    pub(crate) fn unpublish(&mut self, cid: &str) {
        for publication in self.publications.iter().filter(|p| p.cid == cid) {
            self.stopped.extend(publication.mid);
        }
        self.publications.retain(|p| p.cid != cid);
        self.offer_wanted = !self.stopped.is_empty() || self.offer_wanted;
    }

    /// The server's id of a track this client publishes.
    #[must_use]
    pub fn published_sid(&self, cid: &str) -> Option<&str> {
        self.publications.iter().find(|p| p.cid == cid)?.sid.as_deref()
    }

    /// Its network changed: it has other addresses, and the next offer restarts ICE.
    pub(crate) fn move_to(&mut self, addresses: [SocketAddr; 2], session: SessionId) {
        (self.session, self.has_moved) = (session, true);
        self.publisher.move_to(addresses[0]);
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.move_to(addresses[1]);
        }
        self.forget_offer();
        if self.options.single_pc || self.offer_id > 0 {
            (self.restart, self.offer_wanted) = (true, true);
        }
    }

    /// The answer to an open offer will not come: what was in it is to be offered again.
    fn forget_offer(&mut self) {
        if self.pending.take().is_none() {
            return;
        }
        let unknown = |rtc: &Rtc, mid: Mid| rtc.media(mid).is_none();
        for publication in &mut self.publications {
            publication.mid = publication.mid.filter(|mid| !unknown(&self.publisher.rtc, *mid));
        }
        let before = self.receiving.len();
        self.receiving.retain(|mid| !unknown(&self.publisher.rtc, *mid));
        let lost = (before - self.receiving.len()) as u32;
        self.more = (self.more.0.max(lost), self.more.1.max(lost));
    }

    /// Peer connections it has.
    #[must_use]
    pub fn connections(&self) -> u64 {
        1 + u64::from(self.subscriber.is_some())
    }

    /// Keyframes it was asked for.
    #[must_use]
    pub fn keyframe_requests(&self) -> u64 {
        self.keyframe_requests
    }

    /// Tracks it publishes and the server has named.
    pub fn published(&self) -> impl Iterator<Item = &str> {
        self.publications.iter().filter(|p| p.live).filter_map(|p| p.sid.as_deref())
    }

    /// When media last came on a section.
    #[must_use]
    pub fn last_media(&self, mid: &str) -> Option<Instant> {
        self.recorders.values().filter(|r| r.mid == mid).filter_map(Recorder::last_at).max()
    }

    fn receiver(&mut self) -> &mut Pc {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }

    /// Asks for a keyframe on everything it receives.
    pub(crate) fn request_keyframes(&mut self, now: Instant) {
        let ssrcs: Vec<u32> = self.recorders.iter().filter(|(_, r)| r.video).map(|(ssrc, _)| *ssrc).collect();
        let pc = self.receiver();
        pc.deadline = now;
        for ssrc in ssrcs {
            if let Some(stream) = pc.rtc.direct_api().stream_rx(&Ssrc::from(ssrc)) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// The connection it receives on is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.subscriber.as_ref().unwrap_or(&self.publisher).is_connected()
    }

    /// The recorders of one kind that received something, oldest stream first.
    pub fn received(&self, video: bool) -> Vec<&Recorder> {
        let mut found: Vec<&Recorder> = self.recorders.values().filter(|r| r.video == video && !r.is_empty()).collect();
        found.sort_by_key(|r| r.first().map(|(_, p)| p.at));
        found
    }

    /// Takes what the server says.
    pub(crate) fn signal(&mut self, event: Event, now: Instant) {
        match &event {
            Event::Answer { sdp, id, mids } => self.accept_answer(sdp, *id, mids, now),
            Event::Offer { sdp, id, mids } => self.accept_offer(sdp, *id, mids, now),
            Event::SectionsRequired { audios, videos } => {
                self.more = (self.more.0.max(*audios), self.more.1.max(*videos));
                self.offer_wanted = true;
            }
            Event::TrackPublished { cid, track } => {
                if let Some(publication) = self.publications.iter_mut().find(|p| p.cid == *cid) {
                    publication.sid = Some(track.sid.to_string());
                    self.offer_wanted = true;
                }
            }
            Event::SubscribedQuality { track, codecs } if self.options.dynacast => {
                let wanted = codecs.first().map_or([true; 3], |(_, wanted)| *wanted);
                for publication in &mut self.publications {
                    if let Source::Video(source) = &mut publication.source
                        && publication.sid.as_deref() == Some(track.as_str())
                    {
                        wanted.iter().enumerate().for_each(|(layer, on)| source.enable(layer, *on));
                    }
                }
            }
            _ => {}
        }
        self.events.push((now, event));
    }

    fn note_mids(&mut self, mids: &[(String, Sid)]) {
        self.mids = mids.iter().map(|(mid, sid)| (mid.clone(), sid.to_string())).collect();
    }

    fn accept_answer(&mut self, sdp: &str, id: u32, mids: &[(String, Sid)], now: Instant) {
        let Some((expected, pending)) = self.pending.take() else { return };
        assert_eq!(expected, id, "{}: an answer to another offer", self.identity);
        let answer = SdpAnswer::from_sdp_string(sdp).expect("the server's answer parses");
        self.publisher.rtc.sdp_api().accept_answer(pending, answer).expect("the server's answer fits the offer");
        self.publisher.deadline = now;
        if self.options.single_pc {
            self.note_mids(mids);
        }
        for publication in self.publications.iter_mut().filter(|p| p.mid.is_some()) {
            publication.live = true;
        }
    }

    fn accept_offer(&mut self, sdp: &str, id: u32, mids: &[(String, Sid)], now: Instant) {
        self.note_mids(mids);
        let pc = self.subscriber.as_mut().expect("only who has two connections is offered");
        let offer = SdpOffer::from_sdp_string(sdp).expect("the server's offer parses");
        let answer = pc.rtc.sdp_api().accept_offer(offer).expect("the server's offer is accepted");
        pc.deadline = now;
        self.answer = Some(SessionCommand::Answer { sdp: answer.to_sdp_string(), id });
    }

    /// The next answer or offer, if one is due and no offer is open.
    pub(crate) fn next_sdp(&mut self, now: Instant) -> Option<SessionCommand> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        if !self.offer_wanted || self.pending.is_some() {
            return None;
        }
        self.offer_wanted = false;
        self.publisher.deadline = now;
        let first = self.offer_id == 0;
        let (audios, videos) = std::mem::take(&mut self.more);
        let mut api = self.publisher.rtc.sdp_api();
        // Answered inactive or not, a browser offers to receive again.
        self.receiving.iter().for_each(|mid| api.set_direction(*mid, Direction::RecvOnly));
        self.stopped.drain(..).for_each(|mid| api.set_direction(mid, Direction::Inactive));
        for (kind, count) in [(MediaKind::Audio, audios), (MediaKind::Video, videos)] {
            for _ in 0..count {
                self.receiving.push(api.add_media(kind, Direction::RecvOnly, None, None, None));
            }
        }
        for publication in self.publications.iter_mut().filter(|p| p.sid.is_some() && p.mid.is_none()) {
            let (kind, simulcast) = publication.source.describe();
            let (stream, track) = (Some("stream".to_owned()), Some(publication.cid.clone()));
            publication.mid = Some(api.add_media(kind, Direction::SendOnly, stream, track, simulcast));
        }
        if std::mem::take(&mut self.restart) {
            api.ice_restart(true);
        }
        if first {
            ["_reliable", "_lossy", "_data_track"].into_iter().for_each(|label| {
                api.add_channel_with_config(channel(label));
            });
        }
        if !api.has_changes() && self.options.single_pc {
            // Nothing to say, but the server asked: one more section says it.
            self.receiving.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        let (offer, pending) = api.apply()?;
        self.offer_id += 1;
        self.pending = Some((self.offer_id, pending));
        Some(SessionCommand::Offer { sdp: offer.to_sdp_string(), id: self.offer_id })
    }

    fn pcs(&mut self) -> impl Iterator<Item = &mut Pc> {
        [Some(&mut self.publisher), self.subscriber.as_mut()].into_iter().flatten()
    }

    /// It has this address.
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        self.publisher.address == address || self.subscriber.as_ref().is_some_and(|pc| pc.address == address)
    }

    /// A datagram from the server.
    pub(crate) fn receive(&mut self, server: SocketAddr, to: SocketAddr, data: &[u8], now: Instant) {
        let events = match self.pcs().find(|pc| pc.address == to) {
            Some(pc) => pc.receive(server, data, now),
            // Sent to where it was before its network changed.
            None => return,
        };
        events.into_iter().for_each(|event| self.handle(event, now));
    }

    /// When it wants to be called again.
    pub(crate) fn next_at(&self) -> Instant {
        let live = self.publisher.is_connected();
        let media = self.publications.iter().filter(|p| p.live && live).map(|p| p.source.next_at());
        let subscriber = self.subscriber.as_ref().map(|pc| pc.deadline);
        media.chain(subscriber).fold(self.publisher.deadline, Instant::min)
    }

    /// Lets media and timers run.
    pub(crate) fn tick(&mut self, now: Instant) {
        let connected = self.publisher.is_connected();
        for publication in self.publications.iter_mut().filter(|p| p.live && connected) {
            send(&mut self.publisher.rtc, publication, now);
        }
        let events: Vec<RtcEvent> = self.pcs().flat_map(|pc| pc.tick(now)).collect();
        events.into_iter().for_each(|event| self.handle(event, now));
    }

    fn handle(&mut self, event: RtcEvent, now: Instant) {
        match event {
            RtcEvent::RtpPacket(packet) => self.record(&packet, now),
            RtcEvent::KeyframeRequest(request) => {
                self.keyframe_requests += 1;
                for publication in self.publications.iter_mut().filter(|p| p.mid == Some(request.mid)) {
                    if let Source::Video(source) = &mut publication.source {
                        source.request_keyframe(request.rid.as_ref().map_or("", |rid| rid));
                    }
                }
            }
            _ => {}
        }
    }

    fn record(&mut self, packet: &RtpPacket, now: Instant) {
        let ssrc = packet.header.ssrc;
        let rtc = &mut self.receiver().rtc;
        let codec = rtc.codec_config().params().iter().find(|p| p.pt() == packet.header.payload_type);
        let video = codec.is_some_and(|p| p.spec().codec == Codec::Vp8);
        let mid = rtc.direct_api().stream_rx(&ssrc).map(|s| s.mid().to_string()).unwrap_or_default();
        let vp8 = if video { Vp8View::parse(&packet.payload) } else { None };
        let recorder = self.recorders.entry(*ssrc).or_insert_with(|| Recorder::new(mid, video));
        if video && vp8.is_none() {
            recorder.broken += 1;
        }
        let (timestamp, marker) = (packet.header.timestamp, packet.header.marker);
        recorder.push(*packet.seq_no, Received { at: now, timestamp, marker, vp8 });
    }

    /// Datagrams to the server since the last call, each with the address it comes from.
    pub(crate) fn take_outgoing(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.pcs().flat_map(|pc| pc.take_outgoing().into_iter().map(|data| (pc.address, data))).collect()
    }
}

fn send(rtc: &mut Rtc, publication: &mut Publication, now: Instant) {
    let Some(mid) = publication.mid else { return };
    let (packets, rids) = publication.source.poll(now);
    let codec = if rids.is_some() { Codec::Vp8 } else { Codec::Opus };
    let found = rtc.codec_config().params().iter().find(|p| p.spec().codec == codec).map(|p| p.pt());
    let Some(pt) = found else { return };
    for packet in packets {
        let rid = rids.as_ref().and_then(|r| r.get(usize::from(packet.layer))).filter(|r| !r.is_empty());
        write(rtc, mid, rid.map(|r| Rid::from(*r)), pt, packet, now);
    }
}

fn write(rtc: &mut Rtc, mid: Mid, rid: Option<Rid>, pt: Pt, packet: MediaPacket, now: Instant) {
    let mut api = rtc.direct_api();
    let stream = api.stream_tx_by_mid(mid, rid).expect("a negotiated section has its streams");
    let extensions = ExtensionValues {
        audio_level: packet.audio_level,
        voice_activity: packet.audio_level.map(|level| level > -60),
        ..ExtensionValues::default()
    };
    let nackable = packet.audio_level.is_none();
    let write = RtpWrite::new(pt, packet.seq.into(), packet.timestamp, now, packet.payload);
    stream.write_rtp(write.marker(packet.marker).nackable(nackable).ext_vals(extensions));
}
