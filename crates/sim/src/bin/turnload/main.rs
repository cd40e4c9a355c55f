//! Load for TURN servers: many allocations, and packets in bursts. Prints one line of JSON.
//! `bound` needs no server: it is what this machine can do at best.
//!
//! ```text
//! turnload --server 127.0.0.1:3478 --user t --password t --pid 4711 bursts --clients 20 --burst 16
//! turnload --server 127.0.0.1:3478 --user t --password t --pid 4711 allocations --count 5000
//! turnload bound --clients 100 --size 1200
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a tool that stops when anything is odd

#[cfg(target_os = "linux")]
mod bound;
mod client;
#[path = "../chanload/process.rs"]
#[allow(dead_code)]
mod process;

#[cfg(target_os = "linux")]
use bound::{Bound, bound};
use clap::{Args, Parser, Subcommand};
use client::Client;
use process::{cpu_ns, private_bytes};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Cli {
    /// The TURN server
    #[arg(long, default_value = "127.0.0.1:3478")]
    server: SocketAddr,
    #[arg(long, default_value = "t")]
    user: String,
    #[arg(long, default_value = "t")]
    password: String,
    /// Its process, for CPU and memory
    #[arg(long)]
    pid: Vec<u32>,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Packets in runs, both ways, through channels
    Bursts(Bursts),
    /// Allocations that do nothing
    Allocations {
        #[arg(long, default_value_t = 5000)]
        count: usize,
    },
    #[cfg(target_os = "linux")]
    /// The system calls of a relay and nothing else, one packet at a time, the clients on another core
    Bound {
        #[arg(long, default_value_t = 100)]
        clients: usize,
        /// Bytes of a packet
        #[arg(long, default_value_t = 1200)]
        size: usize,
        /// Milliseconds between two packets of a client
        #[arg(long, default_value_t = 4)]
        every_ms: u64,
        #[arg(long, default_value_t = 6)]
        seconds: u64,
    },
}

#[derive(Args)]
struct Bursts {
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// Packets written together; 1 for one by one
    #[arg(long, default_value_t = 16)]
    burst: usize,
    /// Clients whose bursts come at the same time, as on a busy relay
    #[arg(long, default_value_t = 4)]
    together: usize,
    /// Bytes of a packet
    #[arg(long, default_value_t = 1200)]
    size: usize,
    /// Bursts of each client in a second
    #[arg(long, default_value_t = 25.0)]
    rate: f64,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

fn main() {
    let cli = Cli::parse();
    process::raise_file_limit();
    let result = match &cli.work {
        Work::Bursts(work) => bursts(&cli, work),
        Work::Allocations { count } => allocations(&cli, *count),
        #[cfg(target_os = "linux")]
        Work::Bound { clients, size, every_ms, seconds } => bound(&Bound {
            clients: *clients,
            size: *size,
            every: Duration::from_millis(*every_ms),
            lasts: Duration::from_secs(*seconds),
        }),
    };
    println!("{result}");
}

fn allocations(cli: &Cli, count: usize) -> serde_json::Value {
    let before = private_bytes(&cli.pid);
    let began = Instant::now();
    let clients: Vec<Client> =
        (0..count).map_while(|_| Client::allocate(cli.server, &cli.user, &cli.password).ok()).collect();
    let took = began.elapsed().as_secs_f64();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(process::rest(&cli.pid));
    let each = private_bytes(&cli.pid).saturating_sub(before) / clients.len().max(1) as u64;
    json!({"work": "allocations", "wanted": count, "held": clients.len(), "bytes_each": each, "per_second": clients.len() as f64 / took})
}

/// The kernel cuts what is written into packets of this size, and gives what came as runs in one
/// piece: as with a network card that does both, the cutting is not on the relay's bill.
fn in_runs(socket: &UdpSocket, size: usize) {
    let (segment, gro) = (103, 104);
    for (option, value) in [(segment, i32::try_from(size).unwrap()), (gro, 1)] {
        let length = u32::try_from(size_of::<i32>()).unwrap();
        // SAFETY: the option takes a pointer to an int of this size, which lives here.
        #[allow(unsafe_code)]
        let done = unsafe { libc::setsockopt(socket.as_raw_fd(), 17, option, (&raw const value).cast(), length) };
        assert_eq!(done, 0, "no GSO and GRO here");
    }
}

fn bursts(cli: &Cli, work: &Bursts) -> serde_json::Value {
    let mut pairs: Vec<(Client, UdpSocket, SocketAddr)> = Vec::new();
    for _ in 0..work.clients {
        let mut client = Client::allocate(cli.server, &cli.user, &cli.password).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.bind(0x4000, peer.local_addr().unwrap()).unwrap();
        let relayed = client.relayed;
        for socket in [client.socket(), &peer] {
            socket.set_nonblocking(true).unwrap();
        }
        if work.burst > 1 {
            in_runs(client.socket(), work.size + 4);
            in_runs(&peer, work.size);
        }
        pairs.push((client, peer, relayed));
    }
    let mut packet = vec![0x40, 0x00];
    packet.extend(u16::try_from(work.size).unwrap().to_be_bytes());
    packet.resize(work.size + 4, 7);
    let (up, down) = (packet.repeat(work.burst), vec![7; work.size * work.burst]);
    let (cpu, began) = (cpu_ns(&cli.pid), Instant::now());
    let (mut sent, mut got) = (0_u64, 0_u64);
    let total = (work.rate * work.seconds) as u64;
    let mut buffer = vec![0; 65_536];
    let take = |client: &Client, peer: &UdpSocket, buffer: &mut [u8]| {
        drain(client.socket(), work.size + 4, buffer) + drain(peer, work.size, buffer)
    };
    for round in 0..total {
        let at = began + Duration::from_secs_f64(round as f64 / work.rate);
        for (place, group) in pairs.chunks(work.together.max(1)).enumerate() {
            // Spread over the time of a round.
            let share = (place * work.together) as f64 / work.clients as f64;
            let at = at + Duration::from_secs_f64(share / work.rate);
            while Instant::now() < at {
                std::thread::sleep(Duration::from_micros(50));
            }
            for (client, peer, relayed) in group {
                sent += u64::from(client.socket().send(&up).is_ok()) * work.burst as u64;
                sent += u64::from(peer.send_to(&down, *relayed).is_ok()) * work.burst as u64;
            }
            got += group.iter().map(|(client, peer, _)| take(client, peer, &mut buffer)).sum::<u64>();
        }
    }
    let patience = Instant::now() + Duration::from_secs(2);
    while got < sent && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
        got += pairs.iter().map(|(client, peer, _)| take(client, peer, &mut buffer)).sum::<u64>();
    }
    let cpu = cpu_ns(&cli.pid) - cpu;
    json!({
        "work": "bursts", "clients": work.clients, "burst": work.burst, "size": work.size, "relayed": got,
        "loss": 1.0 - got as f64 / sent.max(1) as f64, "cpu_us_per_packet": cpu as f64 / 1e3 / got.max(1) as f64,
        "packets_per_second": got as f64 / began.elapsed().as_secs_f64(),
    })
}

/// How many packets of that size came.
fn drain(socket: &UdpSocket, size: usize, buffer: &mut [u8]) -> u64 {
    let mut count = 0;
    while let Ok(length) = socket.recv(buffer) {
        count += (length / size) as u64;
    }
    count
}
