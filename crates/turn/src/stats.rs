//! What a server counts.

use crate::policy::Refused;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Counters since the start, as values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub struct Stats {
    pub allocations: u64,
    pub allocations_made: u64,
    pub packets_to_peers: u64,
    pub bytes_to_peers: u64,
    pub packets_to_clients: u64,
    pub bytes_to_clients: u64,
    pub bindings: u64,
    /// Answers 401 and 438.
    pub unauthorized: u64,
    pub stale_nonces: u64,
    /// Answers 486 and 508.
    pub over_quota: u64,
    /// Requests not answered because their source asks too often.
    pub throttled: u64,
    pub malformed: u64,
    /// Packets without a permission, channel or allocation.
    pub dropped_unpermitted: u64,
    /// Packets over a bound of bandwidth.
    pub dropped_bandwidth: u64,
    refused: [u64; Refused::ALL.len()],
}

impl Stats {
    pub(crate) fn refuse(&mut self, why: Refused) {
        if let Some(counter) = self.refused.get_mut(why as usize) {
            *counter += 1;
        }
    }

    /// Peers refused, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Refused, u64)> + '_ {
        Refused::ALL.into_iter().zip(self.refused)
    }
}

/// An allocation in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The user quotas count for.
    pub user: Arc<str>,
    /// Where the client is.
    pub client: SocketAddr,
    /// `udp` or `stream`.
    pub transport: &'static str,
    /// Relayed addresses.
    pub relayed: Vec<SocketAddr>,
    /// How long it lives without a refresh.
    pub expires_in: Duration,
    /// Bytes to peers and from them.
    pub bytes: (u64, u64),
}
