//! Who may relay: passwords that are good for a while (draft-uberti-behave-turn-rest-00), and
//! nonces without memory (RFC 8489 §9.2).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Key of a long-term credential (RFC 8489 §9.2.2).
pub(crate) type Key = [u8; 16];

/// What a client is given to relay with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// When they end, and for whom they are: `<seconds since 1970>:<user>`.
    pub username: String,
    /// Base64 of an HMAC-SHA1.
    pub password: String,
    /// Seconds they are good for.
    pub ttl: u64,
}

/// Credentials of `user` for `ttl` seconds from `now_unix` on.
#[must_use]
pub fn mint(secret: &str, user: &str, now_unix: u64, ttl: u64) -> Credentials {
    let username = format!("{}:{user}", now_unix.saturating_add(ttl));
    let password = password(secret, &username);
    Credentials { username, password, ttl }
}

fn password(secret: &str, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

pub(crate) fn key_of(username: &str, realm: &str, password: &str) -> Key {
    Md5::digest(format!("{username}:{realm}:{password}")).into()
}

/// The proof of a message.
pub(crate) fn integrity(key: &Key, pieces: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut proof = [0; 20];
    proof.copy_from_slice(context.sign().as_ref().get(..20).unwrap_or(&[0; 20]));
    proof
}

pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

/// Everybody who may relay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    pub(crate) realm: String,
    /// The first one mints; all verify.
    pub(crate) secrets: Vec<String>,
    pub(crate) users: BTreeMap<String, String>,
}

/// Somebody who may relay: under which name quotas count, and with which keys messages may be signed.
pub(crate) struct Account {
    pub(crate) user: Arc<str>,
    pub(crate) keys: Vec<Key>,
}

impl Accounts {
    /// `None` for nobody, and for credentials that have ended.
    pub(crate) fn find(&self, username: &str, now_unix: u64) -> Option<Account> {
        if let Some(password) = self.users.get(username) {
            return Some(Account { user: username.into(), keys: vec![key_of(username, &self.realm, password)] });
        }
        let (until, user) = username.split_once(':').unwrap_or((username, ""));
        if until.parse::<u64>().ok()? <= now_unix {
            return None;
        }
        let keys = self.secrets.iter().map(|secret| key_of(username, &self.realm, &password(secret, username)));
        Some(Account { user: user.into(), keys: keys.collect() }).filter(|account| !account.keys.is_empty())
    }
}

/// Makes nonces that say when they were made and for whom, and knows its own.
pub(crate) struct Nonces {
    key: hmac::Key,
    lifetime: u64,
}

/// Whether a nonce is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nonce {
    Good,
    /// Ours, but too old, or of another client, or not ours.
    Stale,
}

impl Nonces {
    /// For `lifetime` seconds; `secret` is 32 random bytes.
    pub(crate) fn new(secret: &[u8; 32], lifetime: u64) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), lifetime }
    }

    pub(crate) fn make(&self, client: SocketAddr, now_unix: u64) -> String {
        let mut bytes = now_unix.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.tag(client, now_unix));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn check(&self, nonce: &str, client: SocketAddr, now_unix: u64) -> Nonce {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return Nonce::Stale };
        let Some((made, tag)) = bytes.split_first_chunk::<8>() else { return Nonce::Stale };
        let made = u64::from_be_bytes(*made);
        let fresh = made <= now_unix && now_unix - made <= self.lifetime;
        if fresh && same(tag, &self.tag(client, made)) { Nonce::Good } else { Nonce::Stale }
    }

    fn tag(&self, client: SocketAddr, made: u64) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&made.to_be_bytes());
        match client.ip() {
            IpAddr::V4(ip) => context.update(&ip.octets()),
            IpAddr::V6(ip) => context.update(&ip.octets()),
        }
        context.update(&client.port().to_be_bytes());
        let mut tag = [0; 16];
        tag.copy_from_slice(context.sign().as_ref().get(..16).unwrap_or(&[0; 16]));
        tag
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn credentials_end() {
        let accounts = Accounts {
            realm: "r".to_owned(),
            secrets: vec!["new".to_owned(), "old".to_owned()],
            ..Accounts::default()
        };
        let given = mint("old", "ana", 1000, 60);
        assert_eq!(given.username, "1060:ana");
        let account = accounts.find(&given.username, 1059).unwrap();
        assert_eq!(&*account.user, "ana");
        assert!(account.keys.contains(&key_of(&given.username, "r", &given.password)));
        assert!(accounts.find(&given.username, 1060).is_none());
        assert!(accounts.find("nobody", 0).is_none() && accounts.find("", 0).is_none());
    }

    #[test]
    fn nonces_are_of_one_client_and_one_time() {
        let nonces = Nonces::new(&[7; 32], 600);
        let (ana, ben) = (SocketAddr::from(([1, 2, 3, 4], 5)), SocketAddr::from(([1, 2, 3, 4], 6)));
        let nonce = nonces.make(ana, 1000);
        assert_eq!(nonces.check(&nonce, ana, 1600), Nonce::Good);
        for (text, client, now) in
            [(&*nonce, ben, 1000), (&nonce, ana, 1601), (&nonce, ana, 999), ("x", ana, 1000), ("", ana, 0)]
        {
            assert_eq!(nonces.check(text, client, now), Nonce::Stale);
        }
    }
}
