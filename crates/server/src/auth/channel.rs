//! Tokens of channels: who a connection is, and what a subscription may.
//!
//! A token whose issuer is one of the node's API keys is verified with that key; LiveKit tokens are
//! such tokens. Every other one is verified with the keys of `client.token`, or with any API key if
//! there are none. Tokens never reach a log.

mod claims;
mod pem;
mod verify;

use super::Keys;
use crate::config::{Config, ConfigError};
use bytes::Bytes;
use claims::Wire;
use jsonwebtoken::dangerous;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use tandem_hub::namespace::Capability;
use verify::{Key, Verifier};

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none, is not signed by a key we know, or says something it must not.
    #[error("invalid token: {0}")]
    Invalid(&'static str),
    /// It was good once, or will be soon: a new one may be asked for.
    #[error("the token has expired")]
    Expired,
}

/// What a connection's token says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionClaims {
    /// The user; empty for somebody anonymous.
    pub user: String,
    /// When the connection expires, seconds since 1970; 0 for never.
    pub expires_unix: u64,
    /// What others see of the connection: JSON on one line, or bytes.
    pub info: Bytes,
    /// Channels the server subscribes it to.
    pub channels: Vec<String>,
    /// More of them, with what their subscriptions have.
    pub subs: BTreeMap<String, SubscriptionClaims>,
    /// For backends only: JSON on one line.
    pub meta: Bytes,
    /// What it may do beyond what namespaces allow.
    pub capabilities: Vec<Capability>,
}

/// What a subscription's token says, or a connection's about one of its subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionClaims {
    /// The channel, exactly.
    pub channel: String,
    /// The user; must be that of the connection.
    pub user: String,
    /// The connection it is for; empty for any of the user's.
    pub client: String,
    /// When the subscription expires, seconds since 1970; 0 for never.
    pub expires_unix: u64,
    /// What others see of the subscription: JSON on one line, or bytes.
    pub info: Bytes,
    /// For the client, with the reply: JSON on one line, or bytes.
    pub data: Bytes,
    /// In place of the namespace's options.
    pub overrides: Overrides,
    /// What the subscriber may do in the channel beyond what its namespace allows.
    pub capability: Option<Capability>,
}

/// Options of a subscription in place of the namespace's. In JSON each is `{"value": true}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // the options' names
pub struct Overrides {
    #[serde(deserialize_with = "flag")]
    pub presence: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub join_leave: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub force_push_join_leave: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub force_recovery: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub force_positioning: Option<bool>,
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    struct Flag {
        value: bool,
    }
    Ok(Option::<Flag>::deserialize(deserializer)?.map(|flag| flag.value))
}

/// Verifies tokens of channels.
pub struct ChannelTokens {
    /// API keys by name.
    api: Vec<(String, Key)>,
    connection: Verifier,
    /// Absent: subscriptions use the same keys as connections.
    subscription: Option<Verifier>,
}

impl std::fmt::Debug for ChannelTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChannelTokens")
    }
}

impl ChannelTokens {
    /// With the API keys and what the settings say about tokens.
    ///
    /// # Errors
    /// A key in the settings is none, or a file cannot be read.
    pub fn new(config: &Config, keys: &Keys) -> Result<Self, ConfigError> {
        let client = &config.client;
        let mut connection = Verifier::new("client.token", &client.token)?;
        if !connection.has_keys() {
            connection.keys = keys.secrets().map(|(_, secret)| Key::secret(secret)).collect();
        }
        let subscription = match client.subscription_token.enabled {
            Some(true) => Some(Verifier::new("client.subscription_token", &client.subscription_token)?),
            _ => None,
        };
        if subscription.as_ref().is_some_and(|verifier| !verifier.has_keys()) {
            return Err(ConfigError::Invalid("client.subscription_token: it is enabled but names no key".to_owned()));
        }
        let api = keys.secrets().map(|(name, secret)| (name.to_owned(), Key::secret(secret))).collect();
        Ok(Self { api, connection, subscription })
    }

    /// Verifies a connection's token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn connection(&self, token: &str, now_unix: u64) -> Result<ConnectionClaims, TokenError> {
        let (claims, ours) = self.verify(token, &self.connection, now_unix)?;
        claims.connection(now_unix, ours)
    }

    /// Verifies a subscription's token. That it fits channel, user and connection is for the caller.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn subscription(&self, token: &str, now_unix: u64) -> Result<SubscriptionClaims, TokenError> {
        let (claims, _) = self.verify(token, self.subscription.as_ref().unwrap_or(&self.connection), now_unix)?;
        claims.subscription(now_unix)
    }

    /// The claims, and whether the key named by the issuer signed them.
    fn verify(&self, token: &str, verifier: &Verifier, now_unix: u64) -> Result<(Wire, bool), TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid("it cannot be read"))?;
        let named: Issuer =
            dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Invalid("it cannot be read"))?;
        let ours = named.iss.as_deref().and_then(|issuer| self.api.iter().find(|(name, _)| name == issuer));
        if let Some(claims) = ours.and_then(|(_, key)| key.check(token, &header)) {
            return Ok((claims?, true));
        }
        Ok((verifier.verify(token, &header, now_unix)?, false))
    }
}

/// Who says to have made a token; looked at before anything is checked, to choose the key.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Issuer {
    iss: Option<String>,
}

#[cfg(test)]
mod tests;
