//! Media that looks right to an SFU and can be checked by a receiver: VP8 with its descriptor, Opus
//! with an audio level. Every payload says which frame of which encoding it belongs to.

use std::time::{Duration, Instant};

/// First bytes of what we put behind a VP8 descriptor and frame header.
const MAGIC: [u8; 4] = *b"sim1";
/// What follows a VP8 keyframe's frame tag (RFC 6386 §9.1).
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// What a receiver can read from one of our video payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Encoding, 0 smallest.
    pub layer: u8,
    /// Frame of the encoding, from 0.
    pub frame: u32,
    /// Packet of the frame, from 0.
    pub index: u16,
    /// Packets of the frame.
    pub count: u16,
}

/// A VP8 payload taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8View {
    /// 15 bits.
    pub picture_id: u16,
    /// 8 bits.
    pub tl0_pic_idx: u8,
    /// Begins a frame.
    pub start: bool,
    /// Begins a keyframe.
    pub keyframe: bool,
    /// Ours.
    pub mark: Mark,
}

impl Vp8View {
    /// Reads what [`VideoSource`] made. `None` if something on the way broke it.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (descriptor, body) = payload.split_at_checked(6)?;
        let [first, flags, high, low, tl0, _temporal] = descriptor.try_into().ok()?;
        if first & 0x80 == 0 || flags != 0xe0 || high & 0x80 == 0 {
            return None;
        }
        let start = first & 0x10 != 0;
        let mut body = body;
        let mut keyframe = false;
        if start {
            let (tag, rest) = body.split_at_checked(3)?;
            keyframe = tag.first()? & 1 == 0;
            body = if keyframe { rest.strip_prefix(&START_CODE)?.get(4..)? } else { rest };
        }
        let body = body.strip_prefix(&MAGIC)?;
        let (frame, index, count) = (body.get(1..5)?, body.get(5..7)?, body.get(7..9)?);
        let mark = Mark {
            layer: *body.first()?,
            frame: u32::from_be_bytes(frame.try_into().ok()?),
            index: u16::from_be_bytes(index.try_into().ok()?),
            count: u16::from_be_bytes(count.try_into().ok()?),
        };
        let picture_id = u16::from_be_bytes([high & 0x7f, low]);
        Some(Self { picture_id, tl0_pic_idx: tl0, start, keyframe, mark })
    }
}

/// One packet to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPacket {
    /// Encoding, 0 smallest.
    pub layer: u8,
    /// Extended sequence number.
    pub seq: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Ends a frame.
    pub marker: bool,
    /// RTP payload.
    pub payload: Vec<u8>,
    /// -dBov, audio only.
    pub audio_level: Option<i8>,
}

/// One encoding of a video.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    /// `q`, `h`, `f`; empty for the only one.
    pub rid: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bits per second.
    pub bitrate: u32,
}

/// What browsers send of a 720p camera.
pub const SIMULCAST: [Encoding; 3] = [
    Encoding { rid: "q", width: 320, height: 180, bitrate: 150_000 },
    Encoding { rid: "h", width: 640, height: 360, bitrate: 500_000 },
    Encoding { rid: "f", width: 1280, height: 720, bitrate: 1_700_000 },
];

/// One encoding without alternatives.
pub const SINGLE: [Encoding; 1] = [Encoding { rid: "", width: 1280, height: 720, bitrate: 1_700_000 }];

/// Bytes of one full video payload.
const PAYLOAD_BYTES: usize = 1_100;
/// A keyframe has this many times the bytes of another frame.
const KEYFRAME_FACTOR: usize = 4;

#[derive(Debug)]
struct Encoder {
    encoding: Encoding,
    seq: u64,
    picture_id: u16,
    tl0: u8,
    frame: u32,
    keyframe_wanted: bool,
    enabled: bool,
    timestamp_offset: u32,
}

/// A camera.
#[derive(Debug)]
pub struct VideoSource {
    encoders: Vec<Encoder>,
    interval: Duration,
    start: Instant,
    next_at: Instant,
}

impl VideoSource {
    /// Frames each `interval` from `start`. Numbers begin at values that follow from `seed`, so
    /// that no two publishers and no two encodings agree on them.
    #[must_use]
    pub fn new(encodings: &[Encoding], interval: Duration, start: Instant, seed: u64) -> Self {
        let mut ids = tandem_core::SidGenerator::new(seed);
        let encoders = encodings
            .iter()
            .map(|encoding| Encoder {
                encoding: *encoding,
                seq: ids.next_u64() % 30_000,
                picture_id: (ids.next_u64() % 0x7fff) as u16,
                tl0: ids.next_u64() as u8,
                frame: 0,
                keyframe_wanted: true,
                enabled: true,
                timestamp_offset: ids.next_u64() as u32,
            })
            .collect();
        Self { encoders, interval, start, next_at: start }
    }

    /// When the next frame is due.
    #[must_use]
    pub fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Makes the next frame of an encoding a keyframe.
    pub fn request_keyframe(&mut self, rid: &str) {
        for encoder in self.encoders.iter_mut().filter(|e| e.encoding.rid == rid || rid.is_empty()) {
            encoder.keyframe_wanted = true;
        }
    }

    /// Starts or stops an encoding; it starts with a keyframe.
    pub fn enable(&mut self, layer: usize, enabled: bool) {
        if let Some(encoder) = self.encoders.get_mut(layer) {
            encoder.keyframe_wanted |= enabled && !encoder.enabled;
            encoder.enabled = enabled;
        }
    }

    /// The encodings, smallest first.
    pub fn encodings(&self) -> impl Iterator<Item = &Encoding> {
        self.encoders.iter().map(|e| &e.encoding)
    }

    /// All packets due by `now`.
    pub fn poll(&mut self, now: Instant) -> Vec<MediaPacket> {
        let mut packets = Vec::new();
        while self.next_at <= now {
            let since = self.next_at.saturating_duration_since(self.start);
            let ticks = (since.as_micros() * 90 / 1000) as u32;
            let interval = self.interval;
            for (layer, encoder) in self.encoders.iter_mut().enumerate().filter(|(_, e)| e.enabled) {
                encoder.encode(layer as u8, ticks, interval, &mut packets);
            }
            self.next_at += self.interval;
        }
        packets
    }
}

impl Encoder {
    fn encode(&mut self, layer: u8, ticks: u32, interval: Duration, into: &mut Vec<MediaPacket>) {
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        let bytes = (f64::from(self.encoding.bitrate) / 8.0 * interval.as_secs_f64()) as usize;
        let bytes = if keyframe { bytes * KEYFRAME_FACTOR } else { bytes };
        let count = bytes.div_ceil(PAYLOAD_BYTES).max(1);
        for index in 0..count {
            let mark = Mark { layer, frame: self.frame, index: index as u16, count: count as u16 };
            let payload = self.payload(mark, keyframe, bytes.div_ceil(count).max(40));
            let timestamp = self.timestamp_offset.wrapping_add(ticks);
            let marker = index + 1 == count;
            into.push(MediaPacket { layer, seq: self.seq, timestamp, marker, payload, audio_level: None });
            self.seq += 1;
        }
        self.frame += 1;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0 = self.tl0.wrapping_add(1);
    }

    fn payload(&self, mark: Mark, keyframe: bool, bytes: usize) -> Vec<u8> {
        let start = mark.index == 0;
        let [high, low] = self.picture_id.to_be_bytes();
        let mut payload = vec![if start { 0x90 } else { 0x80 }, 0xe0, 0x80 | high, low, self.tl0, 0x00];
        if start {
            payload.extend_from_slice(&[if keyframe { 0x10 } else { 0x11 }, 0, 0]);
        }
        if start && keyframe {
            payload.extend_from_slice(&START_CODE);
            payload.extend_from_slice(&(self.encoding.width as u16).to_le_bytes());
            payload.extend_from_slice(&(self.encoding.height as u16).to_le_bytes());
        }
        payload.extend_from_slice(&MAGIC);
        payload.push(mark.layer);
        payload.extend_from_slice(&mark.frame.to_be_bytes());
        payload.extend_from_slice(&mark.index.to_be_bytes());
        payload.extend_from_slice(&mark.count.to_be_bytes());
        payload.resize(bytes.max(payload.len()), 0x5a);
        payload
    }
}

/// A microphone: a packet each 20 ms.
#[derive(Debug)]
pub struct AudioSource {
    /// -dBov: 0 loudest, 127 silent.
    pub level: i8,
    seq: u64,
    timestamp: u32,
    next_at: Instant,
}

/// One Opus packet.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);

impl AudioSource {
    /// Speaks from `start` on at `level`.
    #[must_use]
    pub fn new(level: i8, start: Instant, seed: u64) -> Self {
        let mut ids = tandem_core::SidGenerator::new(seed);
        Self { level, seq: ids.next_u64() % 30_000, timestamp: ids.next_u64() as u32, next_at: start }
    }

    /// When the next packet is due.
    #[must_use]
    pub fn next_at(&self) -> Instant {
        self.next_at
    }

    /// All packets due by `now`.
    pub fn poll(&mut self, now: Instant) -> Vec<MediaPacket> {
        let mut packets = Vec::new();
        while self.next_at <= now {
            let mut payload = vec![0xfc];
            payload.extend_from_slice(&MAGIC);
            payload.extend_from_slice(&(self.seq as u32).to_be_bytes());
            payload.resize(80 + (self.seq % 7) as usize, 0x33);
            packets.push(MediaPacket {
                layer: 0,
                seq: self.seq,
                timestamp: self.timestamp,
                marker: false,
                payload,
                audio_level: Some(-self.level),
            });
            self.seq += 1;
            self.timestamp = self.timestamp.wrapping_add(960);
            self.next_at += AUDIO_INTERVAL;
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_reads_what_a_source_makes() {
        let start = Instant::now();
        let mut source = VideoSource::new(&SIMULCAST, Duration::from_millis(33), start, 3);
        let packets = source.poll(start + Duration::from_millis(40));
        let views: Vec<Vp8View> = packets.iter().filter_map(|p| Vp8View::parse(&p.payload)).collect();
        assert_eq!(views.len(), packets.len());
        assert!(views.iter().filter(|v| v.keyframe).count() == 3, "one of each encoding");
        assert!(packets.iter().all(|p| p.payload.len() <= PAYLOAD_BYTES + 20));
        let tandem = tandem_wire::rtp::Vp8::parse(&packets[0].payload).unwrap();
        assert_eq!((tandem.picture_id, tandem.keyframe), (Some(views[0].picture_id), true));
    }
}
