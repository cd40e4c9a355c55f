//! Bringing the relay up.

use super::relays::{Place, RelaySockets};
use super::run::{Accepting, FIXED_TOKENS, Loop, STREAMS, WAKER};
use super::socket::{Buffers, Datagrams, Sender};
use super::streams::Streams;
use super::{COMMANDS, TurnHandle};
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tandem_turn::{Outputs, Server, Settings, Stats};

/// Kernel buffers of a listener; the kernel caps them.
const LISTENER_BUFFER: usize = 4 * 1024 * 1024;
/// Free ports tried until one is free for both UDP and TCP.
const TRIES: usize = 32;

/// Where relay sockets are.
#[derive(Debug, Clone, Copy)]
pub struct RelayAddress {
    /// They bind here; may be the unspecified address.
    pub bind: IpAddr,
    /// Peers are told this one.
    pub told: IpAddr,
}

/// How the relay is set up.
pub struct TurnOptions {
    /// Addresses to listen on; the first must work, others are taken if they do.
    pub listen: Vec<IpAddr>,
    /// UDP and TCP; 0 takes a free port.
    pub port: u16,
    /// TLS; 0 takes a free port.
    pub tls: Option<(u16, Arc<ServerConfig>)>,
    /// At most one of each family.
    pub relays: Vec<RelayAddress>,
    /// Ports of relay sockets.
    pub relay_ports: RangeInclusive<u16>,
    /// Addresses of this node that may be reached whatever the policy says.
    pub own: Vec<SocketAddr>,
    /// Of the protocol.
    pub settings: Settings,
}

/// What came up.
pub struct TurnStarted {
    /// UDP and TCP.
    pub port: u16,
    /// TLS.
    pub tls_port: Option<u16>,
    /// The relay.
    pub handle: TurnHandle,
}

/// The relay cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {what} port {port} on {ip}: {error}")]
pub struct TurnError {
    what: &'static str,
    port: u16,
    ip: IpAddr,
    error: io::Error,
}

/// Starts the relay on a thread of its own.
///
/// # Errors
/// A port is taken or the address is not ours; the error names it.
pub fn start(options: TurnOptions) -> Result<TurnStarted, TurnError> {
    let first = options.listen.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let (udp, tcp, port) = both(first, options.port)?;
    let failed = |error| TurnError { what: "TURN", port, ip: first, error };
    let mut sockets = Listening { udp: vec![udp], accepting: vec![Accepting { io: tcp, tls: None }] };
    for ip in options.listen.iter().skip(1) {
        let address = SocketAddr::new(*ip, port);
        // Not every machine has both families.
        sockets.udp.extend(Datagrams::bind(address, LISTENER_BUFFER).ok());
        sockets.accepting.extend(TcpListener::bind(address).ok().map(|io| Accepting { io, tls: None }));
    }
    let tls_port = match &options.tls {
        Some((port, config)) => Some(sockets.listen_tls(first, *port, config)?),
        None => None,
    };
    let handle = spawn(options, sockets).map_err(failed)?;
    Ok(TurnStarted { port, tls_port, handle })
}

struct Listening {
    udp: Vec<Datagrams>,
    accepting: Vec<Accepting>,
}

impl Listening {
    fn listen_tls(&mut self, ip: IpAddr, port: u16, config: &Arc<ServerConfig>) -> Result<u16, TurnError> {
        let failed = |error| TurnError { what: "TURN/TLS", port, ip, error };
        let io = TcpListener::bind(SocketAddr::new(ip, port)).map_err(failed)?;
        let port = io.local_addr().map_err(failed)?.port();
        self.accepting.push(Accepting { io, tls: Some(Arc::clone(config)) });
        Ok(port)
    }
}

/// One port for UDP and TCP.
fn both(ip: IpAddr, port: u16) -> Result<(Datagrams, TcpListener, u16), TurnError> {
    let failed = |what, error| TurnError { what, port, ip, error };
    for _ in 0..TRIES {
        let udp = Datagrams::bind(SocketAddr::new(ip, port), LISTENER_BUFFER).map_err(|e| failed("TURN/UDP", e))?;
        let taken = udp.local().map_err(|e| failed("TURN/UDP", e))?.port();
        match TcpListener::bind(SocketAddr::new(ip, taken)) {
            Ok(tcp) => return Ok((udp, tcp, taken)),
            Err(_) if port == 0 => {}
            Err(error) => return Err(failed("TURN/TCP", error)),
        }
    }
    Err(failed("TURN", io::ErrorKind::AddrInUse.into()))
}

/// Every address this node has or is reached at.
fn node_addresses(listen: &[IpAddr], relays: &[RelayAddress], own: &[SocketAddr]) -> Vec<IpAddr> {
    let mut all = listen.to_vec();
    all.extend(if_addrs::get_if_addrs().into_iter().flatten().map(|interface| interface.ip()));
    all.extend(relays.iter().flat_map(|relay| [relay.bind, relay.told]));
    all.extend(own.iter().map(SocketAddr::ip));
    all
}

fn spawn(options: TurnOptions, mut sockets: Listening) -> io::Result<TurnHandle> {
    let poll = Poll::new()?;
    let registry = || poll.registry().try_clone();
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    for (place, socket) in sockets.udp.iter().enumerate() {
        poll.registry().register(&mut SourceFd(&socket.fd()), Token(FIXED_TOKENS + place), Interest::READABLE)?;
    }
    let first_accepting = FIXED_TOKENS + sockets.udp.len();
    for (place, accepting) in sockets.accepting.iter_mut().enumerate() {
        poll.registry().register(&mut accepting.io, Token(first_accepting + place), Interest::READABLE)?;
    }
    let first_relay = first_accepting + sockets.accepting.len();
    let place = |v4: bool| {
        let found = options.relays.iter().find(|relay| relay.told.is_ipv4() == v4);
        found.map(|relay| Place { bind: relay.bind, told: relay.told })
    };
    let relays = RelaySockets {
        registry: registry()?,
        first_token: first_relay,
        v4: place(true),
        v6: place(false),
        ports: options.relay_ports,
        open: Vec::new(),
        free: Vec::new(),
        closed: Vec::new(),
    };
    let now = Instant::now();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut server = Server::new(options.settings, &rand::random(), now, unix.as_secs());
    server.is_at(node_addresses(&options.listen, &options.relays, &options.own));
    server.allow_own(options.own);
    let (sender, commands) = mpsc::sync_channel(COMMANDS);
    let stats = Arc::new(Mutex::new(Stats::default()));
    let streams = Streams::new(registry()?, STREAMS);
    let handle = TurnHandle { commands: sender, waker, stats: Arc::clone(&stats) };
    // What the kernel's calls need is made by the thread that makes them.
    let relay = move || Loop {
        poll,
        server,
        udp: sockets.udp,
        accepting: sockets.accepting,
        relays,
        streams,
        commands,
        stats,
        buffers: Buffers::new(),
        sender: Sender::new(),
        bytes: vec![0; 64 * 1024],
        outputs: Outputs::default(),
        refused: 0,
        first_accepting,
        first_relay,
        again: super::again::Again::default(),
        swept: now,
        told: now,
        untold: true,
    };
    std::thread::Builder::new().name("relay".to_owned()).spawn(move || relay().run())?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_addresses() {
        let found = node_addresses(&[], &[], &[]);
        assert!(found.iter().any(IpAddr::is_loopback), "{found:?}");
        if let Some(out) = crate::outward_address() {
            assert!(found.contains(&out), "{out} is none of {found:?}");
        }
    }
}
