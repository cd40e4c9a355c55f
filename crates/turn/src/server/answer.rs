//! Answers.

use super::Server;
use crate::credentials::{Key, integrity};
use crate::output::{ClientId, Destination, Outputs};
use std::time::Instant;
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};

/// Why a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure(pub(super) u16, pub(super) &'static str);

impl Failure {
    pub(super) const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub(super) const UNAUTHORIZED: Self = Self(401, "Unauthorized");
    pub(super) const FORBIDDEN: Self = Self(403, "Forbidden");
    pub(super) const UNKNOWN: Self = Self(420, "Unknown Attribute");
    pub(super) const MISMATCH: Self = Self(437, "Allocation Mismatch");
    pub(super) const STALE: Self = Self(438, "Stale Nonce");
    pub(super) const FAMILY: Self = Self(440, "Address Family not Supported");
    pub(super) const WRONG_CREDENTIALS: Self = Self(441, "Wrong Credentials");
    pub(super) const TRANSPORT: Self = Self(442, "Unsupported Transport Protocol");
    pub(super) const PEER_FAMILY: Self = Self(443, "Peer Address Family Mismatch");
    pub(super) const QUOTA: Self = Self(486, "Allocation Quota Reached");
    pub(super) const CAPACITY: Self = Self(508, "Insufficient Capacity");
}

/// A request that may be answered.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) client: ClientId,
    pub(super) method: Method,
    pub(super) id: TransactionId,
    /// The request had a fingerprint, so the answer has one.
    pub(super) fingerprint: bool,
}

impl Asked {
    pub(super) fn of(client: ClientId, method: Method, message: &Message<'_>) -> Self {
        Self { client, method, id: message.id, fingerprint: message.fingerprint().is_some() }
    }

    /// Answers; with a proof where the request had one.
    pub(super) fn answer(
        &self,
        class: Class,
        key: Option<&Key>,
        outputs: &mut Outputs,
        with: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) {
        outputs.write(Destination::Client(self.client), |out| {
            let mut builder = with(Builder::new(out, class, self.method, self.id));
            if let Some(key) = key {
                builder = builder.integrity(|covered| integrity(key, &[covered]));
            }
            if self.fingerprint {
                let _ = builder.fingerprint();
            }
        });
    }
}

impl Server {
    pub(super) fn fail(&mut self, asked: &Asked, key: Option<&Key>, failure: Failure, outputs: &mut Outputs) {
        if matches!(failure, Failure::QUOTA | Failure::CAPACITY) {
            self.stats.over_quota += 1;
        }
        asked.answer(Class::Error, key, outputs, |builder| builder.error(failure.0, failure.1));
    }

    /// 401 and 438 say how to do better. Whoever asks too often hears nothing, not even 400: answers
    /// without proof go wherever a forged address leads.
    pub(super) fn challenge(&mut self, now: Instant, asked: &Asked, failure: Failure, outputs: &mut Outputs) {
        let address = asked.client.address();
        if !self.unauthorized.take(address.ip(), now) {
            self.stats.throttled += 1;
            return;
        }
        if failure == Failure::BAD_REQUEST {
            return self.fail(asked, None, failure, outputs);
        }
        if failure == Failure::STALE {
            self.stats.stale_nonces += 1;
        } else {
            self.stats.unauthorized += 1;
        }
        let nonce = self.nonces.make(address, self.now_unix(now));
        let realm = self.settings.realm.clone();
        asked.answer(Class::Error, None, outputs, |builder| {
            builder
                .error(failure.0, failure.1)
                .attribute(attribute::REALM, realm.as_bytes())
                .attribute(attribute::NONCE, nonce.as_bytes())
        });
    }

    pub(super) fn unknown(&mut self, asked: &Asked, key: Option<&Key>, numbers: &[u16], outputs: &mut Outputs) {
        let list: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        asked.answer(Class::Error, key, outputs, |builder| {
            builder.error(Failure::UNKNOWN.0, Failure::UNKNOWN.1).attribute(attribute::UNKNOWN_ATTRIBUTES, &list)
        });
    }
}
