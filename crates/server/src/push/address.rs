//! Nothing a visitor names may make this node talk to its own network.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use tandem_turn::PeerPolicy;

/// Whether an endpoint is a push service out there. In development this machine will do. Asks the
/// system's resolver and waits for it.
pub(super) fn is_public(endpoint: &str, dev: bool) -> bool {
    let Ok(url) = reqwest::Url::parse(endpoint) else { return false };
    if !matches!(url.scheme(), "https" | "http") {
        return false;
    }
    let Some(host) = url.host_str() else { return false };
    let port = url.port_or_known_default().unwrap_or(443);
    let Ok(addresses) = (host.trim_matches(['[', ']']), port).to_socket_addrs() else { return false };
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    if dev && !addresses.is_empty() && addresses.iter().all(|ip| ip.to_canonical().is_loopback()) {
        return true;
    }
    url.scheme() == "https" && !addresses.is_empty() && addresses.into_iter().all(is_global)
}

/// Resolves names anew for each message, and to nothing inside: a name that led out when it was
/// left here may lead elsewhere by now.
pub(super) struct Outward {
    pub(super) dev: bool,
}

impl Resolve for Outward {
    fn resolve(&self, name: Name) -> Resolving {
        let dev = self.dev;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let out: Vec<SocketAddr> = found.filter(|address| may_reach(address.ip(), dev)).collect();
            if out.is_empty() {
                return Err("the name leads to no address on the internet".into());
            }
            Ok(Box::new(out.into_iter()) as Addrs)
        })
    }
}

fn may_reach(ip: IpAddr, dev: bool) -> bool {
    is_global(ip) || (dev && ip.to_canonical().is_loopback())
}

/// The relay's rules for peers hold here too: everything that is not the internet is closed.
fn is_global(ip: IpAddr) -> bool {
    PeerPolicy::default().check_ip(ip).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_inside_are_refused() {
        for endpoint in [
            "https://127.0.0.1/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[fd00::1]/x",
            "https://[64:ff9b::a00:1]/x",
            "https://[2002:a00:1::]/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://100.64.0.1/x",
            "http://8.8.8.8/x",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(!is_public(endpoint, false), "{endpoint}");
        }
        assert!(is_public("https://8.8.8.8/x", false));
        assert!(is_public("https://[2606:4700::1]/x", false));
        assert!(is_public("http://127.0.0.1:1/x", true));
        assert!(!is_public("http://10.0.0.1/x", true));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_followed() {
        let ask = |dev: bool| Outward { dev }.resolve("localhost".parse().unwrap());
        assert!(ask(false).await.is_err());
        assert!(ask(true).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
