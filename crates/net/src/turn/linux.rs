//! The same with Linux's own calls: `recvmmsg` with `UDP_GRO`, `sendmmsg` with `UDP_SEGMENT`.
//!
//! The only unsafe code of the relay. Every pointer given to the kernel is made right before the
//! call, from memory that is not touched until the call is over.
#![allow(unsafe_code)]

use super::{Expect, Outgoing, SLOT_BYTES, SLOTS};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs sent with one call.
const BATCH: usize = 64;
/// Datagrams of one run (`UDP_MAX_SEGMENTS` of old kernels).
const MOST_SEGMENTS: usize = 64;
/// Slots begin this far from each other: were it a power of two, they would all fall on the same
/// lines of the processor's cache.
const STRIDE: usize = SLOT_BYTES + 1_344;

/// Room for one control message with a number.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 24]);

/// An address as the kernel writes it. The larger of the two families has room for both.
#[derive(Clone, Copy)]
struct Name(libc::sockaddr_in6);

impl Name {
    const LENGTH: u32 = size_of::<libc::sockaddr_in6>() as u32;

    fn empty() -> Self {
        // SAFETY: all zeros are a value of this plain struct.
        Self(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    /// And how many bytes of it count.
    fn of(address: SocketAddr) -> (Self, u32) {
        let mut name = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                let inner = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                // SAFETY: a sockaddr_in is shorter than a sockaddr_in6 and no more aligned.
                unsafe { (&raw mut name.0).cast::<libc::sockaddr_in>().write(inner) };
                (name, size_of::<libc::sockaddr_in>() as u32)
            }
            SocketAddr::V6(v6) => {
                name.0.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.0.sin6_port = v6.port().to_be();
                name.0.sin6_flowinfo = v6.flowinfo();
                name.0.sin6_addr.s6_addr = v6.ip().octets();
                name.0.sin6_scope_id = v6.scope_id();
                (name, Self::LENGTH)
            }
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        match i32::from(self.0.sin6_family) {
            libc::AF_INET => {
                // SAFETY: the family says what it is, and it is within the larger struct.
                let v4 = unsafe { (&raw const self.0).cast::<libc::sockaddr_in>().read() };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &self.0;
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: all zeros are a value of this plain struct: null pointers with no length.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Where datagrams are received; one for all sockets of a thread.
pub(in crate::turn) struct Buffers {
    bytes: Vec<u8>,
    names: [Name; SLOTS],
    controls: [Control; SLOTS],
    /// Bytes of each run, and of each of its datagrams.
    sizes: [(usize, usize); SLOTS],
}

impl Buffers {
    pub(in crate::turn) fn new() -> Self {
        Self {
            bytes: vec![0; STRIDE * SLOTS],
            names: [Name::empty(); SLOTS],
            controls: [Control([0; 24]); SLOTS],
            sizes: [(0, 0); SLOTS],
        }
    }

    /// The runs of the last receive: from whom, the bytes, and the size of each datagram.
    pub(in crate::turn) fn runs(&self, count: usize) -> impl Iterator<Item = (SocketAddr, &[u8], usize)> {
        let slots = self.bytes.chunks(STRIDE).zip(&self.names).zip(&self.sizes).take(count);
        slots.filter_map(|((slot, name), (length, segment))| Some((name.address()?, slot.get(..*length)?, *segment)))
    }

    /// One call of the kernel; how many runs there are.
    fn fill(&mut self, fd: RawFd, slots: usize) -> io::Result<usize> {
        let mut pieces: [MaybeUninit<libc::iovec>; SLOTS] = [MaybeUninit::uninit(); SLOTS];
        let mut headers = smallvec::SmallVec::<[libc::mmsghdr; SLOTS]>::new();
        let slots = self.bytes.chunks_mut(STRIDE).zip(&mut self.names).zip(&mut self.controls).take(slots);
        for (((slot, name), control), piece) in slots.zip(&mut pieces) {
            let mut whole = empty_header();
            let header = &mut whole.msg_hdr;
            header.msg_iov = piece.write(libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: SLOT_BYTES });
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut name.0).cast();
            header.msg_namelen = Name::LENGTH;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = size_of::<Control>() as _;
            headers.push(whole);
        }
        // SAFETY: each header points to a slot, a name and a control buffer of the sizes it says,
        // which live and are not touched through the call.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                headers.len() as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, size) in headers.iter().take(count).zip(&mut self.sizes) {
            let length = header.msg_len as usize;
            // SAFETY: the kernel filled this header, and its control buffer is still there.
            *size = (length, unsafe { segment_of(&header.msg_hdr) }.unwrap_or(length).max(1));
        }
        Ok(count)
    }
}

/// The size of the datagrams that were joined, from `UDP_GRO`.
///
/// # Safety
/// The kernel filled the header and its control buffer.
unsafe fn segment_of(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the macros stay within `msg_controllen`; the kernel writes an int for UDP_GRO.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        let message = first.as_ref()?;
        let is_segment = message.cmsg_level == libc::SOL_UDP && message.cmsg_type == libc::UDP_GRO;
        let size = is_segment.then(|| libc::CMSG_DATA(first).cast::<libc::c_int>().read_unaligned())?;
        usize::try_from(size).ok().filter(|size| *size > 0)
    }
}

/// What sending needs between calls: memory, so that none is asked for.
pub(in crate::turn) struct Sender {
    names: Vec<(Name, u32)>,
    controls: Vec<Control>,
    pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Sender {
    pub(in crate::turn) fn new() -> Self {
        let (names, controls) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        Self { names, controls, pieces: Vec::with_capacity(BATCH), headers: Vec::with_capacity(BATCH) }
    }

    /// Writes the headers of a batch. They point into this sender and into the bytes of the runs.
    fn prepare(&mut self, batch: &[Outgoing<'_>]) {
        self.names.clear();
        self.controls.clear();
        self.pieces.clear();
        self.headers.clear();
        for run in batch {
            self.names.push(Name::of(run.to));
            let segment = u16::try_from(run.segment).unwrap_or(u16::MAX);
            self.controls.push(if run.bytes.len() > run.segment { segment_control(segment) } else { Control([0; 24]) });
            self.pieces.push(libc::iovec { iov_base: run.bytes.as_ptr().cast_mut().cast(), iov_len: run.bytes.len() });
        }
        let parts = self.names.iter_mut().zip(&mut self.controls).zip(&mut self.pieces);
        for (run, (((name, length), control), piece)) in batch.iter().zip(parts) {
            let mut header = empty_header();
            header.msg_hdr.msg_name = (&raw mut name.0).cast();
            header.msg_hdr.msg_namelen = *length;
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            if run.bytes.len() > run.segment {
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
            self.headers.push(header);
        }
    }
}

/// "Cut it into datagrams of this size" (`UDP_SEGMENT`).
fn segment_control(segment: u16) -> Control {
    let mut control = Control([0; 24]);
    let mut header = empty_header().msg_hdr;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the buffer has room for one control message with a u16, and is aligned for it.
    unsafe {
        if let Some(message) = libc::CMSG_FIRSTHDR(&raw const header).as_mut() {
            message.cmsg_level = libc::SOL_UDP;
            message.cmsg_type = libc::UDP_SEGMENT;
            message.cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
            libc::CMSG_DATA(message).cast::<u16>().write_unaligned(segment);
        }
    }
    control
}

/// A socket.
pub(in crate::turn) struct Datagrams {
    io: UdpSocket,
    /// The kernel, and the device it chose, cut runs.
    segments: AtomicBool,
}

impl Datagrams {
    /// See [`bound`](super::bound).
    pub(in crate::turn) fn bind(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let io = super::bound(address, buffer)?;
        let on: libc::c_int = 1;
        let size = size_of::<libc::c_int>() as u32;
        // SAFETY: the descriptor is open, and the pointer is to an int that lives through the call.
        // A kernel before 5.0 does not know it and hands out datagrams one by one.
        let _ = unsafe { libc::setsockopt(io.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), size) };
        Ok(Self { io, segments: AtomicBool::new(true) })
    }

    pub(in crate::turn) fn local(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    pub(in crate::turn) fn fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }

    /// Receives into the buffers: how many runs, and whether more may wait.
    pub(in crate::turn) fn receive(&self, buffers: &mut Buffers, expect: Expect) -> (usize, bool) {
        match buffers.fill(self.fd(), expect.slots()) {
            // Fewer than asked for: the queue was empty, and what comes later is a new event.
            Ok(count) => (count, count == expect.slots()),
            // A peer's closed port, reported on our socket: more may wait behind it.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::Interrupted) => {
                (0, true)
            }
            Err(_) => (0, false),
        }
    }

    /// Sends runs; says how many datagrams the kernel did not take.
    pub(in crate::turn) fn send<'a>(
        &self,
        runs: impl ExactSizeIterator<Item = Outgoing<'a>>,
        sender: &mut Sender,
    ) -> u64 {
        if runs.len() == 1 {
            return runs.map(|run| self.send_alone(run, sender)).sum();
        }
        self.send_all(runs, sender)
    }

    /// What a relay does most: one packet.
    fn send_alone(&self, run: Outgoing<'_>, sender: &mut Sender) -> u64 {
        if run.bytes.len() <= run.segment {
            return u64::from(self.send_one(run).is_err());
        }
        self.send_all(std::iter::once(run), sender)
    }

    fn send_all<'a>(&self, runs: impl Iterator<Item = Outgoing<'a>>, sender: &mut Sender) -> u64 {
        let mut runs = runs.flat_map(|run| run.in_runs_of(self.most_segments()));
        let (mut refused, mut batch) = (0, smallvec::SmallVec::<[Outgoing<'_>; BATCH]>::new());
        loop {
            batch.clear();
            batch.extend(runs.by_ref().take(BATCH));
            match batch.as_slice() {
                [] => return refused,
                several => refused += self.send_batch(several, sender),
            }
        }
    }

    fn most_segments(&self) -> usize {
        if self.segments.load(Ordering::Relaxed) { MOST_SEGMENTS } else { 1 }
    }

    fn send_one(&self, run: Outgoing<'_>) -> io::Result<()> {
        let (name, length) = Name::of(run.to);
        loop {
            // SAFETY: the pointers are to bytes and a name of these lengths, which live through the call.
            let sent = unsafe {
                let (bytes, name) = (run.bytes.as_ptr().cast(), (&raw const name.0).cast());
                libc::sendto(self.fd(), bytes, run.bytes.len(), libc::MSG_DONTWAIT, name, length)
            };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    fn send_batch(&self, batch: &[Outgoing<'_>], sender: &mut Sender) -> u64 {
        sender.prepare(batch);
        let (mut refused, mut done) = (0, 0);
        while let Some(rest) = sender.headers.get_mut(done..).filter(|rest| !rest.is_empty()) {
            // SAFETY: the headers point into the sender and into the runs, which live and are not
            // touched through the call.
            let sent =
                unsafe { libc::sendmmsg(self.fd(), rest.as_mut_ptr(), rest.len() as u32, libc::MSG_DONTWAIT as _) };
            if let Ok(sent) = usize::try_from(sent) {
                done += sent;
                continue;
            }
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            // The first of the rest is what failed.
            if let Some(run) = batch.get(done) {
                refused += self.send_otherwise(*run, &error);
            }
            done += 1;
        }
        refused
    }

    /// Some devices do not cut runs: then they are sent one by one from now on.
    fn send_otherwise(&self, run: Outgoing<'_>, error: &io::Error) -> u64 {
        let is_run = run.bytes.len() > run.segment;
        if !is_run || !matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE)) {
            return run.datagrams();
        }
        if error.raw_os_error() == Some(libc::EIO) {
            self.segments.store(false, Ordering::Relaxed);
        }
        run.in_runs_of(1).map(|one| u64::from(self.send_one(one).is_err())).sum()
    }
}
