//! The machine a node runs on.

use super::Finding;
use crate::config::Config;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Kernel buffers that sockets ask for, bytes.
const BUFFER: u64 = 4 * 1024 * 1024;
/// No clock that is right shows an earlier year: 2025.
const EARLIEST: u64 = 1_735_689_600;

/// Looks at everything a node with these settings needs here. Listens for a moment where it would.
#[must_use]
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut all = ports(config);
    all.extend([buffers(), segmentation(), files(config), data(config), address(config), clock()]);
    all.extend(certificate(config));
    all
}

fn ports(config: &Config) -> Vec<Finding> {
    let ip = config.bind_address();
    let mut all = vec![
        port("port-http", "HTTP", ip, config.port, "--port", Kind::Tcp),
        port("port-media-udp", "media over UDP", ip, config.udp_port, "--udp-port", Kind::Udp),
        port("port-media-tcp", "media over TCP", ip, config.tcp_port, "--tcp-port", Kind::Tcp),
    ];
    if config.turn.enabled {
        all.push(port("port-turn-udp", "the relay over UDP", ip, config.turn_port, "--turn-port", Kind::Udp));
        all.push(port("port-turn-tcp", "the relay over TCP", ip, config.turn_port, "--turn-port", Kind::Tcp));
    }
    // A node that runs has its ports, all of them.
    if is_tandem(ip, config.port) {
        all.retain(|finding| finding.state == super::State::Good);
        all.push(Finding::good("running", format!("a Tandem runs here already, on port {}", config.port)));
    }
    all
}

#[derive(Clone, Copy)]
enum Kind {
    Tcp,
    Udp,
}

fn port(name: &'static str, what: &str, ip: IpAddr, port: u16, flag: &str, kind: Kind) -> Finding {
    let (protocol, bound) = match kind {
        Kind::Tcp => ("tcp", TcpListener::bind((ip, port)).map(drop)),
        Kind::Udp => ("udp", UdpSocket::bind((ip, port)).map(drop)),
    };
    match bound {
        Ok(()) => Finding::good(name, format!("port {port}/{protocol} is free for {what}")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::bad(
            name,
            format!(
                "port {port}/{protocol} for {what} is taken by another program; stop it, or choose another with {flag}"
            ),
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Finding::bad(
            name,
            format!("port {port}/{protocol} for {what} needs more rights; choose one above 1023 with {flag}"),
        ),
        Err(error) => {
            Finding::bad(name, format!("port {port}/{protocol} for {what} cannot be used on {ip}: {error}; see --bind"))
        }
    }
}

/// Whether what listens there answers as a node does.
fn is_tandem(ip: IpAddr, port: u16) -> bool {
    use std::io::Read;
    let ip = if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip };
    let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::new(ip, port), Duration::from_millis(500)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let read = stream.take(64 * 1024).read_to_end(&mut answer);
    asked.is_ok() && (read.is_ok() || !answer.is_empty()) && String::from_utf8_lossy(&answer).contains("tandem_")
}

fn buffers() -> Finding {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?.trim().parse::<u64>().ok();
    match (read("rmem_max"), read("wmem_max")) {
        (Some(receive), Some(send)) if receive.min(send) < BUFFER => Finding::weak(
            "udp-buffers",
            format!(
                "the kernel gives UDP sockets {receive} and {send} bytes of buffer; bursts get lost above some hundred viewers: sysctl -w net.core.rmem_max={BUFFER} net.core.wmem_max={BUFFER}"
            ),
        ),
        (Some(_), Some(_)) => Finding::good("udp-buffers", "UDP sockets get all the buffer they want"),
        _ => Finding::weak("udp-buffers", "the kernel does not say how much buffer UDP sockets get"),
    }
}

fn segmentation() -> Finding {
    match tandem_net::segments_per_send() {
        Some(count) if count > 1 => {
            Finding::good("gso", format!("the kernel sends {count} packets with one call (GSO)"))
        }
        Some(_) => Finding::weak(
            "gso",
            "the kernel sends packets one by one (no GSO); a newer one needs a fraction of the processor",
        ),
        None => Finding::bad("gso", "no UDP socket can be opened"),
    }
}

fn files(config: &Config) -> Finding {
    let wanted = config.limits.connections as u64 + 256;
    match rlimit::Resource::NOFILE.get() {
        Ok((_, hard)) if hard < wanted => Finding::weak(
            "open-files",
            format!(
                "the system allows {hard} open files, limits.connections wants {wanted}; raise it with LimitNOFILE or ulimit -n"
            ),
        ),
        Ok(_) => Finding::good("open-files", "there are files enough for all connections"),
        Err(error) => {
            Finding::weak("open-files", format!("the system does not say how many files may be open: {error}"))
        }
    }
}

fn data(config: &Config) -> Finding {
    let place = config.data.display();
    let probe = config.data.join(".doctor");
    let written = std::fs::create_dir_all(&config.data).and_then(|()| std::fs::write(&probe, b"x"));
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Finding::good("data", format!("{place} can be written")),
        Err(error) => Finding::bad(
            "data",
            format!("{place} cannot be written: {error}; give this user the rights, or choose another with --data"),
        ),
    }
}

fn address(config: &Config) -> Finding {
    if let Some(ip) = config.public_ip.first() {
        return Finding::good("public-address", format!("clients are told to come to {ip}"));
    }
    if config.bind_address().is_loopback() {
        return Finding::weak(
            "public-address",
            "the node listens for this machine only; --bind 0.0.0.0 lets others in",
        );
    }
    match tandem_net::outward_address() {
        Some(IpAddr::V4(ip)) if ip.is_private() || (ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1])) => {
            Finding::weak(
                "public-address",
                format!(
                    "this machine's address {ip} is private: others reach it only inside its network; set public_ip to the address that leads here"
                ),
            )
        }
        Some(ip) => Finding::good("public-address", format!("clients are told to come to {ip}")),
        None => Finding::weak(
            "public-address",
            "this machine has no way out; set public_ip to the address clients reach it at",
        ),
    }
}

fn clock() -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if now < EARLIEST {
        return Finding::bad(
            "clock",
            "the clock of this machine is years behind: no token is valid then; set it, or start NTP",
        );
    }
    Finding::good("clock", "the clock shows a likely time")
}

fn certificate(config: &Config) -> Vec<Finding> {
    match crate::relay::tls(config) {
        Ok(Some(_)) => vec![Finding::good("certificate", "certificate and key can be read and belong together")],
        Ok(None) if config.tls.certificate.is_some() || config.tls.key.is_some() => {
            vec![Finding::bad("certificate", "tls.certificate and tls.key must both be set")]
        }
        Ok(None) => vec![Finding::weak(
            "certificate",
            "there is no certificate: the relay has no TLS, which is what strict firewalls let through; set tls.certificate and tls.key",
        )],
        Err(fault) => vec![Finding::bad("certificate", fault.to_string())],
    }
}
