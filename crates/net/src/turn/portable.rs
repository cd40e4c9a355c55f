//! The same through `quinn-udp`, which knows every system.

use super::{Expect, Outgoing, SLOT_BYTES, SLOTS};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// Where datagrams are received; one for all sockets of a thread.
pub(in crate::turn) struct Buffers {
    slots: Vec<Vec<u8>>,
    metas: [RecvMeta; SLOTS],
}

impl Buffers {
    pub(in crate::turn) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| vec![0; SLOT_BYTES]).collect(), metas: [RecvMeta::default(); SLOTS] }
    }

    /// The runs of the last receive: from whom, the bytes, and the size of each datagram.
    pub(in crate::turn) fn runs(&self, count: usize) -> impl Iterator<Item = (SocketAddr, &[u8], usize)> {
        self.metas
            .iter()
            .zip(&self.slots)
            .take(count)
            .map(|(meta, slot)| (meta.addr, slot.get(..meta.len).unwrap_or_default(), meta.stride.max(1)))
    }
}

/// What sending needs between calls.
pub(in crate::turn) struct Sender;

impl Sender {
    pub(in crate::turn) fn new() -> Self {
        Self
    }
}

/// A socket.
pub(in crate::turn) struct Datagrams {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Datagrams {
    /// See [`bound`](super::bound).
    pub(in crate::turn) fn bind(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let io = super::bound(address, buffer)?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        Ok(Self { io, state })
    }

    pub(in crate::turn) fn local(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    pub(in crate::turn) fn fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }

    /// Receives into the buffers: how many runs, and whether more may wait.
    pub(in crate::turn) fn receive(&self, buffers: &mut Buffers, expect: Expect) -> (usize, bool) {
        let mut rest = buffers.slots.iter_mut();
        let mut slices: [IoSliceMut<'_>; SLOTS] =
            std::array::from_fn(|_| IoSliceMut::new(rest.next().map_or(&mut [], Vec::as_mut_slice)));
        match self.state.recv(
            UdpSockRef::from(&self.io),
            slices.get_mut(..expect.slots()).unwrap_or_default(),
            &mut buffers.metas,
        ) {
            // Fewer than asked for: the queue was empty, and what comes later is a new event.
            Ok(count) => (count, count == expect.slots()),
            // A peer's closed port, reported on our socket: more may wait behind it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => (0, true),
            Err(_) => (0, false),
        }
    }

    /// Sends runs; says how many datagrams the kernel did not take.
    pub(in crate::turn) fn send<'a>(&self, runs: impl ExactSizeIterator<Item = Outgoing<'a>>, _: &mut Sender) -> u64 {
        let mut refused = 0;
        for run in runs.flat_map(|run| run.in_runs_of(self.state.max_gso_segments())) {
            let segment_size = (run.bytes.len() > run.segment).then_some(run.segment);
            let transmit = Transmit { destination: run.to, ecn: None, contents: run.bytes, segment_size, src_ip: None };
            if self.state.try_send(UdpSockRef::from(&self.io), &transmit).is_err() {
                refused += run.datagrams();
            }
        }
        refused
    }
}
