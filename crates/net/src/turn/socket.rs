//! A UDP socket whose datagrams come and go in runs, with buffers that all sockets share.

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// Runs received by one system call.
const SLOTS: usize = 16;
/// The largest run the kernel hands out.
const SLOT_BYTES: usize = 65_536;

/// Where datagrams are received; one for all sockets of a thread.
pub(super) struct Buffers {
    slots: Vec<Vec<u8>>,
    metas: [RecvMeta; SLOTS],
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| vec![0; SLOT_BYTES]).collect(), metas: [RecvMeta::default(); SLOTS] }
    }

    /// The runs of the last receive: from whom, the bytes, and the size of each datagram.
    pub(super) fn runs(&self, count: usize) -> impl Iterator<Item = (SocketAddr, &[u8], usize)> {
        self.metas
            .iter()
            .zip(&self.slots)
            .take(count)
            .map(|(meta, slot)| (meta.addr, slot.get(..meta.len).unwrap_or_default(), meta.stride.max(1)))
    }
}

/// See the module.
pub(super) struct Datagrams {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Datagrams {
    /// Binds; `buffer` bytes are asked of the kernel, 0 for its default. IPv6 sockets take no IPv4.
    pub(super) fn bind(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let domain = if address.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if buffer > 0 {
            // Best effort: a smaller buffer loses bursts, it does not stop calls.
            let _ = socket.set_recv_buffer_size(buffer);
            let _ = socket.set_send_buffer_size(buffer);
        }
        socket.bind(&address.into())?;
        let io: UdpSocket = socket.into();
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        Ok(Self { io, state })
    }

    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    pub(super) fn fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }

    /// Receives into the buffers: how many runs, and whether more may wait.
    pub(super) fn receive(&self, buffers: &mut Buffers) -> (usize, bool) {
        let mut rest = buffers.slots.iter_mut();
        let mut slices: [IoSliceMut<'_>; SLOTS] =
            std::array::from_fn(|_| IoSliceMut::new(rest.next().map_or(&mut [], Vec::as_mut_slice)));
        match self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut buffers.metas) {
            // Fewer than asked for: the queue was empty, and what comes later is a new event.
            Ok(count) => (count, count == SLOTS),
            // A peer's closed port, reported on our socket: more may wait behind it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => (0, true),
            Err(_) => (0, false),
        }
    }

    /// Sends a run; says how many datagrams the kernel did not take.
    pub(super) fn send(&self, destination: SocketAddr, segment: usize, bytes: &[u8]) -> u64 {
        let segment = segment.max(1);
        let per_call = segment.saturating_mul(self.state.max_gso_segments().max(1));
        let mut refused = 0;
        // An empty datagram is one, too.
        let pieces = bytes.chunks(per_call).chain(bytes.is_empty().then_some(bytes));
        for piece in pieces {
            let segment_size = (piece.len() > segment).then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents: piece, segment_size, src_ip: None };
            if self.state.try_send(UdpSockRef::from(&self.io), &transmit).is_err() {
                refused += piece.len().div_ceil(segment) as u64;
            }
        }
        refused
    }
}
