//! What goes out: bytes of one call, in runs that need one system call each.

use std::net::SocketAddr;
use std::ops::Range;

/// A client's side of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// Datagrams from an address to one of the listeners.
    Udp {
        /// The listener.
        listener: u16,
        /// The client.
        address: SocketAddr,
    },
    /// A connection over TCP or TLS, by a number the shell gives it, never used again.
    Stream {
        /// The number.
        id: u64,
        /// The client.
        address: SocketAddr,
    },
}

impl ClientId {
    /// Where the client is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp { address, .. } | Self::Stream { address, .. } => *address,
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream { .. })
    }
}

/// A relay socket, by a small number the shell gives it; used again after it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RelayId(pub u32);

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a client, out of the socket it talks to.
    Client(ClientId),
    /// To a peer, out of a relay socket.
    Peer(RelayId, SocketAddr),
}

/// Datagrams of one size, except that the last may be shorter, to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The place.
    pub to: Destination,
    /// Bytes of each.
    pub segment: usize,
    bytes: Range<usize>,
}

/// What one or more calls leave to be sent. Keep it and [`clear`](Outputs::clear) it: it keeps its memory.
#[derive(Debug, Default)]
pub struct Outputs {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    closed: Vec<u64>,
}

/// No run is longer: what one send with segmentation takes.
const RUN_BYTES: usize = 65_000;
const RUN_SEGMENTS: usize = 64;

impl Outputs {
    /// Every run with its bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Run, &[u8])> {
        self.runs.iter().map(|run| (run, self.of(run)))
    }

    /// Every run, in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The bytes of a run.
    #[must_use]
    pub fn of(&self, run: &Run) -> &[u8] {
        self.bytes.get(run.bytes.clone()).unwrap_or_default()
    }

    /// Bytes of all runs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Connections to be closed after what is sent to them.
    #[must_use]
    pub fn closed(&self) -> &[u64] {
        &self.closed
    }

    /// Nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.closed.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
        self.closed.clear();
    }

    pub(crate) fn close(&mut self, stream: u64) {
        self.closed.push(stream);
    }

    /// Adds a datagram in pieces; it joins the run before it if it fits there.
    pub(crate) fn push(&mut self, to: Destination, pieces: &[&[u8]]) {
        let start = self.bytes.len();
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
        self.pushed(to, start);
    }

    /// Adds what `write` writes.
    pub(crate) fn write(&mut self, to: Destination, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.pushed(to, start);
    }

    fn pushed(&mut self, to: Destination, start: usize) {
        let (end, size) = (self.bytes.len(), self.bytes.len() - start);
        if let Some(run) = self.runs.last_mut()
            && run.to == to
            && run.joins(size)
        {
            run.bytes.end = end;
            return;
        }
        self.runs.push(Run { to, segment: size, bytes: start..end });
    }
}

impl Run {
    /// Whether one more datagram of that size fits: all before have the run's size, and this one is no longer.
    fn joins(&self, size: usize) -> bool {
        let length = self.bytes.len();
        size > 0
            && size <= self.segment
            && length.is_multiple_of(self.segment.max(1))
            && length + size <= RUN_BYTES
            && length / self.segment.max(1) < RUN_SEGMENTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_one_size_to_one_place_are_a_run() {
        let to = |port| Destination::Peer(RelayId(0), SocketAddr::from(([1, 2, 3, 4], port)));
        let mut outputs = Outputs::default();
        for (port, size) in [(1, 100), (1, 100), (1, 40), (1, 40), (2, 40), (2, 100)] {
            outputs.push(to(port), &[&vec![7; size / 2], &vec![8; size - size / 2]]);
        }
        let runs: Vec<_> = outputs.iter().map(|(run, bytes)| (run.to, run.segment, bytes.len())).collect();
        assert_eq!(runs, [(to(1), 100, 240), (to(1), 40, 40), (to(2), 40, 40), (to(2), 100, 100)]);
        (0..200).for_each(|_| outputs.push(to(3), &[&[1; 1000]]));
        assert!(outputs.iter().all(|(_, bytes)| bytes.len() <= RUN_BYTES));
    }
}
