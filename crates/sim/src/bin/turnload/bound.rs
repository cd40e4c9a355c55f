//! What the machine can do at best when packets come one by one: the system calls of a relay and
//! nothing else, no protocol. Clients and peer are on another core, as with a relay under load.

use rustix::event::{Timespec, epoll};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes before the payload on the client's side: number and length of a channel.
const HEADER: usize = 4;
/// The client sends in so many steps of a round, not all at once.
const STEPS: u32 = 4;
/// The first part of the time finds the caches cold and is not counted.
const WARM_UP: u32 = 5;
/// A thread without work looks this often whether it is over.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Events taken with one call.
const EVENTS: usize = 1024;

/// What is to be relayed.
pub(crate) struct Bound {
    pub(crate) clients: usize,
    /// Bytes of a packet.
    pub(crate) size: usize,
    /// Between two packets of a client.
    pub(crate) every: Duration,
    pub(crate) lasts: Duration,
}

/// The sockets of a relay, each for one peer: a socket that is connected sends for less.
struct Relay {
    listener: UdpSocket,
    relays: Vec<UdpSocket>,
    clients: Vec<SocketAddr>,
}

/// The sockets at the other ends.
struct Ends {
    clients: Vec<UdpSocket>,
    peer: UdpSocket,
}

#[derive(Default)]
struct Cost {
    packets: u64,
    cpu: Duration,
}

/// Relays both ways; the processor time of one packet.
pub(crate) fn bound(work: &Bound) -> serde_json::Value {
    let (relay, ends) = sockets(work.clients);
    let over = AtomicBool::new(false);
    let cores = cores();
    let (cost, back) = thread::scope(|scope| {
        let relaying = scope.spawn(|| {
            pin(cores.first());
            relay.run(work.lasts / WARM_UP, &over)
        });
        pin(cores.last());
        let back = ends.run(work);
        over.store(true, Ordering::Relaxed);
        (relaying.join().unwrap(), back)
    });
    json!({
        "work": "bound", "clients": work.clients, "size": work.size, "cores": cores.len().min(2),
        "relayed": cost.packets, "came_back": back,
        "cpu_us_per_packet": cost.cpu.as_secs_f64() * 1e6 / cost.packets.max(1) as f64,
    })
}

impl Relay {
    fn run(&self, warm_up: Duration, over: &AtomicBool) -> Cost {
        let poll = watch(self.relays.iter().chain([&self.listener]));
        let listener = self.relays.len() as u64;
        let mut events = Vec::with_capacity(EVENTS);
        let (mut buffer, mut packets) = (vec![0; 65_536], 0);
        let counted_from = Instant::now() + warm_up;
        let mut before: Option<(u64, Duration)> = None;
        while !over.load(Ordering::Relaxed) {
            wait(&poll, &mut events, LOOK_EVERY);
            if before.is_none() && Instant::now() >= counted_from {
                before = Some((packets, cpu()));
            }
            for event in events.drain(..) {
                packets += match event.data.u64() {
                    place if place == listener => self.to_peers(&mut buffer),
                    place => self.to_client(place as usize, &mut buffer),
                };
            }
        }
        let (packets_before, cpu_before) = before.unwrap_or_default();
        Cost { packets: packets - packets_before, cpu: cpu().saturating_sub(cpu_before) }
    }

    /// The number of the channel is the client's.
    fn to_peers(&self, buffer: &mut [u8]) -> u64 {
        let mut packets = 0;
        while let Ok((length, _)) = self.listener.recv_from(buffer) {
            let number = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
            self.relays[number].send(&buffer[HEADER..length]).unwrap();
            packets += 1;
        }
        packets
    }

    /// One packet: if more wait, the kernel says so again, which costs less than to ask each time.
    fn to_client(&self, place: usize, buffer: &mut [u8]) -> u64 {
        let Ok(length) = self.relays[place].recv(&mut buffer[HEADER..]) else { return 0 };
        self.listener.send_to(&buffer[..HEADER + length], self.clients[place]).unwrap();
        1
    }
}

impl Ends {
    /// Sends for as long as the work lasts; how many packets came back.
    fn run(&self, work: &Bound) -> u64 {
        let poll = watch(self.clients.iter().chain([&self.peer]));
        let mut events = Vec::with_capacity(EVENTS);
        let (mut buffer, mut back) = (vec![0; 65_536], 0);
        let mut packet = vec![7; HEADER + work.size];
        let began = Instant::now();
        let mut step = 0;
        while began.elapsed() < work.lasts {
            if began.elapsed() >= work.every * step / STEPS {
                for place in ((step % STEPS) as usize..self.clients.len()).step_by(STEPS as usize) {
                    packet[..2].copy_from_slice(&u16::try_from(place).unwrap().to_be_bytes());
                    self.clients[place].send(&packet).unwrap();
                }
                step += 1;
            }
            let rest = (work.every * step / STEPS).saturating_sub(began.elapsed());
            wait(&poll, &mut events, Timespec::try_from(rest).unwrap());
            for event in events.drain(..) {
                back += self.take(event.data.u64() as usize, &mut buffer);
            }
        }
        back
    }

    fn take(&self, place: usize, buffer: &mut [u8]) -> u64 {
        let Some(client) = self.clients.get(place) else {
            while let Ok((length, relay)) = self.peer.recv_from(buffer) {
                self.peer.send_to(&buffer[..length], relay).unwrap();
            }
            return 0;
        };
        std::iter::from_fn(|| client.recv(buffer).ok()).count() as u64
    }
}

fn sockets(clients: usize) -> (Relay, Ends) {
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let connected = |to: &UdpSocket| {
        let socket = socket();
        socket.connect(to.local_addr().unwrap()).unwrap();
        socket
    };
    let (listener, peer) = (socket(), socket());
    let ends = Ends { clients: (0..clients).map(|_| connected(&listener)).collect(), peer };
    let addresses = ends.clients.iter().map(|client| client.local_addr().unwrap()).collect();
    let relays = (0..clients).map(|_| connected(&ends.peer)).collect();
    (Relay { listener, relays, clients: addresses }, ends)
}

/// An epoll of these sockets, numbered in order.
fn watch<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> OwnedFd {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (place, socket) in sockets.enumerate() {
        epoll::add(&poll, socket, epoll::EventData::new_u64(place as u64), epoll::EventFlags::IN).unwrap();
    }
    poll
}

fn wait(poll: &OwnedFd, events: &mut Vec<epoll::Event>, at_most: Timespec) {
    events.clear();
    let _ = epoll::wait(poll, rustix::buffer::spare_capacity(events), Some(&at_most));
}

/// Those this process may use.
fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// This thread runs on that core and no other.
fn pin(core: Option<&usize>) {
    let mut set = CpuSet::new();
    set.set(*core.unwrap());
    sched_setaffinity(None, &set).unwrap();
}

/// Processor time of this thread.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}
