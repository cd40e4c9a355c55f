//! What a server counts.

use crate::policy::Refused;

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
    /// Packets too long for the header they would get.
    pub dropped_oversized: u64,
    /// Packets the kernel did not take: a full buffer, or no way there. Counted by the shell.
    pub dropped_by_kernel: u64,
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
