//! How often one address may join.

use axum::http::HeaderMap;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tandem_core::{Code, Reject};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered; when that many are active at once, new ones wait.
const ADDRESSES: usize = 16_384;

/// Counts joins per address in windows of a minute.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Gate {
    /// Lets an address through or not.
    ///
    /// # Errors
    /// It came too often, or too many others did.
    pub(crate) fn enter(&self, client: IpAddr, most: u32, now: Instant) -> Result<(), Reject> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES {
            seen.retain(|_, (start, _)| now.duration_since(*start) < WINDOW);
            if seen.len() >= ADDRESSES && !seen.contains_key(&client) {
                return Err(Reject::new(Code::Busy, "This server is busy; try again in a moment."));
            }
        }
        let (start, count) = seen.entry(client).or_insert((now, 0));
        if now.duration_since(*start) >= WINDOW {
            (*start, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count > most {
            return Err(Reject::new(Code::LimitExceeded, "Too many joins from here; try again in a minute."));
        }
        Ok(())
    }
}

/// Who asks. A proxy on this host says for whom; of IPv6 only the network counts, because one
/// household has as many addresses as it likes.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
    match last.filter(|_| peer.is_loopback()).unwrap_or(peer).to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_window_fills_and_empties() {
        let (gate, now) = (Gate::default(), Instant::now());
        let ana: IpAddr = "192.0.2.1".parse().unwrap();
        assert!((0..3).all(|_| gate.enter(ana, 3, now).is_ok()));
        assert_eq!(gate.enter(ana, 3, now).unwrap_err().code, Code::LimitExceeded);
        assert!(gate.enter("192.0.2.2".parse().unwrap(), 3, now).is_ok());
        assert!(gate.enter(ana, 3, now + WINDOW).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let (gate, now) = (Gate::default(), Instant::now());
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let bound = u32::try_from(ADDRESSES).unwrap();
        assert!((0..bound).all(|n| gate.enter(address(n), 9, now).is_ok()));
        assert_eq!(gate.enter(address(bound), 9, now).unwrap_err().code, Code::Busy);
        assert!(gate.enter(address(0), 9, now).is_ok());
        assert!(gate.enter(address(bound), 9, now + WINDOW).is_ok());
    }

    #[test]
    fn only_a_local_proxy_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("10.0.0.1, 192.0.2.7"));
        let client = |peer: &str| client(peer.parse().unwrap(), &headers).to_string();
        assert_eq!(client("::ffff:127.0.0.1"), "192.0.2.7");
        assert_eq!(client("198.51.100.1"), "198.51.100.1");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
