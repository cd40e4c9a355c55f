//! The keys of a node.

use super::{AuthError, Claims};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, dangerous};
use std::fmt;
use tandem_core::{Grant, Redacted};

/// Clocks may differ by this much, seconds.
const LEEWAY: u64 = 60;
/// A refreshed token lives at least this long, seconds: two of the intervals it is sent in.
const REFRESHED: u64 = 600;

/// API keys and their secrets, in the order they were given. The first one signs.
#[derive(Clone, Default)]
pub struct Keys {
    pairs: Vec<(String, String)>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(key, _)| Redacted(key))).finish()
    }
}

/// Why text holds no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("keys must look like \"NAME: SECRET\", one pair per line or separated by commas")]
pub struct KeyFault;

impl Keys {
    /// These pairs of key and secret.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// Reads `NAME: SECRET` pairs, one per line or separated by commas.
    ///
    /// # Errors
    /// A pair has no colon, no name or no secret.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let parts = text.split(['\n', ',']).map(str::trim).filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (key, secret) = part.split_once(':').ok_or(KeyFault)?;
            let (key, secret) = (key.trim().trim_matches('"'), secret.trim().trim_matches('"'));
            if key.is_empty() || secret.is_empty() { Err(KeyFault) } else { Ok((key.to_owned(), secret.to_owned())) }
        });
        Ok(Self { pairs: pairs.collect::<Result<_, _>>()? })
    }

    /// No key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The names, never the secrets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(key, _)| key.as_str())
    }

    /// Names and secrets, for other kinds of tokens.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, secret)| (key.as_str(), secret.as_str()))
    }

    /// Names of keys whose secret is shorter than 32 characters, easy to guess.
    pub fn weak(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(|(_, secret)| secret.len() < 32).map(|(key, _)| key.as_str())
    }

    /// Checks a token and says what it allows.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify(&self, token: &str, now_unix: u64) -> Result<Grant, AuthError> {
        self.claims(token, now_unix)?.grant()
    }

    /// Whose token it is, if it opens a room or has the claim `relay`.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify_relay(&self, token: &str, now_unix: u64) -> Result<String, AuthError> {
        let claims = self.claims(token, now_unix)?;
        let user = claims.sub.clone().unwrap_or_default();
        let may = claims.relay == Some(true) || claims.grant()?.room_join;
        if may { Ok(user) } else { Err(AuthError::NoGrant) }
    }

    /// Whose token it is, if it has the claim `peer`.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify_peer(&self, token: &str, now_unix: u64) -> Result<String, AuthError> {
        let claims = self.claims(token, now_unix)?;
        if claims.peer == Some(true) { Ok(claims.sub.unwrap_or_default()) } else { Err(AuthError::NoGrant) }
    }

    /// A secret for another purpose that whoever has the keys can find again; `None` without keys.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Option<String> {
        let (_, secret) = self.pairs.first()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Some(STANDARD.encode(hmac::sign(&key, purpose.as_bytes())))
    }

    /// The claims of a token whose signature and times are right.
    fn claims(&self, token: &str, now_unix: u64) -> Result<Claims, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Malformed)?;
        let unverified: Claims = dangerous::insecure_decode_claims(token).map_err(|_| AuthError::Malformed)?;
        let issuer = unverified.iss.as_deref().unwrap_or_default();
        let (_, secret) = self.pairs.iter().find(|(key, _)| key == issuer).ok_or(AuthError::UnknownKey)?;
        if header.alg != Algorithm::HS256 {
            return Err(AuthError::Invalid("the algorithm must be HS256"));
        }
        let key = DecodingKey::from_secret(secret.as_bytes());
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &signature_only())
            .map_err(|_| AuthError::Invalid("the signature does not match"))?
            .claims;
        let expires = claims.exp.ok_or(AuthError::Invalid("it has no expiry"))?;
        if expires.saturating_add(LEEWAY) <= now_unix {
            return Err(AuthError::Invalid("it has expired"));
        }
        if claims.nbf.is_some_and(|from| from > now_unix.saturating_add(LEEWAY)) {
            return Err(AuthError::Invalid("it is not valid yet"));
        }
        Ok(claims)
    }

    /// Signs claims with the first key, whose name becomes the issuer. `None` without keys.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        let (key, _) = self.pairs.first()?;
        self.encode(&Claims { iss: Some(key.clone()), ..claims.clone() })
    }

    /// Signs claims of channels, a JSON object, likewise.
    #[must_use]
    pub fn sign_channel(&self, mut claims: serde_json::Map<String, serde_json::Value>) -> Option<String> {
        let (key, _) = self.pairs.first()?;
        claims.insert("iss".to_owned(), key.as_str().into());
        self.encode(&claims)
    }

    fn encode(&self, claims: &impl serde::Serialize) -> Option<String> {
        let (_, secret) = self.pairs.first()?;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes())).ok()
    }

    /// A token with the same grant that lives ten minutes, or as long as the original if that is
    /// longer. `None` without keys.
    #[must_use]
    pub fn refresh(&self, grant: &Grant, now_unix: u64) -> Option<String> {
        let exp = grant.expires_unix.max(now_unix.saturating_add(REFRESHED));
        self.sign(&Claims { exp: Some(exp), nbf: Some(now_unix), ..Claims::of(grant) })
    }
}

/// The library checks the signature; times are ours because tests have clocks of their own.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
