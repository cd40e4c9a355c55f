//! Permissions and channels (RFC 8656 §10 and §12), and whom they may be for.

use super::Server;
use super::answer::{Asked, Failure};
use super::data::CHANNELS;
use crate::credentials::Key;
use crate::output::Outputs;
use crate::policy::{Refused, embedded};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use tandem_wire::stun::{Class, Message, attribute};

/// The address itself, whatever way it is spelt.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Server {
    /// Whether packets may be sent there.
    pub(super) fn may_reach(&mut self, peer: SocketAddr) -> Result<(), Refused> {
        if self.relayed.contains_key(&peer) || self.own.contains(&peer) {
            return Ok(());
        }
        let checked = self.settings.policy.check(peer).and_then(|()| self.elsewhere(peer.ip()));
        self.counted(checked)
    }

    /// Whether packets from there may be let in. Permissions are for all ports of an address, so
    /// one of ours may be permitted; what is sent there is looked at with its port.
    fn may_permit(&mut self, ip: IpAddr) -> Result<(), Refused> {
        let checked = self.settings.policy.check_ip(ip).and_then(|()| self.elsewhere(ip));
        let ours = || self.own.iter().chain(self.relayed.keys()).any(|address| address.ip() == ip);
        if checked.is_ok() || ours() {
            return Ok(());
        }
        self.counted(checked)
    }

    /// Refuses this node's own addresses, however they are spelt: what listens there may trust whoever
    /// is on the machine, and the relay is. Tests have all on one machine, so they lift that as well.
    fn elsewhere(&self, ip: IpAddr) -> Result<(), Refused> {
        let inside = || embedded(ip).is_some_and(|ip| self.here.contains(&IpAddr::V4(ip)));
        let here = !self.settings.policy.allow_private && (self.here.contains(&ip) || inside());
        if here { Err(Refused::Own) } else { Ok(()) }
    }

    fn counted(&mut self, checked: Result<(), Refused>) -> Result<(), Refused> {
        if let Err(why) = checked {
            self.stats.refuse(why);
        }
        checked
    }

    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        asked: &Asked,
        message: &Message<'_>,
        (index, key): (usize, &Key),
        outputs: &mut Outputs,
    ) {
        let done = self.permit_all(now, index, message);
        self.answer(asked, key, done, outputs);
    }

    fn answer(&mut self, asked: &Asked, key: &Key, done: Result<(), Failure>, outputs: &mut Outputs) {
        match done {
            Ok(()) => asked.answer(Class::Success, Some(key), outputs, |builder| builder),
            Err(failure) => self.fail(asked, Some(key), failure, outputs),
        }
    }

    /// All or none.
    fn permit_all(&mut self, now: Instant, index: usize, message: &Message<'_>) -> Result<(), Failure> {
        let peers: Option<Vec<SocketAddr>> = message.addresses(attribute::XOR_PEER_ADDRESS).collect();
        let ips: Vec<IpAddr> =
            peers.ok_or(Failure::BAD_REQUEST)?.into_iter().map(|peer| canonical(peer).ip()).collect();
        if ips.is_empty() {
            return Err(Failure::BAD_REQUEST);
        }
        for ip in &ips {
            self.may_permit(*ip).map_err(|_| Failure::FORBIDDEN)?;
        }
        let most = self.settings.permissions;
        let allocation = self.at_mut(index).ok_or(Failure::MISMATCH)?;
        if ips.iter().any(|ip| allocation.relay_for(*ip).is_none()) {
            return Err(Failure::PEER_FAMILY);
        }
        if !allocation.has_room_for(&ips, most, now) {
            return Err(Failure::CAPACITY);
        }
        for ip in ips {
            allocation.permit(ip, most, now).map_err(|_| Failure::CAPACITY)?;
        }
        Ok(())
    }

    pub(super) fn channel_bind(
        &mut self,
        now: Instant,
        asked: &Asked,
        message: &Message<'_>,
        (index, key): (usize, &Key),
        outputs: &mut Outputs,
    ) {
        let done = self.bind(now, index, message);
        self.answer(asked, key, done, outputs);
    }

    fn bind(&mut self, now: Instant, index: usize, message: &Message<'_>) -> Result<(), Failure> {
        let number =
            message.get(attribute::CHANNEL_NUMBER).and_then(|value| Some(u16::from_be_bytes(*value.first_chunk()?)));
        let peer = message.address(attribute::XOR_PEER_ADDRESS).map(canonical);
        let (Some(number), Some(peer)) = (number.filter(|number| CHANNELS.contains(number)), peer) else {
            return Err(Failure::BAD_REQUEST);
        };
        self.may_reach(peer).map_err(|_| Failure::FORBIDDEN)?;
        let (permissions, channels) = (self.settings.permissions, self.settings.channels);
        let allocation = self.at_mut(index).ok_or(Failure::MISMATCH)?;
        if allocation.relay_for(peer.ip()).is_none() {
            return Err(Failure::PEER_FAMILY);
        }
        if !allocation.may_bind(number, peer, now) {
            return Err(Failure::BAD_REQUEST);
        }
        allocation.permit(peer.ip(), permissions, now).map_err(|_| Failure::CAPACITY)?;
        allocation.bind(number, peer, channels, now).map_err(|_| Failure::CAPACITY)
    }
}
