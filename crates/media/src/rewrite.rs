//! Continuous numbering for one outgoing stream, whatever it is fed from.
//!
//! A subscriber must see one stream: sequence numbers without holes of our making, timestamps that
//! advance with real time, VP8 picture ids that count up. The source behind it changes with every
//! layer switch, and packets are left out on purpose when temporal layers are dropped. Holes of the
//! network's making stay, so that the subscriber asks for what was lost.

use std::collections::VecDeque;
use tandem_wire::rtp::Vp8;

/// Remembered changes of numbering, for packets that come late: about a second of dropped frames.
const HISTORY: usize = 48;
/// First sequence number out. Small, because an SRTP receiver starts counting roll-overs at zero
/// (RFC 3711 section 3.3.1); not zero, so that a packet before it still has a number.
const FIRST_SEQ: u64 = 1000;
/// A report-based step may differ from the one by arrival times by this much before it is doubted.
const REPORT_TRUST_US: u64 = 500_000;

/// One packet of the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketIn {
    pub(crate) layer: u8,
    /// Extended sequence number.
    pub(crate) seq: u64,
    pub(crate) ts: u32,
    /// Ticks per second of `ts`.
    pub(crate) clock_rate: u32,
    /// Any monotonic clock.
    pub(crate) arrival_us: u64,
    /// The layer's last sender report: RTP timestamp and sender clock.
    pub(crate) report: Option<(u32, u64)>,
    pub(crate) vp8: Option<Vp8>,
    /// Leave it out, closing the numbers over it.
    pub(crate) drop: bool,
}

/// The numbers to send a packet under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderPlan {
    pub(crate) seq: u64,
    pub(crate) ts: u32,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_pic_idx: Option<u8>,
    pub(crate) key_idx: Option<u8>,
}

/// What is added to input numbers from a given input sequence number on.
#[derive(Debug, Clone, Copy, Default)]
struct Offsets {
    from: u64,
    seq: i64,
    picture: u16,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    source: Option<u8>,
    history: VecDeque<Offsets>,
    highest_in: u64,
    highest_out: Option<u64>,
    ts_offset: u32,
    last: Option<Last>,
    tl0_offset: u8,
    key_offset: u8,
    last_dropped_picture: Option<u16>,
    out_vp8: Option<(u16, u8, u8)>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ts_in: u32,
    ts_out: u32,
    arrival_us: u64,
    report: Option<(u32, u64)>,
}

impl Rewrite {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What follows comes from another source (another track on the same stream).
    pub(crate) fn reset_source(&mut self) {
        self.source = None;
    }

    /// The numbers for one packet; `None` when it is left out or too old to be placed.
    pub(crate) fn apply(&mut self, packet: &PacketIn) -> Option<HeaderPlan> {
        if self.source != Some(packet.layer) {
            if packet.drop {
                return None;
            }
            self.switch(packet);
        }
        if packet.seq > self.highest_in {
            if packet.drop {
                self.leave_out(packet);
                return None;
            }
            self.highest_in = packet.seq;
        } else if packet.drop {
            return None;
        }
        let offsets = *self.history.iter().rev().find(|o| o.from <= packet.seq)?;
        let seq = u64::try_from(i64::try_from(packet.seq).ok()?.checked_add(offsets.seq)?).ok()?;
        let ts = packet.ts.wrapping_add(self.ts_offset);
        if self.highest_out.is_none_or(|h| seq > h) {
            self.highest_out = Some(seq);
            self.last =
                Some(Last { ts_in: packet.ts, ts_out: ts, arrival_us: packet.arrival_us, report: packet.report });
        }
        let plan = self.number_picture(packet, seq, ts, offsets.picture);
        Some(plan)
    }

    /// The first packet of a new source continues where the last one ended.
    fn switch(&mut self, packet: &PacketIn) {
        self.source = Some(packet.layer);
        let out = self.highest_out.map_or(FIRST_SEQ, |h| h + 1);
        let seq = i64::try_from(out).unwrap_or(0) - i64::try_from(packet.seq).unwrap_or(0);
        let mut picture = 0;
        if let Some(vp8) = packet.vp8 {
            let (id, tl0, key) = self.out_vp8.unwrap_or_default();
            let fresh = u16::from(self.out_vp8.is_some());
            let fresh8 = u8::from(self.out_vp8.is_some());
            let next = |last: u16, input: u16| last.wrapping_add(fresh).wrapping_sub(input);
            if self.out_vp8.is_some() {
                picture = next(id, vp8.picture_id.unwrap_or(0));
                self.tl0_offset = tl0.wrapping_add(fresh8).wrapping_sub(vp8.tl0_pic_idx.unwrap_or(0));
                self.key_offset = key.wrapping_add(fresh8).wrapping_sub(vp8.key_idx.unwrap_or(0));
            }
        }
        self.history.clear();
        self.history.push_back(Offsets { from: packet.seq, seq, picture });
        self.highest_in = packet.seq;
        self.last_dropped_picture = None;
        self.ts_offset = match self.last {
            None => 0,
            Some(last) => last.ts_out.wrapping_add(step(&last, packet)).wrapping_sub(packet.ts),
        };
    }

    /// Closes the numbering over a packet that is not sent.
    fn leave_out(&mut self, packet: &PacketIn) {
        self.highest_in = packet.seq;
        let Some(now) = self.history.back().copied() else { return };
        let mut next = Offsets { from: packet.seq + 1, seq: now.seq - 1, picture: now.picture };
        if let Some(id) = packet.vp8.and_then(|d| d.picture_id)
            && self.last_dropped_picture.replace(id) != Some(id)
        {
            next.picture = next.picture.wrapping_sub(1);
        }
        // Nothing was sent under the last change: it is replaced.
        if now.from == packet.seq && self.history.len() > 1 {
            self.history.pop_back();
        }
        self.history.push_back(next);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    fn number_picture(&mut self, packet: &PacketIn, seq: u64, ts: u32, offset: u16) -> HeaderPlan {
        let mut plan = HeaderPlan { seq, ts, picture_id: None, tl0_pic_idx: None, key_idx: None };
        let Some(vp8) = packet.vp8 else { return plan };
        plan.picture_id = vp8.picture_id.map(|id| id.wrapping_add(offset) & vp8.picture_mask());
        plan.tl0_pic_idx = vp8.tl0_pic_idx.map(|id| id.wrapping_add(self.tl0_offset));
        plan.key_idx = vp8.key_idx.map(|id| id.wrapping_add(self.key_offset) & 0x1f);
        if self.highest_out == Some(seq) {
            self.out_vp8 =
                Some((plan.picture_id.unwrap_or(0), plan.tl0_pic_idx.unwrap_or(0), plan.key_idx.unwrap_or(0)));
        }
        plan
    }
}

/// Timestamp ticks between the last packet of the old source and the first of the new: by the
/// sender's own clock when both sources have reported it, else by arrival. At least one.
fn step(last: &Last, packet: &PacketIn) -> u32 {
    let rate = u64::from(packet.clock_rate.max(1));
    let elapsed_us = packet.arrival_us.saturating_sub(last.arrival_us);
    let by_clock = match (last.report, packet.report) {
        (Some(old), Some(new)) => sender_time(new, packet.ts, rate).checked_sub(sender_time(old, last.ts_in, rate)),
        _ => None,
    };
    let trusted = by_clock.filter(|us| us.abs_diff(elapsed_us) < REPORT_TRUST_US);
    let ticks = trusted.unwrap_or(elapsed_us).saturating_mul(rate) / 1_000_000;
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}

/// The sender's clock at a timestamp, microseconds.
fn sender_time((report_ts, report_us): (u32, u64), ts: u32, rate: u64) -> u64 {
    let ahead = ts.wrapping_sub(report_ts);
    // Less than half the range ahead, else behind.
    if ahead < 1 << 31 {
        report_us.saturating_add(u64::from(ahead) * 1_000_000 / rate)
    } else {
        report_us.saturating_sub(u64::from(ahead.wrapping_neg()) * 1_000_000 / rate)
    }
}

#[cfg(test)]
mod tests;
