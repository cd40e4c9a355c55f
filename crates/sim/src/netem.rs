//! A bad network, repeatable: what happens to a packet depends on the seed and nothing else.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What one direction of a link does to packets.
#[derive(Debug, Clone, Copy)]
pub struct Impairment {
    /// Share of packets lost one by one, 0 to 1.
    pub loss: f64,
    /// Share of packets at which a burst begins, 0 to 1.
    pub burst_start: f64,
    /// Packets lost in a burst.
    pub burst_len: u32,
    /// Share of packets held back by [`Impairment::reorder_by`], 0 to 1.
    pub reorder: f64,
    /// How long a held-back packet waits on top.
    pub reorder_by: Duration,
    /// One-way delay.
    pub delay: Duration,
    /// Evenly distributed addition to the delay; it does not reorder.
    pub jitter: Duration,
    /// Bits per second; `None` for no bound.
    pub rate_bps: Option<u64>,
    /// Bytes that may wait for the rate; more is lost.
    pub queue_bytes: usize,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst_start: 0.0,
            burst_len: 0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(15),
            delay: Duration::from_millis(5),
            jitter: Duration::ZERO,
            rate_bps: None,
            queue_bytes: 64 * 1024,
        }
    }
}

impl Impairment {
    /// Loses this share of packets, each by its own chance.
    #[must_use]
    pub fn losing(share: f64) -> Self {
        Self { loss: share, ..Self::default() }
    }
}

/// What a direction has done, so that a test can tell that it was really impaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetemStats {
    /// Packets offered.
    pub offered: u64,
    /// Packets lost by chance or in a burst.
    pub lost: u64,
    /// Packets lost because the queue was full.
    pub queue_dropped: u64,
    /// Packets that left after a younger one.
    pub reordered: u64,
    /// Packets delivered.
    pub delivered: u64,
}

/// A packet and the client's address of it.
pub type Datagram = (SocketAddr, Vec<u8>);

/// One direction of one link.
pub struct Netem {
    /// May be changed at any time; packets under way keep their fate.
    pub impairment: Impairment,
    rng: StdRng,
    burst_left: u32,
    /// When the last byte of the queue will have left.
    busy_until: Option<Instant>,
    /// In order of delivery.
    under_way: VecDeque<(Instant, Datagram)>,
    last_in_order: Option<Instant>,
    stats: NetemStats,
}

impl Netem {
    /// A direction whose fate follows from `seed`.
    #[must_use]
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            rng: StdRng::seed_from_u64(seed),
            burst_left: 0,
            busy_until: None,
            under_way: VecDeque::new(),
            last_in_order: None,
            stats: NetemStats::default(),
        }
    }

    /// Offers a packet.
    pub fn send(&mut self, now: Instant, address: SocketAddr, packet: &[u8]) {
        self.stats.offered += 1;
        if self.is_lost() {
            self.stats.lost += 1;
            return;
        }
        let Some(leaves) = self.through_the_queue(now, packet.len()) else {
            self.stats.queue_dropped += 1;
            return;
        };
        let jitter = self.impairment.jitter.mul_f64(self.rng.random::<f64>());
        let mut at = leaves + self.impairment.delay + jitter;
        if self.rng.random::<f64>() < self.impairment.reorder {
            at += self.impairment.reorder_by;
        } else {
            at = self.last_in_order.map_or(at, |last| last.max(at));
            self.last_in_order = Some(at);
        }
        let place = self.under_way.partition_point(|(other, _)| *other <= at);
        self.stats.reordered += u64::from(place < self.under_way.len());
        self.under_way.insert(place, (at, (address, packet.to_vec())));
    }

    fn is_lost(&mut self) -> bool {
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return true;
        }
        if self.rng.random::<f64>() < self.impairment.burst_start {
            self.burst_left = self.impairment.burst_len.saturating_sub(1);
            return self.impairment.burst_len > 0;
        }
        self.rng.random::<f64>() < self.impairment.loss
    }

    fn through_the_queue(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.impairment.rate_bps else { return Some(now) };
        let seconds = |bytes: usize| Duration::from_secs_f64(bytes as f64 * 8.0 / rate.max(1) as f64);
        let free_at = self.busy_until.map_or(now, |t| t.max(now));
        if free_at.saturating_duration_since(now) > seconds(self.impairment.queue_bytes) {
            return None;
        }
        let leaves = free_at + seconds(bytes);
        self.busy_until = Some(leaves);
        Some(leaves)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// The next packet that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        if self.next_at()? > now {
            return None;
        }
        self.stats.delivered += 1;
        self.under_way.pop_front().map(|(_, packet)| packet)
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> NetemStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(impairment: Impairment, packets: u32) -> (Vec<Datagram>, NetemStats) {
        let address = SocketAddr::from(([10, 0, 0, 1], 1));
        let start = Instant::now();
        let mut netem = Netem::new(impairment, 7);
        for n in 0..packets {
            netem.send(start + Duration::from_millis(u64::from(n)), address, &n.to_be_bytes());
        }
        let end = start + Duration::from_secs(3600);
        let got = std::iter::from_fn(|| netem.receive(end)).collect();
        (got, netem.stats())
    }

    #[test]
    fn loss_is_as_asked_and_repeats() {
        let (got, stats) = run(Impairment::losing(0.1), 10_000);
        assert!((800..1200).contains(&stats.lost), "{stats:?}");
        assert_eq!(got.len() as u64, 10_000 - stats.lost);
        assert_eq!(got, run(Impairment::losing(0.1), 10_000).0);
    }

    #[test]
    fn bursts_take_neighbours() {
        let (_, stats) = run(Impairment { burst_start: 0.01, burst_len: 5, ..Impairment::default() }, 10_000);
        assert!((350..650).contains(&stats.lost), "{stats:?}");
    }

    #[test]
    fn jitter_keeps_order_and_reordering_does_not() {
        let jitter = Impairment { jitter: Duration::from_millis(20), ..Impairment::default() };
        let (got, stats) = run(jitter, 1000);
        assert!(got.is_sorted() && stats.reordered == 0);
        let (got, stats) = run(Impairment { reorder: 0.05, ..Impairment::default() }, 1000);
        assert!(!got.is_sorted() && stats.reordered > 20, "{stats:?}");
    }

    #[test]
    fn a_rate_drops_what_the_queue_cannot_hold() {
        // 4 bytes each millisecond are 32 kbit/s; half of it fits.
        let slow = Impairment { rate_bps: Some(16_000), queue_bytes: 100, ..Impairment::default() };
        let (_, stats) = run(slow, 10_000);
        assert!((4_500..5_100).contains(&stats.queue_dropped), "{stats:?}");
    }
}
