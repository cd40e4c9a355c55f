//! The relay of this node (TURN), and what clients are told of it: `GET /v1/ice`, the answer of
//! `/v1/join` and LiveKit's join response carry the same ICE servers.

mod door;
mod set_up;

pub(crate) use door::answer as ice_for;
pub use door::routes;
pub use set_up::{RelayFault, secret, settings, tls};

use crate::config::Config;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde_json::{Value, json};
use std::net::IpAddr;
use tandem_net::turn::{TurnHandle, TurnStarted};
use tandem_turn::{Credentials, mint};

/// A relay in service.
pub struct Relay {
    /// The thread.
    pub handle: TurnHandle,
    port: u16,
    tls_port: Option<u16>,
    /// Mints credentials.
    secret: String,
    ttl: u64,
    /// Told instead of a name that means the visitor's own machine.
    address: IpAddr,
    /// The operator said where this node is reached.
    public: bool,
}

/// One entry of a list of ICE servers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // WebRTC's words
pub struct IceServer {
    pub urls: Vec<String>,
    pub username: String,
    pub credential: String,
}

impl IceServer {
    /// As browsers take it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        if self.username.is_empty() {
            return json!({"urls": self.urls});
        }
        json!({"urls": self.urls, "username": self.username, "credential": self.credential})
    }
}

/// Whom to ask for a path, and until when.
pub struct IceServers {
    /// The servers.
    pub servers: Vec<IceServer>,
    credentials: Credentials,
}

impl IceServers {
    /// As browsers take them.
    #[must_use]
    pub fn to_json(&self) -> Vec<Value> {
        self.servers.iter().map(IceServer::to_json).collect()
    }
}

impl Relay {
    /// A relay that was started with this secret.
    #[must_use]
    pub fn new(started: TurnStarted, secret: String, config: &Config, address: IpAddr) -> Self {
        Self {
            handle: started.handle,
            port: started.port,
            tls_port: started.tls_port,
            secret,
            ttl: u64::from(config.turn.ttl.max(60)),
            address,
            public: !config.public_ip.is_empty(),
        }
    }

    /// UDP and TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Servers for somebody who reached this node under the name in the headers.
    #[must_use]
    pub fn ice_servers(&self, user: &str, headers: &HeaderMap, now_unix: u64) -> IceServers {
        let name = host_of(headers);
        let near = name.as_deref().filter(|name| !self.public && !means_here(name));
        let host = near.map_or_else(|| literal(self.address), str::to_owned);
        // A certificate is for a name.
        let tls_host = name.unwrap_or_else(|| host.clone());
        let credentials = mint(&self.secret, user, now_unix, self.ttl);
        let port = self.port;
        let mut urls = vec![format!("turn:{host}:{port}?transport=udp"), format!("turn:{host}:{port}?transport=tcp")];
        urls.extend(self.tls_port.map(|port| format!("turns:{tls_host}:{port}?transport=tcp")));
        let stun =
            IceServer { urls: vec![format!("stun:{host}:{port}")], username: String::new(), credential: String::new() };
        let turn = IceServer { urls, username: credentials.username.clone(), credential: credentials.password.clone() };
        IceServers { servers: vec![stun, turn], credentials }
    }
}

/// The name without its port.
fn host_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(HOST)?.to_str().ok()?.trim();
    let name = match text.strip_prefix('[') {
        Some(rest) => format!("[{}]", rest.split(']').next()?),
        None => text.split(':').next()?.to_owned(),
    };
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']');
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

/// Not every browser sends media to these.
fn means_here(name: &str) -> bool {
    let ip: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
    name.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_without_their_ports() {
        let host = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, text.parse().unwrap());
            host_of(&headers)
        };
        assert_eq!(host("meet.example:7880").as_deref(), Some("meet.example"));
        assert_eq!(host("[2001:db8::1]:7880").as_deref(), Some("[2001:db8::1]"));
        assert_eq!(host("1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(host("a b"), None);
        assert!(means_here("LOCALHOST") && means_here("127.0.0.1") && means_here("[::1]") && !means_here("10.0.0.1"));
    }
}
