//! A client as browsers are: it offers, publishes, receives and answers checks. Everything on the
//! wire comes from a real WebRTC engine.

use crate::media::{AudioSource, Encoding, MediaPacket, VideoSource, Vp8View};
use crate::recorder::{Received, Recorder};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc, RtcConfig};
use tandem_core::{Event, PublishTrack, SessionCommand, SessionId, TrackKind, TrackSource, VideoLayer};

/// Receiving sections of the first offer, audio and video each.
const FIRST_SECTIONS: u32 = 3;
/// A camera's frame interval.
pub const FRAME: Duration = Duration::from_micros(33_333);

/// How a client behaves.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// Says which size it shows; gets the smallest until then.
    pub adaptive_stream: bool,
    /// Subscribes to everything.
    pub auto_subscribe: bool,
    /// Stops encodings nobody watches.
    pub dynacast: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { adaptive_stream: false, auto_subscribe: true, dynacast: false }
    }
}

#[derive(Debug)]
enum Source {
    Audio(AudioSource),
    Video(VideoSource),
}

/// A track on its way up.
#[derive(Debug)]
struct Publication {
    cid: String,
    source: Source,
    /// Given by the server.
    sid: Option<String>,
    /// Section, once offered.
    mid: Option<Mid>,
    /// The answer is in: media may flow.
    live: bool,
}

/// See the module.
pub struct SimClient {
    /// Who.
    pub identity: String,
    /// Its session at the server.
    pub session: SessionId,
    /// Its address.
    pub address: SocketAddr,
    /// Everything the server told it.
    pub events: Vec<(Instant, Event)>,
    /// What it received, by SSRC.
    pub recorders: BTreeMap<u32, Recorder>,
    /// m-section to track id, as the last answer said.
    pub mids: BTreeMap<String, String>,
    /// When its connection came up.
    pub connected_at: Option<Instant>,
    options: ClientOptions,
    rtc: Rtc,
    deadline: Instant,
    pending: Option<(u32, SdpPendingOffer)>,
    offer_id: u32,
    offer_wanted: bool,
    restart: bool,
    keyframe_requests: u64,
    /// Receiving sections to add with the next offer: audio, video.
    more: (u32, u32),
    receiving: Vec<Mid>,
    stopped: Vec<Mid>,
    publications: Vec<Publication>,
    outgoing: Vec<Vec<u8>>,
    seed: u64,
}

impl SimClient {
    pub(crate) fn new(
        identity: &str,
        session: SessionId,
        address: SocketAddr,
        options: ClientOptions,
        seed: u64,
        now: Instant,
    ) -> Self {
        let config = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host address is a candidate"));
        Self {
            identity: identity.to_owned(),
            session,
            address,
            events: Vec::new(),
            recorders: BTreeMap::new(),
            mids: BTreeMap::new(),
            connected_at: None,
            options,
            rtc,
            deadline: now,
            pending: None,
            offer_id: 0,
            offer_wanted: true,
            restart: false,
            keyframe_requests: 0,
            more: (FIRST_SECTIONS, FIRST_SECTIONS),
            receiving: Vec::new(),
            stopped: Vec::new(),
            publications: Vec::new(),
            outgoing: Vec::new(),
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
        self.offer_wanted = true;
    }

    /// The server's id of a track this client publishes.
    #[must_use]
    pub fn published_sid(&self, cid: &str) -> Option<&str> {
        self.publications.iter().find(|p| p.cid == cid)?.sid.as_deref()
    }

    /// Its network changed: it has another address, and the next offer restarts ICE.
    pub(crate) fn move_to(&mut self, address: SocketAddr, session: SessionId) {
        let old = Candidate::host(self.address, "udp").expect("a host address is a candidate");
        self.rtc.direct_api().invalidate_candidate(&old);
        self.rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host address is a candidate"));
        (self.address, self.session) = (address, session);
        self.pending = None;
        (self.restart, self.offer_wanted) = (true, true);
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

    /// Asks for a keyframe on everything it receives.
    pub(crate) fn request_keyframes(&mut self, now: Instant) {
        self.deadline = now;
        let ssrcs: Vec<u32> = self.recorders.iter().filter(|(_, r)| r.video).map(|(ssrc, _)| *ssrc).collect();
        for ssrc in ssrcs {
            if let Some(stream) = self.rtc.direct_api().stream_rx(&Ssrc::from(ssrc)) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// The connection is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected_at.is_some() && self.rtc.is_connected()
    }

    /// The recorders of one kind that received something, oldest stream first.
    pub fn received(&self, video: bool) -> Vec<&Recorder> {
        let mut found: Vec<&Recorder> = self.recorders.values().filter(|r| r.video == video && !r.is_empty()).collect();
        found.sort_by_key(|r| r.first().map(|(_, p)| p.at));
        found
    }

    /// Takes what the server says; returns what the client answers.
    pub(crate) fn signal(&mut self, event: Event, now: Instant) {
        match &event {
            Event::Answer { sdp, id, mids } => {
                self.accept(sdp, *id, mids);
                self.deadline = now;
            }
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

    fn accept(&mut self, sdp: &str, id: u32, mids: &[(String, tandem_core::Sid)]) {
        let Some((expected, pending)) = self.pending.take() else { return };
        assert_eq!(expected, id, "{}: an answer to another offer", self.identity);
        let answer = SdpAnswer::from_sdp_string(sdp).expect("the server's answer parses");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("the server's answer fits the offer");
        self.mids = mids.iter().map(|(mid, sid)| (mid.clone(), sid.to_string())).collect();
        for publication in self.publications.iter_mut().filter(|p| p.mid.is_some()) {
            publication.live = true;
        }
    }

    /// The next offer, if one is due and none is open.
    pub(crate) fn offer(&mut self) -> Option<SessionCommand> {
        if !self.offer_wanted || self.pending.is_some() {
            return None;
        }
        self.offer_wanted = false;
        let first = self.offer_id == 0;
        let (audios, videos) = std::mem::take(&mut self.more);
        let mut api = self.rtc.sdp_api();
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
        if !api.has_changes() {
            // Nothing to say, but the server asked: one more section says it.
            self.receiving.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        let (offer, pending) = api.apply()?;
        self.offer_id += 1;
        self.pending = Some((self.offer_id, pending));
        Some(SessionCommand::Offer { sdp: offer.to_sdp_string(), id: self.offer_id })
    }

    /// A datagram from the server.
    pub(crate) fn receive(&mut self, server: SocketAddr, data: &[u8], now: Instant) {
        let receive = Receive::new(Protocol::Udp, server, self.address, data).expect("the server sends known packets");
        self.rtc.handle_input(Input::Receive(now, receive)).expect("the engine takes packets");
        self.drain(now);
    }

    /// When it wants to be called again.
    pub(crate) fn next_at(&self) -> Instant {
        let media = self.publications.iter().filter(|p| p.live && self.connected_at.is_some());
        media.map(|p| p.source.next_at()).fold(self.deadline, Instant::min)
    }

    /// Lets media and timers run.
    pub(crate) fn tick(&mut self, now: Instant) {
        let connected = self.is_connected();
        let mut publications = std::mem::take(&mut self.publications);
        for publication in publications.iter_mut().filter(|p| p.live && connected) {
            self.send(publication, now);
        }
        self.publications = publications;
        self.rtc.handle_input(Input::Timeout(now)).expect("the engine takes the time");
        self.drain(now);
    }

    fn send(&mut self, publication: &mut Publication, now: Instant) {
        let Some(mid) = publication.mid else { return };
        let (packets, rids) = publication.source.poll(now);
        let codec = if rids.is_some() { Codec::Vp8 } else { Codec::Opus };
        let Some(pt) = self.payload_type(codec) else { return };
        for packet in packets {
            let rid = rids.as_ref().and_then(|r| r.get(usize::from(packet.layer))).filter(|r| !r.is_empty());
            let rid = rid.map(|r| Rid::from(*r));
            self.write(mid, rid, pt, packet, now);
        }
    }

    fn write(&mut self, mid: Mid, rid: Option<Rid>, pt: Pt, packet: MediaPacket, now: Instant) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, rid).expect("a negotiated section has its streams");
        let mut extensions = ExtensionValues::default();
        extensions.audio_level = packet.audio_level;
        extensions.voice_activity = packet.audio_level.map(|level| level > -60);
        let nackable = packet.audio_level.is_none();
        let write = RtpWrite::new(pt, packet.seq.into(), packet.timestamp, now, packet.payload);
        stream.write_rtp(write.marker(packet.marker).nackable(nackable).ext_vals(extensions));
    }

    fn payload_type(&self, codec: Codec) -> Option<Pt> {
        self.rtc.codec_config().params().iter().find(|p| p.spec().codec == codec).map(|p| p.pt())
    }

    fn drain(&mut self, now: Instant) {
        loop {
            let output = self.rtc.poll_output();
            match output.unwrap_or_else(|error| panic!("{}: {error}", self.identity)) {
                Output::Transmit(t) => self.outgoing.push(t.contents.to_vec()),
                Output::Event(event) => self.handle(event, now),
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }

    fn handle(&mut self, event: RtcEvent, now: Instant) {
        match event {
            RtcEvent::Connected => self.connected_at = Some(now),
            RtcEvent::RtpPacket(packet) => self.record(&packet, now),
            RtcEvent::KeyframeRequest(request) => {
                self.keyframe_requests += 1;
                let wanted = self.publications.iter_mut().filter(|p| p.mid == Some(request.mid));
                for publication in wanted {
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
        let codec = self.rtc.codec_config().params().iter().find(|p| p.pt() == packet.header.payload_type);
        let video = codec.is_some_and(|p| p.spec().codec == Codec::Vp8);
        let mid = self.rtc.direct_api().stream_rx(&ssrc).map(|s| s.mid().to_string()).unwrap_or_default();
        let vp8 = if video { Vp8View::parse(&packet.payload) } else { None };
        let recorder = self.recorders.entry(*ssrc).or_insert_with(|| Recorder::new(mid, video));
        if video && vp8.is_none() {
            recorder.broken += 1;
        }
        let (timestamp, marker) = (packet.header.timestamp, packet.header.marker);
        recorder.push(*packet.seq_no, Received { at: now, timestamp, marker, vp8 });
    }

    /// Datagrams to the server since the last call.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }
}

impl Source {
    fn describe(&self) -> (MediaKind, Option<Simulcast>) {
        let Self::Video(source) = self else { return (MediaKind::Audio, None) };
        let mut simulcast = Simulcast::new();
        let layers = source.encodings().filter(|e| !e.rid.is_empty());
        layers.for_each(|e| simulcast.add_send_layer(SimulcastLayer::new(e.rid)));
        (MediaKind::Video, (!simulcast.send.is_empty()).then_some(simulcast))
    }

    fn next_at(&self) -> Instant {
        match self {
            Self::Audio(source) => source.next_at(),
            Self::Video(source) => source.next_at(),
        }
    }

    /// Packets due, and the rids of a video.
    fn poll(&mut self, now: Instant) -> (Vec<MediaPacket>, Option<Vec<&'static str>>) {
        match self {
            Self::Audio(source) => (source.poll(now), None),
            Self::Video(source) => (source.poll(now), Some(source.encodings().map(|e| e.rid).collect())),
        }
    }
}

fn channel(label: &str) -> ChannelConfig {
    let reliable = label == "_reliable";
    let reliability =
        if reliable { Reliability::Reliable } else { Reliability::MaxRetransmits { retransmits: 0 } };
    ChannelConfig {
        label: label.to_owned(),
        ordered: reliable,
        reliability,
        negotiated: None,
        protocol: String::new(),
    }
}

fn announcement(cid: &str, kind: TrackKind, (width, height): (u32, u32), layers: Vec<VideoLayer>) -> PublishTrack {
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
