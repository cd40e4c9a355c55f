//! Keys, and which of them a token is checked with.

use super::TokenError;
use super::claims::{UserOf, Wire};
use super::pem::{self, PublicKey};
use crate::config::ConfigError;
use crate::config::channels::raw;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, dangerous};

pub(super) const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] = &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
const P256: &[Algorithm] = &[Algorithm::ES256];
const P384: &[Algorithm] = &[Algorithm::ES384];
const ED: &[Algorithm] = &[Algorithm::EdDSA];

/// A key and what it may be used for.
pub(super) struct Key {
    algorithms: &'static [Algorithm],
    key: DecodingKey,
    /// Its name in a key set; keys of the settings have none.
    kid: Option<String>,
    /// Tokens are checked with it until then, seconds since 1970.
    until: u64,
}

impl Key {
    /// A secret.
    pub(super) fn secret(secret: &str) -> Self {
        Self::of(HMAC, DecodingKey::from_secret(secret.as_bytes()))
    }

    fn of(algorithms: &'static [Algorithm], key: DecodingKey) -> Self {
        Self { algorithms, key, kid: None, until: u64::MAX }
    }

    fn fits(&self, header: &Header, now_unix: u64) -> bool {
        let named = self.kid.is_none() || self.kid == header.kid;
        named && now_unix < self.until && self.algorithms.contains(&header.alg)
    }

    /// `None`: somebody else signed it.
    pub(super) fn check(&self, token: &str, header: &Header) -> Option<Result<Wire, TokenError>> {
        if !self.algorithms.contains(&header.alg) {
            return None;
        }
        match jsonwebtoken::decode::<Wire>(token, &self.key, &signature_only(header.alg)) {
            Ok(data) => Some(Ok(data.claims)),
            Err(error) => match error.kind() {
                ErrorKind::Json(_) | ErrorKind::Utf8(_) => Some(Err(TokenError::Invalid("its claims cannot be read"))),
                _ => None,
            },
        }
    }
}

/// The keys of a section of the settings, and what its tokens must say.
#[derive(Default)]
pub(super) struct Verifier {
    pub(super) keys: Vec<Key>,
    audience: String,
    issuer: String,
    user_claim: String,
}

impl Verifier {
    /// Reads keys. `path` is the section's, for errors.
    pub(super) fn new(path: &str, token: &raw::Token) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        if !token.hmac_secret_key.0.is_empty() {
            keys.push(Key::secret(&token.hmac_secret_key.0));
        }
        if !token.hmac_previous_secret_key.0.is_empty() {
            let until = token.hmac_previous_secret_key_valid_until;
            let until = if until == 0 { u64::MAX } else { until };
            keys.push(Key { until, ..Key::secret(&token.hmac_previous_secret_key.0) });
        }
        let texts = [
            ("rsa_public_key", &token.rsa_public_key),
            ("ecdsa_public_key", &token.ecdsa_public_key),
            ("eddsa_public_key", &token.eddsa_public_key),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let fault = |error: &dyn std::fmt::Display| ConfigError::Invalid(format!("{path}.{name}: {error}"));
            let key = match (name, pem::public_key(text).map_err(|error| fault(&error))?) {
                ("rsa_public_key", PublicKey::Rsa(der)) => Key::of(RSA, DecodingKey::from_rsa_der(&der)),
                ("ecdsa_public_key", PublicKey::P256(point)) => Key::of(P256, DecodingKey::from_ec_der(&point)),
                ("ecdsa_public_key", PublicKey::P384(point)) => Key::of(P384, DecodingKey::from_ec_der(&point)),
                ("eddsa_public_key", PublicKey::Ed25519(key)) => Key::of(ED, DecodingKey::from_ed_der(&key)),
                _ => return Err(fault(&"it is a key of another kind")),
            };
            keys.push(key);
        }
        if let Some(file) = &token.jwks_file {
            let fault = |error: &dyn std::fmt::Display| {
                ConfigError::Invalid(format!("{path}.jwks_file: {}: {error}", file.display()))
            };
            let text = std::fs::read_to_string(file).map_err(|error| fault(&error))?;
            let set: JwkSet = serde_json::from_str(&text).map_err(|error| fault(&error))?;
            let before = keys.len();
            keys.extend(set.keys.iter().filter_map(of_set));
            if keys.len() == before {
                return Err(fault(&"it holds no public key that tokens here are signed with"));
            }
        }
        Ok(Self {
            keys,
            audience: token.audience.clone(),
            issuer: token.issuer.clone(),
            user_claim: token.user_id_claim.clone(),
        })
    }

    /// Whether the section names any key.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Checks signature, audience and issuer.
    pub(super) fn verify(&self, token: &str, header: &Header, now_unix: u64) -> Result<Wire, TokenError> {
        let fitting = self.keys.iter().filter(|key| key.fits(header, now_unix));
        let found = fitting.filter_map(|key| key.check(token, header)).next();
        let mut claims = found.ok_or(TokenError::Invalid("no key of ours signed it"))??;
        if !self.audience.is_empty() && !claims.aud.as_ref().is_some_and(|aud| aud.includes(&self.audience)) {
            return Err(TokenError::Invalid("it is meant for another audience"));
        }
        if !self.issuer.is_empty() && claims.iss.as_deref() != Some(&self.issuer) {
            return Err(TokenError::Invalid("it comes from another issuer"));
        }
        if !self.user_claim.is_empty() {
            // The signature was checked above.
            let all: UserOf = dangerous::insecure_decode_claims(token).unwrap_or_default();
            claims.sub = all.take(&self.user_claim);
        }
        Ok(claims)
    }
}

/// A key of a set, if it is public and for signatures. Symmetric keys have no place in a file that
/// is meant to be public.
fn of_set(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => P256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => P384,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => ED,
        _ => return None,
    };
    Some(Key { kid: jwk.common.key_id.clone(), ..Key::of(algorithms, DecodingKey::from_jwk(jwk).ok()?) })
}

/// The library checks the signature; times are ours because tests have clocks of their own.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
