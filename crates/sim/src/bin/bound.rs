//! What the machine can do at best: one packet in, a copy sealed for each of N subscribers and
//! sent in runs of a given length, and nothing else. Receivers drop at their socket. Prints one
//! line of JSON; a server's cost per packet is judged by its ratio to this.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use clap::Parser;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use serde_json::json;
use socket2::{Domain, SockFilter, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const RTP_HEADER: usize = 12;
const TAG: usize = 16;
/// `BPF_RET | BPF_K` of classic BPF: returns how many bytes to keep.
const BPF_RETURN: u16 = 0x06;

/// Measures the least CPU an SFU needs per forwarded packet on this machine.
#[derive(Debug, Parser)]
struct Flags {
    /// Receivers
    #[arg(long, default_value_t = 100)]
    subscribers: usize,
    /// Packets sent to one receiver at a time, on average
    #[arg(long, default_value_t = 7.4)]
    run_length: f64,
    /// UDP payload of each packet, bytes
    #[arg(long, default_value_t = 1120)]
    packet: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

struct Receiver {
    key: LessSafeKey,
    address: SocketAddr,
    /// Kept open; everything sent here is dropped.
    _socket: Socket,
}

impl Receiver {
    fn new(index: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket opens");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port is free");
        socket.attach_filter(&[SockFilter::new(BPF_RETURN, 0, 0, 0)]).expect("a filter can be attached");
        let address = socket.local_addr().ok().and_then(|a| a.as_socket()).expect("bound");
        let mut secret = [7u8; 16];
        secret[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &secret).expect("16 bytes are a key"));
        Self { key, address, _socket: socket }
    }
}

struct Bound {
    input: UdpSocket,
    input_address: SocketAddr,
    source: UdpSocket,
    output: UdpSocket,
    state: UdpSocketState,
    receivers: Vec<Receiver>,
    received: Vec<Vec<u8>>,
    batch: Vec<u8>,
    seq: u64,
}

impl Bound {
    fn new(flags: &Flags) -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let (input, source, output) = (bind(), bind(), bind());
        let _ = socket2::SockRef::from(&input).set_recv_buffer_size(4 * 1024 * 1024);
        let _ = socket2::SockRef::from(&output).set_send_buffer_size(4 * 1024 * 1024);
        let state = UdpSocketState::new(UdpSockRef::from(&output)).expect("the kernel takes options");
        let longest = flags.run_length.ceil() as usize + 1;
        Self {
            input_address: input.local_addr().expect("bound"),
            input,
            source,
            output,
            state,
            receivers: (0..flags.subscribers).map(Receiver::new).collect(),
            received: vec![vec![0; 2048]; longest],
            batch: vec![0; longest * 2048],
            seq: 0,
        }
    }

    /// What a publisher does; not measured.
    fn publish(&self, count: usize, bytes: usize) {
        let packet = vec![0x80; bytes - TAG];
        for _ in 0..count {
            self.source.send_to(&packet, self.input_address).expect("loopback takes packets");
        }
    }

    /// Receives `count` packets and sends each to everyone.
    fn forward(&mut self, count: usize, bytes: usize) {
        for slot in self.received.iter_mut().take(count) {
            let got = self.input.recv(slot).expect("the packets are there");
            assert_eq!(got, bytes - TAG);
        }
        for receiver in &self.receivers {
            for (index, slot) in self.received.iter().take(count).enumerate() {
                let packet = &mut self.batch[index * bytes..(index + 1) * bytes];
                packet[..bytes - TAG].copy_from_slice(&slot[..bytes - TAG]);
                seal(&receiver.key, packet, self.seq + index as u64);
            }
            let contents = &self.batch[..count * bytes];
            let segment_size = (count > 1).then_some(bytes);
            let transmit = Transmit { destination: receiver.address, ecn: None, contents, segment_size, src_ip: None };
            self.state.try_send(UdpSockRef::from(&self.output), &transmit).expect("loopback takes runs");
        }
        self.seq += count as u64;
    }
}

/// Header in the clear and authenticated, the rest encrypted, the tag at the end (RFC 7714).
fn seal(key: &LessSafeKey, packet: &mut [u8], seq: u64) {
    let mut iv = [1u8; 12];
    iv[4..].copy_from_slice(&seq.to_be_bytes());
    packet[2..4].copy_from_slice(&(seq as u16).to_be_bytes());
    let (header, rest) = packet.split_at_mut(RTP_HEADER);
    let (body, end) = rest.split_at_mut(rest.len() - TAG);
    let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(&*header), body);
    end.copy_from_slice(tag.expect("sealing works").as_ref());
}

/// CPU time of this thread. What a packet costs where it arrives on loopback is in it.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives through the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() {
    let flags = Flags::parse();
    let mut bound = Bound::new(&flags);
    let (mut owed, mut packets, mut used) = (0.0, 0u64, Duration::ZERO);
    let warm = Instant::now() + Duration::from_millis(300);
    let end = warm + Duration::from_secs_f64(flags.seconds);
    while Instant::now() < end {
        owed += flags.run_length.max(1.0);
        let count = owed.floor();
        owed -= count;
        bound.publish(count as usize, flags.packet);
        let before = cpu_time();
        bound.forward(count as usize, flags.packet);
        if Instant::now() > warm {
            used += cpu_time() - before;
            packets += count as u64 * flags.subscribers as u64;
        }
    }
    let us = used.as_secs_f64() * 1e6 / packets.max(1) as f64;
    println!("{}", json!({ "subscribers": flags.subscribers, "run_length": flags.run_length, "us_per_packet": us }));
}
