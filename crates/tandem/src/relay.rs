//! Bringing the relay up.

use crate::Failure;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tandem_server::auth::Keys;
use tandem_server::config::Config;
use tandem_server::parts::Started;
use tandem_server::parts::turn::{self, RelayAddress, TurnOptions, TurnStarted};
use tandem_server::relay::{self, Relay};
use tracing::{error, info, warn};

/// Starts the relay, unless it is off. `bind` is where media is taken; `media` are its addresses
/// and its TCP port, which relays may reach.
pub(crate) fn start(
    config: &Config,
    keys: &Keys,
    bind: IpAddr,
    (media, tcp_port): (&Started, u16),
) -> Result<Option<Relay>, Failure> {
    if !config.turn.enabled {
        return Ok(None);
    }
    let secret = relay::secret(config, keys);
    let said = |fault: relay::RelayFault| Failure(fault.to_string());
    let (settings, relay_ports) = relay::settings(&config.turn, &secret).map_err(said)?;
    let tls = relay::tls(config).map_err(said)?;
    let ports = media.udp_ports.iter().copied().chain([tcp_port]);
    let own: Vec<SocketAddr> =
        ports.flat_map(|port| media.addresses.iter().map(move |ip| SocketAddr::new(*ip, port))).collect();
    let relays: Vec<RelayAddress> = [true, false]
        .into_iter()
        .filter_map(|v4| media.addresses.iter().find(|ip| ip.is_ipv4() == v4))
        .map(|told| RelayAddress { bind: socket_address(bind, *told), told: *told })
        .collect();
    let address = relays.first().map_or(bind, |relay| relay.told);
    let options = |port: u16| TurnOptions {
        listen: listen(bind),
        port,
        tls: tls.clone().map(|tls| (config.turn.tls_port, tls)),
        relays: relays.clone(),
        relay_ports: relay_ports.clone(),
        own: own.clone(),
        settings: settings.clone(),
    };
    let Some(started) = started(config, options)? else { return Ok(None) };
    info!(port = started.port, tls = started.tls_port, %address, "the relay is ready");
    Ok(Some(Relay::new(started, secret, config, address)))
}

/// On the port of the settings. The usual one may be taken by another relay: then a development
/// node takes a free one, and any other goes on without.
fn started(config: &Config, options: impl Fn(u16) -> TurnOptions) -> Result<Option<TurnStarted>, Failure> {
    let usual = config.turn_port == Config::default().turn_port;
    match turn::start(options(config.turn_port)) {
        Ok(started) => Ok(Some(started)),
        Err(fault) if config.dev && usual => {
            warn!(%fault, "the relay takes a free port");
            turn::start(options(0)).map(Some).map_err(|fault| Failure(fault.to_string()))
        }
        Err(fault) if usual => {
            error!(%fault, "THERE IS NO RELAY; choose another port with --turn-port, or set turn.enabled: false");
            Ok(None)
        }
        Err(fault) => Err(Failure(format!("{fault}; choose another one with --turn-port"))),
    }
}

/// The other family too, where media is taken on all addresses.
fn listen(bind: IpAddr) -> Vec<IpAddr> {
    let other = (bind.is_ipv4() && bind.is_unspecified()).then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    std::iter::once(bind).chain(other).collect()
}

/// Where a relay socket binds that peers know under `told`.
fn socket_address(bind: IpAddr, told: IpAddr) -> IpAddr {
    match (bind.is_ipv4(), told.is_ipv4()) {
        (true, true) | (false, false) => bind,
        (_, v4) if v4 => IpAddr::from([0, 0, 0, 0]),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
