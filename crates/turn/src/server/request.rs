//! Requests: who asks, may they, and what for.

use super::answer::{Asked, Failure};
use super::{Relays, Server};
use crate::credentials::{Key, Nonce, integrity, same};
use crate::output::{ClientId, Outputs};
use std::sync::Arc;
use std::time::Instant;
use tandem_wire::stun::{Class, Message, Method, attribute};

/// Most unknown attributes an answer names.
const NAMED: usize = 16;

/// Somebody who has proved who it is.
pub(super) struct Caller {
    pub(super) user: Arc<str>,
    pub(super) username: Arc<str>,
    pub(super) key: Key,
}

impl Server {
    /// One STUN message of a client.
    pub(super) fn message(
        &mut self,
        now: Instant,
        client: ClientId,
        bytes: &[u8],
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        let Ok(message) = Message::parse(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        if message.fingerprint() == Some(false) {
            self.stats.malformed += 1;
            return;
        }
        match (message.class, message.method) {
            (Class::Request, Some(Method::Binding)) => self.binding(now, client, &message, outputs),
            (Class::Request, Some(Method::Send | Method::Data) | None) => self.stats.malformed += 1,
            (Class::Request, Some(method)) => {
                self.request(now, Asked::of(client, method, &message), &message, relays, outputs);
            }
            (Class::Indication, Some(Method::Send)) => self.send_indication(now, client, &message, outputs),
            // Keeps a binding in a router alive; nothing to say.
            (Class::Indication, Some(Method::Binding)) => {}
            _ => self.stats.malformed += 1,
        }
    }

    /// Tells a client how it looks from here (RFC 8489 §6.3.1).
    fn binding(&mut self, now: Instant, client: ClientId, message: &Message<'_>, outputs: &mut Outputs) {
        if !self.bindings.take(client.address().ip(), now) {
            self.stats.throttled += 1;
            return;
        }
        let asked = Asked::of(client, Method::Binding, message);
        let unknown = unknown_to(message);
        if !unknown.is_empty() {
            return self.unknown(&asked, None, &unknown, outputs);
        }
        self.stats.bindings += 1;
        let mapped = super::permit::canonical(client.address());
        asked.answer(Class::Success, None, outputs, |builder| builder.address(attribute::XOR_MAPPED_ADDRESS, mapped));
    }

    fn request(
        &mut self,
        now: Instant,
        asked: Asked,
        message: &Message<'_>,
        relays: &mut impl Relays,
        outputs: &mut Outputs,
    ) {
        let caller = match self.caller(now, &asked, message) {
            Ok(caller) => caller,
            Err(failure) => return self.challenge(now, &asked, failure, outputs),
        };
        let unknown = unknown_to(message);
        if !unknown.is_empty() {
            return self.unknown(&asked, Some(&caller.key), &unknown, outputs);
        }
        if asked.method == Method::Allocate {
            return self.allocate(now, &asked, message, caller, relays, outputs);
        }
        let Some(index) = self.of(asked.client, now) else {
            return self.fail(&asked, Some(&caller.key), Failure::MISMATCH, outputs);
        };
        if self.at(index).is_some_and(|allocation| allocation.username != caller.username) {
            return self.fail(&asked, Some(&caller.key), Failure::WRONG_CREDENTIALS, outputs);
        }
        match asked.method {
            Method::Refresh => self.refresh(now, &asked, message, (index, &caller.key), relays, outputs),
            Method::CreatePermission => self.create_permission(now, &asked, message, (index, &caller.key), outputs),
            _ => self.channel_bind(now, &asked, message, (index, &caller.key), outputs),
        }
    }

    /// Long-term credentials (RFC 8489 §9.2.4). A wrong name and a wrong password look alike.
    fn caller(&self, now: Instant, asked: &Asked, message: &Message<'_>) -> Result<Caller, Failure> {
        if !message.has_integrity() {
            return Err(Failure::UNAUTHORIZED);
        }
        let (Some((header, covered, proof)), Some(username), Some(realm), Some(nonce)) = (
            message.integrity(),
            message.text(attribute::USERNAME),
            message.text(attribute::REALM),
            message.text(attribute::NONCE),
        ) else {
            return Err(Failure::BAD_REQUEST);
        };
        let now_unix = self.now_unix(now);
        if self.nonces.check(nonce, asked.client.address(), now_unix) == Nonce::Stale {
            return Err(Failure::STALE);
        }
        // An allocation outlives the end of the credentials it was made with.
        let known = self.of(asked.client, now).and_then(|index| self.at(index));
        let known = known.filter(|allocation| *allocation.username == *username);
        let (user, keys) = match known {
            Some(allocation) => (Arc::clone(&allocation.user), vec![allocation.key]),
            None => {
                let account = self.accounts.find(username, now_unix).ok_or(Failure::UNAUTHORIZED)?;
                (account.user, account.keys)
            }
        };
        let key = keys.into_iter().find(|key| same(&integrity(key, &[&header, covered]), proof));
        let key = key.filter(|_| realm == self.settings.realm).ok_or(Failure::UNAUTHORIZED)?;
        Ok(Caller { user, username: username.into(), key })
    }
}

/// Attributes that must be understood and are not.
fn unknown_to(message: &Message<'_>) -> Vec<u16> {
    let known = |number: u16| {
        matches!(
            number,
            attribute::USERNAME
                | attribute::REALM
                | attribute::NONCE
                | attribute::CHANNEL_NUMBER
                | attribute::LIFETIME
                | attribute::XOR_PEER_ADDRESS
                | attribute::DATA
                | attribute::REQUESTED_ADDRESS_FAMILY
                | attribute::EVEN_PORT
                | attribute::REQUESTED_TRANSPORT
                | attribute::RESERVATION_TOKEN
        )
    };
    let unknown = message.attributes().filter(|a| a.must_be_understood() && !known(a.number)).map(|a| a.number);
    unknown.take(NAMED).collect()
}
