//! Outgoing RTP time: the source's own within a source, real time across sources.

/// Sender reports that put a step of time further than this from what arrivals say are wrong.
const MAX_DISAGREEMENT_US: i64 = 1_000_000;
/// Longest step of time: beyond it RTP time (2^31 ticks) would seem to go back.
const MAX_STEP_US: i64 = 3_600 * 1_000_000;

/// When a packet was, by its own clock and by ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    ts: u32,
    arrival_us: u64,
    report: Option<(u32, u64)>,
}

impl Moment {
    pub(super) fn of(packet: &super::PacketIn) -> Self {
        Self { ts: packet.ts, arrival_us: packet.arrival_us, report: packet.report }
    }

    /// The sender's clock, microseconds.
    fn sender_us(&self, clock_rate: u32) -> Option<i64> {
        let (ts, us) = self.report?;
        let ticks = i64::from(self.ts.wrapping_sub(ts).cast_signed());
        Some(us.cast_signed().wrapping_add(ticks * 1_000_000 / i64::from(clock_rate.max(1))))
    }

    fn since(&self, earlier: &Self, clock_rate: u32) -> i64 {
        let arrived = self.arrival_us.wrapping_sub(earlier.arrival_us).cast_signed();
        let sent = self.sender_us(clock_rate).zip(earlier.sender_us(clock_rate)).map(|(a, b)| a.wrapping_sub(b));
        sent.filter(|sent| sent.wrapping_sub(arrived).unsigned_abs() <= MAX_DISAGREEMENT_US.unsigned_abs())
            .unwrap_or(arrived)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Outgoing minus incoming, wrapping.
    shift: u32,
    /// Latest outgoing timestamp and the first packet that had it.
    last: Option<(u32, Moment)>,
}

impl Timeline {
    /// A source begins: its first timestamp is as much later than the last one written as time
    /// passed between the two, and later by a tick at least.
    pub(super) fn begin(&mut self, moment: &Moment, clock_rate: u32) {
        let Some((last_ts, last)) = &self.last else {
            self.shift = 0;
            return;
        };
        let elapsed = moment.since(last, clock_rate).clamp(0, MAX_STEP_US);
        let ticks = elapsed.saturating_mul(i64::from(clock_rate)) / 1_000_000;
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX / 2).clamp(1, u32::MAX / 4);
        self.shift = last_ts.wrapping_add(ticks).wrapping_sub(moment.ts);
    }

    /// The newest packet is written.
    pub(super) fn advance(&mut self, moment: &Moment) {
        let ts = self.map(moment.ts);
        let later = self.last.is_none_or(|(last, _)| ts.wrapping_sub(last).cast_signed() > 0);
        if later {
            self.last = Some((ts, *moment));
        }
    }

    pub(super) fn map(&self, ts: u32) -> u32 {
        ts.wrapping_add(self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(ts: u32, arrival_ms: u64, report: Option<(u32, u64)>) -> Moment {
        Moment { ts, arrival_us: arrival_ms * 1000, report }
    }

    fn step(from: Moment, to: Moment) -> u32 {
        let mut timeline = Timeline::default();
        timeline.begin(&from, 90_000);
        timeline.advance(&from);
        timeline.begin(&to, 90_000);
        timeline.map(to.ts).wrapping_sub(from.ts)
    }

    #[test]
    fn steps_of_time() {
        let hour = 3_600_000_000;
        let table = [
            (moment(0, 0, None), moment(77, 100, None), 9_000, "by arrival"),
            (moment(0, 0, None), moment(77, 0, None), 1, "no time passed"),
            (moment(u32::MAX, 5, None), moment(3, 4, None), 1, "arrival went back"),
            // 40 ms apart by the sender, 100 ms by arrival.
            (moment(9_000, 0, Some((0, hour))), moment(500, 100, Some((500, hour + 140_000))), 3_600, "by reports"),
            (moment(9_000, 0, Some((0, hour))), moment(500, 100, Some((500, hour + 90_000))), 1, "older by reports"),
            (moment(0, 0, Some((0, hour))), moment(0, 100, Some((0, hour * 2))), 9_000, "reports that cannot be"),
            (moment(0, 0, Some((0, hour))), moment(0, 100, None), 9_000, "one report only"),
            (moment(0, 0, None), moment(0, 1 << 40, None), 324_000_000, "at most an hour"),
        ];
        for (from, to, want, name) in table {
            assert_eq!(step(from, to), want, "{name}");
        }
    }
}
