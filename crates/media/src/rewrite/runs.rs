//! Stretches of packets left out, in a ring of fixed size.

/// Stretches remembered. With every second frame left out this is a second of video at 30 frames
/// per second, longer than a retransmission is worth waiting for.
pub(super) const RUNS: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Runs {
    ring: [Run; RUNS],
    /// Where the next stretch goes.
    next: usize,
    /// Packets before this one are not remembered.
    floor: u64,
}

/// Consecutive packets left out.
#[derive(Debug, Default, Clone, Copy)]
struct Run {
    first: u64,
    packets: u32,
    /// Frames that begin in it.
    frames: u32,
}

impl Run {
    fn end(&self) -> u64 {
        self.first + u64::from(self.packets)
    }
}

/// What was left out after a packet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) packets: u32,
    pub(super) frames: u32,
}

impl Runs {
    /// The newest packet is left out; `new_frame` if its frame begins with it.
    pub(super) fn push(&mut self, seq: u64, new_frame: bool) {
        let newest = (self.next + RUNS - 1) % RUNS;
        if let Some(run) = self.ring.get_mut(newest)
            && run.packets > 0
            && run.end() == seq
        {
            run.packets = run.packets.saturating_add(1);
            run.frames += u32::from(new_frame);
            return;
        }
        if let Some(oldest) = self.ring.get_mut(self.next) {
            if oldest.packets > 0 {
                self.floor = oldest.end();
            }
            *oldest = Run { first: seq, packets: 1, frames: u32::from(new_frame) };
        }
        self.next = (self.next + 1) % RUNS;
    }

    /// What was left out after `seq`; `None` if `seq` itself was, or is too old to say.
    pub(super) fn after(&self, seq: u64) -> Option<Skipped> {
        if seq < self.floor {
            return None;
        }
        let mut skipped = Skipped::default();
        for run in self.ring.iter().filter(|run| run.packets > 0) {
            if run.first > seq {
                skipped.packets += run.packets;
                skipped.frames += run.frames;
            } else if seq < run.end() {
                return None;
            }
        }
        Some(skipped)
    }

    /// Nothing before `seq` will be asked for again.
    pub(super) fn forget(&mut self, seq: u64) {
        *self = Self { floor: seq, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_newer() {
        let mut runs = Runs::default();
        for (seq, new_frame) in [(10, true), (11, false), (12, true), (20, true)] {
            runs.push(seq, new_frame);
        }
        let skipped = |packets, frames| Some(Skipped { packets, frames });
        let table = [(9, skipped(4, 3)), (10, None), (12, None), (13, skipped(1, 1)), (20, None), (21, skipped(0, 0))];
        for (seq, want) in table {
            assert_eq!(runs.after(seq), want, "after {seq}");
        }
    }

    #[test]
    fn old_stretches_are_forgotten() {
        let mut runs = Runs::default();
        for i in 0..=RUNS as u64 {
            runs.push(100 + 10 * i, true);
        }
        assert_eq!(runs.after(99), None);
        assert_eq!(runs.after(101).map(|s| s.packets), Some(RUNS as u32));
        runs.forget(500);
        assert_eq!((runs.after(499), runs.after(500)), (None, Some(Skipped::default())));
    }
}
