//! One participant: its socket, its engine, and what it counts.

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tandem_wire::livekit::proto::SessionDescription;

/// RTP packets a subscriber that does not decrypt everything decrypts at first: enough for its
/// engine to know the streams and to send reports about them.
const FIRST_FED: u32 = 64;
/// `SOL_UDP` and `UDP_GRO` of Linux.
const UDP_GRO: (i32, i32) = (17, 104);

/// Packets of one SSRC, by the headers in the clear.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    resend: bool,
    highest: u64,
    packets: u64,
}

/// Packets of any number of streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    pub(crate) packets: u64,
    highest: u64,
    pub(crate) lost: u64,
    pub(crate) resent: u64,
}

impl Received {
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.highest += other.highest;
        self.resent += other.resent;
    }

    /// Between two moments; what was numbered and not received is lost.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let (packets, highest) = (self.packets - before.packets, self.highest - before.highest);
        Self { packets, highest, lost: highest.saturating_sub(packets), resent: self.resent - before.resent }
    }
}

/// Buffers for receiving, shared by all sockets.
pub(crate) struct Buffers {
    slots: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        let batch = quinn_udp::BATCH_SIZE;
        Self { slots: (0..batch).map(|_| vec![0; 65_536]).collect(), metas: vec![RecvMeta::default(); batch] }
    }
}

/// See the module.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    pub(crate) connected: bool,
    pub(crate) deadline: Instant,
    pub(crate) keyframe_wanted: bool,
    pub(crate) live: bool,
    io: UdpSocketState,
    address: SocketAddr,
    rtc: Rtc,
    pending: Option<(u32, SdpPendingOffer)>,
    offer_id: u32,
    receiving: Vec<Mid>,
    sending: Option<Mid>,
    resend_pts: Vec<u8>,
    streams: Vec<Stream>,
    full: bool,
    fed: u32,
}

impl Peer {
    pub(crate) fn new(full: bool, gro: bool) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let reference = socket2::SockRef::from(&socket);
        let _ = reference.set_recv_buffer_size(1024 * 1024);
        let io = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if !gro {
            no_gro(&socket)?;
        }
        let address = socket.local_addr()?;
        let now = Instant::now();
        let config = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host address is a candidate"));
        let params = rtc.codec_config().params();
        let resend_pts = params.iter().filter_map(|p| p.resend()).map(|pt| *pt).collect();
        Ok(Self {
            socket,
            connected: false,
            deadline: now,
            keyframe_wanted: true,
            live: false,
            io,
            address,
            rtc,
            pending: None,
            offer_id: 0,
            receiving: Vec::new(),
            sending: None,
            resend_pts,
            streams: Vec::new(),
            full,
            fed: 0,
        })
    }

    /// An offer with this many more receiving sections, and a sending one if `publish` names it.
    pub(crate) fn offer(&mut self, audios: u32, videos: u32, publish: Option<&str>) -> SessionDescription {
        let mut api = self.rtc.sdp_api();
        self.receiving.iter().for_each(|mid| api.set_direction(*mid, Direction::RecvOnly));
        for (kind, count) in [(MediaKind::Audio, audios), (MediaKind::Video, videos)] {
            for _ in 0..count {
                self.receiving.push(api.add_media(kind, Direction::RecvOnly, None, None, None));
            }
        }
        if let Some(cid) = publish {
            let (stream, track) = (Some("load".to_owned()), Some(cid.to_owned()));
            self.sending = Some(api.add_media(MediaKind::Video, Direction::SendOnly, stream, track, None));
        }
        if self.offer_id == 0 {
            ["_reliable", "_lossy", "_data_track"].into_iter().for_each(|label| {
                api.add_channel(label.to_owned());
            });
        }
        if !api.has_changes() {
            self.receiving.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        let (offer, pending) = api.apply().expect("there are changes");
        self.offer_id += 1;
        self.pending = Some((self.offer_id, pending));
        SessionDescription {
            r#type: "offer".to_owned(),
            sdp: offer.to_sdp_string(),
            id: self.offer_id,
            ..SessionDescription::default()
        }
    }

    pub(crate) fn accept(&mut self, answer: &SessionDescription) {
        let Some((_, pending)) = self.pending.take_if(|(id, _)| *id == answer.id) else { return };
        let sdp = SdpAnswer::from_sdp_string(&answer.sdp).expect("the answer parses");
        self.rtc.sdp_api().accept_answer(pending, sdp).expect("the answer fits");
        self.live = self.sending.is_some();
        self.tick(Instant::now());
    }

    /// An offer waits for its answer.
    pub(crate) fn is_negotiating(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes everything the socket has.
    pub(crate) fn receive(&mut self, buffers: &mut Buffers, now: Instant) {
        let mut fed = false;
        loop {
            let mut slices: Vec<IoSliceMut<'_>> = buffers.slots.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            let Ok(count) = self.io.recv(UdpSockRef::from(&self.socket), &mut slices, &mut buffers.metas) else {
                break;
            };
            for index in 0..count {
                let meta = buffers.metas[index];
                for data in buffers.slots[index][..meta.len].chunks(meta.stride.max(1)) {
                    if self.note(data) {
                        self.feed(meta.addr, data, now);
                        fed = true;
                    }
                }
            }
        }
        if fed {
            self.drain();
        }
    }

    /// Counts a datagram; returns whether the engine needs it.
    fn note(&mut self, data: &[u8]) -> bool {
        let &[first, second, s0, s1, _, _, _, _, a, b, c, d, ..] = data else { return true };
        let payload_type = second & 0x7f;
        if first & 0xc0 != 0x80 || (64..96).contains(&payload_type) {
            return true;
        }
        let (ssrc, seq) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1]));
        match self.streams.iter_mut().find(|s| s.ssrc == ssrc) {
            Some(stream) => {
                let step = seq.wrapping_sub(stream.highest as u16);
                if step < 0x8000 {
                    stream.highest += u64::from(step);
                }
                stream.packets += 1;
            }
            None => {
                let resend = self.resend_pts.contains(&payload_type);
                self.streams.push(Stream { ssrc, resend, highest: u64::from(seq), packets: 1 });
            }
        }
        self.fed += 1;
        self.full || self.fed < FIRST_FED
    }

    fn feed(&mut self, source: SocketAddr, data: &[u8], now: Instant) {
        if let Ok(receive) = Receive::new(Protocol::Udp, source, self.address, data) {
            self.rtc.handle_input(Input::Receive(now, receive)).expect("the engine takes packets");
        }
        // The engine wants to be drained after each packet.
        self.drain();
    }

    pub(crate) fn received(&self) -> Received {
        let mut sum = Received::default();
        for stream in &self.streams {
            if stream.resend {
                sum.resent += stream.packets;
            } else {
                sum.packets += stream.packets;
                sum.highest += stream.highest;
            }
        }
        sum
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("the engine takes the time");
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().expect("the engine works") {
                Output::Transmit(t) => {
                    // A full buffer loses a packet, as a network would.
                    let _ = self.socket.send_to(&t.contents, t.destination);
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::KeyframeRequest(_)) => self.keyframe_wanted = true,
                Output::Event(_) => {}
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }

    /// Sends one frame; returns how many packets.
    pub(crate) fn send(&mut self, packets: Vec<crate::load::Packet>, now: Instant) {
        let Some(mid) = self.sending else { return };
        let vp8 = self.rtc.codec_config().params().iter().find(|p| p.spec().codec == Codec::Vp8);
        let Some(pt) = vp8.map(|p| p.pt()) else { return };
        for packet in packets {
            self.write(mid, pt, packet, now);
        }
        self.tick(now);
    }

    fn write(&mut self, mid: Mid, pt: Pt, packet: crate::load::Packet, now: Instant) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a negotiated section has its stream");
        let write = RtpWrite::new(pt, packet.seq.into(), packet.timestamp, now, packet.payload);
        stream.write_rtp(write.marker(packet.marker).nackable(true));
    }
}

/// Packets come one by one: the kernel cuts runs apart where they arrive, in the sender's time, as
/// it does for every client that does not know of runs.
fn no_gro(socket: &UdpSocket) -> io::Result<()> {
    let off: libc::c_int = 0;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the pointer is to an int that lives through the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), UDP_GRO.0, UDP_GRO.1, (&raw const off).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
