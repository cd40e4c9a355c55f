//! What an operator decides.

use crate::policy::PeerPolicy;
use std::collections::BTreeMap;
use std::time::Duration;

/// Settings of a server, fixed at start. Lifetimes are those of RFC 8656 where it names any.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Named to clients; part of their keys.
    pub realm: String,
    /// Secrets of credentials that end ([`mint`](crate::mint)): all verify. None: only `users` may relay.
    pub secrets: Vec<String>,
    /// Names and passwords that do not end.
    pub users: BTreeMap<String, String>,
    /// Whom relays may reach.
    pub policy: PeerPolicy,
    /// Allocations of one user, of one address, and of all.
    pub user_quota: u32,
    /// See `user_quota`.
    pub ip_quota: u32,
    /// See `user_quota`.
    pub total_quota: u32,
    /// Permissions of an allocation; more answer 508.
    pub permissions: usize,
    /// Channels of an allocation; more answer 508.
    pub channels: usize,
    /// Bits a second through one allocation, both ways together; 0 for no bound. More are dropped.
    pub allocation_bps: u64,
    /// The same for all allocations of a user.
    pub user_bps: u64,
    /// How long an allocation lives if it is not refreshed, and at most.
    pub lifetime: Duration,
    /// See `lifetime`.
    pub max_lifetime: Duration,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// Requests without valid credentials answered to one address: a second, and at once.
    pub unauthorized_rate: (f64, f64),
    /// Binding requests answered to one address: a second, and at once.
    pub binding_rate: (f64, f64),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            realm: "tandem".to_owned(),
            secrets: Vec::new(),
            users: BTreeMap::new(),
            policy: PeerPolicy::default(),
            user_quota: 16,
            ip_quota: 64,
            total_quota: 20_000,
            permissions: 64,
            channels: 64,
            allocation_bps: 0,
            user_bps: 0,
            lifetime: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(3600),
            nonce_lifetime: Duration::from_secs(600),
            // Many may come from behind one address; an answer is a hundred bytes.
            unauthorized_rate: (100.0, 1000.0),
            binding_rate: (100.0, 1000.0),
        }
    }
}
