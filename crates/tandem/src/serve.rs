//! `tandem serve`: brings the parts up in order, says that it is ready, and takes them down.

use crate::cli::Serve;
use crate::signals::Stop;
use crate::{Failure, config, keys, logs, relay};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tandem_server::auth::Keys;
use tandem_server::channels::{self, Mail};
use tandem_server::config::{Config, unknown_environment};
use tandem_server::door::rendezvous;
use tandem_server::http::{self, Server};
use tandem_server::node::Node;
use tandem_server::parts::{Command, Notice};
use tandem_server::parts::{ShardOptions, Shards, Started, start_shards, tcp};
use tandem_server::relay::Relay;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Sessions have this long to end after a signal.
const DRAIN: Duration = Duration::from_secs(5);
/// Notices of rooms that may wait to be counted.
const NOTICES: usize = 1024;

/// Serves until a signal.
pub(crate) fn run(flags: &Serve) -> Result<(), Failure> {
    unknown_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let config = config::merged(flags)?;
    logs::start(&config.log, flags.log_level.is_some())?;
    allow_connections(config.limits.connections);
    let keys = keys::of_server(flags.keys.as_deref(), &config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(config, keys));
    runtime.shutdown_background();
    ended
}

/// Every connection is an open file. Asks the system for as many as it gives, and says so if that is
/// less than the settings want.
fn allow_connections(wanted: usize) {
    /// Files beside connections: logs, history, threads' own.
    const OTHERS: u64 = 256;
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHERS);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(allowed) if allowed < wanted => {
            info!(
                allowed,
                wanted,
                "the system allows fewer open files than limits.connections; raise it with ulimit -n or LimitNOFILE"
            );
        }
        Ok(_) => {}
        Err(error) => warn!(%error, "the number of open files could not be raised"),
    }
}

async fn serve(config: Config, keys: Keys) -> Result<(), Failure> {
    // Before the ready line: whoever reads it may send a signal at once.
    let mut stop = Stop::listen()?;
    let parts = Parts::start(&config, &keys).await?;
    let ready = parts.ready();
    if config.dev {
        banner(&config, &parts);
    }
    let Parts { http, media_tcp, shards, notices, relay, .. } = parts;
    let id = Node::new_id();
    let channels = channels::start(&config, &keys, &id).map_err(|error| Failure(error.to_string()))?;
    let node = Arc::new(Node::new(config, keys, shards.clone(), channels, id).with_relay(relay));
    tokio::spawn(count(Arc::clone(&node), notices));
    tokio::spawn(rendezvous::keep_time(Arc::clone(&node)));
    tokio::spawn(tcp::serve(media_tcp, shards));
    let server = Server::new(Arc::clone(&node));
    tokio::spawn(async move { server.run(http).await });
    config::print(&format!("{ready}\n"))?;
    info!(node = node.id(), "ready");
    stop.next().await;
    drain(&node, &mut stop).await;
    Ok(())
}

/// What listens.
struct Parts {
    http: TcpListener,
    http_address: SocketAddr,
    media_tcp: TcpListener,
    tcp_port: u16,
    shards: Shards,
    started: Started,
    notices: mpsc::Receiver<Notice>,
    relay: Option<Relay>,
}

impl Parts {
    async fn start(config: &Config, keys: &Keys) -> Result<Self, Failure> {
        let bind = config.bind_address();
        let http = http::listen(bind, config.port)
            .await
            .map_err(|error| taken("port", "--port", bind, config.port, &error))?;
        let http_address = http.local_addr()?;
        // Firefox reaches no loopback address with media, so a development node takes it on the
        // machine's own address too. What comes without credentials of a session is dropped.
        let media = if config.dev && config.bind.is_none() { Ipv4Addr::UNSPECIFIED.into() } else { bind };
        let (media_tcp, tcp_port) = tcp::listen(media, config.tcp_port)
            .await
            .map_err(|error| Failure(format!("{error}; choose another one with --tcp-port")))?;
        let (sender, notices) = mpsc::channel(NOTICES);
        let options = ShardOptions {
            bind: media,
            udp_port: config.udp_port,
            count: config.shard_count(),
            public_ips: config.public_ip.clone(),
            tcp_port: Some(tcp_port),
            limits: config.limits(),
            seed: rand::random(),
        };
        let (shards, started) = start_shards(&options, &sender)
            .map_err(|error| Failure(format!("{error}; choose another one with --udp-port")))?;
        info!(addresses = ?started.addresses, udp = ?started.udp_ports, tcp = tcp_port, "clients are told to send media here");
        let relay = relay::start(config, keys, media, (&started, tcp_port))?;
        Ok(Self { http, http_address, media_tcp, tcp_port, shards, started, notices, relay })
    }

    /// The line that says so.
    fn ready(&self) -> serde_json::Value {
        json!({
            "ready": true,
            "http": self.base_url(),
            "udp": self.started.udp_ports,
            "tcp": self.tcp_port,
            "turn": self.relay.as_ref().map(Relay::port),
        })
    }

    /// An address this machine can open, also when it listens on all.
    fn base_url(&self) -> String {
        let ip = match self.http_address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.http_address.port()))
    }
}

fn taken(what: &str, flag: &str, bind: IpAddr, port: u16, error: &std::io::Error) -> Failure {
    Failure(format!("cannot use {what} {port} on {bind}: {error}; choose another one with {flag}"))
}

fn banner(config: &Config, parts: &Parts) {
    let open = if config.bind_address().is_loopback() {
        "Only this machine can enter; media is taken on its network address too."
    } else {
        "EVERYBODY who can reach this machine can enter and change everything."
    };
    eprintln!(
        "\n  DEVELOPMENT MODE: everybody knows the keys (devkey, secret) and every room is open.\n  {open}\n\n  \
         Open {}\n",
        parts.base_url()
    );
}

/// Counts what happens in rooms, for as long as there are shards.
async fn count(node: Arc<Node>, mut notices: mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        node.metrics.noticed(&notice);
    }
}

/// Refuses newcomers, tells everyone to come back elsewhere, and waits until they are gone.
async fn drain(node: &Node, stop: &mut Stop) {
    info!("draining: new joins are refused; a second signal ends at once");
    let mut connections = node.metrics.connections();
    node.start_draining();
    if let Some(relay) = &node.relay {
        relay.handle.drain();
    }
    for handle in node.channels.loops() {
        handle.push(Mail::Drain);
    }
    let gone = async {
        for shard in node.shards.all() {
            if let Err(error) = shard.call(Command::Drain).await {
                warn!(%error, "a shard could not be drained");
            }
        }
        connections.wait_for(|open| *open == 0).await.is_ok()
    };
    tokio::select! {
        _ = gone => info!("every connection has ended"),
        () = tokio::time::sleep(DRAIN) => warn!(open = *node.metrics.connections().borrow(), "some connections did not end"),
        () = stop.next() => warn!("second signal"),
    }
    if let Some(store) = node.channels.store() {
        store.close();
    }
}
