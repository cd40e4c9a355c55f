//! Bringing the shards of a node up.

use crate::mailbox::{ShardHandle, Shards};
use crate::shard_loop::{Published, ShardLoop};
use crate::udp::{LoopStats, Socket};
use mio::{Poll, Token, Waker};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tandem_core::{Limits, Notice};
use tandem_media::{Shard, ShardConfig, ShardStats, TxBatch};
use tokio::sync::mpsc;

const SOCKET: Token = Token(0);
const MAILBOX: Token = Token(1);

/// How the shards of a node are set up.
#[derive(Debug, Clone)]
pub struct ShardOptions {
    /// Address the UDP sockets bind to.
    pub bind: IpAddr,
    /// Port of the first shard; the next take the following ports. 0 takes free ports.
    pub udp_port: u16,
    /// How many shards, at least one.
    pub count: usize,
    /// Addresses clients reach the node at; empty to find them out.
    pub public_ips: Vec<IpAddr>,
    /// ICE-TCP port to offer, if one listens.
    pub tcp_port: Option<u16>,
    /// Bounds of rooms.
    pub limits: Limits,
    /// Seed for ids, from the system's randomness.
    pub seed: u64,
}

/// What came up.
#[derive(Debug, Clone)]
pub struct Started {
    /// UDP ports, one per shard.
    pub udp_ports: Vec<u16>,
    /// Addresses offered to clients.
    pub addresses: Vec<IpAddr>,
}

/// Starts every shard on its own thread.
///
/// # Errors
/// A port is taken or the address is not ours; the error names it.
pub fn start_shards(options: &ShardOptions, notices: &mpsc::Sender<Notice>) -> io::Result<(Shards, Started)> {
    let certificate = Shard::certificate().map_err(io::Error::other)?;
    let addresses = public_addresses(options);
    let mut handles = Vec::new();
    let mut published = Vec::new();
    let mut udp_ports = Vec::new();
    for index in 0..options.count.max(1) {
        let step = u16::try_from(index).unwrap_or(u16::MAX);
        let port = if options.udp_port == 0 { 0 } else { options.udp_port.saturating_add(step) };
        let socket = Socket::bind(options.bind, port)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot use UDP port {port} on {}: {e}", options.bind)))?;
        let port = socket.local().port();
        udp_ports.push(port);
        let now = Instant::now();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let config = ShardConfig {
            udp: addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
            tcp: options.tcp_port.iter().flat_map(|p| addresses.iter().map(|ip| SocketAddr::new(*ip, *p))).collect(),
            certificate: certificate.clone(),
            limits: options.limits.clone(),
            seed: options.seed.wrapping_add(u64::from(step)).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            unix_ms: u64::try_from(unix.as_millis()).unwrap_or(0),
        };
        let poll = Poll::new()?;
        socket.register(poll.registry(), SOCKET)?;
        let waker = Arc::new(Waker::new(poll.registry(), MAILBOX)?);
        let (handle, mailbox) = ShardHandle::new(waker);
        let values: Published = Arc::new(Mutex::new((ShardStats::default(), LoopStats::default())));
        published.push(Arc::clone(&values));
        let shard_loop = ShardLoop {
            shard: Shard::new(config, now),
            socket,
            mailbox,
            poll,
            notices: notices.clone(),
            published: values,
            outboxes: HashMap::new(),
            tcp: HashMap::new(),
            batch: TxBatch::new(),
            stats: LoopStats::default(),
            published_at: now,
        };
        std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || shard_loop.run())?;
        handles.push(handle);
    }
    Ok((Shards::new(handles, published), Started { udp_ports, addresses }))
}

/// The configured addresses; else the bound one; else, bound to everything, the address this host
/// reaches the network from, and loopback for clients on the host itself.
fn public_addresses(options: &ShardOptions) -> Vec<IpAddr> {
    if !options.public_ips.is_empty() {
        return options.public_ips.clone();
    }
    if !options.bind.is_unspecified() {
        return vec![options.bind];
    }
    let mut found: Vec<IpAddr> = outward_address().into_iter().collect();
    found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    found
}

/// The source address the kernel would use towards the internet. Connecting a UDP socket sends
/// nothing.
#[must_use]
pub fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}
