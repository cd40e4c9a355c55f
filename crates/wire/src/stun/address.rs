//! Addresses, hidden from boxes that rewrite what looks like one (RFC 8489 §14.2).

use super::{MAGIC_COOKIE, TransactionId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Reads the value of an XOR-…-ADDRESS.
pub(super) fn read(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let [_, family, p0, p1, rest @ ..] = value else { return None };
    let port = u16::from_be_bytes([p0 ^ MAGIC_COOKIE[0], p1 ^ MAGIC_COOKIE[1]]);
    let ip = match (*family, rest.len()) {
        (IPV4, 4) => {
            let mut octets = [0; 4];
            xor(rest, id, &mut octets);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        (IPV6, 16) => {
            let mut octets = [0; 16];
            xor(rest, id, &mut octets);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes one.
pub(super) fn write(address: SocketAddr, id: &TransactionId, out: &mut Vec<u8>) {
    let [p0, p1] = address.port().to_be_bytes();
    let port = [p0 ^ MAGIC_COOKIE[0], p1 ^ MAGIC_COOKIE[1]];
    match address.ip() {
        IpAddr::V4(ip) => {
            let mut octets = [0; 4];
            xor(&ip.octets(), id, &mut octets);
            out.extend_from_slice(&[0, IPV4, port[0], port[1]]);
            out.extend_from_slice(&octets);
        }
        IpAddr::V6(ip) => {
            let mut octets = [0; 16];
            xor(&ip.octets(), id, &mut octets);
            out.extend_from_slice(&[0, IPV6, port[0], port[1]]);
            out.extend_from_slice(&octets);
        }
    }
}

/// With the cookie and the transaction id, as far as it goes.
fn xor(from: &[u8], id: &TransactionId, to: &mut [u8]) {
    for ((to, from), key) in to.iter_mut().zip(from).zip(MAGIC_COOKIE.iter().chain(&id.0)) {
        *to = from ^ key;
    }
}
