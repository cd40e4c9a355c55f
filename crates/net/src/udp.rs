//! One UDP socket: batched receive (GRO) and send (GSO) through `quinn-udp`.

use mio::unix::SourceFd;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use tandem_media::TxBatch;

/// Kernel buffers asked for; the kernel caps them at `net.core.rmem_max` and `wmem_max`.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// One receive slot: the largest GRO run the kernel hands out.
const SLOT_BYTES: usize = 65_536;

/// Counters of a shard's loop, as values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoopStats {
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// System calls that sent them.
    pub sends: u64,
    /// Datagrams the kernel refused (buffer full or unreachable).
    pub send_dropped: u64,
    /// Events that found a full outbox; the session was closed.
    pub outbox_overflows: u64,
    /// Turns of the loop.
    pub ticks: u64,
    /// Turns that took longer than two milliseconds.
    pub slow_ticks: u64,
}

/// How many packets the kernel takes with one call; `None` if it gives no socket.
#[must_use]
pub fn segments_per_send() -> Option<usize> {
    let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).ok()?;
    Some(UdpSocketState::new(UdpSockRef::from(&socket)).ok()?.max_gso_segments())
}

/// See the module.
pub(crate) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Socket {
    pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<Self> {
        let domain = if ip.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        // Best effort: a smaller buffer loses bursts, it does not stop calls.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        socket.bind(&SocketAddr::new(ip, port).into())?;
        let io: UdpSocket = socket.into();
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        let local = io.local_addr()?;
        Ok(Self {
            io,
            state,
            local,
            buffers: (0..BATCH_SIZE).map(|_| vec![0; SLOT_BYTES]).collect(),
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn register(&self, registry: &mio::Registry, token: mio::Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.io.as_raw_fd()), token, mio::Interest::READABLE)
    }

    /// Receives one batch; `take` sees each datagram with its source and the address it was sent to.
    /// Returns how many, 0 when nothing waits.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, SocketAddr, &[u8])) -> io::Result<usize> {
        let mut slices: Vec<IoSliceMut<'_>> = self.buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let received = match self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut self.metas) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            // A client's closed port, reported on our socket: not our trouble.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
            Err(e) => return Err(e),
        };
        let mut count = 0;
        for (meta, buffer) in self.metas.iter().take(received).zip(&self.buffers) {
            let destination = meta.dst_ip.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()));
            let data = buffer.get(..meta.len).unwrap_or_default();
            for datagram in data.chunks(meta.stride.max(1)) {
                take(meta.addr, destination, datagram);
                count += 1;
            }
        }
        Ok(count)
    }

    /// Sends every UDP run of the batch; TCP runs are left to `other`.
    pub(crate) fn send(&self, batch: &TxBatch, stats: &mut LoopStats, mut other: impl FnMut(SocketAddr, &[u8])) {
        let gso = self.state.max_gso_segments();
        for (run, bytes) in batch.iter() {
            if !run.is_udp() {
                other(run.destination, bytes);
                continue;
            }
            let per_call = run.segment.max(1).saturating_mul(gso.max(1));
            for piece in bytes.chunks(per_call) {
                let several = piece.len() > run.segment;
                let transmit = Transmit {
                    destination: run.destination,
                    ecn: None,
                    contents: piece,
                    segment_size: several.then_some(run.segment),
                    src_ip: self.local.ip().is_unspecified().then_some(run.source.ip()),
                };
                let datagrams = piece.len().div_ceil(run.segment.max(1)) as u64;
                match self.state.try_send(UdpSockRef::from(&self.io), &transmit) {
                    Ok(()) => {
                        stats.sends += 1;
                        stats.datagrams_out += datagrams;
                        stats.bytes_out += piece.len() as u64;
                    }
                    // Full buffer or unreachable: a datagram may be lost, the loop may not wait.
                    Err(_) => stats.send_dropped += datagrams,
                }
            }
        }
    }
}
