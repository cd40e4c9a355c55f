//! All participants and the loop that runs them.

use crate::Flags;
use crate::peer::{Buffers, Peer, Received};
use crate::signal::{News, Signalling};
use crate::token;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tandem_wire::livekit::encode_join_request;
use tandem_wire::livekit::proto::{
    AddTrackRequest, ConnectionSettings, JoinRequest, TrackSource, TrackType, VideoLayer, VideoQuality,
    signal_request::Message as Out, signal_response::Message as In,
};
use tokio::sync::mpsc::UnboundedSender;

const WAKER: Token = Token(usize::MAX);
const FRAME: Duration = Duration::from_micros(33_333);
/// Joins under way at a time.
const JOINING: usize = 8;
/// Header, extensions and tag around the payload.
const AROUND_PAYLOAD: usize = 12 + 16 + 16;
const CID: &str = "load-camera";

/// One video packet to be sent.
pub(crate) struct Packet {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
}

/// A camera with packets of equal size.
struct Camera {
    payload: usize,
    per_frame: f64,
    owed: f64,
    seq: u64,
    timestamp: u32,
    picture: u16,
    next_at: Instant,
}

impl Camera {
    fn frame(&mut self, keyframe: bool) -> Vec<Packet> {
        self.owed += self.per_frame;
        let count = self.owed.floor().max(1.0);
        self.owed -= count;
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.picture = (self.picture + 1) & 0x7fff;
        let [high, low] = self.picture.to_be_bytes();
        let packets = (0..count as u64).map(|n| {
            let first = if n == 0 { 0x90 } else { 0x80 };
            let mut payload = vec![first, 0x80, 0x80 | high, low, u8::from(!keyframe), 0, 0, 0x9d, 0x01, 0x2a];
            payload.resize(self.payload, 0x5a);
            Packet { seq: self.seq + n, timestamp: self.timestamp, marker: n + 1 == count as u64, payload }
        });
        let packets: Vec<Packet> = packets.collect();
        self.seq += packets.len() as u64;
        packets
    }
}

/// See the module.
pub(crate) struct Load<'a> {
    flags: &'a Flags,
    room: String,
    peers: Vec<Peer>,
    senders: Vec<UnboundedSender<Out>>,
    signalling: Signalling,
    news: Receiver<(usize, News)>,
    poll: Poll,
    events: Events,
    buffers: Buffers,
    camera: Camera,
    publisher: bool,
    began: Instant,
}

impl<'a> Load<'a> {
    pub(crate) fn new(flags: &'a Flags) -> Self {
        let poll = Poll::new().expect("epoll works");
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("eventfd works"));
        let (to_load, news) = channel();
        let per_frame = f64::from(flags.bitrate) / 8.0 * FRAME.as_secs_f64() / flags.packet as f64;
        let now = Instant::now();
        Self {
            flags,
            room: format!("load-{}-{:?}", std::process::id(), flags.mode).to_lowercase(),
            peers: Vec::new(),
            senders: Vec::new(),
            signalling: Signalling::new(to_load, waker),
            news,
            poll,
            events: Events::with_capacity(1024),
            buffers: Buffers::new(),
            camera: Camera {
                payload: flags.packet - AROUND_PAYLOAD,
                per_frame,
                owed: 0.0,
                seq: 1000,
                timestamp: 0,
                picture: 0,
                next_at: now,
            },
            publisher: false,
            began: now,
        }
    }

    fn join(&mut self) {
        let index = self.peers.len();
        let full = index.is_multiple_of(self.flags.full_every.max(1));
        let mut peer = Peer::new(full, self.flags.gro).expect("a UDP socket opens");
        let fd = peer.socket.as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&fd), Token(index), Interest::READABLE).expect("epoll takes it");
        let request = JoinRequest {
            connection_settings: Some(ConnectionSettings { auto_subscribe: true, ..ConnectionSettings::default() }),
            publisher_offer: Some(peer.offer(3, 3, None)),
            ..JoinRequest::default()
        };
        let token = token::join(&self.flags.key, &self.flags.secret, &self.room, &format!("p{index}"));
        let request = encode_join_request(&request).replace('=', "%3D");
        let base = self.flags.url.replacen("http", "ws", 1);
        let url = format!("{}/rtc/v1?access_token={token}&join_request={request}", base.trim_end_matches('/'));
        self.senders.push(self.signalling.connect(index, url));
        self.peers.push(peer);
    }

    /// The publisher joins and announces its camera.
    pub(crate) fn join_publisher(&mut self) {
        self.publisher = true;
        self.join();
        self.until("the publisher connects", |load| load.peers[0].connected);
        let layer = VideoLayer {
            quality: VideoQuality::High.into(),
            width: 1280,
            height: 720,
            bitrate: self.flags.bitrate,
            ..VideoLayer::default()
        };
        let request = AddTrackRequest {
            cid: CID.to_owned(),
            r#type: TrackType::Video.into(),
            source: TrackSource::Camera.into(),
            width: 1280,
            height: 720,
            layers: vec![layer],
            ..AddTrackRequest::default()
        };
        let _ = self.senders[0].send(Out::AddTrack(request));
        self.until("the publisher publishes", |load| load.peers[0].live);
    }

    /// `count` more join, a few at a time.
    pub(crate) fn join_all(&mut self, count: usize) {
        let first = self.peers.len();
        for n in 0..count {
            self.join();
            self.until("participants connect", |load| {
                let open = load.peers[first..].iter().filter(|p| !p.connected).count();
                open < JOINING && (n + 1 < count || open == 0)
            });
        }
    }

    pub(crate) fn wait_for_media(&mut self) {
        self.until("everyone receives media", |load| load.silent() == 0);
    }

    /// Subscribers that have not received anything.
    pub(crate) fn silent(&self) -> usize {
        self.peers.iter().skip(usize::from(self.publisher)).filter(|p| p.received().packets == 0).count()
    }

    pub(crate) fn received(&self) -> Received {
        let mut sum = Received::default();
        self.peers.iter().for_each(|p| sum.add(&p.received()));
        sum
    }

    /// CPU of this process since it began, of one core.
    pub(crate) fn cpu_share(&self) -> f64 {
        let mut ns = 0;
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            ns += text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        ns as f64 / 1e9 / self.began.elapsed().as_secs_f64()
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !done(self) {
            assert!(Instant::now() < end, "waited 30 s until {what}");
            self.turn(end);
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.turn(end);
        }
    }

    fn turn(&mut self, end: Instant) {
        let deadline = self.peers.iter().map(|p| p.deadline).min().unwrap_or(end).min(end);
        let sends = self.publisher && self.peers[0].live;
        let deadline = if sends { deadline.min(self.camera.next_at) } else { deadline };
        let wait = deadline.saturating_duration_since(Instant::now());
        if let Err(error) = self.poll.poll(&mut self.events, Some(wait)) {
            assert!(error.kind() == std::io::ErrorKind::Interrupted, "{error}");
        }
        let now = Instant::now();
        for event in &self.events {
            if let Some(peer) = self.peers.get_mut(event.token().0) {
                peer.receive(&mut self.buffers, now);
            }
        }
        while let Ok((index, news)) = self.news.try_recv() {
            self.hear(index, news);
        }
        if sends && now >= self.camera.next_at {
            self.camera.next_at = (self.camera.next_at + FRAME).max(now);
            let keyframe = std::mem::take(&mut self.peers[0].keyframe_wanted);
            let packets = self.camera.frame(keyframe);
            self.peers[0].send(packets, now);
        }
        for peer in self.peers.iter_mut().filter(|p| p.deadline <= now) {
            peer.tick(now);
        }
    }

    fn hear(&mut self, index: usize, news: News) {
        let message = match news {
            News::Message(message) => *message,
            News::Closed(why) => panic!("signalling of p{index} ended: {why}"),
        };
        let (peer, sender) = (&mut self.peers[index], &self.senders[index]);
        match message {
            In::Answer(answer) => peer.accept(&answer),
            In::MediaSectionsRequirement(more) if !peer.is_negotiating() => {
                let _ = sender.send(Out::Offer(peer.offer(more.num_audios, more.num_videos, None)));
            }
            In::TrackPublished(_) => {
                let _ = sender.send(Out::Offer(peer.offer(0, 0, Some(CID))));
            }
            In::Leave(leave) => panic!("p{index} was told to leave: {leave:?}"),
            _ => {}
        }
    }
}
