//! What one subscriber's copy of a track looks like on the wire: sequence, timestamps and VP8 ids
//! that never jump, whichever encoding the packets come from.
//!
//! A receiver sees one RTP stream. Behind it the encoding may change, whole temporal layers may be
//! left out, and another publisher may take over the section. Three rules keep the stream whole:
//!
//! - a packet lost on the way to us stays a gap, so that the receiver asks for it; if it comes
//!   late after all it gets the number kept for it;
//! - a frame we leave out takes no number: what follows moves up;
//! - where the source changes, numbers go on by one and time goes on as it passed.
//!
//! Memory is fixed: the last 16 stretches of left-out packets are remembered. Late packets
//! from before them are dropped, as are those from before the last change of source.

mod runs;
mod timeline;
mod vp8;

use runs::Runs;
use tandem_wire::rtp::Vp8;
use timeline::{Moment, Timeline};
use vp8::Ids;

/// Largest step of the outgoing sequence. Receivers treat a larger one as a restart, and SRTP
/// cannot tell 2^15 forward from 2^15 back (RFC 3711 §3.3.1).
const MAX_STEP: u64 = 1 << 13;
/// The first sequence number is below this, so that early loss cannot confuse the receiver's
/// rollover counter.
const FIRST: u64 = 1 << 15;

/// One packet of the source, in order of arrival.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketIn {
    /// Encoding it belongs to.
    pub(crate) layer: u8,
    /// The subscription begins to receive the encoding with this packet: at first, after a pause,
    /// after a change of layer.
    pub(crate) start: bool,
    /// Extended sequence number.
    pub(crate) seq: u64,
    /// RTP timestamp.
    pub(crate) ts: u32,
    /// RTP ticks per second.
    pub(crate) clock_rate: u32,
    /// When it came, on any clock that only goes forward.
    pub(crate) arrival_us: u64,
    /// The encoding's last sender report: RTP timestamp, and the sender's clock in microseconds.
    pub(crate) report: Option<(u32, u64)>,
    /// VP8 descriptor.
    pub(crate) vp8: Option<Vp8>,
    /// Leave it out: it belongs to a temporal layer the subscriber does not get. Decided for a
    /// frame by the first packet of it.
    pub(crate) drop: bool,
}

/// What to write instead of the source's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderPlan {
    /// Extended sequence number; the first one of all is below 2^15.
    pub(crate) seq: u64,
    /// RTP timestamp.
    pub(crate) ts: u32,
    /// VP8 picture id, as wide as the source's.
    pub(crate) picture_id: Option<u16>,
    /// VP8 TL0PICIDX.
    pub(crate) tl0_pic_idx: Option<u8>,
    /// VP8 KEYIDX.
    pub(crate) key_idx: Option<u8>,
}

/// State of one outgoing stream.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    source: Option<Source>,
    /// Highest sequence number written.
    last_seq: Option<u64>,
    timeline: Timeline,
    ids: Ids,
}

/// The encoding packets come from, since the last change.
#[derive(Debug)]
struct Source {
    layer: u8,
    /// Packets before this one are not ours.
    first: u64,
    highest: u64,
    /// Outgoing minus incoming sequence number at the head of the source, wrapping.
    shift: u64,
    left_out: Runs,
    /// The frame at the head: its timestamp and whether it is left out.
    frame: (u32, bool),
}

impl Rewrite {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Places one packet in the outgoing stream; `None` leaves it out.
    pub(crate) fn apply(&mut self, packet: &PacketIn) -> Option<HeaderPlan> {
        match &self.source {
            Some(source) if source.layer == packet.layer && !packet.start => {
                if packet.seq > source.highest {
                    self.ahead(packet)
                } else {
                    self.late(packet)
                }
            }
            _ if packet.drop => None,
            _ => {
                self.begin(packet);
                self.ahead(packet)
            }
        }
    }

    /// The packet is the first of a source: it comes right after the last one written.
    fn begin(&mut self, packet: &PacketIn) {
        let next = self.last_seq.map_or(packet.seq % FIRST, |last| last + 1);
        self.source = Some(Source {
            layer: packet.layer,
            first: packet.seq,
            highest: packet.seq,
            shift: next.wrapping_sub(packet.seq),
            left_out: Runs::default(),
            frame: (packet.ts, false),
        });
        self.timeline.begin(&Moment::of(packet), packet.clock_rate);
        if let Some(vp8) = &packet.vp8 {
            self.ids.begin(vp8);
        }
    }

    /// The newest packet so far.
    fn ahead(&mut self, packet: &PacketIn) -> Option<HeaderPlan> {
        let source = self.source.as_mut()?;
        let step = packet.seq - source.highest;
        if step > MAX_STEP {
            // The receiver still sees a hole it gives up on, and no ambiguous number.
            source.shift = source.shift.wrapping_sub(step - MAX_STEP);
            source.left_out.forget(packet.seq);
        }
        let new_frame = source.frame.0 != packet.ts;
        if new_frame {
            source.frame = (packet.ts, packet.drop);
        }
        source.highest = packet.seq;
        if source.frame.1 {
            source.shift = source.shift.wrapping_sub(1);
            source.left_out.push(packet.seq, new_frame);
            if new_frame && packet.vp8.is_some() {
                self.ids.skip_frame();
            }
            return None;
        }
        let seq = packet.seq.wrapping_add(source.shift);
        self.last_seq = Some(seq);
        self.timeline.advance(&Moment::of(packet));
        let ids = packet.vp8.map(|vp8| self.ids.advance(&vp8)).unwrap_or_default();
        Some(HeaderPlan::new(seq, self.timeline.map(packet.ts), ids))
    }

    /// A packet that newer ones overtook.
    fn late(&mut self, packet: &PacketIn) -> Option<HeaderPlan> {
        let source = self.source.as_ref()?;
        if packet.seq < source.first || source.highest - packet.seq > MAX_STEP {
            return None;
        }
        let skipped = source.left_out.after(packet.seq)?;
        // Left out as its frame was, or as it would have been in time; a number was kept for the
        // latter, but no frame to go with it.
        if packet.drop || packet.ts == source.frame.0 && source.frame.1 {
            return None;
        }
        let seq = packet.seq.wrapping_add(source.shift).wrapping_add(u64::from(skipped.packets));
        let ids = packet.vp8.map(|vp8| self.ids.map(&vp8, skipped.frames)).unwrap_or_default();
        Some(HeaderPlan::new(seq, self.timeline.map(packet.ts), ids))
    }
}

impl HeaderPlan {
    fn new(seq: u64, ts: u32, ids: vp8::Mapped) -> Self {
        let vp8::Mapped { picture_id, tl0_pic_idx, key_idx } = ids;
        Self { seq, ts, picture_id, tl0_pic_idx, key_idx }
    }
}

#[cfg(test)]
mod tests;
