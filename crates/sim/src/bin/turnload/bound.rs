//! What the machine can do at best when packets come one by one: the system calls of a relay and
//! nothing else. No protocol, no waiting, and the receivers are not woken.

use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Packets that wait at a socket at a time: more would not fit into its buffer.
const TOGETHER: usize = 50;
/// Bytes before the payload on the client's side: number and length of a channel.
const HEADER: usize = 4;

/// The sockets of a relay with its clients and its one peer, all in this thread.
struct Bare {
    listener: UdpSocket,
    relays: Vec<UdpSocket>,
    clients: Vec<(UdpSocket, SocketAddr)>,
    peer: (UdpSocket, SocketAddr),
    buffer: Vec<u8>,
}

impl Bare {
    fn new(clients: usize) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let address = socket.local_addr().unwrap();
            (socket, address)
        };
        let (listener, address) = socket();
        let relays = (0..clients).map(|_| socket().0).collect();
        let clients: Vec<_> = (0..clients).map(|_| socket()).collect();
        for (client, _) in &clients {
            client.connect(address).unwrap();
        }
        Self { listener, relays, clients, peer: socket(), buffer: vec![0; 65_536] }
    }

    /// A packet of each client goes to the peer and back; the nanoseconds of the relay's half.
    fn round(&mut self, packet: &[u8]) -> u64 {
        let Self { listener, relays, clients, peer, buffer } = self;
        let mut cost = 0;
        for (clients, relays) in clients.chunks(TOGETHER).zip(relays.chunks(TOGETHER)) {
            for (client, _) in clients {
                client.send(packet).unwrap();
            }
            let began = thread_ns();
            for relay in relays {
                let (length, _) = listener.recv_from(buffer).unwrap();
                relay.send_to(&buffer[HEADER..length], peer.1).unwrap();
            }
            cost += thread_ns() - began;
            while let Ok((length, relay)) = peer.0.recv_from(buffer) {
                peer.0.send_to(&buffer[..length], relay).unwrap();
            }
            let began = thread_ns();
            for (relay, (_, client)) in relays.iter().zip(clients) {
                let (length, _) = relay.recv_from(&mut buffer[HEADER..]).unwrap();
                listener.send_to(&buffer[..HEADER + length], client).unwrap();
            }
            cost += thread_ns() - began;
            for (client, _) in clients {
                assert_eq!(client.recv(buffer).unwrap(), packet.len());
            }
        }
        cost
    }
}

/// Relays so many packets both ways; the processor time of one.
pub(crate) fn bound(clients: usize, size: usize, rounds: u64, pause: Duration) -> serde_json::Value {
    let mut bare = Bare::new(clients);
    let packet = vec![7; HEADER + size];
    let mut round = || {
        std::thread::sleep(pause);
        bare.round(&packet)
    };
    // The first ones find the caches cold.
    for _ in 0..rounds / 10 {
        round();
    }
    let cost: u64 = (0..rounds).map(|_| round()).sum();
    let packets = rounds * clients as u64 * 2;
    json!({
        "work": "bound", "clients": clients, "size": size, "relayed": packets,
        "cpu_us_per_packet": cost as f64 / 1e3 / packets.max(1) as f64,
    })
}

/// Processor time of this thread.
#[allow(unsafe_code)]
fn thread_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives through the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0, "no clock for a thread");
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}
