//! Datagrams waiting to be sent, grouped so that one system call can take many.

use std::net::SocketAddr;
use str0m::net::Protocol;

/// Datagrams one generic-segmentation-offload call may carry (Linux `UDP_MAX_SEGMENTS`, 64 before
/// kernel 6.9) and the bytes one UDP send may carry.
const MAX_SEGMENTS: usize = 64;
const MAX_RUN_BYTES: usize = 65_000;

/// Datagrams of equal size (the last may be shorter) to one destination.
#[derive(Debug, Clone)]
pub struct Run {
    /// UDP, or TCP for ICE-TCP.
    pub protocol: Protocol,
    /// Our address.
    pub source: SocketAddr,
    /// The client's address.
    pub destination: SocketAddr,
    /// Bytes of each datagram but the last.
    pub segment: usize,
    start: usize,
    end: usize,
    segments: usize,
    open: bool,
}

impl Run {
    /// Sent as UDP datagrams, not over TCP.
    #[must_use]
    pub fn is_udp(&self) -> bool {
        self.protocol == Protocol::Udp
    }

    /// Datagrams in the run.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments
    }
}

/// A growing batch; cleared, not freed, between ticks.
#[derive(Debug, Default)]
pub struct TxBatch {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

impl TxBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one datagram, to the last run if it fits there.
    pub fn push(&mut self, protocol: Protocol, source: SocketAddr, destination: SocketAddr, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        let end = self.bytes.len();
        if let Some(run) = self.runs.last_mut()
            && run.open
            && run.destination == destination
            && run.protocol == protocol
            && run.source == source
            && data.len() <= run.segment
            && run.segments < MAX_SEGMENTS
            && end - run.start <= MAX_RUN_BYTES
        {
            run.end = end;
            run.segments += 1;
            run.open = data.len() == run.segment;
            return;
        }
        self.runs.push(Run {
            protocol,
            source,
            destination,
            segment: data.len(),
            start,
            end,
            segments: 1,
            open: protocol == Protocol::Udp,
        });
    }

    /// All runs with their bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Run, &[u8])> {
        self.runs.iter().filter_map(|run| Some((run, self.bytes.get(run.start..run.end)?)))
    }

    /// Nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes waiting.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_join_and_a_short_one_ends_the_run() {
        let (a, b): (SocketAddr, SocketAddr) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let mut batch = TxBatch::new();
        for size in [100, 100, 40, 100, 120] {
            batch.push(Protocol::Udp, a, b, &vec![0; size]);
        }
        let runs: Vec<_> = batch.iter().map(|(run, bytes)| (run.segments(), run.segment, bytes.len())).collect();
        assert_eq!(runs, [(3, 100, 240), (1, 100, 100), (1, 120, 120)]);
    }

    #[test]
    fn destinations_do_not_mix() {
        let (a, b): (SocketAddr, SocketAddr) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let mut batch = TxBatch::new();
        batch.push(Protocol::Udp, a, b, &[0; 10]);
        batch.push(Protocol::Udp, b, a, &[0; 10]);
        assert_eq!(batch.iter().count(), 2);
    }
}
