//! Whom a relay may reach. A relay inside a network is a door into it, so everything that is not
//! the internet is closed unless the operator opens it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Why a peer is refused; a closed set, for counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Refused {
    Loopback,
    Private,
    LinkLocal,
    Multicast,
    Reserved,
    /// Of the operator's own list.
    Listed,
    /// A port that no media uses.
    Port,
    /// The node itself, under an address of its own.
    Own,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Loopback,
        Self::Private,
        Self::LinkLocal,
        Self::Multicast,
        Self::Reserved,
        Self::Listed,
        Self::Port,
        Self::Own,
    ];

    /// For labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link_local",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Listed => "listed",
            Self::Port => "port",
            Self::Own => "own",
        }
    }
}

/// An address and how many of its bits count: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network; write it like 10.0.0.0/8 or fd00::/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

/// Which peers are refused.
#[derive(Debug, Clone, Default)]
pub struct PeerPolicy {
    /// Loopback and private networks may be reached. For tests and networks of one's own.
    pub allow_private: bool,
    /// May be reached whatever else holds.
    pub allow: Vec<Network>,
    /// May not, whatever else holds but `allow`.
    pub deny: Vec<Network>,
    /// Ports that may not.
    pub deny_ports: Vec<u16>,
}

impl PeerPolicy {
    /// Whether an address may be reached, however it is spelt.
    ///
    /// # Errors
    /// Why not.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), Refused> {
        // Spellings that carry an IPv4 address lead to it, so the address inside must pass as well.
        let inside = embedded(ip);
        let all = [Some(ip), inside.map(IpAddr::V4)];
        for ip in all.into_iter().flatten() {
            if self.allow.iter().any(|network| network.contains(ip)) {
                continue;
            }
            if self.deny.iter().any(|network| network.contains(ip)) {
                return Err(Refused::Listed);
            }
            match class_of(ip) {
                Some(Refused::Loopback | Refused::Private) if self.allow_private => {}
                Some(why) => return Err(why),
                None => {}
            }
        }
        Ok(())
    }

    /// The same for an address with its port.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, peer: SocketAddr) -> Result<(), Refused> {
        if peer.port() == 0 || self.deny_ports.contains(&peer.port()) {
            return Err(Refused::Port);
        }
        self.check_ip(peer.ip())
    }
}

/// The IPv4 address that an IPv6 address carries: mapped, compatible, NAT64 (RFC 6052, RFC 8215),
/// 6to4 (RFC 3056), Teredo (RFC 4380, the client's, which is stored inverted).
pub(crate) fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let bits = ip.to_bits();
    let v4 = |shift: u32| Some(Ipv4Addr::from_bits(u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or_default()));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => v4(0),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(0),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => v4(0),
        [0x2002, ..] => v4(80),
        [0x2001, 0, ..] => v4(0).map(|inverted| Ipv4Addr::from_bits(!inverted.to_bits())),
        _ => None,
    }
}

fn class_of(ip: IpAddr) -> Option<Refused> {
    match ip {
        IpAddr::V4(ip) => class_of_v4(ip),
        IpAddr::V6(ip) => class_of_v6(ip),
    }
}

fn class_of_v4(ip: Ipv4Addr) -> Option<Refused> {
    match ip.octets() {
        // The unspecified address reaches this machine.
        [0 | 127, ..] => Some(Refused::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Some(Refused::Private),
        // Cloud metadata lives there.
        [169, 254, ..] => Some(Refused::LinkLocal),
        [224..=239, ..] => Some(Refused::Multicast),
        [240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(Refused::Reserved),
        _ => None,
    }
}

fn class_of_v6(ip: Ipv6Addr) -> Option<Refused> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Some(Refused::Loopback),
        // What these carry is looked at by itself.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => None,
        [0xfc00..=0xfdff, ..] => Some(Refused::Private),
        [0xfe80..=0xfeff, ..] => Some(Refused::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Refused::Multicast),
        // A network's own NAT64 leads into that network.
        [0x64, 0xff9b, 1, ..] => Some(Refused::Private),
        [0x2001, 0x0db8, ..] | [0x2001, 0, ..] | [0x3fff, 0..=0x0fff, ..] => Some(Refused::Reserved),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Refused::Reserved),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_way_in_is_closed() {
        for (ip, why) in [
            ("127.0.0.1", Refused::Loopback),
            ("127.255.255.254", Refused::Loopback),
            ("0.0.0.0", Refused::Loopback),
            ("0.1.2.3", Refused::Loopback),
            ("10.0.0.1", Refused::Private),
            ("172.16.0.1", Refused::Private),
            ("172.31.255.255", Refused::Private),
            ("192.168.1.1", Refused::Private),
            ("100.64.0.1", Refused::Private),
            ("169.254.169.254", Refused::LinkLocal),
            ("224.0.0.1", Refused::Multicast),
            ("239.255.255.255", Refused::Multicast),
            ("240.0.0.1", Refused::Reserved),
            ("255.255.255.255", Refused::Reserved),
            ("192.0.0.1", Refused::Reserved),
            ("192.0.2.1", Refused::Reserved),
            ("192.88.99.1", Refused::Reserved),
            ("198.18.0.1", Refused::Reserved),
            ("198.51.100.1", Refused::Reserved),
            ("203.0.113.1", Refused::Reserved),
            ("::", Refused::Loopback),
            ("::1", Refused::Loopback),
            ("::ffff:127.0.0.1", Refused::Loopback),
            ("::ffff:10.1.2.3", Refused::Private),
            ("::ffff:0.0.0.0", Refused::Loopback),
            ("::ffff:169.254.169.254", Refused::LinkLocal),
            ("::127.0.0.1", Refused::Loopback),
            ("::10.0.0.1", Refused::Private),
            ("64:ff9b::127.0.0.1", Refused::Loopback),
            ("64:ff9b::a9fe:a9fe", Refused::LinkLocal),
            ("64:ff9b:1::8.8.8.8", Refused::Private),
            ("2002:7f00:1::", Refused::Loopback),
            ("2002:a00:1::1", Refused::Private),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Refused::Reserved),
            ("2001:db8::1", Refused::Reserved),
            ("100::1", Refused::Reserved),
            ("fc00::1", Refused::Private),
            ("fdff::1", Refused::Private),
            ("fe80::1", Refused::LinkLocal),
            ("fec0::1", Refused::LinkLocal),
            ("ff02::1", Refused::Multicast),
        ] {
            assert_eq!(PeerPolicy::default().check_ip(ip.parse().unwrap()), Err(why), "{ip}");
        }
    }

    #[test]
    fn the_internet_is_open() {
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2606:4700::1",
            "2002:808:808::1",
        ] {
            assert_eq!(PeerPolicy::default().check_ip(ip.parse().unwrap()), Ok(()), "{ip}");
        }
    }

    #[test]
    fn operators_decide() {
        let networks = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<Network>>();
        let policy = PeerPolicy {
            allow: networks(&["10.1.0.0/16", "fd00:1::/32"]),
            deny: networks(&["8.8.0.0/16", "2606:4700::/32", "10.1.0.0/16"]),
            deny_ports: vec![25],
            ..PeerPolicy::default()
        };
        let check = |text: &str| policy.check(text.parse().unwrap());
        assert_eq!(check("10.1.2.3:5000"), Ok(()));
        assert_eq!(check("[fd00:1::2]:5000"), Ok(()));
        assert_eq!(check("10.2.0.1:5000"), Err(Refused::Private));
        assert_eq!(check("8.8.1.1:5000"), Err(Refused::Listed));
        assert_eq!(check("[::ffff:8.8.1.1]:5000"), Err(Refused::Listed));
        assert_eq!(check("9.9.9.9:25"), Err(Refused::Port));
        assert_eq!(check("9.9.9.9:0"), Err(Refused::Port));
        let private = PeerPolicy { allow_private: true, ..PeerPolicy::default() };
        assert_eq!(private.check_ip("127.0.0.1".parse().unwrap()), Ok(()));
        assert_eq!(private.check_ip("169.254.169.254".parse().unwrap()), Err(Refused::LinkLocal));
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "x".parse::<Network>().is_err());
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("1.2.3.4".parse().unwrap()));
    }
}
