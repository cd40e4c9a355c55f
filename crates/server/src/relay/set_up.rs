//! From the node's settings to the relay's.

use crate::auth::Keys;
use crate::config::{Config, Turn};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use tandem_turn::{Network, PeerPolicy, Settings};

/// What is wrong with the settings; names the one to change.
#[derive(Debug, thiserror::Error)]
pub enum RelayFault {
    /// A value cannot be read.
    #[error("{0}: {1}")]
    Setting(&'static str, String),
    /// A file of the certificate cannot be used.
    #[error("tls: {0}")]
    Certificate(String),
}

/// Settings of the protocol, and the ports of relay sockets. `secret` mints credentials.
///
/// # Errors
/// See [`RelayFault`].
pub fn settings(turn: &Turn, secret: &str) -> Result<(Settings, RangeInclusive<u16>), RelayFault> {
    let secrets = std::iter::once(secret).chain(turn.secrets.iter().map(|secret| secret.0.as_str()));
    let kilobits = |number: u64| number.saturating_mul(1000);
    let settings = Settings {
        realm: turn.realm.clone(),
        secrets: secrets.map(str::to_owned).collect(),
        users: turn.users.iter().map(|(name, password)| (name.clone(), password.0.clone())).collect(),
        policy: PeerPolicy {
            allow_private: turn.allow_private_peers,
            allow: networks("turn.allow_peers", &turn.allow_peers)?,
            deny: networks("turn.deny_peers", &turn.deny_peers)?,
            deny_ports: turn.deny_ports.clone(),
        },
        user_quota: turn.user_quota,
        ip_quota: turn.ip_quota,
        total_quota: turn.total_quota,
        allocation_bps: kilobits(turn.allocation_kbps),
        user_bps: kilobits(turn.user_kbps),
        ..Settings::default()
    };
    Ok((settings, ports(&turn.relay_ports)?))
}

fn networks(name: &'static str, list: &[String]) -> Result<Vec<Network>, RelayFault> {
    let read = |text: &String| text.parse().map_err(|error| RelayFault::Setting(name, format!("{error}")));
    list.iter().map(read).collect()
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, RelayFault> {
    let wrong = || RelayFault::Setting("turn.relay_ports", format!("{text:?} is no range; write it like 49152-65535"));
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high): (u16, u16) = (low.trim().parse().map_err(|_| wrong())?, high.trim().parse().map_err(|_| wrong())?);
    if low == 0 || low > high { Err(wrong()) } else { Ok(low..=high) }
}

/// What mints credentials. Everybody knows the keys of a development node, so it has a secret of its own.
#[must_use]
pub fn secret(config: &Config, keys: &Keys) -> String {
    let derived = if config.dev { None } else { keys.derive("relay credentials") };
    derived.unwrap_or_else(|| STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// The certificate of the settings, if there is one.
///
/// # Errors
/// A file cannot be read, or key and certificate do not belong together.
pub fn tls(config: &Config) -> Result<Option<Arc<ServerConfig>>, RelayFault> {
    let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else { return Ok(None) };
    let unreadable = |path: &Path, error: rustls::pki_types::pem::Error| {
        RelayFault::Certificate(format!("{} cannot be read: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unreadable(certificate, error))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der));
    config.map(|config| Some(Arc::new(config))).map_err(|error| RelayFault::Certificate(error.to_string()))
}
